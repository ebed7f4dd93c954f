"""Compiled loops: what numba lacks, against Python's own numbers, and where nothing can be kept."""

import numba.core.caching
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.compiled import (
    Octets,
    compiled,
    copy_octets,
    high_product,
)

NUMBERS = st.integers(0, 2**64 - 1)


@compiled
def product(left: np.uint64, right: np.uint64) -> np.uint64:
    return np.uint64(high_product(left, right))


@compiled
def copied(target: Octets, place: int, source: Octets, start: int, length: int) -> None:
    copy_octets(target, place, source, start, length)


@given(left=NUMBERS, right=NUMBERS)
def test_the_upper_half_of_a_product_is_that_of_whole_numbers(left: int, right: int) -> None:
    assert int(product(np.uint64(left), np.uint64(right))) == left * right >> 64


@given(data=st.data(), content=st.binary(max_size=40))
def test_octets_are_copied_to_their_place_and_nowhere_else(
    data: st.DataObject, content: bytes
) -> None:
    start, end = sorted(data.draw(st.integers(0, len(content))) for _ in range(2))
    place = data.draw(st.integers(0, 9))
    target = np.full(60, 255, dtype=np.uint8)
    copied(target, place, np.frombuffer(content or b" ", dtype=np.uint8), start, end - start)
    expected = b"\xff" * place + content[start:end]
    assert target.tobytes() == expected + b"\xff" * (60 - len(expected))


def test_a_loop_is_compiled_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])

    @compiled
    def doubled(number: int) -> int:
        return 2 * number

    assert doubled(21) == 42
