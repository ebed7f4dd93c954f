"""Raw lines to bronze: every line becomes a bronze row, a quarantined line, or counts as blank.

Ibis expressions only: the same functions run on another engine.
"""

from collections.abc import Collection
from typing import Any

import ibis
from ibis import _

from pqrs_kedro.contracts.columns import ACTOR_ROLES, AUTHOR_KINDS, EVENT_TYPES, PRIORITIES
from pqrs_kedro.contracts.raw import (
    DANE_PATTERN,
    RADICADO_PATTERN,
    REQUIRED_FIELDS,
    TYPE_PATTERN,
    UUID_PATTERN,
)
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import RECEIVED, RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.expressions import instant_of, local_day

_BLANK = r"^[ \t\r]*$"
_JSON_NULL = r"^[ \t\r]*null[ \t\r]*$"


def judge_lines(raw_events: ibis.Table, parameters: dict[str, Any]) -> ibis.Table:
    """Raw lines with a verdict: reason and detail of rejection, null for well-formed events.

    Grain: one row per line that is not blank. Reasons: the line is no UTF-8, no JSON or no object;
    a required field is missing; a code is unknown, that of a type to the run's profile; an
    identifier or instant is malformed; a message or file lacks its parts; and, of lines without
    such a fault, the reception of the line's ticket is on no line.
    """
    types = parse_parameters(parameters).chosen_profile.types
    event = raw_events.event
    judged = _judged(raw_events, types)
    blank = event.isnull() & raw_events.text.notnull() & raw_events.text.re_search(_BLANK)
    received = _judged(raw_events.filter(is_reception(event)), types).filter(_.reason.isnull())
    known = judged.event.ticket_id.isin(received.select(known=_.event.ticket_id).known)
    no_reception = ibis.cases((~known, "no_reception"))
    return judged.mutate(reason=ibis.coalesce(judged.reason, no_reception)).filter(~blank)


def is_reception(event: ibis.Value) -> ibis.Value:
    """Whether the event is the reception of its ticket."""
    return (event.event_type == "STATUS") & (event.status_to == RECEIVED)


def _judged(raw: ibis.Table, types: Collection[str]) -> ibis.Table:
    reason, detail = _verdict(raw, types)
    return raw.mutate(reason=reason, detail=detail)


def _verdict(raw: ibis.Table, types: Collection[str]) -> tuple[ibis.Value, ibis.Value]:
    """What is wrong with each line by itself."""
    event, attributes = raw.event, raw.event.attributes
    unreadable = [
        (event.event_id.isnull() & raw.text.isnull() & event.isnull(), "invalid_utf8", None),
        (event.isnull() & raw.text.re_search(_JSON_NULL), "not_an_object", None),
        (event.isnull(), "invalid_json", None),
        (event.event_id.isnull() & ~raw.text.re_search(r"^\s*\{"), "not_an_object", None),
    ]
    missing = [(_blank_text(event[name]), "missing_field", name) for name in REQUIRED_FIELDS]
    codes = [
        ("source", event.source, CHANNEL_IDS),
        ("event_type", event.event_type, EVENT_TYPES),
        ("actor_role", event.actor_role, ACTOR_ROLES),
        ("status_from", event.status_from, STATUS_IDS),
        ("status_to", event.status_to, STATUS_IDS),
        ("attributes.priority", attributes.priority, PRIORITIES),
        ("attributes.resolution_code", attributes.resolution_code, RESOLUTION_CODES),
    ]
    unknown = [
        (value.notnull() & ~value.isin(allowed), "unknown_value", name)
        for name, value, allowed in codes
    ]
    # One text, in which a code is looked for: a list of 1,122 takes 0.3 s to compile.
    places = ibis.literal(" ".join(municipalities()["dane_code"].to_pylist()))
    malformed = [
        (~event.event_id.re_search(UUID_PATTERN), "invalid_value", "event_id"),
        (~event.ticket_id.re_search(UUID_PATTERN), "invalid_value", "ticket_id"),
        (instant_of(event.ts).isnull(), "invalid_value", "ts"),
        (~event.external_id.re_search(RADICADO_PATTERN), "invalid_value", "external_id"),
        (~attributes.dane_code.re_search(DANE_PATTERN), "invalid_value", "attributes.dane_code"),
        (~attributes.pqrs_type.re_search(TYPE_PATTERN), "invalid_value", "attributes.pqrs_type"),
        (event.source != raw.source, "invalid_value", "source"),
        (~places.contains(attributes.dane_code), "unknown_value", "attributes.dane_code"),
        (attributes.pqrs_type.notin(types), "unknown_value", "attributes.pqrs_type"),
        ((event.event_type == "STATUS") & event.status_to.isnull(), "missing_field", "status_to"),
        ((event.event_type != "STATUS") & event.status_to.notnull(), "invalid_value", "status_to"),
        (_has_broken_turns(event), "invalid_value", "payload"),
        (_has_broken_files(event.payload), "invalid_value", "payload"),
        (_speaks_as_system(event), "invalid_value", "actor_role"),
    ]
    rules = [*unreadable, *missing, *unknown, *malformed]
    reason = ibis.cases(*((test.fill_null(False), why) for test, why, __ in rules))
    detail = ibis.cases(
        *((test.fill_null(False), ibis.literal(name, "string")) for test, __, name in rules)
    )
    return reason, detail


def _blank_text(value: ibis.Value) -> ibis.Value:
    return value.isnull() | (value == "")


def _has_broken_turns(event: ibis.Value) -> ibis.Value:
    turns = ibis.coalesce(event.payload.turns, event.payload.transcript)
    broken = turns.filter(
        lambda turn: (
            turn.isnull()
            | instant_of(turn["at"]).isnull()
            | (local_day(instant_of(turn["at"])) > local_day(instant_of(event.ts)))
            | turn["text"].isnull()
            | ~turn["author"].isin(AUTHOR_KINDS).fill_null(False)
        )
    )
    return broken.length() > 0


def _has_broken_files(payload: ibis.Value) -> ibis.Value:
    files = payload.attachments.filter(
        lambda file: file.isnull() | file["file_name"].isnull() | file["size_kb"].isnull()
    )
    documents = payload.documentos.filter(
        lambda file: file.isnull() | file["nombre"].isnull() | file["tamanoKb"].isnull()
    )
    return files.length().fill_null(0) + documents.length().fill_null(0) > 0


def _speaks_as_system(event: ibis.Value) -> ibis.Value:
    """A letter or form whose author would be the event's actor, and that is no person."""
    letter = ibis.coalesce(event.payload.body, event.payload.observaciones)
    return letter.notnull() & (event.actor_role == "system")


def select_bronze_events(judged_lines: ibis.Table) -> ibis.Table:
    """Well-formed events, one row per line, payloads normalised to messages and attachments.

    Key: source_object, line_number. Partition: source and the event's local day as filed.
    """
    accepted = judged_lines.filter(_.reason.isnull())
    event = accepted.event
    return accepted.select(
        "source",
        "day",
        event_id=event.event_id,
        event_type=event.event_type,
        ts=instant_of(event.ts),
        ticket_id=event.ticket_id,
        external_id=event.external_id,
        actor_role=event.actor_role,
        status_from=event.status_from,
        status_to=event.status_to,
        pqrs_type=event.attributes.pqrs_type,
        priority=event.attributes.priority,
        geo_id=event.attributes.dane_code,
        resolution_code=event.attributes.resolution_code,
        cited_external_id=event.attributes.cited_external_id,
        term_business_days=event.attributes.term_business_days,
        messages=_messages(accepted),
        attachments=_attachments(accepted),
        source_object=accepted.source_object,
        line_number=accepted.line_number,
    )


def _messages(accepted: ibis.Table) -> ibis.Value:
    """The texts of an event: one for e-mails and forms, the turns of chats and calls."""
    event, payload = accepted.event, accepted.event.payload
    single = ibis.cases(
        (
            payload.body.notnull(),
            ibis.array(
                [_message(instant_of(event.ts), event.actor_role, payload.subject, payload.body)]
            ),
        ),
        (
            payload.observaciones.notnull(),
            ibis.array(
                [
                    _message(
                        instant_of(event.ts),
                        event.actor_role,
                        payload.asunto,
                        payload.observaciones,
                    )
                ]
            ),
        ),
    )
    no_subject = ibis.null("string")
    turns = ibis.coalesce(payload.turns, payload.transcript).map(
        lambda turn: _message(instant_of(turn["at"]), turn["author"], no_subject, turn["text"])
    )
    return ibis.coalesce(single, turns)


def _message(
    ts: ibis.Value, author: ibis.Value, subject: ibis.Value, text: ibis.Value
) -> ibis.Value:
    return ibis.struct({"ts": ts, "author_kind": author, "subject": subject, "text": text})


def _attachments(accepted: ibis.Table) -> ibis.Value:
    payload = accepted.event.payload
    files = payload.attachments.map(lambda file: _file(file["file_name"], file["size_kb"]))
    documents = payload.documentos.map(lambda file: _file(file["nombre"], file["tamanoKb"]))
    return ibis.coalesce(files, documents)


def _file(name: ibis.Value, size_kb: ibis.Value) -> ibis.Value:
    extension = name.re_extract(r"\.([^.]*)$", 1).lower()
    return ibis.struct({"file_name": name, "file_type": extension, "size_kb": size_kb})


def select_quarantined_lines(judged_lines: ibis.Table) -> ibis.Table:
    """Rejected lines with their reason and original bytes; key: source_object, line_number."""
    return judged_lines.filter(_.reason.notnull()).select(
        "source", "day", "source_object", "line_number", "reason", "detail", "line"
    )
