"""What the story of a ticket must say, from raw lines alone, in plain loops.

Built on the oracle's own ingestion, curation and metrics; nothing is imported from the project but
names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.oracle import metrics
from tests.oracle.calendar import days_from_to, is_business_day
from tests.oracle.curation import Cycle, Event, Row, object_name
from tests.oracle.rejections import Curated, curate, judged_lines

from pqrs_kedro.contracts.tables import TABLES

LineKey = tuple[str, int]
# Table and key of a cell, and what a ticket adds to its counts.
Counts = dict[tuple[str, tuple[Any, ...]], dict[str, int]]
COUNTS = {
    "gold_kpi_volume_daily": ["tickets_count"],
    "gold_kpi_backlog_daily": ["backlog_count"],
    "gold_kpi_sla_daily": ["overdue_count", "stopped_count", "within_count", "late_count"],
    "gold_kpi_first_response_daily": ["responded_count"],
    "gold_kpi_close_time_daily": ["closed_count"],
    "gold_status_transitions_daily": ["transitions_count"],
    "gold_backlog_ageing_daily": ["backlog_count"],
    "gold_run_summary": ["numerator", "denominator"],
}


@dataclass(frozen=True)
class Told:
    """What raw lines say of the tickets of a run."""

    lake: Path
    run_id: str
    whole: metrics.Run
    """The curated events, and what metrics depend on."""

    @cached_property
    def curated(self) -> Curated:
        return curate(self.lake, self.run_id, self.whole.terms)

    @cached_property
    def lines(self) -> dict[LineKey, bytes]:
        """The bytes of every line."""
        found = {}
        for path in self.lake.glob(f"raw/pqrs/*/*/run_id={self.run_id}/events.jsonl"):
            for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
                found[object_name(path), number] = line
        return found

    @cached_property
    def tickets(self) -> list[str]:
        """Every ticket that an accepted line names."""
        lines = judged_lines(self.lake, self.run_id)
        return sorted({v.event["ticket_id"] for _, _, v in lines if v.event is not None})

    def fates(self, ticket: str) -> dict[LineKey, tuple[str, str | None]]:
        """Of each accepted line of a ticket: curated, repeat or rejected, and why."""
        fates: dict[LineKey, tuple[str, str | None]] = {}
        for event in [e for e in self.curated.repeated if e.ticket_id == ticket]:
            fates[_key(event)] = "repeat", None
        for row in self.curated.quarantine:
            if (row["scope"], row["ticket_id"]) == ("event", ticket):
                fates[row["source_object"], row["line_number"]] = "rejected", row["reason"]
        for event in [e for e in self.curated.events if e.ticket_id == ticket]:
            fates[_key(event)] = "curated", None
        return fates

    def rejected_lines(self, ticket: str) -> dict[LineKey, str]:
        """Lines that are no events and name the ticket or bear its radicado, with their reason."""
        verdicts = list(judged_lines(self.lake, self.run_id))
        own = [v.event for _, _, v in verdicts if v.event and v.event["ticket_id"] == ticket]
        radicados = {event["external_id"] for event in own} - {None}
        found = {}
        for name, number, verdict in verdicts:
            text = self.lines[name, number].decode("latin-1")
            borne = re.findall(r'"external_id"\s*:\s*"(\d{14})"', text)
            if verdict.reason and (ticket in text or radicados & set(borne)):
                found[name, number] = verdict.reason
        return found

    def alone(self, ticket: str) -> metrics.Run:
        """The run as if it had this ticket alone, observed as long."""
        own = [event for event in self.curated.events if event.ticket_id == ticket]
        return replace(self.whole, events=own, last_observed_day=self.whole.last_day)


def _key(event: Event) -> LineKey:
    assert event.source_object is not None
    assert event.line_number is not None
    return event.source_object, event.line_number


def counts(run: metrics.Run) -> Counts:
    """What is counted in each cell of gold, zeros left out."""
    found: Counts = {}
    for name, frame in metrics.build_gold(run).items():
        for row in frame.to_dict("records"):
            added = {column: row[column] for column in COUNTS[name] if row[column]}
            if added:
                found[name, tuple(row[part] for part in TABLES[name].primary_key)] = added
    return found


def counted_days(cycle: Cycle, last_day: date) -> Iterator[Row]:
    """The days after the start, up to the due day: which business day each is, and its hold."""
    number = 0
    for day in days_from_to(cycle.start_day, cycle.due_day)[1:]:
        number += is_business_day(day)
        pausing = [
            place
            for place, hold in enumerate(cycle.holds, start=1)
            if hold.start_day < day <= (hold.end_day or last_day)
            and replace(cycle, holds=cycle.holds[: place - 1]).due_day >= hold.start_day
        ]
        yield {
            "day": day,
            "number": number if is_business_day(day) else None,
            "paused_by": pausing[0] if pausing and is_business_day(day) else None,
        }
