"""The due day of an SLA cycle, counted day by day (metrics reference, "SLA cycles")."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final

from pqrs_kedro.domain.calendar import national_holidays

_ONE_DAY: Final = timedelta(days=1)
_WEEKEND: Final = {5: "Saturday", 6: "Sunday"}


@dataclass(frozen=True)
class DayCounted:
    """One day after the start day, up to the due day."""

    day: date
    number: int | None
    """Which business day after the start day it is; null: it does not count."""
    paused_by: int | None
    """The hold that makes the term wait on this day."""
    note: str | None
    """Why the day does not count, or why it counts although it might not."""


@dataclass(frozen=True)
class HoldJudged:
    """A hold that begins before the cycle's stop."""

    number: int
    start_day: date
    end_day: date | None
    """Null while it is open: it then counts up to the last observed day."""
    due_day_before: date
    """The due day that the term and the earlier holds give."""
    counts: bool
    """Whether it begins no later than that day."""
    paused_days: int


@dataclass(frozen=True)
class RunCalendar:
    """The business days of a run, as it has them in the lake.

    `added` are the days that its configuration took away from counting.
    """

    ordinals: Mapping[date, int]
    business: frozenset[date]
    added: frozenset[date]

    @cached_property
    def _by_ordinal(self) -> dict[int, date]:
        return {self.ordinals[day]: day for day in sorted(self.business)}

    def day_of(self, ordinal: int) -> date:
        """The business day with an ordinal."""
        return self._by_ordinal[ordinal]

    def note(self, day: date) -> str | None:
        """Why a day does not count; of a business day, that the law of today has a holiday."""
        names = ", ".join(sorted(national_holidays().get(day, ())))
        if day in self.business:
            return f"counts in this run, in spite of {names}" if names else None
        if names:
            return f"holiday: {names}"
        if day.weekday() in _WEEKEND:
            return _WEEKEND[day.weekday()]
        origin = "calendar.added" if day in self.added else "the run's calendar"
        return f"does not count by {origin}"


@dataclass(frozen=True)
class DueDay:
    """How a cycle came to its due day."""

    due_day: date
    holds: tuple[HoldJudged, ...]
    days: tuple[DayCounted, ...]
    """Every day from the one after the start day to the due day."""


def count_due_day(cycle: Mapping[str, Any], calendar: RunCalendar, last_day: date) -> DueDay:
    """Count a cycle's term and the days its holds add, as known on the last observed day.

    Args:
        cycle: the row of silver_sla_cycles.
        calendar: the calendar of the run.
        last_day: the last observed day, up to which an open hold counts.
    """
    holds = tuple(_judge_holds(cycle, calendar, last_day))
    paused = sum(hold.paused_days for hold in holds)
    start = calendar.ordinals[cycle["start_day"]]
    due_day = calendar.day_of(start + cycle["term_business_days"] + paused)
    days = tuple(_count_days(cycle["start_day"], due_day, holds, calendar, last_day))
    return DueDay(due_day, holds, days)


def _judge_holds(
    cycle: Mapping[str, Any], calendar: RunCalendar, last_day: date
) -> Iterator[HoldJudged]:
    due = calendar.ordinals[cycle["start_day"]] + cycle["term_business_days"]
    for number, name in enumerate(("first", "second"), start=1):
        start_day, end_day = (cycle[f"{name}_hold_{edge}_day"] for edge in ("start", "end"))
        if start_day is None:
            continue
        due_day = calendar.day_of(due)
        counts = start_day <= due_day
        until = min(end_day or last_day, last_day)
        paused = calendar.ordinals[until] - calendar.ordinals[start_day] if counts else 0
        yield HoldJudged(number, start_day, end_day, due_day, counts, paused)
        due += paused


def _count_days(
    start_day: date,
    due_day: date,
    holds: tuple[HoldJudged, ...],
    calendar: RunCalendar,
    last_day: date,
) -> Iterator[DayCounted]:
    day, number = start_day, 0
    while day < due_day:
        day += _ONE_DAY
        is_business = day in calendar.business
        number += is_business
        within = (
            hold.number
            for hold in holds
            if hold.counts and hold.start_day < day <= (hold.end_day or last_day)
        )
        paused_by = next(within, None) if is_business else None
        yield DayCounted(day, number if is_business else None, paused_by, calendar.note(day))
