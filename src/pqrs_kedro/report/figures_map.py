"""Maps of Colombia: departments in classes of a rate, municipalities as points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from pqrs_kedro.report.figures import INK, PALETTE, Form, both_forms
from pqrs_kedro.report.spanish import number

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# ColorBrewer's sequential blues and oranges: light is little, in both settings of the reader.
BLUES: Final = ("#deebf7", "#9ecae1", "#6baed6", "#3182bd", "#08519c")
ORANGES: Final = ("#feedde", "#fdbe85", "#fd8d3c", "#e6550d", "#a63603")
_HIDDEN: Final = "#bdbdbd"
# San Andrés lies 700 km off the coast: it is drawn in a corner of its own.
_MAINLAND: Final = (-79.3, -66.7, -4.4, 12.7)
_ISLANDS: Final = (-82.1, -81.0, 12.2, 13.7)
_INSET: Final = (0.01, 0.8, 0.13, 0.17)
INSULAR: Final = "88"
# Diameters of points: so many, up to so many points.
_STEPS: Final = 12
_LARGEST: Final = 22.0


@dataclass(frozen=True)
class Choropleth:
    """One map: a title, a value per department (null is hidden), colours, and decimals."""

    title: str
    values: Mapping[str, float | None]
    colours: tuple[str, ...]
    decimals: int
    hidden: str


@dataclass(frozen=True)
class Point:
    """A municipality: its place and its tickets."""

    longitude: float
    latitude: float
    tickets: int


def map_figure(
    shapes: Mapping[str, "BaseGeometry"], maps: Sequence[Choropleth], points: Sequence[Point]
) -> Markup:
    """The choropleths and the points, side by side, or one above the other on a telephone."""
    paths = {code: _path(shape) for code, shape in shapes.items()}

    def draw(figure: Figure, form: Form) -> None:
        count = len(maps) + 1
        grid = (1, count) if form.name == "wide" else (count, 1)
        axes = figure.subplots(*grid, squeeze=False).ravel()
        for panel, choropleth in zip(axes, maps, strict=False):
            _choropleth(panel, paths, choropleth)
        _points(axes[-1], paths, points)

    label = "Mapas de Colombia: peticiones e incumplimiento por departamento, puntos por municipio"
    return both_forms("map", 5.0, draw, label, 5.2 * (len(maps) + 1))


def classes(values: Sequence[float], most: int) -> list[float]:
    """Upper ends of classes with about as many values each; fewer where values repeat."""
    ordered = sorted(values)
    ends = [ordered[(len(ordered) * n - 1) // most] for n in range(1, most + 1)] if ordered else []
    return sorted(set(ends))


def _choropleth(axes: Axes, paths: Mapping[str, Path], choropleth: Choropleth) -> None:
    known = {code: value for code, value in choropleth.values.items() if value is not None}
    ends = classes(list(known.values()), len(choropleth.colours))
    fills = {code: choropleth.colours[int(np.searchsorted(ends, value))]
             for code, value in known.items()}  # fmt: skip
    _draw(axes, paths, fills)
    axes.set_title(choropleth.title, loc="left", fontsize=10.5, weight="bold")
    lows = [min(known.values(), default=0.0), *ends[:-1]]
    handles = [
        Patch(fc=colour, ec=INK, lw=0.4, label=_range(low, high, choropleth.decimals))
        for colour, low, high in zip(choropleth.colours, lows, ends, strict=False)
    ]
    if len(known) < len(paths):
        handles.append(Patch(fc=_HIDDEN, ec=INK, lw=0.4, label=choropleth.hidden))
    axes.legend(handles=handles, loc="lower left", fontsize=8, handlelength=1, handleheight=1)


def _range(low: float, high: float, decimals: int) -> str:
    return f"{number(low, decimals)} a {number(high, decimals)}"


def _points(axes: Axes, paths: Mapping[str, Path], points: Sequence[Point]) -> None:
    inset = _draw(axes, paths, dict.fromkeys(paths, "none"))
    for size, group in _by_size(points):
        places = [point.longitude for point in group], [point.latitude for point in group]
        for panel in (axes, inset):
            limits = panel.axis()
            panel.plot(*places, "o", ms=size, color=PALETTE[0], alpha=0.55, mew=0)
            panel.axis(limits)
    axes.set_title("Peticiones por municipio", loc="left", fontsize=10.5, weight="bold")


def _by_size(points: Sequence[Point]) -> list[tuple[float, list[Point]]]:
    """Points by diameter, the greatest first, so that small ones lie on top of it.

    Areas are as the tickets, in a few steps: a shape that is shared is written once.
    """
    most = max((point.tickets for point in points), default=1)
    steps: dict[int, list[Point]] = {}
    for point in points:
        step = ceil(_STEPS * sqrt(point.tickets / most))
        steps.setdefault(step, []).append(point)
    return [(_LARGEST * step / _STEPS, steps[step]) for step in sorted(steps, reverse=True)]


def _draw(axes: Axes, paths: Mapping[str, Path], fills: Mapping[str, str]) -> Axes:
    """The outlines, with the islands in the corner; returns the corner's axes."""
    inset = axes.inset_axes(_INSET)
    for panel, limits in ((axes, _MAINLAND), (inset, _ISLANDS)):
        for code, path in paths.items():
            if (code == INSULAR) == (panel is inset):
                panel.add_patch(PathPatch(path, fc=fills.get(code, _HIDDEN), ec=INK, lw=0.5))
        panel.axis(limits)
        panel.set_aspect("equal")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(panel is inset)
    return inset


def _path(shape: "BaseGeometry") -> Path:
    import shapely

    rings = [
        Path(np.asarray(ring.coords), closed=True)
        for part in shapely.get_parts(shape)
        for ring in (part.exterior, *part.interiors)
    ]
    return Path.make_compound_path(*rings)
