"""The Colombian business calendar, one day at a time.

Slow on purpose: no tables and no arithmetic on weeks, so that nothing is shared with the
calendar it checks.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import holidays

BOGOTA_OFFSET = timedelta(hours=-5)
ONE_DAY = timedelta(days=1)
ONE_MICROSECOND = timedelta(microseconds=1)
SATURDAY = 5


def local_day(instant: datetime) -> date:
    """Day in America/Bogota, which has no daylight saving."""
    return (instant.astimezone(UTC) + BOGOTA_OFFSET).date()


def local_month(day: date) -> str:
    return day.strftime("%Y-%m")


def end_of_day(day: date) -> datetime:
    """Last microsecond of the local day, in UTC."""
    next_midnight = datetime.combine(day + ONE_DAY, time(0), UTC) - BOGOTA_OFFSET
    return next_midnight - ONE_MICROSECOND


@cache
def holidays_of(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("CO", years=year))


# Dates that count, or do not count, otherwise than by the law as it is now.
_COUNTING: set[date] = set()
_NOT_COUNTING: set[date] = set()


@contextmanager
def other_days(counting: Iterable[date] = (), not_counting: Iterable[date] = ()) -> Iterator[None]:
    """Count with another calendar for a while: some holidays are none, further days are."""
    before = set(_COUNTING), set(_NOT_COUNTING)
    _COUNTING.update(counting)
    _NOT_COUNTING.update(not_counting)
    try:
        yield
    finally:
        for days, kept in zip((_COUNTING, _NOT_COUNTING), before, strict=True):
            days.clear()
            days.update(kept)


def chiquinquira(year: int) -> date:
    """The holiday of Ley 2578 de 2026: 9 July, kept on the next Monday."""
    day = date(year, 7, 9)
    while day.weekday() != 0:
        day += ONE_DAY
    return day


def is_business_day(day: date) -> bool:
    if day.weekday() >= SATURDAY or day in _NOT_COUNTING:
        return False
    return day in _COUNTING or day not in holidays_of(day.year)


def add_business_days(day: date, n: int) -> date:
    """The n-th business day after `day`; `day` itself when n is 0."""
    while n > 0:
        day += ONE_DAY
        if is_business_day(day):
            n -= 1
    return day


def business_days_between(a: date, b: date) -> int:
    """Business days d with a < d <= b; 0 when b is not after a."""
    count = 0
    day = a + ONE_DAY
    while day <= b:
        if is_business_day(day):
            count += 1
        day += ONE_DAY
    return count


def days_from_to(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    days = []
    while first <= last:
        days.append(first)
        first += ONE_DAY
    return days
