"""Lake Parquet: the same bytes for the same rows, one partition per object."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqrs_kedro.contracts.tables import TABLES, Table
from pqrs_kedro.lake import parquet
from pqrs_kedro.lake.parquet import ROW_GROUP_ROWS, cut_partitions, parquet_bytes

VOLUME = TABLES["gold_kpi_volume_daily"]  # partitioned by day
QUARANTINE = TABLES["quarantine_raw_lines"]  # partitioned by source and day
STATUS = TABLES["dim_status"]  # not partitioned

# --- Bytes --------------------------------------------------------------------------------------


def rows(count: int, start: int = 0) -> pa.Table:
    numbers = range(start, start + count)
    return pa.table(
        {
            "name": pa.array([None if n % 7 == 0 else f"name {n % 90}" for n in numbers]),
            "number": pa.array(numbers, pa.int64()),
            "list": pa.array([[n, None] if n % 3 else None for n in numbers]),
        }
    )


def chunked(made: pa.Table, rows_per_chunk: int) -> pa.Table:
    pieces = [made.slice(at, rows_per_chunk) for at in range(0, len(made), rows_per_chunk)]
    return pa.concat_tables(pieces)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(rows(1000), id="again"),
        pytest.param(chunked(rows(1000), 1), id="chunks_of_one"),
        pytest.param(chunked(rows(1000), 333), id="chunks_of_333"),
        pytest.param(rows(1200, -100).slice(100, 1000), id="slice"),
        pytest.param(pa.Table.from_pylist(rows(1000).to_pylist(), rows(1000).schema), id="rebuilt"),
    ],
)
def test_equal_rows_have_equal_bytes(made: pa.Table):
    assert parquet_bytes(made).equals(parquet_bytes(rows(1000)))


def test_rows_of_many_pages_have_equal_bytes_whatever_their_chunks():
    # Some 6 MB of texts that repeat nothing: pages end where a megabyte is full.
    made = pa.table({"text": [f"{number:>100}" for number in range(60_000)]})
    assert parquet_bytes(chunked(made, 777)).equals(parquet_bytes(made))


def test_other_rows_have_other_bytes():
    assert not parquet_bytes(rows(1000, 1)).equals(parquet_bytes(rows(1000)))


def test_rows_read_back_as_they_were_in_groups_of_65536():
    made = rows(ROW_GROUP_ROWS + 10)
    file = pq.ParquetFile(pa.BufferReader(parquet_bytes(made)))
    assert file.read().equals(made)
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [65_536, 10]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}


def test_an_object_without_rows_keeps_its_columns():
    file = pq.ParquetFile(pa.BufferReader(parquet_bytes(rows(0))))
    assert file.read().equals(rows(0))


# --- Partitions ---------------------------------------------------------------------------------


def stream(table: Table, keys: Iterable[tuple[str, ...]]) -> pa.Table:
    """Rows of the given partitions; the stored columns number them."""
    listed = list(keys)
    partitions = {
        name: pa.array([key[place] for key in listed], pa.string())
        for place, name in enumerate(table.partitions)
    }
    stored = {name: pa.array(range(len(listed)), pa.int64()) for name in table.columns}
    return pa.table(partitions | stored)


def batches_of(made: pa.Table, ends: Iterable[int]) -> Iterator[pa.RecordBatch]:
    """The rows in batches that end at the given rows; equal ends give empty batches."""
    start = 0
    for end in [*sorted(ends), len(made)]:
        columns = [column.combine_chunks() for column in made.slice(start, end - start).columns]
        yield pa.RecordBatch.from_arrays(columns, schema=made.schema)
        start = end


def cut(
    table: Table, batches: Iterable[pa.RecordBatch], object_rows: int
) -> list[tuple[dict[str, str], int, dict[str, list[Any]]]]:
    with patch.object(parquet, "OBJECT_ROWS", object_rows):
        return [
            (partition, part, made.to_pydict())
            for partition, part, made in cut_partitions(table, batches)
        ]


def expected_objects(
    table: Table, keys: list[tuple[str, ...]], object_rows: int
) -> list[tuple[dict[str, str], int, dict[str, list[Any]]]]:
    """The objects of an ordered stream, by plain grouping."""
    found = []
    for key, group in groupby(enumerate(keys), lambda item: item[1]):
        numbers = [number for number, _ in group]
        partition = dict(zip(table.partitions, key, strict=True))
        for part, start in enumerate(range(0, len(numbers), object_rows)):
            piece = numbers[start : start + object_rows]
            found.append((partition, part, dict.fromkeys(table.columns, piece)))
    return found


DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
PARTITIONS = {
    VOLUME.name: [(day,) for day in DAYS],
    QUARANTINE.name: [(source, day) for source in ("call", "chat") for day in DAYS],
    STATUS.name: [()],
}


@settings(max_examples=100)
@given(name=st.sampled_from(sorted(PARTITIONS)), object_rows=st.integers(1, 9), data=st.data())
def test_any_stream_in_any_batches_is_cut_into_the_same_objects(name, object_rows, data):
    table, partitions = TABLES[name], PARTITIONS[name]
    sizes = st.lists(st.integers(0, 30), min_size=len(partitions), max_size=len(partitions))
    keys = [
        key for key, size in zip(partitions, data.draw(sizes), strict=True) for _ in range(size)
    ]
    ends = data.draw(st.lists(st.integers(0, len(keys)), max_size=6))
    made = cut(table, batches_of(stream(table, keys), ends), object_rows)
    assert made == expected_objects(table, keys, object_rows)


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param([], id="one_batch"),
        pytest.param([3], id="a_batch_that_fills_up_and_goes_on"),
        pytest.param([5, 10], id="batches_of_whole_objects"),
        pytest.param([0, 1, 1, 16], id="small_and_empty_batches"),
    ],
)
def test_a_long_partition_is_split_after_the_same_rows_whatever_the_batches(ends: list[int]):
    keys = [("2026-01-01",)] * 17
    made = cut(VOLUME, batches_of(stream(VOLUME, keys), ends), 5)
    assert [len(data["channel"]) for _, _, data in made] == [5, 5, 5, 2]
    assert [part for _, part, _ in made] == [0, 1, 2, 3]


def test_an_object_is_cut_where_it_would_pass_its_rows_or_its_partition():
    keys = [("2026-01-01",)] * 5 + [("2026-01-02",)] * 2
    made = cut(VOLUME, batches_of(stream(VOLUME, keys), [3, 6]), 2)
    days_parts_numbers = [(key["day"], part, data["channel"]) for key, part, data in made]
    assert days_parts_numbers == [
        ("2026-01-01", 0, [0, 1]),
        ("2026-01-01", 1, [2, 3]),
        ("2026-01-01", 2, [4]),
        ("2026-01-02", 0, [5, 6]),
    ]


def test_an_object_has_the_stored_columns_in_the_order_of_the_contract():
    made = stream(QUARANTINE, [("call", "2026-01-01")])
    shuffled = made.select(sorted(made.column_names, reverse=True))
    ((_, _, cut_off),) = cut_partitions(QUARANTINE, shuffled.to_batches())
    assert cut_off.column_names == list(QUARANTINE.columns)


def test_no_rows_make_no_objects():
    assert cut(VOLUME, [], 5) == []
    assert cut(VOLUME, batches_of(stream(VOLUME, []), [0, 0]), 5) == []


def test_objects_are_yielded_as_soon_as_they_are_complete():
    keys = [("2026-01-01",)] * 4 + [("2026-01-02",)] * 4
    taken = []

    def watched() -> Iterator[pa.RecordBatch]:
        for batch in batches_of(stream(VOLUME, keys), [2, 4, 6]):
            taken.append(batch.num_rows)
            yield batch

    first = next(iter(cut_partitions(VOLUME, watched())))
    assert first[0] == {"day": "2026-01-01"}
    assert taken == [2, 2, 2]
