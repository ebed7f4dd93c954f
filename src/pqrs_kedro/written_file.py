"""A file that a command writes for a person: checked first, written aside, put there whole."""

import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from pqrs_kedro.parameters import InvalidInput

# A file of this ending is compressed.
_COMPRESSED: Final = ".gz"


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
def created(target: Path, replace: bool) -> Iterator[IO[bytes]]:
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
    # Neither name nor time of day: they would make equal content unequal.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        yield cast("IO[bytes]", packed)
