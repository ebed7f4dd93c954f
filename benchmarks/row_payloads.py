"""What each channel's system exports with one event, as dictionaries (docs/raw_events.md).

Part of the generator in `row_by_row`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from benchmarks.row_texts import Grammar, Person
from benchmarks.row_timeline import Case, Life

from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS
from pqrs_kedro.domain.statuses import IN_PROGRESS, ON_HOLD, RECEIVED, REOPENED, RESPONDED
from pqrs_kedro.parameters import Profile
from pqrs_kedro.pipelines.synthesis.payloads import (
    AUTHORITY_ADDRESS,
    CHANNEL_CODE,
    ENTITY_CODE,
    SWITCHBOARD,
)
from pqrs_kedro.pipelines.synthesis.texts import Topic

Json = dict[str, Any]
SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = UTC_OFFSET_SECONDS * SECOND
_FILE_TYPES = ("pdf", "pdf", "pdf", "jpg", "jpg", "png", "docx", "xlsx")
_LOG_KB = math.log(350)
# By statuses left, where they matter, and entered.
_SPOKEN: dict[tuple[str | None, str | None], str] = {
    (ON_HOLD, IN_PROGRESS): "completion",
    (RESPONDED, IN_PROGRESS): "rework_note",
    (None, ON_HOLD): "completion_request",
    (None, RESPONDED): "response",
    (None, REOPENED): "reopen_request",
}


@dataclass(slots=True)
class Event:
    """Something that happens to a ticket: a status is entered, a reply given, a term extended."""

    kind: str
    at: int
    """Microseconds UTC."""
    ts: str
    event_id: str
    actor: str
    status_from: str | None = None
    status_to: str | None = None
    resolution: str | None = None


@dataclass(slots=True)
class Ticket:
    """One ticket with all that its events tell."""

    source: str
    radicado: str
    cited: str | None
    pqrs_type: str
    webform_code: int
    priority: str
    topic: Topic
    dane_code: str | None
    person: Person
    anonymous: bool
    case: Case
    life: Life
    facts: dict[str, float]
    """Draws that all its texts share."""
    cases: dict[str, str]
    """The case of every selector of the grammar, as far as it is the same for all its texts."""
    quoted: dict[str, str]
    platform: str
    confidence: float
    ticket_id: str = ""
    radicated_at: int = 0
    first_event_id: str = ""
    subject: str = ""


def instant(at: int) -> str:
    """ISO 8601 in UTC of an instant in microseconds."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")[:26] + "Z"


def local_day(at: int) -> int:
    """Local day number of an instant."""
    return (at + _OFFSET) // DAY


class Payloads:
    """Puts payloads together.

    Args:
        profile: shares of tickets with files.
        grammar: the texts.
        rng: draws times, files and grades.
    """

    def __init__(self, profile: Profile, grammar: Grammar, rng: Random) -> None:
        self._grammar, self._rng, self._random = grammar, rng, rng.random
        self._file_share = {name: item.attachment_share for name, item in profile.channels.items()}
        self._petitions: dict[str, Callable[[Ticket, Event], Json]] = {
            "email": self._email,
            "webform": self._webform,
            "chat": self._chat,
            "call": self._call,
        }
        self._messages: dict[str, Callable[[Ticket, Event, str], Json]] = {
            "email": self._email_reply,
            "webform": self._webform_message,
            "chat": self._chat_message,
            "call": self._call_message,
        }

    def payload(self, ticket: Ticket, event: Event) -> Json | None:
        """The payload of an event; null if nothing is said."""
        if event.status_to == RECEIVED:
            ticket.subject = self._say(ticket, "subject", known=True)
            return self._petitions[ticket.source](ticket, event)
        if kind := _spoken(event):
            text = self._say(ticket, kind, event.at >= ticket.radicated_at, event.resolution)
            return self._messages[ticket.source](ticket, event, text)
        return None

    def _say(
        self, ticket: Ticket, kind: str, known: bool = False, resolution: str | None = None
    ) -> str:
        cases = ticket.cases | {
            "external_id": "given" if known else "missing",
            "resolution_code": resolution or "ORDINARIA",
        }
        return self._grammar.text(kind, cases, ticket.quoted, ticket.facts)

    def _petition(self, ticket: Ticket, kind: str) -> str:
        return self._say(ticket, kind, False, "REITERATIVA" if ticket.cited else None)

    def _between(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))

    def _later(self, at: int, low: int, high: int) -> int:
        """An instant some seconds later, on the same local day."""
        end_of_day = (local_day(at) + 1) * DAY - _OFFSET - 1
        return min(at + self._between(low, high) * SECOND, end_of_day)

    def _files(self, ticket: Ticket, name_key: str, size_key: str) -> list[Json]:
        if self._random() >= self._file_share[ticket.source]:
            return []
        if ticket.source == "call":
            return [{name_key: "transcripcion.txt", size_key: self._size()}]
        drawn = self._random()
        count = 1 if drawn < 0.7 else 2 if drawn < 0.9 else 3
        return [{name_key: self._name(n), size_key: self._size()} for n in range(1, count + 1)]

    def _name(self, number: int) -> str:
        return f"soporte_{number}.{_FILE_TYPES[int(self._random() * len(_FILE_TYPES))]}"

    def _size(self) -> int:
        return max(round(self._rng.lognormvariate(_LOG_KB, 1)), 1)

    # --- Petitions -----------------------------------------------------------------------------

    def _email(self, ticket: Ticket, event: Event) -> Json:
        return {
            "message_id": f"<{event.event_id}@correo.example>",
            "from": ticket.person.email,
            "to": [AUTHORITY_ADDRESS],
            "cc": [],
            "subject": ticket.subject,
            "body": self._petition(ticket, "petition_body"),
            "in_reply_to": None,
            "received_timestamp": event.ts,
            "attachments": self._files(ticket, "file_name", "size_kb"),
        }

    def _webform(self, ticket: Ticket, event: Event) -> Json:
        person, named, code = ticket.person, not ticket.anonymous, ticket.dane_code
        return {
            "codigoTipoPersona": person.person_type_code if named else None,
            "codigoTipoIdentificacion": person.document_type_code if named else None,
            "numeroDocumento": person.document_number if named else None,
            "primerNombre": person.first_name if named else None,
            "segundoNombre": person.second_name if named else None,
            "primerApellido": person.first_surname if named else None,
            "segundoApellido": person.second_surname if named else None,
            "codigoGenero": person.gender_code if named else None,
            "fechaNacimiento": person.birth_date if named else None,
            "codigoPais": 169,
            "codigoDepartamento": code and code[:2],
            "codigoCiudad": code,
            "notificacionElectronica": named,
            "idTipoPeticion": ticket.webform_code,
            "codigoCanal": CHANNEL_CODE["webform"],
            "codigoEntidad": ENTITY_CODE,
            "codigoDependencia": ticket.topic.dependency_code,
            "codigoTema": ticket.topic.webform_code,
            "asunto": ticket.subject,
            "observaciones": self._petition(ticket, "petition_body"),
            "documentos": self._files(ticket, "nombre", "tamanoKb"),
            "anonimo": ticket.anonymous,
        }

    def _chat(self, ticket: Ticket, event: Event) -> Json:
        greeting = self._later(event.at, 2, 4)
        detail = self._later(greeting, 20, 60)
        handoff = instant(self._later(detail, 3, 6))
        turns = (
            (event.ts, "citizen", "chat_opening"),
            (instant(greeting), "bot", "bot_greeting"),
            (instant(detail), "citizen", "citizen_detail"),
            (handoff, "bot", "bot_handoff"),
        )
        return {
            "session_id": event.event_id,
            "platform": ticket.platform,
            "bot_handoff_at": handoff,
            "turns": [
                {"at": at, "author": author, "text": self._petition(ticket, kind)}
                for at, author, kind in turns
            ],
            "csat": None,
            "attachments": self._files(ticket, "file_name", "size_kb"),
        }

    def _call(self, ticket: Ticket, event: Event) -> Json:
        answered = self._later(event.at, 5, 120)
        agent = self._later(answered, 30, 150)
        ended = instant(self._later(agent, 60, 420))
        turns = (
            (instant(answered), "citizen", self._petition(ticket, "call_citizen")),
            (instant(agent), "agent", self._petition(ticket, "call_agent")),
        )
        files = self._files(ticket, "file_name", "size_kb")
        return _call_json(ticket, event, turns, ended, files)

    # --- Later messages ------------------------------------------------------------------------

    def _email_reply(self, ticket: Ticket, event: Event, text: str) -> Json:
        people = (ticket.person.email, AUTHORITY_ADDRESS)
        sender, receiver = people if event.actor == "citizen" else reversed(people)
        return {
            "message_id": f"<{event.event_id}@correo.example>",
            "from": sender,
            "to": [receiver],
            "cc": [],
            "subject": f"Re: {ticket.subject}",
            "body": text,
            "in_reply_to": f"<{ticket.first_event_id}@correo.example>",
            "received_timestamp": event.ts,
            "attachments": [],
        }

    def _webform_message(self, ticket: Ticket, event: Event, text: str) -> Json:
        return {"asunto": f"Re: {ticket.subject}", "observaciones": text, "documentos": []}

    def _chat_message(self, ticket: Ticket, event: Event, text: str) -> Json:
        grade = self._between(1, 12)
        return {
            "session_id": event.event_id,
            "platform": ticket.platform,
            "bot_handoff_at": None,
            "turns": [{"at": event.ts, "author": event.actor, "text": text}],
            "csat": grade if event.status_to == RESPONDED and grade <= 5 else None,
            "attachments": [],
        }

    def _call_message(self, ticket: Ticket, event: Event, text: str) -> Json:
        ended = instant(self._later(event.at, 60, 420))
        return _call_json(ticket, event, ((event.ts, event.actor, text),), ended, [])


def _spoken(event: Event) -> str | None:
    """The kind of text that is said with an event after RECEIVED."""
    if event.kind != "STATUS":
        return "first_reply" if event.kind == "MESSAGE" else "extension_notice"
    moved = _SPOKEN.get((event.status_from, event.status_to))
    return moved or _SPOKEN.get((None, event.status_to))


def _call_json(
    ticket: Ticket,
    event: Event,
    turns: tuple[tuple[str, str, str], ...],
    ended: str,
    files: list[Json],
) -> Json:
    return {
        "call_id": event.event_id,
        "ani": ticket.person.phone_masked,
        "dnis": SWITCHBOARD,
        "queue_enter": event.ts,
        "answered_at": turns[0][0],
        "ended_at": ended,
        "disposition": "ATENDIDA",
        "transcript": [{"at": at, "author": author, "text": text} for at, author, text in turns],
        "asr_confidence": ticket.confidence,
        "attachments": files,
    }
