"""A purge removes a run wherever it is, leaves a tombstone, and is the only thing that deletes."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ROOT, ForkedKedro, Project, Run, params
from tests.pipelines.test_run_behaviour import assert_refused
from tests.runs import link_run

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.lock import held_lock
from pqrs_kedro.run.manifest import RunNotFound, find_manifest, read_run
from pqrs_kedro.run.purge import find_remains, purge
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.publish import publish
from pqrs_kedro.warehouse.schema import metadata

pytestmark = pytest.mark.xdist_group("doc")

TOMBSTONE = "tombstones/run_id=doomed/tombstone.json"
MakeProject = Callable[[], Project]


def lake_files(project: Project) -> dict[str, bytes]:
    """Every file of the lake, hidden ones too, with its content."""
    found = (path for path in project.lake.rglob("*") if path.is_file())
    return {path.relative_to(project.lake).as_posix(): path.read_bytes() for path in found}


def rows_of(warehouse: Warehouse, run_id: str) -> dict[str, int]:
    """Rows of a run in every table that is partitioned by run or speaks of runs."""
    with warehouse.connect() as connection:
        return {
            name: connection.execute(
                f"SELECT count(*) FROM {table.schema or 'public'}.{table.name} WHERE run_id = %s",
                [run_id],
            ).fetchall()[0][0]
            for name, table in metadata().tables.items()
        }


def partitions(warehouse: Warehouse) -> int:
    """How many tables of single runs there are."""
    with warehouse.connect() as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'runs'"
        return int(connection.execute(query).fetchall()[0][0])


class Doomed:
    """A project with two published runs: one to be purged, one to be left alone."""

    def __init__(self, project: Project, original: Run) -> None:
        self.project, self.store = project, FolderStore(project.lake)
        self.warehouse = open_warehouse(project.path, project.warehouse_url)
        for run_id in ("doomed", "spared"):
            link_run(original, project.lake, run_id)
            publish(self.store, run_id, self.warehouse)
            (project.data / "work" / run_id).mkdir(parents=True)
            (project.data / "work" / run_id / "pipeline.log").write_text("names\n")
        # What a writer that was killed leaves.
        folder = project.lake / "raw/pqrs/source=email/day=2026-01-08/run_id=doomed"
        (folder / ".events.jsonl.0123").write_bytes(b"half a line")
        (project.data / "latest_run.local").write_text("doomed\n")
        self.spared = {k: v for k, v in lake_files(project).items() if "run_id=spared" in k}
        self.rows = rows_of(self.warehouse, "spared")
        self.manifest_key = str(find_manifest(self.store, "doomed"))
        self.manifest = self.store.read(self.manifest_key)

    def purge(self, reason: str | None = None, store: FolderStore | None = None) -> None:
        place = self.project.path, store or self.store
        remains = find_remains(*place, "doomed", self.warehouse)
        purge(*place, remains, self.warehouse, reason)

    def assert_gone(self) -> None:
        """Nothing is left but the tombstone; the other run is as it was."""
        left = lake_files(self.project)
        assert {k: v for k, v in left.items() if k != TOMBSTONE} == self.spared
        assert TOMBSTONE in left
        folders = [p for p in self.project.data.rglob("*doomed*") if "warehouse" not in p.parts]
        assert folders == [self.project.lake / "tombstones/run_id=doomed"]
        assert set(rows_of(self.warehouse, "doomed").values()) == {0}
        assert rows_of(self.warehouse, "spared") == self.rows
        assert partitions(self.warehouse) == len(metadata().tables) - 3
        assert (self.project.data / "latest_run.local").read_text() == "spared\n"


@pytest.fixture
def doomed(make_project: MakeProject, documento_run: Run) -> Doomed:
    return Doomed(make_project(), documento_run)


def test_the_command_leaves_exactly_the_tombstone(
    doomed: Doomed, forked_kedro: ForkedKedro
) -> None:
    project, before = doomed.project, lake_files(doomed.project)
    unasked = forked_kedro(project, "lake", "purge", "doomed")
    assert_refused(unasked, "--yes")
    assert lake_files(project) == before
    outcome = forked_kedro(project, "lake", "purge", "doomed", "--yes", "--reason", "names in it")
    assert (outcome.code, outcome.err) == (0, "")
    doomed.assert_gone()
    tombstone = json.loads(lake_files(project)[TOMBSTONE])
    manifest = json.loads(doomed.manifest)
    facts = tombstone["manifest"]
    assert (tombstone["run_id"], tombstone["reason"]) == ("doomed", "names in it")
    assert facts["sha256"] == sha256_hex(doomed.manifest)
    for name in ("origin", "digest", "fingerprint", "rows_by_layer"):
        assert facts[name] == manifest[name]
    removed = [key for key in before if "run_id=doomed" in key]
    assert sum(tombstone["objects_by_layer"].values()) == len(removed)
    assert f"{len(removed):,} objects" in outcome.out
    again = forked_kedro(project, "lake", "purge", "doomed", "--yes")
    assert (again.code, again.err) == (0, "")
    assert "purged already" in again.out
    doomed.assert_gone()
    assert json.loads(lake_files(project)[TOMBSTONE]) == tombstone
    assert_listed(project, forked_kedro)
    for arguments in (
        ("run", *params(run_id="doomed")),
        ("accept", "doomed"),
        ("warehouse", "publish", "doomed"),
    ):
        refused = forked_kedro(project, *arguments)
        assert_refused(refused, TOMBSTONE)
    doomed.assert_gone()


def assert_listed(project: Project, forked_kedro: ForkedKedro) -> None:
    """The run that is left and the one that is not, for a person and for a program."""
    listed = forked_kedro(project, "lake", "ls").out
    assert re.search(r"^spared +synthetic .*2026-01-08 to 2026-01-12", listed, re.MULTILINE)
    assert re.search(r"^doomed +purged ", listed, re.MULTILINE)
    runs = json.loads(forked_kedro(project, "lake", "ls", "--json").out)
    manifest = read_run(FolderStore(project.lake), "spared").manifest
    assert runs == [
        {
            "run_id": "spared",
            "status": "committed",
            "origin": "synthetic",
            "declared": None,
            "date_min": "2026-01-08",
            "date_max": "2026-01-12",
            "raw_lines": manifest["rows_by_layer"]["raw"],
            "finished_at": manifest["finished_at"],
            "digest": manifest["digest"],
        },
        {"run_id": "doomed", "status": "purged", "tombstone": str(project.lake / TOMBSTONE)},
    ]


def test_the_command_says_for_a_program_what_it_removed(
    doomed: Doomed, forked_kedro: ForkedKedro
) -> None:
    project = doomed.project
    removed = [key for key in lake_files(project) if "run_id=doomed" in key]
    arguments = ("lake", "purge", "doomed", "--yes", "--json")
    expected = {
        "run_id": "doomed",
        "already_purged": False,
        "removed_objects": len(removed),
        "tombstone": str(project.lake / TOMBSTONE),
        "runs_of_same_files": [],
    }
    assert json.loads(forked_kedro(project, *arguments).out) == expected
    again = {"already_purged": True, "removed_objects": 0}
    assert json.loads(forked_kedro(project, *arguments).out) == expected | again


class _Stopped(Exception):
    """The process ends here."""


class StoppingStore(FolderStore):
    """A store that stops at one deletion, and looks at each before it happens."""

    def __init__(self, root: Path, manifest_key: str, stop_at: int | None) -> None:
        super().__init__(root)
        self.manifest_key, self.stop_at, self.deletions = manifest_key, stop_at, 0

    def delete(self, key: str) -> None:
        if self.deletions == self.stop_at:
            raise _Stopped
        # Nobody who finds the manifest finds less than the run.
        assert self.deletions == 0 or not self.exists(self.manifest_key)
        self.deletions += 1
        super().delete(key)


@pytest.mark.parametrize("stop_at", [0, 1, 200], ids=["manifest", "first_object", "in_between"])
def test_a_purge_that_was_stopped_is_completed_by_doing_it_again(
    stop_at: int, doomed: Doomed
) -> None:
    place = doomed.project.lake, doomed.manifest_key
    with pytest.raises(_Stopped):
        doomed.purge("first", StoppingStore(*place, stop_at))
    tombstone = lake_files(doomed.project)[TOMBSTONE]
    assert doomed.store.exists(doomed.manifest_key) is (stop_at == 0)
    doomed.purge("second", StoppingStore(*place, None))
    doomed.assert_gone()
    assert lake_files(doomed.project)[TOMBSTONE] == tombstone
    assert json.loads(tombstone)["reason"] == "first"


def test_a_run_that_was_never_committed_can_be_purged(
    make_project: MakeProject, documento_run: Run
) -> None:
    project = make_project()
    store, warehouse = (
        FolderStore(project.lake),
        open_warehouse(project.path, project.warehouse_url),
    )
    link_run(documento_run, project.lake, "doomed", layers=("raw", "bronze"))
    (project.data / "latest_run.local").write_text("doomed\n")
    remains = find_remains(project.path, store, "doomed", warehouse)
    purge(project.path, store, remains, warehouse, None)
    (tombstone,) = lake_files(project).values()
    assert json.loads(tombstone)["manifest"] is None
    assert project.files() == [f"lake/{TOMBSTONE}"]


def test_what_is_not_there_is_not_purged_and_leaves_nothing(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    for run_id in ("doomed", "../lake"):
        assert_refused(forked_kedro(project, "lake", "purge", run_id, "--yes"), run_id)
    assert project.files() == []


def test_a_run_under_way_is_not_purged(doomed: Doomed) -> None:
    before = lake_files(doomed.project)
    with (
        held_lock(doomed.project.path, "doomed"),
        pytest.raises(InvalidInput, match="running in another process"),
    ):
        doomed.purge()
    assert lake_files(doomed.project) == before
    assert read_run(doomed.store, "doomed").run_id == "doomed"


def test_a_purged_run_is_not_found_and_says_why(doomed: Doomed) -> None:
    doomed.purge()
    with pytest.raises(RunNotFound, match=re.escape(f"it was purged ({TOMBSTONE})")):
        read_run(doomed.store, "doomed")


def test_nothing_but_the_purge_deletes_from_the_lake() -> None:
    calls = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if ".delete(" in path.read_text(encoding="utf-8")
    }
    assert calls == {"src/pqrs_kedro/run/purge.py"}
