"""The dense keys of gold: every observed day times the values of the dimensions."""

from datetime import date

import ibis

from pqrs_kedro.pipelines.expressions import last_observed_day


def list_days(
    silver_status_events: ibis.Table,
    silver_messages: ibis.Table,
    dim_business_day: ibis.Table,
    date_min: str,
    observe_until: str | None,
) -> ibis.Table:
    """One row per local day from `date_min` to the last observed day, with its ordinal.

    Added: ordinal (business days in the calendar up to the day), is_business_day.
    """
    last_day = last_observed_day(observe_until, silver_status_events, silver_messages)
    first = date.fromisoformat(date_min)
    calendar = dim_business_day.cross_join(last_day)
    observed = (calendar.day >= ibis.date(first)) & (calendar.day <= calendar.last_day)
    return calendar.filter(observed).select(
        "day", "is_business_day", ordinal="business_day_ordinal"
    )


def dense(keys: list[ibis.Table], counted: ibis.Table, values: list[str]) -> ibis.Table:
    """All combinations of the keys, with the counted values; 0 where nothing was counted."""
    spine = keys[0]
    for key in keys[1:]:
        spine = spine.cross_join(key)
    names = list(spine.columns)
    joined = spine.left_join(counted, names)
    return joined.select(*names, **{name: joined[name].fill_null(0) for name in values})
