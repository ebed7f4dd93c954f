"""A small table of the lake is read once; a large one by each query."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pqrs_kedro.datasets import lake_table
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.run.engine import ENGINE

NAME = "gold_kpi_volume_daily"


@pytest.fixture(autouse=True)
def closed_engine() -> Iterator[None]:
    yield
    ENGINE.close()


def table_of(lake: Path, run_id: str = "r1") -> LakeTable:
    return LakeTable(table=NAME, path=str(lake), run_id=run_id)


def put_days(table: LakeTable, *days: str, tickets: int = 1) -> None:
    rows = {"channel": "email", "pqrs_type": "QUEJA", "tickets_count": tickets}
    table.save(pa.Table.from_pylist([{"day": day, **rows} for day in days]))


def days_of(table: LakeTable) -> list[tuple[str, int]]:
    rows = table.load().order_by("day").to_pyarrow().to_pylist()
    return [(row["day"].isoformat(), row["tickets_count"]) for row in rows]


def test_a_small_table_is_read_once_for_all_who_load_it(tmp_path: Path) -> None:
    put_days(table_of(tmp_path), "2026-01-01", "2026-01-02")
    scanned = table_of(tmp_path).scan()
    loaded = table_of(tmp_path).load()
    assert table_of(tmp_path).load() is loaded
    assert loaded.schema() == scanned.schema()
    assert loaded.order_by("day").to_pyarrow() == scanned.order_by("day").to_pyarrow()
    for path in tmp_path.rglob("part-*.parquet"):
        path.rename(path.with_name("elsewhere"))
    assert loaded.count().to_pyarrow().as_py() == 2


def test_rows_are_those_of_the_objects_that_are_there(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    put_days(table, "2026-01-01")
    put_days(table_of(tmp_path, "r2"), "2026-01-01", tickets=2)
    assert days_of(table) == [("2026-01-01", 1)]
    assert days_of(table_of(tmp_path, "r2")) == [("2026-01-01", 2)]
    put_days(table, "2026-01-02", tickets=3)
    assert days_of(table) == [("2026-01-01", 1), ("2026-01-02", 3)]
    ENGINE.close()
    assert days_of(table) == [("2026-01-01", 1), ("2026-01-02", 3)]


def test_a_large_table_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_days(table_of(tmp_path), "2026-01-01", "2026-01-02")
    kept = days_of(table_of(tmp_path))
    ENGINE.close()
    monkeypatch.setattr(lake_table, "_KEPT_BYTES", 100)
    assert days_of(table_of(tmp_path)) == kept
    assert ENGINE.kept == {}
