"""The embedded query engine: one DuckDB connection per process, in memory.

What does not fit in the memory limit spills to a scratch folder. (A database file instead took 2.4
times as long to fill with raw lines: it compresses them.) The connection is opened at first use and
closed, with its folder, at the end of a run.
"""

import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import ibis

from pqrs_kedro.run.compiled_once import COMPILER


@dataclass(frozen=True)
class EngineSettings:
    """Resources of the engine; none of them changes a result."""

    threads: int | None = None
    memory_limit: str = "900MB"
    scratch: str | None = None
    """Folder for what spills; null is the system's."""


class Engine:
    """Opens the connection when it is first asked for."""

    def __init__(self) -> None:
        self._settings: EngineSettings | None = None
        self._connection: ibis.BaseBackend | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.kept: dict[tuple[str, ...], ibis.Table] = {}
        """Small tables of the lake that were read, by name, place and objects, which never change;
        gone with the connection."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def scratch(self) -> Path:
        """A folder that goes when the connection does.

        Raises:
            ValueError: there is no connection.
        """
        if self._folder is None:
            raise ValueError("the query engine is not open")
        return Path(self._folder.name)

    def connect(self, settings: EngineSettings) -> ibis.BaseBackend:
        """The process's connection; all tables of one expression must come from it.

        Raises:
            ValueError: it is open with other settings.
        """
        if self._connection is None:
            self._open(settings)
        elif settings != self._settings:
            raise ValueError(f"the query engine is open with {self._settings}, not {settings}")
        return self._connection

    def _open(self, settings: EngineSettings) -> None:
        if settings.scratch is not None:
            Path(settings.scratch).mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="pqrs-", dir=settings.scratch)
        options: dict[str, object] = {
            "memory_limit": settings.memory_limit,
            "preserve_insertion_order": False,
            # What is freed goes back to the system, and not only what a query frees at once.
            "allocator_background_threads": True,
            # No extension of the user's: with ICU, casts of instants would follow the time zone.
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
        if settings.threads is not None:
            options["threads"] = settings.threads
        connection = ibis.duckdb.connect(**options)
        # Told apart from the options, by which Ibis knows a connection: equal expressions over
        # tables of different runs are equal then, and compiled once.
        folder = self._folder.name.replace("'", "''")
        connection.raw_sql(f"SET temp_directory = '{folder}'")
        connection.compiler = COMPILER
        self._connection, self._settings = connection, settings

    def close(self) -> None:
        """Close the connection and remove its scratch folder; a later `connect` opens a new one."""
        if self._connection is not None:
            self._connection.disconnect()
        if self._folder is not None:
            self._folder.cleanup()
        self._connection = self._folder = self._settings = None
        self.kept.clear()


ENGINE = Engine()


def load_library() -> None:
    """Load DuckDB, which the first connection would do.

    A signal's exception in the middle of it leaves it half loaded, and Python crashes at its end.
    """
    import_module("duckdb")
