"""SQL for analysts: a run's tables in the lake as views of DuckDB, or the warehouse."""

import re
import secrets
import shutil
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.warehouse.errors import first_line

if TYPE_CHECKING:
    from pqrs_kedro.warehouse.connection import Warehouse

FORMATS: Final = ("table", "csv", "parquet")
# Of a table on the screen.
_SHOWN_ROWS: Final = 40
_SHOWN_COLUMNS: Final = 200


class QueryFailed(click.ClickException):
    """The query cannot be answered: what the engine says, in one line."""


@dataclass(frozen=True)
class Output:
    """Where an answer goes, and in which form."""

    form: str
    path: Path | None = None

    @classmethod
    def of(cls, form: str | None, path: Path | None, replace: bool) -> "Output":
        """The form as asked for, else that of the file's ending, else a table on the screen.

        Raises:
            InvalidInput: the form needs a file, or the file is there already.
        """
        ending = path.suffix.removeprefix(".") if path else ""
        chosen = form or (ending if ending in FORMATS[1:] else ("csv" if path else "table"))
        if chosen == "parquet" and path is None:
            raise InvalidInput("--format: parquet needs a file: --output answer.parquet")
        if path is not None and chosen == "table":
            raise InvalidInput("--format: a file is csv or parquet, not table")
        if path is not None and not path.absolute().parent.is_dir():
            raise InvalidInput(f"--output: the folder of {str(path)!r} does not exist")
        if path is not None and path.exists() and not replace:
            raise InvalidInput(f"--output: {str(path)!r} exists; --force replaces it")
        return cls(chosen, path)


def ask_lake(store: Store, run_id: str, query: str, output: Output) -> None:
    """Answer a query from the objects of a run; only tables that it names are read.

    Raises:
        QueryFailed: DuckDB does not take it.
    """
    import duckdb

    backend = ENGINE.connect(EngineSettings())
    try:
        # Words, not parsed names: DuckDB's own list fails where USING joins tables it has not yet.
        named = {*re.findall(r"\w+", query)}
        for name in sorted(name for name in TABLES if {name, f"{name}_current"} & named):
            table = LakeTable(table=name, path=store.location(""), run_id=run_id)
            # A committed run has all its tables; one without objects is empty.
            table.saved = True
            rows = table.scan()
            if name not in backend.list_tables():
                backend.create_view(name, rows)
            # So that a query for the warehouse is one for the lake too.
            backend.create_view(f"{name}_current", backend.table(name))
        _write(backend.con.sql(query), output)
    except duckdb.Error as error:
        raise QueryFailed(first_line(error)) from None
    finally:
        ENGINE.close()


def ask_warehouse(warehouse: "Warehouse", query: str, output: Output) -> None:
    """Answer a query from Postgres, in a transaction that can only read.

    Raises:
        QueryFailed: Postgres does not take it.
    """
    import duckdb
    from adbc_driver_manager import Error

    try:
        with (
            closing(warehouse.connect_for_copy()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(query)
            rows = cursor.fetch_arrow_table()
    except Error as error:
        raise QueryFailed(first_line(error)) from None
    _write(duckdb.from_arrow(rows), output)


def _write(answer: Any, output: Output) -> None:
    """Hand on a relation of DuckDB; a statement without rows has none."""
    if answer is None:
        return
    if output.form == "table":
        answer.show(max_rows=_SHOWN_ROWS, max_width=_SHOWN_COLUMNS)
    elif output.path is None:
        # Not /dev/stdout, which would be cut to nothing where it is a file.
        with tempfile.TemporaryDirectory(prefix="pqrs-") as folder:
            _write_file(answer, output.form, Path(folder) / "answer")
            with (Path(folder) / "answer").open("rb") as written:
                shutil.copyfileobj(written, sys.stdout.buffer)
    else:
        _write_file(answer, output.form, output.path)


def _write_file(answer: Any, form: str, path: Path) -> None:
    """Whole or not at all: a draft gets the name when it is complete."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        if form == "parquet":
            answer.write_parquet(str(draft), compression="zstd")
        else:
            answer.write_csv(str(draft), header=True)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
