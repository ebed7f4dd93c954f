"""Lines of a batch, and the raw objects that the lines of several batches make up.

A batch's lines are ordered by (day, channel, ts, event_id), so that what belongs to one object is
one slice of them. Their bytes are put together in the object. Lines of days that are still to come
wait here, those of the batches of which least is waited for in a temporary file. Small copies in
memory would free the rest of a batch too, but they leave it in shreds: half a gigabyte of lines
took one and a half.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.pieces import AnyTexts, Int, merged
from pqrs_kedro.pipelines.synthesis.spill import Spill

# Lines that wait are kept in temporary files beyond this: a month of a hundredfold volume is
# received before most of its events happen. Writing them costs more than holding them.
HELD_BYTES: Final = 128 << 20
# What a file holds of a batch is written anew when less of it is waited for.
_SPARSE: Final = 0.5


@dataclass(frozen=True)
class Lines:
    """Raw lines, ordered by (day, channel, at, tie), each ended by its line feed.

    (at, tie) orders as (ts, event_id) do: at is the instant in microseconds UTC. Lines of equal
    keys are of one ticket, hence of one batch, and stay in its order.
    """

    day: Int
    channel: Int
    """Index in CHANNEL_IDS."""
    at: Int
    tie: NDArray[np.uint64]
    texts: AnyTexts
    defect: Int
    """Number of the line's row in the ledger of defects; 0 for a clean line."""

    def __len__(self) -> int:
        return len(self.day)

    def slice(self, start: int, end: int) -> "Lines":
        """Consecutive lines; nothing is copied."""
        part = slice(start, end)
        texts = self.texts.slice(start, end)
        return Lines(
            self.day[part], self.channel[part], self.at[part], self.tie[part], texts,
            self.defect[part],
        )  # fmt: skip

    def before(self, day: int) -> "Lines":
        """The lines of earlier days."""
        return self.slice(0, int(np.searchsorted(self.day, day)))

    def since(self, day: int) -> "Lines":
        """The lines of this day and later ones."""
        return self.slice(int(np.searchsorted(self.day, day)), len(self))

    def by_object(self) -> dict[tuple[int, int], "Lines"]:
        """The lines of each day and channel."""
        changes = (np.diff(self.day) != 0) | (np.diff(self.channel) != 0)
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(self)] if len(self) else []
        return {
            (int(self.day[start]), int(self.channel[start])): self.slice(start, end)
            for start, end in pairwise(edges)
        }

    def set_aside(self, spill: Spill) -> "Lines":
        """The same lines with their texts in a temporary file."""
        texts = self.texts.in_memory()
        texts = texts.moved(spill.put(texts.content()))
        return Lines(
            self.day.copy(), self.channel.copy(), self.at.copy(), self.tie.copy(), texts,
            self.defect.copy(),
        )  # fmt: skip

    def in_memory(self) -> "Lines":
        """The same lines, their texts put together."""
        return replace(self, texts=self.texts.in_memory())

    def marked_from(self, number: int) -> "Lines":
        """The same lines, the defective ones counted on from a number."""
        return replace(self, defect=np.where(self.defect > 0, self.defect + number, 0))

    def frame(self) -> pl.DataFrame:
        """The lines as a table, to look at: day, channel, at, tie, line."""
        columns = {name: getattr(self, name) for name in ("day", "channel", "at", "tie")}
        return pl.DataFrame(columns | {"line": self.texts.series()})


@dataclass(frozen=True)
class RawObject:
    """The lines of one source and local day, ordered by (ts, event_id)."""

    source: str
    day: date
    parts: tuple[Lines, ...]
    """The lines that each batch has of it."""

    @cached_property
    def rows(self) -> int:
        """How many lines there are."""
        return sum(map(len, self.parts))

    def content(self) -> pa.Buffer:
        """The object's bytes: made anew each time, so that few objects' are held at once."""
        if len(self.parts) == 1:
            return self.parts[0].texts.content()
        return merged([part.texts for part in self.parts], self._order).content()

    @property
    def _order(self) -> Int:
        """The lines of all parts in the object's order; equal keys stay in that of their part."""
        instants, ties = zip(*((part.at, part.tie) for part in self.parts), strict=True)
        ends = np.cumsum([0, *map(len, self.parts)])
        return _merged_order(np.concatenate(instants), np.concatenate(ties), ends)

    def defects(self) -> tuple[Int, Int]:
        """Rows in the ledger of defects, and the number, from 1, of the line of each."""
        marks = np.concatenate([part.defect for part in self.parts])
        if not marks.any():
            return marks[:0], marks[:0]
        ordered = marks[self._order]
        lines = np.flatnonzero(ordered)
        return ordered[lines], lines + 1


@compiled
def _merged_order(at: Int, tie: NDArray[np.uint64], ends: Int) -> Int:
    """Order by (at, tie) of parts that are in this order each; equal keys in that of the parts.

    Part p is at `ends[p]` to `ends[p + 1]`. There are few parts: the least of their next lines is
    looked for one by one.
    """
    order = np.empty(len(at), dtype=np.int64)
    following = ends[:-1].copy()
    for place in range(len(at)):
        first = -1
        for part in range(len(following)):
            line = following[part]
            if line == ends[part + 1]:
                continue
            if first < 0:
                first = part
                continue
            least = following[first]
            if at[line] < at[least] or (at[line] == at[least] and tie[line] < tie[least]):
                first = part
        order[place] = following[first]
        following[first] += 1
    return order


class Waiting:
    """Lines of days that are not complete yet."""

    def __init__(self) -> None:
        self._lines: list[Lines] = []
        self._spill = Spill()

    def add(self, lines: Lines) -> None:
        """Take the lines of a batch."""
        self._lines.append(lines)

    def complete(self, before: int | None = None) -> list[RawObject]:
        """Give out the objects of the days before a day (null: of all days)."""
        found: dict[tuple[int, int], list[Lines]] = {}
        for lines in self._lines:
            for key, part in (
                (lines if before is None else lines.before(before)).by_object().items()
            ):
                found.setdefault(key, []).append(part)
        kept = [] if before is None else [lines.since(before) for lines in self._lines]
        self._lines = list(self._held([lines for lines in kept if len(lines)]))
        return [
            RawObject(CHANNEL_IDS[channel], to_date(day), tuple(parts))
            for (day, channel), parts in sorted(found.items())
        ]

    def _held(self, waiting: list[Lines]) -> Iterator[Lines]:
        """The same lines, HELD_BYTES in memory at most: the emptiest batches are set aside."""
        texts = [lines.texts for lines in waiting]
        excess = sum(text.bytes_held for text in texts) - HELD_BYTES
        aside = {
            place for place, text in enumerate(texts) if text.is_in_file and text.filled < _SPARSE
        }
        for place in sorted(range(len(texts)), key=lambda place: texts[place].filled):
            if excess > 0 and not texts[place].is_in_file:
                excess -= texts[place].bytes_held
                aside.add(place)
        for place, lines in enumerate(waiting):
            yield lines.set_aside(self._spill) if place in aside else lines
