"""Figures of lateness: by week, by group, and with or without what may delay a ticket."""

from collections.abc import Mapping, Sequence
from datetime import date
from textwrap import fill

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.report.figures import (
    INK,
    LATE,
    PALETTE,
    Form,
    both_forms,
    cut,
    day_ticks,
    label_days,
    legend,
)
from pqrs_kedro.report.rates import ENOUGH, Group, Rate
from pqrs_kedro.report.spanish import percent


def trend_figure(weeks: Mapping[date, Rate], total: Rate) -> Markup:
    """The breach rate of the tickets received in each week, with its limits, against the run's."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        shown = {day: rate for day, rate in weeks.items() if rate.whole >= ENOUGH}
        places = [day_number(day) for day in shown]
        values = [rate.pct or 0.0 for rate in shown.values()]
        limits = [rate.limits or (0.0, 0.0) for rate in shown.values()]
        lows, highs = [low for low, _ in limits], [high for _, high in limits]
        axes.fill_between(places, lows, highs, color=PALETTE[0], alpha=0.25, lw=0,
                          label="IC del 95 %")  # fmt: skip
        axes.plot(places, values, "o-", color=PALETTE[0], ms=4, label="% incumplido por semana")
        above = [(place, rate.pct) for place, rate in zip(places, shown.values(), strict=True)
                 if rate.is_above(total)]  # fmt: skip
        if above:
            axes.plot(*zip(*above, strict=True), "o", color=LATE, ms=7, label="Sobre el total")
        axes.axhline(total.pct or 0.0, color=INK, lw=1, ls="--", label="Total de la corrida")
        label_days(axes, day_ticks(list(shown), form.dates))
        _percent_axis(axes)
        legend(figure, axes, form)

    return both_forms("trend", 2.7, draw, "Línea: porcentaje incumplido por semana de recepción")


def groups_figure(name: str, panels: Mapping[str, Sequence[Group]], total: Rate) -> Markup:
    """Rates with limits by group, one block per way of grouping."""
    count = sum(len(groups) for groups in panels.values())

    def draw(figure: Figure, form: Form) -> None:
        heights = [len(groups) + 0.6 for groups in panels.values()]
        # Every panel has the same scale, so that the groupings can be compared.
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False,
                               gridspec_kw={"height_ratios": heights})[:, 0]  # fmt: skip
        for panel, (title, groups) in zip(axes, panels.items(), strict=True):
            _dots(panel, groups, total, form)
            panel.set_title(title, loc="left", fontsize=10.5, weight="bold")
        axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, __: percent(value, 0)))

    height = 0.7 + 0.29 * count + 0.34 * len(panels)
    label = "Puntos con intervalo: porcentaje incumplido por grupo"
    return both_forms(name, height, draw, label, height * 1.2)


def _dots(axes: Axes, groups: Sequence[Group], total: Rate, form: Form) -> None:
    known = [group for group in reversed(groups) if group.rate.limits]
    axes.axvline(total.pct or 0.0, color=INK, lw=1, ls="--")
    for row, group in enumerate(known):
        low, high = group.rate.limits or (0.0, 0.0)
        colour = LATE if group.rate.is_above(total) else PALETTE[0]
        axes.plot([low, high], [row, row], color=colour, lw=2.5, solid_capstyle="butt")
        # A hollow point: too few cases to say anything of the group.
        filled = colour if group.rate.whole >= ENOUGH else "none"
        axes.plot([group.rate.pct or 0.0], [row], "o", ms=7, mec=colour, mfc=filled)
    axes.set_yticks(range(len(known)), [fill(cut(group.name), form.label_width) for group in known])
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.grid(axis="x")
    axes.spines.bottom.set_visible(False)
    axes.tick_params(axis="x", length=0)


def _percent_axis(axes: Axes) -> None:
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, __: percent(value, 0)))
    axes.grid(axis="y")
