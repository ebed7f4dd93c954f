"""One file from a committed run: checked first, written beside its place, then put there whole."""

import gzip
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from pqrs_kedro.event_log.csv import write_csv
from pqrs_kedro.event_log.log import Log, open_log
from pqrs_kedro.event_log.ocel import write_ocel
from pqrs_kedro.event_log.stage import Note
from pqrs_kedro.event_log.xes import write_xes
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.manifest import read_run


@dataclass(frozen=True)
class Format:
    """A format: the end of its files' names, and what writes it."""

    suffix: str
    write: Callable[[Log, IO[bytes]], Counter[str]]


FORMATS: Final[Mapping[str, Format]] = {
    "xes": Format(".xes", write_xes),
    "ocel": Format(".ocel.json", write_ocel),
    "csv": Format(".csv", write_csv),
}
# A file of this ending is compressed; process-mining tools read XES in it.
_COMPRESSED: Final = ".gz"


@dataclass(frozen=True)
class Exported:
    """What was written, and what is in it."""

    path: Path
    counts: Mapping[str, int]
    bytes: int


def check_format(name: str) -> Format:
    """The format of a name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in FORMATS:
        raise InvalidInput(f"--format: {name!r} is not allowed; use {', '.join(FORMATS)}")
    return FORMATS[name]


def export_log(
    store: Store,
    run_id: str,
    kind: Format,
    target: Path,
    *,
    with_texts: bool = False,
    replace: bool = False,
    note: Note = lambda text: None,
) -> Exported:
    """Write the event log of a committed run to a file.

    Args:
        store: the lake.
        run_id: the run.
        kind: the format.
        target: the file; one that ends in `.gz` is compressed.
        with_texts: with the texts of the messages.
        replace: put it in the place of a file that is there.
        note: is told what is going on.

    Raises:
        InvalidInput: the target is a folder, or is there already.
        RunNotFound: the run has no manifest.
        NotInRun: the run lacks a table.
        ObjectChanged: an object has other bytes than when it was written.
    """
    check_target(target, replace)
    run = read_run(store, run_id)
    with open_log(store, run, with_texts, note) as log, _created(target, replace) as out:
        counts = kind.write(log, out)
    return Exported(target, counts, target.stat().st_size)


def check_target(target: Path, replace: bool) -> None:
    """Refuse a target that is not to be written.

    Raises:
        InvalidInput: it is a folder, or it is there and must not be replaced.
    """
    if target.is_dir():
        raise InvalidInput(f"--output: {target} is a folder; name a file")
    if os.path.lexists(target) and not replace:
        raise _exists(target)


def _exists(target: Path) -> InvalidInput:
    return InvalidInput(f"--output: {target} exists already; use --force to replace it")


@contextmanager
def _created(target: Path, replace: bool) -> Iterator[IO[bytes]]:
    """A file to write to that gets its name when all is written, and is gone if that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file, _compressed(file, target) as out:
            yield out
        if replace:
            draft.replace(target)
        else:
            os.link(draft, target)  # fails if another was quicker
    except FileExistsError:
        raise _exists(target) from None
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _compressed(file: IO[bytes], target: Path) -> Iterator[IO[bytes]]:
    if not target.name.endswith(_COMPRESSED):
        yield file
        return
    # Neither name nor time of day: they would make equal logs unequal.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        yield cast("IO[bytes]", packed)
