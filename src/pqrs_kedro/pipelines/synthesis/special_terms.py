"""Terms that change while an SLA cycle is open: what is built again when a window of them begins.

Who works on a petition before the window's first day knows of no other term than the ordinary one.
So a ticket is built with that; if a cycle is open on the first day, the ticket is built once more,
with the window's term from its first step on or after that day. Everything before stays as it was.
With the longer term nothing moves to an earlier time, so the cycle is open on that day all the
same, and its stop is the response ratio times the window's term.
"""

from dataclasses import dataclass

import numpy as np

from pqrs_kedro.domain.calendar import SECONDS_PER_DAY
from pqrs_kedro.pipelines.synthesis.codes import RADICATED, REOPENED
from pqrs_kedro.pipelines.synthesis.paths import END
from pqrs_kedro.pipelines.synthesis.segments import (
    CLOSE,
    CYCLES,
    SHARED,
    Bool,
    Cases,
    Int,
    SpecialWindow,
    Steps,
    rows_of,
)


@dataclass(frozen=True)
class TermChanges:
    """Cycles whose term changes while they are open: arrays of shape (tickets, CYCLES)."""

    step: Int
    """First step of the path that the new term holds for; 0 where the term does not change."""
    term: Int
    """The new term, business days."""
    second: Int
    """Local second from which it holds."""


def no_changes(tickets: int) -> TermChanges:
    """The changes of tickets that no window has been looked at for."""
    return TermChanges(*(np.zeros((tickets, CYCLES), dtype=np.int64) for _ in range(3)))


def add_changes(
    changes: TermChanges,
    window: SpecialWindow,
    cases: Cases,
    steps: Steps,
    stops: Bool,
    entered: Int,
) -> tuple[TermChanges, Int]:
    """The changes with those of one more, later window, and the tickets that it adds any for.

    Args:
        changes: those of the windows before.
        window: the window that begins.
        cases: the tickets.
        steps: the kind of every step.
        stops: the steps with which a cycle stops, shape (tickets, path length).
        entered: when each status is entered with the changes so far.
    """
    second = window.first_day * SECONDS_PER_DAY
    step, term, since = changes.step.copy(), changes.term.copy(), changes.second.copy()
    begins = (cases.path == RADICATED) | (cases.path == REOPENED)
    for cycle in range(CYCLES):
        in_cycle = (steps.cycle == cycle) & (cases.path != END)
        start = _instant(entered, begins & in_cycle)
        is_open = (start > 0) & (start < second) & (_instant(entered, stops & in_cycle) >= second)
        is_open &= (window.term > 0) & (step[:, cycle] == 0)
        is_open &= ~np.logical_or.reduce([w.holds_on(start) for w in cases.windows])
        members = np.flatnonzero(is_open)
        after = in_cycle[members] & (entered[members] >= second)
        step[members, cycle] = _first_step(after, rows_of(steps, members))
        term[members, cycle] = window.term[members]
        since[members, cycle] = second
    affected = np.flatnonzero((step != changes.step).any(axis=1))
    return TermChanges(step, term, since), affected


def _instant(entered: Int, chosen: Bool) -> Int:
    """The instant of the one step that is chosen for each ticket; 0 where none is."""
    return np.asarray((entered * chosen).sum(axis=1))


def _first_step(after: Bool, steps: Steps) -> Int:
    """The cycle's first step on or after the window's first day.

    Where only a closing is left that still counts, its answer moves too: the time from the answer
    to the closing keeps its length, so the ratio could not be met otherwise.
    """
    first, row = np.argmax(after, axis=1), np.arange(len(after))
    only_closing = (
        (steps.kind[row, first] == CLOSE)
        & steps.counts[row, first]
        & (steps.kind[row, first - 1] == SHARED)
    )
    return np.asarray(first - only_closing)
