"""A published run is the lake's, whole or not at all, whoever reads, kills or publishes again."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from struct import pack
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from tests.conftest import Project, Run, copy_project
from tests.integration.conftest import change_messages, change_rows
from tests.runs import link_run

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.errors import NotPublished, WarehouseError
from pqrs_kedro.warehouse.publish import partition_name, publish
from pqrs_kedro.warehouse.runs import drop, find_run, published_rows
from pqrs_kedro.warehouse.schema import SERVED

PutRun = Callable[[str], Run]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# Equal to the lake

_AS_TEXT = {
    "string": "{0}",
    "int64": "{0}::text",
    "bool": "{0}::int::text",
    "date": "({0} - date '1970-01-01')::text",
    "timestamp": "(extract(epoch FROM {0}) * 1000000)::bigint::text",
    "float64": "encode(float8send({0}), 'hex')",
    "geometry": "encode({0}, 'hex')",
}


def sql_hash(warehouse: Warehouse, table: str, run_id: str) -> tuple[int, int]:
    """Rows, and the sum of a hash of each, which does not depend on their order."""
    contract = TABLES[table]
    names = (*contract.partitions, *contract.columns)
    cells = [
        sql.SQL("coalesce({}, 'null')").format(
            sql.SQL(_AS_TEXT[contract.column(name).type]).format(sql.Identifier(name))
        )
        for name in names
    ]
    row = sql.SQL("concat_ws('|', {})").format(sql.SQL(", ").join(cells))
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(('x' || substr(md5({}), 1, 15))::bit(60)::bigint), 0) "
        "FROM {} WHERE run_id = %s"
    ).format(row, sql.Identifier("public", table))
    with warehouse.connect() as connection:
        ((count, total),) = connection.execute(query, [run_id]).fetchall()
    return count, int(total)


def lake_hash(run: Run, table: str) -> tuple[int, int]:
    """The same of the Parquet objects, in Python."""
    contract = TABLES[table]
    names = (*contract.partitions, *contract.columns)
    rows = run.rows(table)
    texts = ["|".join(as_text(row[name]) for name in names) for row in rows]
    return len(rows), sum(int(hashlib.md5(t.encode()).hexdigest()[:15], 16) for t in texts)


def as_text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(int(value))
        case float():
            return pack(">d", value).hex()
        case bytes():
            return value.hex()
        case datetime():
            delta = value - EPOCH
            return str((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds)
        case date():
            return str((value - EPOCH.date()).days)
    return str(value)


@pytest.mark.parametrize("table", SERVED)
def test_postgres_equals_the_lake(table: str, small_run: Run) -> None:
    warehouse = Warehouse(small_run.project.warehouse_url)
    assert sql_hash(warehouse, table, small_run.run_id) == lake_hash(small_run, table)


@pytest.mark.xdist_group("doc")
def test_meta_has_the_run_as_its_manifest(documento_run: Run) -> None:
    warehouse = Warehouse(documento_run.project.warehouse_url)
    row, manifest = (
        find_run(warehouse, documento_run.run_id),
        documento_run.document("manifest.json"),
    )
    assert row is not None
    assert row["status"] == "completed"
    assert row["seed"] == manifest["inputs"]["seed"]
    assert row["digest"] == manifest["digest"]
    assert row["git_sha"] == manifest["inputs"]["git_sha"]
    assert row["raw_objects_count"] == len(documento_run.raw_objects())
    assert row["silver_rows"] == manifest["rows_by_layer"]["silver"]
    assert row["finished_at"].isoformat() == manifest["finished_at"]
    with warehouse.connect() as connection:
        (paths,) = connection.execute("SELECT * FROM meta.manifest_index").fetchall()
    (path,) = documento_run.lake.glob("manifests/day=*/run_id=*/manifest.json")
    assert paths == (documento_run.run_id, str(path), str(path.with_name("checksums.json")))


def test_meta_has_the_results_of_the_checks(small_run: Run) -> None:
    query = "SELECT * FROM meta.data_quality WHERE run_id = %s"
    with Warehouse(small_run.project.warehouse_url).connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(query, [small_run.run_id]).fetchall()
    wanted = [{"run_id": small_run.run_id, **row} for row in small_run.rows("data_quality")]
    repeated = [row for row in found if row["check_name"] == "equal_to_earlier_run"]
    assert sorted((row for row in found if row not in repeated), key=str) == sorted(wanted, key=str)
    # Every dataset has a result, and there is no run before to compare with.
    assert {row["dataset"] for row in repeated} == {*small_run.document("manifest.json")["paths"]}
    assert all((row["value"], row["result"]) == (None, "pass") for row in repeated)
    assert len(wanted) > 50


@pytest.mark.xdist_group("doc")
def test_keys_and_references_hold_within_the_run(documento_run: Run) -> None:
    warehouse = Warehouse(documento_run.project.warehouse_url)
    run_id = documento_run.run_id
    query = """
        SELECT conrelid::regclass::text, confrelid::regclass::text, contype::text
        FROM pg_constraint WHERE connamespace = 'runs'::regnamespace AND contype IN ('p', 'f')
    """
    with warehouse.connect() as connection:
        found = sorted(connection.execute(query).fetchall())

    def name(table: str) -> str:
        return f"runs.{partition_name(table, run_id)}"

    keys = [(name(table), "-", "p") for table in SERVED]
    references = [
        (name(table.name), name(other), "f")
        for table in SERVED.values()
        for _, other, _ in table.foreign_keys
    ]
    assert found == sorted(keys + references)


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("INSERT INTO {0} SELECT * FROM {0} LIMIT 1", psycopg.errors.UniqueViolation),
        ("UPDATE {0} SET run_id = 'other'", psycopg.errors.CheckViolation),
        ("UPDATE {0} SET pqrs_type = 'NADA'", psycopg.errors.ForeignKeyViolation),
        ("UPDATE {0} SET priority = 'NADA'", psycopg.errors.CheckViolation),
        ("UPDATE {0} SET created_at = NULL", psycopg.errors.NotNullViolation),
    ],
)
def test_postgres_refuses_what_the_contract_forbids(
    change: str, refusal: type[Exception], documento_run: Run
) -> None:
    table = sql.Identifier("runs", partition_name("silver_tickets", documento_run.run_id))
    with Warehouse(documento_run.project.warehouse_url).connect() as connection:
        with pytest.raises(refusal):
            connection.execute(sql.SQL(change).format(table))
        connection.rollback()


# Runs side by side


def current(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    query = "SELECT run_id, count(*) FROM silver_tickets_current GROUP BY run_id"
    with warehouse.connect() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.xdist_group("doc")
def test_runs_live_side_by_side_and_current_is_the_last(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun, project: Project, ley1755_run: Run
) -> None:
    documento = put_run("documento")
    publish(store, "documento", warehouse)
    tickets = len(documento.table("silver_tickets"))
    assert current(warehouse) == [("documento", tickets)]
    link_run(ley1755_run, project.lake, "ley")
    publish(store, "ley", warehouse)
    # The later run is the one that ended later, whatever was published last.
    publish(store, "documento", warehouse)
    ended = {run_id: find_run(warehouse, run_id)["finished_at"] for run_id in ("documento", "ley")}  # type: ignore[index]
    last = max(ended, key=lambda run_id: ended[run_id])
    assert [row[0] for row in current(warehouse)] == [last]
    for run_id, run in (("documento", documento), ("ley", Run(project, "ley"))):
        assert sql_hash(warehouse, "silver_messages", run_id) == lake_hash(run, "silver_messages")
    drop(warehouse, last)
    (other,) = set(ended) - {last}
    assert [row[0] for row in current(warehouse)] == [other]
    assert sum(published_rows(warehouse, last).values()) == 0
    assert find_run(warehouse, last)["published_at"] is None  # type: ignore[index]
    with pytest.raises(NotPublished):
        drop(warehouse, last)


@pytest.mark.xdist_group("doc")
def test_publishing_again_replaces(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    run = put_run("again")
    first = publish(store, "again", warehouse)
    change_messages(run, lambda texts: ["otro texto", *texts[1:]])
    assert publish(store, "again", warehouse) == first == published_rows(warehouse, "again")
    assert sql_hash(warehouse, "silver_messages", "again") == lake_hash(run, "silver_messages")
    with warehouse.connect() as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'runs'"
        ).fetchall()
        assert tables == (len(SERVED),)
        assert connection.execute("SELECT count(*) FROM meta.manifest_index").fetchall() == [(1,)]


@pytest.mark.xdist_group("doc")
def test_a_polling_reader_sees_whole_runs_only(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    put_run("first"), put_run("second")
    rows = publish(store, "first", warehouse)
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def poll() -> None:
        tables = ("silver_tickets", "silver_messages", "gold_kpi_volume_daily")
        counts = ", ".join(f"(SELECT count(*) FROM {name}_current)" for name in tables)
        with warehouse.connect() as connection:
            connection.autocommit = True
            while not done.is_set():
                seen.update(connection.execute(f"SELECT {counts}").fetchall())

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    for run_id in ("second", "first", "second"):
        publish(store, run_id, warehouse)
    done.set()
    for reader in readers:
        reader.join()
    whole = tuple(rows[n] for n in ("silver_tickets", "silver_messages", "gold_kpi_volume_daily"))
    assert seen == {whole}


@pytest.mark.xdist_group("doc")
def test_a_reader_in_the_way_is_waited_for(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    put_run("held")
    publish(store, "held", warehouse)
    publisher = threading.Thread(target=publish, args=(store, "held", warehouse))
    with warehouse.connect() as reader:
        before = reader.execute("SELECT count(*) FROM silver_tickets_current").fetchall()
        publisher.start()
        # Longer than one attempt of the publisher lasts.
        time.sleep(2)
        assert publisher.is_alive()
        assert reader.execute("SELECT count(*) FROM silver_tickets_current").fetchall() == before
    publisher.join(timeout=60)
    assert not publisher.is_alive()
    assert current(warehouse) == [("held", before[0][0])]


@pytest.mark.xdist_group("doc")
def test_a_process_killed_in_mid_load_leaves_the_run_before_and_the_next_works(
    tmp_path_factory: pytest.TempPathFactory, documento_run: Run
) -> None:
    project = copy_project(tmp_path_factory.mktemp("killed") / "project")
    warehouse = open_warehouse(project.path, project.warehouse_url)
    store = FolderStore(project.lake)
    for run_id in ("before", "killed"):
        link_run(documento_run, project.lake, run_id)
    rows = publish(store, "before", warehouse)
    with warehouse.connect() as gate:
        # The last table cannot be made: the publisher stops with all others loaded.
        gate.execute("LOCK TABLE public.gold_run_summary IN ACCESS EXCLUSIVE MODE")
        process = project.start("warehouse", "publish", "killed")
        wait_for_a_waiting_publisher(warehouse, process)
        process.kill()
        process.communicate()
    assert sum(published_rows(warehouse, "killed").values()) == 0
    assert published_rows(warehouse, "before") == rows
    assert find_run(warehouse, "killed") is None
    assert publish(store, "killed", warehouse) == rows
    with warehouse.connect() as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'runs'"
        ).fetchall()
    assert tables == (2 * len(SERVED),)


def wait_for_a_waiting_publisher(warehouse: Warehouse, process: "subprocess.Popen[str]") -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database() AND query LIKE 'CREATE TABLE%'"
    )
    deadline = time.monotonic() + 60
    with warehouse.connect() as connection:
        connection.autocommit = True
        while connection.execute(waiting).fetchall() != [(1,)]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)


# Texts


@pytest.mark.xdist_group("doc")
def test_hostile_texts_survive_and_nul_becomes_the_replacement_character(
    warehouse: Warehouse,
    store: FolderStore,
    put_run: PutRun,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile = ["a\0b\0", "'\"\\\t\n\r;--", "👩🏽‍💻 ñandú \u202e", "x" * 2**20, "", "\\N"]
    run = put_run("hostile")
    change_messages(run, lambda texts: [*hostile, *texts[len(hostile) :]])
    wanted = [row["text"].replace("\0", "\ufffd") for row in run.rows("silver_messages")]
    with caplog.at_level("WARNING", logger="pqrs_kedro.warehouse"):
        publish(store, "hostile", warehouse)
    with warehouse.connect() as connection:
        found = connection.execute("SELECT text FROM silver_messages_current").fetchall()
    assert sorted(text for (text,) in found) == sorted(wanted)
    assert {"a\ufffdb\ufffd", *hostile[1:]} <= set(wanted)
    (record,) = caplog.records
    assert '{"silver_messages": 1}' in record.getMessage()


@pytest.mark.xdist_group("doc")
def test_a_run_from_before_a_column_was_added_has_null_in_it(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    run, added = put_run("older"), TABLES["dim_geo"].added
    (path,) = run.lake.glob("silver/dim_geo/run_id=older/part-*")
    change_rows(run, path, lambda rows: rows.drop_columns(list(added)))
    publish(store, "older", warehouse)
    query = sql.SQL("SELECT DISTINCT {} FROM dim_geo_current").format(
        sql.SQL(", ").join(map(sql.Identifier, added))
    )
    with warehouse.connect() as connection:
        assert connection.execute(query).fetchall() == [(None,) * len(added)]
        count = connection.execute("SELECT count(*) FROM dim_geo_current").fetchall()
    assert count == [(1_122,)]


@pytest.mark.xdist_group("doc")
def test_an_object_that_was_changed_is_not_published(
    warehouse: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    run = put_run("tampered")
    path = min(run.lake.glob("gold/kpi_sla/day=*/run_id=tampered/part-*"))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WarehouseError, match=r"gold/kpi_sla/day=.*other bytes"):
        publish(store, "tampered", warehouse)
    assert sum(published_rows(warehouse, "tampered").values()) == 0
    assert find_run(warehouse, "tampered") is None
