"""A complete sweep in numbers: each point over its seeds, and two sweeps point by point."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.run.identity import canonical_json
from pqrs_kedro.sweep.calibration import Interval, mean_interval
from pqrs_kedro.sweep.measures import BACKLOG_MEAN, BACKLOG_PEAK, LATE_DAYS, RECEIVED
from pqrs_kedro.sweep.plan import RESPONSE, SweepPlan
from pqrs_kedro.sweep.record import CALIBRATION, TRIALS, SweepFolder, read_table

MEASURES: Final = (BREACH_RATE, LATE_DAYS, BACKLOG_MEAN, BACKLOG_PEAK, RECEIVED)
_DECIMALS: Final = 6


@dataclass(frozen=True)
class PointSummary:
    """One combination of swept parameters, over its seeds."""

    number: int
    swept: Mapping[str, Any]
    seeds: int
    of: Mapping[tuple[str, str, str], Interval]
    """Mean over seeds, with its interval, by measure, dimension and group."""

    def total(self, measure: str) -> Interval:
        """A measure of all tickets."""
        return self.of[measure, TOTAL, TOTAL]


def summarise_points(rows: pd.DataFrame, plan: SweepPlan) -> list[PointSummary]:
    """The swept combinations, in their order; a number that no trial has is left out."""
    response = rows[rows["setting"] == RESPONSE]
    return [
        _summarise(of_point, plan) for _, of_point in response.groupby("point_number", sort=True)
    ]


def _summarise(rows: pd.DataFrame, plan: SweepPlan) -> PointSummary:
    changes = json.loads(rows["parameters_json"].iloc[0])
    known = rows[rows["value"].notna()]
    keys = ["measure", "dimension", "group_id"]
    intervals = {
        (str(key[0]), str(key[1]), str(key[2])): mean_interval(values.to_numpy())
        for key, values in known.groupby(keys)["value"]
    }
    swept = {path: changes[path] for path in plan.swept}
    number = int(rows["point_number"].iloc[0])
    return PointSummary(number, swept, rows["seed"].nunique(), intervals)


def as_json(folder: SweepFolder) -> dict[str, Any]:
    """A complete sweep as one JSON object: identity, points, calibration."""
    manifest = folder.document("manifest.json")
    rows = read_table(folder, TRIALS).to_pandas()
    plan = plan_of(folder)
    return {
        "sweep_id": folder.sweep_id,
        "digest": manifest["digest"],
        "title": plan.title,
        "points": [_point_json(point) for point in summarise_points(rows, plan)],
        "calibration": read_table(folder, CALIBRATION).to_pylist(),
    }


def plan_of(folder: SweepFolder) -> SweepPlan:
    """The plan that a sweep's manifest records."""
    return SweepPlan.model_validate(folder.document("manifest.json")["inputs"]["plan"])


def _point_json(point: PointSummary) -> dict[str, Any]:
    measured = {
        measure: interval_json(point.total(measure))
        for measure in MEASURES
        if (measure, TOTAL, TOTAL) in point.of
    }
    return {"parameters": dict(point.swept), "seeds": point.seeds, **measured}


def interval_json(interval: Interval) -> dict[str, float]:
    """An estimate as JSON."""
    return {
        name: round(float(getattr(interval, name)), _DECIMALS) for name in ("value", "low", "high")
    }


@dataclass(frozen=True)
class PointDifference:
    """One measure at one point: the second sweep less the first."""

    swept: Mapping[str, Any]
    measure: str
    first: float
    second: float
    difference: Interval
    seeds: int
    """Seeds that both have: the difference is that of equal random numbers, seed by seed."""


def compare(first: SweepFolder, second: SweepFolder) -> list[PointDifference]:
    """Points that two complete sweeps share, by the swept parameters, with seeds that both have."""
    sides = [_values(folder) for folder in (first, second)]
    return [
        found
        for key in sides[0]
        if key in sides[1]
        for found in _differences(json.loads(key), sides[0][key], sides[1][key])
    ]


def _values(folder: SweepFolder) -> dict[str, pd.DataFrame]:
    """Values of all tickets, one row per seed and one column per measure, by swept parameters."""
    rows = read_table(folder, TRIALS).to_pandas()
    rows = rows[(rows["setting"] == RESPONSE) & (rows["dimension"] == TOTAL)]
    swept = plan_of(folder).swept
    return {
        canonical_json({path: json.loads(text)[path] for path in swept}): of_point.pivot_table(
            index="seed", columns="measure", values="value"
        )
        for text, of_point in rows.groupby("parameters_json", sort=False)
    }


def _differences(
    swept: Mapping[str, Any], first: pd.DataFrame, second: pd.DataFrame
) -> Iterator[PointDifference]:
    common = first.index.intersection(second.index)
    for measure in MEASURES:
        if not len(common) or measure not in first or measure not in second:
            continue
        before, after = (side.loc[common, measure].to_numpy() for side in (first, second))
        yield PointDifference(
            swept,
            measure,
            float(np.mean(before)),
            float(np.mean(after)),
            mean_interval(after - before),
            len(common),
        )
