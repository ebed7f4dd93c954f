"""The story of a ticket as lines of text; times are local (America/Bogota)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS
from pqrs_kedro.domain.readable import readable
from pqrs_kedro.trace.cells import Cell
from pqrs_kedro.trace.due_day import HoldJudged
from pqrs_kedro.trace.lake_rows import Row
from pqrs_kedro.trace.story import CURATED, REJECTED, REPEAT, Cycle, Event, RejectedLine, Story

# Characters of a raw line that are shown unless all of it is asked for.
SHOWN_CHARACTERS: Final = 160
_ONE_DAY: Final = timedelta(days=1)
_LOCAL: Final = timedelta(seconds=UTC_OFFSET_SECONDS)


def story_lines(story: Story, whole_lines: bool) -> Iterator[str]:
    """The story, line by line.

    Args:
        story: the story.
        whole_lines: show raw lines in full, however long they are.
    """
    most = None if whole_lines else SHOWN_CHARACTERS
    yield from _head(story)
    yield from _events(story, most)
    if story.rejected_lines:
        count = len(story.rejected_lines)
        yield f"\nRejected lines: {count}, which name the ticket and are no events"
        for item in story.rejected_lines:
            yield from _rejected_line(item, most)
    for cycle in story.cycles:
        yield from _cycle(cycle, story)
    yield from _cells(story)


def _head(story: Story) -> Iterator[str]:
    inputs = story.run.manifest["inputs"]
    calendar, until = inputs["calendar"], inputs["parameters"].get("observe_until")
    stop = inputs["parameters"]["profile"]["stop_status"]
    law = f"as of {calendar['as_of']}" if calendar["as_of"] else "as it is now"
    observed = f"until {until}" if until else f"to the last event, {story.last_day}"
    yield f"ticket      {story.ticket_id}"
    yield f"run         {story.run.run_id}, profile {inputs['profile']}, clock stops at {stop}"
    yield f"calendar    {calendar['source']}, {calendar['version']}, the law {law}"
    yield f"observed    {observed}"
    if story.ticket is None:
        yield from _quarantined(story)
        return
    yield from _facts(story.ticket, story.place)


def _facts(ticket: Row, place: Row | None) -> Iterator[str]:
    where = (
        f"{place['municipio']}, {place['department']} ({place['region']})" if place else "unknown"
    )
    if ticket["unknown_dane_code"]:
        where = f"unknown: code {ticket['unknown_dane_code']} does not exist"
    yield f"radicado    {ticket['external_id'] or 'none yet'}"
    yield (
        f"petition    {ticket['pqrs_type'] or 'not classified yet'}, priority "
        f"{ticket['priority'] or 'none yet'}, by {ticket['source_channel']}"
    )
    yield f"place       {where}"
    yield f"received    {_local(ticket['created_at'])}"
    yield f"status      {ticket['current_status']}"
    if ticket["first_response_at"]:
        yield f"first reply {_local(ticket['first_response_at'])}"
    if ticket["resolution_code"]:
        cited = f", cites {ticket['cited_external_id']}" if ticket["cited_external_id"] else ""
        yield f"resolution  {ticket['resolution_code']}{cited}"
    breached = {True: "yes", False: "no", None: "not due yet"}[ticket["is_breached"]]
    yield f"breached    {breached}"


def _quarantined(story: Story) -> Iterator[str]:
    yield "status      in quarantine: it has no row in silver and is counted in no KPI"
    for row in story.rejections:
        detail = f" ({row['detail']})" if row["detail"] else ""
        where = f"{row['source_object']} line {row['line_number']}"
        yield f"reason      {row['reason']}{detail}, first shown by {where}"
    if not story.rejections and story.events:
        reasons = sorted({event.reason for event in story.events if event.reason})
        yield f"reason      its events are rejected: {', '.join(reasons)}"


def _events(story: Story, most: int | None) -> Iterator[str]:
    fates = [event.fate for event in story.events]
    counted = [fates.count(fate) for fate in (CURATED, REPEAT, REJECTED)]
    extended = {cycle.row["extended_on_day"] for cycle in story.cycles}
    yield "\nEvents: {} curated, {} repeats, {} rejected".format(*counted)
    for event in story.events:
        yield f"  {_local(event.facts['ts'])}  {_what(event)}"
        yield f"    {event.facts['source_object']} line {event.facts['line_number']}"
        yield from (f"    {remark}" for remark in _remarks(event))
        if _extends_nothing(event, extended):
            yield "    extends nothing: it comes after the due day, or after another extension"
        yield from _raw(event.line, most)


def _what(event: Event) -> str:
    facts = event.facts
    kind = facts["event_type"]
    if kind == "STATUS":
        kind = f"{facts['status_from'] or '-'} > {facts['status_to']}"
    told = [f"{len(event.messages)} messages"] if event.messages else []
    told += [f"{len(event.attachments)} files"] if event.attachments else []
    names = ("pqrs_type", "priority", "geo_id", "resolution_code", "term_business_days")
    told += [f"{name} {facts[name]}" for name in names if facts[name] is not None]
    return ", ".join([f"{kind} by {facts['actor_role']}", *told])


def _remarks(event: Event) -> Iterator[str]:
    facts = event.facts
    if event.repeats:
        yield "repeat of {} line {}, which counts".format(*event.repeats)
    if event.reason:
        yield f"rejected: {event.reason}"
    if facts["repairs"]:
        yield f"repaired: {', '.join(facts['repairs'])}"
    if facts["unknown_fields"]:
        # A field's name is whatever the line says.
        yield f"unknown fields: {readable(', '.join(facts['unknown_fields']).encode())}"
    if facts["filed_late_days"]:
        yield f"filed {facts['filed_late_days']:+} days from its own day"


def _extends_nothing(event: Event, extended: set[date | None]) -> bool:
    is_announcement = (event.facts["event_type"], event.fate) == ("TERM_EXTENDED", CURATED)
    return is_announcement and (event.facts["ts"] + _LOCAL).date() not in extended


def _rejected_line(item: RejectedLine, most: int | None) -> Iterator[str]:
    detail = f" ({readable(item.detail.encode())})" if item.detail else ""
    yield f"  {item.source_object} line {item.line_number}: {item.reason}{detail}"
    yield from _raw(item.line, most)


def _raw(line: bytes, most: int | None) -> Iterator[str]:
    shown = readable(line, most)
    yield f"    {len(line):,} bytes: {shown}"


def _cycle(cycle: Cycle, story: Story) -> Iterator[str]:
    row = cycle.row
    yield f"\nSLA cycle {row['cycle_number']}: {cycle.outcome}"
    yield f"  start     {_day(row['start_day'])}; counting begins with the next business day"
    yield from _term(row)
    for hold in cycle.due.holds:
        yield from _hold(hold)
    yield f"  due       {_day(row['due_day'])}, business day {_last_number(cycle)} after the start:"
    for step in cycle.due.days:
        number = "-" if step.number is None else str(step.number)
        paused = f"paused by hold {step.paused_by}" if step.paused_by else None
        said = "; ".join(filter(None, (paused, step.note)))
        yield f"    {_day(step.day)}  {number:>3}  {said}".rstrip()
    if row["stop_day"] is None:
        yield f"  stop      not stopped by {story.last_day}"
        return
    late = f", {row['business_days_late']} business days late" if row["is_late"] else ""
    yield f"  stop      {_local(row['stopped_at'])}: {cycle.outcome}{late}"


def _term(row: Row) -> Iterator[str]:
    yield f"  term      {row['base_term_business_days']} business days for {row['pqrs_type']}"
    if row["special_term_business_days"] is not None:
        yield (
            f"  special   {row['special_term_business_days']} business days instead, "
            f"from {row['special_term_from_day']} on"
        )
    if row["extended_on_day"] is not None:
        yield f"  extended  on {_day(row['extended_on_day'])}: doubled"
    yield f"  applies   {row['term_business_days']} + {row['paused_days']} paused business days"


def _hold(hold: HoldJudged) -> Iterator[str]:
    end = f"to {_day(hold.end_day)}" if hold.end_day else "still open"
    verdict = f"adds {hold.paused_days} business days"
    if not hold.counts:
        verdict = f"adds nothing: it begins after {hold.due_day_before}, due until then"
    yield f"  hold {hold.number}    from {_day(hold.start_day)} {end}: {verdict}"


def _last_number(cycle: Cycle) -> int:
    return int(cycle.row["term_business_days"] + cycle.row["paused_days"])


def _cells(story: Story) -> Iterator[str]:
    yield f"\nKPI cells: counted in {len(story.cells):,}"
    for group in sorted(_by_days(story.cells), key=_when):
        first, last = group[0], group[-1]
        key = {name: value for name, value in first.key.items() if name != "day"}
        named = " ".join(f"{name}={value}" for name, value in key.items())
        days = _days(first, last, len(group))
        adds = ", ".join(f"{name} {value}{_of(group, name)}" for name, value in first.adds.items())
        yield f"  {first.table}  {' '.join(filter(None, (days, named)))}: {adds}"


def _days(first: Cell, last: Cell, count: int) -> str:
    if "day" not in first.key:
        return ""
    if count == 1:
        return f"day={first.key['day']}"
    return f"day={first.key['day']} to {last.key['day']} ({count} days)"


def _of(group: Sequence[Cell], name: str) -> str:
    """What the cells have in all, from the least to the most."""
    values = [cell.values[name] for cell in group]
    least, most = min(values), max(values)
    mean = "a median" if name.startswith("median_") else "a mean"
    kind = "of" if isinstance(least, int) else f"in {mean} of"
    return f" {kind} {least}" if least == most else f" {kind} {least} to {most}"


def _by_days(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Cells that differ by their day alone and follow each other, together."""
    group: list[Cell] = []
    for cell in sorted(cells, key=_order):
        if group and not _continues(group[-1], cell):
            yield group
            group = []
        group.append(cell)
    if group:
        yield group


def _order(cell: Cell) -> tuple[str, list[str], date]:
    others = [str(value) for name, value in cell.key.items() if name != "day"]
    return cell.table, others, cell.key.get("day", date.min)


def _when(group: Sequence[Cell]) -> tuple[str, date, list[str]]:
    table, others, day = _order(group[0])
    return table, day, others


def _continues(before: Cell, cell: Cell) -> bool:
    follows = "day" in cell.key and "day" in before.key
    return (
        follows
        and _order(before)[:2] == _order(cell)[:2]
        and before.key["day"] + _ONE_DAY == cell.key["day"]
        and before.adds == cell.adds
    )


def _day(day: date) -> str:
    return f"{day} {day:%a}"


def _local(instant: datetime) -> str:
    return f"{instant + _LOCAL:%Y-%m-%d %H:%M:%S.%f}"
