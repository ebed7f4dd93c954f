"""The rows of a run that a log is made of, copied from the lake into the embedded engine."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis import _

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.event_log.facts import EVENT_FACTS, MESSAGE, TERM_EXTENDED, TEXT_FACTS
from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.objects import LakeObject, read_object
from pqrs_kedro.lake.parquet import ROW_GROUP_ROWS
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import CommittedRun

# Objects that are read before they are asked for.
_AHEAD: Final = 4
# The engine's table of events that are no status.
OTHER_EVENTS: Final = "other_events"

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "silver_tickets": (
        "ticket_id",
        "external_id",
        "source_channel",
        "pqrs_type",
        "priority",
        "geo_id",
        "current_status",
        "resolution_code",
        "cited_external_id",
        "sla_cycles_count",
        "sla_due_at",
        "is_breached",
    ),
    "silver_status_events": (
        "event_id",
        "ticket_id",
        "ts",
        "status_from",
        "status_to",
        "actor_role",
        "resolution_code",
    ),
    "bronze_pqrs_events": (
        "event_id",
        "event_type",
        "ticket_id",
        "ts",
        "actor_role",
        "term_business_days",
        "source_object",
        "line_number",
    ),
    "quarantine_silver": ("source_object", "line_number"),
    "silver_messages": (
        "message_id",
        "ticket_id",
        "event_id",
        "ts",
        "role",
        "author_kind",
        "text_len",
    ),
    "silver_attachments": (
        "attachment_id",
        "ticket_id",
        "event_id",
        "ts",
        "file_name",
        "file_type",
        "size_kb",
    ),
    "dim_geo": ("geo_id", "municipio", "department", "region"),
}

# What runs of an earlier contract version lack: nothing was rejected then.
_OPTIONAL: Final = ("quarantine_silver",)

Note = Callable[[str], None]


class NotInRun(LookupError):
    """The run lacks a table that a log is made of."""


def stage_run(
    connection: ibis.BaseBackend, store: Store, run: CommittedRun, with_texts: bool, note: Note
) -> None:
    """Fill the engine with the tables of silver that a log needs, and OTHER_EVENTS.

    Raises:
        NotInRun: the run lacks a table.
        ObjectChanged: an object has other bytes than when it was written.
    """
    for table, columns in _COLUMNS.items():
        if table not in (*run.manifest["paths"], *_OPTIONAL):
            raise NotInRun(f"run {run.run_id} has no {table}: a log needs a whole run")
        note(f"reading {table}")
        texts = TEXT_FACTS if with_texts and table == "silver_messages" else ()
        contract = arrow_schema(TABLES[table])
        schema = pa.schema([_without_zone(contract.field(name)) for name in (*columns, *texts)])
        connection.create_table(table, schema=ibis.Schema.from_pyarrow(schema), temp=True)
        for rows in _grouped(_batches(store, run, table, schema)):
            _insert(connection, table, rows)
    status, lines, rejected = (
        connection.table(name)
        for name in ("silver_status_events", "bronze_pqrs_events", "quarantine_silver")
    )
    connection.create_table(OTHER_EVENTS, _curated_lines(lines, status, rejected), temp=True)
    connection.drop_table("bronze_pqrs_events")


def _insert(connection: ibis.BaseBackend, table: str, rows: pa.Table) -> None:
    # Ibis's own `insert` keeps the Arrow rows in memory.
    database = connection.con
    database.register("incoming", rows)
    database.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608  (one of _COLUMNS)
    database.unregister("incoming")


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Some batches at a time: most objects are small, and each insertion has its price."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(item.num_rows for item in group) >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(group)
            group = []
    if group:
        yield pa.Table.from_batches(group)


def _batches(
    store: Store, run: CommittedRun, table: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Columns of a table; of bronze only what is no status, as silver has the others."""
    for content in _contents(store, run, table):
        for batch in _stored(content, schema):
            if table == "bronze_pqrs_events":
                yield batch.filter(pc.not_equal(batch["event_type"], "STATUS"))
            else:
                yield batch


def _contents(store: Store, run: CommittedRun, table: str) -> Iterator[bytes]:
    """The objects of a table in key order, read a few ahead."""
    keys = set(run.manifest["paths"].get(table, ()))
    items = sorted((item for item in run.objects if item.key in keys), key=_key)

    def read(item: LakeObject) -> bytes:
        return read_object(store, item)

    at_once = max(_AHEAD, store.in_flight)
    return in_order(read, items, at_once, lambda item: item.bytes, store.alone_from)


def _key(item: LakeObject) -> str:
    return item.key


def _stored(content: bytes, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Some columns of an object; those that an older run lacks are null."""
    file = pq.ParquetFile(pa.BufferReader(content))
    stored = [name for name in schema.names if name in file.schema_arrow.names]
    # Threads cost more than they save: most objects are small.
    for batch in file.iter_batches(ROW_GROUP_ROWS, columns=stored, use_threads=False):
        columns = [
            batch[field.name].cast(field.type)
            if field.name in stored
            else pa.nulls(len(batch), field.type)
            for field in schema
        ]
        yield pa.record_batch(columns, schema=schema)


def _without_zone(field: pa.Field) -> pa.Field:
    """Instants as the engine has them everywhere: UTC without a zone."""
    kind = pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type
    return pa.field(field.name, kind)


def events_table(connection: ibis.BaseBackend) -> ibis.Table:
    """All events: `ticket_id`, `event_id`, `activity`, `ts`, `actor_role`, EVENT_FACTS.

    Statuses entered are from silver; bronze alone has extensions of a term, and texts without a
    change of status.
    """
    status, others = (connection.table(name) for name in ("silver_status_events", OTHER_EVENTS))
    no_term, no_text = ibis.null("int64"), ibis.null("string")
    parts = (
        status.mutate(activity=status.status_to, term_business_days=no_term),
        others.mutate(activity=others.event_type, status_from=no_text, resolution_code=no_text),
    )
    names = ("ticket_id", "event_id", "activity", "ts", "actor_role", *EVENT_FACTS)
    return ibis.union(*(part.select(*names) for part in parts))


def _curated_lines(lines: ibis.Table, status: ibis.Table, rejected: ibis.Table) -> ibis.Table:
    """Events that are no status, once each, as curation has them: the first line that was filed.

    Those that are rejected, or whose ticket is, are in no log.
    """
    others = lines.filter(_.event_type.isin([TERM_EXTENDED, MESSAGE]))
    others = others.mutate(filed=others.source_object.re_extract("day=([0-9-]+)", 1))
    for same in (["event_id"], ["ticket_id", "event_type", "ts"]):
        by_line = ibis.window(group_by=same, order_by=["filed", "source_object", "line_number"])
        ranked = others.mutate(_repeat=ibis.row_number().over(by_line))
        others = ranked.filter(_._repeat == 0).drop("_repeat")
    kept = others.anti_join(rejected, ["source_object", "line_number"])
    return kept.semi_join(status, "ticket_id").anti_join(status, "event_id").drop("filed")
