"""A committed run as slices of tickets, each whole: with its events, messages and files.

The lake orders events by time, a log by ticket. The rows wait in the embedded engine, which spills
to disk what does not fit in its memory limit, and are taken from it some tickets at a time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import ibis
import polars as pl

from pqrs_kedro.event_log.stage import Note, events_table, stage_run
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.engine import Engine, EngineSettings
from pqrs_kedro.run.manifest import CommittedRun

# About 100,000 events; 50 MB of XES.
SLICE_TICKETS: Final = 10_000


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
        # Of bronze, tickets that curation did not make a row of have no place in a log.
        known = self._part(events_table(self.connection)).semi_join(
            self._rows("silver_tickets"), "ticket_id"
        )
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
        return self._part(self.connection.table(table))

    def _part(self, found: ibis.Table) -> ibis.Table:
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
        NotInRun, ObjectChanged: see `stage_run`.
    """
    engine = Engine()
    try:
        connection = engine.connect(EngineSettings())
        stage_run(connection, store, run, with_texts, note)
        tickets = connection.table("silver_tickets")
        ids = tickets.select("ticket_id").order_by("ticket_id").to_polars()["ticket_id"]
        yield Log(
            connection=connection,
            run=run,
            geo=connection.table("dim_geo").to_polars(),
            cited=_citations(tickets).to_polars(),
            starts=ids.gather_every(SLICE_TICKETS).to_list() or [""],
            with_texts=with_texts,
            note=note,
        )
    finally:
        engine.close()


def _citations(tickets: ibis.Table) -> ibis.Table:
    """The tickets that cite one of the run, and which: `ticket_id`, `cited_ticket_id`."""
    citing = tickets.filter(tickets.cited_external_id.notnull()).select(
        "ticket_id", external_id="cited_external_id"
    )
    cited = tickets.select("external_id", cited_ticket_id="ticket_id")
    pairs = citing.join(cited, "external_id")
    return pairs.group_by("ticket_id").aggregate(cited_ticket_id=pairs.cited_ticket_id.min())
