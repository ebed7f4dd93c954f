"""However lines are split into batches and wherever they wait: each comes out once, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis import raw_objects
from pqrs_kedro.pipelines.synthesis.pieces import Texts, text_array
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines, RawObject, Waiting
from pqrs_kedro.pipelines.synthesis.spill import Spill

SOURCES = ("email", "webform", "chat", "call")
# Not from 0 on: day numbers are large, and negative before 1970.
FIRST_DAY = date(2026, 1, 1)
FIRST_NUMBER = (FIRST_DAY - date(1970, 1, 1)).days


@dataclass(frozen=True)
class Line:
    """One event of a ticket received on the day `received`; days count from the first."""

    received: int
    day: int
    channel: int
    at: int
    tie: int
    text: str
    defect: int
    """Its row in the ledger of defects, 0 for none."""

    @property
    def key(self) -> tuple[str, date]:
        return SOURCES[self.channel], FIRST_DAY + timedelta(days=self.day)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    received = draw(st.integers(0, 6))
    # Mostly soon, and with a long tail.
    later = draw(st.sampled_from([0, 0, 1, 2, 5, 40]))
    return Line(
        received=received,
        day=received + later,
        channel=draw(st.integers(0, 3)),
        # Few instants, so that ties decide; ties over the whole range of unsigned numbers.
        at=draw(st.integers(-2, 2)),
        tie=draw(st.integers(0, 2**64 - 1)),
        text=draw(st.text(max_size=5).map(lambda text: text.replace("\n", " ") + "\n")),
        defect=draw(st.sampled_from([0, 0, 1, 2, 3])),
    )


ANY_LINES = st.lists(lines(), max_size=25, unique_by=lambda line: (line.at, line.tie))


def as_lines(some: Sequence[Line]) -> Lines:
    """A batch as the generator makes it."""
    ordered = sorted(some, key=lambda line: (line.day, line.channel, line.at, line.tie))
    return Lines(
        np.array([FIRST_NUMBER + line.day for line in ordered], dtype=np.int64),
        np.array([line.channel for line in ordered], dtype=np.int64),
        np.array([line.at for line in ordered], dtype=np.int64),
        np.array([line.tie for line in ordered], dtype=np.uint64),
        Texts.of(text_array([line.text for line in ordered])),
        np.array([line.defect for line in ordered], dtype=np.int64),
    )


def expected_objects(some: Sequence[Line]) -> dict[tuple[str, date], list[Line]]:
    """The lines of each object by sorting them all."""
    ordered = sorted(some, key=lambda line: (line.key, line.at, line.tie))
    return {key: list(members) for key, members in groupby(ordered, key=lambda line: line.key)}


# --- Lines --------------------------------------------------------------------------------------


@given(some=ANY_LINES, day=st.integers(-1, 50))
def test_lines_before_and_since_a_day_are_all_lines_by_their_day(some: list[Line], day: int):
    batch = as_lines(some)
    for part, belongs in (
        (batch.before(FIRST_NUMBER + day), lambda line: line.day < day),
        (batch.since(FIRST_NUMBER + day), lambda line: line.day >= day),
    ):
        same = as_lines([line for line in some if belongs(line)])
        assert part.frame().equals(same.frame())
        assert part.texts.content() == same.texts.content()


@given(some=ANY_LINES, data=st.data())
def test_a_slice_of_lines_is_that_of_every_column_and_survives_being_set_aside(
    some: list[Line], data: st.DataObject
):
    batch = as_lines(some)
    start, end = sorted(data.draw(st.integers(0, len(some))) for _ in range(2))
    part = batch.slice(start, end)
    assert len(part) == end - start
    spill = Spill()
    aside = part.set_aside(spill)
    for form in (part, aside, aside.set_aside(spill)):
        assert form.frame().equals(batch.frame().slice(start, end - start))


@given(some=ANY_LINES)
def test_lines_by_object_are_those_of_each_day_and_channel(some: list[Line]):
    found = {
        (SOURCES[channel], FIRST_DAY + timedelta(days=day - FIRST_NUMBER)): part
        for (day, channel), part in as_lines(some).by_object().items()
    }
    expected = {
        key: [line.text for line in members] for key, members in expected_objects(some).items()
    }
    assert {key: part.frame()["line"].to_list() for key, part in found.items()} == expected


# --- Waiting ------------------------------------------------------------------------------------


def held_by(waiting: Waiting) -> int:
    return sum(lines.texts.bytes_held for lines in waiting._lines)


# Content of an object, and the row in the ledger and the line number of each defect.
Found = dict[tuple[str, date], tuple[bytes, list[tuple[int, int]]]]


def read(objects: Sequence[RawObject], found: Found) -> None:
    for item in objects:
        content = item.content().to_pybytes()
        assert content.count(b"\n") == item.rows > 0
        # A second object of the same key would overwrite the first.
        assert (item.source, item.day) not in found
        rows, numbers = item.defects()
        defects = list(zip(rows.tolist(), numbers.tolist(), strict=True))
        found[item.source, item.day] = content, defects


@given(
    some=ANY_LINES,
    edges=st.sets(st.integers(1, 6)),
    limit=st.sampled_from([0, 20, raw_objects.HELD_BYTES]),
)
def test_each_line_comes_out_once_in_order_for_any_batches_and_any_memory(
    some: list[Line], edges: set[int], limit: int
):
    """A limit of 0 keeps every waiting line in a file, one of 20 bytes a few in memory."""
    waiting = Waiting()
    found: Found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_objects, "HELD_BYTES", limit)
        for first, end in zip([0, *sorted(edges)], [*sorted(edges), 7], strict=True):
            waiting.add(as_lines([line for line in some if first <= line.received < end]))
            complete = waiting.complete(before=FIRST_NUMBER + end)
            assert all(item.day < FIRST_DAY + timedelta(days=end) for item in complete)
            assert held_by(waiting) <= limit
            read(complete, found)
        rest = waiting.complete()
    # Objects are read after all else has been given out, files are unlinked by then.
    read(rest, found)
    assert found == {
        key: (
            "".join(line.text for line in members).encode(),
            [(line.defect, n) for n, line in enumerate(members, start=1) if line.defect],
        )
        for key, members in expected_objects(some).items()
    }
    assert waiting.complete() == []
