"""The flow of the main variants: statuses as boxes, moves as arrows as wide as they are frequent."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from pqrs_kedro.domain.statuses import (
    IN_PROGRESS,
    MANDATORY_PATH,
    ON_HOLD,
    REOPENED,
)
from pqrs_kedro.report.figures import INK, LATE, PALETTE, Form, both_forms
from pqrs_kedro.report.spanish import STATUS_NAMES, number

# Along the path, and off it: the hold on one side, the reopening on the other.
_PLACES: Final = {
    **{status: (float(step), 0.0) for step, status in enumerate(MANDATORY_PATH)},
    ON_HOLD: (MANDATORY_PATH.index(IN_PROGRESS) + 0.5, 1.0),
    REOPENED: (MANDATORY_PATH.index(IN_PROGRESS) + 1.0, -1.0),
}
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
                      bbox={"boxstyle": "round,pad=.35", "fc": "#33608a", "ec": "none"})  # fmt: skip
        axes.set_xlim(*((-1.45, 1.45) if upright else (-0.6, 7.6)))
        axes.set_ylim(*((-7.5, 0.5) if upright else (-1.4, 1.4)))
        axes.set_axis_off()

    label = "Diagrama de flujo: movimientos entre estados en los recorridos principales"
    return both_forms("flow", 3.2, draw, label, 6.2)


def _place(status: str, upright: bool) -> tuple[float, float]:
    x, y = _PLACES[status]
    return (y, -x) if upright else (x, y)


def _arrow(
    axes: Axes, origin: str, target: str, count: int, share: float, upright: bool
) -> None:
    start, end = _place(origin, upright), _place(target, upright)
    on_path = _PLACES[origin][1] == _PLACES[target][1] == 0
    backward = _PLACES[target][0] < _PLACES[origin][0]
    bend = 0.45 if on_path and backward else 0.12 if not on_path else 0.0
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=11,
            shrinkA=26 if not upright else 13, shrinkB=30 if not upright else 15,
            lw=0.8 + 7 * share, color=LATE if bend and backward else PALETTE[0],
            alpha=0.75, zorder=2,
        )
    )  # fmt: skip
    # arc3 bends to the left of the way from start to end, by this part of its length.
    dx, dy = end[0] - start[0], end[1] - start[1]
    middle = (start[0] + end[0]) / 2 + bend * dy / 2, (start[1] + end[1]) / 2 - bend * dx / 2
    shift = (0.16, 0.0) if upright and not bend else (0.0, 0.2 if not bend else 0.0)
    axes.text(middle[0] + shift[0], middle[1] + shift[1], number(count), color=INK, fontsize=8.5,
              ha="left" if upright and not bend else "center", va="center", zorder=6)  # fmt: skip
