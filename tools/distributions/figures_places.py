"""The figures of the territory: departments against their weights, and a map of the tickets."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from tools.distributions.laws import Float
from tools.distributions.rows import department_shares
from tools.distributions.study import Study
from tools.distributions.style import (
    BLUE,
    CYAN,
    GREEN,
    GREY,
    INK,
    PURPLE,
    RED,
    YELLOW,
    only_grid,
    png,
    svg,
)

from pqrs_kedro.domain.territory import municipalities

_REGIONS: Final = {
    "Andina": BLUE,
    "Caribe": RED,
    "Pacífica": GREEN,
    "Orinoquía": YELLOW,
    "Amazonía": CYAN,
    "Insular": PURPLE,
}
_SHORT: Final = {
    "Archipiélago de San Andrés, Providencia y Santa Catalina": "San Andrés y Providencia"
}


def department_figure(study: Study) -> bytes:
    """Departments against their weights."""
    rows = department_shares(study)
    place = np.arange(len(rows))[::-1]
    requested = [100 * row.requested for row in rows]
    realised = [100 * row.realised for row in rows]
    error = [196 * np.sqrt(row.requested * (1 - row.requested) / row.n) for row in rows]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot(
            requested, place, "o", markersize=8, markerfacecolor="none", markeredgecolor=INK,
            label="weight: population^0.93",
        )  # fmt: skip
        axes.errorbar(
            realised, place, xerr=error, fmt="o", markersize=3.5, color=BLUE, elinewidth=1.2,
            label="realised, 95 % interval",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
        axes.minorticks_off()
        axes.set_yticks(place, [_SHORT.get(row.name, row.name) for row in rows], fontsize=8)
        axes.set_ylim(-0.8, len(rows) - 0.2)
        axes.set_xlabel("share of tickets with a known municipality, % (logarithmic)")
        axes.legend(loc="lower right")
        only_grid(axes, "x")

    return svg("departments", 7.2, 6.2, draw)


def map_figure(study: Study) -> bytes:
    """Municipalities by number of tickets: so many discs are shorter as pixels."""
    counts = study.municipality_counts().to_pandas()
    table = municipalities().to_pandas().merge(counts, on="dane_code")

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for outline in _outlines():
            axes.plot(*outline.T, color=GREY, linewidth=0.7)
        for region, colour in _REGIONS.items():
            part = table[table["region"] == region].sort_values("count", ascending=False)
            axes.scatter(
                part["longitude"], part["latitude"], s=1.2 + 0.019 * part["count"], color=colour,
                alpha=0.65, linewidths=0,
            )  # fmt: skip
            axes.plot([], [], "o", color=colour, label=f"{region}: {part['count'].sum():,} tickets")
        axes.grid(False)
        axes.set_aspect(1 / np.cos(np.deg2rad(4.5)))
        axes.set_xlim(-82.3, -66.5)
        axes.set_ylim(-4.5, 14)
        axes.set_xlabel("longitude, degrees")
        axes.set_ylabel("latitude, degrees")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="area: tickets of 180 days")

    return png(7.2, 5.6, draw)


def _outlines() -> Iterator[Float]:
    """Outer rings of the departments: longitude and latitude of each vertex."""
    path = files("pqrs_kedro").joinpath("reference", "departments.geojson")
    for feature in json.loads(path.read_text("utf-8"))["features"]:
        shape = feature["geometry"]
        parts = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
        for part in parts:
            yield np.array(part[0], dtype=np.float64)
