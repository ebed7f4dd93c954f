"""The calibration of a sweep: curve, roots, and the trials and figures that check them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.pipelines.synthesis.scenario import breach_rate_by_scale
from pqrs_kedro.sweep.calibration import (
    SCALE_DECIMALS,
    Interval,
    ResponseCurve,
    closed_form_root,
    mean_interval,
    new_run_interval,
)
from pqrs_kedro.sweep.design import Point, point_parameters
from pqrs_kedro.sweep.plan import RESPONSE, SCALE, UNSEEN_SEEDS, Calibration, SweepPlan
from pqrs_kedro.sweep.record import CALIBRATION

_DECIMALS = 6


def check_reach(plan: SweepPlan, calibrate: Calibration, base: Mapping[str, Any]) -> None:
    """Refuse rates that the swept scales cannot give, before any trial.

    Raises:
        InvalidInput: the rate, and what the scales reach by the closed form.
    """
    predict = _prediction_of(plan, base)
    scales = sorted(map(float, plan.grid[SCALE]))
    low, high = predict(scales[0]), predict(scales[-1])
    for rate in calibrate.rates:
        if not low < rate < high:
            raise InvalidInput(
                f"calibrate.rates: {rate}: {SCALE} from {scales[0]:g} to {scales[-1]:g} gives "
                f"rates from {low:.4f} to {high:.4f}; widen its grid"
            )


def check_points_of(calibrate: Calibration, plan: SweepPlan, roots: Mapping[float, Interval],
                    first_point: int) -> list[Point]:  # fmt: skip
    """The calibrated scales in every setting of the check, rate by rate."""
    pairs = [(rate, name) for rate in roots for name in _settings(calibrate)]
    return [
        Point(
            first_point + number,
            name,
            {**plan.fixed, **_settings(calibrate)[name], SCALE: roots[rate].value},
        )
        for number, (rate, name) in enumerate(pairs)
    ]


def _settings(calibrate: Calibration) -> dict[str, dict[str, Any]]:
    """What the check changes, by setting; the seeds are others in all of them."""
    return {UNSEEN_SEEDS: {}, **calibrate.check.settings}


def breach_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Of every trial: point, setting, seed, share of breached tickets, and how many were due."""
    total = rows[(rows["measure"] == BREACH_RATE) & (rows["dimension"] == TOTAL)]
    return total.assign(rate=total["numerator"] / total["denominator"])


def response_curve(rows: pd.DataFrame, plan: SweepPlan, base: Mapping[str, Any]) -> ResponseCurve:
    """The curve of the swept scales."""
    rates = breach_rates(rows)
    table = rates[rates["setting"] == RESPONSE].pivot_table(
        index="point_number", columns="seed", values="rate"
    )
    scales = np.array([float(scale) for scale in plan.grid[SCALE]])
    order = np.argsort(scales)
    return ResponseCurve(scales[order], table.to_numpy()[order], _prediction_of(plan, base))


def _prediction_of(plan: SweepPlan, base: Mapping[str, Any]) -> Callable[[float], float]:
    point = Point(0, RESPONSE, {**plan.fixed, SCALE: 1.0})
    return breach_rate_by_scale(point_parameters(point, base, int(base["seed"])).chosen_profile)


def find_roots(curve: ResponseCurve, calibrate: Calibration) -> dict[float, Interval]:
    """The scale to be used for each requested rate, on its grid, with its interval.

    Raises:
        InvalidInput: the measured curve does not pass a rate.
    """
    roots = {}
    for rate in calibrate.rates:
        try:
            root = curve.root(rate)
        except ValueError:
            raise InvalidInput(
                f"calibrate.rates: {rate}: not between the rates that the swept scales gave; "
                f"widen the grid of {SCALE}"
            ) from None
        low, high = (round(end, _DECIMALS) for end in (root.low, root.high))
        roots[rate] = Interval(round(root.value, SCALE_DECIMALS), low, high)
    return roots


def calibration_table(
    rows: pd.DataFrame, curve: ResponseCurve, roots: Mapping[float, Interval],
    calibrate: Calibration, points: list[Point],
) -> pa.Table:  # fmt: skip
    """sweep_calibration: each requested rate in each setting of the check."""
    rates = breach_rates(rows)
    size = float(rates.loc[rates["setting"] == RESPONSE, "denominator"].mean())
    found = []
    for (rate, root), of_rate in zip(roots.items(), _by_rate(points, calibrate), strict=True):
        spread = float(np.std(curve.rates_at(root.value), ddof=1))
        for point in of_rate:
            trials = rates[rates["point_number"] == point.number]
            found.append(
                {
                    "requested_pct": round(100 * rate, _DECIMALS),
                    "setting": point.setting,
                    "closed_form_scale": round(closed_form_root(curve.predict, rate), _DECIMALS),
                    "median_scale": root.value,
                    "scale_low": min(root.low, root.value),
                    "scale_high": max(root.high, root.value),
                    "spread_pct": round(100 * spread, _DECIMALS),
                    **_realised(trials, rate, spread, curve.rates.shape[1], size),
                }
            )
    return pa.Table.from_pylist(found, schema=arrow_schema(CALIBRATION)).sort_by(
        [(name, "ascending") for name in CALIBRATION.order_by]
    )


def _by_rate(points: list[Point], calibrate: Calibration) -> Iterator[list[Point]]:
    count = len(_settings(calibrate))
    for start in range(0, len(points), count):
        yield points[start : start + count]


def _realised(
    trials: pd.DataFrame, rate: float, spread: float, seeds: int, size: float
) -> dict[str, float | int]:
    """What came out of the check's trials, and how many are where a new run was expected."""
    realised = trials["rate"].to_numpy()
    mean = mean_interval(realised)
    expected = [new_run_interval(rate, spread, seeds, due / size) for due in trials["denominator"]]
    covered = sum(e.holds(r) for e, r in zip(expected, realised, strict=True))
    return {
        "runs_count": len(realised),
        "realised_pct": round(100 * mean.value, _DECIMALS),
        "realised_low_pct": round(100 * mean.low, _DECIMALS),
        "realised_high_pct": round(100 * mean.high, _DECIMALS),
        "largest_deviation_pct": round(100 * float(abs(realised - rate).max()), _DECIMALS),
        "covered_count": int(covered),
    }
