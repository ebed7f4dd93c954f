"""Gold KPIs of the SLA, as of the end of each day, and the ageing of the backlog."""

import ibis
from ibis import _

from pqrs_kedro.contracts.columns import AGE_BUCKETS
from pqrs_kedro.pipelines.curation.sla import (
    due_ordinal,
    term_on,
    unextended_term,
    with_cycle_ordinals,
)
from pqrs_kedro.pipelines.expressions import exact_quotient, local_day, with_ordinal
from pqrs_kedro.pipelines.metrics.days import dense

# First age in business days of each bucket, and of the one after it.
_BUCKET_EDGES = ((0, 6), (6, 11), (11, 16), (16, 31), (31, None))


def summarise_sla(
    silver_sla_cycles: ibis.Table,
    days: ibis.Table,
    dim_business_day: ibis.Table,
    dim_pqrs_type: ibis.Table,
) -> ibis.Table:
    """gold_kpi_sla_daily: cycles stopped on the day, and cycles overdue at its end, by type."""
    types = dim_pqrs_type.select(pqrs_type="type_id")
    keys = [days.select("day"), types]
    stopped = _count_stopped(silver_sla_cycles)
    overdue = _count_overdue(silver_sla_cycles, days, dim_business_day)
    stopped_values = ["stopped_count", "within_count", "late_count", "late_days"]
    rows = dense(keys, stopped, stopped_values)
    overdue_rows = dense(keys, overdue, ["overdue_count", "overdue_days"])
    rows = rows.join(overdue_rows, ["day", "pqrs_type"])
    return rows.mutate(
        within_sla_pct=exact_quotient(100 * rows.within_count, rows.stopped_count),
        avg_overdue_days=exact_quotient(rows.overdue_days, rows.overdue_count),
        avg_late_days=exact_quotient(rows.late_days, rows.late_count),
    )


def _count_stopped(cycles: ibis.Table) -> ibis.Table:
    stopped = cycles.filter(_.stop_day.notnull())
    late = stopped.is_late.cast("int64")
    return stopped.group_by(day=stopped.stop_day, pqrs_type=stopped.pqrs_type).aggregate(
        stopped_count=_.count(),
        within_count=(1 - late).sum(),
        late_count=late.sum(),
        late_days=stopped.business_days_late.sum(where=stopped.is_late),
    )


def _count_overdue(cycles: ibis.Table, days: ibis.Table, calendar: ibis.Table) -> ibis.Table:
    """Overdue cycles at the end of each day, and their business days late.

    Only days from the earliest possible due day (no pause, no extension) on are looked at; a term
    that changes while the cycle is open becomes longer.
    """
    counted = with_cycle_ordinals(cycles, calendar)
    earliest = counted.start_ordinal + unextended_term(counted, counted.start_day)
    counted = counted.mutate(earliest=earliest)
    of_days = days.select("day", "ordinal")
    running = counted.stop_day.isnull() | (of_days.day < counted.stop_day)
    open_days = counted.join(of_days, [counted.earliest <= of_days.ordinal, running])
    term = term_on(open_days, open_days.day)
    late_days = open_days.ordinal - due_ordinal(open_days, term, open_days.ordinal)
    overdue = open_days.mutate(overdue_days=late_days).filter(_.overdue_days >= 0)
    return overdue.group_by(["day", "pqrs_type"]).aggregate(
        overdue_count=_.count(), overdue_days=_.overdue_days.sum()
    )


def count_backlog_ageing(
    silver_status_events: ibis.Table,
    located_tickets: ibis.Table,
    days: ibis.Table,
    dim_business_day: ibis.Table,
    dim_pqrs_type: ibis.Table,
) -> ibis.Table:
    """gold_backlog_ageing_daily: the backlog by business days since the last cycle's start day.

    Each open spell enters a bucket on the day it reaches its first age and leaves it for the next
    one, or when it closes; the count is the running sum of entries less exits.
    """
    spells = _open_spells(silver_status_events, located_tickets)
    spells = with_ordinal(spells, dim_business_day, {"start_ordinal": "start_day"})
    buckets = [
        _bucket_moves(spells, dim_business_day, number) for number in range(len(AGE_BUCKETS))
    ]
    moves = ibis.union(*buckets)
    daily = moves.group_by(["day", "pqrs_type", "age_bucket"]).aggregate(step=_.step.sum())
    keys = [
        days.select("day"),
        dim_pqrs_type.select(pqrs_type="type_id"),
        ibis.memtable({"age_bucket": list(AGE_BUCKETS)}),
    ]
    rows = dense(keys, daily, ["step"])
    up_to_day = ibis.window(
        group_by=["pqrs_type", "age_bucket"], order_by="day", preceding=None, following=0
    )
    return rows.mutate(backlog_count=rows.step.sum().over(up_to_day).cast("int64")).drop("step")


def _open_spells(events: ibis.Table, tickets: ibis.Table) -> ibis.Table:
    """One row per time a ticket was open: first day, start day of its cycle, day of closing."""
    up_to_here = ibis.window(
        group_by="ticket_id", order_by="event_number", preceding=None, following=0
    )
    reopened = (events.status_to == "REOPENED").cast("int64")
    spelled = events.mutate(spell=reopened.sum().over(up_to_here), day=local_day(events.ts))
    status = spelled.status_to
    spells = spelled.group_by(["ticket_id", "spell"]).aggregate(
        open_day=spelled.day.min(),
        start_day=spelled.day.min(where=status.isin(("RADICATED", "REOPENED"))),
        close_day=spelled.day.min(where=status == "CLOSED"),
    )
    return spells.join(tickets.select("ticket_id", "pqrs_type"), "ticket_id")


def _bucket_moves(spells: ibis.Table, calendar: ibis.Table, number: int) -> ibis.Table:
    """Entries (+1) into a bucket and exits (-1) from it, by day and type."""
    first, after = _BUCKET_EDGES[number]
    stays = spells.mutate(entry=spells.open_day, exit=spells.close_day)
    if first > 0:
        stays = _day_at_age(stays, calendar, first, "entry")
    if after is not None:
        stays = _day_at_age(stays, calendar, after, "reached")
        stays = stays.mutate(exit=ibis.least(
            ibis.coalesce(stays.reached, stays.exit), ibis.coalesce(stays.exit, stays.reached)
        ))  # fmt: skip
    stays = stays.filter(stays.entry.notnull() & (stays.exit.isnull() | (stays.entry < stays.exit)))
    bucket = ibis.literal(AGE_BUCKETS[number])
    entries = stays.select("pqrs_type", day=stays.entry, step=ibis.literal(1, "int64"),
                           age_bucket=bucket)  # fmt: skip
    left = stays.filter(stays.exit.notnull())
    exits = left.select("pqrs_type", day=left.exit, step=ibis.literal(-1, "int64"),
                        age_bucket=bucket)  # fmt: skip
    return ibis.union(entries, exits)


def _day_at_age(spells: ibis.Table, calendar: ibis.Table, age: int, name: str) -> ibis.Table:
    """Add the day on which a spell's age reaches `age` business days; null before radication."""
    business = calendar.filter(calendar.is_business_day)
    lookup = business.select(_at="business_day_ordinal", _day="day")
    joined = spells.left_join(lookup, (spells.start_ordinal + age) == lookup["_at"])
    return joined.mutate(**{name: joined["_day"]}).drop("_at", "_day")
