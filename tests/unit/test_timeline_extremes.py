"""The time grid under draws that hardly ever occur: the least, the greatest, or in the middle.

Tickets of all kinds walk at random, but every draw of a duration, a ratio or a time of day is one
of a few extreme values; the promises of the timeline hold all the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from tests.unit.scenarios import PROFILES, batch, profile
from tests.unit.sla import Cycle, Life, business_days_between, cycles, lives

from pqrs_kedro.domain.calendar import (
    LAST_DAY,
    LAST_RUN_DAY,
    SECONDS_PER_DAY,
    colombian_calendar,
    day_number,
)
from pqrs_kedro.domain.statuses import MAX_PATH_LENGTH
from pqrs_kedro.pipelines.synthesis.calibration import calibrate_median
from pqrs_kedro.pipelines.synthesis.paths import END, ORDINARY, TRANSFERRED, has_withdrawal, walk
from pqrs_kedro.pipelines.synthesis.response import response_ratio
from pqrs_kedro.pipelines.synthesis.segments import Cases, CycleDraws, SpecialWindow
from pqrs_kedro.pipelines.synthesis.timeline import Timeline, build_timeline

TICKETS = 4000
FIRST_DAY = 18_262  # 2020-01-01: the longest lives last until 2030
LEAST, GREATEST = 2.0**-54, 1 - 2.0**-53
EXTREMES = (LEAST, 1e-6, 0.5, 1 - 1e-6, GREATEST)
# Not the greatest: a life of many such durations would outlast the calendar.
DURATIONS = (LEAST, 1e-6, 0.5, 1 - 1e-6)
QUANTILES = (LEAST, 1e-3, 0.5, 0.7, 0.9, 1 - 1e-4)
PROFILE_TERMS = (8, 10, 15, 20, 30)
# Parameters allow 1 to 60 days; under five, where two holds do not fit, only order is promised.
OTHER_TERMS, SHORT_TERMS = (5, 6, 7, 60), (1, 2, 3, 4)
# Special terms, as a factor on the ordinary one: in a window that one day lies between it and the
# next, and for every second term in that one only.
WINDOWS = (("2020-03-28", "2020-09-29", 2.0), ("2020-10-01", "2020-11-15", 1.2))
Window = tuple[str, str, float]
Case = tuple[str, float, tuple[int, ...], tuple[Window, ...]]
CASES = [
    pytest.param((name, rate, terms, windows), id=f"{name}_{label}")
    for name in PROFILES
    for label, rate, terms, windows in (
        ("rate_of_2_pct", 0.02, PROFILE_TERMS, ()),
        ("rate_of_40_pct", 0.40, PROFILE_TERMS, ()),
        ("other_terms", 0.095, OTHER_TERMS, ()),
        ("special_terms", 0.40, PROFILE_TERMS, WINDOWS),
        ("other_special_terms", 0.095, OTHER_TERMS, WINDOWS),
    )
]
ALL_CASES = [
    *CASES,
    *(pytest.param((name, 0.095, SHORT_TERMS, ()), id=f"{name}_short_terms") for name in PROFILES),
]

Made = tuple[Cases, CycleDraws, Timeline, np.ndarray]


@cache
def extreme_tickets(case: Case) -> Made:
    """Cases, draws, timeline and resolution of tickets with extreme draws."""
    name, rate, terms, windows = case
    facts = profile(name)
    random = np.random.Generator(np.random.Philox(key=int(1000 * rate)))
    resolution = random.choice([ORDINARY, TRANSFERRED, 2], TICKETS, p=[0.7, 0.2, 0.1])
    # Draws below one half take loops often: paths are long.
    path = walk(facts.transitions, random.random((TICKETS, MAX_PATH_LENGTH)) / 3, resolution)
    quantile = random.choice(QUANTILES, (TICKETS, 2))
    hurry = random.choice(EXTREMES, (TICKETS, 2))
    median = calibrate_median(facts.response, rate, 0.086)
    eligible = (resolution == ORDINARY) & ~has_withdrawal(path) & (quantile[:, 0] >= 0.7)
    cases = Cases(
        path=path,
        received=(FIRST_DAY + random.integers(0, 365, TICKETS)) * SECONDS_PER_DAY
        + random.choice([0, 1, 8 * 3600, 8 * 3600 + 1, 17 * 3600, 86_399], TICKETS),
        radication=random.choice([1, 60, 9 * 3600, 50 * 3600], TICKETS),
        radication_in_office=random.random(TICKETS) < 0.5,
        term=random.choice(terms, TICKETS),
        transferred=resolution == TRANSFERRED,
        extended=eligible & (random.random(TICKETS) < 0.5),
    )
    cases = replace(cases, windows=special_windows(cases.term, windows))
    draws = CycleDraws(
        ratio=response_ratio(facts.response, median, quantile, hurry),
        quantile=quantile,
        duration=random.choice(DURATIONS, (TICKETS, MAX_PATH_LENGTH)),
        office_time=random.choice(EXTREMES, (TICKETS, MAX_PATH_LENGTH)),
        announcement=random.choice(EXTREMES, TICKETS),
    )
    timeline = build_timeline(facts, colombian_calendar(), cases, draws)
    return cases, draws, timeline, resolution


def special_windows(term: np.ndarray, windows: tuple[Window, ...]) -> tuple[SpecialWindow, ...]:
    """Windows of special terms; in all but the last, every second term stays the ordinary one."""
    found = []
    for number, (first, last, factor) in enumerate(windows, start=1):
        special = np.ceil(factor * term).astype(np.int64)
        keeps = (np.unique(term, return_inverse=True)[1] % 2 == 1) & (number < len(windows))
        days = [day_number(date.fromisoformat(day)) for day in (first, last)]
        found.append(SpecialWindow(*days, np.where(keeps, 0, special)))
    return tuple(found)


@cache
def lives_of(case: Case) -> Sequence[Life]:
    cases, _, timeline, _ = extreme_tickets(case)
    return list(lives(cases.path, timeline, cases.term, cases.windows))


@cache
def cycles_of(case: Case) -> Sequence[Cycle]:
    stop_status = profile(case[0]).stop_status
    return [cycle for life in lives_of(case) for cycle in cycles(life, stop_status)]


@pytest.mark.parametrize("case", ALL_CASES)
def test_every_status_is_entered_after_the_one_before(case: Case):
    cases, _, timeline, _ = extreme_tickets(case)
    elapsed = np.diff(timeline.entered, axis=1)
    assert (elapsed[cases.path[:, 1:] != END] > 0).all()


@pytest.mark.parametrize("case", CASES)
def test_an_ordinary_cycle_is_late_exactly_when_its_ratio_exceeds_one(case: Case):
    cases, draws, _, _ = extreme_tickets(case)
    wrong = [
        cycle
        for cycle in cycles_of(case)
        if not cases.transferred[cycle.life.row]
        and not cycle.is_withdrawn
        and cycle.is_late != (draws.ratio[cycle.life.row, cycle.number] > 1)
    ]
    assert wrong == []


@pytest.mark.parametrize("case", CASES)
def test_transfers_and_withdrawals_are_never_late(case: Case):
    cases, _, _, _ = extreme_tickets(case)
    special = [c for c in cycles_of(case) if c.is_withdrawn or cases.transferred[c.life.row]]
    assert len(special) > 700
    assert [cycle for cycle in special if cycle.is_late] == []


@pytest.mark.parametrize("case", CASES)
def test_a_transferred_petition_is_answered_within_five_business_days(case: Case):
    cases, _, _, _ = extreme_tickets(case)
    taken = {
        business_days_between(life.days[1], life.days[life.first("RESPONDED")])
        for life in lives_of(case)
        if cases.transferred[life.row]
    }
    assert max(taken) == 5


@pytest.mark.parametrize("case", CASES)
def test_completion_is_asked_for_within_ten_business_days_and_within_the_term(case: Case):
    held = [cycle for cycle in cycles_of(case) if cycle.holds]
    assert len(held) > 700
    for cycle in held:
        days = cycle.life.days
        assert days[cycle.holds[-1]] <= cycle.due_day
        if cycle.number == 0:
            assert business_days_between(cycle.start_day, days[cycle.holds[0]]) <= 10


@pytest.mark.parametrize("case", ALL_CASES)
def test_an_extension_is_announced_while_the_petition_is_unanswered(case: Case):
    extended = [life for life in lives_of(case) if life.announced]
    assert len(extended) > 100
    wrong = [
        life
        for life in extended
        if not (
            life.seconds[life.first("IN_PROGRESS")]
            < life.announced
            < life.seconds[life.first("RESPONDED")]
        )
    ]
    assert wrong == []


def test_tickets_of_the_last_days_that_a_run_may_have_end_within_the_calendar():
    first = LAST_RUN_DAY - timedelta(days=4)
    last_days = batch(first.isoformat(), 5, breach_rate=0.40)
    archived = last_days.timeline.entered.max() // SECONDS_PER_DAY
    assert archived <= day_number(LAST_DAY)
