"""Contacts between citizen and authority: which events speak, when, with which files."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.domain.calendar import end_of_local_day, local_day
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.codes import IN_PROGRESS, ON_HOLD, RECEIVED, REOPENED, RESPONDED
from pqrs_kedro.pipelines.synthesis.draws import to_uniform
from pqrs_kedro.pipelines.synthesis.events import (
    MESSAGE,
    SECOND,
    TERM_EXTENDED,
    EventTable,
    is_radicado_known,
)
from pqrs_kedro.pipelines.synthesis.identifiers import instants
from pqrs_kedro.pipelines.synthesis.payloads import (
    FILES,
    PLATFORMS,
    Occasion,
    Payloads,
    files_json,
)
from pqrs_kedro.pipelines.synthesis.pieces import Int, Numbers, Pieces, Runs, Sheet
from pqrs_kedro.pipelines.synthesis.speech import Speech
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

# Which text is spoken when a status is entered, by the status left where that matters.
_SPOKEN: Final = {
    (None, ON_HOLD): "completion_request",
    (ON_HOLD, IN_PROGRESS): "completion",
    (RESPONDED, IN_PROGRESS): "rework_note",
    (None, RESPONDED): "response",
    (None, REOPENED): "reopen_request",
}
_FILE_TYPES: Final = ("pdf", "pdf", "pdf", "jpg", "jpg", "png", "docx", "xlsx")
_FILE_MEDIAN_KB: Final = 350.0
_GRADES: Final = 5
_CONFIDENCE: Final = (70, 98)  # of a transcript, in hundredths
_EMAIL, _WEBFORM, _CHAT, _CALL = (
    CHANNEL_IDS.index(name) for name in ("email", "webform", "chat", "call")
)

# The bot greets, the citizen tells the matter, the bot hands over to a person.
_GREETING_SECONDS: Final = (2, 4)
_DETAIL_SECONDS: Final = (20, 60)
_HANDOFF_SECONDS: Final = (3, 6)


class Contacts:
    """The events of a batch in which something is said.

    Args:
        events: the events.
        pieces: the batch's pieces.
    """

    def __init__(self, events: EventTable, pieces: Pieces) -> None:
        self.events, self.batch, self.pieces = events, events.batch, pieces
        self.received = np.flatnonzero(events.status_to == RECEIVED)
        self.knows_radicado = is_radicado_known(events)
        self.speech = Speech(self.batch, pieces)
        self.subject = pieces.column(pieces.composed(self.speech.subjects()).in_memory().array())
        index = self.batch.draws.raw("chat/platform") % np.uint64(len(PLATFORMS))
        self.platform = index.astype(np.int64)
        self.confidence = _seconds_between(self.batch, "call/asr", _CONFIDENCE)

    def write(self, sheet: Sheet, ids: Numbers, ts: Numbers) -> Int:
        """Write on a sheet of the events the payload of those in which something is said.

        Args:
            sheet: one row per event, with everything that comes before the payload.
            ids: piece number of each event's identifier.
            ts: piece number of each event's instant.

        Returns:
            the places of the events that have a payload.
        """
        self.ids, self.ts = ids, ts
        files = _files(self.batch, self.pieces)
        self.payloads = Payloads(sheet, self.pieces, self.batch.frame, self.subject, files)
        channel = self.batch.arrivals.channel
        for number, petition in (
            (_EMAIL, self._email),
            (_WEBFORM, self._webform),
            (_CHAT, self._chat),
            (_CALL, self._call),
        ):
            members = self.received[channel[self.events.row[self.received]] == number]
            petition(self._occasion(members))
        spoken = [self.received]
        for kind, members in _speaking_events(self.events):
            self._later(kind, members)
            spoken.append(members)
        return np.concatenate(spoken)

    def _occasion(self, members: Int) -> Occasion:
        row = self.events.row[members]
        # RECEIVED comes first among the events of each ticket, and tickets are in order.
        first = self.ids[self.received[row]]
        actor = self.events.actor[members]
        return Occasion(members, row, self.ids[members], first, self.ts[members], actor)

    def _instants(self, at: Int) -> Numbers:
        return self.pieces.column(instants(at))

    # --- Petitions -----------------------------------------------------------------------------

    def _email(self, at: Occasion) -> None:
        self.payloads.email(at, self.speech.petition("petition_body", at.row))

    def _webform(self, at: Occasion) -> None:
        self.payloads.webform(at, self.speech.petition("petition_body", at.row))

    def _chat(self, at: Occasion) -> None:
        kinds = {
            "opening": "chat_opening",
            "greeting": "bot_greeting",
            "detail": "citizen_detail",
            "handoff": "bot_handoff",
        }
        turns = {name: self.speech.petition(kind, at.row) for name, kind in kinds.items()}
        times = _chat_times(self.batch, at.row)
        shown = {name: self._instants(value) for name, value in times.items()}
        self.payloads.chat(at, self.platform[at.row], turns, shown)

    def _call(self, at: Occasion) -> None:
        kinds = {"citizen": "call_citizen", "agent": "call_agent"}
        texts = {name: self.speech.petition(kind, at.row) for name, kind in kinds.items()}
        times = _call_times(self.batch, at.row)
        shown = {name: self._instants(value) for name, value in times.items()}
        self.payloads.call(at, texts, shown, self.confidence[at.row])

    # --- Later messages ------------------------------------------------------------------------

    def _later(self, kind: str, members: Int) -> None:
        """One kind of message: by the ticket's channel, each with its own payload."""
        channel = self.batch.arrivals.channel[self.events.row[members]]
        for number, message in (
            (_EMAIL, self.payloads.email_reply),
            (_WEBFORM, self.payloads.webform_message),
            (_CHAT, self._chat_message),
            (_CALL, self._call_message),
        ):
            at = self._occasion(members[channel == number])
            if len(at.event):
                step, resolution = self.events.step[at.event], self.events.resolution[at.event]
                known = self.knows_radicado[at.event]
                text = self.speech.later(kind, at.row, step, known, resolution)
                message(at, text)

    def _chat_message(self, at: Occasion, text: Runs) -> None:
        grade = (self.batch.draws.raw("chat/csat") % np.uint64(12)).astype(np.int64)[at.row]
        graded = (self.events.status_to[at.event] == RESPONDED) & (grade < _GRADES)
        csat = np.where(graded, grade + 1, 0)
        self.payloads.chat_message(at, self.platform[at.row], text, csat)

    def _call_message(self, at: Occasion, text: Runs) -> None:
        began = self.events.at[at.event]
        seconds = _seconds_between(self.batch, "call/later", (60, 420))[at.row]
        ended = _same_day(began, began + seconds * SECOND)
        shown = {"answered": at.ts, "ended": self._instants(ended)}
        self.payloads.call_message(at, text, shown, self.confidence[at.row])


def _speaking_events(events: EventTable) -> list[tuple[str, Int]]:
    """Events after RECEIVED in which something is said, by kind of text."""
    found = [
        (kind, np.flatnonzero((events.status_to == entered)
                              & ((events.status_from == left) if left is not None else True)))
        for (left, entered), kind in _SPOKEN.items()
    ]  # fmt: skip
    found.append(("first_reply", np.flatnonzero(events.kind == MESSAGE)))
    found.append(("extension_notice", np.flatnonzero(events.kind == TERM_EXTENDED)))
    return found


def _seconds_between(batch: TicketBatch, stream: str, limits: tuple[int, int]) -> Int:
    low, high = limits
    return low + (batch.draws.raw(stream) % np.uint64(high - low + 1)).astype(np.int64)


def _same_day(received: Int, at: Int) -> Int:
    """Instants kept within the local day of reception: a contact never spans midnight."""
    return np.minimum(at, end_of_local_day(local_day(received)))


def _chat_times(batch: TicketBatch, row: Int) -> dict[str, Int]:
    received = batch.received_at[row]
    greeting = received + _seconds_between(batch, "chat/greeting", _GREETING_SECONDS)[row] * SECOND
    detail = greeting + _seconds_between(batch, "chat/detail", _DETAIL_SECONDS)[row] * SECOND
    handoff = detail + _seconds_between(batch, "chat/handoff", _HANDOFF_SECONDS)[row] * SECOND
    times = {"greeting": greeting, "detail": detail, "handoff": handoff}
    return {name: _same_day(received, at) for name, at in times.items()}


def _call_times(batch: TicketBatch, row: Int) -> dict[str, Int]:
    received = batch.received_at[row]
    answered = received + _seconds_between(batch, "call/wait", (5, 120))[row] * SECOND
    agent = answered + _seconds_between(batch, "call/telling", (30, 150))[row] * SECOND
    ended = agent + _seconds_between(batch, "call/closing", (60, 420))[row] * SECOND
    times = {"answered": answered, "agent": agent, "ended": ended}
    return {name: _same_day(received, at) for name, at in times.items()}


def _files(batch: TicketBatch, pieces: Pieces) -> Numbers:
    """JSON of up to three files per petition, as pieces; a call has its transcript."""
    channel = batch.arrivals.channel
    count = _file_counts(batch, channel == _CALL)
    numbers = np.full(len(count), pieces.literal("[]"), dtype=np.int32)
    rows = np.flatnonzero(count)
    columns = pl.DataFrame(_file_columns(batch, count, rows))
    of_form = channel[rows] == _WEBFORM
    for members, keys in ((~of_form, ("file_name", "size_kb")), (of_form, ("nombre", "tamanoKb"))):
        texts = columns.filter(members).select(files_json(*keys)).to_series()
        numbers[rows[members]] = pieces.column(texts)
    return numbers


def _file_columns(batch: TicketBatch, count: Int, rows: Int) -> dict[str, pl.Series]:
    """Names and sizes of some tickets' files: file_<n>, null for none, and size_<n>."""
    count, is_call = count[rows], batch.arrivals.channel[rows] == _CALL
    kinds = batch.draws.raw("file/type", FILES)[rows] % np.uint64(len(_FILE_TYPES))
    z = special.ndtri(to_uniform(batch.draws.raw("file/size", FILES)[rows]))
    sizes = np.maximum(np.rint(_FILE_MEDIAN_KB * np.exp(z)).astype(np.int64), 1)
    columns: dict[str, pl.Series] = {}
    for n in range(FILES):
        names = pl.Series([f"soporte_{n + 1}.{kind}" for kind in _FILE_TYPES]).gather(kinds[:, n])
        call_name = pl.lit("transcripcion.txt")
        name = pl.when(pl.Series(is_call)).then(call_name).otherwise(names)
        columns[f"file_{n + 1}"] = pl.select(pl.when(pl.Series(count > n)).then(name)).to_series()
        columns[f"size_{n + 1}"] = pl.Series(sizes[:, n])
    return columns


def _file_counts(batch: TicketBatch, is_call: NDArray[np.bool_]) -> Int:
    profile = batch.scenario.profile
    shares = np.array([profile.channels[name].attachment_share for name in CHANNEL_IDS])
    has_files = batch.draws.uniform("file/any") < shares[batch.arrivals.channel]
    count = np.searchsorted([0.7, 0.9], batch.draws.uniform("file/count"), side="right") + 1
    return np.where(has_files, np.where(is_call, 1, count), 0)
