"""Which events a class of defects befalls: each with the class's rate, independently.

One draw per event and class would cost more than the texts of the tickets. What is drawn instead is
how many of a ticket's events are passed over before the next one is befallen: few draws, the same
law. A ticket's choices depend on its own draws and on how many events it has, nothing else.
"""

from itertools import count
from typing import Final

import numpy as np

from pqrs_kedro.domain.statuses import MAX_PATH_LENGTH
from pqrs_kedro.pipelines.synthesis.draws import Raw, TicketDraws
from pqrs_kedro.pipelines.synthesis.events import EVENT_TYPES, EventTable, Int

# Places of events in their tickets: those of the path, then one for each other kind.
_PLACES: Final = MAX_PATH_LENGTH + len(EVENT_TYPES)


class TicketEvents:
    """The events of a batch, ticket by ticket: in the order of the path, then the others."""

    def __init__(self, events: EventTable) -> None:
        self._draws = events.batch.draws
        self._order = np.lexsort((events.step, events.row))
        self._counts = np.bincount(events.row, minlength=len(events.batch.day))
        self._starts = np.cumsum(self._counts) - self._counts

    def chosen(self, label: str, rate: float) -> Int:
        """The events that a class befalls, ticket by ticket."""
        rows, places = _befallen(self._draws, f"defect/{label}", rate, self._counts)
        return self._order[np.sort(self._starts[rows] + places)]

    def of_ticket(self, row: int) -> Int:
        """The events of a ticket."""
        first = self._starts[row]
        return self._order[first : first + self._counts[row]]


def _befallen(draws: TicketDraws, stream: str, rate: float, counts: Int) -> tuple[Int, Int]:
    """Tickets, and places among their events, each befallen with probability `rate`.

    A gap of at least k events has probability (1 - rate)^k. The powers are products, so that they
    are the same on every machine.
    """
    negated_powers = -np.cumprod(np.full(counts.max(initial=0), 1.0 - rate))
    rows, places = np.flatnonzero(counts), np.full(np.count_nonzero(counts), -1)
    found = [(rows[:0], places[:0])]
    for number in count():
        uniform = draws.uniform(f"{stream}/{number}")[rows]
        places = places + 1 + np.searchsorted(negated_powers, -uniform)
        inside = places < counts[rows]
        rows, places = rows[inside], places[inside]
        if not len(rows):
            break
        found.append((rows, places))
    befallen, at = zip(*found, strict=True)
    return np.concatenate(befallen), np.concatenate(at)


def event_draws(events: EventTable, stream: str) -> Raw:
    """64 drawn bits for each place of each ticket; shape (tickets, places).

    An event's place here is its step.
    """
    return events.batch.draws.raw(stream, _PLACES)
