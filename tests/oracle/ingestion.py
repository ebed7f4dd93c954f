"""What a raw line says, decided line by line in plain Python.

A second implementation of docs/raw_events.md and docs/curation.md: nothing is imported from the
project. A line is blank, an event, or has a reason why it is none.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.oracle.calendar import local_day

STATUSES = [
    "RECEIVED",
    "RADICATED",
    "CLASSIFIED",
    "ASSIGNED",
    "IN_PROGRESS",
    "ON_HOLD",
    "RESPONDED",
    "CLOSED",
    "REOPENED",
    "ARCHIVED",
]
CODES = {
    ("source",): ["email", "webform", "chat", "call"],
    ("event_type",): ["STATUS", "MESSAGE", "TERM_EXTENDED"],
    ("actor_role",): ["citizen", "agent", "system"],
    ("status_from",): STATUSES,
    ("status_to",): STATUSES,
    ("attributes", "priority"): ["ALTA", "MEDIA", "BAJA"],
    ("attributes", "resolution_code"): [
        "DESISTIMIENTO_TACITO",
        "TRASLADO",
        "REITERATIVA",
        "PRORROGA",
    ],
}
_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
FORMS = {
    ("event_id",): _UUID,
    ("ticket_id",): _UUID,
    ("external_id",): "[0-9]{14}",
    ("attributes", "dane_code"): "[0-9]{5}",
    ("attributes", "pqrs_type"): "[A-Z][A-Z_]*",
}
REQUIRED = ("event_id", "event_type", "ts", "source", "ticket_id", "actor_role")
_TURN = {"at": str, "author": str, "text": str}
READ: dict[str, Any] = {
    **dict.fromkeys([*REQUIRED, "external_id", "status_from", "status_to"], str),
    "attributes": {
        "dane_code": str,
        "pqrs_type": str,
        "priority": str,
        "resolution_code": str,
        "cited_external_id": str,
        "term_business_days": int,
    },
    "payload": {
        **dict.fromkeys(["subject", "body", "asunto", "observaciones"], str),
        "turns": [_TURN],
        "transcript": [_TURN],
        "attachments": [{"file_name": str, "size_kb": int}],
        "documentos": [{"nombre": str, "tamanoKb": int}],
    },
}
EXPORTED = {
    "email": "message_id from to cc subject body in_reply_to received_timestamp attachments",
    "webform": "codigoTipoPersona codigoTipoIdentificacion numeroDocumento primerNombre "
    "segundoNombre primerApellido segundoApellido codigoGenero fechaNacimiento codigoPais "
    "codigoDepartamento codigoCiudad notificacionElectronica idTipoPeticion codigoCanal "
    "codigoEntidad codigoDependencia codigoTema asunto observaciones documentos anonimo",
    "chat": "session_id platform bot_handoff_at turns csat attachments",
    "call": "call_id ani dnis queue_enter answered_at ended_at disposition transcript "
    "asr_confidence attachments",
}


@dataclass(frozen=True)
class Verdict:
    """What became of a line that is not blank."""

    reason: str | None = None
    details: tuple[str | None, ...] = (None,)
    """The field that the reason is about; any of several that are equally wrong."""
    event: dict[str, Any] | None = None
    repairs: frozenset[str] = frozenset()
    unknown_fields: frozenset[str] = frozenset()


def is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")


def judge(line: bytes, source: str) -> Verdict:
    """The verdict on a line that is not blank, of an object of a source."""
    repairs = set()
    if line[:3] == b"\xef\xbb\xbf":
        line = line[3:]
        repairs.add("byte_order_mark")
    try:
        text = line.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return Verdict("invalid_utf8")
    value = _read(text)
    if isinstance(value, Verdict):
        return value
    wrong = list(_wrong_types(value, READ, ()))
    if wrong:
        return Verdict("wrong_type", tuple(wrong))
    unknown = frozenset(_unknown(value))
    event = _projected(value, READ, repairs)
    _repair(event, repairs)
    problem = _problem(event, source)
    if problem:
        return problem
    event["ts"] = _instant(event["ts"])
    return Verdict(event=event, repairs=frozenset(repairs), unknown_fields=unknown)


class _Pairs(list[Any]):
    """An object as its pairs."""


def _read(text: str) -> Any:
    """The value of a line as dicts, or why there is none."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_refused, parse_int=_digits)
    text = text.strip(" \t\r")
    if _depth(text) > 64:
        return Verdict("invalid_json")
    try:
        value, end = decoder.raw_decode(text)
    except ValueError:
        return Verdict("invalid_json")
    rest = text[end:].strip(" \t\r")
    if rest:
        both = isinstance(value, _Pairs) and rest[0] == "{"
        return Verdict("several_objects" if both else "invalid_json")
    if not isinstance(value, _Pairs):
        return Verdict("not_an_object")
    if any("\ud800" <= character <= "\udfff" for character in "".join(_texts(value))):
        return Verdict("invalid_json")
    twice = list(_repeated(value))
    if twice:
        return Verdict("duplicate_key", tuple(key.replace("\0", "\ufffd") for key in twice))
    return _as_dicts(value)


def _refused(name: str) -> Any:
    raise ValueError(name)


def _digits(text: str) -> int:
    """A whole number; Python itself refuses those of thousands of digits."""
    return int(text) if len(text) < 100 else 10**100


def _depth(text: str) -> int:
    """How deep brackets nest, those inside texts left out."""
    deepest = depth = 0
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _repeated(value: Any) -> Any:
    if isinstance(value, _Pairs):
        names = [name for name, _ in value]
        yield from (name for name in names if names.count(name) > 1)
    if isinstance(value, list | tuple):
        for part in value:
            yield from _repeated(part)


def _as_dicts(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _as_dicts(part) for name, part in value}
    return [_as_dicts(part) for part in value] if isinstance(value, list) else value


def _wrong_types(value: Any, kind: Any, path: tuple[str, ...]) -> Any:
    if value is None:
        return
    expected = type(kind) if isinstance(kind, dict | list) else kind
    if type(value) is not expected or (expected is int and not -(2**63) <= value < 2**63):
        yield ".".join(path)
    elif isinstance(kind, list):
        for item in value:
            yield from _wrong_types(item, kind[0], path)
    elif isinstance(kind, dict):
        for name, part in kind.items():
            yield from _wrong_types(value.get(name), part, (*path, name))


def _unknown(event: dict[str, Any]) -> Any:
    yield from set(event) - set(READ)
    yield from (
        f"attributes.{n}" for n in set(event.get("attributes") or ()) - {*READ["attributes"]}
    )
    payload = event.get("payload") or {}
    known = (
        EXPORTED[event["source"]].split() if event.get("source") in EXPORTED else READ["payload"]
    )
    yield from (f"payload.{name}" for name in set(payload) - set(known))
    for name, kind in READ["payload"].items():
        if isinstance(kind, list):
            for item in payload.get(name) or ():
                yield from (f"payload.{name}.{n}" for n in set(item or ()) - set(kind[0]))


def _projected(value: Any, kind: Any, repairs: set[str]) -> Any:
    """What is read of a value; NUL becomes the sign for what was lost."""
    if value is None:
        return None
    if isinstance(kind, dict):
        return {name: _projected(value.get(name), part, repairs) for name, part in kind.items()}
    if isinstance(kind, list):
        return [_projected(item, kind[0], repairs) for item in value]
    if kind is str and "\0" in value:
        repairs.add("nul_in_text")
        return "\ufffd".join(value.split("\0"))
    return value


def _repair(event: dict[str, Any], repairs: set[str]) -> None:
    attributes, payload = event["attributes"], event["payload"] or {}
    if attributes and re.fullmatch("[0-9]{4}", attributes["dane_code"] or ""):
        attributes["dane_code"] = "0" + attributes["dane_code"]
        repairs.add("dane_without_zero")
    places = [event, *(payload.get("turns") or ()), *(payload.get("transcript") or ())]
    for place in filter(None, places):
        name = "ts" if place is event else "at"
        place[name] = _in_utc(place[name], repairs)


def _in_utc(text: str | None, repairs: set[str]) -> str | None:
    pattern = r"(.{19})(\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-5][0-9])"
    parts = re.fullmatch(pattern, text or "")
    if not parts or not re.fullmatch("[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}", parts[1]):
        return text
    nanoseconds = int((parts[3] or "").ljust(9, "0"))
    minutes = 0
    if parts[4] != "Z":
        minutes = int(parts[4][1:3]) * 60 + int(parts[4][4:])
    if nanoseconds % 1000 or minutes > 14 * 60:
        return text
    try:
        moment = datetime.strptime(f"{parts[1]}+0000", "%Y-%m-%dT%H:%M:%S%z")
        shift = timedelta(minutes=-minutes if parts[4][0] == "+" else minutes)
        moment += shift + timedelta(microseconds=nanoseconds // 1000)
    except (ValueError, OverflowError):
        return text
    if parts[4] != "Z":
        repairs.add("other_utc_offset")
    if len(parts[3] or "") != 6:
        repairs.add("mixed_precision")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _instant(text: str | None) -> datetime | None:
    if not re.fullmatch(r"[1-9][0-9]{3}-.{14}\.[0-9]{6}Z", text or ""):
        return None
    try:
        found = datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if date(2017, 1, 1) <= local_day(found) <= date(2039, 12, 31) else None


def _at(event: dict[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        event = (event or {}).get(name)  # type: ignore[assignment]
    return event


def _problem(event: dict[str, Any], source: str) -> Verdict | None:
    for name in REQUIRED:
        if not event[name]:
            return Verdict("missing_field", (name,))
    for path, allowed in CODES.items():
        if _at(event, path) not in (None, *allowed):
            return Verdict("unknown_value", (".".join(path),))
    for path, form in FORMS.items():
        if _at(event, path) is not None and not re.fullmatch(form, _at(event, path)):
            return Verdict("invalid_value", (".".join(path),))
    return _misfit(event, source)


def _misfit(event: dict[str, Any], source: str) -> Verdict | None:
    payload = event["payload"] or {}
    letters = [name for name in ("body", "observaciones") if payload.get(name) is not None]
    is_status = event["event_type"] == "STATUS"
    for holds, reason, detail in (
        (_instant(event["ts"]) is None, "invalid_value", "ts"),
        (event["source"] != source, "invalid_value", "source"),
        (is_status and event["status_to"] is None, "missing_field", "status_to"),
        (_has_broken_parts(payload), "invalid_value", "payload"),
        (letters and event["actor_role"] == "system", "invalid_value", "actor_role"),
    ):
        if holds:
            return Verdict(reason, (detail,))
    return None


def _has_broken_parts(payload: dict[str, Any]) -> bool:
    turns = payload.get("turns")
    turns = payload.get("transcript") if turns is None else turns
    for turn in turns or ():
        if turn is None or _instant(turn["at"]) is None or turn["text"] is None:
            return True
        if turn["author"] not in ("citizen", "agent", "bot"):
            return True
    for files, name, size in (
        ("attachments", "file_name", "size_kb"),
        ("documentos", "nombre", "tamanoKb"),
    ):
        for file in payload.get(files) or ():
            if file is None or file[name] is None or file[size] is None or file[size] < 0:
                return True
    return False
