"""The Colombian business-day calendar, vectorised, and the local day of Bogota.

A business day (BD) is a Monday to Friday that is no holiday (Ley 4 de 1913 art. 62; Ley 51 de
1983). Days are int64 numbers since 1970-01-01, instants int64 microseconds since then in UTC. The
calendar numbers its business days: `ordinal(d)` is how many BDs lie in it up to and including d,
so that the BDs in (a, b] are `ordinal(b) - ordinal(a)`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Days = NDArray[np.int64]

EPOCH: Final = date(1970, 1, 1)
FIRST_DAY: Final = date(2015, 1, 1)
LAST_DAY: Final = date(2040, 12, 31)
# Life cycles run past the last day of reception (at a breach rate of 40 % the slowest of a million
# takes about three years), and repeated petitions cite radicados of the year before: dates of a run
# keep clear of both ends.
FIRST_RUN_DAY: Final = date(2017, 1, 1)
LAST_RUN_DAY: Final = date(2035, 12, 31)
# Events of a run: a term that begins by then, doubled and paused, ends within the calendar.
LAST_EVENT_DAY: Final = date(2039, 12, 31)

# America/Bogota is UTC-5 all year round since 1993: no daylight saving.
UTC_OFFSET_SECONDS: Final = -5 * 3600
SECONDS_PER_DAY: Final = 86_400
MICROSECONDS_PER_DAY: Final = SECONDS_PER_DAY * 1_000_000

# How PyPI `holidays` marks a holiday that is kept on another day than its own.
_OBSERVED: Final = " (observado)"

OFFICE_OPENS: Final = 8 * 3600
OFFICE_CLOSES: Final = 17 * 3600
OFFICE_SECONDS: Final = OFFICE_CLOSES - OFFICE_OPENS


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def to_date(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class BusinessCalendar:
    """Business days from `FIRST_DAY` to `LAST_DAY`; `holidays` are the dates that do not count.

    Weekends are no business days whether or not they are listed.
    """

    holidays: tuple[date, ...]
    version: str
    as_of: date | None = None
    """The law is that of this day; null: as it is now."""

    @cached_property
    def first_day(self) -> int:
        """Number of `FIRST_DAY`."""
        return day_number(FIRST_DAY)

    @cached_property
    def is_business(self) -> NDArray[np.bool_]:
        """One flag per day from `FIRST_DAY`."""
        days = np.arange(self.first_day, day_number(LAST_DAY) + 1)
        # 1970-01-01 was a Thursday, weekday 3.
        flags = (days + 3) % 7 < 5
        flags[[day_number(day) - self.first_day for day in self.holidays]] = False
        return np.asarray(flags)

    @cached_property
    def is_holiday(self) -> NDArray[np.bool_]:
        """One flag per day from `FIRST_DAY`: listed as a holiday."""
        flags = np.zeros(len(self.is_business), dtype=bool)
        flags[[day_number(day) - self.first_day for day in self.holidays]] = True
        return flags

    @cached_property
    def ordinals(self) -> Days:
        """`ordinal` of every day from `FIRST_DAY`."""
        return np.cumsum(self.is_business, dtype=np.int64)

    @cached_property
    def business_days(self) -> Days:
        """Day number of the n-th business day at position n - 1."""
        return np.flatnonzero(self.is_business).astype(np.int64) + self.first_day

    def ordinal(self, days: ArrayLike) -> Days:
        """How many business days the calendar has up to and including each day."""
        return self.ordinals[np.asarray(days, dtype=np.int64) - self.first_day]

    def day_of_ordinal(self, ordinals: ArrayLike) -> Days:
        """The business day with each ordinal."""
        return self.business_days[np.asarray(ordinals, dtype=np.int64) - 1]

    def add_business_days(self, days: ArrayLike, count: ArrayLike) -> Days:
        """The `count`-th business day after each day: counting starts the day after receipt."""
        return self.day_of_ordinal(self.ordinal(days) + np.asarray(count, dtype=np.int64))

    def is_business_day(self, days: ArrayLike) -> NDArray[np.bool_]:
        """Whether each day is a business day."""
        return self.is_business[np.asarray(days, dtype=np.int64) - self.first_day]

    def is_holiday_day(self, days: ArrayLike) -> NDArray[np.bool_]:
        """Whether each day is a listed holiday."""
        return self.is_holiday[np.asarray(days, dtype=np.int64) - self.first_day]

    @cached_property
    def _holiday_counts(self) -> Days:
        return np.cumsum(self.is_holiday, dtype=np.int64)

    def holiday_count(self, days: ArrayLike) -> Days:
        """How many listed holidays the calendar has up to and including each day."""
        return self._holiday_counts[np.asarray(days, dtype=np.int64) - self.first_day]

    def on_or_after(self, days: ArrayLike) -> Days:
        """Each day itself if it is a business day, else the next one."""
        return self.day_of_ordinal(self.ordinal(np.asarray(days, dtype=np.int64) - 1) + 1)

    def work_clock(self, seconds: ArrayLike) -> Days:
        """Office seconds elapsed in the calendar at local instants (seconds since 1970-01-01).

        The office works 08:00-17:00 on business days; at night and on other days its clock stands
        still.
        """
        instants = np.asarray(seconds, dtype=np.int64)
        days, second_of_day = np.divmod(instants, SECONDS_PER_DAY)
        worked = np.clip(second_of_day - OFFICE_OPENS, 0, OFFICE_SECONDS)
        worked = np.where(self.is_business_day(days), worked, OFFICE_SECONDS)
        return (self.ordinal(days) - 1) * OFFICE_SECONDS + worked

    def from_work_clock(self, clock: ArrayLike) -> Days:
        """The local second, 08:00:01 to 17:00:00, at which the office clock reaches each value."""
        ordinals, second = np.divmod(np.asarray(clock, dtype=np.int64) - 1, OFFICE_SECONDS)
        days = self.day_of_ordinal(ordinals + 1)
        return days * SECONDS_PER_DAY + OFFICE_OPENS + second + 1

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the dates, of the version of their source, and of the day whose law they are."""
        law = [] if self.as_of is None else [f"as of {self.as_of.isoformat()}"]
        listed = "\n".join([self.version, *law, *(day.isoformat() for day in self.holidays)])
        return hashlib.sha256(listed.encode()).hexdigest()


def calendar_of(
    days: Iterable[date], source_version: str, as_of: date | None = None
) -> BusinessCalendar:
    """A calendar whose holidays are `days` (those outside its range are left out)."""
    listed = sorted({day for day in days if FIRST_DAY <= day <= LAST_DAY})
    return BusinessCalendar(tuple(listed), source_version, as_of)


@lru_cache(maxsize=1)
def national_holidays() -> Mapping[date, frozenset[str]]:
    """Holidays of PyPI `holidays`, country CO, as the law is now: the Spanish names of each date.

    A holiday that is kept on the next Monday (Ley 51 de 1983) has its plain name here.
    """
    # Imported here because it takes as long as a small run; worker processes get a ready calendar.
    import holidays

    years = range(FIRST_DAY.year, LAST_DAY.year + 1)
    listed = holidays.country_holidays("CO", years=years, language="es")
    return {
        day: frozenset(name.removesuffix(_OBSERVED) for name in listed.get_list(day))
        for day in sorted(listed)
    }


@lru_cache(maxsize=16)
def colombian_calendar(
    as_of: date | None = None,
    without: tuple[tuple[str, int], ...] = (),
    added: tuple[date, ...] = (),
    removed: tuple[date, ...] = (),
) -> BusinessCalendar:
    """The calendar of PyPI `holidays`, country CO (Ley 51 de 1983 and its changes).

    Args:
        as_of: the day whose law it is; null: as it is now.
        without: holidays that were not yet law on that day: Spanish name, first year.
        added: further dates that do not count.
        removed: holidays that count all the same.
    """
    days = {
        day
        for day, names in national_holidays().items()
        # Two holidays may fall on one date: it counts only if neither is law.
        if names - {name for name, first_year in without if day.year >= first_year}
    }
    return calendar_of((days - {*removed}) | {*added}, version("holidays"), as_of)


def local_day(microseconds: ArrayLike) -> Days:
    """Local day number of UTC instants in microseconds."""
    local = np.asarray(microseconds, dtype=np.int64) + UTC_OFFSET_SECONDS * 1_000_000
    return local // MICROSECONDS_PER_DAY


def end_of_local_day(days: ArrayLike) -> Days:
    """Last microsecond of each local day, as a UTC instant in microseconds."""
    following = (np.asarray(days, dtype=np.int64) + 1) * MICROSECONDS_PER_DAY
    return following - UTC_OFFSET_SECONDS * 1_000_000 - 1
