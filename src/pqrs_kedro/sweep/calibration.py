"""From a response curve to the parameter that gives a requested breach rate, with its interval.

The curve is the mean over seeds of the breach rate at each swept scale. Between the swept scales it
is the closed form (`predict_breach_rate`) plus what was measured beside it, which is linear in the
logarithm of the scale there: with common random numbers that residual is small and smooth. Where
the closed form does not hold, the residual says so, and the curve is the measured one all the same.

Intervals are Student's, from the variance between seeds at one scale. A root's interval holds the
scales at which the requested rate is inside the curve's interval (the test is inverted, no slope is
assumed), so it covers as often as that of the mean does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Float = NDArray[np.float64]

LEVEL: Final = 0.95
# A step changes the rate by two thousandths of a point.
SCALE_DECIMALS: Final = 4


@dataclass(frozen=True)
class Interval:
    """An estimate between the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the interval covers a value."""
        return self.low <= value <= self.high


def student(degrees: int) -> float:
    """The quantile of Student's distribution for a two-sided interval of 95 %."""
    return float(special.stdtrit(degrees, 1 - (1 - LEVEL) / 2))


def mean_interval(values: Float) -> Interval:
    """The mean of independent values, one per seed, with its interval; no width from one value."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Interval(mean, mean, mean)
    half = student(count - 1) * float(np.std(values, ddof=1)) / np.sqrt(count)
    return Interval(mean, mean - half, mean + half)


def new_run_interval(rate: float, spread: float, seeds: int, size: float) -> Interval:
    """Where the breach rate of one more run falls in 95 % of cases, at a calibrated scale.

    Args:
        rate: the requested rate.
        spread: standard deviation between the seeds of the sweep.
        seeds: of the sweep, whose mean errs too.
        size: tickets of the new run over those of one of the sweep's; the variance shrinks with it.
    """
    half = student(seeds - 1) * spread * float(np.sqrt(1 / size + 1 / seeds))
    return Interval(rate, rate - half, rate + half)


@dataclass(frozen=True)
class ResponseCurve:
    """Breach rate by scale of the median response ratio."""

    scales: Float
    """Swept scales, ascending."""
    rates: Float
    """Shares of breached tickets, shape (scales, seeds)."""
    predict: Callable[[float], float]
    """The closed form: breach rate of a scale."""

    def rates_at(self, scale: float) -> Float:
        """The rate of every seed at any scale between the first and the last swept one."""
        after = int(np.clip(np.searchsorted(self.scales, scale), 1, len(self.scales) - 1))
        left, right = np.log(self.scales[after - 1 : after + 1])
        share = (np.log(scale) - left) / (right - left)
        beside = (1 - share) * self._residual[after - 1] + share * self._residual[after]
        return np.asarray(self.predict(scale) + beside)

    @cached_property
    def _residual(self) -> Float:
        """What was measured less the closed form, shape (scales, seeds)."""
        predicted = np.array([self.predict(float(swept)) for swept in self.scales])
        return np.asarray(self.rates - predicted[:, None])

    def band(self, scale: float) -> Interval:
        """The mean rate at a scale, with its interval."""
        return mean_interval(self.rates_at(scale))

    def reaches(self, rate: float) -> bool:
        """Whether the curve passes the rate between the first and the last scale."""
        first, last = (self.band(float(self.scales[end])).value for end in (0, -1))
        return first <= rate <= last

    def root(self, rate: float) -> Interval:
        """The scale at which the curve passes the rate, with its interval.

        An end that lies beyond the swept scales is the first or last of them.

        Raises:
            ValueError: the curve does not pass the rate.
        """
        if not self.reaches(rate):
            raise ValueError(f"the curve does not pass {rate}")
        found = self._crossing(rate, lambda band: band.value)
        # A greater scale gives a greater rate: the upper edge of the band is passed first.
        low = self._crossing(rate, lambda band: band.high)
        high = self._crossing(rate, lambda band: band.low)
        return Interval(found, low, high)

    def _crossing(self, rate: float, edge: Callable[[Interval], float]) -> float:
        first, last = float(self.scales[0]), float(self.scales[-1])

        def excess(scale: float) -> float:
            return edge(self.band(scale)) - rate

        if excess(first) >= 0:
            return first
        if excess(last) <= 0:
            return last
        return float(optimize.brentq(excess, first, last, xtol=1e-9))


def closed_form_root(predict: Callable[[float], float], rate: float) -> float:
    """The scale at which the closed form alone gives the rate."""
    return float(optimize.brentq(lambda s: predict(s) - rate, 1e-3, 1e3, xtol=1e-9))
