"""The raw contract for other systems: `docs/contracts/raw_event.schema.json`, JSON Schema 2020-12.

`python -m pqrs_kedro.contracts.raw_schema` writes it; with `--check` it only says whether the file
is what the contracts say now (exit code 1 if not). docs/raw_events.md is the same in prose.

Names that are not listed are refused, so that a misspelt one is noticed. Of a payload only what a
curated column comes from is required.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from pqrs_kedro.contracts.columns import (
    ACTOR_ROLES,
    AUTHOR_KINDS,
    COLUMNS,
    EVENT_TYPES,
    PRIORITIES,
)
from pqrs_kedro.contracts.generated import write_or_check
from pqrs_kedro.contracts.raw import (
    DANE_PATTERN,
    RADICADO_PATTERN,
    TIMESTAMP_PATTERN,
    TYPE_PATTERN,
    UUID_PATTERN,
)
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import (
    CLASSIFIED,
    RADICATED,
    RECEIVED,
    RESOLUTION_CODES,
    RESPONDED,
    STATUS_IDS,
)

Schema = dict[str, Any]

PROJECT: Final = Path(__file__).resolve().parents[3]
SCHEMA_FILE: Final = PROJECT / "docs" / "contracts" / "raw_event.schema.json"

_NULL: Final[Schema] = {"type": "null"}
_STATUS: Final[Schema] = {"enum": list(STATUS_IDS)}
_TEXT: Final[Schema] = {"type": "string"}
_INSTANT: Final[Schema] = {"type": "string", "pattern": TIMESTAMP_PATTERN, "format": "date-time"}


_DESCRIPTION: Final = (
    "One line of a raw object: an event in the life cycle of one ticket. A line is one JSON object "
    "in UTF-8, at most 16 MiB long, nested at most 64 deep. What a schema cannot say: no object "
    "has a key twice, whole numbers are written without point and exponent, no escape is half a "
    "character, dates exist and lie between 2017-01-01 and 2039-12-31."
)
# Whole numbers are read into 64 bits.
_LARGEST: Final = 2**63 - 1


def raw_event_schema() -> Schema:
    """The schema of one line of a raw object."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "raw_event.schema.json",
        "title": "PQRS raw event",
        "description": _DESCRIPTION,
        **_closed(_envelope()),
        "allOf": [*_statuses(), _attributes(), *map(_payload_of, CHANNEL_IDS), _persons_write()],
        "$defs": {
            "instant": {**_INSTANT, "description": "UTC, with microseconds."},
            "turn": _turn(),
            **{f"attributes_{name}": schema for name, schema in _attribute_sets().items()},
            **{f"payload_{name}": schema for name, schema in _payloads().items()},
        },
    }


def document() -> str:
    """The schema as the file has it."""
    return json.dumps(raw_event_schema(), indent=2, ensure_ascii=False) + "\n"


# --- The envelope -------------------------------------------------------------------------------


def _envelope() -> dict[str, Schema]:
    """What every line has; what depends on the event is said by the conditions."""
    return {
        "event_id": _described("event_id", _pattern(UUID_PATTERN)),
        "event_type": _described("event_type", {"enum": list(EVENT_TYPES)}),
        "ts": _described("ts", _ref("instant")),
        "source": _described("source", {"enum": list(CHANNEL_IDS)}),
        "ticket_id": _described("ticket_id", _pattern(UUID_PATTERN)),
        "external_id": _described("external_id", _or_null(_pattern(RADICADO_PATTERN))),
        "actor_role": _described("actor_role", {"enum": list(ACTOR_ROLES)}),
        "status_from": _described("status_from", _or_null(_STATUS)),
        "status_to": _described("status_to", _or_null(_STATUS)),
        "attributes": {"type": "object", "description": "Facts of the event."},
        "payload": {
            "type": ["object", "null"],
            "description": "What the channel's system exported with the event.",
        },
    }


def _statuses() -> list[Schema]:
    """STATUS events enter a status, and leave one unless it is the reception; others neither."""
    neither = {"status_from": _NULL, "status_to": _NULL}
    return [
        _when(
            {"event_type": {"const": "STATUS"}},
            then={"properties": {"status_to": _STATUS}},
            otherwise={"properties": neither},
        ),
        _when(
            {"status_to": {"const": RECEIVED}},
            then={"properties": {"status_from": _NULL}},
            otherwise=_when(
                {"event_type": {"const": "STATUS"}}, then={"properties": {"status_from": _STATUS}}
            ),
        ),
    ]


def _persons_write() -> Schema:
    """A letter or form is written by a person."""
    return _when(
        {"actor_role": {"const": "system"}, "source": {"enum": ["email", "webform"]}},
        then={"properties": {"payload": _NULL}},
    )


# --- Attributes ---------------------------------------------------------------------------------


def _attributes() -> Schema:
    """Each kind of event has its own attributes; the others have none."""
    schema: Schema = {"properties": {"attributes": {"maxProperties": 0}}}
    kinds = {
        "radicated": {"status_to": {"const": RADICATED}},
        "classified": {"status_to": {"const": CLASSIFIED}},
        "responded": {"status_to": {"const": RESPONDED}},
        "term_extended": {"event_type": {"const": "TERM_EXTENDED"}},
    }
    for name, kind in kinds.items():
        own = {"properties": {"attributes": _ref(f"attributes_{name}")}}
        schema = _when(kind, then=own, otherwise=schema)
    return schema


def _attribute_sets() -> dict[str, Schema]:
    return {
        "radicated": _closed({"dane_code": _described("geo_id", _or_null(_pattern(DANE_PATTERN)))}),
        "classified": _closed(
            {
                "pqrs_type": _described("pqrs_type", _pattern(TYPE_PATTERN)),
                "priority": _described("priority", {"enum": list(PRIORITIES)}),
            }
        ),
        "responded": _closed(
            {
                "resolution_code": _described(
                    "resolution_code", _or_null({"enum": list(RESOLUTION_CODES)})
                ),
                "cited_external_id": _described(
                    "cited_external_id", _or_null(_pattern(RADICADO_PATTERN))
                ),
            }
        ),
        "term_extended": _closed(
            {
                "term_business_days": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": _LARGEST,
                    "description": "The new total term of the cycle, in business days.",
                }
            }
        ),
    }


# --- Payloads -----------------------------------------------------------------------------------


def _payload_of(source: str) -> Schema:
    own = {"anyOf": [_NULL, _ref(f"payload_{source}")]}
    return _when({"source": {"const": source}}, then={"properties": {"payload": own}})


def _payloads() -> dict[str, Schema]:
    files = _list(_closed({"file_name": _described("file_name", _TEXT), "size_kb": _size()}))
    turns = _list(_ref("turn"))
    return {
        "email": _closed(_email() | {"attachments": files}, ("subject", "body", "attachments")),
        "webform": _closed(_webform(), ("asunto", "observaciones", "documentos")),
        "chat": _closed(
            {
                "session_id": _TEXT,
                "platform": _TEXT,
                "bot_handoff_at": _or_null(_ref("instant")),
                "turns": turns,
                "csat": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
                "attachments": files,
            },
            ("turns", "attachments"),
        ),
        "call": _closed(_call() | {"transcript": turns, "attachments": files},
                        ("transcript", "attachments")),
    }  # fmt: skip


def _email() -> dict[str, Schema]:
    return {
        "message_id": _TEXT,
        "from": _TEXT,
        "to": _list(_TEXT),
        "cc": _list(_TEXT),
        "subject": _described("subject", {"type": ["string", "null"]}),
        "body": _described("text", _TEXT),
        "in_reply_to": {"type": ["string", "null"]},
        "received_timestamp": _ref("instant"),
    }


def _webform() -> dict[str, Schema]:
    """Names of the Bogotá SDQS service; lines after the reception carry the last three only."""
    text, number = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
    fields: dict[str, Schema] = {
        "codigoTipoPersona": number,
        "codigoTipoIdentificacion": number,
        "numeroDocumento": text,
        "primerNombre": text,
        "segundoNombre": text,
        "primerApellido": text,
        "segundoApellido": text,
        "codigoGenero": number,
        "fechaNacimiento": text,
        "codigoPais": number,
        "codigoDepartamento": text,
        "codigoCiudad": text,
        "notificacionElectronica": {"type": "boolean"},
        "idTipoPeticion": number,
        "codigoCanal": number,
        "codigoEntidad": number,
        "codigoDependencia": text,
        "codigoTema": number,
        "anonimo": {"type": "boolean"},
    }
    documents = _closed({"nombre": _described("file_name", _TEXT), "tamanoKb": _size()})
    return fields | {
        "asunto": _described("subject", text),
        "observaciones": _described("text", _TEXT),
        "documentos": _list(documents),
    }


def _call() -> dict[str, Schema]:
    return {
        "call_id": _TEXT,
        "ani": {"type": "string", "description": "The caller's number, masked."},
        "dnis": _TEXT,
        "queue_enter": _ref("instant"),
        "answered_at": _ref("instant"),
        "ended_at": _ref("instant"),
        "disposition": _TEXT,
        "asr_confidence": {"type": "number", "minimum": 0, "maximum": 1},
    }


def _turn() -> Schema:
    return _closed(
        {
            "at": _ref("instant"),
            "author": _described("author_kind", {"enum": list(AUTHOR_KINDS)}),
            "text": _described("text", _TEXT),
        }
    )


def _size() -> Schema:
    return {
        "type": "integer",
        "minimum": 0,
        "maximum": _LARGEST,
        "description": "File size, in kB.",
    }


# --- Forms --------------------------------------------------------------------------------------


def _closed(properties: dict[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """An object of these properties and no others; all are required where none are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _when(condition: dict[str, Schema], then: Schema, otherwise: Schema | None = None) -> Schema:
    found: Schema = {"if": {"properties": condition, "required": list(condition)}, "then": then}
    return found if otherwise is None else {**found, "else": otherwise}


def _described(column: str, schema: Schema) -> Schema:
    """A value, with the description of the curated column that it becomes."""
    return {**schema, "description": COLUMNS[column].description}


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [_NULL, schema]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


# --- The file -----------------------------------------------------------------------------------


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the file is stale.")
@click.option("--path", type=click.Path(path_type=Path), default=SCHEMA_FILE, help="The file.")
def main(check: bool, path: Path) -> None:
    """Write the schema of raw events from the contracts."""
    write_or_check(path, document(), check, "the contracts")


if __name__ == "__main__":
    main()
