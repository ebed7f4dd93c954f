"""Calibration: the median response ratio that realises a requested breach rate."""

import math

from scipy import optimize

from pqrs_kedro.parameters import Response
from pqrs_kedro.pipelines.synthesis.response import late_probability

# Medians are rounded to this grid, so that every machine uses the same one.
MEDIAN_DECIMALS = 6
# Median of the response ratio at median_scale 1: 9.5 % late if all could be [assume].
BASELINE_MEDIAN = 0.536


def calibrate_median(law: Response, breach_rate: float, never_late_share: float) -> float:
    """Median of the response ratio that gives `breach_rate` over all tickets.

    A ticket whose last cycle is a transfer or a tacit withdrawal cannot be late; the others are
    therefore calibrated to the requested rate over their share.

    Args:
        law: the other parameters of the law.
        breach_rate: requested share of tickets whose last cycle is late.
        never_late_share: share of tickets whose last cycle cannot be late.
    """
    target = breach_rate / (1 - never_late_share)

    def excess(log_median: float) -> float:
        return late_probability(law, math.exp(log_median)) - target

    root = optimize.brentq(excess, math.log(1e-4), math.log(1e4), xtol=1e-12)
    return round(math.exp(root), MEDIAN_DECIMALS)


def predict_breach_rate(law: Response, median: float, never_late_share: float) -> float:
    """Share of late tickets that a median gives: `calibrate_median` the other way round.

    It is the same for every type, term and calendar, since the ratio is measured on the legal clock
    against the term that applies. Under a term of five days, two holds may need more than the
    term, and the share is a little higher.
    """
    return late_probability(law, median) * (1 - never_late_share)


def scaled_median(scale: float) -> float:
    """Median of the response ratio at a scale of the baseline, on the grid."""
    return round(scale * BASELINE_MEDIAN, MEDIAN_DECIMALS)
