"""The logical hash a second time: plain Python values, `struct` and `hashlib`, one value at a time.

Written from the docstring of `lake.hashing`, on lists of Python values and an Arrow type that only
says what they are; nothing of the project and nothing of Arrow's memory layout is used.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

Rows = Sequence[Mapping[str, Any]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slow_hash(rows: Rows, types: Mapping[str, pa.DataType], primary_key: Sequence[str]) -> str:
    """Hash of rows of the columns `types`, in any order."""
    ordered = sorted(rows, key=lambda row: tuple(row[name] for name in primary_key))
    digest = hashlib.sha256()
    for name in sorted(types):
        digest.update(_column(name, types[name], [row[name] for row in ordered]))
    return digest.hexdigest()


def _column(name: str, kind: pa.DataType, values: list[Any]) -> bytes:
    content = f"{name}\0{_logical_type(kind)}\0{len(values)}\0".encode()
    content += _packed_validity(values)
    content += _content(name, kind, [value for value in values if value is not None])
    return hashlib.sha256(content).digest()


def _packed_validity(values: list[Any]) -> bytes:
    """A bit per value, most significant first, 1 for a value; the last byte filled up with 0."""
    packed = bytearray(-(-len(values) // 8))
    for place, value in enumerate(values):
        if value is not None:
            packed[place // 8] |= 0x80 >> place % 8
    return bytes(packed)


def _logical_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list<{_logical_type(kind.value_type)}>"
    for name, is_kind in (
        ("int", pa.types.is_integer),
        ("float", pa.types.is_floating),
        ("text", pa.types.is_string),
        ("bytes", pa.types.is_binary),
        ("timestamp", pa.types.is_timestamp),
        ("date", pa.types.is_date),
        ("struct", pa.types.is_struct),
        ("bool", pa.types.is_boolean),
    ):
        if is_kind(kind):
            return name
    raise AssertionError(kind)


def _content(name: str, kind: pa.DataType, values: list[Any]) -> bytes:
    if pa.types.is_list(kind):
        items = [item for value in values for item in value]
        return _numbers("<q", map(len, values)) + _column(f"{name}[]", kind.value_type, items)
    if pa.types.is_struct(kind):
        fields = sorted(kind, key=lambda field: field.name)
        return b"".join(
            _column(f"{name}.{field.name}", field.type, [value[field.name] for value in values])
            for field in fields
        )
    if pa.types.is_floating(kind):
        return _numbers("<d", (0.0 if value == 0 else value for value in values))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        texts = [value.encode() if isinstance(value, str) else value for value in values]
        return _numbers("<q", map(len, texts)) + b"".join(texts)
    return _numbers("<q", map(_whole_number, values))


def _numbers(layout: str, values: Any) -> bytes:
    return b"".join(struct.pack(layout, value) for value in values)


def _whole_number(value: Any) -> int:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (value - _EPOCH.date()).days
    return int(value)
