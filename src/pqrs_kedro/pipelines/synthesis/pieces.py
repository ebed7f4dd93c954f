"""Texts put together from pieces: what is written many times is kept once, and copied once.

A *piece* is a text, known by its number among all pieces of a batch. A row is a run of piece
numbers; only when the row is wanted, in the place where it is wanted, are its bytes written there.
Putting texts together level by level would copy each byte once per level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.pipelines.synthesis.compiled import (
    Octets,
    compiled,
    copy_from,
    copy_octets,
    fetch,
    fetch_row,
)
from pqrs_kedro.pipelines.synthesis.spill import Spilled

Int = NDArray[np.int64]
# Numbers of pieces: half the memory of 64 bits, for the largest arrays that there are.
Numbers = NDArray[np.int32]
# How many literals a batch may have; the numbers of its other pieces begin behind them.
_LITERALS = 1024
# Pieces between asking for one and copying it.
_AHEAD = 16


@dataclass(frozen=True, slots=True)
class Runs:
    """One run of piece numbers per row: `numbers` of all rows, `counts[i]` of them row i's."""

    numbers: Numbers
    counts: Int


# The same piece in every row, one piece per row, or a run per row.
Part: TypeAlias = int | Numbers | Runs


class Pieces:
    """The pieces of a batch: some literals, and columns of texts."""

    def __init__(self) -> None:
        self._literals: dict[str, int] = {}
        self._blocks: list[pa.Array] = []
        self._size = _LITERALS
        self._shared: dict[int, int] = {}

    def literal(self, text: str) -> int:
        """The number of a text, which is kept once."""
        return self._literals.setdefault(text, len(self._literals))

    def one_of(self, texts: Sequence[str], choice: Int) -> Numbers:
        """The numbers of texts chosen from a few, one per row."""
        return np.array([self.literal(text) for text in texts], dtype=np.int32)[choice]

    def column(self, texts: pl.Series | pa.Array) -> Numbers:
        """The numbers of a column's texts, one per row; null is the empty text.

        An Arrow array is taken as it is: texts with 64-bit offsets, none of them null.
        """
        first = self._append(texts if isinstance(texts, pa.Array) else text_array(texts))
        return np.arange(first, first + len(texts), dtype=np.int32)

    def shared(self, array: pa.Array) -> int:
        """The number of the first text of an array, which is brought in once."""
        if id(array) not in self._shared:
            self._shared[id(array)] = self._append(array)
        return self._shared[id(array)]

    def _append(self, array: pa.Array) -> int:
        first, self._size = self._size, self._size + len(array)
        self._blocks.append(array)
        return first

    def composed(self, runs: Runs) -> "ComposedTexts":
        """The texts of the runs, one per row."""
        if len(self._literals) > _LITERALS:
            raise ValueError(f"{len(self._literals)} literals, more than {_LITERALS}")
        unused = [""] * (_LITERALS - len(self._literals))
        blocks = (text_array([*self._literals, *unused]), *self._blocks)
        places = np.concatenate([_places(block) for block in blocks])
        offsets = _offsets_of_runs(places, runs.numbers, runs.counts)
        return ComposedTexts(offsets, _ends(runs.counts), runs.numbers, places, blocks)


def _places(array: pa.Array) -> Int:
    """Address and length of each text of an Arrow array with 64-bit offsets; shape (texts, 2)."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    found = np.empty((len(array), 2), dtype=np.int64)
    found[:, 0] = ends[:-1] + (data.address if data else 0)
    found[:, 1] = np.diff(ends)
    return found


@dataclass(frozen=True)
class Texts:
    """Texts in one buffer, one after the other: text i is bytes offsets[i] to offsets[i + 1]."""

    offsets: Int
    data: pa.Buffer | Spilled

    @staticmethod
    def of(array: pa.Array) -> "Texts":
        """Texts of an Arrow array with 64-bit offsets; nothing is copied."""
        _, offsets, data = array.buffers()
        place = slice(array.offset, array.offset + len(array) + 1)
        return Texts(np.frombuffer(offsets, dtype=np.int64)[place], data)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def array(self) -> pa.Array:
        """The texts as an Arrow array; what is in memory is not copied."""
        texts = self.in_memory()
        buffers = [None, pa.py_buffer(texts.offsets), texts.data]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)

    def in_memory(self) -> "Texts":
        """The texts in memory; what is there is not copied."""
        return self.moved(self.content()) if self.is_in_file else self

    def octets(self) -> Octets:
        """The buffer, which is in memory, as numbers."""
        buffer: Any = self.data or b""
        return np.frombuffer(buffer, dtype=np.uint8)

    def series(self) -> pl.Series:
        """The texts as a column."""
        return pl.Series(self.array())

    def slice(self, start: int, end: int) -> "Texts":
        """Consecutive texts; nothing is copied."""
        return Texts(self.offsets[start : end + 1], self.data)

    def content(self) -> pa.Buffer:
        """The bytes of all texts, in memory."""
        content = self._own
        return content.read() if isinstance(content, Spilled) else content

    @property
    def _own(self) -> pa.Buffer | Spilled:
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        return self.data.slice(first, last - first)

    @property
    def is_in_file(self) -> bool:
        """Whether the bytes are set aside in a temporary file."""
        return isinstance(self.data, Spilled)

    @property
    def bytes_held(self) -> int:
        """Bytes of memory that these texts keep from being freed."""
        return 0 if self.is_in_file else self.data.size

    @property
    def filled(self) -> float:
        """The share of their buffer that these texts fill."""
        return self._own.size / self.data.size if self.data.size else 1.0

    def write(self, places: Int, content: Octets) -> None:
        """Write each text into a buffer from its place on; none where that is negative."""
        texts = self.in_memory()
        _copy_texts(texts.offsets, texts.octets(), places, content)

    def moved(self, data: pa.Buffer | Spilled) -> "Texts":
        """The same texts in a buffer that holds their bytes and nothing else."""
        return Texts(self.offsets - self.offsets[0], data)


@dataclass(frozen=True)
class ComposedTexts:
    """Texts that are runs of pieces still: what is written of them is written where it is wanted.

    Text i is the pieces `numbers[starts[i]:starts[i + 1]]`, of
    offsets[i + 1] - offsets[i] bytes together.
    """

    offsets: Int
    starts: Int
    numbers: Numbers
    places: Int
    """Address and length of each piece; shape (pieces, 2)."""
    blocks: tuple[pa.Array, ...]
    """What lies at these addresses."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process has none of these addresses: it gets the texts."""
        texts = self.in_memory()
        return Texts, (texts.offsets, texts.data)

    def series(self) -> pl.Series:
        """The texts as a column."""
        return self.in_memory().series()

    def in_memory(self) -> Texts:
        """The texts, put together one after the other."""
        return merged([self], np.arange(len(self)))

    def content(self) -> pa.Buffer:
        """The bytes of all texts."""
        return self.in_memory().content()

    def slice(self, start: int, end: int) -> "ComposedTexts":
        """Consecutive texts; nothing is copied."""
        rows = slice(start, end + 1)
        return replace(self, offsets=self.offsets[rows], starts=self.starts[rows])

    def write(self, places: Int, content: Octets) -> None:
        """Write each text into a buffer from its place on; none where that is negative."""
        _write_runs(self.places, self.numbers, self.starts, places, content)

    @property
    def is_in_file(self) -> bool:
        """Whether the bytes are set aside in a temporary file: pieces never are."""
        return False

    @property
    def bytes_held(self) -> int:
        """Bytes of memory that these texts keep from being freed."""
        arrays = (self.numbers, self.places, *self.blocks)
        return sum(array.nbytes for array in arrays)

    @property
    def filled(self) -> float:
        """The share of the batch's pieces that these texts are made of."""
        return int(self.starts[-1] - self.starts[0]) / max(len(self.numbers), 1)


AnyTexts: TypeAlias = Texts | ComposedTexts


def merged(parts: Sequence[AnyTexts], order: Int) -> Texts:
    """Some texts of several sources in one buffer, each at most once.

    Args:
        parts: the texts, those of one part after those of the other.
        order: their numbers, in the order in which they are wanted.
    """
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = _ends(lengths[order])
    places = np.full(len(lengths), -1)
    places[order] = offsets[:-1]
    content = np.empty(offsets[-1], dtype=np.uint8)
    first = 0
    for part in parts:
        part.write(places[first : first + len(part)], content)
        first += len(part)
    return Texts(offsets, pa.py_buffer(content))


def _ends(lengths: Int) -> Int:
    """Where texts of some lengths, one after the other, begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


@compiled
def _offsets_of_runs(places: Int, numbers: Numbers, counts: Int) -> Int:
    """Where the text of each run begins, and where the last one ends."""
    found = np.zeros(len(counts) + 1, dtype=np.int64)
    last = len(numbers) - 1
    piece, end = 0, 0
    for run in range(len(counts)):
        for _ in range(counts[run]):
            fetch_row(places, numbers[min(piece + _AHEAD, last)])
            end += places[numbers[piece], 1]
            piece += 1
        found[run + 1] = end
    return found


@compiled
def _write_runs(places: Int, numbers: Numbers, starts: Int, targets: Int, content: Octets) -> None:
    """Write the pieces of each row one after the other, from its target on.

    Pieces lie all over the memory: they are fetched some steps before they are copied.
    """
    last = len(numbers) - 1
    for row in range(len(targets)):
        target = targets[row]
        if target < 0:
            continue
        for piece in range(starts[row], starts[row + 1]):
            fetch_row(places, numbers[min(piece + 2 * _AHEAD, last)])
            fetch(places[numbers[min(piece + _AHEAD, last)], 0])
            length = places[numbers[piece], 1]
            copy_from(content, target, places[numbers[piece], 0], length)
            target += length


@compiled
def _copy_texts(offsets: Int, octets: Octets, places: Int, content: Octets) -> None:
    """Write each text to its place; those whose place is negative are left out."""
    for text in range(len(places)):
        if places[text] >= 0:
            length = offsets[text + 1] - offsets[text]
            copy_octets(content, places[text], octets, offsets[text], length)


def text_array(texts: Sequence[str] | pl.Series) -> pa.Array:
    """Texts as an Arrow array with 64-bit offsets; null becomes the empty text."""
    # By way of Polars: `pa.array` imports pandas, half a second in every worker.
    column = pl.Series(texts, dtype=pl.String).fill_null("").rechunk()
    return column.to_arrow(compat_level=pl.CompatLevel.oldest())


class Sheet:
    """Rows that are written from left to right, some rows or all of them at a time."""

    def __init__(self, height: int) -> None:
        self._height = height
        self._strokes: list[tuple[Int | None, tuple[Part, ...]]] = []

    def write(self, *parts: Part, rows: Int | None = None) -> None:
        """Put parts at the end of the rows (all of them if null), each part with a row for each."""
        self._strokes.append((rows, parts))

    def runs(self, order: Int) -> Runs:
        """What was written, the rows in the given order."""
        counts = np.zeros(self._height, dtype=np.int64)
        for rows, parts in self._strokes:
            counts[_all_if_null(rows)] += sum(map(_length, parts))
        ordered = counts[order]
        place = np.empty(self._height, dtype=np.int64)
        place[order] = np.cumsum(ordered) - ordered
        numbers = np.empty(int(counts.sum()), dtype=np.int32)
        for rows, parts in self._strokes:
            where = _all_if_null(rows)
            place[where] = _put(numbers, place[where], parts)
        return Runs(numbers, ordered)


def _all_if_null(rows: Int | None) -> Int | slice:
    return slice(None) if rows is None else rows


def _length(part: Part) -> int | Int:
    return part.counts if isinstance(part, Runs) else 1


def _put(numbers: Numbers, place: Int, parts: Sequence[Part]) -> Int:
    """Write the parts from each row's place on; returns the places behind them."""
    place = place.copy()
    for part in parts:
        if isinstance(part, Runs):
            _put_runs(numbers, place, part.numbers, part.counts)
        elif isinstance(part, int):
            numbers[place] = part
            place += 1
        else:
            _put_one_each(numbers, place, part)
    return place


@compiled
def _put_one_each(numbers: Numbers, place: Int, column: Numbers) -> None:
    """Write a number at each row's place, and move the place behind it."""
    for row in range(len(column)):
        numbers[place[row]] = column[row]
        place[row] += 1


@compiled
def _put_runs(numbers: Numbers, place: Int, run_numbers: Numbers, counts: Int) -> None:
    """Write a run from each row's place on, and move the place behind it."""
    piece = 0
    for row in range(len(counts)):
        for _ in range(counts[row]):
            numbers[place[row]] = run_numbers[piece]
            place[row] += 1
            piece += 1
