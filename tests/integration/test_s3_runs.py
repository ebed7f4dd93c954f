"""A run on S3 and PostGIS: the data of the embedded default, by every command, through failures."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import ForkedKedro, Outcome, Project, Run, copy_project
from tests.s3_proxy import proxy
from tests.servers import postgis_server, s3_server

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.s3 import S3Settings, S3Store
from pqrs_kedro.lake.store import LakeError
from pqrs_kedro.run.manifest import find_manifest, read_run
from pqrs_kedro.run.session import RunFailed

pytestmark = pytest.mark.xdist_group("s3")
MakeProject = Callable[[], Project]
# Few days are observed, so that the run has few objects.
TINY: dict[str, Any] = {
    "date_min": "2026-01-09",
    "date_max": "2026-01-10",
    "observe_until": "2026-01-13",
    "volume_scale": 0.1,
}


class FarProject:
    """A working copy whose stores are a bucket and a database of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.project = copy_project(folder)
        self.bucket = f"pqrs-test-{secrets.token_hex(6)}"
        self.server = s3_server()
        self.database = database
        self.environment = {
            **self.server.environment(self.bucket),
            "PQRS_WAREHOUSE_URL": database,
            "KEDRO_ENV": "rustfs",
        }
        self.store = S3Store(f"s3://{self.bucket}", S3Settings.from_environment(self.environment))
        self.store.make_bucket()

    def run(self, changed: dict[str, str] | None = None, **parameters: Any) -> str:
        """A run in this process, with some variables changed; its id."""
        changed = self.environment | (changed or {})
        kept = dict(os.environ)
        os.environ.update(changed)
        try:
            with self.project.session(
                kedro_env="rustfs", warehouse_url=self.database, **parameters
            ) as session:
                session.run()
                return str(session.session_id)
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def objects(self, run_id: str) -> dict[str, str]:
        """SHA-256 of every object of a run, as the server has it."""
        keys = self.store.glob(f"**/run_id={run_id}/**/*")
        return {key: sha256_hex(self.store.read(key)) for key in keys}


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarProject]:
    """Stores with the run `far`. Further runs may be added."""
    server, name = postgis_server(), f"pqrs_test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        found = FarProject(tmp_path_factory.mktemp("far") / "project", f"{server}/{name}")
        found.run(run_id="far", **TINY)
        yield found
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run on the default stores: a folder and the embedded Postgres."""
    return copy_project(tmp_path_factory.mktemp("near") / "project").run(run_id="near", **TINY)


@pytest.fixture
def kedro(far: FarProject, forked_kedro: ForkedKedro) -> Callable[..., Outcome]:
    """Runs commands on the far stores."""
    return lambda *arguments: forked_kedro(far.project, *arguments, environment=far.environment)


# Equal to the default


def test_a_run_on_s3_has_the_digest_of_the_run_in_a_folder(far: FarProject, near: Run) -> None:
    run = read_run(far.store, "far")
    assert run.manifest["digest"] == near.digest
    assert run.manifest["fingerprint"] == near.document("manifest.json")["fingerprint"]
    assert run.manifest["datasets"] == near.document("manifest.json")["datasets"]


def test_every_object_is_that_of_the_folder(far: FarProject, near: Run) -> None:
    in_folder = {
        path.relative_to(near.lake).as_posix().replace("run_id=near", "run_id=far"):
            sha256_hex(path.read_bytes())
        for path in near.data_objects()
    }  # fmt: skip
    found = far.objects("far")
    assert {key: found.get(key) for key in in_folder} == in_folder
    further = {key.rpartition("/")[2] for key in found.keys() - in_folder.keys()}
    assert further == {"manifest.json", "checksums.json", "pipeline.log", "report.html"}


def test_no_file_of_the_lake_or_of_a_warehouse_is_left_on_this_machine(far: FarProject) -> None:
    assert not far.project.lake.exists()
    assert not (far.project.data / "warehouse").exists()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("truth", "{}"), id="truth"),
        pytest.param(("calendar-change", "{}", "--add", "2026-01-13", "--format", "json"),
                     id="calendar_change"),
        pytest.param(("sql", "SELECT * FROM silver_tickets ORDER BY ticket_id", "--run", "{}",
                      "--format", "csv"), id="sql"),
        pytest.param(("sql", "SELECT day, sum(tickets_count) FROM gold_kpi_volume_daily "
                      "GROUP BY ALL ORDER BY ALL"), id="sql_of_the_last_run"),
    ],
)  # fmt: skip
def test_a_command_says_on_s3_what_it_says_on_a_folder(
    command: tuple[str, ...],
    kedro: Callable[..., Outcome],
    near: Run,
    forked_kedro: ForkedKedro,
) -> None:
    there = kedro(*(part.format("far") for part in command))
    here = forked_kedro(near.project, *(part.format("near") for part in command))
    assert (there.code, there.err) == (here.code, here.err)
    assert there.out.replace("far", "near") == here.out
    assert there.code == 0
    assert here.out.count("\n") > 3


def test_a_run_on_s3_is_accepted(kedro: Callable[..., Outcome]) -> None:
    outcome = kedro("accept", "far")
    assert (outcome.code, outcome.out.count("PASS")) == (0, 5)


def test_an_event_log_is_exported_from_s3(
    kedro: Callable[..., Outcome], near: Run, tmp_path: Path, forked_kedro: ForkedKedro
) -> None:
    there, here = tmp_path / "there.csv", tmp_path / "here.csv"
    assert kedro("export-log", "far", "--format", "csv", "--output", str(there)).code == 0
    option = ("--format", "csv", "--output", str(here))
    assert forked_kedro(near.project, "export-log", "near", *option).code == 0
    assert there.read_bytes() == here.read_bytes()


def test_a_run_on_s3_is_reproduced(far: FarProject, kedro: Callable[..., Outcome]) -> None:
    outcome = kedro("reproduce", "far")
    assert outcome.code == 0, outcome.err
    assert "identical: digest" in outcome.out


def test_the_catalog_shows_previews_from_s3(far: FarProject, monkeypatch: Any) -> None:
    from pqrs_kedro.datasets.lake_table import LakeTable
    from pqrs_kedro.datasets.raw_events import RawEvents

    for name, value in far.environment.items():
        monkeypatch.setenv(name, value)
    place: dict[str, Any] = {"path": f"s3://{far.bucket}", "run_id": "far"}
    assert LakeTable(table="silver_tickets", **place).exists()
    assert LakeTable(table="silver_tickets", **place).preview()["data"]
    assert RawEvents(**place).exists()
    assert json.loads(RawEvents(**place).preview())


def test_the_warehouse_names_manifests_in_s3(far: FarProject) -> None:
    with psycopg.connect(far.database) as connection:
        (row,) = connection.execute(
            "SELECT * FROM meta.manifest_index WHERE run_id = 'far'"
        ).fetchall()
    key = find_manifest(far.store, "far")
    assert key is not None
    assert row[1:] == (
        f"s3://{far.bucket}/{key}",
        f"s3://{far.bucket}/{key.replace('manifest.json', 'checksums.json')}",
    )
    assert far.store.exists(
        key.replace("manifests/", "logs/").replace("manifest.json", "pipeline.log")
    )


def test_the_served_rows_are_those_of_s3(kedro: Callable[..., Outcome]) -> None:
    outcome = kedro("warehouse", "verify", "far")
    assert (outcome.code, outcome.out) == (0, "far  equal\n")


# Verified, retained


def overwrite(far: FarProject, key: str, content: bytes) -> None:
    """Write over an object, as somebody would who does not keep the lake's rules."""
    far.store.files.pipe_file(far.store.path(key), content, mode="overwrite")


def test_an_overwritten_object_is_found_and_named_even_if_it_was_put_back(
    far: FarProject, kedro: Callable[..., Outcome]
) -> None:
    assert kedro("lake", "verify", "far").code == 0
    (key, *_) = far.store.glob("silver/tickets/month=*/run_id=far/part-*.parquet")
    content = far.store.read(key)
    overwrite(far, key, content[:-1] + bytes([content[-1] ^ 1]))
    tampered = kedro("lake", "verify", "far")
    overwrite(far, key, content)
    put_back = kedro("lake", "verify", "far")
    for version in [v for k, v in far.store.versions() if k == key][:2]:
        far.store.call("delete_object", Key=key, VersionId=version)
    assert (tampered.code, put_back.code) == (1, 1)
    assert tampered.out.splitlines()[:-1] == [
        f"wrong  {key}: other bytes than when it was written",
        f"wrong  {key}: has more than one version",
    ]
    assert put_back.out.splitlines()[:-1] == [f"wrong  {key}: has more than one version"]
    assert kedro("lake", "verify", "far").code == 0


def test_objects_are_retained_after_the_commit_where_that_is_asked_for(
    far: FarProject, kedro: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(far.environment, "PQRS_RETENTION_DAYS", "2")
    run_id = far.run(run_id="locked", **TINY)
    for key in far.store.glob(f"**/run_id={run_id}/**/*"):
        if "/report" in key:
            # Made after the commit, and no evidence of it.
            continue
        (version,) = (v for k, v in far.store.versions(key) if k == key)
        found = far.store.call("head_object", Key=key)
        days = (found["ObjectLockRetainUntilDate"] - datetime.now(UTC)).total_seconds() / 86_400
        assert (found["ObjectLockMode"], 1.9 < days < 2) == ("GOVERNANCE", True), key
        with pytest.raises(LakeError, match="may not do this"):
            far.store.call("delete_object", Key=key, VersionId=version)
    outcome = kedro("lake", "retain", "far", "--days", "1")
    assert outcome.code == 0
    assert "are locked for 1 days" in outcome.out


def test_retention_without_object_lock_is_refused_before_the_run(
    far: FarProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.store.files.call_s3("create_bucket", Bucket=f"{far.bucket}-plain")
    monkeypatch.setitem(far.environment, "PQRS_RETENTION_DAYS", "2")
    monkeypatch.setitem(far.environment, "PQRS_LAKE_ROOT", f"s3://{far.bucket}-plain")
    with pytest.raises(LakeError, match="has no object lock, which retention_days needs"):
        far.run(run_id="unlocked", **TINY)
    assert not (far.project.data / "work" / "unlocked").exists()


# Refused, cut off, resumed


def test_a_committed_run_is_not_run_again(far: FarProject) -> None:
    before = far.objects("far")
    with pytest.raises(Exception, match="is a committed run"):
        far.run(run_id="far", **TINY)
    assert far.objects("far") == before


def test_raw_objects_are_never_overwritten(far: FarProject) -> None:
    (key, *_) = far.store.glob("raw/pqrs/source=*/day=*/run_id=far/events.jsonl")
    content = far.store.read(key)
    with pytest.raises(FileExistsError, match=key):
        far.store.create(key, b"other")
    assert far.store.read(key) == content
    assert far.store.rewritten("raw/") == []


@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        pytest.param("silver", {"status": 503}, id="unavailable"),
        pytest.param("bronze", {"is_cut": True}, id="cut_off"),
    ],
)
def test_a_server_that_goes_away_ends_the_run_cleanly_and_it_goes_on_later(
    stage: str, fault: dict[str, Any], far: FarProject, near: Run
) -> None:
    run_id = f"away-{stage}"
    with proxy(far.server.endpoint) as unsure:
        # A few objects of the stage arrive, then no more.
        passed = iter(range(3))
        unsure.set(
            applies=lambda method, path: (
                method == "PUT" and f"/{stage}/" in path and next(passed, None) is None
            ),
            **fault,
        )
        # What is repeated how often is proved of the store alone: `test_s3_store.py`.
        changed = {"PQRS_S3_ENDPOINT": unsure.endpoint, "PQRS_S3_ATTEMPTS": "1"}
        with pytest.raises(RunFailed) as failed:
            far.run(changed, run_id=run_id, **TINY)
    (line,) = str(failed.value).splitlines()
    assert f"run {run_id} failed in" in line
    assert f"s3://{far.bucket}/{stage}/" in line
    left = far.objects(run_id)
    expected = read_run(far.store, "far").by_logical_key()
    assert find_manifest(far.store, run_id) is None
    assert sum(key.startswith(stage) for key in left) == 3
    for key, found in left.items():
        # What is there is whole: nothing partial has the name of an object.
        assert found == expected[_logical(key, run_id)].sha256
    assert far.run(run_id=run_id, **TINY) == run_id
    assert read_run(far.store, run_id).manifest["digest"] == near.digest
    assert far.objects(run_id).items() >= left.items()


def _logical(key: str, run_id: str) -> str:
    parts = [part for part in key.split("/") if part != f"run_id={run_id}"]
    return "/".join(part for part in parts if not (parts[0] == "manifests" and part[:4] == "day="))


def test_a_server_that_stumbles_is_borne(far: FarProject, near: Run) -> None:
    with proxy(far.server.endpoint) as unsure:
        requests = iter(range(10**9))
        unsure.set(applies=lambda *_: next(requests) % 17 == 7, status=503)
        run_id = far.run({"PQRS_S3_ENDPOINT": unsure.endpoint}, run_id="stumbling", **TINY)
        assert unsure.fault.seen > 20
    assert read_run(far.store, run_id).manifest["digest"] == near.digest


def test_without_a_named_server_nothing_is_begun(
    far: FarProject, forked_kedro: ForkedKedro
) -> None:
    environment = far.environment | {"PQRS_WAREHOUSE_URL": ""}
    for command in (("run",), ("warehouse", "runs"), ("accept", "far")):
        outcome = forked_kedro(far.project, *command, environment=environment)
        (line,) = outcome.err.splitlines()
        assert outcome.code == 1
        assert line.startswith("Error: PQRS_WAREHOUSE_URL is not set")
    assert not (far.project.data / "warehouse").exists()


def test_a_hostile_run_id_is_refused_before_anything_is_asked(
    far: FarProject, forked_kedro: ForkedKedro
) -> None:
    nowhere = far.environment | {"PQRS_S3_ENDPOINT": "http://127.0.0.1:1"}
    for command in (("lake", "show"), ("lake", "verify"), ("warehouse", "publish"), ("accept",)):
        outcome = forked_kedro(far.project, *command, "../x", environment=nowhere)
        assert (outcome.code, outcome.out) == (2, "")
        assert "run_id: '../x' is not allowed" in outcome.err


# Settings in files


def test_secrets_may_lie_in_a_dot_env_or_in_conf_local(
    far: FarProject, tmp_path: Path, forked_kedro: ForkedKedro
) -> None:
    by_file = copy_project(tmp_path / "project")
    said = {name: value for name, value in far.environment.items() if name != "KEDRO_ENV"}
    emptied = dict.fromkeys(said, "") | {"KEDRO_ENV": "rustfs"}

    def asked() -> int:
        return forked_kedro(by_file, "lake", "show", "far", environment=emptied).code

    assert asked() != 0
    (by_file.path / ".env").write_text("".join(f"{k}={v}\n" for k, v in said.items()))
    assert asked() == 0
    (by_file.path / ".env").unlink()
    (by_file.path / "conf/local/credentials.yml").write_text(json.dumps({"stores": said}))
    assert asked() == 0
    assert (
        forked_kedro(by_file, "warehouse", "url", environment=emptied).out.strip() == far.database
    )
