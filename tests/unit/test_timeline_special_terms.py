"""Generated tickets around the window of Decreto Legislativo 491 de 2020, recounted day by day.

28 March 2020 is a Saturday, 17 May 2022 a Tuesday.
"""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from tests.unit.scenarios import base_values, batch
from tests.unit.sla import Cycle, Life, add_business_days, business_days_between, cycles, lives

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.synthesis.events import batch_events
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.pipelines.synthesis.paths import TRANSFERRED, has_withdrawal
from pqrs_kedro.pipelines.synthesis.response import response_ratio
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch, build_batch

FIRST, LAST = date(2020, 3, 28), date(2022, 5, 17)
# First day of reception and number of days: around the window's first day, and around its last.
BEGIN, END = ("2020-03-02", 30), ("2022-05-09", 14)
SPANS = [pytest.param(BEGIN, id="the_window_begins"), pytest.param(END, id="the_window_ends")]
SPECIAL = {15: 30, 10: 20, 30: 35}
Span = tuple[str, int]


def tickets(span: Span, rate: float = 0.095) -> TicketBatch:
    return batch(*span, profile="ley1755", volume_scale=0.3, breach_rate=rate)


def without_windows(span: Span) -> TicketBatch:
    """The same tickets where the law has no special terms."""
    values = base_values(profile="ley1755", volume_scale=0.3)
    values["profiles"]["ley1755"]["special_terms"] = []
    first = day_number(date.fromisoformat(span[0]))
    values["date_min"], values["date_max"] = span[0], str(date.fromordinal(
        date.fromisoformat(span[0]).toordinal() + span[1] - 1
    ))  # fmt: skip
    return build_batch(build_scenario(parse_parameters(values)), range(first, first + span[1]))


@cache
def lives_of(span: Span, rate: float = 0.095) -> Sequence[Life]:
    """Lives whose terms and windows are written down here, not taken from the profile."""
    made = tickets(span, rate)
    types = made.scenario.profile.types.values()
    terms = np.array([item.term_business_days for item in types])[made.type_index]
    return [
        Life(life.row, life.path, life.seconds, life.term, life.announced, (
            (FIRST, LAST, SPECIAL[life.term]),
        ))
        for life in lives(made.path, made.timeline, terms)
    ]  # fmt: skip


@cache
def cycles_of(span: Span, rate: float = 0.095) -> Sequence[Cycle]:
    return [cycle for life in lives_of(span, rate) for cycle in cycles(life, "RESPONDED")]


def is_carried(cycle: Cycle) -> bool:
    """Whether the window began while the cycle was open."""
    return cycle.start_day < FIRST <= cycle.stop_day


def ratios(made: TicketBatch) -> np.ndarray:
    """The drawn response ratios, from the batch's own draws."""
    special = has_withdrawal(made.path) | (made.resolution == TRANSFERRED)
    strata = made.type_index * 4 + (made.path == STATUS_CODE["REOPENED"]).any(axis=1) * 2 + special
    median = np.array(made.scenario.median_by_type)[made.type_index]
    hurry = made.draws.uniform("response/hurry", 2)
    columns = [
        response_ratio(
            made.scenario.profile.response,
            median,
            made.draws.stratified(f"response/quantile/{n}", strata),
            hurry[:, n],
        )
        for n in range(2)
    ]
    return np.stack(columns, axis=1)


# --- Lateness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.02, 0.095, 0.40])
@pytest.mark.parametrize("span", SPANS)
def test_a_cycle_is_late_exactly_when_its_ratio_exceeds_one(span: Span, rate: float):
    made = tickets(span, rate)
    drawn = ratios(made)
    wrong = [
        cycle
        for cycle in cycles_of(span, rate)
        if made.resolution[cycle.life.row] != TRANSFERRED
        and not cycle.is_withdrawn
        and cycle.is_late != (drawn[cycle.life.row, cycle.number] > 1)
    ]
    assert wrong == []


@pytest.mark.parametrize("rate", [0.02, 0.095, 0.40])
@pytest.mark.parametrize("span", SPANS)
def test_as_many_tickets_are_late_as_requested(span: Span, rate: float):
    late = [cycle.is_late for cycle in cycles_of(span, rate) if cycle.is_last]
    assert len(late) > 2500
    assert np.mean(late) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(late)))


def test_the_tickets_reach_every_edge_of_the_window():
    begin, end = cycles_of(BEGIN), cycles_of(END)
    carried = [cycle for cycle in begin if is_carried(cycle)]
    kinds = {(c.number, c.is_late, bool(c.holds), c.extended) for c in carried}
    assert kinds >= {
        (0, False, False, False),
        (0, True, False, False),
        (0, False, True, False),
        (0, False, False, True),
        (1, False, False, False),
    }
    ordinary = [cycle for cycle in begin if cycle.stop_day < FIRST]
    assert len(carried) > 500
    assert len(ordinary) > 300
    assert {cycle.term for cycle in carried} == {20, 30, 35}
    assert {cycle.term for cycle in ordinary} == {10, 15, 30}
    for number in (0, 1):
        assert any(c.number == number and c.start_day >= FIRST for c in begin)
    assert any(c.start_day == FIRST for c in begin)
    assert any(c.start_day == LAST and c.term == 30 for c in end)
    assert {c.term for c in end if c.start_day > LAST} == {10, 15, 30}
    # Reopened after the window, of tickets that came in it.
    assert any(c.number == 1 and c.term == 15 and c.life.days[1] <= LAST for c in end)


def test_tickets_that_were_overdue_are_not_any_more_when_the_window_begins():
    saved = 0
    for cycle in cycles_of(BEGIN):
        # No holds: the ordinary due day is easily told.
        if is_carried(cycle) and not cycle.holds and not cycle.extended:
            ordinary = add_business_days(cycle.start_day, cycle.life.term)
            saved += ordinary < FIRST <= cycle.due_day
    assert saved > 10


# --- What the window leaves as it was -----------------------------------------------------------


def lines_before(made: TicketBatch, day: date) -> pl.DataFrame:
    lines = raw_lines(batch_events(made)).frame()
    return lines.filter(pl.col("day") < day_number(day)).sort("channel", "at", "tie")


def test_no_line_before_the_first_day_knows_of_the_window():
    before, expected = (
        lines_before(made, FIRST) for made in (tickets(BEGIN), without_windows(BEGIN))
    )
    assert before.height > 10_000
    assert before.equals(expected)
    assert not lines_before(tickets(BEGIN), date.max).equals(
        lines_before(without_windows(BEGIN), date.max)
    )


def test_tickets_of_other_years_are_the_same_with_and_without_the_window():
    later = ("2022-05-18", 3)
    assert lines_before(tickets(later), date.max).equals(
        lines_before(without_windows(later), date.max)
    )
    assert tickets(later).path.shape[0] > 300


def test_another_breach_rate_leaves_everything_up_to_the_first_work_alone():
    low, high = (tickets(BEGIN, rate) for rate in (0.02, 0.40))
    worked = np.argmax(low.path == STATUS_CODE["IN_PROGRESS"], axis=1)
    early = np.arange(low.path.shape[1]) <= worked[:, None]
    assert (low.timeline.entered[early] == high.timeline.entered[early]).all()
    assert (low.timeline.entered[~early] != high.timeline.entered[~early]).any()


def test_the_early_steps_are_as_long_as_by_the_ordinary_term():
    # Up to the first work the time does not depend on the term that the window gives.
    inside = ("2020-06-01", 2)
    special, ordinary = tickets(inside), without_windows(inside)
    worked = np.argmax(special.path == STATUS_CODE["IN_PROGRESS"], axis=1)
    row = np.arange(len(worked))
    assert (special.timeline.entered[row, worked] == ordinary.timeline.entered[row, worked]).all()
    answered = special.path == STATUS_CODE["RESPONDED"]
    assert (special.timeline.entered[answered] >= ordinary.timeline.entered[answered]).all()


@pytest.mark.parametrize("span", SPANS)
def test_a_transfer_is_answered_within_five_days_all_the_same(span: Span):
    made = tickets(span)
    taken = [
        business_days_between(life.days[1], life.days[life.first("RESPONDED")])
        for life in lives_of(span)
        if made.resolution[life.row] == TRANSFERRED
    ]
    assert max(taken) == 5


# --- Extensions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("span", SPANS)
def test_an_extension_announces_twice_the_term_of_its_day_and_comes_in_time(span: Span):
    made = tickets(span)
    lines = [
        json.loads(line)
        for line in raw_lines(batch_events(made)).frame()["line"]
        if '"TERM_EXTENDED"' in line
    ]
    announced = {line["ticket_id"]: line["attributes"]["term_business_days"] for line in lines}
    ids = made.frame["ticket_id"]
    extended = [cycle for cycle in cycles_of(span) if cycle.extended]
    assert len(extended) == len(announced) > 60
    for cycle in extended:
        life, start = cycle.life, cycle.start_day
        day = date.fromordinal(date(1970, 1, 1).toordinal() + life.announced // 86_400)
        known = SPECIAL[life.term] if start <= LAST and day >= FIRST else life.term
        assert announced[ids[life.row]] == 2 * known
        paused = sum(
            business_days_between(life.days[place], min(day, life.days[place + 1]))
            for place in cycle.holds
            if life.days[place] <= day
        )
        assert day <= add_business_days(start, known + paused)
        assert life.seconds[life.first("IN_PROGRESS")] < life.announced
        assert life.announced < life.seconds[life.first("RESPONDED")]


def test_extensions_are_announced_on_both_sides_of_the_first_day():
    sides = {
        (life.announced >= day_number(FIRST) * 86_400, is_carried(cycle))
        for cycle in cycles_of(BEGIN)
        if (life := cycle.life) and cycle.extended
    }
    assert sides >= {(False, False), (False, True), (True, True), (True, False)}
