"""What a user gets who says nothing of defects: realistic ones, an accepted run, no warning."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.conftest import CLEAN_LINES, ROOT, ForkedKedro, Outcome, Project, Run, params

pytestmark = pytest.mark.xdist_group("default_run")

MakeRun = Callable[..., tuple[Run, Outcome]]
# Some 700 tickets of two days; a few of them are in quarantine.
DAYS: dict[str, Any] = {"date_min": "2026-01-13", "date_max": "2026-01-14", "volume_scale": 0.25}
DIRT = {
    ("bronze_pqrs_events", "misfiled_pct"),
    ("bronze_pqrs_events", "repaired_pct"),
    ("bronze_pqrs_events", "repeated_pct"),
    ("bronze_pqrs_events", "unknown_fields_pct"),
    ("quarantine_raw_lines", "quarantined_pct"),
    ("quarantine_silver", "quarantined_events_pct"),
    ("quarantine_silver", "quarantined_tickets_pct"),
    ("silver_tickets", "unknown_places_pct"),
}


@pytest.fixture
def user_project(make_project: Callable[[], Project]) -> Project:
    """A working copy with the configuration of conf/base alone."""
    project = make_project()
    (project.path / CLEAN_LINES).unlink()
    return project


def failed(run: Run) -> set[tuple[str, str]]:
    rows = run.rows("data_quality")
    return {(row["dataset"], row["check_name"]) for row in rows if row["result"] == "fail"}


@pytest.fixture
def run_of(user_project: Project, forked_kedro: ForkedKedro) -> MakeRun:
    """Makes a run by the command line."""

    def made(**given: Any) -> tuple[Run, Outcome]:
        outcome = forked_kedro(user_project, "run", *params(run_id="mine", **DAYS, **given))
        return Run(user_project, "mine"), outcome

    return made


def test_the_default_is_realistic_and_accepted_without_a_warning(run_of: MakeRun) -> None:
    run, outcome = run_of()
    assert outcome.code == 0, outcome.err
    assert " | defects realistic\n" in outcome.out
    checks = run.rows("data_quality")
    assert f"quality       {len(checks)} of {len(checks)} checks passed\n" in outcome.out
    assert "warning" not in outcome.out
    assert outcome.out.count("PASS") == 5
    inputs = run.document("manifest.json")["inputs"]
    rates = yaml.safe_load((ROOT / "conf/base/parameters_defects.yml").read_text(encoding="utf-8"))
    assert inputs["defect_profile"] == "realistic"
    assert inputs["parameters"]["defects"] == rates["defects"]["profiles"]["realistic"]
    # It is no clean run that passes for want of anything to warn of.
    assert len(run.rows("ground_truth_defects")) > 20
    assert (
        sum(row["value"] > 0 for row in checks if (row["dataset"], row["check_name"]) in DIRT) > 4
    )


def test_a_hostile_run_is_accepted_and_warns_of_every_kind_of_dirt(run_of: MakeRun) -> None:
    run, outcome = run_of(defects={"profile": "hostile"})
    assert outcome.code == 0, outcome.err
    assert failed(run) >= DIRT
    for name in failed(run):
        assert f"{'.'.join(name)}: " in outcome.out
    assert f"checks passed, {len(failed(run))} warn\n" in outcome.out
    for row in run.rows("data_quality"):
        if (row["dataset"], row["check_name"]) in DIRT:
            details = json.loads(row["details_json"])
            assert details["severity"] == "warn"
            assert details["failed_rows"] > 0
            assert details["examples"]


def test_clean_lines_are_to_be_had(run_of: MakeRun) -> None:
    run, outcome = run_of(defects={"profile": "none"})
    assert outcome.code == 0, outcome.err
    assert "defects" not in outcome.out.splitlines()[0]
    assert run.rows("ground_truth_defects") == []
    checks = {(row["dataset"], row["check_name"]): row for row in run.rows("data_quality")}
    assert {checks[name]["value"] for name in DIRT} == {0}
