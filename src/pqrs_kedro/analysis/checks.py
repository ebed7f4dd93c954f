"""Statistical checks: each gives a p-value, to be judged at `LEVEL`.

Seeds are fixed, so a check of a right generator passes always or never; with some 300 checks in all
a level of one in ten thousand makes "never" unlikely, and samples are large enough that errors of
10 % in a parameter give p-values many orders below it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL: Final = 1e-4
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """The outcome of a check of `n` observations."""

    statistic: float
    p: float
    n: int

    @property
    def passed(self) -> bool:
        """Whether the observations are compatible with the law."""
        return self.p > LEVEL


def chi_square(observed: ArrayLike, expected: ArrayLike, constraints: int = 1) -> Check:
    """Pearson's test of counts; impossible cells must be empty.

    Args:
        observed: counts.
        expected: expected counts.
        constraints: sums that were equal by construction.
    """
    seen, wanted = np.ravel(observed).astype(float), np.ravel(expected).astype(float)
    total = int(seen.sum())
    possible = wanted > 0
    if seen[~possible].any():
        return Check(np.inf, 0.0, total)
    statistic = float(((seen - wanted)[possible] ** 2 / wanted[possible]).sum())
    freedom = int(possible.sum()) - constraints
    return Check(statistic, float(stats.chi2.sf(statistic, freedom)), total)


def multinomial(observed: ArrayLike, shares: ArrayLike) -> Check:
    """Counts of categories against shares; those expected less than 5 times are put together."""
    seen, wanted = np.ravel(observed).astype(float), np.ravel(shares).astype(float)
    expected = wanted * seen.sum()
    rare = (expected < 5) & (expected > 0)
    if rare.any():
        seen = np.append(seen[~rare], seen[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return chi_square(seen, expected)


def independence(first: ArrayLike, second: ArrayLike) -> Check:
    """Two categories of the same tickets (codes from 0) are independent."""
    a, b = np.asarray(first), np.asarray(second)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    found = stats.chi2_contingency(table, correction=False)
    return Check(float(found.statistic), float(found.pvalue), len(a))


def share(successes: int, n: int, probability: float) -> Check:
    """A number of successes against its binomial law."""
    found = stats.binomtest(int(successes), int(n), probability)
    return Check(float(found.statistic), float(found.pvalue), int(n))


def normal(deviation: float, standard_error: float, n: int) -> Check:
    """A deviation against its standard error, two-sided."""
    z = deviation / standard_error
    return Check(float(z), float(2 * stats.norm.sf(abs(z))), n)


def uniform(values: Float) -> Check:
    """Kolmogorov-Smirnov test of values that should be uniform on (0, 1)."""
    found = stats.kstest(values, "uniform", method="asymp")
    return Check(float(found.statistic), float(found.pvalue), len(values))


def uniform_places(places: Float) -> list[Check]:
    """Places of observations in their own laws: uniform, and so are mean and spread.

    Moments of the normal scores tell laws apart that differ in spread, to which the test of
    Kolmogorov and Smirnov is nearly blind.
    """
    scores = stats.norm.ppf(np.clip(places, 1e-12, 1 - 1e-12))
    return [uniform(places), *log_moments(np.exp(scores), 1.0, 1.0)]


def whole_seconds(values: ArrayLike, cdf: Callable[[Float], Float]) -> Check:
    """Kolmogorov-Smirnov test of rounded durations: P(S <= s) is the law's cdf at s + 1/2.

    The null distribution is that of a continuous law, which for a grid errs towards passing: by
    less than 0.001 in the statistic where a law's density is below 1/500 per second.
    """
    seconds, counts = np.unique(np.asarray(values), return_counts=True)
    n = int(counts.sum())
    reached = np.cumsum(counts) / n
    above = np.abs(reached - cdf(seconds + 0.5)).max()
    below = np.abs(np.append(0.0, reached[:-1]) - cdf(seconds - 0.5)).max()
    statistic = float(max(above, below))
    return Check(statistic, float(stats.kstwobign.sf(statistic * np.sqrt(n))), n)


def log_moments(values: ArrayLike, median: float, sigma: float) -> list[Check]:
    """z-tests of mean and standard deviation of the logarithms of lognormal values."""
    logs = np.log(np.asarray(values, dtype=float))
    n = len(logs)
    mean = normal(float(logs.mean() - np.log(median)), sigma / np.sqrt(n), n)
    # The standard deviation of n normal values has standard error sigma / sqrt(2 n).
    spread = normal(float(logs.std(ddof=1) - sigma), sigma / np.sqrt(2 * n), n)
    return [mean, spread]


def same_law(sample: ArrayLike, simulated: ArrayLike) -> Check:
    """Two-sample Kolmogorov-Smirnov test."""
    found = stats.ks_2samp(sample, simulated, method="asymp")
    return Check(float(found.statistic), float(found.pvalue), np.size(sample))


def dispersion(counts: ArrayLike, means: ArrayLike, k: float) -> Check:
    """Whether counts spread around their means as a negative binomial with this k does.

    The mean of squared deviations over m + m^2 / k is 1; its standard error comes from the fourth
    moment of the law. `k = inf` is Poisson.
    """
    seen, wanted = np.asarray(counts, dtype=float), np.asarray(means, dtype=float)
    variance = wanted + wanted**2 / k
    excess = 6 / k + 1 / variance
    statistic = float(((seen - wanted) ** 2 / variance).mean())
    error = np.sqrt((2 + excess).sum()) / len(seen)
    return normal(statistic - 1, float(error), len(seen))
