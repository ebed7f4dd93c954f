"""The raw event as ingestion reads it (docs/raw_events.md): one structure for all channels.

The shapes below say once what a line may look like. Derived from them are the structure that is
read (a field that a line does not have is null; fields of the payload that no curated column comes
from stay in the raw layer), the known fields, and the pattern of a canonical line: keys in their
order, no spaces, every value of its form. A line that fits the pattern needs no further look at its
JSON; the generator writes no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pqrs_kedro.contracts.columns import ACTOR_ROLES, AUTHOR_KINDS, EVENT_TYPES, PRIORITIES
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import RESOLUTION_CODES, STATUS_IDS

# What every event must have; the others may be null or absent.
REQUIRED_FIELDS: Final = ("event_id", "event_type", "ts", "source", "ticket_id", "actor_role")
TIMESTAMP_PATTERN: Final = r"^[1-9]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$"
# Codes of the envelope and the attributes.
RADICADO_PATTERN: Final = r"^\d{14}$"
DANE_PATTERN: Final = r"^\d{5}$"
TYPE_PATTERN: Final = r"^[A-Z][A-Z_]*$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

# Inside the quotes of a JSON text. Escapes by number are valid too, but may hide NUL or half a
# character: lines with them are read with care.
_ANY_TEXT: Final = r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*'
_WHOLE: Final = r"(?:0|-?[1-9]\d{0,17})"
_UNREAD_TEXT: Final = f'"{_ANY_TEXT}"'
# A value that nothing is read from: no object, so that it has no keys.
_UNREAD: Final = (
    rf"(?:null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?|{_UNREAD_TEXT}"
    rf"|\[(?:{_UNREAD_TEXT}(?:,{_UNREAD_TEXT})*)?\])"
)


@dataclass(frozen=True)
class Scalar:
    """A text or whole number that is read; `pattern` is that of its JSON, null apart."""

    type: str
    pattern: str
    nullable: bool = False


@dataclass(frozen=True)
class Unread:
    """A value of the payload that stays in the raw layer."""


@dataclass(frozen=True)
class Items:
    """An array of objects."""

    shape: "Shape"


@dataclass(frozen=True)
class Shape:
    """An object: its keys in canonical order."""

    fields: Mapping[str, "Value"]


@dataclass(frozen=True)
class Shapes:
    """One of several objects; with `or_null`, or null."""

    shapes: tuple[Shape, ...] = field(default=())
    or_null: bool = False


Value: TypeAlias = Scalar | Unread | Items | Shape | Shapes
# What is read: DuckDB's type of a scalar, an object, or the one-element list of an array's items.
Structure: TypeAlias = dict[str, Any]


def _matching(pattern: str, nullable: bool = False) -> Scalar:
    return Scalar("VARCHAR", f'"{pattern.removeprefix("^").removesuffix("$")}"', nullable)


def _one_of(values: tuple[str, ...], nullable: bool = False) -> Scalar:
    return _matching(f"(?:{'|'.join(values)})", nullable)


_TEXT: Final = _matching(_ANY_TEXT)
_NUMBER: Final = Scalar("BIGINT", _WHOLE)
_INSTANT: Final = _matching(TIMESTAMP_PATTERN)
_TURNS: Final = Items(Shape({"at": _INSTANT, "author": _one_of(AUTHOR_KINDS), "text": _TEXT}))
_ATTACHMENTS: Final = Items(Shape({"file_name": _TEXT, "size_kb": _NUMBER}))


def _unread(names: str) -> dict[str, Value]:
    return dict.fromkeys(names.split(), Unread())


_FORM: Final[dict[str, Value]] = {
    "asunto": _TEXT,
    "observaciones": _TEXT,
    "documentos": Items(Shape({"nombre": _TEXT, "tamanoKb": _NUMBER})),
}
_PAYLOADS: Final[dict[str, tuple[Shape, ...]]] = {
    "email": (
        Shape(
            {
                **_unread("message_id from to cc"),
                "subject": _TEXT,
                "body": _TEXT,
                **_unread("in_reply_to received_timestamp"),
                "attachments": _ATTACHMENTS,
            }
        ),
    ),
    "webform": (
        Shape(
            {
                **_unread(
                    "codigoTipoPersona codigoTipoIdentificacion numeroDocumento primerNombre "
                    "segundoNombre primerApellido segundoApellido codigoGenero fechaNacimiento "
                    "codigoPais codigoDepartamento codigoCiudad notificacionElectronica "
                    "idTipoPeticion codigoCanal codigoEntidad codigoDependencia codigoTema"
                ),
                **_FORM,
                **_unread("anonimo"),
            }
        ),
        Shape(_FORM),
    ),
    "chat": (
        Shape(
            {
                **_unread("session_id platform bot_handoff_at"),
                "turns": _TURNS,
                **_unread("csat"),
                "attachments": _ATTACHMENTS,
            }
        ),
    ),
    "call": (
        Shape(
            {
                **_unread("call_id ani dnis queue_enter answered_at ended_at disposition"),
                "transcript": _TURNS,
                **_unread("asr_confidence"),
                "attachments": _ATTACHMENTS,
            }
        ),
    ),
}
_ATTRIBUTES: Final = Shapes(
    (
        Shape({}),
        Shape({"dane_code": _matching(DANE_PATTERN, nullable=True)}),
        Shape({"pqrs_type": _matching(TYPE_PATTERN), "priority": _one_of(PRIORITIES)}),
        Shape(
            {
                "resolution_code": _one_of(RESOLUTION_CODES, nullable=True),
                "cited_external_id": _matching(_ANY_TEXT, nullable=True),
            }
        ),
        Shape({"term_business_days": _NUMBER}),
    )
)


def _event(channels: tuple[str, ...]) -> Shape:
    """The events of some channels."""
    payloads = tuple(shape for name in channels for shape in _PAYLOADS[name])
    return Shape(
        {
            "event_id": _matching(UUID_PATTERN),
            "event_type": _one_of(EVENT_TYPES),
            "ts": _INSTANT,
            "source": _one_of(channels),
            "ticket_id": _matching(UUID_PATTERN),
            "external_id": _matching(RADICADO_PATTERN, nullable=True),
            "actor_role": _one_of(ACTOR_ROLES),
            "status_from": _one_of(STATUS_IDS, nullable=True),
            "status_to": _one_of(STATUS_IDS, nullable=True),
            "attributes": _ATTRIBUTES,
            "payload": Shapes(payloads, or_null=True),
        }
    )


def _pattern(value: Value) -> str:
    """RE2 of the canonical JSON of a value."""
    if isinstance(value, Scalar):
        return f"(?:null|{value.pattern})" if value.nullable else value.pattern
    if isinstance(value, Items):
        item = _pattern(value.shape)
        return rf"\[(?:{item}(?:,{item})*)?\]"
    if isinstance(value, Shape):
        parts = (f'"{name}":{_pattern(part)}' for name, part in value.fields.items())
        return rf"\{{{','.join(parts)}\}}"
    if isinstance(value, Shapes):
        choices = [*(["null"] if value.or_null else []), *map(_pattern, value.shapes)]
        return f"(?:{'|'.join(choices)})"
    return _UNREAD


def _structure(value: Value) -> Any:
    """What is read of a value; None for nothing."""
    if isinstance(value, Scalar):
        return value.type
    if isinstance(value, Items):
        return [_structure(value.shape)]
    read: Structure = {}
    for name, part in _fields(value):
        found = _structure(part)
        if found is not None:
            read[name] = found
    return read or None


def _fields(value: Value) -> Iterator[tuple[str, Value]]:
    """Names and values of an object, of all its shapes."""
    if isinstance(value, Shape):
        yield from value.fields.items()
    elif isinstance(value, Shapes):
        for shape in value.shapes:
            yield from shape.fields.items()


RAW_EVENT_STRUCTURE: Final[Structure] = _structure(_event(CHANNEL_IDS))
# The fields of the payload that each channel's system exports.
PAYLOAD_FIELDS: Final[dict[str, frozenset[str]]] = {
    channel: frozenset(name for shape in shapes for name in shape.fields)
    for channel, shapes in _PAYLOADS.items()
}
# A whole line, of each channel.
CANONICAL_PATTERNS: Final = {channel: _pattern(_event((channel,))) for channel in CHANNEL_IDS}
