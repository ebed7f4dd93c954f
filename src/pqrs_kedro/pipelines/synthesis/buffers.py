"""Large buffers that are used again when nothing refers to them any more.

Memory that is new has to be cleared by the system, page by page: for the texts of a batch of
tickets that takes as long as writing them.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Final

import numpy as np
import pyarrow as pa

from pqrs_kedro.pipelines.synthesis.compiled import Octets

# Batches are of about equal size: with some room, most of them fit in what another one had.
_STEP: Final = 16 << 20


class Buffers:
    """Gives out buffers, and keeps a few of those that come back."""

    def __init__(self) -> None:
        self._free: list[Octets] = []
        self._most = 0
        # A buffer may come back in the midst of `take`, when the collector of garbage runs.
        self._lock = RLock()

    @contextmanager
    def reused(self, most: int) -> Iterator[None]:
        """Meanwhile up to `most` buffers are kept for later; otherwise none is."""
        self._most = most
        try:
            yield
        finally:
            with self._lock:
                self._most = 0
                self._free.clear()

    def take(self, size: int) -> tuple[Octets, pa.Buffer]:
        """A buffer to be filled, and the same as a buffer of texts.

        It comes back when neither it nor a part of it is referred to.
        """
        block = self._found(size)
        if block is None:
            block = np.empty(-(-size // _STEP) * _STEP if self._most else size, dtype=np.uint8)
        octets = block[:size]
        weakref.finalize(octets, self._put_back, block).atexit = False
        return octets, pa.py_buffer(octets)

    def _found(self, size: int) -> Octets | None:
        """The smallest one that is large enough."""
        with self._lock:
            large = [place for place, block in enumerate(self._free) if len(block) >= size]
            if not large:
                return None
            return self._free.pop(min(large, key=lambda place: len(self._free[place])))

    def _put_back(self, block: Octets) -> None:
        with self._lock:
            if len(self._free) < self._most:
                self._free.append(block)


BUFFERS: Final = Buffers()
