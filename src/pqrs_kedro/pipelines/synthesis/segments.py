"""The segments of a ticket's path: which kind each step is, and what is drawn for it.

Kinds: *early* (up to the cycle's first IN_PROGRESS), *hold*, *close* (RESPONDED to CLOSED),
*shared* (the rest of the time until the stop). Durations are whole seconds: exp() may differ in its
last bit between processors, so nothing finer is drawn through it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.domain.calendar import OFFICE_SECONDS, SECONDS_PER_DAY
from pqrs_kedro.parameters import Lognormal, Profile
from pqrs_kedro.pipelines.synthesis.codes import (
    ASSIGNED,
    CLASSIFIED,
    CLOSED,
    IN_PROGRESS,
    ON_HOLD,
    RADICATED,
    REOPENED,
    RESPONDED,
)
from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.paths import END, Paths

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

CYCLES = 2  # one, and one more at most by reopening
UNIT_SECONDS = {
    "minutes": 60,
    "calendar_days": SECONDS_PER_DAY,
    "office_hours": 3600,
    "office_days": OFFICE_SECONDS,
}
CAP_SHARE = 0.25
REFERENCE_TERM = 15  # the early segments' medians are those of a 15-day term
TRANSFER_EARLY_DAYS = 3
EARLY_DAYS = 9  # so that completion can be asked for within ten days, however long the term
WEIGHT_SIGMA = 0.8
_WEIGHT_GRID = 10_000
_NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class CycleDraws:
    """What is drawn per ticket and cycle: arrays of shape (tickets, CYCLES) unless it says."""

    ratio: Float
    """Response ratio x of the cycle, relative to the term that applies in it."""
    quantile: Float
    """Quantile of the ratio, used where the ratio itself does not apply (transfer, withdrawal)."""
    duration: Float
    """Uniform draws, one per step of the path: shape (tickets, MAX_PATH_LENGTH)."""
    office_time: Float
    """Uniform draws for a time of day in office hours, one per step."""
    announcement: Float
    """Uniform draw per ticket for the moment of an extension, shape (tickets,)."""


@dataclass(frozen=True)
class SpecialWindow:
    """Days on which other terms hold: for cycles that start in it, and for those open on its first.

    Days are numbers since 1970-01-01.
    """

    first_day: int
    last_day: int
    term: Int
    """Business days of each ticket's type; 0 for a type that keeps its ordinary term."""

    def begins_among(self, received: Int, entered: Int) -> bool:
        """Whether some ticket might be open on the first day: received before, alive on it."""
        first = self.first_day * SECONDS_PER_DAY
        return bool(received.min(initial=first) < first <= entered.max(initial=0))

    def holds_on(self, seconds: Int) -> Bool:
        """Whether a cycle of each ticket that starts at these local seconds has the term."""
        days = seconds // SECONDS_PER_DAY
        return (days >= self.first_day) & (days <= self.last_day) & (self.term > 0)


@dataclass(frozen=True)
class Cases:
    """Facts of the tickets: path, reception, term and how the answer is out of the ordinary."""

    path: Paths
    received: Int
    """Local second of reception."""
    radication: Int
    """Seconds from reception to radication, on the clock of `radication_in_office`."""
    radication_in_office: Bool
    term: Int
    """Business days of the ticket's type, by ordinary law."""
    transferred: Bool
    extended: Bool
    windows: tuple[SpecialWindow, ...] = ()
    """In order of time."""


Rows = TypeVar("Rows")


def rows_of(data: Rows, rows: Int) -> Rows:
    """Some tickets of a dataclass of arrays with one row per ticket."""
    return replace(data, **dict(_fields_of(data, rows)))  # type: ignore[type-var]


def _fields_of(data: Any, rows: Int) -> Iterator[tuple[str, Any]]:
    for field in fields(data):
        value = getattr(data, field.name)
        if isinstance(value, np.ndarray):
            yield field.name, value[rows]
        elif isinstance(value, tuple):
            yield field.name, tuple(rows_of(part, rows) for part in value)


def lognormal_seconds(law: Lognormal, uniform: Float) -> Int:
    """Whole seconds, at least one, at the given quantiles of the law."""
    z = special.ndtri(uniform)
    seconds = law.median * UNIT_SECONDS[law.unit] * np.exp(law.sigma * z)
    return np.maximum(np.rint(seconds).astype(np.int64), 1)


@dataclass(frozen=True)
class Steps:
    """What happens between status j - 1 and status j; arrays of shape (tickets, path length)."""

    cycle: Int
    early: Bool
    hold: Bool
    close: Bool
    shared: Bool
    counts: Bool
    """The step ends on the cycle's grid: inside the cycle and not after its stop."""


def plan_steps(profile: Profile, path: Paths) -> Steps:
    """The kind of every step of every path."""
    before = np.roll(path, 1, axis=1)
    before[:, 0] = END
    present = path != END
    cycle = np.cumsum(path == REOPENED, axis=1)
    stop_is_closed = profile.stop_status == "CLOSED"
    radicated = np.cumsum(before == RADICATED, axis=1) > 0
    started = (radicated & (cycle == 0)) | ((cycle > 0) & (path != REOPENED))
    worked = _seen_in_cycle(before == IN_PROGRESS, cycle)
    answered = _seen_in_cycle(before == RESPONDED, cycle)
    # A reopening's own step leaves CLOSED too, but is the first of the next cycle.
    closed = _seen_in_cycle((before == CLOSED) & (path != REOPENED), cycle)
    running = started & present & ~closed & (stop_is_closed | ~answered)
    hold = (before == ON_HOLD) & present
    close = (path == CLOSED) & (before == RESPONDED)
    early = running & ~worked
    return Steps(
        cycle=cycle,
        early=early,
        hold=hold,
        close=close,
        shared=running & ~early & ~hold & ~close,
        counts=running,
    )


def _seen_in_cycle(flag: Bool, cycle: Int) -> Bool:
    """Whether the flag has been set at or before each step, within the step's cycle."""
    return _running_sum(flag, cycle) > 0


@compiled
def _running_sum(values: NDArray[np.generic], cycle: Int) -> Int:
    """Sums up to and including each step, starting anew with each cycle."""
    sums = np.empty(cycle.shape, dtype=np.int64)
    for row in range(len(cycle)):
        total, before = 0, 0
        for step in range(cycle.shape[1]):
            if cycle[row, step] != before:
                total, before = 0, cycle[row, step]
            total += values[row, step]
            sums[row, step] = total
    return sums


@dataclass(frozen=True)
class Targets:
    """Drawn durations and grid positions of the steps, before the clocks run."""

    early: Int
    """Office seconds of each early step, capped."""
    weight: Int
    """Cumulative weight of the shared steps within the cycle, up to and including each."""
    weight_total: Int
    """Weight of all shared steps of the cycle, per ticket and cycle."""
    close: Int
    """Office seconds from RESPONDED to CLOSED; 0 for other steps."""
    holds: Int
    """Holds inside each cycle, shape (tickets, CYCLES)."""
    holds_after: Int
    """Holds of the cycle that begin after each step."""
    withdrawn: Bool
    """The cycle stops with or after a tacit withdrawal, shape (tickets, CYCLES)."""


def plan_targets(
    profile: Profile,
    cases: Cases,
    draws: CycleDraws,
    steps: Steps,
) -> Targets:
    """What the clocks need to know of each step before they run."""
    path, cycle = cases.path, steps.cycle
    holding = steps.counts & (path == ON_HOLD)
    holds = _per_cycle(holding, cycle)
    seen = _running_sum(holding, cycle)
    weights = np.zeros(path.shape, dtype=np.int64)
    weights[steps.shared] = _weights(draws.duration[steps.shared])
    withdrawal = steps.counts & steps.hold & (path == RESPONDED)
    return Targets(
        early=_early_durations(profile, cases, draws, steps),
        weight=_running_sum(weights, cycle),
        weight_total=np.maximum(_per_cycle(weights, cycle), 1),
        close=_close_durations(profile, cases, draws, steps),
        holds=holds,
        holds_after=np.take_along_axis(holds, np.minimum(cycle, CYCLES - 1), axis=1) - seen,
        withdrawn=_per_cycle(withdrawal, cycle) > 0,
    )


@compiled
def _per_cycle(values: NDArray[np.generic], cycle: Int) -> Int:
    """Sums over the steps of each cycle, shape (tickets, CYCLES)."""
    sums = np.zeros((len(cycle), CYCLES), dtype=np.int64)
    for row in range(len(cycle)):
        for step in range(cycle.shape[1]):
            sums[row, cycle[row, step]] += values[row, step]
    return sums


def _weights(uniform: Float) -> Int:
    weights = np.exp(WEIGHT_SIGMA * special.ndtri(uniform))
    return np.maximum(np.rint(weights * _WEIGHT_GRID).astype(np.int64), 1)


def _cap(cases: Cases) -> Int:
    """A quarter of the term, in office seconds."""
    return np.rint(CAP_SHARE * cases.term * OFFICE_SECONDS).astype(np.int64)


def _early_durations(profile: Profile, cases: Cases, draws: CycleDraws, steps: Steps) -> Int:
    laws = profile.segments
    path = cases.path
    drawn = np.zeros(path.shape, dtype=np.int64)
    before = np.roll(path, 1, axis=1)
    for origin, target, law in (
        (RADICATED, CLASSIFIED, laws.radicated_to_classified),
        (CLASSIFIED, ASSIGNED, laws.classified_to_assigned),
        (ASSIGNED, IN_PROGRESS, laws.assigned_to_in_progress),
        (ASSIGNED, CLASSIFIED, laws.assigned_to_in_progress),
        (REOPENED, IN_PROGRESS, laws.reopened_to_in_progress),
    ):
        members = steps.early & (before == origin) & (path == target)
        drawn[members] = lognormal_seconds(law, draws.duration[members])
    scaled = np.maximum(drawn * cases.term[:, None] // REFERENCE_TERM, steps.early)
    limit = np.where(cases.transferred, TRANSFER_EARLY_DAYS * OFFICE_SECONDS, _NO_LIMIT)
    limit = np.minimum(np.minimum(_cap(cases), EARLY_DAYS * OFFICE_SECONDS), limit)
    return _capped(scaled, steps.cycle, limit)


def _capped(durations: Int, cycle: Int, limit: Int) -> Int:
    """Durations shrunk in proportion where their sum in a cycle exceeds the limit."""
    sums = np.take_along_axis(_per_cycle(durations, cycle), np.minimum(cycle, CYCLES - 1), axis=1)
    shrunk = np.maximum(durations * limit[:, None] // np.maximum(sums, 1), durations > 0)
    return np.where(sums > limit[:, None], shrunk, durations)


def _close_durations(profile: Profile, cases: Cases, draws: CycleDraws, steps: Steps) -> Int:
    row, step = np.nonzero(steps.close)
    seconds = lognormal_seconds(profile.segments.responded_to_closed, draws.duration[row, step])
    if profile.stop_status == "CLOSED":
        scaled = np.maximum(seconds * cases.term[row] // REFERENCE_TERM, 1)
        seconds = np.minimum(scaled, _cap(cases)[row])
    found = np.zeros(steps.close.shape, dtype=np.int64)
    found[row, step] = seconds
    return found
