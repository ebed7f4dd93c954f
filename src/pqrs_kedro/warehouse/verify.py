"""Published runs held against the lake, row by row: the warehouse has nothing of its own."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import pyarrow as pa
from psycopg import sql

from pqrs_kedro.contracts.tables import Table
from pqrs_kedro.lake.hashing import logical_hash
from pqrs_kedro.lake.layout import hive_values
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import CommittedRun, RunNotFound, read_run
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.errors import NotPublished
from pqrs_kedro.warehouse.load import TableRows
from pqrs_kedro.warehouse.publish import etl_run
from pqrs_kedro.warehouse.runs import find_run
from pqrs_kedro.warehouse.schema import SERVED

MONTH = "month"


def problems(store: Store, warehouse: Warehouse, run_id: str) -> Iterator[str]:
    """What the warehouse has of a published run otherwise than the lake, table by table.

    Compared are the row in `meta.etl_runs`, and of every table the hash of its rows' content; a
    large table is compared month by month.

    Raises:
        NotPublished: the run is not in the warehouse.
        WarehouseError: an object of the lake was changed.
    """
    row = find_run(warehouse, run_id)
    if row is None or row["published_at"] is None:
        raise NotPublished(run_id)
    try:
        run = read_run(store, run_id)
    except RunNotFound as error:
        yield str(error)
        return
    wrong = [name for name, value in etl_run(run.manifest).items() if row[name] != value]
    yield from (f"meta.etl_runs: {name} is not that of the manifest" for name in wrong)
    with (
        closing(warehouse.connect_for_copy()) as connection,
        closing(connection.cursor()) as cursor,
    ):
        for table in SERVED.values():
            yield from _table_problems(store, cursor, run, table)


def _table_problems(store: Store, cursor: Any, run: CommittedRun, table: Table) -> Iterator[str]:
    found = 0
    for month, items in _parts(run, table):
        expected = TableRows(store, table, items).reader().read_all()
        served = _served(cursor, run.run_id, table, month, expected.schema)
        found += len(served)
        where = table.name if month is None else f"{table.name} of {month}"
        if len(served) != len(expected):
            yield f"{where}: {len(served):,} rows, the lake has {len(expected):,}"
        elif _hash(table, served) != _hash(table, expected):
            yield f"{where}: rows differ from those of the lake"
    everything = sql.SQL("SELECT count(*) FROM {} WHERE run_id = {}").format(
        sql.Identifier("public", table.name), run.run_id
    )
    cursor.execute(everything.as_string())
    (total,) = cursor.fetchone()
    if total != found:
        yield f"{table.name}: {total:,} rows, of which the lake knows {found:,}"


def _parts(run: CommittedRun, table: Table) -> Iterator[tuple[str | None, Sequence[LakeObject]]]:
    """A table's objects: those of each month, or all at once."""
    keys = set(run.manifest["paths"].get(table.name, ()))
    items = sorted((item for item in run.objects if item.key in keys), key=lambda item: item.key)
    if MONTH not in table.partitions:
        yield None, items
        return
    for month, part in groupby(items, key=lambda item: hive_values(item.key)[MONTH]):
        yield month, list(part)


def _served(
    cursor: Any, run_id: str, table: Table, month: str | None, schema: pa.Schema
) -> pa.Table:
    columns = [
        # PostGIS gives the bytes that it was given.
        sql.SQL("{0}::bytea AS {0}" if table.column(name).type == "geometry" else "{0}").format(
            sql.Identifier(name)
        )
        for name in schema.names
    ]
    query = sql.SQL("SELECT {} FROM {} WHERE run_id = {}").format(
        sql.SQL(", ").join(columns), sql.Identifier("public", table.name), run_id
    )
    if month is not None:
        query += sql.SQL(" AND {} = {}").format(sql.Identifier(MONTH), month)
    cursor.execute(query.as_string())
    return cursor.fetch_arrow_table().cast(schema)


def _hash(table: Table, rows: pa.Table) -> str:
    return logical_hash(rows, table.primary_key)
