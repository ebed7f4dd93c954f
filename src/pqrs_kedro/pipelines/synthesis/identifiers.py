"""Derived identifiers: UUIDs in the version 7 layout, and radicado numbers.

A UUIDv7 (RFC 9562) begins with the milliseconds of its instant, so identifiers sort by time. Here
the 12 bits after them hold the microseconds within the millisecond, and the last 62 a keyed draw.
"""

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

_HEX = np.frombuffer(b"".join(b"%02x" % value for value in range(256)), dtype="S2")
_TEXT_LENGTH = 36
# Where the 32 hexadecimal digits go between the dashes of 8-4-4-4-12.
_DIGIT_PLACES = np.array([p for p in range(_TEXT_LENGTH) if p not in (8, 13, 18, 23)])
# Petitions are filed by the correspondence office, dependency 100; the 7th digit of the consecutive
# carries into the dependency (Orfeo numbering). Type 2 is an incoming document.
_ENTRY_DEPENDENCY = 100
_CONSECUTIVES = 1_000_000
_INCOMING = 2


def uuid7(microseconds: NDArray[np.int64], bits: NDArray[np.uint64]) -> pl.Series:
    """UUIDv7 texts of instants (microseconds UTC), with 62 random bits each."""
    millis, micros = np.divmod(microseconds, 1000)
    high = (millis.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000)
    high |= micros.astype(np.uint64)
    low = (bits >> np.uint64(2)) | np.uint64(1 << 63)
    octets = np.stack([high, low], axis=1).astype(">u8").view(np.uint8)
    text = np.full((len(octets), _TEXT_LENGTH), ord("-"), dtype=np.uint8)
    text[:, _DIGIT_PLACES] = _HEX[octets.reshape(len(octets), 16)].view(np.uint8).reshape(-1, 32)
    offsets = np.arange(len(text) + 1, dtype=np.int64) * _TEXT_LENGTH
    array = pa.LargeStringArray.from_buffers(
        len(text), pa.py_buffer(offsets), pa.py_buffer(text.reshape(-1))
    )
    return pl.Series(array)


def radicado(years: NDArray[np.int64], consecutives: NDArray[np.int64]) -> pl.Series:
    """Radicado numbers, 14 digits: year, dependency (3), consecutive (6), type (1)."""
    number = years * 10**3 + _ENTRY_DEPENDENCY
    number = (number * _CONSECUTIVES + consecutives) * 10 + _INCOMING
    return pl.Series(number).cast(pl.String)


def instants(microseconds: NDArray[np.int64]) -> pl.Series:
    """ISO 8601 texts in UTC with six decimals, `2026-01-01T13:02:03.000456Z`."""
    return pl.Series(microseconds).cast(pl.Datetime("us")).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
