"""The run in numbers: the breach rate against the requested one, and who has no type yet."""

import ibis
from ibis import _

from pqrs_kedro.pipelines.expressions import end_of_local_day, exact_quotient

BREACH_RATE = "breach_rate"
UNCLASSIFIED = "unclassified"
TOTAL = "total"


def summarise_run(
    silver_tickets: ibis.Table,
    gold_kpi_volume_daily: ibis.Table,
    dim_pqrs_type: ibis.Table,
    breach_rate: float | None,
) -> ibis.Table:
    """gold_run_summary: breached tickets of those whose last due day has been observed.

    No rate is requested of lines that were not generated, nor where the response's level is given
    instead: `breach_rate` is null then.

    Early closers would bias the rate, so tickets due after the last observed day are left out.
    Added: tickets whose classification has not been observed, which no other gold table can count.
    """
    breached = _breach_rate(silver_tickets, gold_kpi_volume_daily, dim_pqrs_type, breach_rate)
    return ibis.union(breached, _unclassified(silver_tickets).select(*breached.columns))


def _breach_rate(
    tickets: ibis.Table, volume: ibis.Table, types: ibis.Table, requested: float | None
) -> ibis.Table:
    """Numerator and denominator by type and in total."""
    due = due_tickets(tickets, volume)
    breached = due.is_breached.fill_null(False).cast("int64").sum()
    by_type = due.group_by(group=due.pqrs_type).aggregate(numerator=breached, denominator=_.count())
    groups = types.select(group="type_id")
    rows = groups.left_join(by_type, "group").drop("group_right")
    rows = rows.mutate(
        numerator=rows.numerator.fill_null(0), denominator=rows.denominator.fill_null(0)
    )
    total = rows.aggregate(
        group=ibis.literal(TOTAL), numerator=_.numerator.sum(), denominator=_.denominator.sum()
    )
    rows = ibis.union(rows, total.select(*rows.columns))
    return rows.mutate(
        measure=ibis.literal(BREACH_RATE),
        value_pct=exact_quotient(100 * rows.numerator, rows.denominator),
        requested_pct=ibis.literal(
            None if requested is None else round(100 * requested, 6), "float64"
        ),
    )


def due_tickets(tickets: ibis.Table, days: ibis.Table) -> ibis.Table:
    """The tickets whose last due day is no later than the last of the observed days."""
    observed = tickets.cross_join(days.aggregate(last_day=_.day.max()))
    return observed.filter(observed.sla_due_at <= end_of_local_day(observed.last_day))


def _unclassified(tickets: ibis.Table) -> ibis.Table:
    """Tickets without a type, of all tickets."""
    return tickets.aggregate(
        group=ibis.literal(TOTAL),
        numerator=_.pqrs_type.isnull().cast("int64").sum().fill_null(0).cast("int64"),
        denominator=_.count(),
    ).mutate(
        measure=ibis.literal(UNCLASSIFIED),
        value_pct=exact_quotient(100 * _.numerator, _.denominator),
        requested_pct=ibis.null("float64"),
    )
