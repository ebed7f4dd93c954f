"""Runs under two laws, and what a change of the calendar does to one: all against the oracle.

Ley 2578 de 2026, promulgated on 1 June, made Monday 13 July 2026 a holiday. The oracle counts days
one by one, and knows the holiday's date from the law's text.
"""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ForkedKedro, Outcome, Project, Run, _observe_run, copy_project
from tests.oracle.calendar import business_days_between, chiquinquira, other_days
from tests.oracle.curation import (
    Cycle,
    assert_same_table,
    build_silver,
    build_tickets,
    last_day_of,
    read_events,
)

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.calendar import calendar_of
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.reproduce import reproduce
from pqrs_kedro.warehouse.connection import URL_VARIABLE

pytestmark = pytest.mark.xdist_group("calendar_change")

JUNE: dict[str, Any] = {
    "profile": "ley1755",
    "date_min": "2026-06-29",
    "date_max": "2026-07-01",
    "volume_scale": 0.03,
    "breach_rate": 0.4,
}
OLD_LAW = date(2026, 5, 31)
LAW_DAYS = [chiquinquira(year) for year in range(2026, 2041)]
MakeProject = Callable[[], Project]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("calendar-change") / "project")


@pytest.fixture(scope="module")
def new_law(project: Project) -> Run:
    """A run by the law as it is now."""
    return project.run(run_id="new-law", **JUNE)


@pytest.fixture(scope="module")
def old_law(project: Project) -> Run:
    """The same by the law before Ley 2578."""
    return project.run(run_id="old-law", calendar={"as_of": OLD_LAW.isoformat()}, **JUNE)


def inputs(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.document("manifest.json")["inputs"]
    return found


# --- A run as of a day --------------------------------------------------------------------------


def test_the_run_is_made_and_counted_by_the_law_of_its_day(old_law: Run) -> None:
    observed = _observe_run(old_law, JUNE)
    with other_days(counting=LAW_DAYS):
        expected = build_silver(observed.oracle.events, observed.oracle.rules)
    for name in ("silver_sla_cycles", "silver_tickets"):
        assert_same_table(old_law.table(name), expected[name], TABLES[name].primary_key)
    by_new_law = build_silver(observed.oracle.events, observed.oracle.rules)
    assert not by_new_law["silver_sla_cycles"].equals(expected["silver_sla_cycles"])


def test_events_fall_on_the_monday_that_was_no_holiday_yet(old_law: Run, new_law: Run) -> None:
    monday = date(2026, 7, 13)
    events = [read_events(run.lake, run.run_id) for run in (old_law, new_law)]
    closed = [[e for e in of if (e.day, e.status_to) == (monday, "CLOSED")] for of in events]
    assert closed[0]
    assert not closed[1]


def test_the_days_of_the_two_runs_differ_by_the_law_alone(old_law: Run, new_law: Run) -> None:
    flags = [
        {row["day"]: row["is_business_day"] for row in run.rows("dim_business_day")}
        for run in (old_law, new_law)
    ]
    assert [day for day in flags[0] if flags[0][day] != flags[1][day]] == LAW_DAYS


def test_the_manifest_says_which_law(old_law: Run, new_law: Run) -> None:
    old, new = inputs(old_law)["calendar"], inputs(new_law)["calendar"]
    assert (old["as_of"], new["as_of"]) == ("2026-05-31", None)
    assert old["source"] == new["source"] == "holidays, country CO"
    assert old["version"] == new["version"]
    ((change,), (same,)) = old["changes"], new["changes"]
    assert change == same | {"in_force": False}
    assert same["in_force"]
    assert (same["law"], same["promulgated"]) == ("Ley 2578 de 2026", "2026-06-01")
    by_day = {row["day"]: row["is_business_day"] for row in old_law.rows("dim_business_day")}
    assert old["sha256"] != new["sha256"]
    assert by_day[date(2026, 7, 13)]
    assert inputs(old_law)["config_hash"] != inputs(new_law)["config_hash"]
    assert len(old["sha256"]) == len(calendar_of([], "1").fingerprint)


def test_the_run_is_reproduced(old_law: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, old_law.project.warehouse_url)
    store = FolderStore(old_law.lake)
    with old_law.project.session():  # puts the import path back afterwards
        found = reproduce(old_law.project.path, store, old_law.run_id, None)
    assert found.differences == []
    assert found.changed_inputs == []
    assert len(found.by_dataset()) > 10


# --- The command --------------------------------------------------------------------------------


def change(run: Run, forked_kedro: ForkedKedro, *options: str) -> Outcome:
    return forked_kedro(run.project, "calendar-change", run.run_id, *options)


def measured(run: Run) -> dict[tuple[str, int], Any]:
    """The cycles of a run's events, by the oracle's calendar of the moment."""
    observed = _observe_run(run, JUNE)
    tickets = build_tickets(observed.oracle.events, observed.oracle.rules)
    return {(c.ticket_id, c.number): decided(c) for ticket in tickets for c in ticket.cycles}


def decided(cycle: Cycle) -> Any:
    """What the calendar decides, counted at once: the oracle's calendar is only set for a while."""
    if cycle.is_late is None:
        outcome = "overdue" if cycle.is_overdue else "not due"
        late = business_days_between(cycle.due_day, cycle.as_of)
    else:
        outcome, late = "late" if cycle.is_late else "within", cycle.days_late
    return cycle, cycle.due_day, outcome, late


def expected_rows(old: dict[Any, Any], new: dict[Any, Any]) -> list[dict[str, Any]]:
    rows = []
    for key in sorted(old):
        cycle, due, outcome, late = old[key]
        _, new_due, new_outcome, new_late = new[key]
        if (due, outcome, late) != (new_due, new_outcome, new_late):
            rows.append(
                {
                    "ticket_id": cycle.ticket_id,
                    "cycle_number": cycle.number,
                    "pqrs_type": cycle.pqrs_type,
                    "start_day": cycle.start_day.isoformat(),
                    "stop_day": cycle.stop_day and cycle.stop_day.isoformat(),
                    "old_due_day": due.isoformat(),
                    "new_due_day": new_due.isoformat(),
                    "old_outcome": outcome,
                    "new_outcome": new_outcome,
                    "old_business_days_late": late,
                    "new_business_days_late": new_late,
                }
            )
    return rows


def rate(cycles: dict[Any, Any], last_day: date) -> dict[str, Any]:
    last = {ticket: number for ticket, number in sorted(cycles)}
    of_last = [decision for key, decision in cycles.items() if last[key[0]] == key[1]]
    judged = [outcome for _, due, outcome, _ in of_last if due <= last_day]
    return {"breached": sum(o in ("late", "overdue") for o in judged), "due": len(judged)}


@pytest.mark.parametrize("name", ["new_law", "old_law"])
def test_the_other_side_of_the_law_is_what_the_oracle_counts(
    name: str, request: pytest.FixtureRequest, forked_kedro: ForkedKedro
) -> None:
    run: Run = request.getfixturevalue(name)
    before = set(run.project.files())
    outcome = change(run, forked_kedro, "--format", "json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    was_new = name == "new_law"
    sides = [measured(run)]
    with other_days(counting=LAW_DAYS):
        sides.append(measured(run))
    old, new = sides if was_new else sides[::-1]
    rows = expected_rows(old, new)
    assert len(rows) > 50
    radicados = {e.ticket_id: e.external_id for e in read_events(run.lake, run.run_id)}
    assert found["cycles"] == [{**row, "external_id": radicados[row["ticket_id"]]} for row in rows]
    summary = found["summary"]
    assert summary["cycles_compared"] == len(old)
    assert summary["cycles_changed"] == len(rows)
    moved = [(row["old_due_day"], row["new_due_day"]) for row in rows]
    assert summary["due_days_moved_earlier"] == sum(new < old for old, new in moved)
    assert summary["due_days_moved_later"] == sum(new > old for old, new in moved)
    directions = Counter(
        (row["old_outcome"], row["new_outcome"])
        for row in rows
        if row["old_outcome"] != row["new_outcome"]
    )
    assert {(d["old"], d["new"]): d["cycles"] for d in summary["outcomes_changed"]} == directions
    assert directions
    last_day = last_day_of(read_events(run.lake, run.run_id))
    for side, cycles in (("before", old), ("after", new)):
        rates = dict(summary[f"breach_rate_{side}"])
        del rates["pct"]
        assert rates == rate(cycles, last_day)
    law_days = [day.isoformat() for day in LAW_DAYS]
    assert found["business_days_gained" if was_new else "business_days_lost"] == law_days
    assert found["business_days_lost" if was_new else "business_days_gained"] == []
    assert found["other_calendar"]["as_of"] == ("2026-05-31" if was_new else None)
    assert set(run.project.files()) == before


def test_what_the_run_has_in_the_lake_is_the_old_side(
    new_law: Run, forked_kedro: ForkedKedro
) -> None:
    outcome = change(new_law, forked_kedro, "--as-of", "2026-05-31", "--format", "csv")
    assert outcome.code == 0, outcome.err
    cycles = {
        (row["ticket_id"], str(row["cycle_number"])): row
        for row in new_law.rows("silver_sla_cycles")
    }
    listed = list(csv.DictReader(io.StringIO(outcome.out)))
    assert listed
    for row in listed:
        cycle = cycles[row["ticket_id"], row["cycle_number"]]
        assert row["old_due_day"] == cycle["due_day"].isoformat()
        assert (row["old_outcome"] == "late") is cycle["is_late"]
        assert row["old_business_days_late"] == str(cycle["business_days_late"])
        # The due day was counted over one holiday more.
        assert business_days_between(date.fromisoformat(row["new_due_day"]), cycle["due_day"]) == 1
    assert "breach rate" in outcome.err
    assert "within -> late" in outcome.err


def test_days_of_ones_own_are_added_and_removed(new_law: Run, forked_kedro: ForkedKedro) -> None:
    outcome = change(
        new_law, forked_kedro, "--add", "2026-07-14", "--add", "2026-07-15", "--remove",
        "2026-07-13", "--format", "json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    own = [date(2026, 7, 14), date(2026, 7, 15)]
    old = measured(new_law)
    with other_days(counting=[date(2026, 7, 13)], not_counting=own):
        new = measured(new_law)
    rows = expected_rows(old, new)
    assert rows
    assert [(r["ticket_id"], r["new_due_day"], r["new_outcome"]) for r in found["cycles"]] == [
        (r["ticket_id"], r["new_due_day"], r["new_outcome"]) for r in rows
    ]
    assert found["business_days_gained"] == ["2026-07-13"]
    assert found["business_days_lost"] == ["2026-07-14", "2026-07-15"]


def test_a_table_shows_the_changed_outcomes_first_and_a_file_has_them_all(
    new_law: Run, forked_kedro: ForkedKedro, tmp_path: Path
) -> None:
    file = tmp_path / "cycles.txt"
    shown = change(new_law, forked_kedro)
    filed = change(new_law, forked_kedro, "--output", str(file))
    assert (shown.code, filed.code) == (0, 0)
    head, first, *_ = shown.out.splitlines()
    assert head.split() == [
        "ticket", "radicado", "cycle", "type", "start", "stop", "due:", "old", "new", "old", "new",
        "late", "old", "new",
    ]  # fmt: skip
    assert first.split()[-4:-2] == ["within", "late"]
    (more,) = (line for line in shown.out.splitlines() if line.startswith("..."))
    rows = file.read_text(encoding="utf-8").splitlines()
    assert rows[: 1 + 50] == shown.out.splitlines()[: 1 + 50]
    assert more == f"... and {len(rows) - 1 - 50:,} more: --output FILE has all"
    assert f"cycles in      {file}" in filed.out
    assert "within -> late" in filed.out


def test_equal_calendars_are_said_to_be_equal(new_law: Run, forked_kedro: ForkedKedro) -> None:
    outcome = change(new_law, forked_kedro, "--as-of", "2026-06-01")
    assert outcome.code == 0
    assert "difference     none: both have the same business days" in outcome.out
    assert " 0 due days moved (0 earlier, 0 later)" in outcome.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--remove", "2026-07-14"], "calendar.removed: 2026-07-14 is no holiday"),
        pytest.param(["--add", "2026-07-13"], "calendar.added: 2026-07-13 is a holiday already"),
        pytest.param(
            ["--add", "2090-01-01"],
            "calendar.added.0: '2090-01-01': outside the calendar, 2015-01-01 to 2040-12-31",
        ),
        pytest.param(["--output", "no/such/folder.csv"], "--output: the folder of"),
    ],
    ids=["removed", "added", "outside", "output"],
)
def test_an_impossible_calendar_is_refused_in_one_line(
    options: list[str], said: str, new_law: Run, forked_kedro: ForkedKedro
) -> None:
    outcome = change(new_law, forked_kedro, *options)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(f"Error: {said}")
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_an_unknown_run_is_refused(project: Project, forked_kedro: ForkedKedro) -> None:
    outcome = forked_kedro(project, "calendar-change", "nowhere")
    assert outcome.code == 2
    assert outcome.err.startswith("Error: run nowhere is not in the lake")


def test_a_wrong_day_in_a_file_is_refused_before_anything_is_written(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    file = project.path / "conf/local/parameters_calendar.yml"
    file.write_text("calendar:\n  added: [2026-12-24, 2026-12-25]\n", encoding="utf-8")
    outcome = forked_kedro(project, "run", "--params", "run_id=own")
    assert outcome.code == 2
    assert outcome.err == "Error: calendar.added: 2026-12-25 is a holiday already\n"
    assert not os.path.lexists(project.data)
