"""The figures of a sweep's page: response curve, groups, secondary effects, check."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pqrs_kedro.report.figures import PALETTE, Form, both_forms
from pqrs_kedro.report.spanish import number, percent
from pqrs_kedro.sweep.calibration import Float, Interval, ResponseCurve

# ADR-0016: the breach rate is controlled between 7 and 12 per cent.
BAND: Final = (7.0, 12.0)
_CURVE: Final = PALETTE[0]
_ROOTS: Final = PALETTE[1]
_LAW: Final = PALETTE[7]
_GRID_POINTS: Final = 81
_MARKERS: Final = "osD^vPX*"


@dataclass(frozen=True)
class Series:
    """Estimates along the swept values, one line of a panel."""

    name: str
    values: Sequence[Interval]


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its title, the unit of its values, and its lines."""

    title: str
    unit: str
    series: Sequence[Series]


@dataclass(frozen=True)
class Root:
    """A requested rate in per cent, and the scale that was found for it."""

    requested_pct: float
    scale: Interval


@dataclass(frozen=True)
class Checked:
    """Realised rates of one setting of the check, in per cent, by requested one."""

    name: str
    requested_pct: Sequence[float]
    realised_pct: Sequence[Interval]


def curve_figure(curve: ResponseCurve, roots: Sequence[Root], label: str) -> Markup:
    """Breach rate by scale, with its interval, the closed form, and the roots."""
    first, last = float(curve.scales[0]), float(curve.scales[-1])
    places = np.linspace(first, last, _GRID_POINTS)
    band = [curve.band(float(place)) for place in places]
    closed = np.array([curve.predict(float(place)) for place in places])

    def draw(figure: Figure, form: Form) -> None:
        above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        above.axhspan(*BAND, color=PALETTE[3], alpha=0.18, linewidth=0, label="Banda de 7 a 12 %")
        _band(above, places, band, 0)
        above.plot(places, 100 * closed, color=_LAW, linestyle=(0, (4, 3)), label="Forma cerrada")
        above.plot(curve.scales, 100 * curve.rates.mean(axis=1), "o", color=_CURVE, markersize=5,
                   label="Valores barridos", clip_on=False)  # fmt: skip
        _roots(above, roots, first)
        above.set_xlim(first, last)
        _percent_axis(above)
        _band(below, places, band, closed)
        below.axhline(0, color=_LAW, linestyle=(0, (4, 3)))
        below.set_title("Medida menos forma cerrada (puntos)", loc="left", fontsize=9.5)
        below.yaxis.set_major_locator(MaxNLocator(3))
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
        below.grid(axis="y")
        below.set_xlabel(label)
        _legend(figure, above, form)

    return both_forms(
        "curve", 5.6, draw, "Curva: tasa de incumplimiento según la escala de la mediana"
    )


def _band(axes: Axes, places: Float, band: Sequence[Interval], origin: Float | float) -> None:
    """The curve and its interval, in per cent, less an origin."""
    value, low, high = (
        100 * (np.array([getattr(item, name) for item in band]) - origin)
        for name in ("value", "low", "high")
    )
    axes.fill_between(places, low, high, color=_CURVE, alpha=0.3, linewidth=0,
                      label="Intervalo del 95 %")  # fmt: skip
    axes.plot(places, value, color=_CURVE, label="Curva medida")


def _roots(axes: Axes, roots: Sequence[Root], first: float) -> None:
    """From each requested rate to the curve, and down to the scale."""
    for root in roots:
        axes.plot([first, root.scale.value, root.scale.value],
                  [root.requested_pct, root.requested_pct, 0],
                  color=_ROOTS, linewidth=0.8, alpha=0.7)  # fmt: skip
    axes.plot([r.scale.value for r in roots], [r.requested_pct for r in roots], "D",
              color=_ROOTS, markersize=6, label="Valor calibrado")  # fmt: skip


def panels_figure(
    name: str, places: Sequence[float], ticks: Sequence[str] | None, panels: Sequence[Panel],
    label: str, description: str,
) -> Markup:  # fmt: skip
    """Panels on the same swept values: beside each other, or below each other where narrow."""

    def draw(figure: Figure, form: Form) -> None:
        narrow = form.name == "narrow"
        if narrow:
            figure.set_size_inches(form.width, 3.1 * len(panels))
        shape = (len(panels), 1) if narrow else (1, len(panels))
        for number_, panel in enumerate(panels):
            axes = figure.add_subplot(*shape, number_ + 1)
            _lines(axes, places, panel)
            if ticks is not None:
                axes.set_xticks(places, ticks)
            if not narrow or number_ == len(panels) - 1:
                axes.set_xlabel(label)

    return both_forms(name, 3.9, draw, description)


def _lines(axes: Axes, places: Sequence[float], panel: Panel) -> None:
    for series, colour, marker in zip(panel.series, PALETTE, _MARKERS, strict=False):
        known = [n for n, item in enumerate(series.values) if item.value == item.value]
        at = [places[n] for n in known]
        found = [series.values[n] for n in known]
        if len(panel.series) == 1:
            axes.fill_between(at, [item.low for item in found], [item.high for item in found],
                              color=colour, alpha=0.25, linewidth=0)  # fmt: skip
        axes.plot(at, [item.value for item in found], marker=marker, markersize=4, linewidth=1.4,
                  color=colour, label=series.name)  # fmt: skip
    axes.set_title(f"{panel.title} ({panel.unit})", loc="left", fontsize=10.5, weight="bold")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, _decimals(axes))))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.grid(axis="y")
    if len(panel.series) > 1:
        axes.legend(fontsize=9, loc="upper left", handlelength=1.4, labelspacing=0.25)


def _decimals(axes: Axes) -> int:
    """Decimals that tell the ticks of an axis apart."""
    low, high = axes.get_ylim()
    return 0 if high - low >= 5 else 1 if high - low >= 0.5 else 2


def _plain(value: float) -> str:
    text = number(value, 3)
    return text.rstrip("0").rstrip(",") if "," in text else text


def check_figure(checks: Sequence[Checked]) -> Markup:
    """Realised less requested rate of every setting of the check, with intervals."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        axes.axhspan(-0.25, 0.25, color=PALETTE[2], alpha=0.14, linewidth=0, label="± 0,25 puntos")
        axes.axhline(0, color="#010203", linewidth=0.8)
        for place, (item, marker) in enumerate(zip(checks, _MARKERS, strict=False)):
            shift = 0.12 * (place - (len(checks) - 1) / 2)
            wanted, got = np.array(item.requested_pct), item.realised_pct
            middle = np.array([r.value for r in got]) - wanted
            reach = [[r.value - r.low for r in got], [r.high - r.value for r in got]]
            axes.errorbar(wanted + shift, middle, reach, fmt=marker, color=PALETTE[place % 7],
                          markersize=5, linewidth=1.2, capsize=3, label=item.name)  # fmt: skip
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
        axes.set_ylabel("puntos porcentuales")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
        axes.grid(axis="y")
        axes.set_xlabel("tasa solicitada")
        _legend(figure, axes, form)

    return both_forms(
        "check", 3.6, draw, "Puntos: tasa realizada menos solicitada, con su intervalo"
    )


def _percent_axis(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.grid(axis="y")


def _legend(figure: Figure, axes: Axes, form: Form) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = 3 if form.name == "wide" else form.legend_columns
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=1.6,
                  columnspacing=1.4)  # fmt: skip
