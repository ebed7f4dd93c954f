"""Defects of the values of fields: codes, instants, transitions, sizes."""

from datetime import UTC, datetime, timedelta
from typing import Final

from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS
from pqrs_kedro.domain.statuses import ALLOWED_TRANSITIONS, RECEIVED, STATUS_IDS
from pqrs_kedro.pipelines.synthesis.codes import CLASSIFIED
from pqrs_kedro.pipelines.synthesis.defects.subject import NOTHING, Edit, Edits, Subject
from pqrs_kedro.pipelines.synthesis.paths import END

UNKNOWN_TYPE: Final = b'"RECURSO"'
UNKNOWN_DANE_CODE: Final = b'"99999"'
IMPOSSIBLE_INSTANT: Final = b'"2026-02-30T25:61:00.000000Z"'
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def unknown_event_type(event: Subject) -> Edits:
    """An event_type that is none."""
    return event.changed(event.line.with_value("event_type", b'"NOTE"'), "event_type")


def unknown_channel(event: Subject) -> Edits:
    """A source that is no channel; the line stays in its object."""
    return event.changed(event.line.with_value("source", b'"fax"'), "source")


def unknown_type_code(event: Subject) -> Edits:
    """A type that the profile does not have, at the ticket's last classification."""
    if event.status_to != CLASSIFIED or not event.is_last_of_its_status:
        return NOTHING
    return event.changed(
        event.line.with_value("pqrs_type", UNKNOWN_TYPE), "attributes.pqrs_type"
    )  # fmt: skip


def dane_without_zero(event: Subject) -> Edits:
    """A municipality's code without its leading zero, as spreadsheets leave it."""
    code = event.line.text("dane_code")
    if not code.startswith("0"):
        return NOTHING
    shortened = b'"%b"' % code.removeprefix("0").encode()
    return event.changed(event.line.with_value("dane_code", shortened), "attributes.dane_code")


def unknown_dane_code(event: Subject) -> Edits:
    """A municipality's code that DIVIPOLA does not have, in place of a known one."""
    if not event.line.text("dane_code"):
        return NOTHING
    changed = event.line.with_value("dane_code", UNKNOWN_DANE_CODE)
    return event.changed(changed, "attributes.dane_code")


def _with_instant(event: Subject, text: str) -> Edits:
    return event.changed(event.line.with_value("ts", f'"{text}"'.encode()), "ts")


def impossible_timestamp(event: Subject) -> Edits:
    """A 30th of February, 25 hours and 61 minutes."""
    return event.changed(event.line.with_value("ts", IMPOSSIBLE_INSTANT), "ts")


def ambiguous_timestamp(event: Subject) -> Edits:
    """The local time as `05/02/2026 10:15`, or the instant without its zone."""
    if event.draw(2):
        return _with_instant(event, event.line.text("ts").removesuffix("Z"))
    return _with_instant(event, f"{_local(event):%d/%m/%Y %H:%M}")


def other_utc_offset(event: Subject) -> Edits:
    """The same instant with Colombia's offset, -05:00, or with +00:00."""
    if event.draw(2):
        return _with_instant(event, event.line.text("ts").removesuffix("Z") + "+00:00")
    return _with_instant(event, f"{_local(event):%Y-%m-%dT%H:%M:%S.%f}-05:00")


def mixed_precision(event: Subject) -> Edits:
    """The same instant in nanoseconds, or with fewer digits where the last ones are zero."""
    digits = event.line.text("ts").removesuffix("Z")
    if digits.endswith("0") and event.draw(2):
        return _with_instant(event, digits.rstrip("0").removesuffix(".") + "Z")
    return _with_instant(event, f"{digits}000Z")


def _local(event: Subject) -> datetime:
    return _EPOCH + timedelta(microseconds=event.at, seconds=UTC_OFFSET_SECONDS)


def forbidden_transition(event: Subject) -> Edits:
    """A status that cannot follow the one that is left."""
    if event.status_from == END:
        return NOTHING
    left = STATUS_IDS[event.status_from]
    forbidden = [
        status
        for status in STATUS_IDS
        if (left, status) not in ALLOWED_TRANSITIONS and status not in (left, RECEIVED)
    ]
    status = forbidden[event.draw(len(forbidden))].encode()
    return event.changed(event.line.with_value("status_to", b'"%b"' % status), "status_to")


def swapped_instants(event: Subject) -> Edits:
    """The instants of this status and the ticket's next one exchanged.

    Each line is filed where its new instant belongs. RECEIVED keeps its own.
    """
    if event.status_from == END:
        return NOTHING
    other = event.next_status()
    if other is None:
        return NOTHING
    return _at_the_place_of(event, other), _at_the_place_of(other, event)


def _at_the_place_of(event: Subject, other: Subject) -> Edit:
    content = event.line.with_value("ts", other.line.value("ts"))
    return Edit(event.event, content, other.place, field="ts")


def negative_size(event: Subject) -> Edits:
    """A size of -1 kB of the first attachment."""
    size = event.line.first_size
    if size is None:
        return NOTHING
    return event.changed(event.line.with_part(size.start, size.end, b"-1"), size.path)
