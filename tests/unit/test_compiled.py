"""Compiled loops: what numba lacks, against Python's own numbers, and where nothing can be kept."""

import importlib
import sys
from pathlib import Path

import numba.core.caching
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis import compiled as module
from pqrs_kedro.pipelines.synthesis.compiled import (
    Octets,
    compiled,
    copy_from,
    copy_octets,
    fetch,
    high_product,
)

NUMBERS = st.integers(0, 2**64 - 1)


@compiled
def product(left: np.uint64, right: np.uint64) -> np.uint64:
    return np.uint64(high_product(left, right))


@compiled
def copied(target: Octets, place: int, source: Octets, start: int, length: int) -> None:
    copy_octets(target, place, source, start, length)


@compiled
def copied_from(target: Octets, place: int, address: int, length: int) -> None:
    fetch(address)
    copy_from(target, place, address, length)


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


def test_kept_code_is_used_until_a_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept_loop.py").write_text(
        "from pqrs_kedro.pipelines.synthesis.compiled import compiled\n\n"
        "@compiled\ndef doubled(number):\n    return 2 * number\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def hits_and_misses() -> tuple[int, int]:
        sys.modules.pop("kept_loop", None)
        loop = importlib.import_module("kept_loop").doubled
        assert loop(21) == 42
        return sum(loop.stats.cache_hits.values()), sum(loop.stats.cache_misses.values())

    assert hits_and_misses() == (0, 1)
    assert hits_and_misses() == (1, 0)
    monkeypatch.setattr(module, "source_stamp", lambda _: "of other sources")
    assert hits_and_misses() == (0, 1)


def test_the_stamp_is_that_of_the_domain_and_of_the_generator(tmp_path: Path) -> None:
    stamps = set()
    for folder in ("domain", "pipelines/synthesis", "curation"):
        for version in ("x = 1", "x = 2"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / "terms.py").write_text(version)
            module.source_stamp.cache_clear()
            stamps.add(module.source_stamp(tmp_path))
    # Curation has no loops.
    assert len(stamps) == 4
    module.source_stamp.cache_clear()


@pytest.mark.parametrize("text", [b"", b"x", b"sesenta y dos octetos, que no caben en un registro"])
def test_octets_at_an_address_are_copied_to_their_place(text: bytes) -> None:
    source = np.frombuffer(text or b" ", dtype=np.uint8)
    target = np.full(60, 255, dtype=np.uint8)
    copied_from(target, 3, source.ctypes.data, len(text))
    assert target.tobytes() == b"\xff" * 3 + text + b"\xff" * (57 - len(text))


def test_a_loop_is_compiled_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])

    @compiled
    def doubled(number: int) -> int:
        return 2 * number

    assert doubled(21) == 42
