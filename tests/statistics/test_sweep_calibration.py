"""The calibration's statistics: monotone curves, roots, and intervals that cover what they say.

Trials are the generator's own tickets, of which lateness is read from the timeline; that a trial
has the same numbers is shown in `tests/pipelines/test_sweep_trial.py`. The benchmark
`benchmarks/sweep.py` repeats the coverage 1,000 times, and calibrates 150,000 tickets.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats
from tests.unit.scenarios import base_values

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import RunParameters, parse_parameters
from pqrs_kedro.pipelines.synthesis.calibration import scaled_median
from pqrs_kedro.pipelines.synthesis.scenario import breach_rate_by_scale, build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import build_batch
from pqrs_kedro.sweep.calibration import (
    Interval,
    ResponseCurve,
    closed_form_root,
    mean_interval,
    new_run_interval,
    student,
)

# On one worker: the trials are made once.
pytestmark = pytest.mark.xdist_group("sweep_calibration")

SCALES = np.array([0.9, 1.05, 1.2])
SMALL = {"date_min": "2026-01-05", "date_max": "2026-01-08", "volume_scale": 0.1}


def parameters(seed: int) -> RunParameters:
    values = base_values(breach_rate=None, response={"median_scale": 1.0}, seed=seed, **SMALL)
    return parse_parameters(values)


PREDICT = breach_rate_by_scale(parameters(0).chosen_profile)


def late_tickets(seed: int, scales: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the last cycle of each ticket is late, shape (scales, tickets)."""
    typed = parameters(seed)
    scenario = build_scenario(typed)
    days = range(day_number(typed.date_min), day_number(typed.date_max) + 1)
    late = []
    for scale in scales:
        median = (scaled_median(float(scale)),) * len(scenario.median_by_type)
        timeline = build_batch(replace(scenario, median_by_type=median), days).timeline
        last = (timeline.term[:, 1] > 0).astype(int)
        late.append(timeline.is_late[np.arange(len(last)), last])
    return np.array(late)


@cache
def rates(first_seed: int, seeds: int) -> NDArray[np.float64]:
    """Breach rates, shape (scales, seeds)."""
    columns = [
        late_tickets(seed, SCALES).mean(axis=1) for seed in range(first_seed, first_seed + seeds)
    ]
    return np.array(columns).T


def test_the_curve_of_every_seed_is_monotone_and_late_tickets_stay_late():
    for seed in range(5):
        late = late_tickets(seed, np.linspace(0.7, 1.6, 8))
        assert (late[1:] >= late[:-1]).all()
        assert late[0].sum() < late[-1].sum()


def test_common_random_numbers_make_differences_more_certain_than_levels():
    found = rates(1000, 30)
    common = (found[1] - found[0]).std(ddof=1)
    apart = (found[1] - np.roll(found[0], 1)).std(ddof=1)
    assert common < 0.8 * apart


def test_the_intervals_of_the_root_cover_what_they_say():
    """80 calibrations of 5 seeds: a binomial count of covered ones, at one in ten thousand."""
    truth = closed_form_root(PREDICT, 0.095)
    covered = [
        ResponseCurve(SCALES, rates(1000 + 5 * n, 5), PREDICT).root(0.095).holds(truth)
        for n in range(80)
    ]
    assert stats.binomtest(sum(covered), len(covered), 0.95).pvalue > 1e-4


def test_intervals_of_a_wrong_width_are_noticed():
    """Half as wide, as if the variance between seeds were a quarter: they cover too seldom."""
    truth = closed_form_root(PREDICT, 0.095)
    covered = 0
    for n in range(80):
        root = ResponseCurve(SCALES, rates(1000 + 5 * n, 5), PREDICT).root(0.095)
        half = Interval(root.value, (root.value + root.low) / 2, (root.value + root.high) / 2)
        covered += half.holds(truth)
    assert stats.binomtest(covered, 80, 0.95).pvalue < 1e-4


def test_the_interval_for_a_new_run_covers_what_it_says():
    covered = total = 0
    for n in range(79):
        found = rates(1000 + 5 * n, 5)[1]
        after = rates(1000 + 5 * (n + 1), 5)[1]
        expected = new_run_interval(float(found.mean()), float(found.std(ddof=1)), 5, 1.0)
        covered += sum(expected.holds(float(rate)) for rate in after)
        total += len(after)
    assert 0.90 < covered / total < 0.985


def test_the_curve_passes_through_what_was_measured():
    curve = ResponseCurve(SCALES, rates(1000, 30), PREDICT)
    for number, scale in enumerate(SCALES):
        assert curve.rates_at(float(scale)) == pytest.approx(curve.rates[number], abs=1e-12)
        expected = stats.ttest_1samp(curve.rates[number], 0).confidence_interval(0.95)
        band = curve.band(float(scale))
        assert (band.low, band.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_between_what_was_measured_the_curve_errs_less_than_its_interval():
    """Measured at the middle of two swept scales, by the same seeds."""
    curve = ResponseCurve(SCALES, rates(1000, 30), PREDICT)
    middle = 1.125
    measured = np.array(
        [late_tickets(seed, np.array([middle])).mean() for seed in range(1000, 1030)]
    )
    band = curve.band(middle)
    assert abs(band.value - measured.mean()) < (band.high - band.low) / 2


def test_a_root_is_where_the_curve_passes_the_rate_and_its_ends_where_the_band_does():
    curve = ResponseCurve(SCALES, rates(1000, 30), PREDICT)
    root = curve.root(0.1)
    assert root.low < root.value < root.high
    assert curve.band(root.value).value == pytest.approx(0.1, abs=1e-6)
    assert curve.band(root.low).high == pytest.approx(0.1, abs=1e-6)
    assert curve.band(root.high).low == pytest.approx(0.1, abs=1e-6)


def test_a_rate_beyond_the_curve_has_no_root():
    curve = ResponseCurve(SCALES, rates(1000, 30), PREDICT)
    assert not curve.reaches(0.4)
    with pytest.raises(ValueError, match="does not pass"):
        curve.root(0.4)


def test_an_end_beyond_the_swept_scales_is_the_last_of_them():
    steep = np.array([[0.08, 0.12, 0.09], [0.10, 0.14, 0.11]])
    curve = ResponseCurve(np.array([1.0, 1.1]), steep, lambda scale: 0.1 * scale)
    root = curve.root(0.1)
    assert (root.low, root.high) == (1.0, 1.1)


def test_the_curve_is_measured_where_the_closed_form_is_wrong():
    """A closed form that is a point off everywhere leaves the roots where they are."""
    found = rates(1000, 30)
    right = ResponseCurve(SCALES, found, PREDICT).root(0.1)
    wrong = ResponseCurve(SCALES, found, lambda scale: PREDICT(scale) + 0.01).root(0.1)
    assert wrong.value == pytest.approx(right.value, abs=1e-6)


def test_the_closed_forms_root_is_the_tails():
    """By SciPy's lognormal alone; .0850 of the tickets cannot be late."""
    found = closed_form_root(PREDICT, 0.095)
    tail = lambda s: stats.lognorm(s=0.55, scale=0.536 * s).sf([1, 1.25]).mean()  # noqa: E731
    never_late = 1 - PREDICT(1.0) / tail(1.0)
    assert never_late == pytest.approx(0.0850, abs=5e-5)
    assert found == pytest.approx(
        optimize.brentq(lambda s: (1 - never_late) * tail(s) - 0.095, 0.5, 2), abs=1e-5
    )


def test_students_quantile_and_the_interval_of_one_value():
    assert student(9) == pytest.approx(stats.t.ppf(0.975, 9), abs=1e-12)
    assert mean_interval(np.array([3.0])) == Interval(3.0, 3.0, 3.0)
