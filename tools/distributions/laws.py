"""The distributions that generated tickets should have, written from the sources in SciPy's terms.

A second formulation beside `pipelines.synthesis`: nothing of the generator is called. Durations are
whole seconds, so a law's distribution function at s is that of its continuous form at s + 1/2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

import holidays
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from tools.distributions.clock import OFFICE_DAY

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import Lognormal, Profile, Response

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

REFERENCE_YEAR: Final = 2026
REFERENCE_TERM: Final = 15
CAP: Final = 0.25
"""Share of the term that the early segments, and the closing, are capped at."""
TRANSFER_EARLY_DAYS: Final = 3
_ONE_DAY: Final = timedelta(days=1)
_SUNDAY: Final = 6
_SECONDS: Final = {
    "minutes": 60,
    "calendar_days": 86_400,
    "office_hours": 3600,
    "office_days": OFFICE_DAY,
}


# --- Arrivals -----------------------------------------------------------------------------------


@cache
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("CO", years=year))


def is_holiday(day: date) -> bool:
    """A holiday of Colombia, by PyPI `holidays`."""
    return day in _holidays(day.year)


def is_business_day(day: date) -> bool:
    """Monday to Friday and no holiday."""
    return day.weekday() < 5 and not is_holiday(day)


def follows_holiday(day: date) -> bool:
    """The first business day after a holiday."""
    if not is_business_day(day):
        return False
    before = day - _ONE_DAY
    while not is_business_day(before):
        if is_holiday(before):
            return True
        before -= _ONE_DAY
    return False


def weekday_weights(profile: Profile, weekday: int) -> Float:
    """Share of arrivals by channel on a weekday, each channel's index having mean 1."""
    channels = [profile.channels[name] for name in CHANNEL_IDS]
    return np.array([c.share * c.weekday[weekday] / (sum(c.weekday) / 7) for c in channels])


def channel_shares(profile: Profile, day: date) -> Float:
    """Share of each channel on a day; a holiday is as a Sunday."""
    weights = weekday_weights(profile, _SUNDAY if is_holiday(day) else day.weekday())
    return np.asarray(weights / weights.sum())


def _shape(profile: Profile, day: date) -> float:
    volume = profile.volume
    growth = (1 + volume.yearly_growth) ** ((day - date(REFERENCE_YEAR, 1, 1)).days / 365)
    month = volume.month[day.month - 1] / (sum(volume.month) / 12)
    busy = volume.after_holiday if follows_holiday(day) else 1.0
    quiet = volume.holiday if is_holiday(day) else 1.0
    return float(growth * month * busy * quiet * weekday_weights(profile, day.weekday()).sum())


def ordinary_means(profile: Profile, days: Sequence[date], volume_scale: float = 1.0) -> Float:
    """Mean tickets of each day outside peaks: `per_day` is their mean over 2026."""
    year = [date(REFERENCE_YEAR, 1, 1) + n * _ONE_DAY for n in range(365)]
    base = profile.volume.per_day / np.mean([_shape(profile, day) for day in year])
    return np.array([_shape(profile, day) for day in days]) * base * volume_scale


def daily_count(mean: Float, dispersion: float) -> stats.rv_discrete:
    """Negative binomial with that mean and variance mean + mean^2 / dispersion."""
    return stats.nbinom(dispersion, dispersion / (dispersion + mean))


# --- Durations ----------------------------------------------------------------------------------


def seconds_law(law: Lognormal, factor: float = 1.0) -> stats.rv_continuous:
    """A duration in seconds, `factor` times as long."""
    return stats.lognorm(s=law.sigma, scale=law.median * _SECONDS[law.unit] * factor)


@dataclass(frozen=True)
class EarlySegments:
    """Simulated office seconds of RADICATED -> CLASSIFIED -> ASSIGNED -> IN_PROGRESS."""

    segments: Float
    """Shape (tickets, 3)."""
    capped: Bool

    @property
    def total(self) -> Float:
        """Seconds to the start of work."""
        return np.asarray(self.segments.sum(axis=1))


def simulate_early(
    profile: Profile, term: int, size: int, cap_days: float, key: int
) -> EarlySegments:
    """The direct way to IN_PROGRESS: lognormal, scaled by term / 15, together at most the cap."""
    random = np.random.Generator(np.random.Philox(key=key))
    laws = profile.segments
    chosen = (
        laws.radicated_to_classified,
        laws.classified_to_assigned,
        laws.assigned_to_in_progress,
    )
    factor = term / REFERENCE_TERM
    columns = [
        factor * law.median * _SECONDS[law.unit] * np.exp(law.sigma * random.standard_normal(size))
        for law in chosen
    ]
    drawn = np.stack(columns, axis=1)
    share = np.minimum(cap_days * OFFICE_DAY / drawn.sum(axis=1), 1.0)
    return EarlySegments(drawn * share[:, None], share < 1)


# --- Response ratio -----------------------------------------------------------------------------


@dataclass(frozen=True)
class RatioLaw:
    """Response ratio x: lognormal, some of the draws in (1, H] replaced by 1 - slope (x - 1)."""

    law: Response
    median: float

    @property
    def drawn(self) -> stats.rv_continuous:
        """The ratio before anybody hurries."""
        return stats.lognorm(s=self.law.sigma, scale=self.median)

    def cdf(self, ratio: Float) -> Float:
        """P(x <= ratio)."""
        law, drawn = self.law, self.drawn
        # Those that hurry to at most `ratio` were drawn at 1 + (1 - ratio) / slope or later.
        origin = np.clip(1 + (1 - ratio) / law.hurry_slope, 1, law.hurry_until)
        hurried_in = law.hurry_share * (drawn.cdf(law.hurry_until) - drawn.cdf(origin))
        late = np.clip(ratio, 1, law.hurry_until)
        hurried_away = law.hurry_share * (drawn.cdf(late) - drawn.cdf(1.0))
        return np.asarray(drawn.cdf(ratio) + hurried_in - hurried_away)

    def pdf(self, ratio: Float) -> Float:
        """Density of x."""
        law, drawn = self.law, self.drawn
        reach = 1 - law.hurry_slope * (law.hurry_until - 1)
        origin = 1 + (1 - ratio) / law.hurry_slope
        bump = law.hurry_share * drawn.pdf(origin) / law.hurry_slope
        stays = np.where((ratio > 1) & (ratio <= law.hurry_until), 1 - law.hurry_share, 1.0)
        near = (ratio >= reach) & (ratio <= 1)
        return np.asarray(drawn.pdf(ratio) * stays + np.where(near, bump, 0.0))

    @property
    def late_probability(self) -> float:
        """P(x > 1)."""
        return float(1 - self.cdf(np.array(1.0)))

    @property
    def undecided(self) -> float:
        """P(1 < drawn ratio <= H): late or not by the second draw."""
        return float(self.drawn.cdf(self.law.hurry_until) - self.drawn.cdf(1.0))


def ratio_law(law: Response, late_probability: float) -> RatioLaw:
    """The law that gives P(x > 1), its median found by bisection."""
    median = optimize.brentq(
        lambda m: RatioLaw(law, m).late_probability - late_probability, 1e-4, 1e3, xtol=1e-10
    )
    return RatioLaw(law, float(median))


@dataclass(frozen=True)
class BreachLaw:
    """How the breach rate of stratified tickets spreads around the requested one.

    A cycle's ratio is stratified: of the n tickets of a stratum one falls in each of n cells. So
    the number of late ones varies by the second draw of those in (1, H], h (1 - h) each, and by the
    two cells that hold the edges of that range, at most (1 - h)^2 / 4 and h^2 / 4. How many tickets
    cannot be late is binomial.
    """

    ratio: RatioLaw
    never_late: float
    """Probability that a ticket cannot be late."""

    def deviation(self, tickets: int, strata: int) -> float:
        """Standard deviation of the realised rate, of so many tickets in so many strata."""
        h = self.ratio.law.hurry_share
        late, never = self.ratio.late_probability, self.never_late
        second_draw = tickets * (1 - never) * self.ratio.undecided * h * (1 - h)
        edges = strata * ((1 - h) ** 2 + h**2) / 4
        mixture = tickets * never * (1 - never) * late**2
        return float(np.sqrt(second_draw + edges + mixture) / tickets)


def breach_law(profile: Profile, rate: float, never_late: float) -> BreachLaw:
    """The law at a requested rate: who can be late makes up for who cannot."""
    return BreachLaw(ratio_law(profile.response, rate / (1 - never_late)), never_late)
