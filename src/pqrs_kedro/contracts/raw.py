"""The raw event as ingestion reads it (docs/raw_events.md): one structure for all channels.

A field that a line does not have is null. Fields of the payload that no curated column comes from
are not read; they stay in the raw layer.
"""

from typing import Any, Final

_TURN = {"at": "VARCHAR", "author": "VARCHAR", "text": "VARCHAR"}

RAW_EVENT_STRUCTURE: Final[dict[str, Any]] = {
    "event_id": "VARCHAR",
    "event_type": "VARCHAR",
    "ts": "VARCHAR",
    "source": "VARCHAR",
    "ticket_id": "VARCHAR",
    "external_id": "VARCHAR",
    "actor_role": "VARCHAR",
    "status_from": "VARCHAR",
    "status_to": "VARCHAR",
    "attributes": {
        "dane_code": "VARCHAR",
        "pqrs_type": "VARCHAR",
        "priority": "VARCHAR",
        "resolution_code": "VARCHAR",
        "cited_external_id": "VARCHAR",
        "term_business_days": "BIGINT",
    },
    "payload": {
        "subject": "VARCHAR",
        "body": "VARCHAR",
        "asunto": "VARCHAR",
        "observaciones": "VARCHAR",
        "turns": [_TURN],
        "transcript": [_TURN],
        "attachments": [{"file_name": "VARCHAR", "size_kb": "BIGINT"}],
        "documentos": [{"nombre": "VARCHAR", "tamanoKb": "BIGINT"}],
    },
}
# What every event must have; the others may be null or absent.
REQUIRED_FIELDS: Final = ("event_id", "event_type", "ts", "source", "ticket_id", "actor_role")
TIMESTAMP_PATTERN: Final = r"^[1-9]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$"
# Codes of the envelope and the attributes; an object in their place is no code either.
RADICADO_PATTERN: Final = r"^\d{14}$"
DANE_PATTERN: Final = r"^\d{5}$"
TYPE_PATTERN: Final = r"^[A-Z][A-Z_]*$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
