"""One process at a time for one run id."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pqrs_kedro.parameters import InvalidInput


def work_folder(project: Path, run_id: str) -> Path:
    """Where a run under way keeps its lock and its log."""
    return project / "data" / "work" / run_id


@contextmanager
def held_lock(project: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of a run id; it goes with the process, however that ends.

    Raises:
        InvalidInput: another process holds it.
    """
    folder = work_folder(project, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"run_id: {run_id!r} is running in another process") from None
        lock.write(f"{os.getpid()}\n")
        yield
