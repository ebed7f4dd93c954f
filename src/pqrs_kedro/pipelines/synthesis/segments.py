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
    ARCHIVED,
    ASSIGNED,
    CLASSIFIED,
    CLOSED,
    IN_PROGRESS,
    ON_HOLD,
    RADICATED,
    RECEIVED,
    REOPENED,
    RESPONDED,
)
from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.paths import END, Paths

Int = NDArray[np.int64]
Small = NDArray[np.int8]
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

# Kinds of steps.
NOTHING, RADICATION, EARLY, SHARED, HOLD, CLOSE, CORRECTED, AFTER_STOP, REOPENING, ARCHIVING = (
    range(10)
)
"""CORRECTED and AFTER_STOP are steps between an answer that stopped the clock and CLOSED: a
correction of the answer begins, and goes on."""
# The laws of the early segments by their statuses; as numbers they come behind the kinds.
_EARLY_SEGMENTS = {
    (RADICATED, CLASSIFIED): "radicated_to_classified",
    (CLASSIFIED, ASSIGNED): "classified_to_assigned",
    (ASSIGNED, IN_PROGRESS): "assigned_to_in_progress",
    (ASSIGNED, CLASSIFIED): "assigned_to_in_progress",
    (REOPENED, IN_PROGRESS): "reopened_to_in_progress",
}
_EARLY_ARCS = tuple(_EARLY_SEGMENTS)
_FIRST_EARLY = ARCHIVING + 1


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
    return _whole_lognormal(law.median * UNIT_SECONDS[law.unit], law.sigma, uniform)


def _whole_lognormal(median: float | Float, sigma: float | Float, uniform: Float) -> Int:
    values = median * np.exp(sigma * special.ndtri(uniform))
    return np.maximum(np.rint(values).astype(np.int64), 1)


@dataclass(frozen=True)
class Steps:
    """What happens between status j - 1 and status j; arrays of shape (tickets, path length)."""

    kind: Small
    """NOTHING, RADICATION and so on."""
    law: Small
    """The kind, or the number of the early segment."""
    cycle: Small
    counts: Bool
    """The step ends on the cycle's grid: inside the cycle and not after its stop."""


def plan_steps(profile: Profile, path: Paths) -> Steps:
    """The kind of every step of every path."""
    return Steps(*_planned(path, profile.stop_status == "CLOSED"))


@compiled
def _planned(path: Paths, stop_is_closed: bool) -> tuple[Small, Small, Small, Bool]:
    kind, law, cycle = np.zeros_like(path), np.zeros_like(path), np.zeros_like(path)
    counts = np.zeros(path.shape, dtype=np.bool_)
    for row in range(len(path)):
        number = 0
        radicated, worked, answered, closed = False, False, False, False
        for step in range(1, path.shape[1]):
            before, status = path[row, step - 1], path[row, step]
            if status == END:
                break
            if status == REOPENED:
                number += 1
                worked, answered, closed = False, False, False
            radicated |= before == RADICATED
            worked |= before == IN_PROGRESS
            answered |= before == RESPONDED
            # A reopening's own step leaves CLOSED too, but is the first of the next cycle.
            closed |= before == CLOSED and status != REOPENED
            started = (radicated and number == 0) or (number > 0 and status != REOPENED)
            running = started and not closed and (stop_is_closed or not answered)
            cycle[row, step], counts[row, step] = number, running
            kind[row, step] = _kind(before, status, running, worked)
            law[row, step] = kind[row, step]
            if kind[row, step] == EARLY:
                law[row, step] = _early_law(before, status)
    return kind, law, cycle, counts


@compiled
def _kind(before: int, status: int, running: bool, worked: bool) -> int:
    if before == RECEIVED:
        return RADICATION
    if status == REOPENED:
        return REOPENING
    if status == ARCHIVED:
        return ARCHIVING
    if before == ON_HOLD:
        return HOLD
    if status == CLOSED:
        return CLOSE
    if running:
        return SHARED if worked else EARLY
    return CORRECTED if before == RESPONDED else AFTER_STOP


@compiled
def _early_law(before: int, status: int) -> int:
    for place in range(len(_EARLY_ARCS)):
        if before == _EARLY_ARCS[place][0] and status == _EARLY_ARCS[place][1]:
            return _FIRST_EARLY + place
    return EARLY


def drawn_seconds(profile: Profile, cases: Cases, draws: CycleDraws, steps: Steps) -> Int:
    """What each step takes: seconds, or the weight of a shared one; 0 where nothing is drawn.

    Office seconds of early steps and of closings, scaled by the term and capped; holds are not
    among them, since the longest that one may be is known when it begins.
    """
    median, sigma = _laws(profile)
    row, step = np.nonzero(sigma[steps.law] >= 0)
    law = steps.law[row, step]
    found = np.zeros(steps.law.shape, dtype=np.int64)
    found[row, step] = _whole_lognormal(median[law], sigma[law], draws.duration[row, step])
    cap = np.rint(CAP_SHARE * cases.term * OFFICE_SECONDS).astype(np.int64)
    limit = np.where(cases.transferred, TRANSFER_EARLY_DAYS * OFFICE_SECONDS, _NO_LIMIT)
    limit = np.minimum(np.minimum(cap, EARLY_DAYS * OFFICE_SECONDS), limit)
    closing_cap = cap if profile.stop_status == "CLOSED" else np.zeros_like(cap)
    _fit(found, steps.kind, steps.cycle, cases.term, limit, closing_cap)
    return found


def _laws(profile: Profile) -> tuple[Float, Float]:
    """Median in seconds and sigma by `Steps.law`; sigma is negative where nothing is drawn."""
    laws = profile.segments
    of = {
        CLOSE: laws.responded_to_closed,
        CORRECTED: laws.responded_to_in_progress,
        AFTER_STOP: laws.in_progress_after_stop,
        REOPENING: laws.closed_to_reopened,
        ARCHIVING: laws.closed_to_archived,
    }
    for number, name in enumerate(_EARLY_SEGMENTS.values(), _FIRST_EARLY):
        of[number] = getattr(laws, name)
    size = _FIRST_EARLY + len(_EARLY_ARCS)
    median, sigma = np.zeros(size), np.full(size, -1.0)
    for number, law in of.items():
        median[number], sigma[number] = law.median * UNIT_SECONDS[law.unit], law.sigma
    median[SHARED], sigma[SHARED] = _WEIGHT_GRID, WEIGHT_SIGMA
    return median, sigma


@compiled
def _fit(seconds: Int, kind: Small, cycle: Small, term: Int, limit: Int, closing_cap: Int) -> None:
    """Scale early steps and closings by the term, and cap them.

    Early steps are shrunk in proportion where their sum in a cycle exceeds the limit; closings
    stay as they are drawn where their cap is 0.
    """
    sums = np.zeros(CYCLES, dtype=np.int64)
    for row in range(len(seconds)):
        sums[:] = 0
        for step in range(seconds.shape[1]):
            scaled = max(seconds[row, step] * term[row] // REFERENCE_TERM, 1)
            if kind[row, step] == EARLY:
                seconds[row, step] = scaled
                sums[cycle[row, step]] += scaled
            elif kind[row, step] == CLOSE and closing_cap[row] > 0:
                seconds[row, step] = min(scaled, closing_cap[row])
        for step in range(seconds.shape[1]):
            total = sums[cycle[row, step]]
            if kind[row, step] == EARLY and total > limit[row]:
                seconds[row, step] = max(seconds[row, step] * limit[row] // total, 1)


def hold_seconds(law: Lognormal, uniform: Float, month_days: int) -> Int:
    """Holds that begin a month of so many days before they expire.

    Lognormal, truncated so that they end on an earlier day.
    """
    longest = (month_days - 1) * SECONDS_PER_DAY
    median = law.median * UNIT_SECONDS[law.unit]
    reach = special.ndtr(np.log(longest / median) / law.sigma)
    return np.minimum(lognormal_seconds(law, uniform * np.round(reach, 9)), longest)
