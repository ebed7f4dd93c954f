"""A table inside the query engine as a Kedro dataset: an intermediate result, computed once."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ibis
import pyarrow as pa
from ibis.common.exceptions import TableNotFound
from kedro.io.core import AbstractDataset, DatasetError

from pqrs_kedro.run.engine import ENGINE, EngineSettings


class EngineTable(AbstractDataset[ibis.Table | Sequence[ibis.Table], ibis.Table]):
    """A temporary table of the engine, gone at the end of the run.

    A lazy query that several nodes read would run once in each; saving it here runs it once. Of
    several queries, which together are the table, one runs after the other: each has all of the
    engine's memory.
    """

    def __init__(
        self, *, table: str, engine: dict[str, Any] | None = None, metadata: Any = None
    ) -> None:
        self._table = table
        self._engine = EngineSettings(**(engine or {}))
        self.metadata = metadata

    def save(self, data: ibis.Table | Sequence[ibis.Table]) -> None:
        """Compute the table."""
        compute(ENGINE.connect(self._engine), self._table, data)

    def load(self) -> ibis.Table:
        """The computed table."""
        if ENGINE.is_open:
            # Listing the tables first would take longer than asking for this one.
            with suppress(TableNotFound):
                return ENGINE.connect(self._engine).table(self._table)
        raise DatasetError(f"{self._table} is an intermediate table of a run under way")

    def _exists(self) -> bool:
        return ENGINE.is_open and self._table in ENGINE.connect(self._engine).list_tables()

    def _describe(self) -> dict[str, Any]:
        return {"table": self._table}


def compute(
    connection: ibis.BaseBackend, name: str, data: ibis.Table | pa.Table | Sequence[ibis.Table]
) -> ibis.Table:
    """A temporary table of the engine with the rows of a query or table, or of queries in turn."""
    first, *others = data if isinstance(data, Sequence) else [data]
    drop(connection, name)
    # Ibis overwrites a temporary table by making another one and copying it.
    table: ibis.Table = connection.create_table(name, first, temp=True)
    for part in others:
        connection.insert(name, part.select(*table.columns), database=("temp", "main"))
    return table


def drop(connection: ibis.BaseBackend, name: str) -> None:
    """Remove a temporary table of the engine, if there is one."""
    connection.raw_sql(f'DROP TABLE IF EXISTS temp.main."{name}"')
