"""The calendar of the clocks, a day at a time, against the calendar's own columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.domain.calendar import (
    FIRST_DAY,
    LAST_DAY,
    SECONDS_PER_DAY,
    colombian_calendar,
    day_number,
)
from pqrs_kedro.domain.terms import same_date_next_month
from pqrs_kedro.pipelines.synthesis.clockwork import (
    LEAST_MONTH,
    MONTHS,
    _from_work_clock,
    _on_or_after,
    _ordinal,
    _work_clock,
    days_of,
)

CALENDAR = colombian_calendar()
DAYS = days_of(CALENDAR)
# A year of room at both ends, for what lies before and after.
NUMBERS = st.integers(day_number(FIRST_DAY) + 366, day_number(LAST_DAY) - 366)
SECONDS = st.tuples(NUMBERS, st.integers(0, SECONDS_PER_DAY - 1)).map(
    lambda given: given[0] * SECONDS_PER_DAY + given[1]
)


@given(day=NUMBERS)
def test_days_are_counted_as_the_calendar_counts_them(day: int) -> None:
    assert _ordinal(DAYS, day) == CALENDAR.ordinal(day)
    assert _on_or_after(DAYS, day) == CALENDAR.on_or_after(day)


@given(second=SECONDS, worked=st.integers(1, 10**6))
def test_the_office_clock_is_the_calendars(second: int, worked: int) -> None:
    clock = _work_clock(DAYS, second)
    assert clock == CALENDAR.work_clock(second)
    assert _from_work_clock(DAYS, clock + worked) == CALENDAR.from_work_clock(clock + worked)


def test_a_month_later_is_told_for_every_day_of_the_calendar() -> None:
    days = np.arange(day_number(FIRST_DAY), day_number(LAST_DAY) + 1)
    assert DAYS.month_later.tolist() == same_date_next_month(days).tolist()
    # So that the seconds of a hold are looked up by the days of its month.
    assert set(DAYS.month_later - days) == set(range(LEAST_MONTH, LEAST_MONTH + MONTHS))


@pytest.mark.parametrize("day", [day_number(FIRST_DAY) - 1, day_number(LAST_DAY) + 1])
def test_a_day_out_of_the_calendar_is_an_error(day: int) -> None:
    with pytest.raises(IndexError, match="a ticket leaves the calendar"):
        _ordinal(DAYS, day)


def test_an_office_clock_past_the_calendar_is_an_error() -> None:
    end = CALENDAR.work_clock(day_number(LAST_DAY) * SECONDS_PER_DAY)
    with pytest.raises(IndexError, match="a ticket leaves the calendar"):
        _from_work_clock(DAYS, int(end) + 10**7)
