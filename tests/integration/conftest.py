"""Warehouses and buckets that a test may change, and runs to put into them."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import Project, Run
from tests.runs import link_run
from tests.servers import S3Server, pooler, postgis_server, s3_server

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.s3 import S3Settings, S3Store
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.publish import publish


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


# Servers


@contextmanager
def new_database() -> Iterator[str]:
    """URL of an empty database on a server that has PostGIS, as its superuser."""
    server, name = postgis_server(), f"pqrs_test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgis_url() -> Iterator[str]:
    """An empty database on a server that has PostGIS, as its superuser."""
    with new_database() as url:
        yield url


@dataclass(frozen=True)
class Served:
    """A run that is published where there is PostGIS."""

    warehouse: Warehouse
    store: FolderStore
    run: Run


@pytest.fixture(scope="module")
def served(documento_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small run under the id `mine`. A test that changes it puts it back."""
    project = Project(tmp_path_factory.mktemp("served"))
    link_run(documento_run, project.lake, "mine")
    store = FolderStore(project.lake)
    with new_database() as url:
        warehouse = open_warehouse(project.path, url)
        publish(store, "mine", warehouse)
        yield Served(warehouse, store, Run(project, "mine"))


@pytest.fixture
def postgis(project: Project, postgis_url: str) -> Warehouse:
    """An empty warehouse with PostGIS."""
    return open_warehouse(project.path, postgis_url)


@pytest.fixture
def pooled(postgis: Warehouse) -> Warehouse:
    """The same, behind a pooler that gives each transaction any of a few sessions."""
    return Warehouse(f"{pooler()}/{postgis.url.rpartition('/')[2]}")


@pytest.fixture
def s3() -> S3Server:
    """The S3 server of the test session."""
    return s3_server()


@pytest.fixture
def bucket() -> str:
    """The name of a bucket that nobody else has."""
    return f"pqrs-test-{secrets.token_hex(6)}"


@pytest.fixture
def s3_lake(s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """An empty lake in a new bucket with object lock, which the environment names."""
    for name, value in s3.environment(bucket).items():
        monkeypatch.setenv(name, value)
    found = S3Store(f"s3://{bucket}", S3Settings.from_environment(os.environ))
    found.make_bucket()
    return found


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
