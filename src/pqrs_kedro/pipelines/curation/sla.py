"""SLA cycles from events: start, term, holds, due day, stop (metrics reference, "SLA cycles")."""

from collections.abc import Sequence

import ibis
from ibis import _

from pqrs_kedro.domain.statuses import CLASSIFIED, ON_HOLD, RADICATED, REOPENED
from pqrs_kedro.domain.terms import EXTENSION_FACTOR
from pqrs_kedro.parameters import Profile
from pqrs_kedro.parameters_law import SpecialTerms
from pqrs_kedro.pipelines.curation.shards import by_shard
from pqrs_kedro.pipelines.expressions import local_day, with_ordinal


def measure_sla_cycles(
    ordered_events: ibis.Table,
    dim_pqrs_type: ibis.Table,
    dim_business_day: ibis.Table,
    profile: Profile,
    observation: ibis.Table,
) -> list[ibis.Table]:
    """One row per ticket and cycle, as of the last observed day; key ticket_id, cycle_number.

    Transformations include: a cycle from RADICATED and from each REOPENED; its stop, the first stop
    status; the term of the ticket's last classification, or the special one of a window, doubled by
    an extension announced no later than the due day; the business days that holds pause (CPACA
    art. 17); the due day, the (term + paused)-th business day after the start day. Besides the
    columns of silver_sla_cycles there are last_day, the last observed one, and the ordinals of the
    business days, such as due_ordinal and last_ordinal.
    """

    def measure(events: ibis.Table) -> ibis.Table:
        cycles = _cycles(events, profile.stop_status)
        cycles = _with_term(cycles, events, dim_pqrs_type)
        cycles = _with_holds(cycles, events)
        cycles = _with_extension(cycles, events)
        cycles = _with_special_term(cycles.cross_join(observation), profile.special_terms)
        cycles = _with_day_ordinals(cycles, dim_business_day)
        cycles = cycles.mutate(extended_on_day=_valid_extension(cycles))
        cycles = cycles.mutate(term_business_days=term_on(cycles, cycles.last_day))
        due = due_ordinal(cycles, cycles.term_business_days, as_of=cycles.last_ordinal)
        return _with_outcome(cycles.mutate(due_ordinal=due), dim_business_day)

    return by_shard(measure, ordered_events)


def _cycles(events: ibis.Table, stop_status: str) -> ibis.Table:
    """Start and stop of every cycle that has started."""
    entered = events.status_to
    opening = ibis.ifelse(events.cycle_number == 1, RADICATED, REOPENED)
    cycles = events.group_by(["ticket_id", "cycle_number", "shard"]).aggregate(
        started_at=events.ts.min(where=entered == opening),
        stopped_at=events.ts.min(where=entered == stop_status),
    )
    return cycles.filter(_.started_at.notnull()).mutate(
        start_day=local_day(_.started_at), stop_day=local_day(_.stopped_at)
    )


def _with_term(cycles: ibis.Table, events: ibis.Table, types: ibis.Table) -> ibis.Table:
    """Add the type of the ticket's last classification and its term; untyped tickets have none."""
    classified = events.filter(events.status_to == CLASSIFIED)
    last = classified.group_by("ticket_id").aggregate(
        pqrs_type=classified.pqrs_type.argmax(classified.event_number)
    )
    terms = types.select(pqrs_type="type_id", base_term_business_days="sla_business_days")
    return cycles.join(last, "ticket_id").join(terms, "pqrs_type")


def _with_holds(cycles: ibis.Table, events: ibis.Table) -> ibis.Table:
    """Add the days of the first and second hold that begin in the cycle before its stop."""
    status = events.filter(events.event_type == "STATUS")
    in_order = ibis.window(group_by="ticket_id", order_by="event_number")
    timed = status.mutate(ended_at=status.ts.lead().over(in_order))
    holds = timed.filter(timed.status_to == ON_HOLD)
    stops = cycles.select("ticket_id", "cycle_number", "stopped_at")
    holds = holds.join(stops, ["ticket_id", "cycle_number"])
    before_stop = holds.stopped_at.isnull() | (holds.ts < holds.stopped_at)
    in_cycle = ibis.window(group_by=["ticket_id", "cycle_number"], order_by="event_number")
    holds = holds.filter(before_stop).mutate(number=ibis.row_number().over(in_cycle))
    days = holds.group_by(["ticket_id", "cycle_number"]).aggregate(
        **{
            f"{name}_hold_{edge}_day": local_day(instant).max(where=holds.number == number)
            for number, name in enumerate(("first", "second"))
            for edge, instant in (("start", holds.ts), ("end", holds.ended_at))
        }
    )
    return _left_join_cycles(cycles, days)


def _with_extension(cycles: ibis.Table, events: ibis.Table) -> ibis.Table:
    """Add the local day of the first extension announced in the cycle."""
    announced = events.filter(events.event_type == "TERM_EXTENDED")
    days = announced.group_by(["ticket_id", "cycle_number"]).aggregate(
        announced_day=local_day(announced.ts).min()
    )
    return _left_join_cycles(cycles, days)


def _with_special_term(cycles: ibis.Table, windows: Sequence[SpecialTerms]) -> ibis.Table:
    """Add the special term of a cycle and the day from which it holds; null where none does.

    That of the window in which the cycle starts, else of the first window that begins, up to the
    last observed day, while the cycle is open.
    """
    terms, days = [], []
    open_until = ibis.coalesce(cycles.stop_day, cycles.last_day)
    for window in windows:
        first, last = ibis.date(window.first_day), ibis.date(window.last_day)
        of_type = cycles.pqrs_type.isin(list(window.terms))
        starts_in = of_type & cycles.start_day.between(first, last)
        is_open = of_type & (cycles.start_day < first) & (open_until >= first)
        term = cycles.pqrs_type.cases(*window.terms.items()).cast("int64")
        terms += [(starts_in, term), (is_open, term)]
        days += [(starts_in, cycles.start_day), (is_open, first)]
    return cycles.mutate(
        special_term_business_days=ibis.cases(*terms) if terms else ibis.null("int64"),
        special_term_from_day=ibis.cases(*days) if days else ibis.null("date"),
    )


def _left_join_cycles(cycles: ibis.Table, right: ibis.Table) -> ibis.Table:
    joined = cycles.left_join(right, ["ticket_id", "cycle_number"])
    return joined.drop("ticket_id_right", "cycle_number_right")


def _with_day_ordinals(cycles: ibis.Table, calendar: ibis.Table) -> ibis.Table:
    days = {"announced_ordinal": "announced_day", "last_ordinal": "last_day"}
    cycles = with_ordinal(cycles, calendar, days)
    cycles = with_ordinal(cycles, calendar, {"before_announced": "announced_day"}, before=True)
    return with_cycle_ordinals(cycles, calendar)


def with_cycle_ordinals(cycles: ibis.Table, calendar: ibis.Table) -> ibis.Table:
    """Add the business-day ordinals that `due_ordinal` counts with."""
    cycles = with_ordinal(
        cycles,
        calendar,
        {
            "start_ordinal": "start_day",
            "first_hold_start": "first_hold_start_day",
            "first_hold_end": "first_hold_end_day",
            "second_hold_start": "second_hold_start_day",
            "second_hold_end": "second_hold_end_day",
        },
    )
    before = {
        "before_first_hold": "first_hold_start_day",
        "before_second_hold": "second_hold_start_day",
    }
    return with_ordinal(cycles, calendar, before, before=True)


def due_ordinal(cycles: ibis.Table, term: ibis.Value, as_of: ibis.Value) -> ibis.Value:
    """Ordinal of the due day as known at the end of the day with ordinal `as_of`.

    A hold pauses if its start day is not after the due day computed from the earlier holds; one
    that is open then, or ends later, counts as ending on that day. Days before a hold's start are
    compared by ordinals: start day <= due day exactly when fewer business days than the due day's
    ordinal lie before the start day, the due day being a business day.
    """
    due = cycles.start_ordinal + term
    for name in ("first", "second"):
        start = cycles[f"{name}_hold_start"]
        end = ibis.least(ibis.coalesce(cycles[f"{name}_hold_end"], as_of), as_of)
        pauses = (cycles[f"before_{name}_hold"] < due) & (start <= as_of)
        due = due + ibis.ifelse(pauses.fill_null(False), end - start, 0)
    return due


def unextended_term(cycles: ibis.Table, day: ibis.Value) -> ibis.Value:
    """The term as the law has it for the cycle on a day, leaving extensions out."""
    is_special = (cycles.special_term_from_day <= day).fill_null(False)
    return ibis.ifelse(
        is_special, cycles.special_term_business_days, cycles.base_term_business_days
    )


def term_on(cycles: ibis.Table, day: ibis.Value) -> ibis.Value:
    """The term as known at the end of a day: an extension announced by then doubles it."""
    extended = (cycles.extended_on_day <= day).fill_null(False)
    factor = ibis.ifelse(extended, EXTENSION_FACTOR, 1)
    return (unextended_term(cycles, day) * factor).cast("int64")


def _valid_extension(cycles: ibis.Table) -> ibis.Value:
    """The announcement's day if it is no later than the due day as known then; null otherwise."""
    term = unextended_term(cycles, cycles.announced_day)
    due = due_ordinal(cycles, term, cycles.announced_ordinal)
    return ibis.cases((cycles.before_announced < due, cycles.announced_day))


def _with_outcome(cycles: ibis.Table, calendar: ibis.Table) -> ibis.Table:
    """Add due day, paused days, lateness and the partition month."""
    business = calendar.filter(calendar.is_business_day)
    due_days = business.select(due_ordinal="business_day_ordinal", due_day="day")
    # No event is so late that its term ends behind the calendar (`LAST_EVENT_DAY`). If one did, the
    # contract would refuse the cycle without its due day; an inner join would lose it.
    cycles = cycles.left_join(due_days, "due_ordinal").drop("due_ordinal_right")
    cycles = with_ordinal(cycles, calendar, {"stop_ordinal": "stop_day"})
    late = cycles.stop_day > cycles.due_day
    days_late = ibis.greatest(cycles.stop_ordinal - cycles.due_ordinal, 0)
    return cycles.mutate(
        month=cycles.start_day.cast("string").substr(0, 7),
        paused_days=cycles.due_ordinal - cycles.start_ordinal - cycles.term_business_days,
        is_late=late,
        business_days_late=ibis.cases((cycles.stop_day.notnull(), days_late)),
    )
