"""The figures of the report as inline SVG, each in a wide and a narrow form.

A page shows the form that fits; a wide figure shrunk to a telephone could not be read. Equal facts
give equal bytes: no date, no random identifiers, and text stays text in the page's own font.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from textwrap import fill
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.report.facts import TypeFacts
from pqrs_kedro.report.spanish import number, percent, short_date

# Paul Tol's bright scheme: told apart by colour-blind readers, on light and dark ground.
PALETTE: Final = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#999999",
)  # fmt: skip
WITHIN: Final = PALETTE[2]
LATE: Final = PALETTE[1]
# Drawn in a colour of its own, which becomes the page's text colour.
INK: Final = "#010203"
_LONGEST_LABEL: Final = 30
# Bars of so many days can be told apart.
_BARS: Final = 92
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    # A dollar sign in a name begins no formula.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 0.6,
    "ytick.major.size": 0,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Form:
    """One of the two forms: width in inches, legend columns, dates and names on the axes."""

    name: str
    width: float
    legend_columns: int
    dates: int
    label_width: int


FORMS: Final = (Form("wide", 9.6, 5, 9, 30), Form("narrow", 4.3, 2, 4, 13))


def volume_figure(
    volume: pd.DataFrame,
    names: Mapping[str, str],
    free: Sequence[date] = (),
    peaks: Sequence[date] = (),
) -> Markup:
    """Tickets received by day, stacked by channel; free days shaded, peaks marked."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        for day in free:
            axes.axvspan(day_number(day) - 0.5, day_number(day) + 0.5, color=INK, alpha=0.08, lw=0)
        columns = _columns(volume, names)
        days = list(volume.index)
        places = [day_number(day) for day in days]
        if len(days) > _BARS:
            stacked = [volume[column] for column in columns]
            labels = list(columns.values())
            axes.stackplot(places, stacked, colors=PALETTE, labels=labels, step="mid")
        else:
            _stack_bars(axes, places, volume, columns)
        if peaks:
            totals = dict(zip(days, volume.sum(axis=1).tolist(), strict=True))
            tops = [totals[day] for day in peaks]
            marked = [day_number(day) for day in peaks]
            axes.plot(marked, tops, "v", color=INK, markersize=5, label="Pico", clip_on=False)
        day_axis(axes, days, form)
        legend(figure, axes, form)

    return both_forms("volume", 3.4, draw, "Barras apiladas: peticiones recibidas por día y canal")


def _stack_bars(
    axes: Axes, places: Sequence[int], volume: pd.DataFrame, columns: Mapping[str, str]
) -> None:
    bottom = np.zeros(len(places))
    for colour, (column, label) in zip(PALETTE, columns.items(), strict=False):
        heights = volume[column].to_numpy()
        axes.bar(places, heights, 0.82, bottom, color=colour, label=label)
        bottom = bottom + heights
    axes.set_xlim(min(places) - 0.8, max(places) + 0.8)


def backlog_figure(
    backlog: pd.DataFrame,
    names: Mapping[str, str],
    name: str = "backlog",
    colours: Sequence[str] = PALETTE,
) -> Markup:
    """Open tickets at the end of each day, stacked by type or by age."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        columns = _columns(backlog, names)
        stacked = [backlog[column] for column in columns]
        days = list(backlog.index)
        places = [day_number(day) for day in days]
        axes.stackplot(places, stacked, colors=colours, labels=list(columns.values()))
        axes.margins(x=0)
        day_axis(axes, days, form)
        legend(figure, axes, form)

    return both_forms(name, 3.4, draw, "Áreas apiladas: tickets abiertos al cierre de cada día")


def sla_figure(types: Sequence[TypeFacts], names: Mapping[str, str]) -> Markup:
    """Share of the stopped cycles within term and late, by type."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        shown = [item for item in reversed(types) if item.stopped]
        rows = range(len(shown))
        within = [item.within_pct or 0.0 for item in shown]
        late = [100 - share for share in within]
        axes.barh(rows, within, 0.6, color=WITHIN, label="Dentro de término")
        axes.barh(rows, late, 0.6, within, color=LATE, label="Fuera de término")
        for row, share in zip(rows, within, strict=True):
            axes.text(2, row, percent(share), va="center", color="#ffffff", weight="bold")
            axes.text(102, row, percent(100 - share), va="center")
        axes.set_xlim(0, 118)
        axes.set_xticks([])
        axes.spines.bottom.set_visible(False)
        _type_axis(axes, shown, names, form)
        legend(figure, axes, form)

    height = 0.9 + 0.5 * len(types)
    return both_forms("sla", height, draw, "Barras: porcentaje de ciclos dentro y fuera de término")


def time_figure(types: Sequence[TypeFacts], names: Mapping[str, str]) -> Markup:
    """Mean calendar days to the first reply and to the closing, by type."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        shown = list(reversed(types))
        series = (
            ("Primera respuesta", PALETTE[4], 0.2, [item.first_response.hours for item in shown]),
            ("Cierre", PALETTE[0], -0.2, [item.close.hours for item in shown]),
        )
        for label, colour, offset, hours in series:
            days = [(value or 0.0) / 24 for value in hours]
            places = [row + offset for row in range(len(shown))]
            bars = axes.barh(places, days, 0.36, color=colour, label=label)
            axes.bar_label(bars, [number(value, 1) for value in days], padding=4)
        axes.margins(x=0.14)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, __: number(value)))
        axes.set_xlabel("días calendario, media")
        axes.grid(axis="x")
        _type_axis(axes, shown, names, form)
        legend(figure, axes, form)

    height = 1.3 + 0.62 * len(types)
    return both_forms(
        "time", height, draw, "Barras: días hasta la primera respuesta y hasta el cierre"
    )


def _columns(frame: pd.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """Columns in the order of their names' list, with the names."""
    known = [name for name in names if name in frame.columns]
    return {name: names[name] for name in known}


def day_axis(axes: Axes, days: Sequence[date], form: Form) -> None:
    """Dates below, whole numbers at the side."""
    label_days(axes, day_ticks(days, form.dates))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, __: number(value)))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")


def label_days(axes: Axes, ticks: Sequence[date]) -> None:
    """Dates below; with the year where it begins to count, if there are several."""
    labels = [short_date(day) for day in ticks]
    if len({day.year for day in ticks}) > 1:
        before = [None, *(day.year for day in ticks[:-1])]
        labels = [
            label if day.year == last else f"{label}\n{day.year}"
            for label, day, last in zip(labels, ticks, before, strict=True)
        ]
    axes.set_xticks([day_number(day) for day in ticks], labels)


def day_ticks(days: Sequence[date], most: int) -> list[date]:
    """Days to label, no more than `most`: every so many, or firsts of months of unbroken days."""
    for step in (1, 2, 5, 7, 14):
        if len(days) <= step * most:
            return list(days[::step])
    is_unbroken = (days[-1] - days[0]).days == len(days) - 1
    shown = [day for day in days if day.day == 1 or not is_unbroken]
    return shown[:: -(-len(shown) // most)]


def _type_axis(
    axes: Axes, shown: Sequence[TypeFacts], names: Mapping[str, str], form: Form
) -> None:
    labels = [cut(names.get(item.type_id, item.type_id)) for item in shown]
    lines = [fill(label, form.label_width) for label in labels]
    axes.set_yticks(range(len(shown)), lines)


def cut(label: str) -> str:
    """A label that leaves room for the figure."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def legend(figure: Figure, axes: Axes, form: Form) -> None:
    """Above the figure, in as many columns as the form has."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        [cut(label) for label in labels],
        loc="outside upper left",
        ncols=form.legend_columns,
        handlelength=1,
        handleheight=1,
        columnspacing=1.4,
    )


def both_forms(
    name: str,
    height: float,
    draw: Callable[[Figure, Form], None],
    label: str,
    narrow_height: float | None = None,
) -> Markup:
    """Both forms; the style sheet shows one. The narrow one is a little higher by default."""
    heights = (height, height + 0.5 if narrow_height is None else narrow_height)
    drawn = [
        _svg(f"{name}-{form.name}", form, inches, draw, label)
        for form, inches in zip(FORMS, heights, strict=True)
    ]
    return Markup("\n").join(drawn)


def _svg(
    name: str, form: Form, height: float, draw: Callable[[Figure, Form], None], label: str
) -> Markup:
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(form.width, height))
        figure.patch.set_visible(False)
        draw(figure, form)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        text = StringIO()
        nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        # One drawing: `savefig` makes another one first, for nothing that could be seen.
        FigureCanvasSVG(figure).print_svg(text, metadata=nothing)  # type: ignore[no-untyped-call]
    return _embedded(text.getvalue(), name, form, label)


def _embedded(svg: str, name: str, form: Form, label: str) -> Markup:
    """Matplotlib's document as an element of the page, with the page's ink.

    Its ids become its own in the page, and the names of outer documents go.
    """
    (view,) = re.findall(r'viewBox="[^"]*"', svg)
    body = svg[svg.index("<svg") :]
    body = body[body.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r' (?:d|x|y)="[^"]*"', _shortened, body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-").replace(INK, "currentColor")
    # What is put together here is matplotlib's own output, which escapes every label.
    start = f'<svg class="{form.name}" role="img" aria-label="{label}" {view}>'
    return Markup(start + body.strip())  # noqa: S704


def _shortened(attribute: re.Match[str]) -> str:
    """Coordinates with two decimals: a hundredth of a point is nothing, and half the page."""
    return re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", attribute[0])
