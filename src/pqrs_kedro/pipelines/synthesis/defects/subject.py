"""The event that a defect is to befall, and what becomes of its line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np

from pqrs_kedro.domain.calendar import SECONDS_PER_DAY
from pqrs_kedro.pipelines.synthesis.defects.choice import TicketEvents, event_draws
from pqrs_kedro.pipelines.synthesis.defects.line import RawLine
from pqrs_kedro.pipelines.synthesis.draws import Raw
from pqrs_kedro.pipelines.synthesis.events import STATUS, EventTable
from pqrs_kedro.pipelines.synthesis.identifiers import uuid7
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines


@dataclass(frozen=True)
class Place:
    """Where a line lies: its object, and its order there."""

    day: int
    channel: int
    at: int
    tie: int


@dataclass(frozen=True)
class Edit:
    """A line that a defect changed, moved or added."""

    event: int
    """The event whose line it is, or behind whose line it comes."""
    content: bytes
    """The line, without its line feed."""
    place: Place
    is_added: bool = False
    field: str | None = None
    event_id: str | None = None
    """Of the ledger's row; null: the event's."""
    ticket_id: str | None = None
    """Of the line, where it is not the event's."""
    beside: int | None = None
    """An event next to whose line this one lies: it must keep its own."""


Edits: TypeAlias = Sequence[Edit]
NOTHING: Final[Edits] = ()


class CleanBatch:
    """The events of a batch with their clean lines."""

    def __init__(self, events: EventTable, lines: Lines) -> None:
        self.events, self.lines, self.tickets = events, lines, TicketEvents(events)
        self.position = np.empty(len(lines), dtype=np.int64)
        self.position[events.line_order] = np.arange(len(lines))
        self.is_free = np.ones(len(lines), dtype=bool)
        """Whether each event has its clean line still, in its place."""

    def content(self, event: int) -> bytes:
        """An event's line, without its line feed."""
        at = int(self.position[event])
        return bytes(self.lines.texts.slice(at, at + 1).content())[:-1]

    def place(self, event: int) -> Place:
        """Where an event's line lies."""
        at, lines = self.position[event], self.lines
        return Place(int(lines.day[at]), int(lines.channel[at]), int(lines.at[at]),
                     int(lines.tie[at]))  # fmt: skip

    @cached_property
    def bits(self) -> Raw:
        """Draws that decide how an event is befallen."""
        return event_draws(self.events, "defect/bits")

    @cached_property
    def new_ids(self) -> Raw:
        """Draws of identifiers of added lines: an event has at most one."""
        return event_draws(self.events, "defect/id")

    @cached_property
    def new_tickets(self) -> Raw:
        """Draws of identifiers of tickets that do not exist."""
        return event_draws(self.events, "defect/ticket_id")

    def follower(self, event: int, statuses: bool) -> int | None:
        """The next event of a ticket by (ts, event_id), or its next status; null for the last."""
        events = self.events
        members = self.tickets.of_ticket(int(events.row[event]))
        if statuses:
            members = members[events.kind[members] == STATUS]
        order = members[np.lexsort((events.bits[members], events.at[members]))].tolist()
        place = order.index(event) + 1
        return order[place] if place < len(order) else None


class Subject:
    """One event that a defect is to befall."""

    def __init__(self, batch: CleanBatch, event: int) -> None:
        events = batch.events
        self._batch, self.event = batch, event
        self.row, self.step = int(events.row[event]), int(events.step[event])
        self.kind, self.at = int(events.kind[event]), int(events.at[event])
        self.status_from = int(events.status_from[event])
        self.status_to = int(events.status_to[event])

    @cached_property
    def place(self) -> Place:
        """Where the clean line lies."""
        return self._batch.place(self.event)

    @cached_property
    def line(self) -> RawLine:
        """The clean line."""
        return RawLine(self._batch.content(self.event))

    @property
    def content(self) -> bytes:
        """The clean line, without its line feed."""
        return self.line.content

    def draw(self, choices: int, digit: int = 0) -> int:
        """A number below `choices`; each digit of the event's draw, 0 to 3, is one of its own."""
        bits = int(self._batch.bits[self.row, self.step]) >> 16 * digit & 0xFFFF
        return bits * choices >> 16

    # --- What can become of the line -----------------------------------------------------------

    def changed(self, content: bytes, field: str | None = None) -> Edits:
        """The line with other content, in its place."""
        return (Edit(self.event, content, self.place, field=field),)

    def filed(self, day: int | None = None, channel: int | None = None) -> Edits:
        """The line as it is, in another object."""
        day = self.place.day if day is None else day
        channel = self.place.channel if channel is None else channel
        return (Edit(self.event, self.content, replace(self.place, day=day, channel=channel)),)

    def followed_by(self, content: bytes, field: str | None = None) -> Edits:
        """A line right behind the clean one."""
        return (Edit(self.event, content, self.place, is_added=True, field=field),)

    # --- Other events of the ticket ------------------------------------------------------------

    @property
    def received_day(self) -> int:
        """Local day on which the ticket is received."""
        return int(self._batch.events.batch.day[self.row])

    @property
    def is_last_of_its_status(self) -> bool:
        """Whether the ticket does not enter this status again."""
        path = self._batch.events.batch.path[self.row]
        return bool(np.flatnonzero(path == self.status_to)[-1] == self.step)

    def following(self) -> "Subject | None":
        """The ticket's next event, if no defect has befallen it and it is in the same object."""
        other = self._other(self._batch.follower(self.event, statuses=False))
        return other if other is not None and other.place.day == self.place.day else None

    def next_status(self) -> "Subject | None":
        """The ticket's next status event, if no defect has befallen it."""
        return self._other(self._batch.follower(self.event, statuses=True))

    def _other(self, event: int | None) -> "Subject | None":
        if event is None or not self._batch.is_free[event]:
            return None
        return Subject(self._batch, event)

    def later_days(self) -> dict[int, int]:
        """Local days after this one on which the ticket enters a status, and the first step."""
        entered = self._batch.events.batch.timeline.entered[self.row]
        found: dict[int, int] = {}
        for step, day in enumerate((entered // SECONDS_PER_DAY).tolist()):
            if day > self.place.day:
                found.setdefault(day, step)
        return found

    def new_id(self, step: int) -> str:
        """A new event's identifier at this one's instant; `step` is one of the ticket's places."""
        return str(uuid7(np.array([self.at]), self._batch.new_ids[self.row, [step]])[0])

    def new_ticket_id(self) -> str:
        """The identifier of a ticket that does not exist."""
        return str(uuid7(np.array([self.at]), self._batch.new_tickets[self.row, [self.step]])[0])
