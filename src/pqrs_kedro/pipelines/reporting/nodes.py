"""The run in numbers: the breach rate against the requested one."""

import ibis
from ibis import _

from pqrs_kedro.pipelines.expressions import end_of_local_day, exact_quotient

BREACH_RATE = "breach_rate"
TOTAL = "total"


def summarise_run(
    silver_tickets: ibis.Table,
    gold_kpi_volume_daily: ibis.Table,
    dim_pqrs_type: ibis.Table,
    breach_rate: float,
) -> ibis.Table:
    """gold_run_summary: breached tickets of those whose last due day has been observed.

    Early closers would bias the rate, so tickets due after the last observed day are left out.
    """
    last_day = gold_kpi_volume_daily.aggregate(last_day=_.day.max())
    tickets = silver_tickets.cross_join(last_day)
    due = tickets.filter(tickets.sla_due_at <= end_of_local_day(tickets.last_day))
    breached = due.is_breached.fill_null(False).cast("int64").sum()
    by_type = due.group_by(group=due.pqrs_type).aggregate(numerator=breached, denominator=_.count())
    groups = dim_pqrs_type.select(group="type_id")
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
        requested_pct=ibis.literal(round(100 * breach_rate, 6)),
    )
