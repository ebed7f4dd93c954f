"""The notebooks' figures: inline SVG in the style of the report, each in a wide and narrow form."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
)

from pqrs_kedro.analysis.backlog import Outlook
from pqrs_kedro.analysis.distributions import HOURS, Hours, Shares, Variants, Volume
from pqrs_kedro.analysis.durations import Segment
from pqrs_kedro.analysis.survival import SurvivalCurve
from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.segments import UNIT_SECONDS
from pqrs_kedro.report.figures import PALETTE, Form, both_forms, day_axis, legend
from pqrs_kedro.report.spanish import CHANNEL_NAMES, number, percent

REALISED: Final = PALETTE[0]
REQUESTED: Final = PALETTE[1]
NARROW: Final = "narrow"
# A curve is drawn until so few are left that nothing could be seen.
_LEFT: Final = 0.005
_SHOWN_VARIANTS: Final = 300
_GRID: Final = 120
_PER_CENT: Final = FuncFormatter(lambda value, __: percent(value, 0))


def volume_plot(found: Volume) -> Markup:
    """Tickets by day, the mean of the law and its band."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        axes.fill_between(
            found.days, found.lower, found.upper, label="Banda del 95 %",
            color=REQUESTED, alpha=0.22, linewidth=0,
        )  # fmt: skip
        axes.plot(found.days, found.means, color=REQUESTED, label="Media solicitada")
        axes.plot(found.days, found.received, "o", ms=4, color=REALISED, label="Recibidas")
        axes.set_ylabel("peticiones por día")
        day_axis(axes, [to_date(int(day)) for day in found.days], form)
        legend(figure, axes, form)

    return both_forms("volume", 3.4, draw, "Puntos: peticiones por día; línea y banda: su ley")


def shares_plot(found: Sequence[Shares]) -> Markup:
    """Shares of categories, requested and realised."""
    names = [name for group in found for name in group.names.values()][::-1]
    asked = np.concatenate([group.requested for group in found])[::-1] * 100
    seen = np.concatenate([group.realised for group in found])[::-1] * 100

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        rows = np.arange(len(names))
        axes.barh(rows + 0.2, asked, 0.36, color=REQUESTED, label="Solicitada")
        axes.barh(rows - 0.2, seen, 0.36, color=REALISED, label="Realizada")
        axes.set_yticks(rows, names)
        axes.xaxis.set_major_formatter(_PER_CENT)
        axes.set_xlabel("porcentaje de los tickets")
        axes.grid(axis="x")
        legend(figure, axes, form)

    height = 1.1 + 0.38 * len(names)
    return both_forms("shares", height, draw, "Barras: proporciones solicitadas y realizadas")


def hours_plot(found: Hours) -> Markup:
    """Share of each hour of the day, a panel per channel."""

    def draw_panel(axes: Axes, row: int) -> None:
        axes.bar(range(HOURS), 100 * found.realised[row], 0.85, color=REALISED, label="Realizada")
        axes.step(
            range(HOURS), 100 * found.requested[row], where="mid", color=REQUESTED,
            label="Solicitada",
        )  # fmt: skip
        axes.set_title(CHANNEL_NAMES[CHANNEL_IDS[row]], loc="left", fontsize=10)
        axes.set_xticks(range(0, HOURS, 6))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(_PER_CENT)
        axes.set_xlabel("hora local")
        axes.grid(axis="y")

    return _panels("hours", len(CHANNEL_IDS), 2, draw_panel, "Barras y líneas: tickets por hora")


def segments_plot(found: Sequence[Segment]) -> Markup:
    """Cumulative shares of durations on a logarithmic axis: the law as a line, over what was."""
    shown = [item for item in found if len(item.seconds)]

    def draw_panel(axes: Axes, number_of: int) -> None:
        item = shown[number_of]
        values = np.sort(item.values)
        shares = 100 * np.arange(1, len(values) + 1) / len(values)
        places = np.unique(np.linspace(0, len(values) - 1, _GRID).astype(int))
        axes.step(values[places], shares[places], where="post", color=REALISED, lw=4, alpha=0.45,
                  label="Realizada")  # fmt: skip
        grid = np.geomspace(max(values[0], 1e-3), max(values[-1], 2e-3), _GRID)
        law = [100 * item.share_by(float(value)) for value in grid * UNIT_SECONDS[item.law.unit]]
        axes.plot(grid, law, color=REQUESTED, lw=1.4, label="Solicitada")
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.yaxis.set_major_formatter(_PER_CENT)
        axes.set_title(item.name.replace(", ", ",\n", 1), loc="left", fontsize=9)
        axes.set_xlabel(item.unit)
        axes.grid()

    return _panels("segments", len(shown), 2, draw_panel, "Curvas: duraciones acumuladas y su ley")


def variants_plot(found: Variants) -> Markup:
    """Frequency of each variant by its rank, both on logarithmic axes."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        counts = found.counts[:_SHOWN_VARIANTS]
        axes.plot(range(1, len(counts) + 1), counts, "o", ms=3.5, color=REALISED)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(_short))
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_log(axes)
        axes.set_xlabel("rango de la variante")
        axes.set_ylabel("tickets")
        axes.grid()

    return both_forms("variants", 3.0, draw, "Puntos: tickets de cada variante según su rango")


def survival_plot(curves: Mapping[str, SurvivalCurve], unit: str) -> Markup:
    """Kaplan-Meier curves with their bands."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        for colour, (name, curve) in zip(PALETTE, curves.items(), strict=False):
            times, shares, lower, upper = (
                np.array(part) for part in zip(*curve.steps(), strict=True)
            )
            axes.step(times, 100 * shares, where="post", color=colour, lw=1.6, label=name)
            axes.fill_between(times, 100 * lower, 100 * upper, step="post", color=colour,
                              alpha=0.2, linewidth=0)  # fmt: skip
        axes.set_ylim(0, 101)
        ends = [curve.quantile(1 - _LEFT) or curve.longest for curve in curves.values()]
        axes.set_xlim(0, max(ends, default=1))
        axes.yaxis.set_major_formatter(_PER_CENT)
        axes.set_ylabel("tickets aún abiertos")
        axes.set_xlabel(unit)
        axes.grid()
        legend(figure, axes, form)

    return both_forms("survival", 3.6, draw, "Curvas: porcentaje de tickets abiertos por tiempo")


def intervals_plot(
    rows: Sequence[tuple[str, float, float, float]], reference: float | None, label: str
) -> Markup:
    """Estimates with intervals, one row each: name, estimate, lower and upper limit."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        names, middle, lower, upper = zip(*rows[::-1], strict=True)
        places = np.arange(len(names))
        axes.hlines(places, lower, upper, color=REALISED, lw=2)
        axes.plot(middle, places, "o", ms=5, color=REALISED)
        if reference is not None:
            axes.axvline(reference, color=REQUESTED, lw=1, ls="--")
        # Denominators are in the tables too; the narrow form has no room for them.
        is_narrow = form.name == NARROW
        axes.set_yticks(places, [name.split(" (")[0] if is_narrow else name for name in names])
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, __: number(value, 0)))
        axes.set_xlabel(label)
        axes.grid(axis="x")

    return both_forms("intervals", 0.9 + 0.27 * len(rows), draw, "Puntos con intervalos")


def outlook_plot(found: Outlook) -> Markup:
    """The backlog of the days observed, and the forecast with its error bars."""
    limits = found.limits()

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        axes.plot(found.past_days, found.past, color=REALISED, label="Observado")
        days = [found.origin + item.horizon for item in found.tests]
        axes.plot(days, found.expected, "o", ms=5, color=REQUESTED, label="Pronóstico")
        for day, bounds in zip(days, limits, strict=True):
            if bounds is not None:
                axes.vlines(day, *bounds, color=REQUESTED, lw=2)
        axes.set_ylabel("tickets abiertos")
        shown = range(int(found.past_days[0]), days[-1] + 1)
        day_axis(axes, [to_date(day) for day in shown], form)
        legend(figure, axes, form)

    return both_forms("outlook", 3.4, draw, "Línea: backlog observado; puntos: pronóstico")


def _panels(
    name: str, panels: int, columns: int, draw_panel: Callable[[Axes, int], None], label: str
) -> Markup:
    """Small multiples with one legend: several columns in the wide form, one in the narrow."""

    def draw(figure: Figure, form: Form) -> None:
        across = 1 if form.name == NARROW else columns
        down = ceil(panels / across)
        # The narrow form is as high as its panels need.
        figure.set_figheight(0.7 + (2.1 if form.name == NARROW else 2.2) * down)
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for place, axes in enumerate(grid):
            if place < panels:
                draw_panel(axes, place)
            else:
                axes.set_visible(False)
        legend(figure, grid[0], form)

    return both_forms(name, 1.0, draw, label)


def _plain_log(axes: Axes) -> None:
    """Whole powers of ten as labels, written out."""
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        powers = [10**n for n in range(7) if limits[0] <= 10**n <= limits[1]]
        axis.set_major_locator(FixedLocator(powers))
        axis.set_major_formatter(FixedFormatter([number(power) for power in powers]))
        axis.set_minor_formatter(NullFormatter())


def _short(value: float, _place: int | None = None) -> str:
    return number(value, 0 if value >= 1 else 2)
