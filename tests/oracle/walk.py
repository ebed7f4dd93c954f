"""The status machine a second time, from the domain facts, and all its paths one by one.

The project's names of the resolutions are used, and nothing else of it.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from pqrs_kedro.pipelines.synthesis.paths import ORDINARY, REPEATED_PETITION, TRANSFERRED

Path = tuple[str, ...]

PROBABILITIES = {
    "RECEIVED": {"RADICATED": 1.0},
    "RADICATED": {"CLASSIFIED": 1.0},
    "CLASSIFIED": {"ASSIGNED": 1.0},
    "ASSIGNED": {"IN_PROGRESS": 0.92, "CLASSIFIED": 0.08},
    "IN_PROGRESS": {"RESPONDED": 0.78, "ON_HOLD": 0.14, "ASSIGNED": 0.08},
    "ON_HOLD": {"IN_PROGRESS": 0.85, "RESPONDED": 0.15},
    "RESPONDED": {"CLOSED": 0.95, "IN_PROGRESS": 0.05},
    "CLOSED": {"ARCHIVED": 0.95, "REOPENED": 0.05},
    "REOPENED": {"IN_PROGRESS": 1.0},
}
BOUNDS = {
    ("ASSIGNED", "CLASSIFIED"): 2,
    ("IN_PROGRESS", "ON_HOLD"): 2,
    ("IN_PROGRESS", "ASSIGNED"): 2,
    ("RESPONDED", "IN_PROGRESS"): 1,
    ("CLOSED", "REOPENED"): 1,
}
FORBIDDEN = {
    ORDINARY: set(),
    TRANSFERRED: {("IN_PROGRESS", "ON_HOLD"), ("RESPONDED", "IN_PROGRESS"), ("CLOSED", "REOPENED")},
    REPEATED_PETITION: {("IN_PROGRESS", "ON_HOLD")},
}


def enumerate_paths(resolution: int = ORDINARY) -> Iterator[tuple[Path, float]]:
    """Every possible path with its probability."""
    pending: list[tuple[Path, float]] = [(("RECEIVED",), 1.0)]
    while pending:
        path, probability = pending.pop()
        if path[-1] == "ARCHIVED":
            yield path, probability
            continue
        arcs = Counter(pairwise(path))
        targets = PROBABILITIES[path[-1]]
        first = next(iter(targets))
        shares = dict.fromkeys(targets, 0.0)
        for target, share in targets.items():
            arc = (path[-1], target)
            closed = arc in FORBIDDEN[resolution] or arcs[arc] >= BOUNDS.get(arc, 99)
            shares[first if closed else target] += share
        pending += [((*path, to), probability * share) for to, share in shares.items() if share]


@cache
def possible(resolution: int) -> dict[Path, float]:
    return dict(enumerate_paths(resolution))


WITHDRAWAL = ("ON_HOLD", "RESPONDED")


def is_withdrawn(path: Path, stop_status: str) -> bool:
    """Whether the last cycle stops at or after an answer that came straight from a hold."""
    start = path.index("REOPENED") if "REOPENED" in path else 0
    cycle = path[start:]
    answers = {
        place for place in range(1, len(cycle)) if cycle[place - 1 : place + 1] == WITHDRAWAL
    }
    return any(place <= cycle.index(stop_status) for place in answers)


@cache
def never_late_share(stop_status: str, transferred: float, repeated: float) -> float:
    """Probability that a ticket cannot be late: transferred, or withdrawn in its last cycle."""
    withdrawn = sum(
        probability
        for path, probability in possible(ORDINARY).items()
        if is_withdrawn(path, stop_status)
    )
    return transferred + (1 - transferred - repeated) * withdrawn
