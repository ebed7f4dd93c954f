"""The law of the response ratio.

The response ratio x of an SLA cycle is its working time over its term, measured on the legal
clock, so that a cycle is late exactly when x > 1. x is lognormal; of the draws in
(1, hurry_until] a share is replaced by 1 - slope (x - 1), because people hurry before a deadline.
With M the median, s sigma and Phi the normal distribution function,

    P(x > 1) = (1 - h) [1 - Phi(-ln M / s)] + h [1 - Phi((ln H - ln M) / s)]

for hurry share h up to H (`calibration` solves it for the median that a requested rate needs).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.parameters import Response


def late_probability(law: Response, median: float) -> float:
    """Probability that a response ratio with this median exceeds 1."""
    over_one = special.ndtr(math.log(median) / law.sigma)
    over_hurry = special.ndtr((math.log(median) - math.log(law.hurry_until)) / law.sigma)
    return float((1 - law.hurry_share) * over_one + law.hurry_share * over_hurry)


def response_ratio(
    law: Response,
    median: float | NDArray[np.float64],
    quantile: NDArray[np.float64],
    hurry: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Response ratios at the given quantiles, hurried where the second draw says so.

    The same draws with a greater median give ratios whose lateness never ends: common random
    numbers keep a late cycle late when the requested rate rises.
    """
    x = median * np.exp(law.sigma * special.ndtri(quantile))
    hurried = (x > 1) & (x <= law.hurry_until) & (hurry < law.hurry_share)
    return np.asarray(np.where(hurried, 1 - law.hurry_slope * (x - 1), x))
