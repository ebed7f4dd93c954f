"""A whole run with defects: their ledger is part of it, and excuses what they alter."""

import json
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from benchmarks.recovery import ENTITIES, Verdict, judge
from tests.conftest import Run, copy_project
from tests.runs import link_run

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.run.regenerate import regenerate
from pqrs_kedro.run.truth import FieldAgreement, validate_truth

LEDGER = "ground_truth_defects"
RATES = {"duplicate_line": 0.05, "empty_line": 0.05, "control_characters": 0.1}
DAY: dict[str, Any] = {"date_min": "2026-01-08", "date_max": "2026-01-08", "volume_scale": 0.05}

pytestmark = pytest.mark.xdist_group("defects")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    project = copy_project(tmp_path_factory.mktemp("defects") / "project")
    return project.run(run_id="dirty", defects={"rates": RATES}, **DAY)


def validated(run: Run, lake: Path) -> dict[str, FieldAgreement]:
    store = FolderStore(lake)
    return {item.field: item for item in validate_truth(store, read_run(store, run.run_id))}


def test_the_ledger_is_an_object_of_the_run_and_points_into_the_raw_objects(run: Run) -> None:
    manifest = run.document("manifest.json")
    rows = run.rows(LEDGER)
    assert {row["label"] for row in rows} == {*RATES}
    assert manifest["inputs"]["parameters"]["defects"] == RATES
    assert manifest["inputs"]["defect_profile"] == "none"
    assert manifest["datasets"][LEDGER]["rows"] == len(rows)
    tickets = len(run.rows("ground_truth"))
    assert manifest["rows_by_layer"]["truth"] == len(rows) + tickets
    for path in run.ledger_objects(LEDGER):
        assert pq.ParquetFile(path).schema_arrow.equals(arrow_schema(TABLES[LEDGER]))
    for row in rows:
        folder = f"source={row['source']}/day={row['day']}/run_id={run.run_id}"
        lines = (run.lake / "raw/pqrs" / folder / "events.jsonl").read_bytes().split(b"\n")
        line = lines[row["line_number"] - 1]
        if row["label"] == "empty_line":
            assert not line.strip()
        else:
            assert json.loads(line)["event_id"] == row["event_id"]


def test_raw_objects_and_ledgers_are_generated_again_from_the_manifest(run: Run) -> None:
    committed = read_run(FolderStore(run.lake), run.run_id)
    found = regenerate(committed.manifest)
    kept = committed.by_logical_key()
    assert {key.split("/")[1] for key in found} == {"pqrs", "ground_truth", LEDGER}
    assert {key: item.content_hash for key, item in found.items()} == {
        key: kept[key].content_hash for key in found
    }


def test_tickets_that_defects_alter_are_excused_and_the_others_recovered(run: Run) -> None:
    harmed = {row["ticket_id"] for row in run.rows(LEDGER) if row["effect"] != "recovered"}
    tickets = len(run.rows("ground_truth"))
    assert 0 < len(harmed) < tickets
    for item in validated(run, run.lake).values():
        assert (item.agree, item.unobserved, item.differ) == (tickets - len(harmed), 0, 0)
        assert item.excused == len(harmed)


@pytest.mark.parametrize("is_harmed", [True, False], ids=["altered", "untouched"])
def test_a_lost_ticket_is_excused_only_if_the_ledger_says_so(
    is_harmed: bool, run: Run, tmp_path: Path
) -> None:
    harmed = {row["ticket_id"] for row in run.rows(LEDGER) if row["effect"] != "recovered"}
    lost = min(t["ticket_id"] for t in run.rows("silver_tickets")
               if (t["ticket_id"] in harmed) is is_harmed)  # fmt: skip
    link_run(run, tmp_path, run.run_id)
    (path,) = tmp_path.glob("silver/tickets/month=*/run_id=*/part-*.parquet")
    rows: pa.Table = pq.ParquetFile(path).read()
    path.unlink()
    pq.write_table(rows.filter(pc.not_equal(rows["ticket_id"], lost)), path)
    found = validated(run, tmp_path)["ticket_id"]
    assert (found.differ, found.excused) == (0 if is_harmed else 1, len(harmed))


# Every class at once, and as often as a real export has them, beside the same seed without.

TO_SILVER: Final = ("synthesis", "ingestion", "curation")
RUNS: dict[str, dict[str, Any]] = {
    "hostile": {"seed": 7, "date_min": "2026-01-06", "date_max": "2026-01-06"},
    "realistic": {"date_min": "2026-01-08", "date_max": "2026-01-12"},
}
# Of the hostile run: two of its lines are rejected, those between them have exchanged instants.
WHOLE = "019b9364-a007-70f4-aada-06469c13058a"


@pytest.fixture(scope="module", params=RUNS)
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """A run with a profile's defects, judged; some 10,000 and 50,000 lines."""
    profile = request.param
    project = copy_project(tmp_path_factory.mktemp(profile) / "project")
    for name in ("none", profile):
        project.run(*TO_SILVER, run_id=name, defects={"profile": name}, **RUNS[profile])
    return judge(project.lake, profile, "none")


def test_every_defective_line_is_recovered_or_quarantined_as_the_ledger_says(
    judged: Verdict,
) -> None:
    assert [fate for fate in judged.fates if fate.wrong] == []
    assert judged.false_quarantine == 0
    for fate in judged.fates:
        assert fate.injected == fate.recovered + fate.altered + fate.quarantined


@pytest.mark.parametrize("judged", ["hostile"], indirect=True)
def test_defects_that_leave_a_whole_chain_do_not_reject_the_ticket(judged: Verdict) -> None:
    assert judged.whole == {WHOLE}
    assert WHOLE in judged.differing


def test_silver_is_that_of_the_clean_run_but_for_the_tickets_of_the_ledger(
    judged: Verdict,
) -> None:
    assert judged.differing == judged.excepted
    assert judged.excepted


def test_every_table_of_tickets_is_compared() -> None:
    assert set(ENTITIES) == {
        "silver_tickets",
        "silver_messages",
        "silver_status_events",
        "silver_attachments",
        "silver_sla_cycles",
    }
