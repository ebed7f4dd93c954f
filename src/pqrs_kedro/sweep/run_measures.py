"""The numbers of an ordinary run, measured from silver and gold in the lake as a trial's are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Final

import ibis
import pyarrow as pa

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.objects import read_object
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.metrics.nodes import locate_tickets
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.manifest import CommittedRun, read_run
from pqrs_kedro.sweep.measures import Measured, MeasuredTables, measure

# Many small objects, which wait more than they work.
_READERS: Final = 16


def measure_run(store: Store, run_id: str) -> list[Measured]:
    """The numbers of a committed run.

    Raises:
        RunNotFound: it has no manifest.
        ObjectChanged: an object has other bytes than when it was written.
    """
    run = read_run(store, run_id)
    inputs = run.manifest["inputs"]
    tables = MeasuredTables(
        tickets=locate_tickets(*(_table(store, run, n) for n in ("silver_tickets", "dim_geo"))),
        cycles=_table(store, run, "silver_sla_cycles"),
        backlog=_table(store, run, "gold_kpi_backlog_daily"),
    )
    types = sorted(inputs["parameters"]["profile"]["types"])
    first, last = (date.fromisoformat(inputs[name]) for name in ("date_min", "date_max"))
    return measure(tables, types, first, last)


def _table(store: Store, run: CommittedRun, name: str) -> ibis.Table:
    """All rows of a table of the run in the engine, instants in UTC without a zone."""
    table, keys = TABLES[name], run.manifest["paths"][name]
    objects = [item for item in run.objects if item.key in {*keys}]

    def rows(number: int) -> pa.Table:
        return stored_rows(table, objects[number].key, read_object(store, objects[number]))

    with ThreadPoolExecutor(_READERS) as pool:
        found = pa.concat_tables(pool.map(rows, range(len(objects))))
    fields = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in found.schema
    ]
    connection = ENGINE.connect(EngineSettings(threads=1))
    plain = found.cast(pa.schema(fields))
    return connection.create_table(f"run_{name}", plain, temp=True, overwrite=True)
