"""Defects of the line as bytes and as JSON: what a parser meets before any field has a meaning."""

from typing import Final

from pqrs_kedro.contracts.columns import ACTOR_ROLES
from pqrs_kedro.contracts.raw import REQUIRED_FIELDS
from pqrs_kedro.pipelines.synthesis.defects.subject import NOTHING, Edits, Subject

UNKNOWN_MEMBER: Final = b'"origen_migracion":"ORFEO"'
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_CONTINUATION: Final = range(0x80, 0xC0)


def truncated_json(event: Subject) -> Edits:
    """The line cut in its middle half, between two characters."""
    content = event.content
    cut = len(content) // 4 + event.draw(len(content) // 2)
    while content[cut] in _CONTINUATION:
        cut -= 1
    return event.changed(content[:cut])


def two_objects(event: Subject) -> Edits:
    """The line and a copy of it without a line feed between them.

    Not the object's next line: that may be of another ticket, which a longer run may not have.
    """
    return event.changed(event.content * 2)


def byte_order_mark(event: Subject) -> Edits:
    """A byte order mark before the line."""
    return event.changed(_BYTE_ORDER_MARK + event.content)


def invalid_utf8(event: Subject) -> Edits:
    """A byte FF, which UTF-8 never has, in place of one of a text's spaces or of its first byte."""
    spoken = event.line.spoken
    if spoken is None:
        return NOTHING
    place = max(event.content.find(b" ", spoken.start, spoken.end), spoken.start)
    return event.changed(event.line.with_part(place, place + 1, b"\xff"), spoken.path)


def wrong_type(event: Subject) -> Edits:
    """A number, true or an array where the envelope must have a text."""
    key = REQUIRED_FIELDS[event.draw(len(REQUIRED_FIELDS))]
    values = (b"20260101", b"true", b"[%b]" % event.line.value(key))
    return event.changed(event.line.with_value(key, values[event.draw(len(values), 1)]), key)


def missing_field(event: Subject) -> Edits:
    """A required key left out."""
    key = REQUIRED_FIELDS[event.draw(len(REQUIRED_FIELDS))]
    return event.changed(event.line.without(key), key)


def unknown_field(event: Subject) -> Edits:
    """A key that the contract does not know, at the end of the envelope."""
    return event.changed(event.line.with_last(UNKNOWN_MEMBER), "origen_migracion")


def duplicate_key(event: Subject) -> Edits:
    """The actor's role a second time, at the end of the envelope, with another value."""
    others = [role for role in ACTOR_ROLES if role != event.line.text("actor_role")]
    other = others[event.draw(len(others))].encode()
    return event.changed(event.line.with_last(b'"actor_role":"%b"' % other), "actor_role")


def object_for_text(event: Subject) -> Edits:
    """An object with the text by language where the payload must have the text."""
    spoken = event.line.spoken
    if spoken is None:
        return NOTHING
    quoted = event.content[spoken.start - 1 : spoken.end + 1]
    changed = event.line.with_part(spoken.start - 1, spoken.end + 1, b'{"es":%b}' % quoted)
    return event.changed(changed, spoken.path)
