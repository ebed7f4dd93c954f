"""The law of the response ratio, against counting on a fine grid and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.unit.scenarios import profile

from pqrs_kedro.parameters import Response
from pqrs_kedro.pipelines.synthesis.calibration import MEDIAN_DECIMALS, calibrate_median
from pqrs_kedro.pipelines.synthesis.response import late_probability, response_ratio

LAW = profile().response
BASELINE_MEDIAN = 0.536
LAWS = [
    pytest.param(LAW, id="of_the_profile"),
    pytest.param(LAW.model_copy(update={"hurry_share": 0.0}), id="nobody_hurries"),
    pytest.param(LAW.model_copy(update={"hurry_share": 1.0}), id="everybody_hurries"),
    pytest.param(LAW.model_copy(update={"sigma": 1.2, "hurry_until": 2.0}), id="wide"),
]
QUANTILES = (np.arange(400_000) + 0.5) / 400_000


def lognormal(law: Response, median: float, quantile: np.ndarray) -> np.ndarray:
    """The ratio before anybody hurries, from SciPy's own lognormal."""
    return stats.lognorm.ppf(quantile, s=law.sigma, scale=median)


# --- Lateness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("median", [0.2, BASELINE_MEDIAN, 0.9, 1.0, 1.4])
def test_the_probability_of_lateness_is_the_integral_of_the_law(law: Response, median: float):
    x = lognormal(law, median, QUANTILES)
    # Within (1, H] a ticket stays late unless somebody hurries; beyond H always.
    late = np.where(x > law.hurry_until, 1.0, np.where(x > 1, 1 - law.hurry_share, 0.0))
    assert late_probability(law, median) == pytest.approx(late.mean(), abs=1e-5)


@pytest.mark.parametrize("law", LAWS)
def test_the_probability_of_lateness_is_the_share_of_late_draws(law: Response):
    random = np.random.Generator(np.random.Philox(key=4))
    tickets = 200_000
    late = response_ratio(law, 0.7, random.random(tickets), random.random(tickets)) > 1
    expected = late_probability(law, 0.7)
    five_sigma = 5 * np.sqrt(expected * (1 - expected) / tickets)
    assert abs(late.mean() - expected) < five_sigma


def test_the_baseline_breaches_nine_and_a_half_per_cent():
    assert LAW.sigma == 0.55
    assert late_probability(LAW, BASELINE_MEDIAN) == pytest.approx(0.095, abs=0.001)


def test_the_baseline_is_spread_as_documented():
    random = np.random.Generator(np.random.Philox(key=5))
    x = response_ratio(LAW, BASELINE_MEDIAN, QUANTILES, random.random(len(QUANTILES)))
    assert np.quantile(x, 0.9) == pytest.approx(1.0, abs=0.03)
    # Mean lateness of a term of 15 business days.
    assert (15 * (x[x > 1] - 1)).mean() == pytest.approx(6.7, abs=0.1)


# --- Ratios -------------------------------------------------------------------------------------


def test_a_ratio_that_is_not_hurried_is_the_lognormal_quantile():
    quantile = np.array([1e-9, 0.1, 0.5, 0.7, 0.999999])
    x = response_ratio(LAW, 0.6, quantile, np.full(5, 0.99))
    assert x == pytest.approx(lognormal(LAW, 0.6, quantile), rel=1e-12)
    assert x[2] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("ratio", "hurry", "expected"),
    [
        pytest.param(0.9, 0.1, 0.9, id="within_the_term"),
        pytest.param(1.1, 0.1, 0.97, id="hurried"),
        pytest.param(1.1, 0.5, 1.1, id="not_hurried_at_the_share_itself"),
        pytest.param(1.1, 0.9, 1.1, id="not_hurried"),
        pytest.param(1.24, 0.1, 0.928, id="just_within_reach"),
        pytest.param(1.26, 0.1, 1.26, id="beyond_reach"),
    ],
)
def test_a_late_ratio_within_reach_is_hurried_by_the_second_draw(
    ratio: float, hurry: float, expected: float
):
    quantile = stats.lognorm.cdf(ratio, s=LAW.sigma, scale=0.6)
    x = response_ratio(LAW, 0.6, np.array([quantile]), np.array([hurry]))
    assert x[0] == pytest.approx(expected, abs=1e-9)


UNIT = st.floats(1e-12, 1 - 1e-12)
MEDIANS = st.floats(0.01, 20)


@given(quantile=UNIT, hurry=UNIT, medians=st.tuples(MEDIANS, MEDIANS))
def test_what_is_late_stays_late_when_the_median_rises(quantile, hurry, medians):
    low, high = (
        response_ratio(LAW, median, np.array([quantile]), np.array([hurry]))[0]
        for median in sorted(medians)
    )
    assert high > 1 or low <= 1


@given(quantile=UNIT, hurry=UNIT, median=MEDIANS)
def test_a_ratio_is_positive_and_hurrying_only_ever_makes_it_timely(quantile, hurry, median):
    drawn = np.array([quantile])
    x = response_ratio(LAW, median, drawn, np.array([hurry]))[0]
    unhurried = response_ratio(LAW, median, drawn, np.array([1.0]))[0]
    assert x > 0
    assert x == unhurried or (0.925 <= x <= 1 < unhurried)


# --- Calibration --------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("never_late_share", [0.0, 0.086, 0.3])
@pytest.mark.parametrize("percent", [2, 5, 9.5, 12, 25, 40])
def test_the_calibrated_median_gives_the_requested_rate_over_all_tickets(
    law: Response, never_late_share: float, percent: float
):
    median = calibrate_median(law, percent / 100, never_late_share)
    realised = late_probability(law, median) * (1 - never_late_share)
    assert realised == pytest.approx(percent / 100, abs=5e-6)


def test_the_calibrated_median_of_the_baseline_is_the_documented_one():
    assert calibrate_median(LAW, 0.095, 0.0) == pytest.approx(BASELINE_MEDIAN, abs=0.002)


def test_the_calibrated_median_lies_on_a_decimal_grid():
    for percent in range(2, 41):
        median = calibrate_median(LAW, percent / 100, 0.086)
        assert median == round(median, MEDIAN_DECIMALS)


def test_a_greater_rate_needs_a_greater_median():
    medians = [calibrate_median(LAW, percent / 100, 0.086) for percent in range(2, 41)]
    assert medians == sorted(set(medians))
