"""A committed run as slices of tickets, each whole: with its events, messages and files.

The lake orders events by time, a log by ticket. The rows wait in the embedded engine, which spills
to disk what does not fit in its memory limit, and are taken from it some tickets at a time.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import ibis
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis import _

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.event_log.facts import EVENT_FACTS, MESSAGE, TERM_EXTENDED, TEXT_FACTS
from pqrs_kedro.lake.objects import LakeObject, read_object
from pqrs_kedro.lake.parquet import ROW_GROUP_ROWS
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.engine import Engine, EngineSettings
from pqrs_kedro.run.manifest import CommittedRun

# About 100,000 events; 50 MB of XES.
SLICE_TICKETS: Final = 10_000
# Objects that are read before they are asked for.
_AHEAD: Final = 4

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

Note = Callable[[str], None]


class NotInRun(LookupError):
    """The run lacks a table that a log is made of."""


@dataclass(frozen=True)
class Slice:
    """Some tickets in the order of their id, and everything that belongs to them.

    Instants are UTC without a zone. Frames are taken from the engine when they are asked for.
    """

    connection: ibis.BaseBackend
    start: str
    """The first ticket."""
    end: str | None
    """The first ticket after the slice; null is none."""
    geo: pl.DataFrame
    cited: pl.DataFrame

    @cached_property
    def tickets(self) -> pl.DataFrame:
        """One row per ticket: `ticket_id`, TICKET_FACTS and `cited_ticket_id`.

        The last is the ticket that a repeated petition cites, where it is in the run.
        """
        tickets = self._rows("silver_tickets").order_by("ticket_id").to_polars()
        for facts, key in ((self.geo, "geo_id"), (self.cited, "ticket_id")):
            tickets = tickets.join(facts, on=key, how="left", maintain_order="left")
        return tickets

    @cached_property
    def events(self) -> pl.DataFrame:
        """One row per event, in the order of its ticket: (ts, event_id).

        Columns: `ticket_id`, `event_id`, `activity` (the status entered, TERM_EXTENDED or MESSAGE),
        `ts`, `actor_role`, EVENT_FACTS.
        """
        events = ibis.union(self._rows("status_events"), self._rows("other_events"))
        # Of bronze, tickets that curation did not make a row of have no place in a log.
        known = events.semi_join(self._rows("silver_tickets"), "ticket_id")
        return known.order_by("ticket_id", "ts", "event_id").to_polars()

    @cached_property
    def messages(self) -> pl.DataFrame:
        """One row per message, in the order of its event.

        Columns: `message_id`, `ticket_id`, `event_id`, MESSAGE_FACTS; with texts, TEXT_FACTS.
        """
        return self._numbered("silver_messages", "message_id")

    @cached_property
    def attachments(self) -> pl.DataFrame:
        """One row per file, as messages: `attachment_id`, `ticket_id`, `event_id`, FILE_FACTS."""
        return self._numbered("silver_attachments", "attachment_id")

    def _numbered(self, table: str, key: str) -> pl.DataFrame:
        # By length first: `-m99` is before `-m100`.
        rows = self._rows(table)
        return rows.order_by("ticket_id", "event_id", rows[key].length(), key).to_polars()

    def _rows(self, table: str) -> ibis.Table:
        found = self.connection.table(table)
        after = found.filter(found.ticket_id >= self.start)
        return after if self.end is None else after.filter(found.ticket_id < self.end)


@dataclass(frozen=True)
class Log:
    """A run's events, to be taken slice by slice, as often as wanted."""

    connection: ibis.BaseBackend
    run: CommittedRun
    geo: pl.DataFrame
    cited: pl.DataFrame
    starts: Sequence[str]
    """The first ticket of each slice; one empty slice where the run has no ticket."""
    with_texts: bool
    note: Note

    def slices(self, what: str = "events") -> Iterator[Slice]:
        """All tickets, in order; `what` of them is written, for the person who waits."""
        ends: list[str | None] = [*self.starts[1:], None]
        for number, (start, end) in enumerate(zip(self.starts, ends, strict=True), start=1):
            self.note(f"writing {what}, part {number:,} of {len(self.starts):,}")
            yield Slice(self.connection, start, end, self.geo, self.cited)


@contextmanager
def open_log(store: Store, run: CommittedRun, with_texts: bool, note: Note) -> Iterator[Log]:
    """The log of a run, while the engine holds its rows.

    Args:
        store: the lake.
        run: the run.
        with_texts: read the texts of messages too.
        note: is told what is going on.

    Raises:
        NotInRun: a table is missing.
        ObjectChanged: an object has other bytes than when it was written.
    """
    engine = Engine()
    try:
        connection = engine.connect(EngineSettings())
        for table, columns in _COLUMNS.items():
            texts = TEXT_FACTS if with_texts and table == "silver_messages" else ()
            note(f"reading {table}")
            _stage(connection, store, run, table, (*columns, *texts))
        _arrange(connection)
        tickets = connection.table("silver_tickets")
        starts = tickets.select("ticket_id").order_by("ticket_id").to_polars()["ticket_id"]
        yield Log(
            connection=connection,
            run=run,
            geo=connection.table("dim_geo").to_polars(),
            cited=_citations(tickets).to_polars(),
            starts=starts.gather_every(SLICE_TICKETS).to_list() or [""],
            with_texts=with_texts,
            note=note,
        )
    finally:
        engine.close()


def _stage(
    connection: ibis.BaseBackend,
    store: Store,
    run: CommittedRun,
    table: str,
    columns: Sequence[str],
) -> None:
    """Copy columns of a table of the run into the engine; of bronze, what is in no silver table."""
    if table not in run.manifest["paths"]:
        raise NotInRun(f"run {run.run_id} has no {table}: a log needs a whole run")
    schema = pa.schema([_without_zone(arrow_schema(TABLES[table]).field(name)) for name in columns])
    connection.create_table(table, schema=ibis.Schema.from_pyarrow(schema), temp=True)
    batches: list[pa.RecordBatch] = []
    for content in _contents(store, run, table):
        for batch in _batches(content, schema):
            batches.append(_without_status(batch) if table == "bronze_pqrs_events" else batch)
            if sum(item.num_rows for item in batches) >= ROW_GROUP_ROWS:
                connection.insert(table, pa.Table.from_batches(batches))
                batches = []
    if batches:
        connection.insert(table, pa.Table.from_batches(batches))


def _contents(store: Store, run: CommittedRun, table: str) -> Iterator[bytes]:
    """The objects of a table in key order, read a few ahead."""
    keys = set(run.manifest["paths"][table])
    waiting = iter(sorted((item for item in run.objects if item.key in keys), key=_key))
    with ThreadPoolExecutor(_AHEAD) as pool:
        reading = deque(pool.submit(read_object, store, item) for item in islice(waiting, _AHEAD))
        while reading:
            yield reading.popleft().result()
            reading.extend(pool.submit(read_object, store, item) for item in islice(waiting, 1))


def _key(item: LakeObject) -> str:
    return item.key


def _batches(content: bytes, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
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


def _without_status(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.not_equal(batch["event_type"], "STATUS"))


def _arrange(connection: ibis.BaseBackend) -> None:
    """Make the tables of events, equal in columns: of status, and others."""
    status = connection.table("silver_status_events")
    names = ("ticket_id", "event_id", "activity", "ts", "actor_role", *EVENT_FACTS)
    connection.create_table(
        "status_events",
        status.mutate(activity=status.status_to, term_business_days=ibis.null("int64")).select(
            *names
        ),
        temp=True,
    )
    others = _first_lines(connection.table("bronze_pqrs_events"), status)
    no_text = ibis.null("string")
    connection.create_table(
        "other_events",
        others.mutate(
            activity=others.event_type, status_from=no_text, resolution_code=no_text
        ).select(*names),
        temp=True,
    )
    for table in ("silver_status_events", "bronze_pqrs_events"):
        connection.drop_table(table)


def _first_lines(lines: ibis.Table, status: ibis.Table) -> ibis.Table:
    """Events that are no status, once each: of equal ids the first line counts, as in curation."""
    by_line = ibis.window(group_by="event_id", order_by=["source_object", "line_number"])
    ranked = lines.mutate(_repeat=ibis.row_number().over(by_line))
    first = ranked.filter((_._repeat == 0) & _.event_type.isin([TERM_EXTENDED, MESSAGE]))
    return first.anti_join(status, "event_id")


def _citations(tickets: ibis.Table) -> ibis.Table:
    """The tickets that cite one of the run, and which: `ticket_id`, `cited_ticket_id`."""
    citing = tickets.filter(tickets.cited_external_id.notnull()).select(
        "ticket_id", external_id="cited_external_id"
    )
    cited = tickets.select("external_id", cited_ticket_id="ticket_id")
    pairs = citing.join(cited, "external_id")
    return pairs.group_by("ticket_id").aggregate(cited_ticket_id=pairs.cited_ticket_id.min())
