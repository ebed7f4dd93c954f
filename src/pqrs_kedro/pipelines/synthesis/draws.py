"""Random numbers by coordinates: seed, named stream, day, index within the day.

Each (seed, stream) is one Philox key and each day one counter block, so that any day can be drawn
alone, in any order and by any worker, and a new stream leaves the others as they were. Only raw
64-bit draws are taken from NumPy; their use is exact integer or single-rounding arithmetic.
Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Raw = NDArray[np.uint64]
Uniform = NDArray[np.float64]
# Philox4x64 gives four draws each time it counts.
_DRAWS_PER_COUNT = 4


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
    counter, passed = divmod(first, _DRAWS_PER_COUNT)
    philox = np.random.Philox(key=stream_key(seed, stream))
    state = philox.state
    parts = [np.empty(0, dtype=np.uint64)]
    for block, size in zip(blocks, sizes, strict=True):
        # Moving one generator takes half the time of making one for each block.
        state["state"]["counter"][:] = (counter, column, block, 0)
        philox.state = state
        drawn = np.asarray(philox.random_raw(passed + size), dtype=np.uint64)
        parts.append(drawn[passed:])
    return np.concatenate(parts)


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
            return self._column(stream, 0)
        return np.stack([self._column(stream, column) for column in range(width)], axis=1)

    def _column(self, stream: str, column: int) -> Raw:
        return raw_blocks(self.seed, stream, self.days, self.counts, column, self.first)

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
