"""Of several lines that say the same event, the one that counts.

Nearly every line is the only one of its event: lines that may not be are found by a hash, and
only those are compared.
"""

import ibis
from ibis import _

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.pipelines.curation.shards import shard_of

_BRONZE = TABLES["bronze_pqrs_events"]
# Lines count in this order: the first that was filed.
_FILED = ["day", "source_object", "line_number"]
# An export that is made again gives its lines new identifiers; the facts stay.
_FACTS = ["ticket_id", "event_type", "ts", "status_to"]
LINE = ["source_object", "line_number"]
# What says nothing of the event: its identifier, where it was filed, what was made of the line.
_OF_THE_LINE = ("event_id", *LINE, "filed_late_days", "repairs", "unknown_fields")
# What two lines must share to be one event.
_CONTENT = ("source", *(name for name in _BRONZE.columns if name not in _OF_THE_LINE))
# What an event says besides its words and files.
_SHORT = [
    name for name in _BRONZE.columns
    if name not in ("messages", "attachments", "filed_late_days", "repairs", "unknown_fields")
]  # fmt: skip


def find_repeated_lines(bronze_pqrs_events: ibis.Table) -> ibis.Table:
    """The bronze rows whose event has an earlier line, which counts.

    Key source_object, line_number. Added: event_id and ticket_id of the row; is_conflicting, the
    earlier line says something else. Lines are of one event if they have its identifier or, among
    those that are first by that, the same ticket, kind, instant and status. The order of rows
    decides nothing.
    """
    repeated = rank_lines(bronze_pqrs_events)
    conflicts = _conflicts(repeated, bronze_pqrs_events)
    joined = repeated.left_join(conflicts, LINE)
    return joined.select(
        *LINE, "event_id", "ticket_id", is_conflicting=joined.is_conflicting.fill_null(False)
    )


def rank_lines(bronze: ibis.Table) -> ibis.Table:
    """The repeated lines, with the place of the first: by identifier, the others by facts."""
    lines = bronze.select(*_FILED, "event_id", *_FACTS)
    by_id = _behind_the_first(lines, ["event_id"])
    by_facts = _behind_the_first(lines.anti_join(by_id, LINE), _FACTS)
    return ibis.union(by_id, by_facts)


def _behind_the_first(lines: ibis.Table, same: list[str]) -> ibis.Table:
    """The lines that have the values of an earlier one; added: first_object, first_number."""
    in_order = ibis.window(group_by=same, order_by=_FILED)
    alike = _alike(lines, same)
    ranked = alike.mutate(
        _first=ibis.struct({name: alike[name] for name in LINE}).first().over(in_order),
        _rank=ibis.row_number().over(in_order),
    )
    return ranked.filter(_._rank > 0).select(
        *lines.columns,
        first_object=_._first.source_object,
        first_number=_._first.line_number,
    )


def _alike(lines: ibis.Table, same: list[str]) -> ibis.Table:
    """All lines that are not alone with their values, and few others.

    Whatever the engine's hash is: it only passes lines over whose hash no other line has.
    """
    hashed = lines.mutate(_hash=ibis.struct({name: lines[name] for name in same}).hash())
    shared = hashed.group_by("_hash").aggregate(_lines=_.count()).filter(_._lines > 1)
    return hashed.semi_join(shared, "_hash").drop("_hash")


def _conflicts(repeated: ibis.Table, bronze: ibis.Table) -> ibis.Table:
    """The repeated lines whose content is not that of the line that counts."""
    lines = repeated.select(*LINE, "first_object", "first_number")
    second = lines.join(bronze.select(*LINE, *_CONTENT), LINE)
    first = bronze.select(
        first_object="source_object",
        first_number="line_number",
        **{f"first_{name}": bronze[name] for name in _CONTENT},
    )
    both = second.join(first, ["first_object", "first_number"])
    same = ibis.and_(*(both[name].identical_to(both[f"first_{name}"]) for name in _CONTENT))
    return both.filter(~same).select(*LINE, is_conflicting=ibis.literal(True))


def select_events(bronze_pqrs_events: ibis.Table, repeated_lines: ibis.Table) -> ibis.Table:
    """Every event once, without words and files; key event_id.

    Added: shard, equal for the events of a ticket; rows of a shard lie together, so that the
    engine finds them without reading the others.
    """
    events = bronze_pqrs_events.anti_join(repeated_lines, LINE).select("source", *_SHORT)
    rows = int(bronze_pqrs_events.count().to_pyarrow().as_py())
    return events.mutate(shard=shard_of(events, rows)).order_by("shard")
