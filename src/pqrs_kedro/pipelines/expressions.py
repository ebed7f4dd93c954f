"""Expressions that several pipelines share: local days, business days, exact quotients.

Ibis only, so that they hold on every engine. Instants are UTC without a zone.
"""

from datetime import UTC, date, datetime, time, timedelta

import ibis

from pqrs_kedro.contracts.raw import TIMESTAMP_PATTERN
from pqrs_kedro.domain.calendar import FIRST_RUN_DAY, LAST_EVENT_DAY, UTC_OFFSET_SECONDS

# America/Bogota is UTC-5 all year round.
_BOGOTA = ibis.interval(hours=5)
_MILLION = 1_000_000


def instant_of(text: ibis.Value) -> ibis.Value:
    """The UTC instant that a raw line names; null for another form, or outside the calendar."""
    # The form has a fixed width: as texts, instants have their own order.
    inside = (text >= _midnight(FIRST_RUN_DAY)) & (
        text < _midnight(LAST_EVENT_DAY + timedelta(days=1))
    )
    well_formed = text.re_search(TIMESTAMP_PATTERN) & inside
    return ibis.cases((well_formed, text.substr(0, 26).try_cast("timestamp(6)")))


def _midnight(day: date) -> str:
    """The first instant of a local day, as a raw line would write it, to the second."""
    midnight = datetime.combine(day, time(), UTC) - timedelta(seconds=UTC_OFFSET_SECONDS)
    return midnight.strftime("%Y-%m-%dT%H:%M:%S")


def local_day(instant: ibis.Value) -> ibis.Value:
    """The local day of an instant, as a date."""
    return (instant - _BOGOTA).date()


def local_month(instant: ibis.Value) -> ibis.Value:
    """The local month of an instant, `YYYY-MM`."""
    return (instant - _BOGOTA).date().cast("string").substr(0, 7)


def end_of_local_day(day: ibis.Value) -> ibis.Value:
    """The last microsecond of a local day, as an instant."""
    midnight = day.cast("timestamp(6)") + ibis.interval(days=1) + _BOGOTA
    return midnight - ibis.interval(microseconds=1)


def last_observed_day(observe_until: str | None, *events: ibis.Table) -> ibis.Table:
    """One row, last_day: the end of observation, or the day of the last event if there is none.

    Observation ends on `observe_until` whether or not anything happens on that day.
    """
    if observe_until is not None:
        day = {"last_day": [date.fromisoformat(observe_until)]}
        return ibis.memtable(day, schema={"last_day": "date"})
    days = [rows.aggregate(last_day=local_day(rows.ts).max()) for rows in events]
    return ibis.union(*days).aggregate(last_day=lambda found: found.last_day.max())


def with_ordinal(
    rows: ibis.Table, calendar: ibis.Table, days: dict[str, str], before: bool = False
) -> ibis.Table:
    """Add business-day ordinals: `days` maps new column to day column; null days stay null.

    With `before`, the ordinal of the day before: how many business days lie before the day.
    """
    for column, day in days.items():
        business = calendar.is_business_day.cast("int64")
        ordinal = (
            calendar.business_day_ordinal - business if before else (calendar.business_day_ordinal)
        )
        lookup = calendar.select(_day=calendar.day, _ordinal=ordinal)
        rows = rows.left_join(lookup, rows[day] == lookup["_day"]).drop("_day")
        rows = rows.rename({column: "_ordinal"})
    return rows


def exact_quotient(numerator: ibis.Value, denominator: ibis.Value) -> ibis.Value:
    """Numerator / denominator of whole numbers, rounded half up to 6 decimals; null for 0 below.

    2 x numerator x 10^6 must fit in 64 bits.
    """
    return _millionths(numerator * _MILLION, denominator)


def exact_hours(microseconds: ibis.Value, count: ibis.Value) -> ibis.Value:
    """Mean hours of `count` durations that add up to `microseconds`; null for none.

    A millionth of an hour is 3,600 us; dividing by it first keeps large sums within 64 bits.
    """
    return _millionths(microseconds, 3600 * count)


def _millionths(numerator: ibis.Value, denominator: ibis.Value) -> ibis.Value:
    """Quotient rounded half up to a whole number of millionths, as a double.

    Whole-number arithmetic up to an exact multiple of the divisor, so that the engine's division
    cannot err by more than the rounding takes back, and every engine gives the same double.
    """
    below = 2 * denominator.cast("int64").nullif(0)
    doubled = 2 * numerator.cast("int64") + denominator.cast("int64")
    whole = ((doubled - doubled % below) / below).round().cast("int64")
    return whole / ibis.literal(float(_MILLION))
