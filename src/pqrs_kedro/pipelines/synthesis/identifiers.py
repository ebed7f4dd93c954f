"""Derived identifiers: UUIDs in the version 7 layout, and radicado numbers.

A UUIDv7 (RFC 9562) begins with the milliseconds of its instant, so identifiers sort by time. Here
the 12 bits after them hold the microseconds within the millisecond, and the last 62 a keyed draw.
"""

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import MICROSECONDS_PER_DAY
from pqrs_kedro.pipelines.synthesis.compiled import Octets, compiled

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_DASH = ord("-")
_INSTANT = np.frombuffer(b"0000-00-00T00:00:00.000000Z", dtype=np.uint8)
# Petitions are filed by the correspondence office, dependency 100; the 7th digit of the consecutive
# carries into the dependency (Orfeo numbering). Type 2 is an incoming document.
_ENTRY_DEPENDENCY = 100
_CONSECUTIVES = 1_000_000
_INCOMING = 2


def uuid7(microseconds: NDArray[np.int64], bits: NDArray[np.uint64]) -> pa.Array:
    """UUIDv7 texts of instants (microseconds UTC), with 62 random bits each."""
    return _fixed_width(_uuid7(microseconds, bits))


@compiled
def _uuid7(microseconds: NDArray[np.int64], bits: NDArray[np.uint64]) -> Octets:
    """A row of 36 characters each."""
    text = np.empty((len(bits), 36), dtype=np.uint8)
    for row in range(len(bits)):
        millis, micros = divmod(microseconds[row], 1000)
        high = np.uint64(millis << 16 | 0x7000 | micros)
        low = bits[row] >> np.uint64(2) | np.uint64(1 << 63)
        place = 0
        for half in (high, low):
            for digit in range(16):
                # The dashes of 8-4-4-4-12.
                if place in (8, 13, 18, 23):
                    text[row, place] = _DASH
                    place += 1
                text[row, place] = _DIGITS[half >> np.uint64(60 - 4 * digit) & np.uint64(15)]
                place += 1
    return text


def radicado(years: NDArray[np.int64], consecutives: NDArray[np.int64]) -> pl.Series:
    """Radicado numbers, 14 digits: year, dependency (3), consecutive (6), type (1)."""
    number = years * 10**3 + _ENTRY_DEPENDENCY
    number = (number * _CONSECUTIVES + consecutives) * 10 + _INCOMING
    return pl.Series(number).cast(pl.String)


def instants(microseconds: NDArray[np.int64]) -> pa.Array:
    """ISO 8601 texts in UTC with six decimals, `2026-01-01T13:02:03.000456Z`."""
    # Instants lie close together: one text for each day from the first to the last.
    first, last = (
        (microseconds.min() // MICROSECONDS_PER_DAY, microseconds.max() // MICROSECONDS_PER_DAY)
        if len(microseconds)
        else (0, 0)
    )
    dates = np.arange(first, last + 1).astype("datetime64[D]").astype("S10")
    return _fixed_width(_instants(microseconds, dates.view(np.uint8).reshape(-1, 10), first))


@compiled
def _instants(microseconds: NDArray[np.int64], dates: Octets, first: int) -> Octets:
    """A row of characters each; `dates` are those of the days from the first one on."""
    text = np.empty((len(microseconds), len(_INSTANT)), dtype=np.uint8)
    for row in range(len(microseconds)):
        day, rest = divmod(microseconds[row], MICROSECONDS_PER_DAY)
        second, micro = divmod(rest, 1_000_000)
        # Place by place: what assigns a slice takes the compiler seconds.
        for place in range(len(_INSTANT)):
            text[row, place] = dates[day - first, place] if place < 10 else _INSTANT[place]
        for place, value in (
            (11, second // 3600),
            (14, second // 60 % 60),
            (17, second % 60),
            (20, micro // 10_000),
            (22, micro // 100 % 100),
            (24, micro % 100),
        ):
            text[row, place] = _DIGITS[value // 10]
            text[row, place + 1] = _DIGITS[value % 10]
    return text


def _fixed_width(text: Octets) -> pa.Array:
    """ASCII texts of one length each, from a row of characters each."""
    offsets = np.arange(len(text) + 1, dtype=np.int64) * text.shape[1]
    return pa.LargeStringArray.from_buffers(
        len(text), pa.py_buffer(offsets), pa.py_buffer(text.reshape(-1))
    )
