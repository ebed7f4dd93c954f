"""The page of a sweep, in Spanish: curve, calibration, what else moves; all in one file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pqrs_kedro.contracts.columns import REGIONS, UNKNOWN_REGION
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.report import spanish
from pqrs_kedro.sweep import figures
from pqrs_kedro.sweep.calibration import Interval
from pqrs_kedro.sweep.design import Point, point_parameters
from pqrs_kedro.sweep.measures import BACKLOG_MEAN, BACKLOG_PEAK, LATE_DAYS
from pqrs_kedro.sweep.plan import RESPONSE, SCALE, UNSEEN_SEEDS, SweepPlan
from pqrs_kedro.sweep.record import SweepInputs
from pqrs_kedro.sweep.solve import response_curve
from pqrs_kedro.sweep.summary import PointSummary, summarise_points

_NO_NUMBER: Final = Interval(float("nan"), float("nan"), float("nan"))
_SECONDARY: Final = (
    (LATE_DAYS, "Retraso medio", "días hábiles", 2),
    (BACKLOG_MEAN, "Backlog medio", "tickets", 0),
    (BACKLOG_PEAK, "Backlog máximo", "tickets", 0),
)


@dataclass(frozen=True)
class Effect:
    """What moves with one swept parameter."""

    path: str
    groups: Markup
    secondary: Markup


def sweep_page(
    sweep_id: str,
    inputs: SweepInputs,
    rows: pd.DataFrame,
    calibration: Sequence[Mapping[str, Any]],
) -> str:
    """The whole page; equal arguments give equal text.

    Args:
        sweep_id: the sweep.
        inputs: what decided its results.
        rows: sweep_trials.
        calibration: rows of sweep_calibration; none if nothing was calibrated.
    """
    points = summarise_points(rows, inputs.plan)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters |= {"number": spanish.number, "percent": spanish.percent}
    return environment.from_string(_resource("pqrs_kedro.sweep", "sweep.html.j2")).render(
        css=Markup(_resource("pqrs_kedro.report", "report.css")),  # noqa: S704  (of the project)
        sweep_id=sweep_id,
        inputs=inputs,
        plan=inputs.plan,
        trials=rows["trial_number"].nunique(),
        tickets=_tickets(rows),
        points=points,
        point_rows=[_point_row(point) for point in points],
        secondary=_SECONDARY,
        curve=_curve(inputs, rows, calibration),
        calibration=calibration,
        roots=[row for row in calibration if row["setting"] == UNSEEN_SEEDS],
        settings=_setting_names(inputs.plan),
        check=_check(inputs.plan, calibration),
        effects=[_effect(inputs, points, path) for path in inputs.plan.swept],
    )


def _resource(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")


def _tickets(rows: pd.DataFrame) -> float:
    """Mean tickets of a trial at the swept points."""
    received = rows[(rows["measure"] == "tickets") & (rows["setting"] == RESPONSE)]
    return float(received["value"].mean())


def _point_row(point: PointSummary) -> tuple[list[str], list[tuple[Interval, int]]]:
    measures = ((BREACH_RATE, "", "", 3), *_SECONDARY)
    values = [str(value).replace(".", ",") for value in point.swept.values()]
    return values, [(_of(point, name), decimals) for name, _, _, decimals in measures]


def _of(point: PointSummary, measure: str, dimension: str = TOTAL, group: str = TOTAL) -> Interval:
    return point.of.get((measure, dimension, group), _NO_NUMBER)


def _curve(
    inputs: SweepInputs, rows: pd.DataFrame, calibration: Sequence[Mapping[str, Any]]
) -> Markup | None:
    if not calibration:
        return None
    roots = [
        figures.Root(
            row["requested_pct"],
            Interval(row["median_scale"], row["scale_low"], row["scale_high"]),
        )
        for row in calibration
        if row["setting"] == UNSEEN_SEEDS
    ]
    return figures.curve_figure(response_curve(rows, inputs.plan, inputs.parameters), roots, SCALE)


def _setting_names(plan: SweepPlan) -> dict[str, str]:
    """What each setting of the check changes, for a reader."""
    if plan.calibrate is None:
        return {}
    own = {
        name: ", ".join(f"{path}={value}" for path, value in changes.items())
        for name, changes in plan.calibrate.check.settings.items()
    }
    return {UNSEEN_SEEDS: "semillas no vistas", **own}


def _check(plan: SweepPlan, calibration: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not calibration:
        return None
    checks = []
    for name, shown in _setting_names(plan).items():
        of_setting = [row for row in calibration if row["setting"] == name]
        realised = [
            Interval(row["realised_pct"], row["realised_low_pct"], row["realised_high_pct"])
            for row in of_setting
        ]
        checks.append(
            figures.Checked(
                shown if name == UNSEEN_SEEDS else name.replace("_", " "),
                [row["requested_pct"] for row in of_setting],
                realised,
            )
        )
    return figures.check_figure(checks)


def _effect(inputs: SweepInputs, points: Sequence[PointSummary], path: str) -> Effect:
    """Figures along the values of one parameter, mean over those of the others."""
    by_value: dict[str, list[PointSummary]] = {}
    for point in points:
        by_value.setdefault(str(point.swept[path]), []).append(point)
    values = [group[0].swept[path] for group in by_value.values()]
    numeric = all(isinstance(value, int | float) for value in values)
    places = [float(value) for value in values] if numeric else [*map(float, range(len(values)))]
    order = sorted(range(len(places)), key=places.__getitem__)
    groups = [[*by_value.values()][n] for n in order]
    places = [places[n] for n in order]
    ticks = None if numeric else [str(values[n])[:14] for n in order]
    slug = path.replace(".", "-")
    panels = [*_group_panels(inputs, points, groups)]
    secondary = [
        figures.Panel(title, unit, [figures.Series(title, _means(groups, (measure, TOTAL, TOTAL)))])
        for measure, title, unit, _ in _SECONDARY
    ]
    return Effect(
        path,
        figures.panels_figure(f"groups-{slug}", places, ticks, panels, path,
                              "Líneas: tasa de incumplimiento por tipo, canal y región"),
        figures.panels_figure(f"effects-{slug}", places, ticks, secondary, path,
                              "Líneas: retraso medio y backlog, con su intervalo"),
    )  # fmt: skip


def _group_panels(
    inputs: SweepInputs, points: Sequence[PointSummary], groups: Sequence[Sequence[PointSummary]]
) -> Iterator[figures.Panel]:
    base = inputs.parameters
    first = Point(0, RESPONSE, {**inputs.plan.fixed, **points[0].swept})
    types = point_parameters(first, base, int(base["seed"])).chosen_profile.types
    named: Mapping[str, tuple[str, Mapping[str, str]]] = {
        "pqrs_type": ("Por tipo", {code: item.name for code, item in types.items()}),
        "source_channel": (
            "Por canal",
            {name: spanish.CHANNEL_NAMES[name] for name in CHANNEL_IDS},
        ),
        "region": ("Por región", {name: name for name in (*REGIONS, UNKNOWN_REGION)}),
    }
    for dimension, (title, names) in named.items():
        series = [
            figures.Series(name, _means(groups, (BREACH_RATE, dimension, code)))
            for code, name in names.items()
        ]
        yield figures.Panel(title, "%", [s for s in series if _is_known(s)])


def _is_known(series: figures.Series) -> bool:
    return any(item.value == item.value for item in series.values)


def _means(groups: Sequence[Sequence[PointSummary]], key: tuple[str, str, str]) -> list[Interval]:
    """A number at each value: of its one point with the interval, of several their mean."""
    found = []
    for group in groups:
        items = [point.of.get(key, _NO_NUMBER) for point in group]
        mean = sum(item.value for item in items) / len(items)
        found.append(items[0] if len(items) == 1 else Interval(mean, mean, mean))
    return found
