"""Kaplan-Meier curves: the share of tickets that still wait, open ones counted as open."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pqrs_kedro.analysis.survival import Floats, SurvivalCurve
from pqrs_kedro.report.figures import PALETTE, Form, both_forms, legend
from pqrs_kedro.report.spanish import number, percent

# A curve of every ticket would be megabytes; on this grid it is exact, and no eye sees the rest.
_POINTS: Final = 240
# Drawn until so few still wait.
_TAIL: Final = 0.01


def survival_figure(name: str, curves: Mapping[str, SurvivalCurve], title: str) -> Markup:
    """One step curve per type, with the band of its limits."""

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        grid = np.linspace(0.0, _end(curves), _POINTS)
        for colour, (label, curve) in zip(PALETTE, curves.items(), strict=False):
            known = grid[grid <= curve.longest]
            share, low, high = (_on(known, curve.times, values)
                                for values in _lines(curve))  # fmt: skip
            axes.fill_between(
                known, 100 * low, 100 * high, step="post", color=colour, alpha=0.18, lw=0
            )
            axes.step(known, 100 * share, where="post", color=colour, lw=1.8, label=label)
        axes.set_ylim(0, 101)
        axes.set_xlim(0, grid[-1])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, __: number(value)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, __: percent(value, 0)))
        axes.set_xlabel("días calendario desde la recepción")
        axes.grid(axis="both")
        legend(figure, axes, form)

    return both_forms(name, 3.3, draw, title)


def _lines(curve: SurvivalCurve) -> tuple[Floats, Floats, Floats]:
    return curve.survival, curve.lower, curve.upper


def _on(grid: Floats, times: Floats, values: Floats) -> Floats:
    """The step function on the grid; 1 before its first step."""
    steps = np.searchsorted(times, grid, side="right")
    return np.concatenate(([1.0], values))[steps]


def _end(curves: Mapping[str, SurvivalCurve]) -> float:
    ends = [curve.quantile(1 - _TAIL) or curve.longest for curve in curves.values()]
    return max([*ends, 0.5])
