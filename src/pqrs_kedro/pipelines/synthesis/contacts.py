"""What is said in each event: texts, times and files, as payloads of the ticket's channel."""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.domain.calendar import end_of_local_day, local_day
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import REPEATED, RESOLUTION_CODES
from pqrs_kedro.pipelines.synthesis import payloads
from pqrs_kedro.pipelines.synthesis.codes import IN_PROGRESS, ON_HOLD, RECEIVED, REOPENED, RESPONDED
from pqrs_kedro.pipelines.synthesis.draws import to_uniform
from pqrs_kedro.pipelines.synthesis.events import (
    ACTORS,
    MESSAGE,
    SECOND,
    TERM_EXTENDED,
    EventTable,
    is_radicado_known,
    labels,
)
from pqrs_kedro.pipelines.synthesis.identifiers import instants
from pqrs_kedro.pipelines.synthesis.texts import DRAWS_PER_TEXT, compose
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

Int = NDArray[np.int64]

# Which text is spoken when a status is entered, by the status left where that matters.
_SPOKEN = {
    (None, ON_HOLD): "completion_request",
    (ON_HOLD, IN_PROGRESS): "completion",
    (RESPONDED, IN_PROGRESS): "rework_note",
    (None, RESPONDED): "response",
    (None, REOPENED): "reopen_request",
}
# Facts of a ticket that texts may speak of.
_SPOKEN_OF = (
    "pqrs_type",
    "topic",
    "municipio",
    "full_name",
    "anonymous",
    "external_id",
    "cited_external_id",
)
_FILE_TYPES = ("pdf", "pdf", "pdf", "jpg", "jpg", "png", "docx", "xlsx")
_FILE_MEDIAN_KB = 350.0
_PLATFORMS = ("sitio_web", "app_movil", "mensajeria")


# The bot greets, the citizen tells the matter, the bot hands over to a person.
_GREETING_SECONDS = (2, 4)
_DETAIL_SECONDS = (20, 60)
_HANDOFF_SECONDS = (3, 6)


def event_payloads(events: EventTable) -> pl.Series:
    """JSON of each event's payload; null where the channel's system exports none."""
    subjects = _subjects(events.batch)
    parts = [_petitions(events, subjects), _later_messages(events, subjects)]
    spoken = pl.concat(parts)
    payload = pl.repeat(None, len(events.row), dtype=pl.String, eager=True)
    return payload.scatter(spoken["event"], spoken["payload"])


def _subjects(batch: TicketBatch) -> pl.Series:
    context = _context(batch.frame, batch.frame["external_id"], None)
    return compose("subject", context, _text_draws(batch, "subject"))


def _text_draws(batch: TicketBatch, kind: str) -> NDArray[np.uint64]:
    """Draws of one text per ticket: the first decides facts, which all texts of a ticket share."""
    draws = batch.draws.raw(f"text/{kind}", DRAWS_PER_TEXT)
    draws[:, 0] = batch.draws.raw("text/facts")
    return draws


def _context(
    ticket: pl.DataFrame, external_id: pl.Series, resolution_code: pl.Series | None
) -> pl.DataFrame:
    """What texts may speak of: the columns that `texts.compose` asks for."""
    resolution = (
        pl.lit(None, dtype=pl.String) if resolution_code is None else pl.lit(resolution_code)
    )
    return ticket.select(
        "pqrs_type",
        "topic",
        "municipio",
        "cited_external_id",
        pl.when(~pl.col("anonymous")).then(pl.col("full_name")).alias("citizen_name"),
        external_id=pl.lit(external_id),
        resolution_code=resolution,
    )


def _petitions(events: EventTable, subjects: pl.Series) -> pl.DataFrame:
    """Payloads of the RECEIVED events: columns event (index), payload."""
    batch = events.batch
    event = np.flatnonzero(events.status_to == RECEIVED)
    row = events.row[event]
    frame = batch.frame[row].with_columns(
        event=pl.Series(event),
        event_id=events.event_id.gather(event),
        first_event_id=events.event_id.gather(event),
        ts=instants(events.at[event]),
        actor_role=pl.lit("citizen"),
        subject=subjects.gather(row),
        **_files_of_petitions(batch, row),
    )
    return pl.concat([_petition_payloads(batch, frame, number) for number in range(4)])


def _petition_payloads(batch: TicketBatch, frame: pl.DataFrame, channel: int) -> pl.DataFrame:
    members = np.flatnonzero((frame["source"] == CHANNEL_IDS[channel]).to_numpy())
    part = frame[members]
    repeated = part["cited_external_id"].is_not_null()
    no_radicado = pl.repeat(None, len(part), dtype=pl.String, eager=True)
    context = _context(part, no_radicado, labels((REPEATED, None), (~repeated).to_numpy() * -1))

    def speak(kind: str) -> pl.Series:
        return compose(kind, context, _text_draws(batch, kind)[members])

    return _PETITIONS[CHANNEL_IDS[channel]](batch, part, members, speak)


_Speak = Callable[[str], pl.Series]


def _email_petition(
    batch: TicketBatch, part: pl.DataFrame, members: Int, speak: _Speak
) -> pl.DataFrame:
    spoken = part.with_columns(text=speak("petition_body"))
    return _with_payload(spoken, payloads.email_payload(payloads.files()))


def _webform_petition(
    batch: TicketBatch, part: pl.DataFrame, members: Int, speak: _Speak
) -> pl.DataFrame:
    spoken = part.with_columns(text=speak("petition_body"))
    return _with_payload(spoken, payloads.webform_petition())


def _chat_petition(
    batch: TicketBatch, part: pl.DataFrame, members: Int, speak: _Speak
) -> pl.DataFrame:
    spoken = part.with_columns(
        opening=speak("chat_opening"),
        bot_greeting=speak("bot_greeting"),
        text=speak("citizen_detail"),
        bot_handoff=speak("bot_handoff"),
        platform=_platforms(batch).gather(members),
        csat=pl.lit(None, dtype=pl.Int64),
        **_chat_times(batch, members, batch.received_at[members]),
    )
    return _with_payload(spoken, payloads.chat_session())


def _call_petition(
    batch: TicketBatch, part: pl.DataFrame, members: Int, speak: _Speak
) -> pl.DataFrame:
    spoken = part.with_columns(
        text=speak("call_citizen"),
        agent_text=speak("call_agent"),
        **_call_times(batch, members, batch.received_at[members]),
    )
    return _with_payload(spoken, payloads.call_record())


_PETITIONS = {
    "email": _email_petition,
    "webform": _webform_petition,
    "chat": _chat_petition,
    "call": _call_petition,
}


def _platforms(batch: TicketBatch) -> pl.Series:
    """The platform of each ticket's chats."""
    index = batch.draws.raw("chat/platform") % np.uint64(len(_PLATFORMS))
    return labels(_PLATFORMS, index.astype(np.int64))


def _with_payload(frame: pl.DataFrame, payload: pl.Expr) -> pl.DataFrame:
    return frame.select("event", payload=payload)


def _seconds_between(batch: TicketBatch, stream: str, limits: tuple[int, int]) -> Int:
    low, high = limits
    return low + (batch.draws.raw(stream) % np.uint64(high - low + 1)).astype(np.int64)


def _same_day(received: Int, at: Int) -> Int:
    """Instants kept within the local day of reception: a contact never spans midnight."""
    return np.minimum(at, end_of_local_day(local_day(received)))


def _chat_times(batch: TicketBatch, members: Int, received: Int) -> dict[str, pl.Series]:
    greeting = (
        received + _seconds_between(batch, "chat/greeting", _GREETING_SECONDS)[members] * SECOND
    )
    detail = greeting + _seconds_between(batch, "chat/detail", _DETAIL_SECONDS)[members] * SECOND
    handoff = detail + _seconds_between(batch, "chat/handoff", _HANDOFF_SECONDS)[members] * SECOND
    times = {"greeting_at": greeting, "detail_at": detail, "handoff_at": handoff}
    return {name: instants(_same_day(received, at)) for name, at in times.items()}


def _call_times(batch: TicketBatch, members: Int, received: Int) -> dict[str, pl.Series]:
    answered = received + _seconds_between(batch, "call/wait", (5, 120))[members] * SECOND
    agent = answered + _seconds_between(batch, "call/telling", (30, 150))[members] * SECOND
    ended = agent + _seconds_between(batch, "call/closing", (60, 420))[members] * SECOND
    times = {"answered_at": answered, "agent_at": agent, "ended_at": ended}
    hundredths = pl.Series(_seconds_between(batch, "call/asr", (70, 98))[members])
    texts = {name: instants(_same_day(received, at)) for name, at in times.items()}
    return texts | {"asr_hundredths": hundredths.cast(pl.String)}


def _files_of_petitions(batch: TicketBatch, row: Int) -> dict[str, pl.Series]:
    """Names and sizes of up to three files per petition; a call has its transcript."""
    profile = batch.scenario.profile
    shares = np.array([profile.channels[name].attachment_share for name in CHANNEL_IDS])
    channel = batch.arrivals.channel
    has_files = batch.draws.uniform("file/any") < shares[channel]
    is_call = channel == CHANNEL_IDS.index("call")
    count = np.searchsorted([0.7, 0.9], batch.draws.uniform("file/count"), side="right") + 1
    count = np.where(has_files, np.where(is_call, 1, count), 0)
    kinds = (batch.draws.raw("file/type", 3) % np.uint64(len(_FILE_TYPES))).astype(np.int64)
    z = special.ndtri(to_uniform(batch.draws.raw("file/size", 3)))
    sizes = np.maximum(np.rint(_FILE_MEDIAN_KB * np.exp(z)).astype(np.int64), 1)
    columns: dict[str, pl.Series] = {}
    for n in range(3):
        names = pl.Series([f"soporte_{n + 1}.{kind}" for kind in _FILE_TYPES]).gather(kinds[:, n])
        call_name = pl.lit("transcripcion.txt")
        present = pl.Series(count > n)
        columns[f"file_{n + 1}"] = pl.select(
            pl.when(present).then(pl.when(pl.Series(is_call)).then(call_name).otherwise(names))
        ).to_series().gather(row)  # fmt: skip
        columns[f"size_{n + 1}"] = pl.Series(sizes[:, n]).gather(row)
    return columns


def _later_messages(events: EventTable, subjects: pl.Series) -> pl.DataFrame:
    """Payloads of all events after RECEIVED in which something is said: event (index), payload."""
    spoken = [_spoken(events, kind, members) for kind, members in _speaking_events(events)]
    frame = pl.concat(spoken)
    event = frame["event"].to_numpy()
    row = events.row[event]
    received = np.flatnonzero(events.status_to == RECEIVED)
    ticket = events.batch.frame.select("source", "email", "phone_masked")[row]
    frame = ticket.hstack(frame).with_columns(
        event_id=events.event_id.gather(event),
        first_event_id=events.event_id.gather(received).gather(row),
        ts=instants(events.at[event]),
        actor_role=labels(ACTORS, events.actor[event]),
        subject=pl.concat_str(pl.lit("Re: "), pl.lit(subjects.gather(row))),
        **_later_contact(events, event),
    )  # fmt: skip
    by_channel = (
        ("email", payloads.email_payload(payloads.NO_FILES)),
        ("webform", payloads.webform_message()),
        ("chat", payloads.chat_message()),
        ("call", payloads.call_message()),
    )
    return pl.concat(
        [_with_payload(frame.filter(pl.col("source") == name), payload)
         for name, payload in by_channel]
    )  # fmt: skip


def _later_contact(events: EventTable, event: Int) -> dict[str, pl.Series]:
    """Facts of later chats and calls: platform, satisfaction, times, recognition confidence."""
    batch, row = events.batch, events.row[event]
    grade = (batch.draws.raw("chat/csat") % np.uint64(12)).astype(np.int64)[row]
    graded = (events.status_to[event] == RESPONDED) & (grade < 5)
    at = events.at[event]
    ended = at + _seconds_between(batch, "call/later", (60, 420))[row] * SECOND
    hundredths = pl.Series(_seconds_between(batch, "call/asr", (70, 98))[row])
    return {
        "platform": _platforms(batch).gather(row),
        "csat": pl.select(pl.when(pl.Series(graded)).then(pl.Series(grade + 1))).to_series(),
        "answered_at": instants(at),
        "ended_at": instants(_same_day(at, ended)),
        "asr_hundredths": hundredths.cast(pl.String),
    }


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


def _spoken(events: EventTable, kind: str, members: Int) -> pl.DataFrame:
    """Columns event (index) and text of the events in which a kind of text is spoken."""
    batch, row = events.batch, events.row[members]
    ticket = batch.frame.select(*_SPOKEN_OF)[row]
    context = _context(
        ticket,
        _known_radicado(events, members, ticket["external_id"]),
        pl.Series([*RESOLUTION_CODES, None]).gather(events.resolution[members]),
    )
    draws = _text_draws(batch, kind)[row]
    draws[:, 1:] = _vary(draws[:, 1:], events.step[members])
    text = compose(kind, context, draws)
    return pl.DataFrame({"event": members, "text": text})


def _known_radicado(events: EventTable, members: Int, external_id: pl.Series) -> pl.Series:
    """The radicado as events can speak of it: null before it is given."""
    known = pl.Series(is_radicado_known(events)[members])
    return pl.select(pl.when(known).then(external_id)).to_series()


def _vary(bits: NDArray[np.uint64], step: Int) -> NDArray[np.uint64]:
    """Other draws for each step of a ticket: the finaliser of SplitMix64 (Steele et al. 2014)."""
    mixed = bits + step.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
