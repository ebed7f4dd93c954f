"""The log of cases, one event per row: what XES and CSV have in common.

Columns have the names of the XES extensions; those of a case begin with `case:`, as PM4Py reads
them from XES. Events are the statuses entered and the extensions of a term.
"""

from typing import Final

import polars as pl

from pqrs_kedro.event_log.facts import CONTENT_COUNTS, EVENT_FACTS, MESSAGE, TICKET_FACTS
from pqrs_kedro.event_log.log import Slice

CASE: Final = "case:"
CASE_ID: Final = f"{CASE}concept:name"
ACTIVITY: Final = "concept:name"
INSTANT: Final = "time:timestamp"
LIFECYCLE: Final = "lifecycle:transition"
ROLE: Final = "org:role"
EVENT_ID: Final = "identity:id"
TEXT: Final = "text"


def case_facts(part: Slice) -> pl.DataFrame:
    """One row per ticket: CASE_ID, and TICKET_FACTS with the prefix of cases."""
    facts = [pl.col(name).alias(f"{CASE}{name}") for name in TICKET_FACTS]
    return part.tickets.select(pl.col("ticket_id").alias(CASE_ID), *facts)


def case_events(part: Slice, with_texts: bool) -> pl.DataFrame:
    """One row per event, in the order of the cases and of their events.

    Columns: CASE_ID, the extensions' columns, EVENT_FACTS, CONTENT_COUNTS (messages and files that
    came with the event, characters of the messages) and, with texts, TEXT: the messages' texts in
    order, each on a line of its own.
    """
    events = part.events.filter(pl.col("activity") != MESSAGE)
    for contents in (_messages(part, with_texts), _files(part)):
        events = events.join(contents, on="event_id", how="left", maintain_order="left")
    texts = (TEXT,) if with_texts else ()
    return events.with_columns(pl.col(CONTENT_COUNTS).fill_null(0)).select(
        pl.col("ticket_id").alias(CASE_ID),
        pl.col("activity").alias(ACTIVITY),
        pl.col("ts").alias(INSTANT),
        pl.lit("complete").alias(LIFECYCLE),
        pl.col("actor_role").alias(ROLE),
        pl.col("event_id").alias(EVENT_ID),
        *EVENT_FACTS,
        *CONTENT_COUNTS,
        *texts,
    )


def _messages(part: Slice, with_texts: bool) -> pl.DataFrame:
    texts = [pl.col("text").str.join("\n").alias(TEXT)] if with_texts else []
    return part.messages.group_by("event_id", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("messages_count"), pl.col("text_len").sum(), *texts
    )


def _files(part: Slice) -> pl.DataFrame:
    return part.attachments.group_by("event_id", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("attachments_count")
    )
