"""Which lines of a dirty lake are curated, and what becomes of the others: docs/curation.md.

Plain loops over the lines as `tests/oracle/ingestion.py` judges them; nothing is imported from the
project.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from tests.oracle.curation import Event, by_ticket, files, object_name, spoken
from tests.oracle.ingestion import READ, Verdict, is_blank, judge
from tests.oracle.quality import AT_MOST, MOVES

Row = dict[str, Any]
GRAVITY = (
    "no_reception",
    "unknown_pqrs_type",
    "forbidden_transition",
    "broken_chain",
    "too_many_loops",
)


@dataclass(frozen=True)
class Curated:
    """The events that are curated, the rows of quarantine_silver, and the lines left out."""

    events: list[Event]
    quarantine: list[Row]
    repeated: list[Event]


def judged_lines(lake: Path, run_id: str) -> Iterator[tuple[str, int, Verdict]]:
    """Object, number and verdict of every line that is not blank, in the order of filing."""
    objects = lake.glob(f"raw/pqrs/source=*/day=*/run_id={run_id}/events.jsonl")
    for path in sorted(objects, key=lambda path: (path.parents[1].name, object_name(path))):
        source = path.parents[2].name.partition("=")[2]
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if not is_blank(line):
                yield object_name(path), number, judge(line, source)


def curate(lake: Path, run_id: str, types: Collection[str]) -> Curated:
    """What a run makes of its raw lines, given the types that its profile knows."""
    lines = [_event(*found) for found in judged_lines(lake, run_id) if found[2].event]
    first_by_id, repeated, rejected = _once(lines, lambda event: event.event_id)
    events, again, others = _once(
        first_by_id, attrgetter("ticket_id", "event_type", "ts", "status_to")
    )
    quarantine = [_row("event", "conflicting_duplicate", e) for e in [*rejected, *others]]
    kept: list[Event] = []
    for own in by_ticket(events).values():
        fault = _fault(own, types)
        if fault:
            reason, event, detail = fault
            quarantine.append(_row("ticket", reason, event, detail))
            quarantine += [_row("event", reason, e) for e in own]
        else:
            good, bad = _with_reception(own)
            kept += good
            quarantine += bad
    return Curated(kept, quarantine, [*repeated, *again, *rejected, *others])


def _event(source_object: str, line_number: int, verdict: Verdict) -> Event:
    event = {**(verdict.event or {}), "source_object": source_object, "line_number": line_number}
    event["attributes"] = event["attributes"] or dict.fromkeys(READ["attributes"])
    return Event(**event)


def _content(event: Event) -> Any:
    told = vars(event)
    left_out = ("event_id", "source_object", "line_number", "payload", "day")
    facts = {name: value for name, value in told.items() if name not in left_out}
    return facts, spoken(told), files(told)


def _once(lines: list[Event], key: Any) -> tuple[list[Event], list[Event], list[Event]]:
    """The first line of each key; of the others those that say the same, and those that do not."""
    first: dict[Any, Event] = {}
    same, other = [], []
    for event in lines:
        before = first.setdefault(key(event), event)
        if before is not event:
            (same if _content(before) == _content(event) else other).append(event)
    return list(first.values()), same, other


def _row(scope: str, reason: str, event: Event, detail: str | None = None) -> Row:
    return {
        "scope": scope,
        "reason": reason,
        "detail": detail,
        "ticket_id": event.ticket_id,
        "event_id": event.event_id,
        "source_object": event.source_object,
        "line_number": event.line_number,
    }


def _fault(own: list[Event], types: Collection[str]) -> tuple[str, Event, str | None] | None:
    """The gravest thing wrong with a ticket, and its first event that shows it."""
    faults = list(_faults([event for event in own if event.event_type == "STATUS"], types))
    return min(faults, key=lambda found: GRAVITY.index(found[0])) if faults else None


def _faults(
    statuses: list[Event], types: Collection[str]
) -> Iterator[tuple[str, Event, str | None]]:
    received = any(event.status_to == "RECEIVED" for event in statuses)
    taken: Counter[Any] = Counter()
    before: str | None = None
    for event in statuses:
        move = f"{event.status_from or '-'} > {event.status_to}"
        arc = (event.status_from, event.status_to)
        taken[arc] += 1
        if not received:
            yield "no_reception", event, None
        if event.status_to == "CLASSIFIED" and event.attributes["pqrs_type"] not in types:
            yield "unknown_pqrs_type", event, event.attributes["pqrs_type"]
        if (arc[0] or "", arc[1]) not in MOVES:
            yield "forbidden_transition", event, move
        if event.status_from != before:
            yield "broken_chain", event, f"{before or '-'} / {move}"
        if taken[arc] > AT_MOST.get(arc, taken[arc]):  # type: ignore[call-overload]
            yield "too_many_loops", event, move
        before = event.status_to


def _with_reception(own: list[Event]) -> tuple[list[Event], list[Row]]:
    """The events of a ticket that belong to it: there is a reception, and they are not before."""
    received = [event.ts for event in own if event.status_to == "RECEIVED"]
    if not received:
        return [], [_row("event", "orphan_event", event) for event in own]
    early = [event for event in own if event.ts < received[0]]
    kept = [event for event in own if event.ts >= received[0]]
    return kept, [_row("event", "before_reception", event) for event in early]
