"""Warehouses that a test may change, and runs to put into them."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import Project, Run
from tests.runs import link_run

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with a database of its own, and no code."""
    return Project(tmp_path)


@pytest.fixture
def warehouse(project: Project) -> Warehouse:
    """An empty warehouse."""
    return open_warehouse(project.path, project.warehouse_url)


@pytest.fixture
def store(project: Project) -> FolderStore:
    return FolderStore(project.lake)


@pytest.fixture
def put_run(project: Project, documento_run: Run) -> Callable[[str], Run]:
    """Puts the small run into the project's lake under another id."""

    def put(run_id: str) -> Run:
        link_run(documento_run, project.lake, run_id)
        return Run(project, run_id)

    return put


def change_messages(run: Run, change: Callable[[list[str]], list[str]]) -> None:
    """Give the first object of silver_messages other texts, as if the run had written them."""

    def changed(rows: pa.Table) -> pa.Table:
        position = rows.schema.get_field_index("text")
        field = rows.schema.field(position)
        texts = pa.array(change(rows["text"].to_pylist()), field.type)
        return rows.set_column(position, field, texts)

    path = min(run.lake.glob(f"silver/messages/month=*/run_id={run.run_id}/part-*.parquet"))
    change_rows(run, path, changed)


def change_rows(run: Run, path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Give an object other rows, as if the run had written them."""
    rows = change(pq.ParquetFile(path).read())
    path.unlink()
    pq.write_table(rows, path)
    (document,) = run.lake.glob(f"manifests/day=*/run_id={run.run_id}/checksums.json")
    checksums = json.loads(document.read_text(encoding="utf-8"))
    key = path.relative_to(run.lake).as_posix()
    (item,) = (item for item in checksums["objects"] if item["key"] == key)
    item["sha256"] = sha256_hex(path.read_bytes())
    document.unlink()
    document.write_text(json.dumps(checksums), encoding="utf-8")
