"""Derived identifiers: UUIDs in the version 7 layout, and radicado numbers.

A UUIDv7 (RFC 9562) begins with the milliseconds of its instant, so identifiers sort by time. Here
the 12 bits after them hold the microseconds within the millisecond, and the last 62 a keyed draw.
"""

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

# Two digits at a time, as one 16-bit number: NumPy copies numbers faster than texts.
_HEX = np.frombuffer(b"".join(b"%02x" % value for value in range(256)), dtype=np.uint16)
_TEXT_LENGTH = 36
# Where the 32 hexadecimal digits go between the dashes of 8-4-4-4-12.
_DIGIT_GROUPS = ((0, 8), (9, 13), (14, 18), (19, 23), (24, 36))
_DECIMAL = np.frombuffer(b"".join(b"%02d" % value for value in range(100)), dtype=np.uint16)
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
    digits = _HEX[octets.reshape(len(octets), 16)].view(np.uint8).reshape(-1, 32)
    for first, last in _DIGIT_GROUPS:
        text[:, first:last] = digits[:, : last - first]
        digits = digits[:, last - first :]
    return _fixed_width(text)


def radicado(years: NDArray[np.int64], consecutives: NDArray[np.int64]) -> pl.Series:
    """Radicado numbers, 14 digits: year, dependency (3), consecutive (6), type (1)."""
    number = years * 10**3 + _ENTRY_DEPENDENCY
    number = (number * _CONSECUTIVES + consecutives) * 10 + _INCOMING
    return pl.Series(number).cast(pl.String)


def instants(microseconds: NDArray[np.int64]) -> pl.Series:
    """ISO 8601 texts in UTC with six decimals, `2026-01-01T13:02:03.000456Z`."""
    seconds, micros = np.divmod(microseconds, 1_000_000)
    days, second_of_day = np.divmod(seconds, 86_400)
    text = np.empty((len(seconds), len(_INSTANT)), dtype=np.uint8)
    text[:] = np.frombuffer(_INSTANT, dtype=np.uint8)
    # Instants lie close together: one text for each day from the first to the last.
    first, last = (days.min(), days.max()) if len(days) else (0, 0)
    dates = np.arange(first, last + 1).astype("datetime64[D]").astype("S10")
    text[:, :10] = dates.view(np.uint8).reshape(-1, 10)[days - first]
    minutes, second = np.divmod(second_of_day, 60)
    for place, value in (
        (11, minutes // 60),
        (14, minutes % 60),
        (17, second),
        (20, micros // 10_000),
        (22, micros // 100 % 100),
        (24, micros % 100),
    ):
        text[:, place : place + 2] = _DECIMAL[value].view(np.uint8).reshape(-1, 2)
    return _fixed_width(text)


_INSTANT = b"0000-00-00T00:00:00.000000Z"


def _fixed_width(text: NDArray[np.uint8]) -> pl.Series:
    """ASCII texts of one length each, from a row of bytes each."""
    offsets = np.arange(len(text) + 1, dtype=np.int64) * text.shape[1]
    array = pa.LargeStringArray.from_buffers(
        len(text), pa.py_buffer(offsets), pa.py_buffer(text.reshape(-1))
    )
    return pl.Series(array)
