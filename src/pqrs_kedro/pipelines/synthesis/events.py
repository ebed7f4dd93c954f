"""The events of a batch of tickets as columns: statuses, first replies, extensions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import MICROSECONDS_PER_DAY, end_of_local_day, local_day
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import (
    EXTENSION,
    MAX_PATH_LENGTH,
    REPEATED,
    RESOLUTION_CODES,
    TACIT_WITHDRAWAL,
    TRANSFER,
)
from pqrs_kedro.pipelines.synthesis.codes import (
    ARCHIVED,
    IN_PROGRESS,
    ON_HOLD,
    RADICATED,
    RECEIVED,
    REOPENED,
    RESPONDED,
)
from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.identifiers import uuid7
from pqrs_kedro.pipelines.synthesis.paths import END, REPEATED_PETITION, TRANSFERRED, Paths
from pqrs_kedro.pipelines.synthesis.segments import lognormal_seconds
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch, to_utc_microseconds

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

STATUS, MESSAGE, TERM_EXTENDED = 0, 1, 2
EVENT_TYPES = ("STATUS", "MESSAGE", "TERM_EXTENDED")
_CITIZEN, _AGENT, _SYSTEM = 0, 1, 2
ACTORS = ("citizen", "agent", "system")
SECOND = 1_000_000
# A person takes a chat over once the bot has greeted and the citizen has told the matter: within
# 70 seconds (see `contacts`), so the first human words come after this many.
CHAT_HANDOFF_LATEST = 80


@dataclass(frozen=True)
class EventTable:
    """The events of a batch; arrays with one entry per event, statuses as codes or END."""

    batch: TicketBatch
    kind: Int
    row: Int
    """Ticket of the batch."""
    step: Int
    """Place in the ticket's path; for other events the first number after the path."""
    status_from: Int
    status_to: Int
    at: Int
    """Instant, microseconds UTC."""
    bits: NDArray[np.uint64]

    @cached_property
    def event_id(self) -> pa.Array:
        """UUIDv7 of each event."""
        return uuid7(self.at, self.bits)

    @cached_property
    def line_order(self) -> Int:
        """The events in the order of their lines: by (day, channel, ts, event_id)."""
        channel = self.batch.arrivals.channel[self.row]
        day = local_day(self.at)
        since_midnight = self.at - end_of_local_day(day - 1)
        # One number for day, channel and ts: twice as fast as four keys, which then order the few
        # events that have the same one.
        key = (day * len(CHANNEL_IDS) + channel) * MICROSECONDS_PER_DAY + since_midnight
        order = np.argsort(key)
        equal = np.flatnonzero(np.diff(key[order]) == 0)
        places = np.union1d(equal, equal + 1)
        members = np.sort(order[places])
        order[places] = members[np.lexsort((self.bits[members], key[members]))]
        return order

    @cached_property
    def actor(self) -> Int:
        """Index in the actor roles of who causes each event."""
        by_citizen = np.isin(self.status_to, (RECEIVED, REOPENED)) | (
            (self.status_from == ON_HOLD) & (self.status_to == IN_PROGRESS)
        )
        by_system = np.isin(self.status_to, (RADICATED, ARCHIVED))
        return np.where(by_citizen, _CITIZEN, np.where(by_system, _SYSTEM, _AGENT))

    @cached_property
    def resolution(self) -> Int:
        """Index in RESOLUTION_CODES of each event; one past the end for ordinary answers."""
        answers = np.flatnonzero(self.status_to == RESPONDED)
        found = np.full(len(self.row), len(RESOLUTION_CODES))
        found[answers] = answer_resolutions(self.batch, self.row[answers], self.step[answers])
        return found


def answer_resolutions(batch: TicketBatch, row: Int, step: Int) -> Int:
    """Index in RESOLUTION_CODES of answers, given by ticket and place in its path.

    One past the end for ordinary ones.
    """
    resolution = batch.resolution[row]
    first_cycle = (np.cumsum(batch.path == REOPENED, axis=1) == 0)[row, step]
    cases = {
        TACIT_WITHDRAWAL: batch.path[row, step - 1] == ON_HOLD,
        TRANSFER: resolution == TRANSFERRED,
        REPEATED: (resolution == REPEATED_PETITION) & first_cycle,
        EXTENSION: batch.extended[row] & first_cycle,
    }
    codes = [RESOLUTION_CODES.index(code) for code in cases]
    return np.select(list(cases.values()), codes, len(RESOLUTION_CODES))


def batch_events(batch: TicketBatch) -> EventTable:
    """All events of a batch: statuses, first replies, extensions."""
    parts = [_status_events(batch), _first_replies(batch), extension_events(batch)]
    columns = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return EventTable(batch, *columns)


# The columns of an EventTable after its batch.
Columns = tuple[Int, Int, Int, Int, Int, Int, NDArray[np.uint64]]


def _status_events(batch: TicketBatch) -> Columns:
    instants = to_utc_microseconds(batch.timeline.entered) + batch.micros
    bits = batch.draws.raw("event/id", batch.path.shape[1])
    row, step, before, status, at, ids = _of_paths(batch.path, instants, bits)
    return (np.full(len(row), STATUS), row, step, before, status, at, ids)


@compiled
def _of_paths(
    path: Paths, instants: Int, bits: NDArray[np.uint64]
) -> tuple[Int, Int, Int, Int, Int, NDArray[np.uint64]]:
    """The statuses of all paths, one after the other.

    Ticket, place in the path, status before (END for the first one), status, instant, bits.
    """
    events = (path != END).sum()
    found = np.empty((5, events), dtype=np.int64)
    ids = np.empty(events, dtype=np.uint64)
    event = 0
    for row in range(len(path)):
        before = END
        for step in range(path.shape[1]):
            status = path[row, step]
            if status == END:
                break
            found[0, event], found[1, event], found[2, event] = row, step, before
            found[3, event], found[4, event] = status, instants[row, step]
            ids[event] = bits[row, step]
            before = status
            event += 1
    return found[0], found[1], found[2], found[3], found[4], ids


def _no_status_events(batch: TicketBatch, kind: int, row: Int, at: Int, stream: str) -> Columns:
    micros = (batch.draws.raw(f"{stream}/micro") % np.uint64(SECOND)).astype(np.int64)
    none = np.full(len(row), END)
    step = np.full(len(row), MAX_PATH_LENGTH + kind)
    bits = batch.draws.raw(f"{stream}/id")[row]
    return (np.full(len(row), kind), row, step, none, none, at + micros[row], bits)


def _first_replies(batch: TicketBatch) -> Columns:
    """The first human reply, no later than the answer; a call is answered at once instead."""
    reply = np.zeros(len(batch.day), dtype=np.int64)
    uniform = batch.draws.uniform("message/first_reply")
    received = batch.arrivals.local_second
    calendar = batch.scenario.calendar
    for number, channel in enumerate(CHANNEL_IDS):
        law = batch.scenario.profile.channels[channel].first_reply
        if law is None:
            continue
        members = np.flatnonzero(batch.arrivals.channel == number)
        seconds = lognormal_seconds(law, uniform[members])
        if law.unit.startswith("office"):
            clock = calendar.work_clock(received[members]) + seconds
            reply[members] = calendar.from_work_clock(clock)
        else:
            reply[members] = received[members] + np.maximum(seconds, CHAT_HANDOFF_LATEST)
    answered = np.argmax(batch.path == RESPONDED, axis=1)
    first_answer = batch.timeline.entered[np.arange(len(answered)), answered]
    row = np.flatnonzero(reply > 0)
    # Whether there is a reply must not depend on durations: a late one comes before the answer.
    at = np.minimum(reply, first_answer - 1)[row]
    return _no_status_events(batch, MESSAGE, row, to_utc_microseconds(at), "message")


def extension_events(batch: TicketBatch) -> Columns:
    """The announcements of extensions."""
    row = np.flatnonzero(batch.extended)
    at = to_utc_microseconds(batch.timeline.extension_announced[row])
    return _no_status_events(batch, TERM_EXTENDED, row, at, "extension")


def labels(labels: tuple[str | None, ...], index: Int) -> pl.Series:
    """Labels by index; END, which is -1, takes the last one."""
    return pl.Series(labels, dtype=pl.String).gather(np.where(index < 0, len(labels) - 1, index))


def is_radicado_known(events: EventTable) -> Bool:
    """Whether each event happens when the ticket's radicado has been given."""
    batch = events.batch
    radicated = to_utc_microseconds(batch.timeline.entered[:, 1]) + batch.micros[:, 1]
    return np.asarray(events.at >= radicated[events.row])
