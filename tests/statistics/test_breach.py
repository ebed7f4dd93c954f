"""The realised breach rate: on the request, overall and by type, in long runs and in short ones.

Late means that the stop day is after the due day, both counted by the definitions of
docs/metrics.md on NumPy's business days; the generator's own ratios are not looked at. The full
proof, 20 seeds, is `benchmarks/calibration.py`.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats
from tests.oracle.walk import never_late_share
from tests.statistics.samples import both_profiles, observed
from tools.distributions import laws
from tools.distributions.observed import Observed
from tools.distributions.samples import PROFILES, base_profile, tickets, tickets_in_number

from pqrs_kedro.analysis import checks

ENOUGH = 150_000
TOLERANCE = 0.0025
# The samples that other tests read have the seed 42 and the default rate.
SEED_OF = {0.07: 7, 0.095: 42, 0.12: 2026}


def breach_law(name: str, rate: float) -> laws.BreachLaw:
    profile = base_profile(name)
    never_late = never_late_share(profile.stop_status, 0.06, 0.01)
    return laws.breach_law(profile, rate, never_late)


def stratum_of_day(sample: Observed) -> np.ndarray:
    return sample.batch.day * 64 + sample.strata


def standard_error(name: str, sample: Observed, rate: float) -> float:
    """Standard deviation of the realised rate: see `laws.BreachLaw`."""
    return breach_law(name, rate).deviation(len(sample.batch.day), sample.strata_count)


@cache
def sample_at(name: str, rate: float, seed: int, days: int) -> Observed:
    return Observed(tickets("2026-01-01", days, profile=name, breach_rate=rate, seed=seed))


def check_types(sample: Observed, rate: float) -> None:
    late = sample.breached
    for number in range(len(sample.batch.scenario.profile.types)):
        of_type = late[sample.batch.type_index == number]
        allowed = max(0.01, 4 * np.sqrt(rate * (1 - rate) / len(of_type)))
        assert of_type.mean() == pytest.approx(rate, abs=allowed)


# --- Long runs ----------------------------------------------------------------------------------


@both_profiles
@pytest.mark.parametrize(
    ("rate", "seed"), [pytest.param(r, s, id=f"{100 * r:g}_pct") for r, s in SEED_OF.items()]
)
def test_the_breach_rate_of_150000_tickets_is_within_a_quarter_point(
    rate: float, seed: int, name: str
):
    if seed == 42:
        found = observed(name)
    else:
        options = {"profile": name, "breach_rate": rate, "seed": seed}
        found = Observed(tickets_in_number(ENOUGH, "2026-01-01", **options))
    late = found.breached
    assert len(late) >= ENOUGH
    deviation = late.mean() - rate
    assert abs(deviation) <= TOLERANCE
    assert checks.normal(deviation, standard_error(name, found, rate), len(late)).passed
    check_types(found, rate)


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("name", PROFILES)
def test_any_allowed_rate_is_met_within_the_spread_of_stratified_draws(name: str, rate: float):
    found = sample_at(name, rate, seed=11, days=20)
    late = found.breached
    assert checks.normal(late.mean() - rate, standard_error(name, found, rate), len(late)).passed
    check_types(found, rate)


@pytest.mark.parametrize("name", PROFILES)
def test_neighbouring_rates_are_told_apart(name: str):
    """A rate that is a point off is noticed in a run of 20 days."""
    found = sample_at(name, 0.2, seed=11, days=20)
    error = standard_error(name, found, 0.2)
    late = found.breached
    assert not checks.normal(late.mean() - 0.21, error, len(late)).passed


# --- Short runs ---------------------------------------------------------------------------------


def short_runs(sample: Observed, days: int) -> list[np.ndarray]:
    """Tickets of consecutive runs of so many days; a run of these dates alone has the same ones."""
    run = (sample.batch.day - sample.batch.day[0]) // days
    return [np.flatnonzero(run == number) for number in range(run.max())]


def surplus(name: str, sample: Observed, days: int, late: np.ndarray) -> np.ndarray:
    """Deviation of each short run's rate from 9.5 %, in its standard deviations."""
    law, strata = breach_law(name, 0.095), stratum_of_day(sample)
    return np.array(
        [
            (late[run].mean() - 0.095) / law.deviation(len(run), len(np.unique(strata[run])))
            for run in short_runs(sample, days)
        ]
    )


@both_profiles
@pytest.mark.parametrize("days", [1, 3, 7])
def test_short_runs_are_on_target_thanks_to_stratification(days: int, name: str):
    sample = observed(name)
    z = surplus(name, sample, days, sample.breached)
    assert abs(z).max() < 4.5
    assert stats.chi2.sf((z**2).sum(), len(z)) > checks.LEVEL


@both_profiles
@pytest.mark.parametrize("days", [1, 3, 7])
def test_draws_that_are_not_stratified_spread_too_much(days: int, name: str):
    sample = observed(name)
    random = np.random.Generator(np.random.Philox(key=8))
    z = surplus(name, sample, days, random.random(len(sample.batch.day)) < 0.095)
    assert stats.chi2.sf((z**2).sum(), len(z)) < checks.LEVEL


@both_profiles
def test_runs_of_three_days_are_within_a_point_of_the_request(name: str):
    sample = observed(name)
    late = sample.breached
    rates = np.array([late[run].mean() for run in short_runs(sample, 3)])
    assert abs(rates - 0.095).max() < 0.01


# --- Lateness and the ratio ---------------------------------------------------------------------


@both_profiles
def test_a_cycle_is_late_exactly_when_its_unpaused_time_exceeds_its_term(name: str):
    sample = observed(name)
    assert (sample.cycles.is_late == (sample.ratios > 1)).all()


@both_profiles
def test_reopened_tickets_are_as_often_late_as_others(name: str):
    sample = observed(name)
    late, reopened = sample.breached, sample.has("REOPENED")
    able = ~sample.withdrawn & (sample.batch.resolution != 1)
    law = breach_law(name, 0.095).ratio
    for members in (able & reopened, able & ~reopened):
        check = checks.share(late[members].sum(), members.sum(), law.late_probability)
        assert check.passed
    assert (able & reopened).sum() > 5000
