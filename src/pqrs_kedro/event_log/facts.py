"""What a log says of its tickets, events, messages and files: names and types of the facts.

A fact that is a column of the lake has the column's name and type; see the data dictionary.
"""

from typing import Final

from pqrs_kedro.contracts.columns import COLUMNS

TICKET_FACTS: Final = (
    "external_id",
    "source_channel",
    "pqrs_type",
    "priority",
    "geo_id",
    "municipio",
    "department",
    "region",
    "current_status",
    "resolution_code",
    "cited_external_id",
    "sla_cycles_count",
    "sla_due_at",
    "is_breached",
)
EVENT_FACTS: Final = ("status_from", "resolution_code", "term_business_days")
# Of the messages and files that came with an event, for which a log of cases has no other place.
CONTENT_COUNTS: Final = ("messages_count", "text_len", "attachments_count")
MESSAGE_FACTS: Final = ("ts", "role", "author_kind", "text_len")
FILE_FACTS: Final = ("ts", "file_name", "file_type", "size_kb")
# Left out unless asked for: they are most of the bytes of a run.
TEXT_FACTS: Final = ("subject", "text")

# Activities that are no status: an extension of the term, and a text without a change of status.
TERM_EXTENDED: Final = "TERM_EXTENDED"
MESSAGE: Final = "MESSAGE"

# Fixed width and explicit zone, which XML Schema, RFC 3339 and every CSV reader take.
INSTANT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S%.6f+00:00"


def fact_type(name: str) -> str:
    """Type of a fact, as the contracts name it: string, int64, bool or timestamp."""
    return COLUMNS[name].type if name in COLUMNS else "int64"
