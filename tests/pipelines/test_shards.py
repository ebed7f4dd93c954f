"""Ingestion in parts and curation in shards: however many there are, no byte changes."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Run, copy_project
from tests.runs import link_run

from pqrs_kedro.datasets import raw_events
from pqrs_kedro.pipelines.curation import shards

DAYS: dict[str, Any] = {
    "date_min": "2026-01-08",
    "date_max": "2026-01-12",
    "volume_scale": 0.03,
    "defects": {"profile": "hostile"},
}

pytestmark = pytest.mark.xdist_group("shards")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with every class of defects, in one part and one shard, up to silver."""
    project = copy_project(tmp_path_factory.mktemp("whole") / "project")
    return project.run("synthesis", "ingestion", "curation", run_id="whole", **DAYS)


def hashes(run: Run) -> dict[str, str]:
    """SHA-256 of every object of bronze and silver, by its key without the run."""
    layers = ("bronze", "silver", "quarantine")
    return {
        path.relative_to(run.lake).as_posix().replace(f"run_id={run.run_id}/", ""): (
            hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for layer in layers
        for path in sorted((run.lake / layer).rglob(f"run_id={run.run_id}/part-*.parquet"))
    }


def test_many_parts_and_shards_give_the_same_bytes(
    whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = whole.table("silver_tickets").num_rows
    assert tickets > 20
    counted = []
    by_shard = shards.by_shard

    def counting(*arguments: Any) -> Any:
        found = by_shard(*arguments)
        counted.append(len(found))
        return found

    monkeypatch.setattr(shards, "EVENTS_PER_SHARD", 200)
    for module in ("nodes", "rejections", "sla"):
        monkeypatch.setattr(f"pqrs_kedro.pipelines.curation.{module}.by_shard", counting)
    monkeypatch.setattr(raw_events, "_PART_BYTES", 100_000)
    project = copy_project(tmp_path / "project")
    link_run(whole, project.lake, "cut", layers=("raw",))
    cut = project.run("ingestion", "curation", run_id="cut", **DAYS)
    assert max(counted) > 5
    assert len(counted) == 5
    assert hashes(cut) == hashes(whole)


def test_the_events_of_a_ticket_are_in_one_shard_and_every_shard_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ibis

    names = [f"ticket-{number}" for number in range(500)]
    events = ibis.memtable({"ticket_id": names * 3})
    monkeypatch.setattr(shards, "EVENTS_PER_SHARD", 100)
    sharded = events.mutate(shard=shards.shard_of(events, 1500)).to_pyarrow().to_pylist()
    assert {row["shard"] for row in sharded} == set(range(16))
    assert len({(row["ticket_id"], row["shard"]) for row in sharded}) == 500
