"""Gold KPIs (definitions: the metrics reference). Keys are dense by day; instants are UTC.

Averages and percentages are exact quotients of whole numbers, so that every engine and thread count
gives the same double.
"""

import ibis
from ibis import _

from pqrs_kedro.contracts.columns import REGIONS, UNKNOWN_REGION
from pqrs_kedro.pipelines.expressions import exact_hours, local_day
from pqrs_kedro.pipelines.metrics.days import dense

_MICROSECONDS_PER_HOUR = 3_600_000_000
_P50, _P90 = 0.5, 0.9


def locate_tickets(silver_tickets: ibis.Table, dim_geo: ibis.Table) -> ibis.Table:
    """Tickets with their natural region; `Sin dato` where the municipality is not known."""
    regions = dim_geo.select("geo_id", "region")
    located = silver_tickets.left_join(regions, "geo_id").drop("geo_id_right")
    return located.mutate(region=located.region.fill_null(UNKNOWN_REGION))


def count_volume(
    located_tickets: ibis.Table,
    days: ibis.Table,
    dim_channel: ibis.Table,
    dim_pqrs_type: ibis.Table,
) -> ibis.Table:
    """gold_kpi_volume_daily: tickets received, by day, channel and type."""
    counted = located_tickets.group_by(
        day=local_day(located_tickets.created_at),
        channel=located_tickets.source_channel,
        pqrs_type=located_tickets.pqrs_type,
    ).aggregate(tickets_count=_.count())
    keys = [days.select("day"), dim_channel.select(channel="channel_id"), _types(dim_pqrs_type)]
    return dense(keys, counted, ["tickets_count"])


def count_backlog(
    located_tickets: ibis.Table,
    silver_status_events: ibis.Table,
    days: ibis.Table,
    dim_pqrs_type: ibis.Table,
) -> ibis.Table:
    """gold_kpi_backlog_daily: open tickets at the end of the day, by type and region.

    A ticket opens with RECEIVED and REOPENED, closes with CLOSED; the backlog is the running sum.
    """
    places = located_tickets.select("ticket_id", "pqrs_type", "region")
    moves = silver_status_events.join(places, "ticket_id")
    step = _step(moves.status_to)
    moves = moves.mutate(step=step, day=local_day(moves.ts))
    daily = moves.group_by(["day", "pqrs_type", "region"]).aggregate(step=_.step.sum())
    regions = ibis.memtable({"region": [*REGIONS, UNKNOWN_REGION]})
    keys = [days.select("day"), _types(dim_pqrs_type), regions]
    return _running(dense(keys, daily, ["step"]), ["pqrs_type", "region"])


def _step(status_to: ibis.Value) -> ibis.Value:
    opens = status_to.isin(("RECEIVED", "REOPENED"))
    return ibis.cases((opens, 1), (status_to == "CLOSED", -1), else_=0).cast("int64")


def _running(rows: ibis.Table, group: list[str]) -> ibis.Table:
    up_to_day = ibis.window(group_by=group, order_by="day", preceding=None, following=0)
    backlog = rows.step.sum().over(up_to_day).cast("int64")
    return rows.mutate(backlog_count=backlog).drop("step")


def summarise_first_response(
    located_tickets: ibis.Table, days: ibis.Table, dim_pqrs_type: ibis.Table
) -> ibis.Table:
    """gold_kpi_first_response_daily: hours from reception to the first human reply."""
    replied = located_tickets.filter(_.first_response_at.notnull())
    timed = replied.select(
        "pqrs_type",
        day=local_day(replied.created_at),
        micros=_micros(replied.created_at, replied.first_response_at),
    )
    return _summarise_hours(
        timed, days, dim_pqrs_type, "responded_count", "avg_hours_to_first_response"
    )


def summarise_close_time(
    located_tickets: ibis.Table, days: ibis.Table, dim_pqrs_type: ibis.Table
) -> ibis.Table:
    """gold_kpi_close_time_daily: hours from reception to the last closing, by day of closing."""
    closed = located_tickets.filter(_.closed_at.notnull())
    timed = closed.select(
        "pqrs_type",
        day=local_day(closed.closed_at),
        micros=_micros(closed.created_at, closed.closed_at),
    )
    return _summarise_hours(timed, days, dim_pqrs_type, "closed_count", "avg_hours_to_close")


def _summarise_hours(
    timed: ibis.Table, days: ibis.Table, dim_pqrs_type: ibis.Table, count: str, average: str
) -> ibis.Table:
    summary = timed.group_by(["day", "pqrs_type"]).aggregate(
        **{
            count: timed.count(),
            average: exact_hours(timed.micros.sum(), timed.count()),
            "p50_hours": _hours(timed.micros.quantile(_P50)),
            "p90_hours": _hours(timed.micros.quantile(_P90)),
        }
    )
    keys = [days.select("day"), _types(dim_pqrs_type)]
    spine = dense(keys, summary.select("day", "pqrs_type", count), [count])
    values = summary.drop(count)
    return spine.left_join(values, ["day", "pqrs_type"]).drop("day_right", "pqrs_type_right")


def count_transitions(silver_status_events: ibis.Table) -> ibis.Table:
    """gold_status_transitions_daily: transitions of the day, median hours in the status left."""
    in_order = ibis.window(group_by="ticket_id", order_by="event_number")
    entered_before = silver_status_events.ts.lag().over(in_order)
    moves = silver_status_events.mutate(entered_before=entered_before)
    moves = moves.filter(_.status_from.notnull() & _.entered_before.notnull())
    moves = moves.mutate(day=local_day(moves.ts), micros=_micros(moves.entered_before, moves.ts))
    return moves.group_by(["day", "status_from", "status_to"]).aggregate(
        transitions_count=_.count(), median_hours_in_from=_hours(_.micros.quantile(_P50))
    )


def _types(dim_pqrs_type: ibis.Table) -> ibis.Table:
    return dim_pqrs_type.select(pqrs_type="type_id")


def _micros(start: ibis.Value, end: ibis.Value) -> ibis.Value:
    return end.delta(start, unit="microsecond").cast("int64")


def _hours(micros: ibis.Value) -> ibis.Value:
    return (micros / ibis.literal(float(_MICROSECONDS_PER_HOUR))).round(6)
