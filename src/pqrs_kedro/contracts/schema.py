"""Arrow schemas derived from the contracts, and the check that data keeps them."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pqrs_kedro.contracts.columns import AUTHOR_KINDS, COLUMNS
from pqrs_kedro.contracts.tables import Table
from pqrs_kedro.domain.geometry import SRID, reference_system

MESSAGE_TYPE: Final = pa.struct(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC")),
        pa.field("author_kind", pa.string()),
        pa.field("subject", pa.string()),
        pa.field("text", pa.string()),
    ]
)
ATTACHMENT_TYPE: Final = pa.struct(
    [
        pa.field("file_name", pa.string()),
        pa.field("file_type", pa.string()),
        pa.field("size_kb", pa.int64()),
    ]
)
ARROW_TYPES: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "binary": pa.binary(),
    # EWKB, little-endian, of `domain.geometry.SRID`.
    "geometry": pa.binary(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
    "instants": pa.list_(pa.timestamp("us", tz="UTC")),
    "messages": pa.list_(MESSAGE_TYPE),
    "attachments": pa.list_(ATTACHMENT_TYPE),
}


class ContractError(ValueError):
    """Data that does not keep its table's contract; the message names table, column and value."""


def arrow_schema(table: Table) -> pa.Schema:
    """Schema of the objects of `table`: stored columns only, without partition columns."""
    return pa.schema([_field(table, name) for name in table.columns])


def stream_schema(table: Table) -> pa.Schema:
    """Schema of rows on their way to objects: partition columns, as text, then the stored."""
    partitions = [pa.field(name, pa.string(), nullable=False) for name in table.partitions]
    return pa.schema([*partitions, *arrow_schema(table)])


def _field(table: Table, name: str) -> pa.Field:
    return pa.field(name, ARROW_TYPES[COLUMNS[name].type], nullable=table.is_nullable(name))


def check_batch(table: Table, batch: pa.RecordBatch) -> None:
    """Refuse rows with a null or a value that the contract of `table` does not allow."""
    for name in (*table.partitions, *table.columns):
        _check_column(table, name, batch.column(name))


def _check_column(table: Table, name: str, values: pa.Array) -> None:
    if values.null_count and not table.is_nullable(name):
        raise ContractError(f"{table.name}.{name}: {values.null_count} null values; none allowed")
    allowed = COLUMNS[name].allowed
    if allowed is not None:
        found = values.flatten() if pa.types.is_list(values.type) else values
        _check_allowed(f"{table.name}.{name}", found, allowed)
    if COLUMNS[name].type == "geometry":
        _check_geometry(f"{table.name}.{name}", values)
    if name == "messages":
        _check_allowed(
            f"{table.name}.messages.author_kind",
            values.flatten().field("author_kind"),
            AUTHOR_KINDS,
        )


def _check_allowed(path: str, values: pa.Array, allowed: Iterable[str]) -> None:
    distinct = pc.unique(values.drop_null())
    unknown = sorted(set(distinct.to_pylist()) - set(allowed))
    if unknown:
        raise ContractError(f"{path}: {unknown[0]!r} is not one of {', '.join(sorted(allowed))}")


def _check_geometry(path: str, values: pa.Array) -> None:
    for head in pc.unique(pc.binary_slice(values.drop_null(), 0, 9)).to_pylist():
        if reference_system(head) != SRID:
            raise ContractError(f"{path}: {head.hex()}... is not little-endian EWKB of EPSG:{SRID}")
