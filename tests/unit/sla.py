"""The SLA of generated tickets, recomputed day by day from paths and instants.

A plain loop over the definitions of the metrics, with the naive calendar of `tests.oracle`: nothing
of the generator's grid is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise

import numpy as np
from tests.oracle import calendar as oracle

from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.pipelines.synthesis.paths import END, Paths
from pqrs_kedro.pipelines.synthesis.segments import SpecialWindow
from pqrs_kedro.pipelines.synthesis.timeline import Timeline

add_business_days = cache(oracle.add_business_days)
business_days_between = cache(oracle.business_days_between)


@dataclass(frozen=True)
class Life:
    """What one ticket went through: statuses, and the local second each was entered."""

    row: int
    path: tuple[str, ...]
    seconds: tuple[int, ...]
    term: int
    announced: int
    """Local second of the extension; 0 for none."""
    windows: tuple[tuple[date, date, int], ...] = ()
    """First and last day on which the ticket's type has another term, and that term; 0 is none."""

    @property
    def days(self) -> list[date]:
        return [day_of(second) for second in self.seconds]

    def first(self, status: str) -> int:
        """Place in the path of the first of a status."""
        return self.path.index(status)

    def term_of(self, start_day: date, stop_day: date) -> int:
        """Term of a cycle: by its start day, or by a window that begins while it is open."""
        for first, last, term in self.windows:
            if term and (first <= start_day <= last or start_day < first <= stop_day):
                return term
        return self.term


@dataclass(frozen=True)
class Cycle:
    """One SLA cycle; places are those in the ticket's path."""

    life: Life
    number: int
    start: int
    stop: int
    holds: tuple[int, ...]
    """Places of the holds that began before the stop."""
    term: int
    """Without extension."""
    extended: bool
    due_day: date
    is_last: bool

    @property
    def start_day(self) -> date:
        return self.life.days[self.start]

    @property
    def stop_day(self) -> date:
        return self.life.days[self.stop]

    @property
    def is_late(self) -> bool:
        return self.stop_day > self.due_day

    @property
    def is_withdrawn(self) -> bool:
        """Whether an answer up to the stop came straight from a hold."""
        return any(self.life.path[place + 1] == "RESPONDED" for place in self.holds)


@cache
def day_of(second: int) -> date:
    return to_date(second // 86_400)


def lives(
    paths: Paths, timeline: Timeline, terms: np.ndarray, windows: Sequence[SpecialWindow] = ()
) -> Iterator[Life]:
    lengths = (paths != END).sum(axis=1).tolist()
    columns = zip(
        paths.tolist(),
        timeline.entered.tolist(),
        terms.tolist(),
        timeline.extension_announced.tolist(),
        strict=True,
    )
    for row, (codes, seconds, term, announced) in enumerate(columns):
        path = tuple(STATUS_IDS[code] for code in codes[: lengths[row]])
        own = tuple(
            (to_date(window.first_day), to_date(window.last_day), int(window.term[row]))
            for window in windows
        )
        yield Life(row, path, tuple(seconds[: lengths[row]]), term, announced, own)


def cycles(life: Life, stop_status: str) -> Iterator[Cycle]:
    """The SLA cycles of a ticket whose life is complete."""
    starts = [1, *(place for place, status in enumerate(life.path) if status == "REOPENED")]
    days = life.days
    for number, (start, end) in enumerate(pairwise([*starts, len(life.path)])):
        stop = life.path.index(stop_status, start, end)
        holds = tuple(place for place in range(start, stop) if life.path[place] == "ON_HOLD")
        extended = number == 0 and life.announced > 0
        term = life.term_of(days[start], days[stop])
        full = term * (2 if extended else 1)
        paused = 0
        for place in holds:
            if days[place] <= add_business_days(days[start], full + paused):
                paused += business_days_between(days[place], days[place + 1])
        due_day = add_business_days(days[start], full + paused)
        is_last = end == len(life.path)
        yield Cycle(life, number, start, stop, holds, term, extended, due_day, is_last)
