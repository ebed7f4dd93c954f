"""Of several lines that say the same event, the one that counts."""

import ibis
from ibis import _

from pqrs_kedro.contracts.tables import TABLES

_BRONZE = TABLES["bronze_pqrs_events"]
# Lines count in this order: the first that was filed.
_FILED = ["day", "source_object", "line_number"]
# An export that is made again gives its lines new identifiers; the facts stay.
_FACTS = ["ticket_id", "event_type", "ts", "status_to"]
_LINE = ["source_object", "line_number"]
# What says nothing of the event: its identifier, where it was filed, what was made of the line.
_OF_THE_LINE = ("event_id", *_LINE, "filed_late_days", "repairs", "unknown_fields")
# What two lines must share to be one event.
_CONTENT = ("source", *(name for name in _BRONZE.columns if name not in _OF_THE_LINE))


def compare_lines(bronze_pqrs_events: ibis.Table) -> ibis.Table:
    """Bronze rows without messages and files; key source_object, line_number.

    Added: is_repeated, the event has an earlier line, which counts; is_conflicting, that line says
    something else. Lines are of one event if they have its identifier or, among those that are
    first by that, the same ticket, kind, instant and status. The order of rows decides nothing.
    """
    lines = bronze_pqrs_events.drop("messages", "attachments", "repairs", "unknown_fields")
    found = rank_lines(lines)
    conflicts = _conflicts(found.filter(found.is_repeated), bronze_pqrs_events)
    joined = found.left_join(conflicts, _LINE)
    return joined.select(
        *lines.columns, "is_repeated", is_conflicting=joined.is_conflicting.fill_null(False)
    )


def rank_lines(lines: ibis.Table) -> ibis.Table:
    """Add is_repeated and first_line: of the lines that are first by identifier, those by facts."""
    by_id = _with_first(lines, ["event_id"])
    first_by_id = _with_first(by_id.filter(~by_id.is_repeated).select(*lines.columns), _FACTS)
    return ibis.union(by_id.filter(by_id.is_repeated), first_by_id)


def _with_first(lines: ibis.Table, same: list[str]) -> ibis.Table:
    """Add the first of the lines that have the same values, and whether this is another one."""
    in_order = ibis.window(group_by=same, order_by=_FILED)
    line = ibis.struct({name: lines[name] for name in _LINE})
    return lines.mutate(
        first_line=line.first().over(in_order), is_repeated=ibis.row_number().over(in_order) > 0
    )


def _conflicts(repeated: ibis.Table, bronze: ibis.Table) -> ibis.Table:
    """The repeated lines whose content is not that of the line that counts."""
    lines = repeated.select(
        *_LINE,
        first_object=repeated.first_line.source_object,
        first_number=repeated.first_line.line_number,
    )
    second = lines.join(bronze.select(*_LINE, *_CONTENT), _LINE)
    first = bronze.select(
        first_object="source_object",
        first_number="line_number",
        **{f"first_{name}": bronze[name] for name in _CONTENT},
    )
    both = second.join(first, ["first_object", "first_number"])
    same = ibis.and_(*(both[name].identical_to(both[f"first_{name}"]) for name in _CONTENT))
    return both.filter(~same).select(*_LINE, is_conflicting=ibis.literal(True))


def count_once(compared_lines: ibis.Table) -> ibis.Table:
    """Every event once: the lines that count."""
    return compared_lines.filter(~_.is_repeated)
