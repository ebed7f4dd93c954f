"""The event log of a committed run in a file."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pqrs_kedro.event_log.csv import write_csv
from pqrs_kedro.event_log.log import Log, open_log
from pqrs_kedro.event_log.ocel import write_ocel
from pqrs_kedro.event_log.stage import Note
from pqrs_kedro.event_log.xes import write_xes
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.written_file import check_target, created


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
    with open_log(store, run, with_texts, note) as log, created(target, replace) as out:
        counts = kind.write(log, out)
    return Exported(target, counts, target.stat().st_size)
