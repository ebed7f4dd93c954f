"""What is seen of generated tickets: SLA cycles, times between statuses, first replies.

Everything is computed from paths and instants by the definitions of docs/metrics.md, with the
clock of `clock`: nothing of the generator's grid, ratios or calibration is used.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tools.distributions.clock import DAY, OFFICE_DAY, Clock

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.pipelines.synthesis.events import MESSAGE, batch_events
from pqrs_kedro.pipelines.synthesis.paths import TRANSFERRED, Paths
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_UTC_OFFSET = -5 * 3600
EXTENSION_FACTOR = 2


@dataclass(frozen=True)
class Cycles:
    """SLA cycles, one entry per cycle: first cycles in ticket order, then those of reopenings."""

    ticket: Int
    number: Int
    is_last: Bool
    start_day: Int
    stop_day: Int
    stop: Int
    """Local second of the stop."""
    term: Int
    """Business days, doubled where an extension was announced."""
    paused: Int
    """Business days that holds add to the term."""
    holds: Int
    """Holds that began before the stop."""
    withdrawn: Bool
    """An answer up to the stop came straight from a hold."""
    last_hold_day: Int
    """Day on which the last hold before the stop began; -1 for none."""
    due_day: Int

    @property
    def is_late(self) -> Bool:
        """Stopped after the due day."""
        return np.asarray(self.stop_day > self.due_day)


@dataclass(frozen=True)
class Segment:
    """All times from one status to the next one, one entry per step."""

    ticket: Int
    step: Int
    """Place of the target in the path."""
    start: Int
    end: Int
    """Local seconds."""


@dataclass(frozen=True)
class Replies:
    """First human replies of one channel, on the clock of the channel's law: seconds of waiting."""

    waited: Int
    latest: Int
    """Until the last second before the answer, which no reply comes after."""


def variants(paths: Paths) -> tuple[Paths, Int]:
    """Distinct paths and how often each occurs, the most frequent first."""
    frame = pl.DataFrame(paths, schema=[f"step_{n}" for n in range(paths.shape[1])])
    counted = frame.group_by(pl.all()).len(name="count")
    counted = counted.sort("count", *frame.columns, descending=[True] + [False] * frame.width)
    return counted.drop("count").to_numpy(), counted["count"].to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Yardsticks:
    """What public process logs are compared by."""

    top_1: float
    """Share of the most frequent variant."""
    top_5: float
    for_80: int
    """Variants that cover 80 % of the tickets."""
    repeats: float
    """Share of tickets that enter a status more than once."""
    slope: float
    """Of log frequency over log rank, of the first 50 variants."""
    singletons: int
    """Variants that occur once."""


def yardsticks(paths: Paths) -> Yardsticks:
    """The yardsticks of some tickets."""
    rows, frequency = variants(paths)
    covered = np.cumsum(frequency) / frequency.sum()
    repeated = np.array(
        [len({*row}) < len(row) for row in ([s for s in r if s >= 0] for r in rows)]
    )
    return Yardsticks(
        top_1=float(covered[0]),
        top_5=float(covered[4]),
        for_80=int(np.searchsorted(covered, 0.8)) + 1,
        repeats=float(frequency[repeated].sum() / frequency.sum()),
        slope=float(np.polyfit(np.log(np.arange(1, 51)), np.log(frequency[:50]), 1)[0]),
        singletons=int((frequency == 1).sum()),
    )


@dataclass(frozen=True)
class Observed:
    """A batch of tickets, measured."""

    batch: TicketBatch

    @cached_property
    def clock(self) -> Clock:
        """The clock of the batch's holidays."""
        return Clock.of(self.batch.scenario.calendar.holidays)

    @cached_property
    def terms(self) -> Int:
        """Business days of each ticket's type."""
        types = self.batch.scenario.profile.types.values()
        return np.array([item.term_business_days for item in types])[self.batch.type_index]

    def has(self, status: str) -> Bool:
        """Whether each ticket enters the status."""
        return np.asarray((self.batch.path == STATUS_CODE[status]).any(axis=1))

    @cached_property
    def withdrawn(self) -> Bool:
        """Whether some answer of each ticket comes straight from a hold."""
        path = self.batch.path
        pairs = (path[:, :-1] == STATUS_CODE["ON_HOLD"]) & (path[:, 1:] == STATUS_CODE["RESPONDED"])
        return np.asarray(pairs.any(axis=1))

    @cached_property
    def strata(self) -> Int:
        """Stratum of the response ratio: type, reopened, and whether some answer is special."""
        special = self.withdrawn | (self.batch.resolution == TRANSFERRED)
        return self.batch.type_index * 4 + self.has("REOPENED") * 2 + special

    def segment(self, origin: str, target: str) -> Segment:
        """All steps from one status to another."""
        path, entered = self.batch.path, self.batch.timeline.entered
        steps = (path[:, :-1] == STATUS_CODE[origin]) & (path[:, 1:] == STATUS_CODE[target])
        ticket, before = np.nonzero(steps)
        return Segment(ticket, before + 1, entered[ticket, before], entered[ticket, before + 1])

    def office(self, segment: Segment) -> Int:
        """Office seconds of each step."""
        return self.clock.office_seconds(segment.end) - self.clock.office_seconds(segment.start)

    @cached_property
    def cycles(self) -> Cycles:
        """The SLA cycles by docs/metrics.md."""
        parts = [self._cycles(number) for number in (0, 1)]
        names = Cycles.__dataclass_fields__
        return Cycles(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        )

    def _cycles(self, number: int) -> Cycles:
        path, entered = self.batch.path, self.batch.timeline.entered
        place = np.arange(path.shape[1])
        reopened = path == STATUS_CODE["REOPENED"]
        ticket = np.flatnonzero(reopened.sum(axis=1) >= number)
        start_status = STATUS_CODE["REOPENED" if number else "RADICATED"]
        start = np.argmax(path[ticket] == start_status, axis=1)
        inside = np.cumsum(reopened[ticket], axis=1) == number
        inside &= place >= start[:, None]
        stop_status = STATUS_CODE[self.batch.scenario.profile.stop_status]
        stop = np.argmax(inside & (path[ticket] == stop_status), axis=1)
        start_day = entered[ticket, start] // DAY
        announced = self.batch.timeline.extension_announced[ticket] > 0
        term = self.terms[ticket] * np.where(announced & (number == 0), EXTENSION_FACTOR, 1)
        before_stop = inside & (place < stop[:, None])
        paused, holds, last_hold, withdrawn = self._holds(ticket, before_stop, start_day, term)
        return Cycles(
            ticket=ticket,
            number=np.full(len(ticket), number),
            is_last=reopened[ticket].sum(axis=1) == number,
            start_day=start_day,
            stop_day=entered[ticket, stop] // DAY,
            stop=entered[ticket, stop],
            term=term,
            paused=paused,
            holds=holds,
            withdrawn=withdrawn,
            last_hold_day=last_hold,
            due_day=self.clock.after(start_day, term + paused),
        )

    def _holds(
        self, ticket: Int, before_stop: Bool, start_day: Int, term: Int
    ) -> tuple[Int, Int, Int, Bool]:
        """Paused days, number of holds, day of the last one, and whether one ends in an answer."""
        path, entered = self.batch.path[ticket], self.batch.timeline.entered[ticket]
        paused, holds = np.zeros_like(start_day), np.zeros_like(start_day)
        last, withdrawn = np.full_like(start_day, -1), np.zeros(len(ticket), dtype=bool)
        for step in range(path.shape[1] - 1):
            held = np.flatnonzero(before_stop[:, step] & (path[:, step] == STATUS_CODE["ON_HOLD"]))
            first, until = entered[held, step] // DAY, entered[held, step + 1] // DAY
            due = self.clock.after(start_day[held], term[held] + paused[held])
            paused[held] += np.where(first <= due, self.clock.between(first, until), 0)
            holds[held] += 1
            last[held] = first
            withdrawn[held] |= path[held, step + 1] == STATUS_CODE["RESPONDED"]
        return paused, holds, last, withdrawn

    @cached_property
    def breached(self) -> Bool:
        """Whether the last cycle of each ticket is late."""
        late = np.zeros(len(self.batch.day), dtype=bool)
        last = self.cycles.is_last
        late[self.cycles.ticket[last]] = self.cycles.is_late[last]
        return late

    @property
    def strata_count(self) -> int:
        """Non-empty strata of all days: what draws of the response ratio are stratified within."""
        return len(np.unique(self.batch.day * (self.strata.max() + 1) + self.strata))

    @cached_property
    def ratios(self) -> Float:
        """Response ratio of each cycle: its unpaused office time over its term.

        Office time from the end of the start day to the stop, paused days left out.
        """
        cycles, clock = self.cycles, self.clock
        begun = clock.office_seconds((cycles.start_day + 1) * DAY)
        worked = clock.office_seconds(cycles.stop) - begun - cycles.paused * OFFICE_DAY
        return np.asarray(worked / (cycles.term * OFFICE_DAY))

    def floors(self) -> Float:
        """Least response ratio of each ticket's first cycle, if not extended.

        Early steps, closing and 2 % of the term. What holds need, a day each, is left out.
        """
        path, entered = self.batch.path, self.batch.timeline.entered
        row = np.arange(len(path))
        first = [
            np.argmax(path == STATUS_CODE[name], axis=1) for name in ("RADICATED", "IN_PROGRESS")
        ]
        start, worked = (entered[row, place] for place in first)
        begun = self.clock.office_seconds((start // DAY + 1) * DAY)
        least = self.clock.office_seconds(worked) - begun + np.ceil(0.02 * self.terms * OFFICE_DAY)
        if self.batch.scenario.profile.stop_status == "CLOSED":
            closing = self.segment("RESPONDED", "CLOSED")
            first_cycle = np.unique(closing.ticket, return_index=True)[1]
            least += self.office(closing)[first_cycle]
        return np.asarray(least / (self.terms * OFFICE_DAY))

    @cached_property
    def _first_replies(self) -> tuple[Int, Int]:
        """Ticket, and local second, of every first human reply."""
        events = batch_events(self.batch)
        replied = events.kind == MESSAGE
        return events.row[replied], events.at[replied] // 1_000_000 + _UTC_OFFSET

    def replies(self, channel: str) -> Replies:
        """First human replies of a channel's tickets, by the clock of the channel's law."""
        batch = self.batch
        ticket, at = self._first_replies
        members = batch.arrivals.channel[ticket] == CHANNEL_IDS.index(channel)
        ticket, at = ticket[members], at[members]
        answered = np.argmax(batch.path[ticket] == STATUS_CODE["RESPONDED"], axis=1)
        latest = batch.timeline.entered[ticket, answered] - 1
        instants = [batch.arrivals.local_second[ticket], at, latest]
        law = batch.scenario.profile.channels[channel].first_reply
        if law is not None and law.unit.startswith("office"):
            instants = [self.clock.office_seconds(instant) for instant in instants]
        received, waited, latest = instants
        return Replies(waited - received, latest - received)
