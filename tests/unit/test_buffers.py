"""Large buffers: used again once nothing refers to them, and not a moment before."""

import numpy as np
import pytest

from pqrs_kedro.pipelines.synthesis.buffers import Buffers

SIZE = 1 << 20


@pytest.fixture
def buffers() -> Buffers:
    return Buffers()


def address(octets: np.ndarray) -> int:
    return int(octets.ctypes.data)


def test_a_buffer_is_used_again_when_no_part_of_it_is_referred_to(buffers: Buffers):
    with buffers.reused(1):
        octets, buffer = buffers.take(SIZE)
        octets[:] = 7
        first, part = address(octets), buffer.slice(10, 20)
        del octets, buffer
        other, other_buffer = buffers.take(SIZE)
        other[:] = 9
        assert address(other) != first
        assert part.to_pybytes() == bytes([7]) * 20
        del part
        again, again_buffer = buffers.take(SIZE // 2)
        assert address(again) == first
        assert (len(again), again_buffer.size) == (SIZE // 2, SIZE // 2)
        assert other_buffer.to_pybytes() == bytes([9]) * SIZE


def test_a_larger_buffer_is_made_anew_and_the_smallest_large_enough_is_taken(buffers: Buffers):
    small, middle, large = 10 << 20, 30 << 20, 60 << 20
    with buffers.reused(3):
        taken = [buffers.take(size) for size in (large, small, middle)]
        places = {len(octets): address(octets) for octets, _ in taken}
        taken.clear()
        assert address(buffers.take(middle - 5)[0]) == places[middle]
        kept = buffers.take(2 * large)
        assert len(kept[0]) == 2 * large
        assert address(kept[0]) not in places.values()


def test_no_more_are_kept_than_asked_for_and_none_afterwards(buffers: Buffers):
    with buffers.reused(2):
        taken = [buffers.take(SIZE) for _ in range(5)]
        late = buffers.take(SIZE)
        taken.clear()
        assert len(buffers._free) == 2
    assert buffers._free == []
    del late
    assert buffers._free == []
    buffers.take(SIZE)
    assert buffers._free == []


def test_a_buffer_of_nothing(buffers: Buffers):
    with buffers.reused(1):
        octets, buffer = buffers.take(0)
        assert (len(octets), buffer.size) == (0, 0)
