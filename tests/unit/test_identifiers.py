"""Identifiers: UUIDs that sort by time, radicado numbers, and instants as text."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.identifiers import instants, radicado, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# From 2017 to 2041, the instants of the calendar.
INSTANTS = st.integers(1_483_228_800_000_000, 2_240_524_800_000_000)
BITS = st.integers(0, 2**64 - 1)


def uuids(microseconds: list[int], bits: list[int]) -> list[str]:
    return uuid7(np.array(microseconds, np.int64), np.array(bits, dtype=np.uint64)).to_pylist()


def radicados(years: list[int], consecutives: list[int]) -> list[str]:
    return radicado(np.array(years), np.array(consecutives)).to_list()


# --- UUIDs --------------------------------------------------------------------------------------


@given(at=INSTANTS, bits=BITS)
def test_an_identifier_is_a_uuid_of_version_7_and_tells_its_instant(at, bits):
    (text,) = uuids([at], [bits])
    parsed = UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert parsed.int >> 80 == at // 1000
    assert parsed.int >> 64 & 0xFFF == at % 1000
    assert parsed.int & (2**62 - 1) == bits >> 2


@given(events=st.lists(st.tuples(INSTANTS, BITS), min_size=2, max_size=8))
def test_identifiers_sort_by_instant_and_then_by_bits(events):
    by_instant = sorted(events, key=lambda event: (event[0], event[1] >> 2))
    texts = uuids(*map(list, zip(*by_instant, strict=True)))
    assert texts == sorted(texts)


def test_identifiers_of_one_millisecond_sort_by_microsecond():
    texts = uuids([1_767_225_600_000_000 + micro for micro in range(1000)], [0] * 1000)
    assert texts == sorted(set(texts))
    assert len({text[:13] for text in texts}) == 1


def test_identifiers_of_one_instant_differ_by_their_bits():
    assert len(set(uuids([10**15] * 3, [0, 4, 8]))) == 3


def test_no_events_have_no_identifiers():
    assert uuids([], []) == []


# --- Radicados ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "consecutive", "expected"),
    [
        pytest.param(2026, 1, "20261000000012", id="first_of_the_year"),
        pytest.param(2026, 72, "20261000000722", id="a_common_one"),
        pytest.param(2026, 999_999, "20261009999992", id="last_of_the_dependency"),
        pytest.param(2026, 1_000_000, "20261010000002", id="carries_into_the_dependency"),
        pytest.param(2039, 12_345_678, "20391123456782", id="carries_twelve_times"),
    ],
)
def test_a_radicado_is_year_dependency_consecutive_and_type(
    year: int, consecutive: int, expected: str
):
    assert radicados([year], [consecutive]) == [expected]


@given(pairs=st.lists(st.tuples(st.integers(2017, 2041), st.integers(1, 90_000_000)), min_size=2))
def test_radicados_have_14_digits_and_sort_by_year_and_consecutive(pairs):
    texts = radicados(*map(list, zip(*sorted(set(pairs)), strict=True)))
    assert {len(text) for text in texts} == {14}
    assert all(text.isascii() and text.isdigit() for text in texts)
    assert texts == sorted(set(texts))


# --- Instants -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        pytest.param(1_767_272_523_000_456, "2026-01-01T13:02:03.000456Z", id="microseconds"),
        pytest.param(1_767_225_600_000_000, "2026-01-01T00:00:00.000000Z", id="midnight"),
        pytest.param(1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z", id="before_midnight"),
        pytest.param(1_835_395_200_100_000, "2028-02-29T00:00:00.100000Z", id="leap_day"),
    ],
)
def test_an_instant_is_written_in_utc_with_six_decimals(microseconds: int, expected: str):
    assert instants(np.array([microseconds])).to_pylist() == [expected]


@given(at=INSTANTS)
def test_an_instant_reads_back_as_it_was(at):
    (text,) = instants(np.array([at])).to_pylist()
    assert len(text) == 27
    read = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert (read - EPOCH) // MICROSECOND == at
