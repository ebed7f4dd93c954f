"""The business calendar against an independent one that walks from day to day (`tests.oracle`)."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle import calendar as oracle
from tests.unit.scenarios import base_values, parameters

from pqrs_kedro.domain import terms
from pqrs_kedro.domain.calendar import (
    FIRST_RUN_DAY,
    LAST_RUN_DAY,
    OFFICE_SECONDS,
    SECONDS_PER_DAY,
    BusinessCalendar,
    calendar_of,
    colombian_calendar,
    day_number,
    end_of_local_day,
    local_day,
    to_date,
)

CALENDAR = colombian_calendar()
HOUR = 3600
DAYS = st.dates(FIRST_RUN_DAY, LAST_RUN_DAY)


def number(text: str) -> int:
    return day_number(date.fromisoformat(text))


def second(text: str) -> int:
    """Local second of a local time such as `2026-03-27 09:00:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def microsecond(text: str) -> int:
    """UTC microsecond of an instant such as `2026-01-01T04:59:59.999999`."""
    elapsed = datetime.fromisoformat(text) - datetime(1970, 1, 1)  # noqa: DTZ001
    return elapsed // timedelta(microseconds=1)


@cache
def nth_business_day(day: date, n: int) -> date:
    return oracle.add_business_days(day, n)


# --- Days ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "holiday_count", "business_day_count"),
    [
        pytest.param(2026, 19, 242, id="2026_with_the_monday_of_ley_2578"),
        pytest.param(2025, 17, 245, id="2025"),
    ],
)
def test_a_year_has_the_holidays_and_business_days_of_the_law(
    year: int, holiday_count: int, business_day_count: int
):
    days = np.arange(day_number(date(year, 1, 1)), day_number(date(year + 1, 1, 1)))
    assert len([day for day in CALENDAR.holidays if day.year == year]) == holiday_count
    assert CALENDAR.is_holiday_day(days).sum() == holiday_count
    assert CALENDAR.is_business_day(days).sum() == business_day_count


@pytest.mark.parametrize(
    ("day", "is_business", "is_holiday"),
    [
        pytest.param("2026-07-13", False, True, id="monday_of_ley_2578"),
        pytest.param("2026-04-03", False, True, id="good_friday"),
        pytest.param("2026-03-28", False, False, id="a_common_saturday"),
        pytest.param("2026-03-29", False, False, id="a_common_sunday"),
        pytest.param("2028-01-01", False, True, id="new_year_on_a_saturday"),
        pytest.param("2026-03-27", True, False, id="a_common_friday"),
    ],
)
def test_a_day_counts_or_not(day: str, is_business: bool, is_holiday: bool):
    assert bool(CALENDAR.is_business_day(number(day))) is is_business
    assert bool(CALENDAR.is_holiday_day(number(day))) is is_holiday


def test_the_fifteenth_business_day_after_27_march_2026_is_21_april():
    assert to_date(int(CALENDAR.add_business_days(number("2026-03-27"), 15))) == date(2026, 4, 21)
    assert to_date(int(terms.due_day(CALENDAR, number("2026-03-27"), 15))) == date(2026, 4, 21)


def test_every_day_of_two_years_is_a_business_day_or_not_as_the_oracle_says():
    days = oracle.days_from_to(date(2025, 1, 1), date(2026, 12, 31))
    flags = CALENDAR.is_business_day([day_number(day) for day in days])
    assert flags.tolist() == [oracle.is_business_day(day) for day in days]


def test_holidays_are_counted_up_to_and_including_the_day():
    days = np.arange(number("2026-01-01"), number("2027-01-02"))
    before = CALENDAR.holiday_count(days[0] - 1)
    running = np.cumsum(CALENDAR.is_holiday_day(days))
    assert (CALENDAR.holiday_count(days) - before == running).all()


# --- The law as of a day ------------------------------------------------------------------------

LAW_DAY = date(2026, 7, 13)


def as_of(day: str | None, **other: Any) -> BusinessCalendar:
    """The calendar of conf/base on a day."""
    calendar = base_values()["calendar"] | {"as_of": day, **other}
    return parameters(calendar=calendar).business_calendar


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        pytest.param("2026-05-31", True, id="the_day_before_it_was_promulgated"),
        pytest.param("2026-06-01", False, id="the_day_it_was_promulgated"),
        pytest.param("2015-01-01", True, id="long_before"),
        pytest.param("2026-07-13", False, id="the_day_itself"),
        pytest.param(None, False, id="now"),
    ],
)
def test_a_holiday_is_one_from_the_promulgation_of_its_law_on(day: str | None, counts: bool):
    assert bool(as_of(day).is_business_day(day_number(LAW_DAY))) is counts


def test_before_the_law_its_holiday_of_every_year_counts_and_nothing_else_changes():
    before = {*as_of("2026-05-31").holidays}
    law_days = {oracle.chiquinquira(year) for year in range(2026, 2041)}
    assert {*CALENDAR.holidays} - before == law_days
    assert before < {*CALENDAR.holidays}
    assert as_of("2026-06-01").holidays == CALENDAR.holidays


def test_every_day_before_the_law_is_counted_as_the_oracle_counts_it():
    days = oracle.days_from_to(date(2026, 1, 1), date(2028, 12, 31))
    law_days = [oracle.chiquinquira(year) for year in (2026, 2027, 2028)]
    with oracle.other_days(counting=law_days):
        expected = [oracle.is_business_day(day) for day in days]
    assert as_of("2026-05-31").is_business_day([day_number(d) for d in days]).tolist() == expected
    assert expected != [oracle.is_business_day(day) for day in days]


def test_due_days_beyond_the_new_holiday_move_by_one_business_day():
    starts = np.arange(number("2026-06-01"), number("2026-07-20"))
    for term in (8, 10, 15, 20, 30):
        old, new = (
            terms.due_day(calendar, starts, term) for calendar in (as_of("2026-05-31"), CALENDAR)
        )
        for start, before, after in zip(starts, old, new, strict=True):
            crosses = to_date(int(start)) < LAW_DAY <= to_date(int(before))
            moved = oracle.add_business_days(to_date(int(before)), 1)
            assert to_date(int(after)) == (moved if crosses else to_date(int(before)))


@pytest.mark.parametrize("day", ["2026-05-31", "2026-06-01", None])
def test_a_term_that_ends_before_the_new_holiday_is_the_same_by_every_law(day: str | None):
    assert to_date(int(terms.due_day(as_of(day), number("2026-03-27"), 15))) == date(2026, 4, 21)


def test_days_of_ones_own_count_or_do_not():
    own = as_of("2026-05-31", added=["2026-12-24", "2026-03-28"], removed=["2026-12-08"])
    changed = [day for day in (date(2026, 12, 8), date(2026, 12, 24), date(2026, 3, 28))]
    assert own.is_business_day([day_number(d) for d in changed]).tolist() == [True, False, False]
    assert own.is_holiday_day([day_number(d) for d in changed]).tolist() == [False, True, True]
    with oracle.other_days(
        [date(2026, 12, 8), LAW_DAY], not_counting=[date(2026, 12, 24), date(2026, 3, 28)]
    ):
        expected = oracle.add_business_days(date(2026, 7, 1), 120)
    assert to_date(int(own.add_business_days(number("2026-07-01"), 120))) == expected


def test_of_two_holidays_on_one_date_the_other_remains():
    # On 1 July 2019 both the Sacred Heart and Saints Peter and Paul were kept.
    day = date(2019, 7, 1)
    one = colombian_calendar(without=(("Sagrado Corazón", 2015),))
    both = colombian_calendar(without=(("Sagrado Corazón", 2015), ("San Pedro y San Pablo", 2015)))
    assert day in one.holidays
    assert day not in both.holidays
    later = colombian_calendar(without=(("Sagrado Corazón", 2020), ("San Pedro y San Pablo", 2020)))
    assert day in later.holidays


# --- Terms --------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    start=DAYS,
    term=st.integers(1, 60),
    holds=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 35)), max_size=2),
)
def test_the_due_day_is_the_one_found_by_counting_days(start, term, holds):
    paused, expected = 0, 0
    for after, length in holds:
        began = start + timedelta(days=after)
        ended = began + timedelta(days=length)
        paused += int(terms.paused_days(CALENDAR, day_number(began), day_number(ended)))
        expected += oracle.business_days_between(began, ended)
    due = terms.due_day(CALENDAR, day_number(start), term, paused)
    assert paused == expected
    assert to_date(int(due)) == oracle.add_business_days(start, term + expected)


def test_two_thousand_due_days_are_those_found_by_counting_days():
    random = np.random.Generator(np.random.Philox(key=20260327))
    starts = random.integers(number("2018-01-01"), number("2036-12-31"), 2000)
    term = random.choice([5, 8, 10, 15, 20, 30, 60], 2000)
    paused = random.integers(0, 45, 2000)
    due = terms.due_day(CALENDAR, starts, term, paused)
    expected = [
        oracle.add_business_days(to_date(int(start)), int(count))
        for start, count in zip(starts, term + paused, strict=True)
    ]
    assert [to_date(int(day)) for day in due] == expected


@settings(max_examples=100, deadline=None)
@given(due=DAYS, offset=st.integers(-30, 60))
def test_business_days_late_are_counted_after_the_due_day_and_never_negative(due, offset):
    stop = due + timedelta(days=offset)
    late = terms.business_days_late(CALENDAR, day_number(due), day_number(stop))
    assert int(late) == oracle.business_days_between(due, stop)


@settings(max_examples=100, deadline=None)
@given(day=DAYS)
def test_a_day_moves_to_itself_or_to_the_next_business_day(day):
    moved = to_date(int(CALENDAR.on_or_after(day_number(day))))
    expected = day if oracle.is_business_day(day) else oracle.add_business_days(day, 1)
    assert moved == expected


@settings(max_examples=100, deadline=None)
@given(day=DAYS.filter(oracle.is_business_day))
def test_the_business_day_of_a_business_days_ordinal_is_itself(day):
    ordinal = CALENDAR.ordinal(day_number(day))
    assert to_date(int(CALENDAR.day_of_ordinal(ordinal))) == day


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2026-03-27", "2026-04-27", id="a_common_date"),
        pytest.param("2026-01-31", "2026-02-28", id="31_january_of_a_common_year"),
        pytest.param("2028-01-31", "2028-02-29", id="31_january_of_a_leap_year"),
        pytest.param("2026-01-29", "2026-02-28", id="29_january_of_a_common_year"),
        pytest.param("2028-01-29", "2028-02-29", id="29_january_of_a_leap_year"),
        pytest.param("2026-02-28", "2026-03-28", id="last_of_february_is_no_last_of_march"),
        pytest.param("2026-03-31", "2026-04-30", id="31_march"),
        pytest.param("2026-07-31", "2026-08-31", id="31_july"),
        pytest.param("2026-12-31", "2027-01-31", id="over_new_year"),
    ],
)
def test_a_month_later_is_the_same_date_or_the_months_last_day(day: str, expected: str):
    assert to_date(int(terms.same_date_next_month(number(day)))) == date.fromisoformat(expected)


def test_a_month_later_works_on_many_days_at_once():
    days = np.arange(number("2027-01-01"), number("2029-01-01"))
    for day, later in zip(days, terms.same_date_next_month(days), strict=True):
        start, end = to_date(int(day)), to_date(int(later))
        year, month = divmod(start.year * 12 + start.month, 12)
        assert (end.year, end.month) == (year, month + 1)
        assert end.day == start.day or (
            end.day < start.day and (end + timedelta(days=1)).month != end.month
        )


# --- The office clock ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "worked"),
    [
        pytest.param("2026-03-27 09:00:00", "2026-03-27 11:30:00", 9000, id="within_a_morning"),
        pytest.param("2026-03-26 17:00:00", "2026-03-27 08:00:00", 0, id="a_night"),
        pytest.param("2026-03-26 20:00:00", "2026-03-27 06:00:00", 0, id="inside_a_night"),
        pytest.param("2026-03-27 17:00:00", "2026-03-30 08:00:00", 0, id="a_weekend"),
        pytest.param("2026-04-01 17:00:00", "2026-04-06 08:00:00", 0, id="easter"),
        pytest.param("2026-03-28 09:00:00", "2026-03-29 15:00:00", 0, id="saturday_to_sunday"),
        pytest.param("2026-03-27 16:00:00", "2026-03-30 09:00:00", 7200, id="across_a_weekend"),
        pytest.param(
            "2026-03-27 00:00:00", "2026-03-28 00:00:00", OFFICE_SECONDS, id="a_whole_day"
        ),
        pytest.param("2026-03-30 07:59:59", "2026-03-30 08:00:01", 1, id="over_the_opening"),
        pytest.param("2026-03-30 16:59:59", "2026-03-30 23:00:00", 1, id="over_the_closing"),
    ],
)
def test_the_office_clock_counts_office_hours_only(start: str, end: str, worked: int):
    clock = CALENDAR.work_clock([second(start), second(end)])
    assert clock[1] - clock[0] == worked


@pytest.mark.parametrize(
    ("clock_of", "reached"),
    [
        pytest.param("2026-03-27 10:15:30", "2026-03-27 10:15:30", id="in_office_hours"),
        pytest.param("2026-03-27 17:00:00", "2026-03-27 17:00:00", id="at_closing"),
        pytest.param("2026-03-27 21:00:00", "2026-03-27 17:00:00", id="at_night_it_was_closing"),
        pytest.param("2026-03-29 12:00:00", "2026-03-27 17:00:00", id="on_sunday_it_was_friday"),
        pytest.param("2026-03-30 08:00:00", "2026-03-27 17:00:00", id="at_opening_it_was_closing"),
        pytest.param("2026-03-30 08:00:01", "2026-03-30 08:00:01", id="a_second_after_opening"),
    ],
)
def test_a_value_of_the_office_clock_is_first_reached_in_office_hours(clock_of: str, reached: str):
    clock = CALENDAR.work_clock(second(clock_of))
    assert int(CALENDAR.from_work_clock(clock)) == second(reached)


LOCAL_SECONDS = st.integers(
    day_number(FIRST_RUN_DAY) * SECONDS_PER_DAY, day_number(LAST_RUN_DAY) * SECONDS_PER_DAY
)
CLOCK = st.integers(
    int(CALENDAR.ordinal(day_number(FIRST_RUN_DAY))) * OFFICE_SECONDS,
    int(CALENDAR.ordinal(day_number(LAST_RUN_DAY))) * OFFICE_SECONDS,
)


@given(clock=CLOCK)
def test_the_office_clock_shows_what_it_was_turned_to(clock):
    assert int(CALENDAR.work_clock(CALENDAR.from_work_clock(clock))) == clock


@given(instant=LOCAL_SECONDS)
def test_no_instant_with_the_same_office_time_is_earlier_than_the_one_reached(instant):
    clock = CALENDAR.work_clock(instant)
    reached = int(CALENDAR.from_work_clock(clock))
    assert reached <= instant
    assert int(CALENDAR.work_clock(reached - 1)) == int(clock) - 1


@given(instant=LOCAL_SECONDS, elapsed=st.integers(0, 40 * SECONDS_PER_DAY))
def test_the_office_clock_never_goes_back_nor_faster_than_time(instant, elapsed):
    before, after = CALENDAR.work_clock([instant, instant + elapsed])
    assert 0 <= after - before <= elapsed


@settings(max_examples=50, deadline=None)
@given(instant=LOCAL_SECONDS, days=st.integers(0, 20))
def test_the_office_works_nine_hours_on_each_business_day_between_midnights(instant, days):
    first = instant // SECONDS_PER_DAY
    clock = CALENDAR.work_clock([first * SECONDS_PER_DAY, (first + days) * SECONDS_PER_DAY])
    counted = sum(oracle.is_business_day(to_date(day)) for day in range(first, first + days))
    assert clock[1] - clock[0] == counted * 9 * HOUR


# --- Local days ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-01-01T00:00:00.000000", "2025-12-31", id="utc_midnight"),
        pytest.param("2026-01-01T04:59:59.999999", "2025-12-31", id="last_microsecond_of_the_day"),
        pytest.param("2026-01-01T05:00:00.000000", "2026-01-01", id="local_midnight"),
        pytest.param("2026-01-01T23:59:59.999999", "2026-01-01", id="before_utc_midnight"),
        pytest.param("1970-01-01T04:59:59.999999", "1969-12-31", id="before_the_epoch"),
    ],
)
def test_the_local_day_is_that_of_bogota(instant: str, day: str):
    assert int(local_day(microsecond(instant))) == number(day)
    assert oracle.local_day(datetime.fromisoformat(instant).replace(tzinfo=UTC)).isoformat() == day


def test_a_local_day_ends_a_microsecond_before_five_in_the_morning_utc():
    assert int(end_of_local_day(number("2026-01-01"))) == microsecond("2026-01-02T04:59:59.999999")


@given(day=DAYS)
def test_the_end_of_a_local_day_is_its_last_microsecond(day):
    end = int(end_of_local_day(day_number(day)))
    assert local_day([end, end + 1]).tolist() == [day_number(day), day_number(day) + 1]


# --- Identity -----------------------------------------------------------------------------------

CHRISTMAS, NEW_YEAR = date(2026, 12, 25), date(2027, 1, 1)


def test_equal_calendars_have_one_fingerprint_whatever_the_order_of_their_dates():
    there = calendar_of([CHRISTMAS, NEW_YEAR], "1.0")
    back = calendar_of([NEW_YEAR, CHRISTMAS, NEW_YEAR], "1.0")
    assert there.fingerprint == back.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(calendar_of([CHRISTMAS], "1.0"), id="a_date_less"),
        pytest.param(
            calendar_of([CHRISTMAS, NEW_YEAR, date(2026, 7, 13)], "1.0"), id="a_date_more"
        ),
        pytest.param(calendar_of([CHRISTMAS, date(2027, 1, 2)], "1.0"), id="another_date"),
        pytest.param(calendar_of([CHRISTMAS, NEW_YEAR], "1.1"), id="another_version"),
        pytest.param(
            calendar_of([CHRISTMAS, NEW_YEAR], "1.0", date(2026, 5, 31)), id="the_law_of_a_day"
        ),
    ],
)
def test_a_fingerprint_changes_with_a_date_the_version_or_the_law(other: BusinessCalendar):
    assert other.fingerprint != calendar_of([CHRISTMAS, NEW_YEAR], "1.0").fingerprint


def test_dates_outside_the_calendars_range_are_left_out():
    listed = calendar_of([date(1999, 12, 25), CHRISTMAS, date(2099, 12, 25)], "1.0")
    assert listed.holidays == (CHRISTMAS,)


def test_a_listed_weekend_takes_no_business_day_away():
    with_saturday = calendar_of([date(2026, 3, 28)], "1.0")
    assert int(with_saturday.ordinal(number("2026-03-30"))) == int(
        calendar_of([], "1.0").ordinal(number("2026-03-30"))
    )
