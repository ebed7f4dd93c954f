"""What a run does when it is refused, fails, is stopped, goes on, ends well, or was tampered with.

Exit codes: 0 the run is committed and accepted, 1 it failed or is not accepted, 2 it was refused
before anything was written, 143 it was terminated.
"""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.framework.session import KedroSession
from tests.conftest import (
    DOCUMENTO,
    CommandRun,
    ContinuedRun,
    ForkedKedro,
    Outcome,
    Project,
    Run,
    copy_project,
    ended,
    params,
)
from tests.runs import link_run

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.acceptance import Criterion, check_acceptance
from pqrs_kedro.run.manifest import RunNotFound
from pqrs_kedro.run.session import Refused, RunFailed, RunInterrupted, RunTerminated
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.publish import publish

MakeProject = Callable[[], Project]
# A day of some ten tickets.
TINY: dict[str, Any] = {
    "date_min": "2026-01-10",
    "date_max": "2026-01-10",
    "volume_scale": 0.05,
}


# Refusals


@pytest.fixture(scope="module")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without data, and it stays so."""
    return copy_project(tmp_path_factory.mktemp("refused") / "project")


LONG = "r" * 65
# Should one not be refused, it is over soon.
BRIEFLY = ("--pipelines", "synthesis")


@pytest.mark.xdist_group("commands")
@pytest.mark.parametrize(
    ("option", "named"),
    [
        pytest.param("seed=abc", "seed", id="seed_that_is_no_number"),
        pytest.param("seed=1e5", "seed", id="seed_that_kedro_reads_as_a_float"),
        pytest.param("seed=-1", "seed", id="negative_seed"),
        pytest.param("seeed=7", "seeed", id="unknown_name"),
        pytest.param("engine.thread=1", "engine.thread", id="unknown_nested_name"),
        pytest.param("run_id=../x", "run_id", id="run_id_that_leaves_the_folder"),
        pytest.param("run_id=a/b", "run_id", id="run_id_with_a_slash"),
        pytest.param("run_id=a b", "run_id", id="run_id_with_a_space"),
        pytest.param("run_id=007", "run_id", id="run_id_that_kedro_reads_as_a_number"),
        pytest.param(f"run_id={LONG}", "run_id", id="run_id_of_65_characters"),
        pytest.param(
            "date_min=2026-02-01,date_max=2026-01-31", "date_max", id="dates_in_the_wrong_order"
        ),
        pytest.param("date_min=1980-01-01,date_max=1980-01-02", "date_min", id="dates_of_1980"),
        pytest.param("date_max=2026-02-30", "date_max", id="no_date"),
        pytest.param("breach_rate=0.5", "breach_rate", id="breach_rate_that_cannot_be_had"),
        pytest.param("volume_scale=nan", "volume_scale", id="volume_that_is_no_number"),
        pytest.param("profile=ley9999", "profile", id="unknown_profile"),
        pytest.param("profile=gone.yml", "profile gone.yml: cannot be read", id="no_such_file"),
        pytest.param("observe_until=2025-12-31", "observe_until", id="end_before_the_beginning"),
        pytest.param("engine.memory_limit=much", "memory_limit", id="memory_that_is_no_size"),
    ],
)
def test_bad_parameters_are_refused_with_one_line_and_nothing_is_written(
    option: str, named: str, empty_project: Project, forked_kedro: ForkedKedro
) -> None:
    assert_refused(forked_kedro(empty_project, "run", *BRIEFLY, "--params", option), named)
    assert empty_project.files() == []


@pytest.mark.xdist_group("commands")
def test_an_empty_run_id_is_refused(make_project: MakeProject, forked_kedro: ForkedKedro) -> None:
    project = make_project()
    option = params(run_id="", **TINY)
    assert_refused(forked_kedro(project, "run", *BRIEFLY, *option), "run_id")
    assert project.files() == []


@pytest.mark.xdist_group("commands")
@pytest.mark.parametrize("runner", ["ThreadRunner", "ParallelRunner"])
def test_a_runner_that_the_query_engine_cannot_serve_is_refused(
    runner: str, empty_project: Project, forked_kedro: ForkedKedro
) -> None:
    assert_refused(forked_kedro(empty_project, "run", *BRIEFLY, "--runner", runner), runner)
    assert empty_project.files() == []


@pytest.mark.xdist_group("commands")
def test_an_unknown_pipeline_is_refused(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    outcome = forked_kedro(project, "run", "--pipelines", "synthesys")
    assert_refused(outcome, "the pipeline named 'synthesys'")
    assert project.files() == []


@pytest.mark.xdist_group("commands")
@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(
            "{extends: ley1755, channels: {email: {share: 2}}}",
            "profile own.yml: channels.email.share: 2: ",
            id="a_share_above_one",
        ),
        pytest.param(
            "{extends: documento_v1, types: {TUTELA: {name: Tutela, share: 0, "
            "term_business_days: 10, webform_code: 9}}}",
            "profiles.own.types.TUTELA: there are no texts of this type",
            id="a_type_without_texts",
        ),
    ],
)
def test_a_bad_profile_file_is_refused_with_one_line_and_nothing_is_written(
    content: str, named: str, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    (project.path / "own.yml").write_text(content, encoding="utf-8")
    outcome = forked_kedro(project, "run", *BRIEFLY, "--params", "profile=own.yml")
    assert_refused(outcome, named)
    assert project.files() == []


def assert_refused(outcome: Outcome, named: str) -> None:
    (line,) = outcome.err.splitlines()
    assert line.startswith("Error: ")
    assert named in line
    assert outcome.out == ""
    assert outcome.code == 2


# A stage that fails


CONFLICTING = b"other content\n"


@dataclass(frozen=True)
class Conflict:
    """A run that meets an object of its own run id with other content."""

    run: Run
    key: str
    outcome: Outcome


@pytest.fixture(scope="module")
def conflict(tmp_path_factory: pytest.TempPathFactory, forked_kedro: ForkedKedro) -> Conflict:
    project = copy_project(tmp_path_factory.mktemp("conflict") / "project")
    key = "raw/pqrs/source=email/day=2026-01-10/run_id=conflict/events.jsonl"
    path = project.lake / key
    path.parent.mkdir(parents=True)
    path.write_bytes(CONFLICTING)
    outcome = forked_kedro(project, "run", *params(run_id="conflict", **TINY))
    return Conflict(Run(project, "conflict"), key, outcome)


@pytest.mark.xdist_group("commands")
def test_a_failure_exits_with_1_and_a_line_that_names_the_stage_and_the_key(
    conflict: Conflict,
) -> None:
    (line,) = conflict.outcome.err.splitlines()
    assert line.startswith("Error: run conflict failed in synthesis: ")
    assert conflict.key in line
    assert conflict.outcome.code == 1


@pytest.mark.xdist_group("commands")
def test_a_failed_run_is_not_committed_and_overwrites_nothing(conflict: Conflict) -> None:
    assert not conflict.run.is_committed
    assert (conflict.run.lake / conflict.key).read_bytes() == CONFLICTING
    assert not (conflict.run.project.data / "latest_run.local").exists()


@pytest.mark.xdist_group("commands")
def test_a_failed_run_keeps_its_log_with_the_traceback(conflict: Conflict) -> None:
    log = conflict.run.project.data / "work/conflict/pipeline.log"
    assert str(log) in conflict.outcome.err
    text = log.read_text(encoding="utf-8")
    assert conflict.key in text
    assert "Traceback (most recent call last)" in text


@pytest.mark.xdist_group("doc")
def test_a_conflict_in_a_later_stage_names_that_stage_and_key(
    make_project: MakeProject, documento_run: Run
) -> None:
    project = make_project()
    link_run(documento_run, project.lake, "later", layers=("raw", "bronze"))
    key = "silver/tickets/month=2026-01/run_id=later/part-00000.parquet"
    path = project.lake / key
    path.parent.mkdir(parents=True)
    path.write_bytes(CONFLICTING)
    with pytest.raises(RunFailed) as failure:
        project.run("curation", run_id="later", **DOCUMENTO)
    assert failure.value.exit_code == 1
    assert "failed in curation" in failure.value.message
    assert key in failure.value.message
    assert "\n" not in failure.value.message
    assert path.read_bytes() == CONFLICTING


@pytest.mark.xdist_group("commands")
@pytest.mark.parametrize("stage", ["ingestion", "curation", "metrics", "reporting"])
def test_a_stage_without_its_inputs_says_which_run_lacks_them(
    stage: str, make_project: MakeProject
) -> None:
    project = make_project()
    with pytest.raises(RunFailed) as failure:
        project.run(stage, run_id="nothing", **TINY)
    assert "run nothing has no" in failure.value.message
    assert "run the" in failure.value.message


# Stopped, and gone on with


@dataclass(frozen=True)
class Interrupted:
    """A run that was killed, started again, terminated, and finished; and a rival of its first."""

    run: Run
    refusal: Refused
    committed_after_kill: bool
    terminated: Outcome
    committed_after_termination: bool
    left_after_termination: set[str]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    project = copy_project(tmp_path_factory.mktemp("interrupted") / "project")
    run = Run(project, "interrupted")
    option = params(run_id=run.run_id, **DOCUMENTO)
    with killed_at_last(project.start("run", *option)) as first:
        wait_until(lambda: len(run.raw_objects()) > 10, first)
        # Held still, so that it cannot be over before its rival comes.
        first.send_signal(signal.SIGSTOP)
        with pytest.raises(Refused) as refusal:
            project.run(run_id=run.run_id, **DOCUMENTO)
        first.kill()
        ended(first)
    committed_after_kill = run.is_committed
    with killed_at_last(project.start("run", *option)) as second:
        wait_until(lambda: any(run.lake.glob(f"silver/*/*/run_id={run.run_id}/part*")), second)
        second.terminate()
        terminated = ended(second)
    committed, left = run.is_committed, set(run.hashes())
    project.run(run_id=run.run_id, **DOCUMENTO)
    return Interrupted(run, refusal.value, committed_after_kill, terminated, committed, left)


@contextmanager
def killed_at_last(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Leaves no process behind, whatever happens."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something to be there while the process runs."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.xdist_group("interrupted")
def test_a_second_process_with_the_same_run_id_is_refused(interrupted: Interrupted) -> None:
    assert interrupted.refusal.exit_code == 2
    message = "run_id: 'interrupted' is running in another process"
    assert interrupted.refusal.message == message


@pytest.mark.xdist_group("interrupted")
def test_a_terminated_run_exits_with_143_and_one_line(interrupted: Interrupted) -> None:
    (line,) = interrupted.terminated.err.splitlines()
    assert line.startswith("Error: run interrupted aborted in ")
    assert "give the same run_id to go on" in line
    assert interrupted.terminated.code == 128 + signal.SIGTERM


@pytest.mark.xdist_group("interrupted")
@pytest.mark.parametrize("turned_into", [RuntimeError("Query interrupted"), None])
@pytest.mark.parametrize(
    ("number", "stopped"), [(signal.SIGTERM, RunTerminated), (signal.SIGINT, RunInterrupted)]
)
def test_a_signal_that_a_library_caught_still_stops_the_run(
    number: signal.Signals,
    stopped: type[Exception],
    turned_into: Exception | None,
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_like_a_library(*arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            signal.raise_signal(number)
        except BaseException:
            if turned_into is not None:
                raise turned_into from None
        return {}

    project = make_project()
    handler = signal.getsignal(number)
    monkeypatch.setattr(KedroSession, "run", run_like_a_library)
    with pytest.raises(stopped, match="run caught aborted in start"):
        project.run(run_id="caught", **TINY)
    assert not Run(project, "caught").is_committed
    assert signal.getsignal(number) is handler


@pytest.mark.xdist_group("interrupted")
def test_a_killed_and_a_terminated_run_are_not_committed(interrupted: Interrupted) -> None:
    assert not interrupted.committed_after_kill
    assert not interrupted.committed_after_termination


@pytest.mark.xdist_group("interrupted")
def test_the_same_run_id_completes_what_was_stopped(
    interrupted: Interrupted, documento_run: Run
) -> None:
    assert interrupted.run.is_committed
    assert interrupted.left_after_termination < set(interrupted.run.hashes())
    assert interrupted.run.digest == documento_run.digest
    assert interrupted.run.hashes() == documento_run.hashes()


@pytest.mark.xdist_group("interrupted")
def test_the_committed_log_tells_of_all_attempts(interrupted: Interrupted) -> None:
    (path,) = interrupted.run.lake.glob("logs/day=*/run_id=interrupted/pipeline.log")
    log = path.read_text(encoding="utf-8")
    assert log.count("pqrs_kedro.run: run interrupted: ") == 3
    assert "ended" in log


# Parts of a run


@pytest.mark.xdist_group("continued")
def test_a_part_of_a_run_commits_nothing(continued_run: ContinuedRun) -> None:
    assert continued_run.first.code == 0
    assert "not committed" in continued_run.first.out
    left = [name for name in continued_run.files_after_first if "lake/" in name]
    assert {name.split("/")[1] for name in left} == {"raw", "manifests"}
    # Beside the raw lines the ledger, and no document that would make it a run.
    assert {name.rpartition(".")[2] for name in left} == {"jsonl", "parquet"}
    assert "latest_run.local" not in continued_run.files_after_first


@pytest.mark.xdist_group("continued")
def test_the_same_run_id_completes_a_part(continued_run: ContinuedRun, documento_run: Run) -> None:
    assert continued_run.run.is_committed
    assert continued_run.run.digest == documento_run.digest


@pytest.mark.xdist_group("commands")
def test_a_screen_that_knows_only_ascii_does_not_stop_a_run(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    make_project().run("synthesis", run_id="ascii", **TINY)


# A run that ends well


def summary(out: str) -> dict[str, str]:
    """The final table of a run: first word or words, and the rest of the line."""
    _, _, table = out.partition("\n\n")
    lines = [line for line in table.splitlines() if line.strip()]
    width = len("criterion 1  ")
    return {line[:width].strip(): line[width:].strip() for line in lines}


@pytest.mark.xdist_group("elsewhere")
def test_the_final_table_has_id_digest_rows_seconds_and_criteria(
    elsewhere_run: CommandRun,
) -> None:
    run, table = elsewhere_run.run, summary(elsewhere_run.outcome.out)
    manifest = run.document("manifest.json")
    assert elsewhere_run.outcome.err == ""
    assert table["run_id"] == run.run_id
    assert table["digest"] == run.digest
    rows = "  ".join(f"{layer} {n:,}" for layer, n in manifest["rows_by_layer"].items())
    assert table["rows"] == rows
    for stage in (
        "synthesis",
        "ingestion",
        "curation",
        "metrics",
        "reporting",
        "publish",
        "report",
        "total",
    ):
        assert f"{stage} " in table["seconds"]
    criteria = {name: text for name, text in table.items() if name.startswith("criterion")}
    assert list(criteria) == [f"criterion {number}" for number in range(1, 6)]
    assert all(text.startswith("PASS ") for text in criteria.values())


@pytest.mark.xdist_group("elsewhere")
def test_the_final_table_says_where_everything_is(elsewhere_run: CommandRun) -> None:
    table = summary(elsewhere_run.outcome.out)
    assert Path(table["lake"]).is_dir()
    assert Path(table["manifest"]).is_file()
    report = Path(table["report"]).read_text(encoding="utf-8")
    assert elsewhere_run.run.run_id in report
    assert report.count("Cumple") >= 5
    with Warehouse(table["warehouse"]).connect() as connection:
        (rows,) = connection.execute("SELECT count(*) FROM silver_tickets_current").fetchall()
    assert rows[0] == len(elsewhere_run.run.table("silver_tickets"))


@pytest.mark.xdist_group("elsewhere")
def test_the_manifest_has_the_rows_and_paths_of_every_table(elsewhere_run: CommandRun) -> None:
    run, manifest = elsewhere_run.run, elsewhere_run.run.document("manifest.json")
    listed = [path for paths in manifest["paths"].values() for path in paths]
    assert sorted(listed) == [p.relative_to(run.lake).as_posix() for p in run.data_objects()]
    for name, counts in manifest["datasets"].items():
        assert counts["objects"] == len(manifest["paths"][name])
        if name != "raw_events":
            assert counts["rows"] == len(run.table(name))
    lines = sum(path.read_bytes().count(b"\n") for path in run.raw_objects())
    assert manifest["datasets"]["raw_events"]["rows"] == lines


@pytest.mark.xdist_group("elsewhere")
def test_a_finished_run_is_the_one_that_tools_see(elsewhere_run: CommandRun) -> None:
    pointer = elsewhere_run.run.project.data / "latest_run.local"
    assert pointer.read_text() == "elsewhere\n"


# Acceptance


@dataclass(frozen=True)
class Twins:
    """Two committed runs of the same data in one lake, which may be tampered with for one test."""

    lake: Path
    warehouse: Warehouse
    originals: dict[Path, Path]

    def check(self, run_id: str = "first") -> dict[int, Criterion]:
        criteria = check_acceptance(FolderStore(self.lake), run_id, self.warehouse)
        return {item.number: item for item in criteria}

    def object(self, pattern: str) -> Path:
        return min(self.lake.glob(f"{pattern}/run_id=first/*"))

    def document(self, name: str) -> Path:
        return self.object("manifests/day=*").with_name(name)

    def remove(self, path: Path) -> None:
        # Renamed, not written over: the file may be another lake's as well.
        self.originals[path] = path.rename(path.with_name(f".{path.name}"))

    def replace(self, path: Path, content: bytes) -> None:
        self.remove(path)
        path.write_bytes(content)

    def change(self, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        self.replace(path, json.dumps(content).encode())

    def restore(self) -> None:
        for path, original in self.originals.items():
            original.replace(path)
        self.originals.clear()


@pytest.fixture(scope="module")
def published_twins(
    tmp_path_factory: pytest.TempPathFactory, documento_run: Run
) -> tuple[Path, Warehouse]:
    project = Project(tmp_path_factory.mktemp("twins"))
    warehouse = open_warehouse(project.path, project.warehouse_url)
    for run_id in ("first", "second"):
        link_run(documento_run, project.lake, run_id)
        publish(FolderStore(project.lake), run_id, warehouse)
    return project.lake, warehouse


@pytest.fixture
def twins(published_twins: tuple[Path, Warehouse]) -> Iterator[Twins]:
    found = Twins(*published_twins, {})
    yield found
    found.restore()


def failed(criteria: dict[int, Criterion]) -> set[int]:
    return {number for number, item in criteria.items() if not item.holds}


@pytest.mark.xdist_group("doc")
def test_a_run_with_an_identical_earlier_run_is_accepted(twins: Twins) -> None:
    criteria = twins.check()
    assert list(criteria) == [1, 2, 3, 4, 5]
    assert failed(criteria) == set()
    assert criteria[5].finding == "identical to run second"


@pytest.mark.xdist_group("doc")
def test_a_run_that_differs_from_an_earlier_one_of_its_fingerprint_is_not_accepted(
    twins: Twins,
) -> None:
    twins.change(twins.document("checksums.json"), another_hash_of_the_statuses)
    criteria = twins.check("second")
    assert failed(criteria) == {5}
    assert "silver/dim_status/part-00000.parquet" in criteria[5].finding
    assert "run first" in criteria[5].finding


def another_hash_of_the_statuses(checksums: dict[str, Any]) -> None:
    (item,) = (i for i in checksums["objects"] if i["key"].startswith("silver/dim_status/"))
    item["logical_sha256"] = "0" * 64


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    "pattern",
    ["raw/pqrs/source=email/day=2026-01-12", "silver/tickets/month=2026-01", "gold/run_summary"],
)
def test_a_deleted_object_is_missed(pattern: str, twins: Twins) -> None:
    path = twins.object(pattern)
    twins.remove(path)
    criteria = twins.check()
    assert 2 in failed(criteria)
    assert path.relative_to(twins.lake).as_posix() in criteria[2].finding


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("raw/pqrs/source=email/day=2026-01-12", 0),
        ("raw/pqrs/source=email/day=2026-01-12", -1),
        ("bronze/pqrs_events/source=call/day=2026-01-09", 0),
        ("bronze/pqrs_events/source=call/day=2026-01-09", -1),
        ("silver/messages/month=2026-01", 1000),
        ("silver/messages/month=2026-01", -1),
        ("gold/kpi_backlog/day=2026-01-12", -1),
    ],
)
def test_a_flipped_byte_is_found(pattern: str, place: int, twins: Twins) -> None:
    path = twins.object(pattern)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    twins.replace(path, bytes(content))
    criteria = twins.check()
    assert 2 in failed(criteria)
    assert path.relative_to(twins.lake).as_posix() in criteria[2].finding


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    "pattern", ["bronze/pqrs_events/source=call/day=2026-01-09", "silver/tickets/*"]
)
def test_a_further_column_breaks_the_stable_schema(pattern: str, twins: Twins) -> None:
    path = twins.object(pattern)
    rows = pq.ParquetFile(path).read()
    rows = rows.append_column("note", pa.repeat(pa.scalar("x"), len(rows)))
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    twins.replace(path, sink.getvalue().to_pybytes())
    criteria = twins.check()
    assert {2, 3} <= failed(criteria)
    assert path.relative_to(twins.lake).as_posix() in criteria[3].finding


def fewer_gold_rows(manifest: dict[str, Any]) -> None:
    manifest["rows_by_layer"]["gold"] -= 1


def more_tickets(manifest: dict[str, Any]) -> None:
    manifest["datasets"]["silver_tickets"]["rows"] += 1


def more_objects(manifest: dict[str, Any]) -> None:
    manifest["datasets"]["raw_events"]["objects"] += 1


def one_path_less(manifest: dict[str, Any]) -> None:
    manifest["paths"]["silver_tickets"].pop()


def another_digest(manifest: dict[str, Any]) -> None:
    manifest["digest"] = "0" * 64


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    "change", [fewer_gold_rows, more_tickets, more_objects, one_path_less, another_digest]
)
def test_an_edited_manifest_is_not_accepted(
    change: Callable[[dict[str, Any]], None], twins: Twins
) -> None:
    twins.change(twins.document("manifest.json"), change)
    assert 2 in failed(twins.check())


@pytest.mark.xdist_group("doc")
def test_a_run_without_manifest_does_not_exist(twins: Twins) -> None:
    twins.remove(twins.document("manifest.json"))
    with pytest.raises(RunNotFound, match="first"):
        twins.check()


@pytest.mark.xdist_group("doc")
def test_the_accept_command_exits_with_0_1_or_2(
    twins: Twins, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    project.data.mkdir()
    project.lake.symlink_to(twins.lake)
    unpublished = forked_kedro(project, "accept", "first")
    assert (unpublished.code, unpublished.out.count("FAIL")) == (1, 1)
    assert "criterion 4  FAIL" in unpublished.out
    assert forked_kedro(project, "warehouse", "publish", "first").code == 0
    accepted = forked_kedro(project, "accept", "first")
    assert (accepted.code, accepted.out.count("PASS"), accepted.err) == (0, 5, "")
    twins.remove(twins.object("gold/kpi_sla/day=2026-01-12"))
    tampered = forked_kedro(project, "accept", "first")
    assert (tampered.code, tampered.out.count("FAIL")) == (1, 1)
    assert "gold/kpi_sla/day=2026-01-12" in tampered.out
    for unknown in ("third", "../first"):
        assert_refused(forked_kedro(project, "accept", unknown), unknown)
