"""The flow of the main variants: statuses as boxes, moves as arrows, wide where frequent."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from pqrs_kedro.domain.statuses import (
    ASSIGNED,
    CLASSIFIED,
    CLOSED,
    IN_PROGRESS,
    MANDATORY_PATH,
    ON_HOLD,
    REOPENED,
    RESPONDED,
)
from pqrs_kedro.report.figures import INK, LATE, PALETTE, Form, both_forms
from pqrs_kedro.report.spanish import STATUS_NAMES, number

_STEP: Final = {status: float(step) for step, status in enumerate(MANDATORY_PATH)}
# Along the path, and off it: the hold on one side, the reopening on the other.
_PLACES: Final = {
    **{status: (step, 0.0) for status, step in _STEP.items()},
    ON_HOLD: (_STEP[IN_PROGRESS] + 0.5, 1.2),
    REOPENED: (_STEP[RESPONDED] + 0.2, -1.2),
}
# Moves that bend, so that no two lie on each other: part of their length, to the right if positive.
_BENDS: Final = {
    (ASSIGNED, CLASSIFIED): -0.9,
    (IN_PROGRESS, ASSIGNED): -0.9,
    (RESPONDED, IN_PROGRESS): -0.75,
    (IN_PROGRESS, ON_HOLD): 0.45,
    (ON_HOLD, IN_PROGRESS): 0.45,
    (ON_HOLD, RESPONDED): -0.35,
    (CLOSED, REOPENED): -0.3,
    (REOPENED, IN_PROGRESS): -0.35,
}
_BOX: Final = "#33608a"
_SHORT: Final = {ON_HOLD: "En espera"}


def flow_figure(moves: Mapping[tuple[str, str], int]) -> Markup:
    """Moves between statuses, counted; backward ones bend and have the colour of loops."""
    most = max(moves.values(), default=1)

    def draw(figure: Figure, form: Form) -> None:
        axes = figure.add_subplot()
        upright = form.name == "narrow"
        for (origin, target), count in moves.items():
            _arrow(axes, origin, target, count, count / most, upright)
        for status in sorted({status for pair in moves for status in pair}):
            name = _SHORT.get(status, STATUS_NAMES[status])
            axes.text(*_place(status, upright), name, ha="center", va="center", fontsize=9.5,
                      color="#ffffff", zorder=5,
                      bbox={"boxstyle": "round,pad=.35", "fc": _BOX, "ec": "none"})  # fmt: skip
        axes.set_xlim(*((-1.6, 1.6) if upright else (-0.6, 7.6)))
        axes.set_ylim(*((-7.5, 0.5) if upright else (-1.55, 1.5)))
        axes.set_axis_off()

    label = "Diagrama de flujo: movimientos entre estados en los recorridos principales"
    return both_forms("flow", 3.2, draw, label, 6.2)


def _place(status: str, upright: bool) -> tuple[float, float]:
    x, y = _PLACES[status]
    return (y, -x) if upright else (x, y)


def _arrow(axes: Axes, origin: str, target: str, count: int, share: float, upright: bool) -> None:
    start, end = _place(origin, upright), _place(target, upright)
    bend = _BENDS.get((origin, target), 0.0)
    is_loop = _PLACES[target][0] < _PLACES[origin][0]
    gap = 13 if upright else 27
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
            mutation_scale=9 + 5 * share, shrinkA=gap - 12 * bool(bend),
            shrinkB=gap - 10 * bool(bend),
            lw=0.8 + 4 * share, color=LATE if is_loop else PALETTE[0], alpha=0.8, zorder=2,
        )
    )  # fmt: skip
    # The top of the bow: `arc3` puts the control point twice as far out.
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = (start[0] + end[0] + bend * dy) / 2, (start[1] + end[1] - bend * dx) / 2
    beside = upright and not bend
    if not bend:
        x, y = (x + 0.12, y) if upright else (x, y + 0.22)
    axes.text(x, y, number(count), color=INK, fontsize=8.5, zorder=6, va="center",
              ha="left" if beside else "center")  # fmt: skip
