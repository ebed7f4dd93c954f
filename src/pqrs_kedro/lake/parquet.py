"""Lake Parquet: fixed bytes for fixed rows, one object at a time, cut at partition boundaries.

A query engine's own partitioned writer is not byte-stable and holds every partition in memory. Here
one ordered stream of batches is cut where the partition changes, re-chunked to fixed row groups and
written with fixed settings.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pqrs_kedro.contracts.tables import Table
from pqrs_kedro.lake.hashing import logical_hash
from pqrs_kedro.lake.layout import hive_values

ROW_GROUP_ROWS: Final = 65_536
# A partition larger than this is split, so that one object always fits in memory.
OBJECT_ROWS: Final = 16 * ROW_GROUP_ROWS


def parquet_bytes(table: pa.Table) -> pa.Buffer:
    """A table as Parquet: row groups of 65,536 rows, zstd, the same bytes for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks(),
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=3,
        version="2.6",
        data_page_version="1.0",
        write_statistics=True,
    )
    return sink.getvalue()


def encode_object(table: Table, rows: pa.Table) -> tuple[pa.Buffer, str]:
    """The bytes and the logical hash of an object's rows, which come in the table's order."""
    in_key_order = table.stored_key == table.order_by[-len(table.stored_key) :]
    return parquet_bytes(rows), logical_hash(rows, table.stored_key, ordered=in_key_order)


def cut_partitions(
    table: Table, batches: Iterable[pa.RecordBatch]
) -> Iterator[tuple[dict[str, str], int, pa.Table]]:
    """Cut a stream ordered by the partition columns into objects.

    Yields:
        partition values, number of the part in its partition, and the stored columns of its rows.
    """
    current: tuple[str, ...] | None = None
    part, held = 0, list[pa.RecordBatch]()
    for values, run in _runs(table, batches):
        if values != current:
            if current is not None and held:
                yield _object(table, current, part, held)
            current, part, held = values, 0, []
        for piece in _fit(run, OBJECT_ROWS - sum(batch.num_rows for batch in held)):
            held.append(piece)
            if sum(batch.num_rows for batch in held) == OBJECT_ROWS:
                yield _object(table, values, part, held)
                part, held = part + 1, []
    if current is not None and held:
        yield _object(table, current, part, held)


def _object(
    table: Table, values: tuple[str, ...], part: int, batches: list[pa.RecordBatch]
) -> tuple[dict[str, str], int, pa.Table]:
    partition = dict(zip(table.partitions, values, strict=True))
    return partition, part, pa.Table.from_batches(batches).select(list(table.columns))


def _fit(batch: pa.RecordBatch, room: int) -> Iterator[pa.RecordBatch]:
    """The batch in pieces: the first fills the room, the others whole objects."""
    start = 0
    while start < batch.num_rows:
        piece = batch.slice(start, room)
        yield piece
        start += piece.num_rows
        room = OBJECT_ROWS


def _runs(
    table: Table, batches: Iterable[pa.RecordBatch]
) -> Iterator[tuple[tuple[str, ...], pa.RecordBatch]]:
    """Consecutive rows of one partition, with its values."""
    for batch in batches:
        if not batch.num_rows:
            continue
        starts = _run_starts([batch.column(name) for name in table.partitions])
        ends = [*starts[1:], batch.num_rows]
        for start, end in zip(starts, ends, strict=True):
            values = tuple(batch.column(name)[start].as_py() for name in table.partitions)
            yield values, batch.slice(start, end - start)


def _run_starts(columns: list[pa.Array]) -> list[int]:
    """Rows at which some column changes, the first row included."""
    starts = {0}
    for column in columns:
        ends = pc.run_end_encode(column, run_end_type=pa.int64()).run_ends.to_pylist()
        starts.update(ends[:-1])
    return sorted(starts)


def stored_rows(table: Table, key: str, content: bytes) -> pa.Table:
    """The rows of one object, and after them the partition columns of its path; `day` is a date."""
    # Threads cost more than they save: most objects are small.
    rows = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    hive = hive_values(key)
    for name in table.partitions:
        value = pa.scalar(hive[name]).cast(pa.date32() if name == "day" else pa.string())
        rows = rows.append_column(name, pa.repeat(value, len(rows)))
    return rows
