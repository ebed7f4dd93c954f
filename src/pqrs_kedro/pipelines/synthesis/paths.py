"""Which statuses each ticket goes through: a bounded Markov walk, and its exact probabilities.

A path depends on keyed draws and on the ticket's resolution only, never on durations or lateness.
A transferred petition (TRASLADO) leaves the authority: no hold, correction or reopening. A repeated
one (REITERATIVA) is answered by the earlier answer: no hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pqrs_kedro.domain.statuses import (
    ARCHIVED,
    CLOSED,
    IN_PROGRESS,
    LOOP_BOUNDS,
    MAX_PATH_LENGTH,
    ON_HOLD,
    RECEIVED,
    REOPENED,
    RESPONDED,
    STATUS_CODE,
    TRANSITIONS,
)
from pqrs_kedro.parameters import Profile

Transitions = Mapping[str, Mapping[str, float]]
Paths = NDArray[np.int8]  # (tickets, MAX_PATH_LENGTH) status codes, END after the last
END = -1

ORDINARY, TRANSFERRED, REPEATED_PETITION = 0, 1, 2
_CLOSED_TO: dict[int, tuple[tuple[str, str], ...]] = {
    ORDINARY: (),
    TRANSFERRED: ((IN_PROGRESS, ON_HOLD), (RESPONDED, IN_PROGRESS), (CLOSED, REOPENED)),
    REPEATED_PETITION: ((IN_PROGRESS, ON_HOLD),),
}


def walk(
    transitions: Transitions, uniform: NDArray[np.float64], resolution: NDArray[np.int64]
) -> Paths:
    """One path per ticket.

    Args:
        transitions: probability of each target of the branching statuses.
        uniform: draws in (0, 1), shape (tickets, MAX_PATH_LENGTH): one per step.
        resolution: ORDINARY, TRANSFERRED or REPEATED_PETITION per ticket.
    """
    tickets = len(uniform)
    path = np.full((tickets, MAX_PATH_LENGTH), END, dtype=np.int8)
    state = np.full(tickets, STATUS_CODE[RECEIVED], dtype=np.int8)
    left = {
        arc: np.where(np.isin(resolution, _resolutions_without(arc)), 0, bound)
        for arc, bound in LOOP_BOUNDS.items()
    }
    path[:, 0] = state
    for step in range(1, MAX_PATH_LENGTH):
        state = _next_state(transitions, state, uniform[:, step], left)
        path[:, step] = state
    return path


def _resolutions_without(arc: tuple[str, str]) -> list[int]:
    return [resolution for resolution, arcs in _CLOSED_TO.items() if arc in arcs]


def _next_state(
    transitions: Transitions,
    state: NDArray[np.int8],
    uniform: NDArray[np.float64],
    left: dict[tuple[str, str], NDArray[np.int64]],
) -> NDArray[np.int8]:
    following = _FIRST_TARGET[state]
    for origin, probabilities in transitions.items():
        members = np.flatnonzero(state == STATUS_CODE[origin])
        lower = 0.0
        for target in TRANSITIONS[origin][1:]:
            upper = lower + probabilities[target]
            taking = members[(uniform[members] >= lower) & (uniform[members] < upper)]
            if (origin, target) in left:
                taking = taking[left[origin, target][taking] > 0]
                left[origin, target][taking] -= 1
            following[taking] = STATUS_CODE[target]
            lower = upper
    return following


# Where a status leads when no other branch is taken; ARCHIVED and END lead to END. The last entry
# is that of END itself, which indexes from the end.
_FIRST_TARGET = np.array(
    [STATUS_CODE[targets[0]] if targets else END for targets in TRANSITIONS.values()] + [END],
    dtype=np.int8,
)[[list(TRANSITIONS).index(status) for status in STATUS_CODE] + [len(TRANSITIONS)]]


def has_withdrawal(path: Paths) -> NDArray[np.bool_]:
    """Whether some answer of each ticket is a tacit withdrawal: RESPONDED straight from a hold."""
    held = path[:, :-1] == STATUS_CODE[ON_HOLD]
    return np.asarray((held & (path[:, 1:] == STATUS_CODE[RESPONDED])).any(axis=1))


@dataclass(frozen=True)
class WithdrawalShares:
    """Probabilities over the paths of ordinary tickets."""

    last_cycle: float
    """The last SLA cycle stops at, or after, a tacit withdrawal: it cannot be late."""
    ever: float
    """Some answer of the ticket is a tacit withdrawal."""


@dataclass(frozen=True)
class _Walker:
    """State of the walk as far as its future and the withdrawal shares depend on it."""

    status: str
    taken: tuple[int, ...]
    stopped: bool = False
    in_cycle: bool = False
    ever: bool = False


def withdrawal_shares(profile: Profile) -> WithdrawalShares:
    """Exact shares of tacit withdrawals by enumerating the bounded walk (no simulation)."""
    arcs = tuple(LOOP_BOUNDS)

    @cache
    def shares(walker: _Walker) -> tuple[float, float]:
        if walker.status == ARCHIVED:
            return float(walker.in_cycle), float(walker.ever)
        totals = [0.0, 0.0]
        for target, probability in _branches(profile.transitions, walker, arcs):
            after = shares(_step(walker, target, arcs, profile.stop_status))
            totals = [total + probability * part for total, part in zip(totals, after, strict=True)]
        return totals[0], totals[1]

    last_cycle, ever = shares(_Walker(RECEIVED, (0,) * len(arcs)))
    return WithdrawalShares(last_cycle, ever)


def _branches(
    transitions: Transitions, walker: _Walker, arcs: tuple[tuple[str, str], ...]
) -> list[tuple[str, float]]:
    first, *others = TRANSITIONS[walker.status]
    open_targets = []
    for target in others:
        arc = (walker.status, target)
        if arc not in LOOP_BOUNDS or walker.taken[arcs.index(arc)] < LOOP_BOUNDS[arc]:
            open_targets.append((target, transitions[walker.status][target]))
    rest = 1 - sum(probability for _, probability in open_targets)
    return [(first, rest), *open_targets]


def _step(
    walker: _Walker, target: str, arcs: tuple[tuple[str, str], ...], stop_status: str
) -> _Walker:
    arc = (walker.status, target)
    taken = tuple(
        count + (candidate == arc) for candidate, count in zip(arcs, walker.taken, strict=True)
    )
    if target == REOPENED:
        return _Walker(target, taken, ever=walker.ever)
    withdrawn = arc == (ON_HOLD, RESPONDED)
    return _Walker(
        target,
        taken,
        stopped=walker.stopped or target == stop_status,
        in_cycle=walker.in_cycle or (withdrawn and not walker.stopped),
        ever=walker.ever or withdrawn,
    )
