"""Defects that add lines: copies, repetitions, blank lines, messages of no ticket."""

from dataclasses import replace
from itertools import starmap
from typing import Final

from pqrs_kedro.contracts.columns import PRIORITIES
from pqrs_kedro.pipelines.synthesis.codes import RECEIVED
from pqrs_kedro.pipelines.synthesis.defects.line import RawLine
from pqrs_kedro.pipelines.synthesis.defects.subject import NOTHING, Edit, Edits, Subject
from pqrs_kedro.pipelines.synthesis.events import MESSAGE

CORRECTION: Final = " (versión corregida)"
_BLANKS: Final = (b"", b" \t", b"\r")


def duplicate_line(event: Subject) -> Edits:
    """An exact copy of the line right behind it."""
    return event.followed_by(event.content)


def duplicate_event_id(event: Subject) -> Edits:
    """A copy with the same event_id and another text, or another priority, right behind it."""
    line, spoken = event.line, event.line.spoken
    if spoken is not None:
        copy = line.with_part(spoken.end, spoken.end, CORRECTION.encode())
        return event.followed_by(copy, spoken.path)
    priority = line.text("priority")
    if not priority:
        return NOTHING
    others = [name for name in PRIORITIES if name != priority]
    copy = line.with_value("priority", b'"%b"' % others[event.draw(len(others))].encode())
    return event.followed_by(copy, "attributes.priority")


def repeated_petition(event: Subject) -> Edits:
    """The RECEIVED line again, with a new event_id, on each later day of the ticket's statuses.

    So do exports that list the petition with every transaction (SDQS).
    """
    if event.status_to != RECEIVED:
        return NOTHING

    def again(day: int, step: int) -> Edit:
        event_id = event.new_id(step)
        content = event.line.with_value("event_id", b'"%b"' % event_id.encode())
        place = replace(event.place, day=day)
        return Edit(event.event, content, place, True, "event_id", event_id)

    return tuple(starmap(again, event.later_days().items()))


def empty_line(event: Subject) -> Edits:
    """An empty line, or one of white space, right behind the line."""
    return event.followed_by(_BLANKS[event.draw(len(_BLANKS))])


def orphan_message(event: Subject) -> Edits:
    """A message like this one, right behind it, whose ticket does not exist."""
    if event.kind != MESSAGE:
        return NOTHING
    event_id, ticket_id = event.new_id(event.step), event.new_ticket_id()
    line = event.line
    for key, json in (
        ("event_id", f'"{event_id}"'),
        ("ticket_id", f'"{ticket_id}"'),
        ("external_id", "null"),
    ):
        line = RawLine(line.with_value(key, json.encode()))
    return (Edit(event.event, line.content, event.place, True, "ticket_id", event_id, ticket_id),)
