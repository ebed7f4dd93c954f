"""The survival estimator, against fractions counted by hand and published results."""

from datetime import datetime
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.analysis.survival import (
    Spells,
    SurvivalCurve,
    compare_curves,
    kaplan_meier,
    watched_days,
)

# Weeks of remission of children with leukaemia, under 6-mercaptopurine and under placebo; a "+" is
# censored (Freireich et al. 1963, Blood 21:699).
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def spells(text: str) -> Spells:
    """Durations as they are printed: `6 6+ 7`."""
    words = text.split()
    return Spells(
        np.array([float(word.rstrip("+")) for word in words]),
        np.array([not word.endswith("+") for word in words]),
    )


def counted(cases: Spells) -> dict[float, tuple[int, int, Fraction]]:
    """At risk, ended and the exact product of fractions, at every time at which a case ended."""
    pairs = list(zip(cases.durations.tolist(), cases.is_observed.tolist(), strict=True))
    survival, steps = Fraction(1), {}
    for time in sorted({duration for duration, ended in pairs if ended}):
        at_risk = sum(duration >= time for duration, _ in pairs)
        events = sum(duration == time and ended for duration, ended in pairs)
        survival *= 1 - Fraction(events, at_risk)
        steps[time] = (at_risk, events, survival)
    return steps


def same_steps(curve: SurvivalCurve, cases: Spells) -> bool:
    steps = counted(cases)
    return (
        curve.times.tolist() == list(steps)
        and curve.at_risk.tolist() == [risk for risk, _, _ in steps.values()]
        and curve.events.tolist() == [events for _, events, _ in steps.values()]
        and curve.survival.tolist()
        == pytest.approx([float(share) for _, _, share in steps.values()], abs=1e-9)
    )


watched = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60)


@given(watched)
def test_the_curve_is_the_product_of_the_exact_fractions(cases: list[tuple[int, bool]]):
    given_spells = Spells(
        np.array([float(time) for time, _ in cases]), np.array([ended for _, ended in cases])
    )
    curve = kaplan_meier(given_spells)
    assert same_steps(curve, given_spells)
    assert (curve.cases, curve.censored) == (len(cases), sum(not ended for _, ended in cases))
    assert (curve.lower <= curve.survival).all()
    assert (curve.survival <= curve.upper).all()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.integers(1, 99))
def test_without_censoring_a_quantile_is_the_order_statistic(times: list[int], pct: int):
    curve = kaplan_meier(Spells(np.array(times, float), np.ones(len(times), bool)))
    rank = next(n for n in range(1, len(times) + 1) if 100 * n >= pct * len(times))
    assert curve.quantile(pct / 100) == sorted(times)[rank - 1]


def test_the_published_curve_of_the_treated_children_is_found():
    curve = kaplan_meier(spells(TREATED))
    shares = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert dict(zip(curve.times.tolist(), curve.survival.round(4).tolist(), strict=True)) == shares
    # As R's survfit prints them with conf.type = "log-log".
    assert (round(curve.lower[0], 3), round(curve.upper[0], 3)) == (0.620, 0.952)
    assert (round(curve.lower[-1], 3), round(curve.upper[-1], 3)) == (0.188, 0.680)
    assert curve.quantile(0.5) == 23
    assert curve.quantile_limits(0.5) == (13, None)


def test_the_published_difference_of_treatment_and_placebo_is_found():
    treated, placebo = spells(TREATED), spells(PLACEBO)
    both = Spells(
        np.concatenate([treated.durations, placebo.durations]),
        np.concatenate([treated.is_observed, placebo.is_observed]),
    )
    found = compare_curves(both, ["treated"] * 21 + ["placebo"] * 21)
    assert found.statistic == pytest.approx(16.79, abs=0.005)
    assert found.degrees_of_freedom == 1
    assert found.p_value == pytest.approx(4.17e-5, abs=1e-7)


def test_a_curve_says_how_many_last_longer_than_any_time():
    curve = kaplan_meier(spells("2 4 4 5+ 7+"))
    assert [curve.at(time) for time in (0, 1.9, 2, 3, 4, 7, 99)] == pytest.approx(
        [1, 1, 0.8, 0.8, 0.4, 0.4, 0.4]
    )
    assert curve.quantile(0.5) == 4
    assert curve.quantile(0.9) is None


def test_a_drawn_curve_goes_on_to_the_longest_time_watched():
    corners = list(kaplan_meier(spells("2 4 5+ 7+")).steps())
    assert [(time, share) for time, share, _, _ in corners] == [
        (0, 1), (2, 0.75), (4, 0.5), (7, 0.5),
    ]  # fmt: skip


def test_a_curve_that_ends_at_zero_keeps_its_last_upper_limit():
    curve = kaplan_meier(spells("1 2 3"))
    assert curve.survival.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert curve.lower[-1] == 0
    assert curve.upper[-1] == curve.upper[-2] < 1


def test_a_case_that_nobody_saw_ending_is_watched_to_the_end_of_observation():
    started = pd.Series(pd.to_datetime(["2026-01-05 12:00", "2026-01-06 00:00"]))
    ended = pd.Series(pd.to_datetime(["2026-01-07 00:00", None]))
    cases = watched_days(started, ended, datetime(2026, 1, 9, 6))  # noqa: DTZ001
    assert cases.durations.tolist() == [1.5, 3.25]
    assert cases.is_observed.tolist() == [True, False]


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(Spells(np.array([]), np.array([], bool)), id="none"),
        pytest.param(Spells(np.array([-1.0]), np.array([True])), id="negative"),
        pytest.param(Spells(np.array([np.nan]), np.array([True])), id="not_a_number"),
    ],
)
def test_impossible_durations_are_refused(cases: Spells):
    with pytest.raises(ValueError, match="durations"):
        kaplan_meier(cases)


@pytest.mark.parametrize(
    ("cases", "groups"),
    [
        pytest.param(spells("1 2"), ["a", "a"], id="one_group"),
        pytest.param(spells("1+ 2+"), ["a", "b"], id="nothing_ended"),
    ],
)
def test_a_comparison_of_nothing_is_refused(cases: Spells, groups: list[str]):
    with pytest.raises(ValueError, match="groups"):
        compare_curves(cases, groups)
