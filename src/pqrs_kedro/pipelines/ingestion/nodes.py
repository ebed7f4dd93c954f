"""Raw lines to bronze: every line becomes a bronze row or a quarantined line, or is blank.

Ibis expressions only: the same functions run on another engine.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

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
from pqrs_kedro.domain.statuses import RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.pipelines.expressions import instant_of, local_day

# A reason, the field that it is about, and whether it holds.
Rule: TypeAlias = tuple[str, str, ibis.Value]


def judge_objects(raw_events: Iterable[ibis.Table]) -> Iterator[tuple[ibis.Table, ibis.Table]]:
    """Bronze and quarantine of some raw objects after the others: no more are held at a time.

    A raw object is a partition of both, so that each part is whole.
    """
    for lines in raw_events:
        judged = judge_lines(lines)
        yield select_bronze_events(judged), select_quarantined_lines(judged)


def judge_lines(raw_events: ibis.Table) -> ibis.Table:
    """Raw lines with a verdict: reason and detail of rejection, null for well-formed events.

    Grain: one row per line that is not blank. Reasons: the line was rejected when it was read; a
    required field is missing; a code is unknown; an identifier or instant is malformed; a message
    or file lacks its parts. A canonical line has its fields and their forms; only what a form
    cannot say is judged of it.
    """
    event = raw_events.event
    forms = [*_missing(event), *_unknown(event), *_malformed(event)]
    facts = _facts(raw_events)
    return raw_events.mutate(
        reason=ibis.ifelse(
            raw_events.is_canonical,
            _first(facts, lambda rule: rule[0]),
            ibis.coalesce(raw_events.reason, _first([*forms, *facts], lambda rule: rule[0])),
        ),
        detail=ibis.cases(
            (raw_events.is_canonical, _first(facts, lambda rule: rule[1])),
            (raw_events.reason.notnull(), raw_events.detail),
            else_=_first([*forms, *facts], lambda rule: rule[1]),
        ),
    )


def _first(rules: list[Rule], said: Callable[[Rule], str]) -> ibis.Value:
    """What the first rule that holds says."""
    return ibis.cases(*((rule[2].fill_null(False), ibis.literal(said(rule))) for rule in rules))


def _missing(event: ibis.Value) -> list[Rule]:
    return [("missing_field", name, _blank_text(event[name])) for name in REQUIRED_FIELDS]


def _unknown(event: ibis.Value) -> list[Rule]:
    attributes = event.attributes
    codes = [
        ("source", event.source, CHANNEL_IDS),
        ("event_type", event.event_type, EVENT_TYPES),
        ("actor_role", event.actor_role, ACTOR_ROLES),
        ("status_from", event.status_from, STATUS_IDS),
        ("status_to", event.status_to, STATUS_IDS),
        ("attributes.priority", attributes.priority, PRIORITIES),
        ("attributes.resolution_code", attributes.resolution_code, RESOLUTION_CODES),
    ]
    return [
        ("unknown_value", name, value.notnull() & ~value.isin(allowed))
        for name, value, allowed in codes
    ]


def _malformed(event: ibis.Value) -> list[Rule]:
    attributes = event.attributes
    forms = [
        ("event_id", event.event_id, UUID_PATTERN),
        ("ticket_id", event.ticket_id, UUID_PATTERN),
        ("external_id", event.external_id, RADICADO_PATTERN),
        ("attributes.dane_code", attributes.dane_code, DANE_PATTERN),
        ("attributes.pqrs_type", attributes.pqrs_type, TYPE_PATTERN),
    ]
    return [("invalid_value", name, ~value.re_search(pattern)) for name, value, pattern in forms]


def _facts(raw: ibis.Table) -> list[Rule]:
    """What no form can say: dates of the calendar, and fields that must fit together."""
    event = raw.event
    is_status = event.event_type == "STATUS"
    no_status = is_status & event.status_to.isnull()
    needless = ~is_status & event.status_to.notnull()
    return [
        ("invalid_value", "ts", instant_of(event.ts).isnull()),
        ("invalid_value", "source", event.source != raw.source),
        ("missing_field", "status_to", no_status),
        ("invalid_value", "status_to", needless),
        ("invalid_value", "payload", _has_broken_turns(event.payload)),
        ("invalid_value", "payload", _has_broken_files(event.payload)),
        ("invalid_value", "actor_role", _speaks_as_system(event)),
    ]


def _blank_text(value: ibis.Value) -> ibis.Value:
    return value.isnull() | (value == "")


def _has_broken_turns(payload: ibis.Value) -> ibis.Value:
    turns = ibis.coalesce(payload.turns, payload.transcript)
    broken = turns.filter(
        lambda turn: (
            turn.isnull()
            | instant_of(turn["at"]).isnull()
            | turn["text"].isnull()
            | ~turn["author"].isin(AUTHOR_KINDS).fill_null(False)
        )
    )
    return broken.length() > 0


def _has_broken_files(payload: ibis.Value) -> ibis.Value:
    files = payload.attachments.filter(
        lambda file: file.isnull() | file["file_name"].isnull() | _is_no_size(file["size_kb"])
    )
    documents = payload.documentos.filter(
        lambda file: file.isnull() | file["nombre"].isnull() | _is_no_size(file["tamanoKb"])
    )
    return files.length().fill_null(0) + documents.length().fill_null(0) > 0


def _is_no_size(size_kb: ibis.Value) -> ibis.Value:
    return size_kb.isnull() | (size_kb < 0)


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
        filed_late_days=accepted.day.delta(local_day(instant_of(event.ts)), unit="day"),
        repairs=accepted.repairs,
        unknown_fields=accepted.unknown_fields,
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
