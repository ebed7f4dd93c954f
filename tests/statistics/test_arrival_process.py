"""Daily arrivals against their law: means, overdispersion, peaks; a Poisson process is rejected.

The means are computed a second time, day by day, in `tools.distributions.laws`.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from scipy import stats
from tools.distributions import laws
from tools.distributions.samples import base_profile, parameters

from pqrs_kedro.analysis import checks
from pqrs_kedro.domain.calendar import colombian_calendar, day_number
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel

K = 70
SEEDS = (42, 7, 2026)
FIRST, LAST = date(2018, 1, 1), date(2035, 12, 31)
ONE_DAY = timedelta(days=1)


def model(seed: int = 42, profile: str = "documento_v1") -> ArrivalModel:
    return ArrivalModel(base_profile(profile), colombian_calendar(), seed, 1.0)


@cache
def dates() -> tuple[date, ...]:
    return tuple(FIRST + n * ONE_DAY for n in range((LAST - FIRST).days + 1))


DAYS = np.arange(day_number(FIRST), day_number(LAST) + 1)


@cache
def expected_means() -> np.ndarray:
    return laws.ordinary_means(base_profile("documento_v1"), dates())


@cache
def counted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the ordinary days of 18 years, and their means by the law."""
    made = model(seed)
    ordinary = ~made.in_peak(DAYS)
    return made.counts(DAYS)[ordinary], expected_means()[ordinary]


def from_law(k: float, key: int = 1) -> np.ndarray:
    """Counts of the same days from another law: negative binomial with another k, or Poisson."""
    random = np.random.Generator(np.random.Philox(key=key))
    means = counted(42)[1]
    if np.isinf(k):
        return random.poisson(means)
    return random.negative_binomial(k, k / (k + means))


def largest_likelihood(counts: np.ndarray, means: np.ndarray) -> float:
    """The dispersion k that fits best, by a search over a fine grid."""
    grid = np.linspace(40, 110, 141)
    fits = [stats.nbinom.logpmf(counts, k, k / (k + means)).sum() for k in grid]
    return float(grid[np.argmax(fits)])


# --- The day's mean -----------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["documento_v1", "ley1755"])
def test_means_are_base_growth_weekday_month_and_holiday_multiplied_day_by_day(profile: str):
    assert model(profile=profile).ordinary_means(DAYS) == pytest.approx(expected_means(), rel=1e-9)


def weekday(day: date) -> int:
    return day.weekday()


def kind(day: date) -> int:
    return 2 if laws.is_holiday(day) else int(laws.follows_holiday(day))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "group",
    [
        pytest.param(weekday, id="weekday"),
        pytest.param(lambda day: day.month, id="month"),
        pytest.param(lambda day: day.year, id="year"),
        pytest.param(kind, id="ordinary_after_a_holiday_holiday"),
    ],
)
def test_counts_of_every_group_of_days_have_the_mean_of_the_law(
    group: Callable[[date], int], seed: int
):
    ordinary = ~model(seed).in_peak(DAYS)
    groups = np.array([group(day) for day in dates()])[ordinary]
    counts, means = counted(seed)
    for value in np.unique(groups):
        members = groups == value
        error = np.sqrt((means + means**2 / K)[members].sum())
        check = checks.normal((counts - means)[members].sum(), error, int(members.sum()))
        assert check.passed, (value, check)


def test_the_same_comparison_finds_a_weekday_out_of_place():
    counts, means = counted(42)
    ordinary = ~model().in_peak(DAYS)
    shifted = laws.ordinary_means(base_profile("documento_v1"), [d + ONE_DAY for d in dates()])
    mondays = np.array([day.weekday() == 0 for day in dates()])[ordinary]
    error = np.sqrt((means + means**2 / K)[mondays].sum())
    wrong = (counts - shifted[ordinary])[mondays].sum()
    assert not checks.normal(wrong, error, int(mondays.sum())).passed


# --- The day's count ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_dispersed_as_a_negative_binomial_with_k_70(seed: int):
    assert checks.dispersion(*counted(seed), K).passed


@pytest.mark.parametrize("seed", SEEDS)
def test_the_dispersion_that_fits_best_is_70(seed: int):
    # Four standard errors; the curvature of the likelihood gives about 70 sqrt(2 / 6,500) = 1.3.
    assert largest_likelihood(*counted(seed)) == pytest.approx(K, abs=5.5)


def test_generated_counts_are_no_poisson_sample():
    check = checks.dispersion(*counted(42), np.inf)
    assert not check.passed
    assert check.statistic > 100


@pytest.mark.parametrize(
    "k",
    [
        pytest.param(np.inf, id="poisson"),
        pytest.param(0.9 * K, id="k_10_pct_less"),
        pytest.param(1.1 * K, id="k_10_pct_more"),
    ],
)
def test_the_same_test_rejects_a_sample_of_another_law(k: float):
    assert not checks.dispersion(from_law(k), counted(42)[1], K).passed
    assert checks.dispersion(from_law(K), counted(42)[1], K).passed


def uniform_scores(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The counts' places in their law, spread evenly over each step of the distribution."""
    random = np.random.Generator(np.random.Philox(key=3))
    law = laws.daily_count(means, K)
    below = law.cdf(counts - 1)
    return below + random.random(len(counts)) * (law.cdf(counts) - below)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_whole_distribution_of_counts_is_negative_binomial(seed: int):
    assert checks.uniform(uniform_scores(*counted(seed))).passed


def test_the_whole_distribution_tells_a_poisson_sample_apart():
    assert not checks.uniform(uniform_scores(from_law(np.inf), counted(42)[1])).passed


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lag", [1, 7])
def test_one_days_surplus_says_nothing_about_another_days(lag: int, seed: int):
    scores = stats.norm.ppf(uniform_scores(*counted(seed)))
    correlation = np.corrcoef(scores[:-lag], scores[lag:])[0, 1]
    assert checks.normal(correlation, 1 / np.sqrt(len(scores)), len(scores)).passed


@pytest.mark.parametrize("seed", SEEDS)
def test_ordinary_days_keep_within_30_per_cent_of_their_mean_as_often_as_the_law_says(seed: int):
    counts, means = counted(seed)
    law = laws.daily_count(means, K)
    probability = law.cdf(np.floor(1.3 * means)) - law.cdf(np.ceil(0.7 * means) - 1)
    within = np.abs(counts / means - 1) <= 0.3
    error = np.sqrt((probability * (1 - probability)).sum())
    assert checks.normal(within.sum() - probability.sum(), error, len(counts)).passed
    assert within.mean() > 0.975


# --- Peaks --------------------------------------------------------------------------------------


@cache
def windows() -> tuple[np.ndarray, np.ndarray]:
    """First day within its period, and length, of the peaks of 73 periods and 30 seeds."""
    first_period = day_number(FIRST) // 90 + 1
    days = np.arange(first_period * 90, (first_period + 73) * 90)
    flags = np.stack([model(seed).in_peak(days).reshape(73, 90) for seed in range(30)])
    flags = flags.reshape(-1, 90)
    return np.argmax(flags, axis=1), flags.sum(axis=1)


def test_every_ninety_days_have_one_window_of_consecutive_days():
    start, length = windows()
    first_period = day_number(FIRST) // 90 + 1
    days = np.arange(first_period * 90, (first_period + 73) * 90)
    flags = model(29).in_peak(days).reshape(73, 90)
    place = np.arange(90)
    assert (flags == ((place >= start[-73:, None]) & (place < (start + length)[-73:, None]))).all()


def test_windows_of_5_to_10_days_are_equally_frequent():
    _, length = windows()
    assert checks.multinomial(np.bincount(length, minlength=11)[5:], np.full(6, 1 / 6)).passed
    assert set(length) == set(range(5, 11))


def test_a_window_begins_anywhere_in_its_period_with_equal_probability():
    start, length = windows()
    random = np.random.Generator(np.random.Philox(key=5))
    assert checks.uniform((start + random.random(len(start))) / (91 - length)).passed


def test_the_level_of_a_peak_day_is_uniform_between_3000_and_4000():
    levels = np.concatenate([model(seed).means(DAYS)[model(seed).in_peak(DAYS)] for seed in SEEDS])
    assert checks.uniform((levels - 3000) / 1000).passed
    assert np.unique(levels).size == levels.size > 1500


def test_counts_of_peak_days_spread_around_their_level():
    made = model()
    peak = made.in_peak(DAYS)
    counts, levels = made.counts(DAYS)[peak], made.means(DAYS)[peak]
    assert checks.dispersion(counts, levels, K).passed
    error = np.sqrt((levels + levels**2 / K).sum())
    assert checks.normal((counts - levels).sum(), error, len(levels)).passed


@pytest.mark.parametrize("scale", [0.05, 3.0])
def test_the_scale_of_volume_scales_ordinary_days_and_peaks(scale: float):
    run = parameters(volume_scale=scale)
    scaled = ArrivalModel(run.chosen_profile, colombian_calendar(), 42, run.volume_scale)
    peak = scaled.in_peak(DAYS)
    assert (peak == model().in_peak(DAYS)).all()
    assert scaled.means(DAYS) == pytest.approx(scale * model().means(DAYS), rel=1e-12)
    assert checks.dispersion(scaled.counts(DAYS), scaled.means(DAYS), K).passed
