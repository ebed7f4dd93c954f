"""Content hashes: of bytes, and of a table's logical content whatever wrote it.

The logical hash of a table orders rows by the primary key and columns by name, decodes
dictionaries and widens types, so that equal data has one hash from any engine, any version of a
Parquet writer and any row-group size. A column's hash covers its name, type, row count, packed
validity, and its non-null values: integers, dates and timestamps as int64, strings and bytes as
int64 lengths and content, nested columns through their flattened children.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def sha256_hex(content: bytes | memoryview | pa.Buffer) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def logical_hash(table: pa.Table, primary_key: Iterable[str], ordered: bool = False) -> str:
    """Hash of the content of `table`, independent of row order, chunking and writer.

    Args:
        table: the rows, in any order.
        primary_key: columns that order them.
        ordered: the rows are in that order already.

    Source: the project's own definition (module docstring); tests hold it against a second one.
    """
    plain = _decoded(table)
    rows = plain if ordered else plain.sort_by([(name, "ascending") for name in primary_key])
    digest = hashlib.sha256()
    for name in sorted(rows.column_names):
        digest.update(_column_digest(name, rows.column(name).combine_chunks()))
    return digest.hexdigest()


def _decoded(table: pa.Table) -> pa.Table:
    """The table without dictionaries and views, which Arrow cannot sort or take."""
    schema = pa.schema([field.with_type(_plain_type(field.type)) for field in table.schema])
    return table if schema.equals(table.schema) else table.cast(schema)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    return kind


def _column_digest(name: str, values: pa.Array | pa.ChunkedArray) -> bytes:
    array = _one_array(values)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    digest = hashlib.sha256()
    digest.update(f"{name}\0{_type_name(array.type)}\0{len(array)}\0".encode())
    digest.update(np.packbits(_validity(array)).tobytes())
    for part in _value_bytes(name, array.drop_null() if array.null_count else array):
        digest.update(part)
    return digest.digest()


def _one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    return values


def _validity(array: pa.Array) -> np.ndarray:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.uint8)


def _type_name(kind: pa.DataType) -> str:
    """The type's logical name: widths and encodings that carry no meaning are left out."""
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind):
        return "float"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "bytes"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return "struct"
    if pa.types.is_boolean(kind):
        return "bool"
    raise TypeError(f"no logical hash for Arrow type {kind}")


def _value_bytes(name: str, array: pa.Array) -> list[bytes]:
    """The bytes of a null-free array, fixed on every machine (little-endian)."""
    kind = _type_name(array.type)
    if kind in ("int", "timestamp", "date", "bool"):
        return [_as_int64(array).astype("<i8", copy=False).tobytes()]
    if kind == "float":
        # Adding zero turns -0.0 into 0.0, which compare equal and must hash equal.
        values = array.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0
        return [values.astype("<f8", copy=False).tobytes()]
    if kind in ("text", "bytes"):
        return _variable_width(array)
    if kind == "struct":
        return [_column_digest(f"{name}.{field.name}", array.field(field.name)) for field in
                sorted(array.type, key=lambda field: field.name)]  # fmt: skip
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype("<i8")
    return [lengths.tobytes(), _column_digest(f"{name}[]", array.flatten())]


def _as_int64(array: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    elif pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return np.asarray(array.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _variable_width(array: pa.Array) -> list[bytes]:
    binary = array.cast(pa.large_binary())
    lengths = pc.binary_length(binary).to_numpy(zero_copy_only=False).astype("<i8")
    offsets = np.frombuffer(binary.buffers()[1], dtype="<i8")[binary.offset :][: len(binary) + 1]
    data = binary.buffers()[2]
    content = (
        b"" if data is None or not len(binary) else data[offsets[0] : offsets[-1]].to_pybytes()
    )
    return [lengths.tobytes(), content]
