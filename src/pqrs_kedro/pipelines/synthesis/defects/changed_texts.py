"""Defects of what citizens and agents say: characters and lengths that break careless readers."""

from typing import Final

from pqrs_kedro.pipelines.synthesis.defects.subject import NOTHING, Edits, Subject

GIGANTIC_BYTES: Final = 1_000_000
CONTROL_CHARACTERS: Final = rb" \u0007\u001b[0m \"C:\\temp\" "
NUL: Final = rb"\u0000"


def nul_in_text(event: Subject) -> Edits:
    """A NUL, escaped as JSON allows it, between two words."""
    return _with_insertion(event, NUL)


def control_characters(event: Subject) -> Edits:
    """A bell, an escape sequence, quotation marks and backslashes, escaped, between two words."""
    return _with_insertion(event, CONTROL_CHARACTERS)


def gigantic_text(event: Subject) -> Edits:
    """The text again and again, up to a million bytes."""
    spoken = event.line.spoken
    if spoken is None:
        return NOTHING
    text = event.content[spoken.start : spoken.end] + b" "
    repeated = text * -(-GIGANTIC_BYTES // len(text))
    return event.changed(event.line.with_part(spoken.start, spoken.end, repeated), spoken.path)


def _with_insertion(event: Subject, inserted: bytes) -> Edits:
    """Bytes put before one of the text's spaces; at its end where it has none."""
    spoken = event.line.spoken
    if spoken is None:
        return NOTHING
    text = event.content[spoken.start : spoken.end]
    spaces = [n for n, byte in enumerate(text) if byte == ord(" ")] or [len(text)]
    place = spoken.start + spaces[event.draw(len(spaces))]
    return event.changed(event.line.with_part(place, place, inserted), spoken.path)
