"""One raw line read exactly, for the lines that are not of the canonical form.

The query engine's JSON reader takes the last of several equal keys and a number for a text, and
says nothing. Here every line is an event whose read fields have their types, or has a reason why it
is none. What can be repaired without a guess is repaired, and said.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pqrs_kedro.contracts.columns import REPAIRS
from pqrs_kedro.contracts.raw import PAYLOAD_FIELDS, RAW_EVENT_STRUCTURE, TIMESTAMP_PATTERN

# Deeper JSON is refused before Python's parser meets it, whose own bound depends on its caller.
MAX_DEPTH: Final = 64
# The easternmost zone of the world is UTC+14.
_FARTHEST: Final = timedelta(hours=14)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BLANKS: Final = " \t\r\n"
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_INT64: Final = range(-(2**63), 2**63)
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_CANONICAL: Final = re.compile(TIMESTAMP_PATTERN.replace("$", r"\Z"), re.ASCII)
_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:(Z)|([+-])(\d\d):([0-5]\d))", re.ASCII
)
_DANE_WITHOUT_ZERO: Final = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True)
class Reading:
    """What a line says: an event of `RAW_EVENT_STRUCTURE`, or why it is none."""

    event: dict[str, Any] | None = None
    reason: str | None = None
    detail: str | None = None
    repairs: tuple[str, ...] = ()
    """What was repaired, in the order of REPAIRS."""
    unknown_fields: tuple[str, ...] = ()
    """Paths of fields that no contract knows, in order."""


class Rejected(ValueError):
    """A line that is no event."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass
class _Notes:
    """What is noticed on the way through a line."""

    channel: str = ""
    repairs: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


def read_line(line: bytes) -> Reading:
    """The event of a line, its read fields alone, repaired where that is safe."""
    notes = _Notes()
    try:
        found = _parsed(_decoded(line, notes))
        notes.channel = str(found.get("source"))
        event = _typed(found, RAW_EVENT_STRUCTURE, "", notes)
    except Rejected as why:
        return Reading(reason=why.reason, detail=why.detail)
    _repair(event, notes)
    repairs = tuple(name for name in REPAIRS if name in notes.repairs)
    return Reading(event, repairs=repairs, unknown_fields=tuple(sorted(notes.unknown)))


def _decoded(line: bytes, notes: _Notes) -> str:
    if line.startswith(_BYTE_ORDER_MARK):
        notes.repairs.add("byte_order_mark")
        line = line.removeprefix(_BYTE_ORDER_MARK)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Rejected("invalid_utf8") from None


def _parsed(text: str) -> dict[str, Any]:
    """The one object of a line, without equal keys at any depth."""
    repeated: list[str] = []

    def as_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.append(next(n for i, n in enumerate(names) if n in names[:i]))
        return found

    value = _only_value(text.strip(_BLANKS), as_object)
    if not isinstance(value, dict):
        raise Rejected("not_an_object")
    _refuse_half_characters(text, value)
    if repeated:
        raise Rejected("duplicate_key", repeated[0].replace("\0", _REPLACEMENT))
    return value


def _only_value(text: str, as_object: Any) -> Any:
    if _is_too_deep(text):
        raise Rejected("invalid_json")
    decoder = json.JSONDecoder(
        object_pairs_hook=as_object, parse_constant=_no_number, parse_int=_number
    )
    try:
        value, end = decoder.raw_decode(text)
    except ValueError:
        raise Rejected("invalid_json") from None
    rest = text[end:].lstrip(_BLANKS)
    if rest:
        glued = isinstance(value, dict) and rest.startswith("{")
        raise Rejected("several_objects" if glued else "invalid_json")
    return value


def _is_too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            return True
    return False


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _number(digits: str) -> int | float:
    """A whole number; one that is far too long for any field loses its digits."""
    return int(digits) if len(digits) < 25 else float(digits)


def _refuse_half_characters(text: str, value: dict[str, Any]) -> None:
    """The escape of half a character, alone, stands for none."""
    if r"\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Rejected("invalid_json") from None


def _typed(value: Any, structure: Any, path: str, notes: _Notes) -> Any:
    """What is read of a value, each part of its type; null stands for anything."""
    if value is None:
        return None
    if structure == "VARCHAR":
        return _text(value, path, notes)
    if structure == "BIGINT":
        return _whole(value, path)
    if isinstance(structure, list):
        items = _of(list, value, path)
        return [_typed(item, structure[0], path, notes) for item in items]
    found, before = _of(dict, value, path), f"{path}." if path else ""
    known = PAYLOAD_FIELDS.get(notes.channel, structure) if path == "payload" else structure
    notes.unknown |= {before + name for name in found if name not in known}
    parts = structure.items()
    return {name: _typed(found.get(name), part, before + name, notes) for name, part in parts}


def _of(kind: type, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise Rejected("wrong_type", path)
    return value


def _text(value: Any, path: str, notes: _Notes) -> str:
    text: str = _of(str, value, path)
    if "\0" in text:
        notes.repairs.add("nul_in_text")
        text = text.replace("\0", _REPLACEMENT)
    return text


def _whole(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
        raise Rejected("wrong_type", path)
    return value


def _repair(event: dict[str, Any], notes: _Notes) -> None:
    """Write a municipality and the instants of an event in their canonical form."""
    attributes, payload = event["attributes"] or {}, event["payload"] or {}
    code = attributes.get("dane_code")
    if code is not None and _DANE_WITHOUT_ZERO.fullmatch(code):
        notes.repairs.add("dane_without_zero")
        attributes["dane_code"] = f"0{code}"
    event["ts"] = _repaired_instant(event["ts"], notes)
    for turn in (*(payload.get("turns") or ()), *(payload.get("transcript") or ())):
        if turn is not None:
            turn["at"] = _repaired_instant(turn["at"], notes)


def _repaired_instant(text: str | None, notes: _Notes) -> str | None:
    """The same instant in UTC with microseconds, where the text leaves no doubt which it is."""
    if text is None or _CANONICAL.match(text):
        return text
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        return text
    clock, fraction, utc, sign, hours, minutes = parts.groups()
    digits = fraction or ""
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if digits[6:].strip("0") or offset > _FARTHEST:
        return text
    try:
        local = datetime.fromisoformat(f"{clock}.{digits[:6]:0<6}")
        instant = local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return text
    if utc is None:
        notes.repairs.add("other_utc_offset")
    if len(digits) != 6:
        notes.repairs.add("mixed_precision")
    return f"{instant.isoformat(timespec='microseconds')}Z"
