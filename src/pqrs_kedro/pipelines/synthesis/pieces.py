"""Texts put together from pieces: what is written many times is kept once, and copied once.

A *piece* is a text, known by its number among all pieces of a batch. A row is a run of piece
numbers; only when the runs of all rows are known are their bytes gathered, in one pass. Putting
texts together level by level would copy each byte once per level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.pipelines.synthesis.buffers import BUFFERS
from pqrs_kedro.pipelines.synthesis.compiled import Octets, compiled, copy_octets
from pqrs_kedro.pipelines.synthesis.spill import Spilled

Int = NDArray[np.int64]
# Numbers of pieces: half the memory of 64 bits, for the largest arrays that there are.
Numbers = NDArray[np.int32]
# How many literals a batch may have; the numbers of its other pieces begin behind them.
_LITERALS = 1024


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

    def gathered(self, runs: Runs) -> "Texts":
        """The texts of the runs, one per row."""
        if len(self._literals) > _LITERALS:
            raise ValueError(f"{len(self._literals)} literals, more than {_LITERALS}")
        unused = [""] * (_LITERALS - len(self._literals))
        every = [text_array([*self._literals, *unused]), *self._blocks]
        pieces = Texts.of(pa.concat_arrays(every))
        offsets = _offsets_of_runs(pieces.offsets, runs.numbers, runs.counts)
        content, buffer = BUFFERS.take(int(offsets[-1]))
        _copy_pieces(pieces.offsets, pieces.octets(), runs.numbers, content)
        return Texts(offsets, buffer)


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

    @staticmethod
    def merged(parts: Sequence["Texts"], order: Int) -> "Texts":
        """Some texts of several buffers in one, each at most once.

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
            texts = part.in_memory()
            where = places[first : first + len(texts)]
            _copy_texts(texts.offsets, texts.octets(), where, content)
            first += len(texts)
        return Texts(offsets, pa.py_buffer(content))

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

    def moved(self, data: pa.Buffer | Spilled) -> "Texts":
        """The same texts in a buffer that holds their bytes and nothing else."""
        return Texts(self.offsets - self.offsets[0], data)


def _ends(lengths: Int) -> Int:
    """Where texts of some lengths, one after the other, begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


@compiled
def _offsets_of_runs(offsets: Int, numbers: Numbers, counts: Int) -> Int:
    """Where the text of each run begins, and where the last one ends."""
    found = np.zeros(len(counts) + 1, dtype=np.int64)
    piece, end = 0, 0
    for run in range(len(counts)):
        for _ in range(counts[run]):
            end += offsets[numbers[piece] + 1] - offsets[numbers[piece]]
            piece += 1
        found[run + 1] = end
    return found


@compiled
def _copy_pieces(offsets: Int, octets: Octets, numbers: Numbers, content: Octets) -> None:
    """Write pieces one after the other."""
    place = 0
    for number in numbers:
        length = offsets[number + 1] - offsets[number]
        copy_octets(content, place, octets, offsets[number], length)
        place += length


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
        else:
            numbers[place] = part
            place += 1
    return place


@compiled
def _put_runs(numbers: Numbers, place: Int, run_numbers: Numbers, counts: Int) -> None:
    """Write a run from each row's place on, and move the place behind it."""
    piece = 0
    for row in range(len(counts)):
        for _ in range(counts[row]):
            numbers[place[row]] = run_numbers[piece]
            place[row] += 1
            piece += 1
