"""The silver tables, rebuilt from raw JSONL event by event.

A second implementation for tests: plain loops, no SQL, nothing imported from the project but the
column names and keys of its contracts. Every cell is a plain Python value (`datetime` in UTC,
`date`, `int`, `str`, `bool`, `None`), kept in object columns so that nothing is coerced.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from tests.oracle.calendar import (
    ONE_MICROSECOND,
    add_business_days,
    business_days_between,
    days_from_to,
    end_of_day,
    local_day,
    local_month,
)

from pqrs_kedro.contracts.tables import TABLES

StopStatus = Literal["CLOSED", "RESPONDED"]
Row = dict[str, Any]
# First day, last day, and the term of each type that has another one then.
Window = tuple[date, date, Mapping[str, int]]

FINISHED = ("CLOSED", "ARCHIVED")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# Raw events


@dataclass(frozen=True)
class Event:
    """One raw line. `day` is the local day of `ts`."""

    event_id: str
    event_type: str
    ts: datetime
    source: str
    ticket_id: str
    external_id: str | None
    actor_role: str
    status_from: str | None
    status_to: str | None
    attributes: Mapping[str, Any]
    payload: Mapping[str, Any] | None
    source_object: str | None = field(default=None, compare=False)
    line_number: int | None = field(default=None, compare=False)

    @cached_property
    def day(self) -> date:
        return local_day(self.ts)


def parse_instant(text: str) -> datetime:
    """An instant in the only format of raw lines, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    # `strptime` takes ten times as long, and `fromisoformat` alone other formats too.
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is no instant of a raw line")
    return datetime.fromisoformat(text)


def parse_events(lines: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Raw dicts as events in the order (ts, event_id); a repeated event is an error."""
    events = [Event(**{**line, "ts": parse_instant(line["ts"])}) for line in lines]
    if len({event.event_id for event in events}) != len(events):
        raise ValueError("event_id is not unique: the oracle starts after deduplication")
    return sorted(events, key=lambda event: (event.ts, event.event_id))


def object_name(path: Path) -> str:
    """The path of a raw object in the lake, without its run."""
    source, day = (path.parents[n].name for n in (2, 1))
    return f"raw/pqrs/{source}/{day}/{path.name}"


def read_lines(lake_root: Path, run_id: str) -> Iterator[Row]:
    """Every raw line of a run; the path must agree with what the line says."""
    for path in sorted(lake_root.glob(f"raw/pqrs/source=*/day=*/run_id={run_id}/events.jsonl")):
        day, source = (path.parents[n].name.partition("=")[2] for n in (1, 2))
        lines = path.read_bytes().decode("utf-8").split("\n")
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            line = json.loads(text)
            if (line["source"], local_day(parse_instant(line["ts"])).isoformat()) != (source, day):
                raise ValueError(f"{line['event_id']} does not belong in {path}")
            yield {**line, "source_object": object_name(path), "line_number": number}


def read_events(lake_root: Path, run_id: str) -> list[Event]:
    """The events of a run, from its raw objects alone."""
    return parse_events(read_lines(lake_root, run_id))


def last_day_of(events: Iterable[Event]) -> date:
    """Last observed local day."""
    return max(event.day for event in events)


def by_ticket(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events of each ticket, in the order (ts, event_id)."""
    tickets: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.ts, event.event_id)):
        tickets.setdefault(event.ticket_id, []).append(event)
    return tickets


def _entering(events: Iterable[Event], status: str) -> list[Event]:
    return [e for e in events if e.event_type == "STATUS" and e.status_to == status]


def _last_attribute(events: Sequence[Event], status: str, name: str) -> Any:
    """An attribute of the last line that enters `status`; None without such a line."""
    found = _entering(events, status)
    return found[-1].attributes[name] if found else None


# SLA cycles


@dataclass
class Hold:
    """An ON_HOLD interval in local days; `end_day` is None while open."""

    start_day: date
    end_day: date | None = None


@dataclass(frozen=True)
class Cycle:
    """One SLA cycle as of a day."""

    ticket_id: str
    number: int
    pqrs_type: str
    as_of: date
    start_day: date
    base_term: int
    extended_on_day: date | None
    holds: tuple[Hold, ...]
    stopped_at: datetime | None
    special: tuple[int, date] | None
    """Another term than the ordinary one, and the day from which it holds."""

    @property
    def term(self) -> int:
        term = self.special[0] if self.special else self.base_term
        return term if self.extended_on_day is None else 2 * term

    @cached_property
    def paused_days(self) -> int:
        return paused_days(self.start_day, self.term, self.holds, self.as_of)

    @cached_property
    def due_day(self) -> date:
        return add_business_days(self.start_day, self.term + self.paused_days)

    @property
    def stop_day(self) -> date | None:
        return None if self.stopped_at is None else local_day(self.stopped_at)

    @property
    def is_late(self) -> bool | None:
        return None if self.stop_day is None else self.stop_day > self.due_day

    @property
    def is_overdue(self) -> bool:
        return self.stop_day is None and self.due_day <= self.as_of

    @property
    def days_late(self) -> int:
        """Business days after the due day, up to the stop or else to the day of the view."""
        return business_days_between(self.due_day, self.stop_day or self.as_of)


def paused_days(start_day: date, term: int, holds: Iterable[Hold], as_of: date) -> int:
    """Business days that the holds add; one that begins after the due day so far adds none."""
    paused = 0
    for hold in holds:
        due_day_so_far = add_business_days(start_day, term + paused)
        if hold.start_day <= due_day_so_far:
            paused += business_days_between(hold.start_day, hold.end_day or as_of)
    return paused


def _cycle_events(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each cycle, the one that starts it first; none before RADICATED."""
    cycles: list[list[Event]] = []
    for event in events:
        is_first = event.status_to == "RADICATED" and not cycles
        is_next = event.status_to == "REOPENED" and bool(cycles)
        if is_first or is_next:
            cycles.append([])
        if cycles:
            cycles[-1].append(event)
    return cycles


def _is_in_time(event: Event, start_day: date, term: int, holds: list[Hold]) -> bool:
    """Whether an extension comes no later than the due day as it stands at that moment."""
    paused = paused_days(start_day, term, holds, as_of=event.day)
    return event.day <= add_business_days(start_day, term + paused)


@dataclass(frozen=True)
class Rules:
    """What the profile says of terms and clock."""

    terms: Mapping[str, int]
    stop_status: StopStatus
    windows: Sequence[Window] = ()

    def special_term(
        self, pqrs_type: str, start_day: date, stop_day: date | None, as_of: date
    ) -> tuple[int, date] | None:
        """Walk from the start day on: the first day that lies in a window and begins something.

        Either the cycle begins on it, or the window does while the cycle is open.
        """
        for day in days_from_to(start_day, as_of if stop_day is None else min(stop_day, as_of)):
            for first, last, terms in self.windows:
                begins = day in (start_day, first) and first <= day <= last
                if begins and pqrs_type in terms:
                    return terms[pqrs_type], day
        return None


def _follow_cycle(
    events: Sequence[Event], number: int, pqrs_type: str, rules: Rules, as_of: date
) -> Cycle:
    start_day = events[0].day
    ordinary = rules.terms[pqrs_type]
    holds: list[Hold] = []
    extended_on_day: date | None = None
    stopped_at: datetime | None = None
    for event in events[1:]:
        if event.event_type == "TERM_EXTENDED":
            stop_day = local_day(stopped_at) if stopped_at else None
            special = rules.special_term(pqrs_type, start_day, stop_day, event.day)
            term = special[0] if special else ordinary
            if extended_on_day is None and _is_in_time(event, start_day, term, holds):
                extended_on_day = event.day
        elif event.event_type == "STATUS":
            if holds and holds[-1].end_day is None:
                holds[-1].end_day = event.day
            if event.status_to == "ON_HOLD" and stopped_at is None:
                holds.append(Hold(event.day))
            if event.status_to == rules.stop_status and stopped_at is None:
                stopped_at = event.ts
    return Cycle(
        ticket_id=events[0].ticket_id,
        number=number,
        pqrs_type=pqrs_type,
        as_of=as_of,
        start_day=start_day,
        base_term=ordinary,
        extended_on_day=extended_on_day,
        holds=tuple(holds),
        stopped_at=stopped_at,
        special=rules.special_term(
            pqrs_type, start_day, local_day(stopped_at) if stopped_at else None, as_of
        ),
    )


def cycles_as_of(events: Sequence[Event], day: date, rules: Rules) -> list[Cycle]:
    """The SLA cycles of one ticket, knowing only its events up to the end of `day`.

    Without a classification there is no term, hence no cycle.
    """
    known = [event for event in events if event.day <= day]
    pqrs_type = _last_attribute(known, "CLASSIFIED", "pqrs_type")
    if pqrs_type is None:
        return []
    return [
        _follow_cycle(cycle, number, pqrs_type, rules, day)
        for number, cycle in enumerate(_cycle_events(known), start=1)
    ]


def sla_row(cycle: Cycle) -> Row:
    first, second = [*cycle.holds, None, None][:2]
    return {
        "ticket_id": cycle.ticket_id,
        "cycle_number": cycle.number,
        "pqrs_type": cycle.pqrs_type,
        "start_day": cycle.start_day,
        "base_term_business_days": cycle.base_term,
        "term_business_days": cycle.term,
        "extended_on_day": cycle.extended_on_day,
        "first_hold_start_day": first.start_day if first else None,
        "first_hold_end_day": first.end_day if first else None,
        "second_hold_start_day": second.start_day if second else None,
        "second_hold_end_day": second.end_day if second else None,
        "paused_days": cycle.paused_days,
        "due_day": cycle.due_day,
        "stopped_at": cycle.stopped_at,
        "stop_day": cycle.stop_day,
        "is_late": cycle.is_late,
        "business_days_late": None if cycle.stop_day is None else cycle.days_late,
        "special_term_business_days": cycle.special[0] if cycle.special else None,
        "special_term_from_day": cycle.special[1] if cycle.special else None,
        "month": local_month(cycle.start_day),
    }


# Messages and attachments


def spoken(event: Mapping[str, Any]) -> list[tuple[datetime, str, str | None, str]]:
    """(time, author, subject, text) of each message of an event, in its order."""
    payload = event["payload"] or {}
    for subject, body in (("subject", "body"), ("asunto", "observaciones")):
        if payload.get(body) is not None:
            return [(event["ts"], event["actor_role"], payload.get(subject), payload[body])]
    turns = payload.get("turns")
    turns = payload.get("transcript") if turns is None else turns
    return [(parse_instant(turn["at"]), turn["author"], None, turn["text"]) for turn in turns or ()]


def _message_rows(event: Event) -> list[Row]:
    return [
        {
            "message_id": f"{event.event_id}-m{number:02d}",
            "ticket_id": event.ticket_id,
            "ts": at,
            "role": {"citizen": "citizen", "agent": "agent", "bot": "agent"}[author],
            "text": text,
            "text_len": len(text),
            "author_kind": author,
            "subject": subject,
            "event_id": event.event_id,
            "source_object": event.source_object,
            "line_number": event.line_number,
            "month": local_month(local_day(at)),
        }
        for number, (at, author, subject, text) in enumerate(spoken(vars(event)), start=1)
    ]


def files(event: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Name and size of each file of an event, in its order."""
    payload = event["payload"] or {}
    if payload.get("attachments") is not None:
        return [(file["file_name"], file["size_kb"]) for file in payload["attachments"]]
    return [(file["nombre"], file["tamanoKb"]) for file in payload.get("documentos") or ()]


def _attachment_rows(event: Event) -> list[Row]:
    return [
        {
            "attachment_id": f"{event.event_id}-a{number:02d}",
            "ticket_id": event.ticket_id,
            "ts": event.ts,
            "file_type": name.rpartition(".")[2].lower() if "." in name else "",
            "size_kb": size,
            "source_channel": event.source,
            "file_name": name,
            "event_id": event.event_id,
            "source_object": event.source_object,
            "line_number": event.line_number,
            "month": local_month(event.day),
        }
        for number, (name, size) in enumerate(files(vars(event)), start=1)
    ]


def _first_human_reply(events: Iterable[Event]) -> datetime | None:
    replies = [
        message["ts"]
        for event in events
        for message in _message_rows(event)
        if message["role"] == "agent" and message["author_kind"] != "bot"
    ]
    return min(replies, default=None)


# Tickets and status events


def _first_ts(events: Sequence[Event]) -> datetime | None:
    return events[0].ts if events else None


def _last_ts(events: Sequence[Event]) -> datetime | None:
    return events[-1].ts if events else None


def _is_breached(cycle: Cycle) -> bool | None:
    if cycle.is_late is not None:
        return cycle.is_late
    return True if cycle.is_overdue else None


@cache
def _places() -> frozenset[str]:
    """The codes of all municipalities."""
    path = Path(__file__).parents[2] / "src/pqrs_kedro/reference/municipalities.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return frozenset(row["dane_code"] for row in csv.DictReader(file))


def _ticket_row(events: Sequence[Event], cycles: Sequence[Cycle]) -> Row:
    (received,) = _entering(events, "RECEIVED")
    current_status = [e.status_to for e in events if e.event_type == "STATUS"][-1]
    place = _last_attribute(events, "RADICATED", "dane_code")
    last = cycles[-1] if cycles else None
    return {
        "ticket_id": received.ticket_id,
        "external_id": next((e.external_id for e in reversed(events) if e.external_id), None),
        "source_channel": received.source,
        "pqrs_type": _last_attribute(events, "CLASSIFIED", "pqrs_type"),
        "priority": _last_attribute(events, "CLASSIFIED", "priority"),
        "created_at": received.ts,
        "radicated_at": _first_ts(_entering(events, "RADICATED")),
        "current_status": current_status,
        "geo_id": place if place in _places() else None,
        "sla_due_at": end_of_day(last.due_day) if last else None,
        "closed_at": _last_ts(_entering(events, "CLOSED")) if current_status in FINISHED else None,
        "responded_at": _last_ts(_entering(events, "RESPONDED")),
        "first_response_at": _first_human_reply(events),
        "sla_cycles_count": len(cycles),
        "resolution_code": _last_attribute(events, "RESPONDED", "resolution_code"),
        "cited_external_id": _last_attribute(events, "RESPONDED", "cited_external_id"),
        "is_breached": _is_breached(last) if last else None,
        "unknown_dane_code": None if place in _places() else place,
        "source_object": received.source_object,
        "line_number": received.line_number,
        "month": local_month(received.day),
    }


def _status_rows(events: Iterable[Event]) -> list[Row]:
    return [
        {
            "event_id": event.event_id,
            "ticket_id": event.ticket_id,
            "ts": event.ts,
            "status_from": event.status_from,
            "status_to": event.status_to,
            "actor_role": event.actor_role,
            "event_number": number,
            "resolution_code": event.attributes.get("resolution_code"),
            "source_object": event.source_object,
            "line_number": event.line_number,
            "month": local_month(event.day),
        }
        for number, event in enumerate(events, start=1)
        if event.event_type == "STATUS"
    ]


# Tables


@dataclass(frozen=True)
class Ticket:
    """Everything the oracle knows of one ticket at the end of observation."""

    events: tuple[Event, ...]
    row: Row
    cycles: tuple[Cycle, ...]


def build_tickets(
    events: Sequence[Event], rules: Rules, last_observed_day: date | None = None
) -> list[Ticket]:
    """The tickets of a run, in the order of their ids."""
    last_day = last_observed_day or last_day_of(events)
    tickets = []
    for _, own in sorted(by_ticket(e for e in events if e.day <= last_day).items()):
        cycles = cycles_as_of(own, last_day, rules)
        tickets.append(Ticket(tuple(own), _ticket_row(own, cycles), tuple(cycles)))
    return tickets


def as_frame(name: str, rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a frame: the contract's columns, then its partitions (gold: the day first).

    Object columns keep None, integers and booleans as they are.
    """
    table = TABLES[name]
    missing = [p for p in table.partitions if p not in table.columns]
    columns = [*missing, *table.columns] if table.layer == "gold" else [*table.columns, *missing]
    ordered = sorted(rows, key=lambda row: tuple(row[part] for part in table.primary_key))
    cells = {c: pd.Series([row[c] for row in ordered], dtype=object) for c in columns}
    return pd.DataFrame(cells, columns=columns)


def build_silver(
    events: Sequence[Event], rules: Rules, last_observed_day: date | None = None
) -> dict[str, pd.DataFrame]:
    """The silver tables by contract name, each with its `month` partition as last column."""
    tickets = build_tickets(events, rules, last_observed_day)
    own = [event for ticket in tickets for event in ticket.events]
    rows: dict[str, list[Row]] = {
        "silver_tickets": [ticket.row for ticket in tickets],
        "silver_messages": [row for event in own for row in _message_rows(event)],
        "silver_status_events": [row for t in tickets for row in _status_rows(t.events)],
        "silver_attachments": [row for event in own for row in _attachment_rows(event)],
        "silver_sla_cycles": [sla_row(cycle) for t in tickets for cycle in t.cycles],
    }
    return {name: as_frame(name, table_rows) for name, table_rows in rows.items()}


# Comparison


def _as_instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """Plain Python values; a timestamp finer than microseconds is an error, never rounded."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        microseconds = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return [_as_instant(value) for value in microseconds.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def _is_same(actual: Any, expected: Any) -> bool:
    # 1, 1.0 and True are equal in Python, but they are not the same cell.
    return type(actual) is type(expected) and actual == expected


def _keyed(columns: Mapping[str, Sequence[Any]], key: Sequence[str], side: str) -> dict[Any, Row]:
    names = list(columns)
    rows: dict[Any, Row] = {}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        row_key = tuple(row[name] for name in key)
        if row_key in rows:
            raise AssertionError(f"{side}: key {row_key} occurs twice")
        rows[row_key] = row
    return rows


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, date) else repr(value)


def _shown_key(key: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in zip(key, values, strict=True))


def _differences(
    actual: Mapping[Any, Row], expected: Mapping[Any, Row], key: Sequence[str]
) -> Iterator[str]:
    for row_key in expected:
        if row_key not in actual:
            yield f"missing row: {_shown_key(key, row_key)}"
    for row_key in actual:
        if row_key not in expected:
            yield f"unexpected row: {_shown_key(key, row_key)}"
    for row_key, row in expected.items():
        for name, value in row.items():
            if row_key in actual and not _is_same(actual[row_key][name], value):
                found, wanted = _shown(actual[row_key][name]), _shown(value)
                yield f"{_shown_key(key, row_key)}: {name} is {found}, expected {wanted}"


def assert_same_table(
    actual: pa.Table,
    expected: pd.DataFrame,
    key: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    shown: int = 10,
) -> None:
    """Every cell is the same: value, type and null; floats bit for bit. Row order is free.

    Both sides must have the same columns, unless `columns` limits the comparison.
    """
    if columns is None and set(actual.column_names) != set(expected.columns):
        differing = sorted(set(actual.column_names) ^ set(expected.columns))
        raise AssertionError(f"columns on one side only: {differing}")
    names = list(dict.fromkeys([*key, *(columns or expected.columns)]))
    actual_rows = _keyed({name: _cells(actual[name]) for name in names}, key, "actual")
    expected_rows = _keyed({name: list(expected[name]) for name in names}, key, "expected")
    differences = list(_differences(actual_rows, expected_rows, key))
    if differences:
        summary = f"{len(differences)} differences ({len(expected_rows)} rows expected)"
        raise AssertionError("\n".join([summary, *differences[:shown]]))


def microseconds_between(start: datetime, end: datetime) -> int:
    return (end - start) // ONE_MICROSECOND
