"""Sparklines: a row of values as a line of text's height."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 96
_HEIGHT: Final = 22
_MARGIN: Final = 4
_GOOD, _BAD = "var(--good)", "var(--bad)"


def sparkline(
    values: Sequence[float | None], threshold: float | None, passed: bool, label: str
) -> Markup:
    """Values from left to right, the last as a dot in the colour of its result.

    Args:
        values: a point each; null is a gap.
        threshold: a dashed line; none where it is null.
        passed: the result of the last value.
        label: what a reader who cannot see it is told.
    """
    known = [value for value in (*values, threshold) if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def height(value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{_HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN):.1f}"

    step = (_WIDTH - 2 * _MARGIN) / max(len(values) - 1, 1)
    points = [
        (
            f"{_MARGIN + number * step:.1f}" if len(values) > 1 else f"{_WIDTH / 2:.1f}",
            height(value),
        )
        for number, value in enumerate(values)
        if value is not None
    ]
    parts = [Markup('<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}">').format(
        label, _WIDTH, _HEIGHT
    )]  # fmt: skip
    if threshold is not None:
        limit = Markup('<path class="limit" d="M0 {}H{}"/>')
        parts.append(limit.format(height(threshold), _WIDTH))
    if points:
        path = " ".join(",".join(point) for point in points)
        parts.append(Markup('<polyline points="{}"/>').format(path))
        dot = Markup('<circle cx="{}" cy="{}" r="2.6" fill="{}"/>')
        parts.append(dot.format(*points[-1], _GOOD if passed else _BAD))
    return Markup("").join([*parts, Markup("</svg>")])
