"""Raw events from a story: one line per event, as a person would write them down.

```text
2026-03-27 09:00  RECEIVED       +carta.PDF:120
2026-03-27 09:10  RADICATED      05001
2026-03-27 11:00  CLASSIFIED     PETICION
2026-03-30 08:00  MESSAGE
2026-04-06 08:00  TERM_EXTENDED  30
2026-04-20 15:00  RESPONDED      PRORROGA
```

A line is the local day and time, what happened, at most one fact (RADICATED: municipality,
CLASSIFIED: type, RESPONDED: resolution code, TERM_EXTENDED: new total term) and any number of
`+file:kB`. With `whole`, statuses that the story leaves out are entered at the instant of the next
one, so that the path is one of the status machine. The events have the whole documented envelope
and payload, so that a pipeline can be run on them.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.oracle.calendar import BOGOTA_OFFSET, end_of_day, local_day
from tests.oracle.quality import MOVES

RawEvent = dict[str, Any]
Payload = dict[str, Any]

_ACTOR = {"RECEIVED": "citizen", "RADICATED": "system", "CLOSED": "system", "ARCHIVED": "system"}
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class _Line:
    """One line of a story, and the status the ticket was in before it."""

    at: datetime
    what: str
    fact: str | None
    files: tuple[tuple[str, int], ...]
    status_before: str | None

    @property
    def is_status(self) -> bool:
        return self.what not in ("MESSAGE", "TERM_EXTENDED")

    @property
    def actor_role(self) -> str:
        if self.what == "REOPENED" or (self.what, self.status_before) == ("IN_PROGRESS", "ON_HOLD"):
            return "citizen"
        return _ACTOR.get(self.what, "agent")

    @property
    def has_payload(self) -> bool:
        if self.what == "IN_PROGRESS":
            return self.status_before in ("ON_HOLD", "RESPONDED")
        always = ("RECEIVED", "MESSAGE", "ON_HOLD", "RESPONDED", "REOPENED", "TERM_EXTENDED")
        return self.what in always


def utc_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def local_instant(text: str) -> datetime:
    """UTC instant of a local time such as `2026-03-27 09:00` or `2026-03-27 23:59:59.999999`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - BOGOTA_OFFSET


def uuid7_text(instant: datetime, high: int, low: int) -> str:
    """UUIDv7 layout: milliseconds, 12 bits of `high`, 62 bits of `low`."""
    milliseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def _between(origin: str | None, target: str) -> list[str]:
    """The statuses of the shortest way from one to another, without both."""
    ways = [[origin or ""]]
    for way in ways:
        nexts = [after for before, after in sorted(MOVES) if before == way[-1]]
        if target in nexts:
            return way[1:]
        ways += [[*way, after] for after in nexts if after not in way]
    raise ValueError(f"no way from {origin} to {target}")


def _whole_path(lines: list[_Line]) -> Iterator[_Line]:
    """The lines, and before each of them those of the statuses that were left out."""
    for line in lines:
        before = line.status_before
        if line.is_status:
            for status in _between(before, line.what):
                yield _Line(line.at, status, None, (), before)
                before = status
        yield replace(line, status_before=before)


def _read_story(story: str) -> list[_Line]:
    lines: list[_Line] = []
    status: str | None = None
    for text in filter(str.strip, story.splitlines()):
        day, time, what, *rest = text.split()
        facts = [word for word in rest if not word.startswith("+")]
        files = [word[1:].rsplit(":", 1) for word in rest if word.startswith("+")]
        line = _Line(
            at=local_instant(f"{day} {time}"),
            what=what,
            fact=facts[0] if facts else None,
            files=tuple((name, int(size)) for name, size in files),
            status_before=status,
        )
        lines.append(line)
        status = what if line.is_status else status
    return lines


def _attributes(line: _Line, priority: str, cited: str | None) -> dict[str, Any]:
    if line.what == "RADICATED":
        return {"dane_code": line.fact}
    if line.what == "CLASSIFIED":
        return {"pqrs_type": line.fact, "priority": priority}
    if line.what == "RESPONDED":
        return {"resolution_code": line.fact, "cited_external_id": cited}
    if line.what == "TERM_EXTENDED":
        return {"term_business_days": int(line.fact or 0)}
    return {}


def _attachments(line: _Line) -> list[dict[str, Any]]:
    return [{"file_name": name, "size_kb": size} for name, size in line.files]


def _email(line: _Line) -> Payload:
    return {
        "message_id": f"<{line.at.timestamp():.0f}@ejemplo.example>",
        "from": "persona@ejemplo.example",
        "to": ["pqrs@entidad.example"],
        "cc": [],
        "subject": f"Asunto {line.what}",
        "body": f"Texto de la línea {line.what}",
        "in_reply_to": None,
        "received_timestamp": utc_text(line.at),
        "attachments": _attachments(line),
    }


def _webform(line: _Line) -> Payload:
    text = {
        "asunto": f"Asunto {line.what}",
        "observaciones": f"Texto de la línea {line.what}",
        "documentos": [{"nombre": name, "tamanoKb": size} for name, size in line.files],
    }
    if line.what != "RECEIVED":
        return text
    person = {
        "codigoTipoPersona": 1,
        "codigoTipoIdentificacion": 1,
        "numeroDocumento": "9900000001",
        "primerNombre": "Persona",
        "segundoNombre": None,
        "primerApellido": "Inventada",
        "segundoApellido": None,
        "codigoGenero": 1,
        "fechaNacimiento": "1980-01-01",
        "codigoPais": 169,
        "codigoDepartamento": "05",
        "codigoCiudad": "05001",
        "notificacionElectronica": True,
        "idTipoPeticion": 1,
        "codigoCanal": 1,
        "codigoEntidad": 1,
        "codigoDependencia": "100",
        "codigoTema": 1,
    }
    return {**person, **text, "anonimo": False}


def _turns(line: _Line) -> list[dict[str, Any]]:
    """What was said; a reception also has the bot's greeting, one second later."""
    text = f"Texto de la línea {line.what}"
    turns = [{"at": utc_text(line.at), "author": line.actor_role, "text": text}]
    if line.what == "RECEIVED":
        # A turn is never on a later local day than its line.
        greeted_at = min(line.at + _SECOND, end_of_day(local_day(line.at)))
        turns.append({"at": utc_text(greeted_at), "author": "bot", "text": "Bienvenida"})
    return turns


def _chat(line: _Line) -> Payload:
    return {
        "session_id": f"s-{line.at.timestamp():.0f}",
        "platform": "web",
        "bot_handoff_at": None,
        "turns": _turns(line),
        "csat": None,
        "attachments": _attachments(line),
    }


def _call(line: _Line) -> Payload:
    return {
        "call_id": f"c-{line.at.timestamp():.0f}",
        "ani": "300*****01",
        "dnis": "195",
        "queue_enter": utc_text(line.at),
        "answered_at": utc_text(line.at),
        "ended_at": utc_text(line.at + _SECOND),
        "disposition": "answered",
        "transcript": _turns(line),
        "asr_confidence": 0.9,
        "attachments": _attachments(line),
    }


_PAYLOADS: dict[str, Callable[[_Line], Payload]] = {
    "email": _email,
    "webform": _webform,
    "chat": _chat,
    "call": _call,
}


def ticket_events(
    story: str,
    *,
    ticket: int = 1,
    channel: str = "webform",
    priority: str = "MEDIA",
    cited_external_id: str | None = None,
    whole: bool = False,
) -> Iterator[RawEvent]:
    """The raw events of one ticket, in the order of its story.

    `ticket` tells tickets apart: it makes the ticket id and the radicado number.
    """
    lines = _read_story(story)
    lines = list(_whole_path(lines)) if whole else lines
    ticket_id = uuid7_text(lines[0].at, 0, ticket)
    external_id = f"{lines[0].at.year}100{ticket:06d}2"
    for number, line in enumerate(lines, start=1):
        yield {
            "event_id": uuid7_text(line.at, number, ticket),
            "event_type": "STATUS" if line.is_status else line.what,
            "ts": utc_text(line.at),
            "source": channel,
            "ticket_id": ticket_id,
            "external_id": None if line.what == "RECEIVED" else external_id,
            "actor_role": line.actor_role,
            "status_from": line.status_before if line.is_status else None,
            "status_to": line.what if line.is_status else None,
            "attributes": _attributes(line, priority, cited_external_id),
            "payload": _PAYLOADS[channel](line) if line.has_payload else None,
        }


def write_lake(lake_root: Path, run_id: str, events: Iterable[RawEvent]) -> list[Path]:
    """Write the events as raw objects, one per source and local day; returns their paths."""
    objects: dict[tuple[str, str], list[RawEvent]] = {}
    for event in sorted(events, key=lambda event: (event["ts"], event["event_id"])):
        day = local_day(datetime.fromisoformat(event["ts"])).isoformat()
        objects.setdefault((event["source"], day), []).append(event)
    paths = []
    for (source, day), lines in objects.items():
        folder = lake_root / "raw/pqrs" / f"source={source}" / f"day={day}" / f"run_id={run_id}"
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        path = folder / "events.jsonl"
        path.write_bytes(text.encode("utf-8"))
        paths.append(path)
    return paths
