"""The whole story of one ticket, put together from what the lake has of it."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from ibis import _

from pqrs_kedro.contracts.raw import RADICADO_PATTERN, UUID_PATTERN
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.manifest import CommittedRun
from pqrs_kedro.trace.cells import Cell, find_cells
from pqrs_kedro.trace.due_day import DueDay, RunCalendar, count_due_day
from pqrs_kedro.trace.lake_rows import LineKey, Row, TicketRows, line_of, load_table, plain

CURATED, QUARANTINED = "curated", "quarantined"
# What became of an accepted line.
REPEAT, REJECTED = "repeat", "rejected"
_OF_EVENT: Final = (
    "ts", "event_id", "event_type", "status_from", "status_to", "actor_role", "external_id",
    "pqrs_type", "priority", "geo_id", "resolution_code", "cited_external_id",
    "term_business_days", "repairs", "unknown_fields", "filed_late_days", "source_object",
    "line_number",
)  # fmt: skip


class TicketNotFound(LookupError):
    """No line of the run names the ticket."""


@dataclass(frozen=True)
class Event:
    """One accepted line of the ticket, and what curation made of it."""

    facts: Row
    """What bronze has of it (_OF_EVENT), instants in UTC without a zone."""
    messages: Sequence[Row]
    attachments: Sequence[Row]
    fate: str
    """CURATED, REPEAT or REJECTED."""
    reason: str | None
    repeats: LineKey | None
    """The line that counts in place of this one."""
    line: bytes


@dataclass(frozen=True)
class RejectedLine:
    """One raw line that is no event, though it names the ticket."""

    source_object: str
    line_number: int
    reason: str
    detail: str | None
    line: bytes


@dataclass(frozen=True)
class Cycle:
    """One SLA cycle: its row, and how its due day was counted."""

    row: Row
    due: DueDay
    outcome: str
    """`within`, `late`, `overdue` or `not due`, as of the last observed day."""


@dataclass(frozen=True)
class Story:
    """Everything that a run knows of one ticket."""

    run: CommittedRun
    ticket_id: str
    last_day: date
    ticket: Row | None
    """The row of silver_tickets; null of a ticket that is in quarantine."""
    place: Row | None
    events: Sequence[Event]
    rejections: Sequence[Row]
    """Rows of quarantine_silver of scope `ticket`, none or one."""
    rejected_lines: Sequence[RejectedLine]
    cycles: Sequence[Cycle]
    cells: Sequence[Cell]

    @property
    def outcome(self) -> str:
        """Whether the ticket is curated or in quarantine."""
        return QUARANTINED if self.ticket is None else CURATED

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON; instants in UTC, days local."""
        inputs = self.run.manifest["inputs"]
        content = {
            "run_id": self.run.run_id,
            "ticket_id": self.ticket_id,
            "outcome": self.outcome,
            "profile": inputs["profile"],
            "stop_status": inputs["parameters"]["profile"]["stop_status"],
            "calendar": inputs["calendar"],
            "observe_until": inputs["parameters"].get("observe_until"),
            "last_observed_day": self.last_day,
            "ticket": self.ticket,
            "place": self.place,
            "rejections": list(self.rejections),
            "events": [_event_json(event) for event in self.events],
            "rejected_lines": [_with_text(asdict(item)) for item in self.rejected_lines],
            "cycles": [
                cycle.row | {"outcome": cycle.outcome, "counting": asdict(cycle.due)}
                for cycle in self.cycles
            ],
            "cells": [asdict(cell) for cell in self.cells],
        }
        plain_json: dict[str, Any] = _plain(content)
        return plain_json


def _event_json(event: Event) -> Row:
    line = (
        {"line_number": event.repeats[1], "source_object": event.repeats[0]}
        if event.repeats
        else None
    )
    return _with_text(
        event.facts
        | {
            "messages": list(event.messages),
            "attachments": list(event.attachments),
            "fate": event.fate,
            "reason": event.reason,
            "repeats": line,
            "line": event.line,
        }
    )


def _with_text(row: Row) -> Row:
    """The row with its line as text, or in Base64 where it is no UTF-8."""
    content = row.pop("line")
    try:
        return row | {"line": content.decode("utf-8"), "line_base64": None}
    except UnicodeDecodeError:
        return row | {"line": None, "line_base64": b64encode(content).decode("ascii")}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='microseconds')}Z"
    return value.isoformat() if isinstance(value, date) else value


def tell_story(store: Store, run: CommittedRun, named: str) -> Story:
    """The story of a ticket.

    Args:
        store: the lake of the run.
        run: the run.
        named: the ticket's identifier, or its radicado.

    Raises:
        InvalidInput: `named` is neither in form, or it is the radicado of several tickets.
        TicketNotFound: no line of the run names the ticket.
        ObjectChanged: a raw object has other bytes than when it was written.
    """
    rows = TicketRows(store, run, _identify(store, run, named))
    if not rows.events and not rows.rejected_lines:
        raise TicketNotFound(f"ticket {named} is not in run {run.run_id}: no line names it")
    lines = dict(rows.raw_lines([line_of(row) for row in rows.events]))
    tickets = rows.rows("silver_tickets")
    ticket = tickets[0] if tickets else None
    return Story(
        run=run,
        ticket_id=rows.ticket_id,
        last_day=rows.days[1],
        ticket=ticket,
        place=_place(rows, ticket),
        events=list(_events(rows, lines)),
        rejections=[row for row in rows.rejections if row["scope"] == "ticket"],
        rejected_lines=list(_rejected_lines(rows)),
        cycles=list(_cycles(rows)),
        cells=list(find_cells(rows)) if ticket else [],
    )


def check_ticket(named: str) -> str:
    """The ticket's identifier or radicado, if it has the form of one.

    Raises:
        InvalidInput: it has not.
    """
    name = named.strip().lower()
    if re.fullmatch(UUID_PATTERN, name) or re.fullmatch(RADICADO_PATTERN, name):
        return name
    raise InvalidInput(
        f"ticket: {named!r} is not allowed; give a ticket_id (UUID, such as "
        "019b7f2e-5c00-7abc-8def-0123456789ab) or a radicado (14 digits)"
    )


def _identify(store: Store, run: CommittedRun, named: str) -> str:
    """The ticket_id that is meant."""
    name = check_ticket(named)
    if re.fullmatch(UUID_PATTERN, name):
        return name
    lines = load_table(store, run, "bronze_pqrs_events").filter(_.external_id == name)
    found = sorted(row["ticket_id"] for row in plain(lines.select("ticket_id").distinct()))
    if not found:
        raise TicketNotFound(f"radicado {name} is not in run {run.run_id}: no event bears it")
    if len(found) > 1:
        raise InvalidInput(f"ticket: {len(found)} tickets bear radicado {name}: {', '.join(found)}")
    return str(found[0])


def _place(rows: TicketRows, ticket: Row | None) -> Row | None:
    """The ticket's municipality."""
    if ticket is None or ticket["geo_id"] is None:
        return None
    named = rows.whole("dim_geo").select("geo_id", "municipio", "department", "region")
    (found,) = plain(named.filter(_.geo_id == ticket["geo_id"]))
    return found


def _events(rows: TicketRows, lines: Mapping[LineKey, bytes]) -> Iterator[Event]:
    reasons = {line_of(row): row["reason"] for row in rows.rejections if row["scope"] == "event"}
    for row in rows.events:
        key = line_of(row)
        reason, repeats = reasons.get(key), rows.repeats.get(key)
        fate = REJECTED if reason else REPEAT if repeats else CURATED
        yield Event(
            facts={name: row[name] for name in _OF_EVENT},
            messages=row["messages"] or (),
            attachments=row["attachments"] or (),
            fate=fate,
            reason=reason,
            repeats=repeats,
            line=lines[key],
        )


def _rejected_lines(rows: TicketRows) -> Iterator[RejectedLine]:
    for row in rows.rejected_lines:
        names = ("source_object", "line_number", "reason", "detail", "line")
        yield RejectedLine(**{name: row[name] for name in names})


def _cycles(rows: TicketRows) -> Iterator[Cycle]:
    found = rows.rows("silver_sla_cycles")
    if not found:
        return
    calendar, last_day = _calendar(rows), rows.days[1]
    for row in found:
        yield Cycle(row, count_due_day(row, calendar, last_day), _outcome(row, last_day))


def _calendar(rows: TicketRows) -> RunCalendar:
    days = plain(rows.whole("dim_business_day"))
    configured = rows.run.manifest["inputs"]["calendar"].get("added", ())
    return RunCalendar(
        ordinals={row["day"]: row["business_day_ordinal"] for row in days},
        business=frozenset(row["day"] for row in days if row["is_business_day"]),
        added=frozenset(map(date.fromisoformat, configured)),
    )


def _outcome(row: Row, last_day: date) -> str:
    if row["stop_day"] is not None:
        return "late" if row["is_late"] else "within"
    return "overdue" if row["due_day"] <= last_day else "not due"
