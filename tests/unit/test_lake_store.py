"""The lake: objects are created once, whole, under the keys of ADR-0016 section 3.1."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake import layout
from pqrs_kedro.lake.objects import LakeObject, ObjectDiffers, digest, put, start_day
from pqrs_kedro.lake.store import FolderStore, ObjectExists, open_store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.compare import compare_objects
from pqrs_kedro.run.manifest import commit, earlier_run, find_manifest, read_run

RUN = "r20260224T101530Z-3fa9c1"
DAY = date(2026, 2, 24)
KEY = f"raw/pqrs/source=email/day=2026-02-24/run_id={RUN}/events.jsonl"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "lake")


def files(store: FolderStore) -> list[str]:
    """Every file of the lake, hidden ones too."""
    return sorted(
        p.relative_to(store.root).as_posix() for p in store.root.rglob("*") if p.is_file()
    )


# --- The store ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"text", id="bytes"),
        pytest.param(memoryview(b"text"), id="view"),
        pytest.param(pa.py_buffer(b"text"), id="arrow_buffer"),
        pytest.param(pa.py_buffer(b"a text of more")[2:6], id="slice_of_a_buffer"),
    ],
)
def test_an_object_reads_back_as_it_was_created(store: FolderStore, content: Any):
    store.create(KEY, content)
    assert store.read(KEY) == b"text"
    assert store.exists(KEY)
    assert files(store) == [KEY]


def test_an_object_may_be_empty(store: FolderStore):
    store.create(KEY, b"")
    assert store.read(KEY) == b""


def test_an_object_is_never_overwritten_and_the_refusal_names_its_key(store: FolderStore):
    store.create(KEY, b"first")
    with pytest.raises(ObjectExists, match=KEY) as caught:
        store.create(KEY, b"second")
    assert caught.value.key == KEY
    assert store.read(KEY) == b"first"
    assert files(store) == [KEY]


def test_of_sixteen_racing_writers_one_wins(store: FolderStore):
    start = threading.Barrier(16)

    def write(number: int) -> bool:
        start.wait()
        try:
            store.create(KEY, f"writer {number}\n".encode() * 50_000)
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(write, range(16)))
    assert sum(won) == 1
    assert store.read(KEY) == f"writer {won.index(True)}\n".encode() * 50_000
    assert files(store) == [KEY]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()])
def test_a_write_that_is_cut_off_leaves_no_object(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    whole = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        whole(path, content[: len(content) // 2])
        raise error

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(type(error)):
        store.create(KEY, b"a long text")
    monkeypatch.undo()
    assert files(store) == []
    assert not store.exists(KEY)
    store.create(KEY, b"a long text")
    assert store.read(KEY) == b"a long text"


def test_a_killed_write_leaves_nothing_that_readers_take_for_an_object(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    # A killed process runs no cleaning up: the draft stays.
    table = TABLES["silver_tickets"]
    key = layout.object_key(table, {"month": "2026-02"}, RUN, 0)
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(SystemExit))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(SystemExit):
        store.create(key, b"half of it")
    monkeypatch.undo()
    assert len(files(store)) == 1
    assert not store.exists(key)
    assert store.glob(layout.table_pattern(table, RUN)) == []
    store.create(key, b"all of it")
    assert store.glob(layout.table_pattern(table, RUN)) == [key]


def test_a_missing_object_cannot_be_read(store: FolderStore):
    assert not store.exists(KEY)
    with pytest.raises(FileNotFoundError):
        store.read(KEY)


def test_a_lake_is_not_touched_before_its_first_use(tmp_path: Path):
    opened = open_store(str(tmp_path / "lake"))
    assert opened.glob("raw/*") == []
    assert not (tmp_path / "lake").exists()


def test_keys_are_found_by_pattern_in_order_with_stars_within_one_part(store: FolderStore):
    for key in ("b/day=2/x.json", "a/day=2/x.json", "a/day=1/x.json", "a/day=1/y/x.json"):
        store.create(key, b"")
    assert store.glob("a/day=*/x.json") == ["a/day=1/x.json", "a/day=2/x.json"]
    assert store.glob("*/day=2/x.json") == ["a/day=2/x.json", "b/day=2/x.json"]
    assert store.glob("nowhere/*") == []


# --- The layout ---------------------------------------------------------------------------------

DAILY, MONTHLY = {"day": "2026-02-24"}, {"month": "2026-02"}


@pytest.mark.parametrize("source", ["email", "webform", "chat", "call"])
def test_raw_keys_are_those_of_the_adr(source: str):
    assert layout.raw_key(source, DAY, RUN) == (
        f"raw/pqrs/source={source}/day=2026-02-24/run_id={RUN}/events.jsonl"
    )


@pytest.mark.parametrize(
    ("table", "partition", "folder"),
    [
        pytest.param(
            "bronze_pqrs_events",
            {"source": "chat", **DAILY},
            "bronze/pqrs_events/source=chat/day=2026-02-24",
            id="bronze",
        ),
        pytest.param("silver_tickets", MONTHLY, "silver/tickets/month=2026-02", id="tickets"),
        pytest.param("silver_messages", MONTHLY, "silver/messages/month=2026-02", id="messages"),
        pytest.param(
            "silver_status_events", MONTHLY, "silver/status_events/month=2026-02", id="events"
        ),
        pytest.param(
            "silver_attachments", MONTHLY, "silver/attachments/month=2026-02", id="attachments"
        ),
        pytest.param(
            "gold_kpi_backlog_daily", DAILY, "gold/kpi_backlog/day=2026-02-24", id="backlog"
        ),
        pytest.param("gold_kpi_sla_daily", DAILY, "gold/kpi_sla/day=2026-02-24", id="sla"),
        pytest.param("gold_kpi_volume_daily", DAILY, "gold/kpi_volume/day=2026-02-24", id="volume"),
    ],
)
def test_table_keys_are_those_of_the_adr(table: str, partition: dict[str, str], folder: str):
    assert layout.object_key(TABLES[table], partition, RUN, 0) == (
        f"{folder}/run_id={RUN}/part-00000.parquet"
    )
    assert layout.object_key(TABLES[table], partition, RUN, 12).endswith("/part-00012.parquet")


def test_keys_of_manifests_and_logs_are_those_of_the_adr():
    folder = f"day=2026-02-24/run_id={RUN}"
    assert layout.manifest_key(DAY, RUN) == f"manifests/{folder}/manifest.json"
    assert layout.checksums_key(DAY, RUN) == f"manifests/{folder}/checksums.json"
    assert layout.log_key(DAY, RUN) == f"logs/{folder}/pipeline.log"


@pytest.mark.parametrize("run_id", ["../x", "a/b", "*", ""])
def test_no_key_is_made_of_a_hostile_run_id(run_id: str):
    table = TABLES["dim_geo"]
    for make in (
        lambda: layout.raw_key("email", DAY, run_id),
        lambda: layout.object_key(table, {}, run_id, 0),
        lambda: layout.raw_pattern(run_id),
        lambda: layout.table_pattern(table, run_id),
        lambda: layout.manifest_key(DAY, run_id),
        lambda: layout.checksums_key(DAY, run_id),
        lambda: layout.log_key(DAY, run_id),
    ):
        with pytest.raises(InvalidInput):
            make()


def test_the_patterns_of_a_run_find_its_own_objects_and_no_others(store: FolderStore):
    own, other = "run-1", "run-10"
    made = {}
    for table in TABLES.values():
        partition = {"source": "call", **DAILY, **MONTHLY}
        for run_id in (own, other):
            key = layout.object_key(table, partition, run_id, 0, DAY)
            store.create(key, b"")
            made[table.name, run_id] = key
    for run_id in (own, other):
        store.create(layout.raw_key("call", DAY, run_id), b"")
    for table in TABLES.values():
        assert store.glob(layout.table_pattern(table, own)) == [made[table.name, own]]
    assert store.glob(layout.raw_pattern(own)) == [layout.raw_key("call", DAY, own)]
    assert len(files(store)) == 2 * len(TABLES) + 2


def test_the_ledger_lies_in_the_folder_of_its_run_beside_the_manifest():
    table = TABLES["ground_truth"]
    key = layout.object_key(table, MONTHLY, RUN, 3, DAY)
    folder = layout.manifest_key(DAY, RUN).removesuffix("manifest.json")
    assert key == f"{folder}ground_truth/month=2026-02/part-00003.parquet"
    assert layout.logical_key(key) == "manifests/ground_truth/month=2026-02/part-00003.parquet"
    with pytest.raises(ValueError, match="start day"):
        layout.object_key(table, MONTHLY, RUN, 3)


def test_the_day_of_a_ledger_is_no_part_of_its_logical_key_that_of_data_is():
    table = TABLES["ground_truth"]
    days = (DAY, date(2027, 1, 1))
    ledgers = {layout.logical_key(layout.object_key(table, MONTHLY, RUN, 0, day)) for day in days}
    assert len(ledgers) == 1
    assert len({layout.logical_key(layout.raw_key("email", day, RUN)) for day in days}) == 2


# --- The day a run started ----------------------------------------------------------------------

# 23:30 in Bogota on the day before.
NOW = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def test_a_run_that_left_nothing_starts_today():
    assert start_day(FolderStore("nowhere"), RUN, NOW) == date(2026, 2, 28)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(layout.log_key(DAY, RUN), id="its_log"),
        pytest.param(layout.checksums_key(DAY, RUN), id="its_checksums"),
        pytest.param(layout.manifest_key(DAY, RUN), id="its_manifest"),
        pytest.param(
            layout.object_key(TABLES["ground_truth"], MONTHLY, RUN, 0, DAY), id="its_ledger"
        ),
    ],
)
def test_a_run_goes_on_under_the_day_of_what_it_left(store: FolderStore, key: str):
    store.create(key, b"")
    assert start_day(store, RUN, NOW) == DAY
    assert start_day(store, f"{RUN}0", NOW) == date(2026, 2, 28)


def test_data_objects_say_nothing_of_the_day_a_run_started(store: FolderStore):
    store.create(layout.raw_key("email", DAY, RUN), b"")
    store.create(layout.object_key(TABLES["gold_kpi_sla_daily"], DAILY, RUN, 0), b"")
    assert start_day(store, RUN, NOW) == date(2026, 2, 28)


def test_a_logical_key_is_the_key_without_its_run():
    assert layout.logical_key(KEY) == "raw/pqrs/source=email/day=2026-02-24/events.jsonl"
    other = layout.raw_key("email", DAY, "other")
    assert layout.logical_key(other) == layout.logical_key(KEY)


def test_hive_values_of_a_key_are_text():
    assert layout.hive_values(KEY) == {"source": "email", "day": "2026-02-24", "run_id": RUN}


# --- Objects of a run ---------------------------------------------------------------------------


def test_putting_an_object_tells_its_rows_bytes_and_hashes(store: FolderStore):
    made = put(store, KEY, pa.py_buffer(b"a\nb\n"), 2, "f" * 64)
    assert made == LakeObject(KEY, 2, 4, sha256(b"a\nb\n").hexdigest(), "f" * 64)
    assert json.loads(json.dumps(made.as_json())) == {
        "key": KEY, "rows": 2, "bytes": 4, "sha256": made.sha256, "logical_sha256": "f" * 64,
    }  # fmt: skip


def test_an_equal_object_of_an_earlier_attempt_is_kept(store: FolderStore):
    first = put(store, KEY, b"a\n", 1)
    inode = (store.root / KEY).stat().st_ino
    assert put(store, KEY, b"a\n", 1) == first
    assert (store.root / KEY).stat().st_ino == inode


def test_a_different_object_of_an_earlier_attempt_is_an_error_that_names_it(store: FolderStore):
    put(store, KEY, b"a\n", 1)
    with pytest.raises(ObjectDiffers, match=KEY) as caught:
        put(store, KEY, b"b\n", 1)
    assert caught.value.key == KEY
    assert len(str(caught.value).splitlines()) == 1
    assert store.read(KEY) == b"a\n"


def lake_object(source: str, run_id: str = RUN, content: str = "0", **facts: Any) -> LakeObject:
    values = {"rows": 1, "bytes": 1, "sha256": content * 64} | facts
    return LakeObject(key=layout.raw_key(source, DAY, run_id), **values)


OBJECTS = [lake_object("email"), lake_object("chat"), lake_object("call", content="1")]


def test_the_digest_does_not_depend_on_order_run_or_facts_of_writing():
    expected = digest(OBJECTS)
    assert digest(OBJECTS[::-1]) == expected
    assert digest(iter(OBJECTS)) == expected
    renamed = [
        lake_object("email", "other"),
        lake_object("chat", "other"),
        lake_object("call", "other", "1"),
    ]
    assert digest(renamed) == expected


def test_the_digest_takes_the_logical_hash_where_there_is_one():
    first, second = (
        digest([lake_object("email", content=writer, logical_sha256="e" * 64)]) for writer in "12"
    )
    assert first == second
    assert first == digest([lake_object("email", content="e")])
    assert first != digest([lake_object("email", content="1")])


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(OBJECTS[:2], id="an_object_less"),
        pytest.param([*OBJECTS, lake_object("webform")], id="an_object_more"),
        pytest.param([*OBJECTS[:2], lake_object("call", content="2")], id="other_content"),
        pytest.param([*OBJECTS[:2], lake_object("webform", content="1")], id="other_key"),
        pytest.param(
            [lake_object("email", content="1"), OBJECTS[1], lake_object("call")],
            id="contents_exchanged",
        ),
        pytest.param([], id="nothing"),
    ],
)
def test_the_digest_changes_with_the_objects(objects: list[LakeObject]):
    assert digest(objects) != digest(OBJECTS)


@pytest.mark.parametrize(
    ("actual", "said"),
    [
        pytest.param({}, "missing", id="missing"),
        pytest.param({"a": OBJECTS[0], "b": OBJECTS[0]}, "additional", id="additional"),
        pytest.param({"a": lake_object("email", rows=7)}, "7 rows instead of 1", id="rows"),
        pytest.param({"a": lake_object("email", content="1")}, "other bytes", id="bytes"),
        pytest.param(
            {"a": lake_object("email", logical_sha256="1")}, "other content", id="content"
        ),
    ],
)
def test_a_comparison_names_the_object_and_what_is_different(
    actual: dict[str, LakeObject], said: str
):
    (difference,) = compare_objects({"a": OBJECTS[0]}, actual)
    assert str(difference) == f"{'b' if said == 'additional' else 'a'}: {said}"


def test_a_comparison_of_equal_objects_finds_nothing_whatever_their_run():
    assert compare_objects({"a": OBJECTS[0]}, {"a": lake_object("email", "other")}) == []


# --- Commit -------------------------------------------------------------------------------------

MANIFEST = json.dumps({"run_id": RUN, "fingerprint": "f", "finished_at": "2026"}).encode()
CHECKSUMS = json.dumps({"objects": []}).encode()


def test_a_run_exists_once_its_manifest_does(store: FolderStore, monkeypatch: pytest.MonkeyPatch):
    written = []
    create = store.create
    monkeypatch.setattr(
        store, "create", lambda key, content: (written.append(key), create(key, content))
    )
    assert find_manifest(store, RUN) is None
    commit(store, DAY, RUN, CHECKSUMS, MANIFEST)
    assert written == [layout.checksums_key(DAY, RUN), layout.manifest_key(DAY, RUN)]
    assert find_manifest(store, RUN) == layout.manifest_key(DAY, RUN)


def test_a_commit_that_was_cut_off_before_the_manifest_can_be_finished(store: FolderStore):
    store.create(layout.checksums_key(DAY, RUN), CHECKSUMS)
    assert find_manifest(store, RUN) is None
    commit(store, DAY, RUN, CHECKSUMS, MANIFEST)
    assert store.read(layout.manifest_key(DAY, RUN)) == MANIFEST


def test_an_earlier_run_is_the_latest_other_one_of_the_same_fingerprint_and_versions(
    store: FolderStore,
):
    for run_id, fingerprint, finished in (
        ("a", "f", "2026-01"), ("b", "f", "2026-03"), ("c", "g", "2026-04"), ("d", "f", "2026-05"),
        ("e", "f", "2026-06"),
    ):  # fmt: skip
        manifest = {"run_id": run_id, "fingerprint": fingerprint, "finished_at": finished}
        manifest["versions"] = {"pyarrow": "1" if run_id != "e" else "2"}
        commit(store, DAY, run_id, CHECKSUMS, json.dumps(manifest).encode())
    found = earlier_run(store, read_run(store, "d"))
    assert found is not None
    assert found.run_id == "b"
    assert earlier_run(store, read_run(store, "c")) is None
