"""Checks of the life cycle: transitions, their chain and loops, and the calendar."""

from collections.abc import Iterator

import ibis
from ibis import _

from pqrs_kedro.domain.statuses import ALLOWED_TRANSITIONS, LOOP_BOUNDS, RECEIVED
from pqrs_kedro.pipelines.reporting.checks import (
    EXAMPLES,
    Check,
    Tables,
    fetch,
    first_rows,
    none_broken,
)
from pqrs_kedro.pipelines.reporting.measures import Measures

_EVENTS = "silver_status_events"


def check_lifecycle(tables: Tables, measures: Measures) -> Iterator[Check]:
    """The status machine, as events show it, and the ordinals of the calendar."""
    events, rows = tables[_EVENTS], measures[_EVENTS]["rows"]
    yield _check_transitions(events, rows)
    yield _check_chain(events, rows)
    yield _check_loops(events, rows)
    yield _check_calendar(tables["dim_business_day"], measures["dim_business_day"]["rows"])


def _check_transitions(events: ibis.Table, rows: int) -> Check:
    """Only transitions of the status machine; a ticket begins with RECEIVED."""
    allowed = ALLOWED_TRANSITIONS | {(None, RECEIVED)}
    moves = fetch(events.group_by(["status_from", "status_to"]).aggregate(events=_.count()))
    wrong = [row for row in moves if (row["status_from"], row["status_to"]) not in allowed]
    wrong.sort(key=lambda row: (-row["events"], row["status_from"] or "", row["status_to"]))
    broken = sum(row["events"] for row in wrong)
    return none_broken(_EVENTS, "allowed_transitions", rows, broken, wrong[:EXAMPLES])


def _check_chain(events: ibis.Table, rows: int) -> Check:
    """status_from is the status_to of the ticket's event before; null for the first event."""
    in_order = ibis.window(group_by="ticket_id", order_by="event_number")
    before = events.status_to.lag().over(in_order)
    chained = events.mutate(status_before=before)
    broken = chained.filter(~chained.status_from.identical_to(chained.status_before))
    found = int(broken.count().to_pyarrow().as_py())
    columns = ("ticket_id", "event_number", "status_before", "status_from")
    examples = first_rows(broken, columns) if found else []
    return none_broken(_EVENTS, "unbroken_chain", rows, found, examples)


def _check_loops(events: ibis.Table, rows: int) -> Check:
    """No ticket takes a loop's arc more often than its bound; the value counts such tickets."""
    arcs = [(events.status_from == f) & (events.status_to == t) for f, t in LOOP_BOUNDS]
    bound = ibis.cases(*zip(arcs, LOOP_BOUNDS.values(), strict=True))
    looped = events.mutate(bound=bound).filter(_.bound.notnull())
    taken = looped.group_by(["ticket_id", "status_from", "status_to"]).aggregate(
        times=_.count(), bound=_.bound.max()
    )
    broken = taken.filter(taken.times > taken.bound)
    found = int(broken.ticket_id.nunique().to_pyarrow().as_py())
    columns = ("ticket_id", "status_from", "status_to", "times")
    examples = first_rows(broken, columns) if found else []
    return none_broken(_EVENTS, "bounded_loops", rows, found, examples, unit="tickets")


def _check_calendar(calendar: ibis.Table, rows: int) -> Check:
    """A day's ordinal is that of the day before, and one more if it is a business day."""
    in_order = ibis.window(order_by="day")
    with_before = calendar.mutate(
        day_before=calendar.day.lag().over(in_order),
        ordinal_before=calendar.business_day_ordinal.lag().over(in_order),
    ).filter(_.day_before.notnull())
    step = with_before.business_day_ordinal - with_before.ordinal_before
    gap = with_before.day.delta(with_before.day_before, unit="day") != 1
    wrong = with_before.filter((step != with_before.is_business_day.cast("int64")) | gap)
    found = int(wrong.count().to_pyarrow().as_py())
    examples = first_rows(wrong, ["day", "business_day_ordinal"]) if found else []
    return none_broken("dim_business_day", "ordinals_count_business_days", rows, found, examples)
