"""Survival of open cases: how long until something happens, open cases counted as open.

A plain mean over the cases that ended leaves out the long ones that have not; the Kaplan-Meier
estimator counts every case for as long as it was watched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_SECONDS_PER_DAY: Final = 86_400
# Estimates come out of logarithms, whose last digits differ between machines.
_DECIMALS: Final = 9


@dataclass(frozen=True)
class Spells:
    """Cases under observation: how long each was watched, and whether it ended then.

    `durations` are in one unit of the caller's choice; a case that has not ended is censored at its
    duration: it lasts longer than that, nobody knows how much.
    """

    durations: Floats
    is_observed: Flags

    def __len__(self) -> int:
        return len(self.durations)

    def where(self, chosen: npt.ArrayLike) -> "Spells":
        """The chosen cases."""
        mask = np.asarray(chosen, bool)
        return Spells(self.durations[mask], self.is_observed[mask])


@dataclass(frozen=True)
class SurvivalCurve:
    """The Kaplan-Meier estimate: the share of cases that last longer than each of `times`.

    A step function that falls at `times`, which are the durations at which cases ended. `lower` and
    `upper` are pointwise limits of the given confidence.
    """

    times: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    at_risk: Ints
    """Cases still watched and not ended just before each time."""
    events: Ints
    """Cases that ended at each time."""
    cases: int
    censored: int
    longest: float
    """The longest time any case was watched; nothing is known beyond it."""

    def at(self, time: float) -> float:
        """The share of cases that last longer than `time`."""
        step = int(np.searchsorted(self.times, time, side="right"))
        return float(self.survival[step - 1]) if step else 1.0

    def quantile(self, share: float) -> float | None:
        """The first time by which `share` of the cases have ended; null if never observed."""
        return _first(self.times, self.survival, share)

    def quantile_limits(self, share: float) -> tuple[float | None, float | None]:
        """Confidence limits of the quantile: where the band crosses it; null where it does not."""
        return _first(self.times, self.lower, share), _first(self.times, self.upper, share)

    def steps(self) -> Iterator[tuple[float, float, float, float]]:
        """Corners of the curve for drawing: time, survival and limits, from (0, 1) to the end."""
        corner = (0.0, 1.0, 1.0, 1.0)
        yield corner
        columns = (self.times, self.survival, self.lower, self.upper)
        for corner in zip(*(column.tolist() for column in columns), strict=True):
            yield corner
        if self.longest > corner[0]:
            yield self.longest, *corner[1:]


@dataclass(frozen=True)
class CurveComparison:
    """The log-rank test of equal survival in all groups."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def watched_days(
    started: "pd.Series[pd.Timestamp]", ended: "pd.Series[pd.Timestamp]", watched_until: datetime
) -> Spells:
    """Calendar days from `started` to `ended`, or to the end of observation where that is null.

    Args:
        started: instant at which each case began; not null.
        ended: instant at which it ended; null while it has not.
        watched_until: last instant observed, not before any start.
    """
    is_observed = ended.notna()
    until = ended.where(is_observed, pd.Timestamp(watched_until))
    seconds = (until - started).dt.total_seconds().to_numpy(np.float64)
    return Spells(np.asarray(seconds / _SECONDS_PER_DAY, np.float64), is_observed.to_numpy(bool))


def kaplan_meier(spells: Spells, confidence: float = 0.95) -> SurvivalCurve:
    """The Kaplan-Meier curve of right-censored durations, with log-log limits.

    Estimate and Greenwood's standard errors are statsmodels'; the limits
    S^exp(±z·se/(S·ln S)) stay within 0 and 1 (Kalbfleisch and Prentice 1980, section 1.4). Where
    the curve reaches 0 the standard error is not defined and the upper limit stays as it was.

    Raises:
        ValueError: there are no cases, or durations are negative or not numbers.
    """
    durations, is_observed = spells.durations, spells.is_observed
    if not len(durations) or not (durations >= 0).all():
        raise ValueError(f"durations: {len(durations)} cases; one or more, none negative or NaN")
    fit = SurvfuncRight(durations, is_observed.astype(np.int64))
    survival = np.round(fit.surv_prob, _DECIMALS)
    lower, upper = _limits(survival, np.asarray(fit.surv_prob_se), confidence)
    return SurvivalCurve(
        times=np.asarray(fit.surv_times, np.float64),
        survival=survival,
        lower=lower,
        upper=upper,
        at_risk=np.asarray(fit.n_risk, np.int64),
        events=np.asarray(fit.n_events, np.int64),
        cases=len(durations),
        censored=int((~is_observed).sum()),
        longest=float(durations.max()),
    )


def compare_curves(
    spells: Spells, groups: Sequence[object] | npt.NDArray[np.str_]
) -> CurveComparison:
    """The log-rank test: do cases of all groups end equally fast?

    Raises:
        ValueError: fewer than two groups, or no case ended.
    """
    labels = np.asarray(groups)
    distinct = np.unique(labels)
    if len(distinct) < 2 or not spells.is_observed.any():
        raise ValueError(f"groups: {len(distinct)} of them; two or more, and some case that ended")
    statistic, p_value = survdiff(spells.durations, spells.is_observed.astype(np.int64), labels)
    return CurveComparison(float(statistic), len(distinct) - 1, float(p_value))


def _limits(survival: Floats, errors: Floats, confidence: float) -> tuple[Floats, Floats]:
    z = norm.ppf((1 + confidence) / 2)
    lower, upper = np.zeros_like(survival), np.ones_like(survival)
    inner = (survival > 0) & (survival < 1)
    share = survival[inner]
    spread = np.exp(z * errors[inner] / (share * np.log(share)))
    # ln S is negative: a spread below 1 gives the upper limit.
    upper[inner] = np.round(share**spread, _DECIMALS)
    lower[inner] = np.round(share ** (1 / spread), _DECIMALS)
    ended = np.flatnonzero(survival == 0)
    if len(ended) and ended[0]:
        upper[ended] = upper[ended[0] - 1]
    return lower, upper


def _first(times: Floats, values: Floats, share: float) -> float | None:
    reached = np.flatnonzero(values <= round(1 - share, _DECIMALS))
    return float(times[reached[0]]) if len(reached) else None
