"""How many tickets arrive on each day, when, and by which channel."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats
from tests.oracle import calendar as oracle
from tests.unit.scenarios import profile

from pqrs_kedro.domain.calendar import SECONDS_PER_DAY, colombian_calendar, day_number, to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.arrivals import (
    ArrivalModel,
    Arrivals,
    _negative_binomial,
    draw_arrivals,
    plan_arrivals,
)
from pqrs_kedro.pipelines.synthesis.draws import DayDraws, raw_block, to_uniform

CALL = CHANNEL_IDS.index("call")
CHAT = CHANNEL_IDS.index("chat")
SEEDS = (42, 7, 2026)


def model(seed: int = 42, volume_scale: float = 1.0) -> ArrivalModel:
    return ArrivalModel(profile(), colombian_calendar(), seed, volume_scale)


def day_range(first: str, last: str) -> np.ndarray:
    start, end = (day_number(date.fromisoformat(text)) for text in (first, last))
    return np.arange(start, end + 1)


YEAR_2026 = day_range("2026-01-01", "2026-12-31")


def arrivals_of(days: np.ndarray, count: int = 400) -> tuple[Arrivals, np.ndarray]:
    """Arrivals of `count` tickets on each day, and the day of each."""
    draws = DayDraws(42, tuple(days.tolist()), (count,) * len(days))
    return draw_arrivals(model(), draws), np.repeat(days, count)


def runs_of(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and length of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


# --- The day's mean -----------------------------------------------------------------------------


def test_the_mean_of_the_ordinary_days_of_2026_is_1150():
    assert model().ordinary_means(YEAR_2026).mean() == pytest.approx(1150, abs=1e-6)


def test_the_volume_scale_scales_ordinary_and_peak_days():
    whole, tenth = (model(volume_scale=scale).means(YEAR_2026) for scale in (1.0, 0.1))
    assert tenth == pytest.approx(whole / 10)


def test_volume_grows_by_twelve_per_cent_a_year():
    # 365 days later is another weekday: 364 days are 52 weeks.
    means = model().ordinary_means
    days = day_range("2026-02-02", "2026-02-27")
    factor = means(days + 364) / means(days)
    assert np.round(factor, 4) == pytest.approx(1.12 ** (364 / 365), abs=1e-4)


@pytest.mark.parametrize(
    ("day", "reference", "factor"),
    [
        pytest.param("2026-06-29", "2026-06-22", 0.40, id="a_holiday"),
        pytest.param("2026-06-30", "2026-06-23", 1.15, id="the_next_business_day"),
        pytest.param("2026-07-01", "2026-06-24", 1.04 / 0.99, id="and_no_longer"),
        pytest.param("2026-04-06", "2026-04-13", 1.15, id="monday_after_easter"),
        pytest.param("2026-04-04", "2026-04-11", 1.0, id="saturday_of_easter"),
        pytest.param("2026-06-13", "2026-06-20", 1.0, id="a_common_saturday"),
    ],
)
def test_holidays_are_quiet_and_the_business_day_after_is_busy(
    day: str, reference: str, factor: float
):
    days = [day_number(date.fromisoformat(text)) for text in (day, reference)]
    first, second = model().ordinary_means(np.array(days))
    growth = 1.12 ** ((days[0] - days[1]) / 365)
    assert first / second == pytest.approx(factor * growth, rel=1e-9)


def test_a_month_is_as_busy_as_its_index():
    means = model().ordinary_means
    # Three whole weeks without a holiday in each month, 210 days apart.
    february = means(day_range("2025-02-03", "2025-02-23")).mean() / 1.05
    september = means(day_range("2025-09-01", "2025-09-21")).mean() / 1.03
    assert september / february == pytest.approx(1.12 ** (210 / 365), rel=1e-9)


# --- The day's count ----------------------------------------------------------------------------


@pytest.mark.parametrize("volume_scale", [0.001, 0.05, 1.0, 30.0])
def test_counts_are_quantiles_of_the_negative_binomial(volume_scale: float):
    arrivals = model(7, volume_scale)
    uniform = [to_uniform(raw_block(7, "arrivals/count", int(day), 1))[0] for day in YEAR_2026]
    k = profile().volume.dispersion
    expected = stats.nbinom.ppf(uniform, k, k / (k + arrivals.means(YEAR_2026)))
    assert arrivals.counts(YEAR_2026).tolist() == expected.astype(int).tolist()


def test_a_draw_on_a_step_of_the_distribution_gives_the_lower_count():
    # There the continuous inverse lies a hair below or above the whole number.
    k, probability = 70.0, 70 / (70 + 1150)
    numbers = np.arange(700, 1900)
    steps = stats.nbinom.cdf(numbers, k, probability)
    counts = _negative_binomial(steps, k, np.full(len(numbers), probability))
    assert counts.tolist() == numbers.tolist()


def test_counts_are_more_dispersed_than_poisson():
    days = day_range("2018-01-01", "2035-12-31")
    means, counts = model().means(days), model().counts(days)
    variance = ((counts - means) ** 2 / (means + means**2 / 70)).mean()
    assert variance == pytest.approx(1, abs=0.1)


def test_an_authority_that_is_closed_on_sundays_receives_nothing_then():
    channels = {
        name: item.model_copy(update={"weekday": (*item.weekday[:6], 0.0)})
        for name, item in profile().channels.items()
    }
    closed = profile().model_copy(update={"channels": channels})
    arrivals = ArrivalModel(closed, colombian_calendar(), 42, 1.0)
    sundays = np.array([day for day in YEAR_2026 if to_date(int(day)).weekday() == 6])
    ordinary = sundays[~arrivals.in_peak(sundays)]
    assert arrivals.counts(ordinary).tolist() == [0] * len(ordinary)


def test_a_day_is_counted_alike_in_any_range_of_days():
    counts = model().counts(YEAR_2026)
    assert model().counts(YEAR_2026[100:107]).tolist() == counts[100:107].tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_has_a_plausible_volume(seed: int):
    # 365 x 1,150, and in four windows of about 7.5 days 2,350 more a day.
    total = model(seed).counts(YEAR_2026).sum()
    assert 365 * 1150 + 4 * 5 * 1500 < total < 365 * 1150 + 5 * 10 * 3000


@pytest.mark.parametrize("seed", SEEDS)
def test_an_ordinary_month_has_a_plausible_volume(seed: int):
    days = day_range("2026-01-01", "2026-01-31")
    peak_days = int(model(seed).in_peak(days).sum())
    ordinary = model(seed).counts(days)[~model(seed).in_peak(days)].sum()
    assert ordinary / (31 - peak_days) == pytest.approx(1150, rel=0.2)


# --- Peaks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_each_ninety_days_have_one_peak_of_five_to_ten_days(seed: int):
    first_period = day_number(date(2024, 1, 1)) // 90
    lengths = set()
    for period in range(first_period, first_period + 24):
        days = np.arange(period * 90, (period + 1) * 90)
        ((_, length),) = runs_of(model(seed).in_peak(days))
        lengths.add(length)
    assert lengths <= set(range(5, 11))
    assert len(lengths) >= 4


def test_peaks_do_not_begin_at_the_same_place_of_every_period():
    first_period = day_number(date(2024, 1, 1)) // 90
    places = {
        runs_of(model().in_peak(np.arange(period * 90, (period + 1) * 90)))[0][0]
        for period in range(first_period, first_period + 24)
    }
    assert len(places) > 12


def test_a_peak_may_begin_on_the_first_day_of_its_period_and_end_on_the_last():
    days = np.arange(227 * 90, 228 * 90)
    windows = [runs_of(model(seed).in_peak(days)) for seed in range(600)]
    assert min(start for ((start, _),) in windows) == 0
    assert max(start + length for ((start, length),) in windows) == 90
    assert {length for ((_, length),) in windows} == set(range(5, 11))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slice_of_the_year_has_the_years_peaks(seed: int):
    flags = model(seed).in_peak(YEAR_2026)
    for start in range(0, 360, 5):
        assert (model(seed).in_peak(YEAR_2026[start : start + 5]) == flags[start : start + 5]).all()


def test_the_mean_of_a_peak_day_lies_between_the_limits():
    days = day_range("2020-01-01", "2035-12-31")
    means = model().means(days)[model().in_peak(days)]
    assert 3000 <= means.min() < 3050
    assert 3950 < means.max() <= 4000
    outside = model().means(days)[~model().in_peak(days)]
    assert outside == pytest.approx(model().ordinary_means(days)[~model().in_peak(days)])


# --- Channel and hour ---------------------------------------------------------------------------


def test_nobody_calls_on_days_that_do_not_count():
    days = YEAR_2026[::3]
    closed = np.array([not oracle.is_business_day(to_date(int(day))) for day in days])
    weights = model().channel_weights(days)[:, CALL]
    assert (weights[closed] == 0).all()
    assert (weights[~closed] > 0.1).all()
    arrivals, day = arrivals_of(days, 60)
    called = np.unique(day[arrivals.channel == CALL])
    assert set(called.tolist()) <= set(days[~closed].tolist())
    assert len(called) > 70


def test_each_days_channels_share_the_whole_day():
    weights = model().channel_weights(YEAR_2026)
    assert weights.sum(axis=1) == pytest.approx(1)


def test_a_years_channels_have_their_share():
    days = YEAR_2026[~model().in_peak(YEAR_2026)]
    means = model().ordinary_means(days)
    shares = (means[:, None] * model().channel_weights(days)).sum(axis=0) / means.sum()
    assert dict(zip(CHANNEL_IDS, np.round(shares, 3), strict=True)) == pytest.approx(
        {"email": 0.404, "webform": 0.330, "chat": 0.149, "call": 0.117}, abs=0.012
    )


def test_calls_and_chats_keep_the_hours_in_which_somebody_answers():
    arrivals, _ = arrivals_of(YEAR_2026[::15])
    hour = arrivals.local_second % SECONDS_PER_DAY // 3600
    assert set(hour[arrivals.channel == CALL]) == set(range(7, 18))
    assert set(hour[arrivals.channel == CHAT]) == set(range(7, 20))
    assert set(hour) == set(range(24))


def test_tickets_of_a_day_arrive_on_it_in_order():
    arrivals, day = arrivals_of(YEAR_2026[:14])
    assert (arrivals.local_second // SECONDS_PER_DAY == day).all()
    assert (np.diff(arrivals.local_second) >= 0).all()


def test_tickets_arrive_at_any_second_of_the_hour():
    arrivals, _ = arrivals_of(YEAR_2026[:100])
    assert len(np.unique(arrivals.local_second % 3600)) == 3600


def test_a_day_arrives_alike_in_any_batch():
    many, day = arrivals_of(YEAR_2026[:9])
    alone, _ = arrivals_of(YEAR_2026[4:5])
    assert many.channel[day == YEAR_2026[4]].tolist() == alone.channel.tolist()
    assert many.local_second[day == YEAR_2026[4]].tolist() == alone.local_second.tolist()


# --- The plan -----------------------------------------------------------------------------------


def test_the_plan_reaches_from_january_of_the_year_before_to_the_last_day():
    plan = plan_arrivals(model(), date(2026, 3, 10), date(2026, 4, 2))
    assert to_date(plan.first_day) == date(2025, 1, 1)
    assert to_date(plan.first_day + len(plan.counts) - 1) == date(2026, 4, 2)


def test_the_plan_counts_a_day_alike_whatever_the_runs_dates():
    long = plan_arrivals(model(), date(2025, 1, 1), date(2026, 12, 31))
    short = plan_arrivals(model(), date(2026, 3, 10), date(2026, 3, 12))
    for day in day_range("2026-03-01", "2026-03-12"):
        assert long.count(day) == short.count(day) == model().counts(np.array([day]))[0]


def test_consecutives_are_dense_and_begin_anew_each_january():
    plan = plan_arrivals(model(volume_scale=0.02), date(2025, 12, 1), date(2026, 2, 10))
    days = np.arange(plan.first_day, plan.first_day + len(plan.counts))
    day = np.repeat(days, plan.counts)
    consecutive = plan.consecutive(day, np.arange(len(day)))
    for year in (2024, 2025, 2026):
        of_year = consecutive[[to_date(int(number)).year == year for number in day]]
        assert of_year.tolist() == list(range(1, len(of_year) + 1))
        assert len(of_year) > 500


def test_running_numbers_and_days_agree():
    plan = plan_arrivals(model(volume_scale=0.001), date(2026, 1, 1), date(2026, 6, 30))
    assert 0 in plan.counts  # some days are empty
    days = np.arange(plan.first_day, plan.first_day + len(plan.counts))
    day = np.repeat(days, plan.counts)
    assert plan.day_of_number(np.arange(len(day))).tolist() == day.tolist()
    assert plan.number_before(days).tolist() == [int((day < other).sum()) for other in days]


def test_the_consecutive_does_not_depend_on_the_runs_dates():
    day = day_number(date(2026, 3, 11))
    consecutives = []
    for first in (date(2026, 3, 11), date(2026, 1, 1), date(2025, 6, 1)):
        plan = plan_arrivals(model(), first, first + timedelta(days=300))
        consecutives.append(int(plan.consecutive(day, plan.number_before(day))))
    assert len(set(consecutives)) == 1
