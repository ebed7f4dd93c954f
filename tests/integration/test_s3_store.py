"""A lake in a bucket keeps the rules of a lake, whatever the server and the network do."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from tests.s3_proxy import Proxy, proxy
from tests.servers import S3Server, start_moto, stop_started

from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.lake.layout import hive_values, raw_pattern
from pqrs_kedro.lake.objects import ObjectDiffers, put
from pqrs_kedro.lake.s3 import S3Settings, S3Store
from pqrs_kedro.lake.store import LakeError, ObjectExists, open_store
from pqrs_kedro.parameters import InvalidInput

KEY = "raw/pqrs/source=email/day=2026-02-24/run_id=r1/events.jsonl"


@pytest.fixture
def unsure(s3: S3Server) -> Iterator[Proxy]:
    """A way to the S3 server that can be made to misbehave."""
    with proxy(s3.endpoint) as found:
        yield found


@pytest.fixture
def far_lake(s3_lake: S3Store, s3: S3Server, unsure: Proxy) -> S3Store:
    """The lake, by that way."""
    settings = S3Settings(unsure.endpoint, s3.access_key, s3.secret_key)
    return S3Store(f"s3://{s3_lake.bucket}", settings)


# What a store does


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"text", id="bytes"),
        pytest.param(memoryview(b"text"), id="view"),
        pytest.param(pa.py_buffer(b"a text of more")[2:6], id="slice_of_a_buffer"),
        pytest.param(bytes(range(256)) * 450_000, id="so_large_that_it_goes_in_parts"),
    ],
)
def test_an_object_reads_back_as_it_was_created(s3_lake: S3Store, content: Any) -> None:
    s3_lake.create(KEY, content)
    assert s3_lake.read(KEY) == bytes(content)
    assert s3_lake.exists(KEY)
    assert s3_lake.size(KEY) == len(bytes(content))


@pytest.mark.parametrize("size", [1, 115_000_000], ids=["small", "in_parts"])
def test_an_object_is_never_overwritten(s3_lake: S3Store, size: int) -> None:
    s3_lake.create(KEY, b"a" * size)
    for other in (b"b" * size, b"a" * size):
        with pytest.raises(ObjectExists, match=KEY) as caught:
            s3_lake.create(KEY, other)
        assert caught.value.key == KEY
    assert s3_lake.read(KEY) == b"a" * size
    assert s3_lake.rewritten("") == []


def test_of_sixty_four_creators_of_one_key_one_wins(s3_lake: S3Store) -> None:
    start = threading.Barrier(64)

    def create(number: int) -> bool:
        start.wait()
        try:
            # Equal contents: the winner is told by who wrote, not by what.
            s3_lake.create(KEY, b"the same")
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(create, range(64))) == 1
    assert len(list(s3_lake.versions())) == 1


def test_an_equal_object_of_an_earlier_attempt_is_kept_a_different_one_is_an_error(
    s3_lake: S3Store,
) -> None:
    first = put(s3_lake, KEY, b"a\n", 1)
    assert put(s3_lake, KEY, b"a\n", 1) == first
    with pytest.raises(ObjectDiffers, match=KEY):
        put(s3_lake, KEY, b"b\n", 1)
    assert s3_lake.read(KEY) == b"a\n"


def test_what_is_missing_is_not_found(s3_lake: S3Store) -> None:
    assert not s3_lake.exists(KEY)
    assert s3_lake.glob(raw_pattern("r1")) == []
    for ask in (s3_lake.read, s3_lake.size):
        with pytest.raises(FileNotFoundError):
            ask(KEY)


def test_a_listing_is_complete_and_never_stale(s3_lake: S3Store) -> None:
    keys = [f"gold/kpi_sla/day={n:04}/run_id=r1/part-00000.parquet" for n in range(1_100)]
    pattern = "gold/kpi_sla/day=*/run_id=r1/part-*.parquet"
    with ThreadPoolExecutor(s3_lake.in_flight) as pool:
        list(pool.map(lambda key: s3_lake.create(key, b"1"), keys[:-1]))
    s3_lake.create("gold/kpi_sla/day=0001/run_id=r1x/part-00000.parquet", b"1")
    s3_lake.create("gold/kpi_sla/day=0001/run_id=r1/further/part-00000.parquet", b"1")
    assert s3_lake.glob(pattern) == keys[:-1]
    s3_lake.create(keys[-1], b"1")
    assert s3_lake.glob(pattern) == keys
    assert len(s3_lake.glob("**/run_id=r1/**/*")) == 1_101


def test_a_lake_may_lie_in_a_folder_of_the_bucket(s3_lake: S3Store) -> None:
    root = f"s3://{s3_lake.bucket}/some/folder/"
    inner = open_store(root)
    inner.create(KEY, b"inner")
    s3_lake.create(KEY, b"outer")
    assert inner.glob(raw_pattern("r1")) == [KEY]
    assert inner.read(KEY) == b"inner"
    assert inner.location(KEY) == f"s3://{s3_lake.bucket}/some/folder/{KEY}"
    assert s3_lake.read(f"some/folder/{KEY}") == b"inner"


def test_deleting_takes_all_versions_and_nothing_else(s3_lake: S3Store) -> None:
    s3_lake.create(KEY, b"1")
    s3_lake.create(f"{KEY}.more", b"2")
    s3_lake.delete(KEY)
    s3_lake.delete(KEY)
    assert [key for key, _ in s3_lake.versions()] == [f"{KEY}.more"]


# What is said when something is wrong


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(LakeError) as caught:
        act()
    (line,) = str(caught.value).splitlines()
    return line


def test_a_bucket_that_is_not_there_is_named(s3: S3Server) -> None:
    lake = S3Store("s3://not-there", S3Settings(s3.endpoint, s3.access_key, s3.secret_key))
    assert refusal(lake.check) == (
        "s3://not-there/: there is no such bucket: make it, or name another lake_root"
    )


def test_a_server_that_is_not_there_is_named_at_once(s3: S3Server) -> None:
    lake = S3Store("s3://pqrs", S3Settings("http://127.0.0.1:1", "a", "b"))
    for act in (lake.check, lambda: lake.read(KEY), lambda: lake.create(KEY, b"")):
        assert refusal(act).startswith(
            "s3://pqrs/: the server http://127.0.0.1:1 (PQRS_S3_ENDPOINT) cannot be reached: "
        )


def test_a_wrong_key_is_named(bucket: str) -> None:
    started = start_moto({"INITIAL_NO_AUTH_ACTION_COUNT": "0"})
    try:
        settings = S3Settings(f"http://127.0.0.1:{started['port']}", "nobody", "nothing")
        lake = S3Store(f"s3://{bucket}", settings)
        assert "does not know the access key: PQRS_S3_ACCESS_KEY" in refusal(lake.check)
    finally:
        stop_started(started["pid"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("SignatureDoesNotMatch", "PQRS_S3_SECRET_KEY"),
        ("RequestTimeTooSkewed", "set the clock"),
        ("AccessDenied", "may not do this"),
    ],
)
def test_what_the_server_refuses_is_explained(
    far_lake: S3Store, unsure: Proxy, code: str, said: str
) -> None:
    unsure.set(applies=lambda *_: True, status=403, code=code)
    for act in (far_lake.check, lambda: far_lake.read(KEY), lambda: far_lake.create(KEY, b"")):
        assert said in refusal(act)


def test_a_server_that_ignores_the_condition_is_no_lake(far_lake: S3Store, unsure: Proxy) -> None:
    unsure.set(applies=lambda method, _: method == "PUT", hides="If-None-Match")
    assert "ignores If-None-Match" in refusal(far_lake.check)
    assert unsure.fault.seen >= 2


def test_the_check_leaves_one_object_however_often_it_is_made(s3_lake: S3Store) -> None:
    for _ in range(3):
        s3_lake.check()
    assert [key for key, _ in s3_lake.versions()] == [".probe/create-only"]


def test_no_credentials_at_all_are_named(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    lake = S3Store("s3://pqrs", S3Settings(s3.endpoint))
    assert "no credentials: set PQRS_S3_ACCESS_KEY" in refusal(lake.check)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PQRS_S3_ACCESS_KEY": "a"}, "PQRS_S3_SECRET_KEY is not set"),
        ({"PQRS_S3_SECRET_KEY": "a"}, "PQRS_S3_ACCESS_KEY is not set"),
        ({"PQRS_S3_ENDPOINT": "127.0.0.1:9000"}, "PQRS_S3_ENDPOINT: '127.0.0.1:9000'"),
        ({"PQRS_S3_ENDPOINT": "http://user:secret@host"}, "PQRS_S3_ENDPOINT"),
        ({"PQRS_S3_ATTEMPTS": "0"}, "PQRS_S3_ATTEMPTS: '0' is not allowed; give a number"),
        ({"PQRS_S3_ATTEMPTS": "21"}, "PQRS_S3_ATTEMPTS"),
        ({"PQRS_S3_ATTEMPTS": "few"}, "PQRS_S3_ATTEMPTS"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(environment: dict[str, str], said: str) -> None:
    assert said in refusal(lambda: S3Settings.from_environment(environment))


@pytest.mark.parametrize(
    "root", ["s3://", "s3://A", "s3://a/../b", "s3://bu cket", "s3://b/x'y", "gs://bucket"]
)
def test_a_root_that_is_no_bucket_is_refused(root: str) -> None:
    assert "lake_root" in refusal(lambda: open_store(root))


@pytest.mark.parametrize("run_id", ["../x", "a/b", "*", "", "x" * 65, "a' OR 1"])
def test_a_hostile_run_id_reaches_no_key(s3_lake: S3Store, run_id: str) -> None:
    with pytest.raises(InvalidInput):
        s3_lake.glob(raw_pattern(run_id))


def test_the_secret_is_in_no_representation() -> None:
    assert "s3cret" not in repr(S3Settings("http://h", "key", "s3cret"))


# What the network does


def test_an_answer_that_is_lost_is_no_other_writer(far_lake: S3Store, unsure: Proxy) -> None:
    lost = iter([True])
    unsure.set(applies=lambda method, _: method == "PUT" and next(lost, False), is_answer_lost=True)
    far_lake.create(KEY, b"mine")
    assert unsure.fault.seen == 1
    assert far_lake.read(KEY) == b"mine"
    with pytest.raises(ObjectExists):
        far_lake.create(KEY, b"mine")


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"is_cut": True}])
def test_what_passes_is_survived(far_lake: S3Store, unsure: Proxy, fault: dict[str, Any]) -> None:
    twice = iter([True, True])
    unsure.set(applies=lambda *_: next(twice, False), **fault)
    far_lake.create(KEY, b"text")
    again = iter([True, True])
    unsure.set(applies=lambda *_: next(again, False), **fault)
    assert far_lake.read(KEY) == b"text"
    assert unsure.fault.seen == 2


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_request_is_made_as_often_as_the_settings_say(
    s3_lake: S3Store, s3: S3Server, unsure: Proxy, method: str
) -> None:
    s3_lake.create(KEY, b"1")
    made = {}
    for attempts in (1, 3):
        settings = S3Settings(unsure.endpoint, s3.access_key, s3.secret_key, attempts=attempts)
        lake = S3Store(f"s3://{s3_lake.bucket}", settings)
        act = partial(lake.create, content=b"2") if method == "PUT" else lake.read
        unsure.set(applies=lambda asked, _: asked == method, status=503)
        refusal(partial(act, KEY))
        made[attempts] = unsure.fault.seen
    assert made == {1: 1, 3: 3}


def test_a_request_that_is_cut_off_leaves_no_object(
    s3_lake: S3Store, s3: S3Server, unsure: Proxy
) -> None:
    # Cut off, repeated, and cut off again.
    settings = S3Settings(unsure.endpoint, s3.access_key, s3.secret_key, attempts=2)
    far_lake = S3Store(f"s3://{s3_lake.bucket}", settings)
    unsure.set(applies=lambda method, _: method == "PUT", is_cut=True)
    assert KEY in refusal(lambda: far_lake.create(KEY, b"a long text" * 1000))
    assert unsure.fault.seen >= 2
    unsure.mend()
    assert not far_lake.exists(KEY)
    far_lake.create(KEY, b"text")


@pytest.mark.parametrize("part", ["partNumber=2", "uploadId"])
def test_parts_that_are_cut_off_leave_no_object(
    far_lake: S3Store, unsure: Proxy, part: str
) -> None:
    refused = {"partNumber=2": "PUT", "uploadId": "POST"}[part]
    unsure.set(
        applies=lambda method, path: method == refused and part in path and "uploads" not in path,
        status=400, code="InvalidPart",
    )  # fmt: skip
    assert KEY in refusal(lambda: far_lake.create(KEY, b"x" * 115_000_000))
    unsure.mend()
    assert not far_lake.exists(KEY)
    uploads = far_lake.call("list_multipart_uploads")
    assert uploads.get("Uploads", []) == []


def test_a_table_is_written_with_sixteen_objects_in_flight(
    far_lake: S3Store, unsure: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQRS_S3_ENDPOINT", unsure.endpoint)
    # The server gets no object before sixteen are on their way, four times over.
    together = threading.Barrier(16)
    unsure.set(applies=lambda method, _: method == "PUT", gate=lambda: together.wait(30))
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(64)]
    rows = pa.table(
        {
            "day": pa.array([day.isoformat() for day in days]),
            "channel": ["email"] * 64,
            "pqrs_type": ["QUEJA"] * 64,
            "tickets_count": pa.array(range(64), pa.int64()),
        }
    )
    table = LakeTable(table="gold_kpi_volume_daily", path=far_lake.location(""), run_id="r1")
    table.save(rows)
    assert unsure.fault.seen == 64
    assert len(table.objects) == 64
    assert [hive_values(item.key)["day"] for item in table.objects] == rows["day"].to_pylist()


def test_a_fork_has_connections_of_its_own(s3_lake: S3Store) -> None:
    # In a process of its own: pytest's has threads, which do not go with a fork.
    code = f"""
import os, sys
from pqrs_kedro.lake.store import open_store
parent = open_store("s3://{s3_lake.bucket}")
parent.create("parent", b"1")
child = os.fork()
if child == 0:
    lake = open_store("s3://{s3_lake.bucket}")
    os._exit(0 if lake is not parent else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": "src"},
                          timeout=60)  # fmt: skip
    assert done.returncode == 0
