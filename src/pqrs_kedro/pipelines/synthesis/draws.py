"""Random numbers by coordinates: seed, named stream, day, index within the day.

Each (seed, stream) is one Philox key and each day one counter block, so that any day can be drawn
alone, in any order and by any worker, and a new stream leaves the others as they were. Draws are
64 raw bits, the same as NumPy's; their use is exact integer or single-rounding arithmetic.
Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pqrs_kedro.pipelines.synthesis.compiled import compiled, high_product

Raw = NDArray[np.uint64]
Uniform = NDArray[np.float64]
# Of Philox4x64: what counters are multiplied with, and what is added to the keys each round.
_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_WEYL = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B))


@lru_cache(maxsize=1024)
def stream_key(seed: int, stream: str) -> NDArray[np.uint64]:
    """The 128-bit Philox key of a named stream."""
    content = hashlib.sha256(f"pqrs_kedro\0{seed}\0{stream}".encode()).digest()[:16]
    return np.frombuffer(content, dtype="<u8").astype(np.uint64)


def raw_block(seed: int, stream: str, block: int, size: int, column: int = 0) -> Raw:
    """`size` 64-bit draws of one block (a day number) and column of a stream."""
    return raw_blocks(seed, stream, (block,), (size,), column)


def raw_blocks(
    seed: int,
    stream: str,
    blocks: Sequence[int],
    sizes: Sequence[int],
    column: int = 0,
    first: int = 0,
) -> Raw:
    """The draws of several blocks, one block after the other, each from its `first` draw on."""
    return _raw_columns(seed, stream, blocks, sizes, column, 1, first)[:, 0]


def _raw_columns(
    seed: int,
    stream: str,
    blocks: Sequence[int],
    sizes: Sequence[int],
    column: int,
    width: int,
    first: int,
) -> Raw:
    """The draws of `width` columns from `column` on, shape (sum of sizes, width)."""
    key, second_key = stream_key(seed, stream)
    numbers, counts = (np.array(given, dtype=np.int64) for given in (blocks, sizes))
    return _philox(key, second_key, numbers, counts, column, width, first)


@compiled
def _philox(
    key: np.uint64,
    second_key: np.uint64,
    blocks: NDArray[np.int64],
    sizes: NDArray[np.int64],
    column: int,
    width: int,
    first: int,
) -> Raw:
    """Philox4x64-10, as NumPy has it, without setting up a generator for each block and column.

    The counter is (one more than the quarter of the draw, column, block, 0).
    Source: Salmon et al. (2011), section 3.3.
    """
    found = np.empty((sizes.sum(), width), dtype=np.uint64)
    start = 0
    for number in range(len(blocks)):
        end = start + sizes[number]
        # What the first counter gives before the first draw that is wanted is left out.
        row, counter = start - first % 4, first // 4
        while row < end:
            counter += 1
            for place in range(width):
                c0, c1 = np.uint64(counter), np.uint64(column + place)
                c2, c3 = np.uint64(blocks[number]), np.uint64(0)
                k0, k1 = key, second_key
                for _ in range(10):
                    h0, l0 = high_product(c0, _MULTIPLIERS[0]), c0 * _MULTIPLIERS[0]
                    h1, l1 = high_product(c2, _MULTIPLIERS[1]), c2 * _MULTIPLIERS[1]
                    c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
                    k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
                for offset, draw in enumerate((c0, c1, c2, c3)):
                    if start <= row + offset < end:
                        found[row + offset, place] = draw
            row += 4
        start = end
    return found


def to_uniform(raw: Raw) -> Uniform:
    """Doubles in (0, 1): the middle of each of 2^52 equal cells, so never 0 nor 1.

    With 2^53 cells the last middle would not be a double, and round to 1.
    """
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


@dataclass(frozen=True)
class TicketDraws:
    """Draws for the tickets of some days: `counts[i]` tickets on day `days[i]`.

    Every method returns one row per ticket, days one after the other.
    """

    seed: int
    days: tuple[int, ...]
    counts: tuple[int, ...]
    first: int = 0
    """Index within its day of the first ticket of each day."""

    def raw(self, stream: str, width: int | None = None) -> Raw:
        """64-bit draws, shape (tickets,) or (tickets, width).

        Each column has blocks of its own: a wider stream leaves its first columns as they were.
        """
        if width is None:
            return raw_blocks(self.seed, stream, self.days, self.counts, first=self.first)
        return _raw_columns(self.seed, stream, self.days, self.counts, 0, width, self.first)

    def uniform(self, stream: str, width: int | None = None) -> Uniform:
        """Uniform draws in (0, 1), shaped as `raw`."""
        return to_uniform(self.raw(stream, width))

    def of_tickets(self, start: int, end: int) -> "TicketDraws":
        """The draws of consecutive tickets of one day.

        Raises:
            ValueError: these are draws of several days.
        """
        if len(self.days) != 1:
            raise ValueError(f"tickets {start} to {end} of {len(self.days)} days")
        return TicketDraws(self.seed, self.days, (end - start,), self.first + start)


class DayDraws(TicketDraws):
    """Draws for all tickets of some days."""

    def stratified(self, stream: str, strata: NDArray[np.int64]) -> Uniform:
        """Uniform draws spread evenly over (0, 1) within each day and stratum.

        Of the n tickets of a stratum on a day, one falls in each of the n cells of width 1/n: the
        order of a random key gives the cell, a second draw the place inside it.
        """
        day = np.repeat(np.arange(len(self.days)), self.counts)
        key = self.raw(f"{stream}/cell")
        order = np.lexsort((key, strata, day))
        group_starts = _group_starts(day[order], strata[order])
        rank, size = _rank_and_size(group_starts)
        cell = np.empty(len(key))
        cell[order] = rank
        width = np.empty(len(key))
        width[order] = size
        return (cell + self.uniform(f"{stream}/place")) / width


def _group_starts(*keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    starts = np.ones(len(keys[0]), dtype=bool)
    starts[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return starts


def _rank_and_size(starts: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Position in its group, and size of the group, of each element of consecutive groups."""
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(starts)))
    return np.arange(len(starts)) - np.repeat(first, sizes), np.repeat(sizes, sizes)


def choose(uniform: Uniform, cumulative: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the category that each draw falls in; `cumulative` ends at 1 (on a decimal grid)."""
    return np.minimum(
        np.searchsorted(cumulative, uniform, side="right"), len(cumulative) - 1
    ).astype(np.int64)
