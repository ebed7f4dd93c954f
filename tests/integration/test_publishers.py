"""Several publishers and readers at once, and a transaction pooler in between."""

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conftest import Project, Run, copy_project
from tests.runs import link_run

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.errors import WarehouseError
from pqrs_kedro.warehouse.publish import publish
from pqrs_kedro.warehouse.runs import drop, list_runs, published_rows
from pqrs_kedro.warehouse.schema import SERVED
from pqrs_kedro.warehouse.verify import problems

PutRun = Callable[[str], Run]
pytestmark = pytest.mark.xdist_group("doc")


def attempt(store: FolderStore, run_id: str, warehouse: Warehouse) -> str:
    try:
        publish(store, run_id, warehouse)
    except WarehouseError as error:
        return str(error)
    return "published"


@pytest.mark.parametrize("way", ["postgis", "pooled"])
def test_of_two_publishers_of_one_run_one_wins_and_the_other_says_so(
    way: str, store: FolderStore, put_run: PutRun, request: pytest.FixtureRequest
) -> None:
    warehouse: Warehouse = request.getfixturevalue(way)
    put_run("mine")
    first = threading.Thread(target=publish, args=(store, "mine", warehouse))
    with warehouse.connect() as gate:
        # The first publisher stops with its tables loaded.
        gate.execute("LOCK TABLE public.gold_run_summary IN ACCESS EXCLUSIVE MODE")
        first.start()
        deadline = time.monotonic() + 60
        while (said := attempt_if_taken(store, warehouse)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        gate.rollback()
    first.join(60)
    assert said == "run mine is being published by another process; nothing was changed"
    assert list(problems(store, warehouse, "mine")) == []


def attempt_if_taken(store: FolderStore, warehouse: Warehouse) -> str | None:
    """What a second publisher is told once the first has the run; null before."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7177003"
    with warehouse.connect() as connection:
        (row,) = connection.execute(query).fetchall()
    return attempt(store, "mine", warehouse) if row[0] else None


@pytest.mark.parametrize("way", ["postgis", "pooled"])
def test_publishers_of_different_runs_take_turns(
    way: str, store: FolderStore, put_run: PutRun, request: pytest.FixtureRequest
) -> None:
    warehouse: Warehouse = request.getfixturevalue(way)
    names = ["one", "two", "three"]
    for name in names:
        put_run(name)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda n: attempt(store, n, warehouse), names)) == {"published"}
    for name in names:
        assert list(problems(store, warehouse, name)) == []


def test_behind_a_pooler_readers_see_whole_runs_and_nobody_waits_long(
    pooled: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    put_run("first"), put_run("second")
    rows = publish(store, "first", pooled)
    seen: set[tuple[Any, ...]] = set()
    longest, done = 0.0, threading.Event()
    tables = ("silver_tickets", "gold_kpi_sla_daily", "dim_geo")
    counts = ", ".join(f"(SELECT count(*) FROM {name}_current)" for name in tables)

    def poll() -> None:
        nonlocal longest
        while not done.is_set():
            began = time.monotonic()
            with pooled.connect() as connection:
                seen.update(connection.execute(f"SELECT {counts}").fetchall())
            longest = max(longest, time.monotonic() - began)

    reader = threading.Thread(target=poll)
    reader.start()
    for run_id in ("second", "first", "second"):
        publish(store, run_id, pooled)
    done.set()
    reader.join()
    assert seen == {tuple(rows[name] for name in tables)}
    # A publisher holds readers back for the switch alone, never for its load of seconds.
    assert longest < 10


def test_everything_works_behind_a_pooler(
    pooled: Warehouse, store: FolderStore, put_run: PutRun, project: Project
) -> None:
    put_run("mine")
    assert open_warehouse(project.path, pooled.url, again=True) == pooled
    rows = publish(store, "mine", pooled)
    assert published_rows(pooled, "mine") == rows
    assert [run["run_id"] for run in list_runs(pooled)] == ["mine"]
    drop(pooled, "mine")
    assert sum(published_rows(pooled, "mine").values()) == 0
    assert publish(store, "mine", pooled) == rows


def test_a_whole_run_works_behind_a_pooler(
    pooled: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = copy_project(tmp_path_factory.mktemp("pooled") / "project")
    parameters: dict[str, Any] = {
        "date_min": "2026-01-10", "date_max": "2026-01-10", "observe_until": "2026-01-11",
        "volume_scale": 0.05, "run_id": "whole",
    }  # fmt: skip
    with project.session(warehouse_url=pooled.url, **parameters) as session:
        session.run()
    assert list(problems(FolderStore(project.lake), pooled, "whole")) == []


def test_a_publisher_killed_behind_a_pooler_leaves_nothing(
    pooled: Warehouse, documento_run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = copy_project(tmp_path_factory.mktemp("killed") / "project")
    link_run(documento_run, project.lake, "killed")
    store = FolderStore(project.lake)
    with pooled.connect() as gate:
        gate.execute("LOCK TABLE public.gold_run_summary IN ACCESS EXCLUSIVE MODE")
        named = {"PQRS_WAREHOUSE_URL": pooled.url}
        process = project.start("warehouse", "publish", "killed", environment=named)
        try:
            wait_until_it_waits(pooled, process)
        finally:
            process.kill()
            process.communicate()
    assert sum(published_rows(pooled, "killed").values()) == 0
    rows = publish(store, "killed", pooled)
    with pooled.connect() as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'runs'"
        assert connection.execute(query).fetchall() == [(len(SERVED),)]
    assert sum(rows.values()) > 0


def wait_until_it_waits(warehouse: Warehouse, process: "subprocess.Popen[str]") -> None:
    direct = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database() AND query LIKE 'CREATE TABLE%'"
    )
    deadline = time.monotonic() + 240
    while True:
        with warehouse.connect() as connection:
            if connection.execute(direct).fetchall() == [(1,)]:
                return
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
