"""Defects of where a line lies: its content is untouched, its object or its place is another."""

from typing import Final

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.defects.subject import NOTHING, Edit, Edits, Subject

LATEST_DAYS: Final = 10


def wrong_day(event: Subject) -> Edits:
    """The line in the object of the day before or after.

    Never before the ticket's reception: the objects of those days are complete by then.
    """
    day = event.place.day
    before = day > event.received_day and event.draw(2) == 0
    return event.filed(day=day - 1 if before else day + 1)


def late_arrival(event: Subject) -> Edits:
    """The line in the object of a day one to ten days later, as it was delivered."""
    return event.filed(day=event.place.day + 1 + event.draw(LATEST_DAYS))


def wrong_source(event: Subject) -> Edits:
    """The line in the object of another channel."""
    shift = 1 + event.draw(len(CHANNEL_IDS) - 1)
    return event.filed(channel=(event.place.channel + shift) % len(CHANNEL_IDS))


def out_of_order_lines(event: Subject) -> Edits:
    """The line behind that of the ticket's next event in the same object."""
    later = event.following()
    if later is None:
        return NOTHING
    return (Edit(event.event, event.content, later.place, beside=later.event),)
