"""Lateness, holds, transfers and extensions of generated tickets, recomputed day by day."""

from collections.abc import Sequence
from datetime import date
from functools import cache

import numpy as np
import pytest
from tests.oracle import calendar as oracle
from tests.unit.scenarios import PROFILES, batch, profile
from tests.unit.sla import (
    Cycle,
    Life,
    add_business_days,
    business_days_between,
    cycles,
    day_of,
    lives,
)

from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.pipelines.synthesis.paths import ORDINARY, TRANSFERRED, has_withdrawal
from pqrs_kedro.pipelines.synthesis.response import response_ratio
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

Case = tuple[str, int, float]

# The days before Easter, and before Christmas.
WEEKS = {42: "2026-03-24", 7: "2025-12-16"}
BATCHES = [
    pytest.param((name, seed, 0.095), id=f"{name}_seed_{seed}")
    for name in PROFILES
    for seed in WEEKS
]
DAYS = 3
CYCLES = 2  # one, and one more by a reopening


def tickets(case: Case) -> TicketBatch:
    name, seed, rate = case
    return batch(WEEKS[seed], DAYS, profile=name, seed=seed, breach_rate=rate)


def terms_of(made: TicketBatch) -> np.ndarray:
    types = made.scenario.profile.types.values()
    return np.array([item.term_business_days for item in types])[made.type_index]


@cache
def lives_of(case: Case) -> Sequence[Life]:
    made = tickets(case)
    return list(lives(made.path, made.timeline, terms_of(made)))


@cache
def cycles_of(case: Case) -> Sequence[Cycle]:
    stop_status = profile(case[0]).stop_status
    return [cycle for life in lives_of(case) for cycle in cycles(life, stop_status)]


def ratios(made: TicketBatch) -> np.ndarray:
    """The drawn response ratios, from the batch's own draws."""
    special = has_withdrawal(made.path) | (made.resolution == TRANSFERRED)
    strata = made.type_index * 4 + (made.path == STATUS_CODE["REOPENED"]).any(axis=1) * 2 + special
    median = np.array(made.scenario.median_by_type)[made.type_index]
    hurry = made.draws.uniform("response/hurry", CYCLES)
    law = made.scenario.profile.response
    columns = [
        response_ratio(
            law, median, made.draws.stratified(f"response/quantile/{n}", strata), hurry[:, n]
        )
        for n in range(CYCLES)
    ]
    return np.stack(columns, axis=1)


def month_later(day: date) -> date:
    """The same date next month, or that month's last day."""
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    for last in range(day.day, 0, -1):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    raise AssertionError(day)


# --- Lateness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BATCHES)
def test_an_ordinary_cycle_is_late_exactly_when_its_ratio_exceeds_one(case: Case):
    made = tickets(case)
    drawn = ratios(made)
    wrong = [
        cycle
        for cycle in cycles_of(case)
        if made.resolution[cycle.life.row] != TRANSFERRED
        and not cycle.is_withdrawn
        and cycle.is_late != (drawn[cycle.life.row, cycle.number] > 1)
    ]
    assert wrong == []


@pytest.mark.parametrize("case", BATCHES)
def test_ratios_on_both_sides_of_one_occur_in_cycles_of_every_kind(case: Case):
    made = tickets(case)
    ordinary = [c for c in cycles_of(case) if made.resolution[c.life.row] == ORDINARY]
    kinds = {(c.number, bool(c.holds), c.extended) for c in ordinary if c.is_late}
    assert kinds >= {(0, False, False), (0, True, False), (0, False, True)}
    assert {c.number for c in ordinary} == {0, 1}


@pytest.mark.parametrize("rate", [0.02, 0.095, 0.12, 0.40])
@pytest.mark.parametrize("name", PROFILES)
def test_as_many_tickets_are_late_as_requested(name: str, rate: float):
    late = [cycle.is_late for cycle in cycles_of((name, 42, rate)) if cycle.is_last]
    assert len(late) > 3000
    # Four standard deviations of as many independent tickets; stratified draws do better.
    assert np.mean(late) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(late)))


@pytest.mark.parametrize("name", PROFILES)
def test_every_type_is_late_as_often_as_requested(name: str):
    made = tickets((name, 42, 0.095))
    late = np.array([cycle.is_late for cycle in cycles_of((name, 42, 0.095)) if cycle.is_last])
    for number in range(len(made.scenario.profile.types)):
        of_type = late[made.type_index == number]
        five_sigma = 5 * np.sqrt(0.095 * 0.905 / len(of_type))
        assert of_type.mean() == pytest.approx(0.095, abs=five_sigma)


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_late_stays_late_at_a_greater_rate(name: str):
    rates = (0.02, 0.095, 0.12, 0.40)
    late = [
        {(c.life.row, c.number) for c in cycles_of((name, 42, rate)) if c.is_late} for rate in rates
    ]
    assert late[0] < late[1] < late[2] < late[3]


@pytest.mark.parametrize("case", BATCHES)
def test_a_cycle_stops_on_a_business_day_after_its_start_or_the_same_day(case: Case):
    for cycle in cycles_of(case):
        assert cycle.start_day <= cycle.stop_day
        assert oracle.is_business_day(cycle.stop_day)


# --- Transfers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BATCHES)
def test_a_transferred_petition_is_answered_within_five_business_days_and_never_late(case: Case):
    made = tickets(case)
    transferred = [c for c in cycles_of(case) if made.resolution[c.life.row] == TRANSFERRED]
    assert len(transferred) > 100
    taken = set()
    for cycle in transferred:
        assert not cycle.is_late
        answered = cycle.life.days[cycle.life.first("RESPONDED")]
        taken.add(business_days_between(cycle.start_day, answered))
    assert max(taken) == 5
    assert min(taken) <= 1


@pytest.mark.parametrize("case", BATCHES)
def test_the_shares_of_transferred_and_repeated_petitions_are_the_profiles(case: Case):
    resolution = tickets(case).resolution
    assert (resolution == TRANSFERRED).mean() == pytest.approx(0.06, abs=0.016)
    assert (resolution == 2).mean() == pytest.approx(0.01, abs=0.008)


# --- Holds --------------------------------------------------------------------------------------


def holds_of(case: Case) -> list[tuple[Life, int]]:
    """Every hold: the ticket, and the place of ON_HOLD in its path."""
    return [
        (life, place)
        for life in lives_of(case)
        for place, status in enumerate(life.path)
        if status == "ON_HOLD"
    ]


@pytest.mark.parametrize("case", BATCHES)
def test_a_cycle_with_a_withdrawal_is_never_late(case: Case):
    withdrawn = [cycle for cycle in cycles_of(case) if cycle.is_withdrawn]
    assert len(withdrawn) > 40
    assert [cycle for cycle in withdrawn if cycle.is_late] == []


@pytest.mark.parametrize("case", BATCHES)
def test_a_withdrawal_is_declared_a_month_after_the_hold_on_a_business_day(case: Case):
    for life, place in holds_of(case):
        if life.path[place + 1] == "RESPONDED":
            expected = month_later(life.days[place])
            if not oracle.is_business_day(expected):
                expected = oracle.add_business_days(expected, 1)
            assert life.days[place + 1] == expected


@pytest.mark.parametrize("case", BATCHES)
def test_all_other_holds_end_before_a_month_has_passed(case: Case):
    completed = [
        (life.days[place], life.days[place + 1])
        for life, place in holds_of(case)
        if life.path[place + 1] == "IN_PROGRESS"
    ]
    assert len(completed) > 300
    assert [pair for pair in completed if pair[1] >= month_later(pair[0])] == []
    days = [(end - start).days for start, end in completed]
    assert np.median(days) == pytest.approx(7.5, abs=1.5)
    assert max(days) > 25


@pytest.mark.parametrize("case", BATCHES)
def test_completion_is_asked_for_within_ten_business_days_of_radication(case: Case):
    waited = [
        business_days_between(cycle.start_day, cycle.life.days[cycle.holds[0]])
        for cycle in cycles_of(case)
        if cycle.number == 0 and cycle.holds
    ]
    assert len(waited) > 300
    assert max(waited) <= 10
    assert len(set(waited)) >= 8


@pytest.mark.parametrize("case", BATCHES)
def test_every_hold_before_the_stop_begins_within_the_term(case: Case):
    # Otherwise it would not pause the term, and the ratio would not say who is late.
    for cycle in cycles_of(case):
        if cycle.holds:
            assert cycle.life.days[cycle.holds[-1]] <= cycle.due_day


# --- Extensions ---------------------------------------------------------------------------------


def extended_lives(case: Case) -> list[Life]:
    found = [life for life in lives_of(case) if life.announced]
    assert len(found) > 80
    return found


@pytest.mark.parametrize("case", BATCHES)
def test_an_extension_is_announced_after_work_began_and_no_later_than_the_first_due_day(case: Case):
    for life in extended_lives(case):
        paused = sum(
            business_days_between(life.days[place], life.days[place + 1])
            for place, status in enumerate(life.path[: life.path.index("CLOSED")])
            if status == "ON_HOLD" and life.seconds[place] < life.announced
        )
        first_due_day = add_business_days(life.days[1], life.term + paused)
        assert life.seconds[life.first("IN_PROGRESS")] < life.announced
        assert day_of(life.announced) <= first_due_day


@pytest.mark.parametrize("case", BATCHES)
def test_an_extension_is_announced_before_the_answer(case: Case):
    answered = [
        life
        for life in extended_lives(case)
        if life.announced >= life.seconds[life.first("RESPONDED")]
    ]
    assert answered == []


@pytest.mark.parametrize("case", BATCHES)
def test_only_ordinary_petitions_without_a_withdrawal_are_extended(case: Case):
    made = tickets(case)
    assert (made.resolution[made.extended] == ORDINARY).all()
    assert not has_withdrawal(made.path)[made.extended].any()
    assert made.extended.mean() == pytest.approx(0.04, abs=0.014)
