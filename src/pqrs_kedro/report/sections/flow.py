"""The flow of statuses: transition matrix, main variants, and their diagram."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.report.facts import Facts
from pqrs_kedro.report.figures_flow import flow_figure
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.spanish import STATUS_NAMES

# The variants that are drawn and listed.
MAIN: Final = 8
# The least shade of a cell that has transitions, and what the share adds to it.
_SHADE: Final = (0.08, 0.62)


@dataclass(frozen=True)
class Cell:
    """One cell of the transition matrix: transitions, their share of the row, its shade."""

    count: int
    share_pct: float
    shade: float


@dataclass(frozen=True)
class Variant:
    """A path, its tickets, and their share of all that have ended."""

    path: tuple[str, ...]
    tickets: int
    share_pct: float
    cumulated_pct: float


def context(material: Material) -> dict[str, Any]:
    """The matrix of the run; the most frequent paths of the tickets that are archived."""
    counted = material.tickets.lives.variants
    main = main_variants(counted)
    return {
        "statuses": _shown_statuses(material.facts),
        "status_names": STATUS_NAMES,
        "matrix": matrix(material.facts),
        "variants": main,
        "distinct": len(counted),
        "ended": counted.total(),
        "figure": flow_figure(moves_of(main)) if main else "",
    }


def main_variants(counted: Counter[tuple[str, ...]]) -> list[Variant]:
    """The most frequent paths; of equal ones the shorter, then in the order of their names."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], len(item[0]), item[0]))
    total, seen, found = counted.total(), 0, []
    for path, tickets in ordered[:MAIN]:
        seen += tickets
        found.append(Variant(path, tickets, 100 * tickets / total, 100 * seen / total))
    return found


def moves_of(variants: Sequence[Variant]) -> dict[tuple[str, str], int]:
    """Moves between statuses in these paths."""
    moves: Counter[tuple[str, str]] = Counter()
    for variant in variants:
        for pair in pairwise(variant.path):
            moves[pair] += variant.tickets
    return dict(moves)


def _shown_statuses(facts: Facts) -> list[str]:
    seen = {status for pair in facts.transitions for status in pair}
    return [status for status in STATUS_IDS if status in seen]


def matrix(facts: Facts) -> dict[str, dict[str, Cell]]:
    """Transitions by status left and entered; the share is of those that left the same status."""
    rows: dict[str, dict[str, Cell]] = {}
    for origin in _shown_statuses(facts):
        left = {to: n for (start, to), n in facts.transitions.items() if start == origin}
        total = sum(left.values())
        if total:
            rows[origin] = {
                to: Cell(n, 100 * n / total, round(_SHADE[0] + _SHADE[1] * n / total, 3))
                for to, n in left.items()
            }
    return rows
