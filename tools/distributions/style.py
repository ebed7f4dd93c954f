"""How the figures look, and their bytes: SVG without dates, two runs alike.

Law or request is dark ink, what was generated is blue; other colours of Paul Tol's bright scheme,
which colour-blind readers tell apart. Text is drawn as outlines, so that it looks alike anywhere.
"""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#222222"
BLUE: Final = "#4477aa"
RED: Final = "#ee6677"
GREEN: Final = "#228833"
YELLOW: Final = "#ccbb44"
CYAN: Final = "#66ccee"
PURPLE: Final = "#aa3377"
GREY: Final = "#bbbbbb"
PROFILE_COLOURS: Final = {"documento_v1": BLUE, "ley1755": RED}

_STYLE: Final[Any] = {
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "path.simplify_threshold": 0.3,
}
_DPI: Final = 110
Draw = Callable[[Figure], None]


def png(width: float, height: float, draw: Draw) -> bytes:
    """A figure of that many inches in pixels."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        draw(figure)
        content = BytesIO()
        figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()


def svg(name: str, width: float, height: float, draw: Draw) -> bytes:
    """A figure of that many inches as an SVG document."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height))
        draw(figure)
        content = BytesIO()
        nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", metadata=nothing)
    return _NUMBERS.sub(_shortened, _BLANK.sub(b"", content.getvalue()))


# Indentation, and a comment with each text.
_BLANK: Final = re.compile(rb"(?m)^ +| *<!--[^>]*-->\n?")
# A hundredth of a point is finer than any screen, and half as long.
_NUMBERS: Final = re.compile(rb'(?<= d=")[^"]*|(?<= [xy]=")[^"]*')


def _shortened(numbers: re.Match[bytes]) -> bytes:
    return re.sub(rb"(\.\d\d)\d+", rb"\1", numbers[0])


def only_grid(axes: Axes, axis: str) -> None:
    """Lines of one direction."""
    axes.grid(False)
    axes.grid(True, axis=axis)  # type: ignore[arg-type]
