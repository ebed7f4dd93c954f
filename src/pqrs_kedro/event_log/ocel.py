"""OCEL 2.0, JSON: tickets, messages and files as objects, and every event with those it concerns.

Events are the statuses entered, extensions of a term, and texts without a change of status. Facts
of objects do not change; their time is the epoch, as the standard has it for first values.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

import polars as pl

from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.event_log.facts import (
    EVENT_FACTS,
    FILE_FACTS,
    INSTANT_FORMAT,
    MESSAGE,
    MESSAGE_FACTS,
    TERM_EXTENDED,
    TEXT_FACTS,
    TICKET_FACTS,
    fact_type,
)
from pqrs_kedro.event_log.log import Log, Slice

TICKET: Final = "ticket"
MESSAGE_OBJECT: Final = "message"
FILE_OBJECT: Final = "attachment"
# Qualifiers: from an event to an object, and from an object to another.
CONCERNS, SENDS, ATTACHES = "concerns", "sends", "attaches"
PART_OF, REPEATS = "part of", "repeats"

_EPOCH: Final = "1970-01-01T00:00:00Z"
_TYPES: Final = {"string": "string", "int64": "integer", "bool": "boolean", "timestamp": "time"}
_EVENT_FACTS: Final = ("actor_role", *EVENT_FACTS)


def write_ocel(log: Log, out: IO[bytes]) -> Counter[str]:
    """Write the log; how many traces (tickets), events, objects and relations it has."""
    counts = Counter(traces=0, events=0, objects=0, relations=0)
    message_facts = (*MESSAGE_FACTS, *(TEXT_FACTS if log.with_texts else ()))
    out.write(_head(message_facts).encode())
    out.write(b'"events":[')
    _write_list(out, (_events(part, counts) for part in log.slices()))
    out.write(b'],\n"objects":[')
    _write_list(out, _objects(log, message_facts, counts))
    out.write(b"]}\n")
    return counts


def _head(message_facts: Sequence[str]) -> str:
    """The types of events and objects, and what their attributes are."""
    events = [*STATUS_IDS, TERM_EXTENDED, MESSAGE]
    objects = {TICKET: TICKET_FACTS, MESSAGE_OBJECT: message_facts, FILE_OBJECT: FILE_FACTS}
    event_types = json.dumps([_type(name, _EVENT_FACTS) for name in events])
    object_types = json.dumps([_type(name, facts) for name, facts in objects.items()])
    return f'{{"eventTypes":{event_types},\n"objectTypes":{object_types},\n'


def _type(name: str, facts: Sequence[str]) -> dict[str, Any]:
    attributes = [{"name": fact, "type": _TYPES[fact_type(fact)]} for fact in facts]
    return {"name": name, "attributes": attributes}


def _write_list(out: IO[bytes], parts: Iterator[pl.Series]) -> None:
    """Write JSON values as the elements of one list, a line each."""
    separator = "\n"
    for part in parts:
        if len(part):
            out.write((separator + part.str.join(",\n").item()).encode())
            separator = ",\n"


def _events(part: Slice, counts: Counter[str]) -> pl.Series:
    """The events of some tickets, each as JSON."""
    related = pl.concat(
        [
            _relation(part.events, "event_id", "ticket_id", CONCERNS),
            _relation(part.messages, "event_id", "message_id", SENDS),
            _relation(part.attachments, "event_id", "attachment_id", ATTACHES),
        ]
    )
    counts.update(events=len(part.events), relations=len(related))
    return _elements(part.events, "event_id", pl.col("activity"), _EVENT_FACTS, related)


def _objects(log: Log, message_facts: Sequence[str], counts: Counter[str]) -> Iterator[pl.Series]:
    """The objects, each as JSON: all tickets, then messages, then files."""
    for part in log.slices("tickets"):
        cited = part.tickets.filter(pl.col("cited_ticket_id").is_not_null())
        repeats = _relation(cited, "ticket_id", "cited_ticket_id", REPEATS)
        counts.update(objects=len(part.tickets), relations=len(repeats), traces=len(part.tickets))
        yield _elements(part.tickets, "ticket_id", pl.lit(TICKET), TICKET_FACTS, repeats, _EPOCH)
    for part in log.slices("messages"):
        yield _parts(part.messages, "message_id", MESSAGE_OBJECT, message_facts, counts)
    for part in log.slices("attachments"):
        yield _parts(part.attachments, "attachment_id", FILE_OBJECT, FILE_FACTS, counts)


def _parts(
    rows: pl.DataFrame, key: str, kind: str, facts: Sequence[str], counts: Counter[str]
) -> pl.Series:
    """Objects that are part of a ticket."""
    related = _relation(rows, key, "ticket_id", PART_OF)
    counts.update(objects=len(rows), relations=len(related))
    return _elements(rows, key, pl.lit(kind), facts, related, _EPOCH)


def _relation(rows: pl.DataFrame, source: str, target: str, qualifier: str) -> pl.DataFrame:
    """One relation per row: the `source` it goes from, and itself as JSON."""
    relation = pl.struct(objectId=target, qualifier=pl.lit(qualifier)).struct.json_encode()
    return rows.select(pl.col(source).alias("source"), relation.alias("relation"))


def _elements(
    rows: pl.DataFrame,
    key: str,
    kind: pl.Expr,
    facts: Sequence[str],
    related: pl.DataFrame,
    time: str | None = None,
) -> pl.Series:
    """Events or objects as JSON; with `time`, the time of every attribute."""
    by_source = related.group_by("source", maintain_order=True).agg(
        pl.col("relation").str.join(",")
    )
    rows = rows.join(by_source, left_on=key, right_on="source", how="left", maintain_order="left")
    head = [pl.col(key).alias("id"), kind.alias("type")]
    if time is None:
        head.append(pl.col("ts").dt.strftime(INSTANT_FORMAT).alias("time"))
    attributes = [_attribute(name, time) for name in facts]
    return rows.select(
        pl.concat_str(
            pl.struct(head).struct.json_encode().str.strip_suffix("}"),
            pl.lit(',"attributes":['),
            pl.concat_str(*attributes, separator=",", ignore_nulls=True),
            pl.lit('],"relationships":['),
            pl.col("relation").fill_null(""),
            pl.lit("]}"),
        )
    ).to_series()


def _attribute(name: str, time: str | None) -> pl.Expr:
    """The JSON of one attribute; null where it has no value."""
    value = pl.col(name)
    if fact_type(name) == "timestamp":
        value = value.dt.strftime(INSTANT_FORMAT)
    fields = [pl.lit(name).alias("name"), value.alias("value")]
    if time is not None:
        fields.append(pl.lit(time).alias("time"))
    encoded = pl.struct(fields).struct.json_encode()
    return pl.when(value.is_not_null()).then(encoded)
