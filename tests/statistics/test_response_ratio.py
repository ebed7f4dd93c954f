"""The response ratio: its law, the bump of those who hurry, and the strata it is drawn in."""

from functools import cache

import numpy as np
import pytest
from tests.oracle.walk import never_late_share
from tests.statistics.samples import both_profiles, observed
from tools.distributions import durations, laws
from tools.distributions.observed import Observed
from tools.distributions.samples import base_profile, tickets

from pqrs_kedro.analysis import checks
from pqrs_kedro.pipelines.synthesis.paths import TRANSFERRED


@cache
def ratio_law(name: str, rate: float = 0.095) -> laws.RatioLaw:
    """The law whose lateness makes up for the tickets that cannot be late."""
    profile = base_profile(name)
    never_late = never_late_share(profile.stop_status, 0.06, 0.01)
    return laws.ratio_law(profile.response, rate / (1 - never_late))


@both_profiles
def test_the_response_ratio_has_the_lognormal_law_with_the_hurried_ones_moved(name: str):
    found = durations.ratio_checks(ratio_law(name), observed(name))
    assert all(check.passed for check in found), found


@both_profiles
def test_just_before_the_due_day_there_is_the_bump_of_those_who_hurry(name: str):
    sample, law = observed(name), ratio_law(name)
    cycle, _ = durations.plain_first_cycles(sample)
    ratio = sample.ratios[cycle]
    for low, high in ((0.925, 1.0), (1.0, 1.25)):
        probability = float(law.cdf(np.array(high)) - law.cdf(np.array(low)))
        unhurried = float(law.drawn.cdf(high) - law.drawn.cdf(low))
        seen = int(((ratio > low) & (ratio <= high)).sum())
        assert checks.share(seen, len(ratio), probability).p > 0.01
        assert not checks.share(seen, len(ratio), unhurried).passed


def cells(name: str, sample: Observed, cycle_number: int) -> tuple[np.ndarray, np.ndarray]:
    """Group (day and stratum), and cell in it, of the cycles whose quantile can be told.

    Not told: ratios at their floor; and of (.925, 1], where a ratio may be a hurried one.
    """
    cycles, batch, law = sample.cycles, sample.batch, ratio_law(name)
    group = (batch.day - batch.day[0]) * 64 + sample.strata
    size = np.bincount(group)[group]
    plain = (cycles.number == cycle_number) & (cycles.holds == 0) & ~cycles.withdrawn
    plain &= batch.resolution[cycles.ticket] != TRANSFERRED
    ratio = sample.ratios
    plain &= ((ratio > 0.77) & (ratio <= 0.925)) | (ratio > 1)
    ticket = cycles.ticket[plain]
    place = law.drawn.cdf(ratio[plain]) * size[ticket]
    # Rounding to seconds may carry a draw over the edge of its cell: leave those out.
    inner = np.abs(place - np.rint(place)) > 0.05
    return group[ticket][inner], np.floor(place[inner]).astype(int)


def repeated_cells(group: np.ndarray, cell: np.ndarray) -> int:
    return len(cell) - len(set(zip(group.tolist(), cell.tolist(), strict=True)))


@both_profiles
@pytest.mark.parametrize("cycle_number", [0, 1])
def test_no_two_tickets_of_a_day_and_stratum_are_in_one_cell_of_the_quantile(
    cycle_number: int, name: str
):
    group, cell = cells(name, observed(name), cycle_number)
    assert len(cell) > (10_000 if cycle_number == 0 else 300)
    assert repeated_cells(group, cell) == 0


@both_profiles
def test_draws_that_are_not_stratified_share_cells(name: str):
    group, _ = cells(name, observed(name), 0)
    random = np.random.Generator(np.random.Philox(key=6))
    size = np.bincount(group)[group]
    independent = np.floor(random.random(len(group)) * size).astype(int)
    assert repeated_cells(group, independent) > len(group) / 10


@both_profiles
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_same_checks_reject_a_response_ratio_that_spreads_otherwise(factor: float, name: str):
    sigma = factor * base_profile(name).response.sigma
    changes = {f"profiles.{name}.response.sigma": sigma}
    wrong = Observed(tickets("2026-01-13", 10, changes, profile=name))
    assert not all(check.passed for check in durations.ratio_checks(ratio_law(name), wrong))
