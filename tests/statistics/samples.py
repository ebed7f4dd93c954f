"""The tickets that the statistical tests look at, made once per process.

Tests that share one carry its name as `xdist_group`, so that one worker makes it.
"""

from functools import cache

import pytest
from tools.distributions.observed import Observed
from tools.distributions.samples import PROFILES, tickets

HALF_YEAR = "half_year"
"""Group of the tests of 180 days of `documento_v1`."""
LAW_RUN = "law_run"
"""Group of the tests of 102 days of `ley1755`."""


@cache
def half_year() -> Observed:
    """Some 240,000 tickets of `documento_v1`, received over 180 days from 2026-01-01 on."""
    return Observed(tickets("2026-01-01", 180))


@cache
def law_run() -> Observed:
    """Some 155,000 tickets of `ley1755`, received over 102 days from 2026-01-01 on."""
    return Observed(tickets("2026-01-01", 102, profile="ley1755"))


def observed(profile: str) -> Observed:
    """The sample of a profile."""
    return half_year() if profile == "documento_v1" else law_run()


GROUPS = {"documento_v1": HALF_YEAR, "ley1755": LAW_RUN}
both_profiles = pytest.mark.parametrize(
    "name", [pytest.param(p, id=p, marks=pytest.mark.xdist_group(GROUPS[p])) for p in PROFILES]
)
"""A test of both samples."""
