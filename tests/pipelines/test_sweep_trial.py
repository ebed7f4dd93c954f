"""A trial's numbers are those of the ordinary run with the same parameters, exactly."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import DOCUMENTO, LEY1755, SNAPSHOTS, Project, Run, _once, copy_project
from tests.unit.scenarios import base_values

from pqrs_kedro.lake.store import open_store
from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.sweep.measures import Measured
from pqrs_kedro.sweep.run_measures import measure_run
from pqrs_kedro.sweep.trial import run_trial

# Other terms, more holds, a response of one's own, a window of special terms: what sweeps change.
CHANGED: dict[str, Any] = {
    "seed": 7,
    "profile": "ley1755",
    "date_min": "2022-05-12",
    "date_max": "2022-05-18",
    "volume_scale": 0.08,
    "response": {"median_scale": 1.6},
    "profiles": {
        "ley1755": {
            "types": {"QUEJA": {"term_business_days": 3}},
            "transitions": {"IN_PROGRESS": {"RESPONDED": 0.52, "ON_HOLD": 0.4}},
        }
    },
}
RUNS: dict[str, dict[str, Any]] = {
    "documento_run": DOCUMENTO,
    "ley1755_run": LEY1755,
    "documento_snapshot": SNAPSHOTS["documento"],
    "ley1755_snapshot": SNAPSHOTS["ley1755"],
    "changed_run": CHANGED,
}


@pytest.fixture(scope="session")
def changed_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    def make(folder: Path) -> None:
        copy_project(folder).run(run_id="ch4-run", **CHANGED)

    return Run(Project(_once(tmp_path_factory, "sweep-changed", make)), "ch4-run")


@pytest.fixture(autouse=True)
def closed_engine() -> Iterator[None]:
    ENGINE.close()
    yield
    ENGINE.close()


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for name, value in changes.items():
        inside = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = merged(dict(values[name]), value) if inside else value
    return values


def trial_of(given: dict[str, Any], **more: Any) -> list[Measured]:
    values = merged(base_values(), given) | more
    if "response" in given:
        values["breach_rate"] = None
    return run_trial(parse_parameters(values))


def numbers(found: list[Measured], measure: str, dimension: str) -> dict[str, tuple[int, int]]:
    return {
        item.group: (item.numerator, item.denominator)
        for item in found
        if (item.measure, item.dimension) == (measure, dimension)
    }


@pytest.mark.parametrize("name", RUNS)
def test_a_trial_has_the_numbers_of_the_run(name: str, request: pytest.FixtureRequest):
    run: Run = request.getfixturevalue(name)
    trial = trial_of(RUNS[name])
    ENGINE.close()
    assert trial == measure_run(open_store(str(run.lake)), run.run_id)
    assert numbers(trial, "tickets", "total")["total"][0] > 100


@pytest.mark.parametrize("name", RUNS)
def test_a_trial_has_the_numbers_of_silver_and_gold_counted_by_hand(
    name: str, request: pytest.FixtureRequest
):
    """Breach from tickets and regions, lateness from cycles, backlog from gold: plain loops."""
    run: Run = request.getfixturevalue(name)
    found = trial_of(RUNS[name])
    regions = {row["geo_id"]: row["region"] for row in run.rows("dim_geo")}
    last = max(row["day"] for row in run.rows("gold_kpi_backlog_daily"))
    due, breached = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for ticket in run.rows("silver_tickets"):
        # The due instant is the last microsecond of a local day, 5 hours behind UTC.
        if ticket["sla_due_at"] is None or ticket["sla_due_at"].date() > _next_day(last):
            continue
        region = regions.get(ticket["geo_id"], "Sin dato")
        for key in (("total", "total"), ("pqrs_type", ticket["pqrs_type"]),
                    ("source_channel", ticket["source_channel"]), ("region", region)):  # fmt: skip
            due[key] += 1
            breached[key] += bool(ticket["is_breached"])
    for dimension in ("total", "pqrs_type", "source_channel", "region"):
        for group, counts in numbers(found, "breach_rate", dimension).items():
            assert counts == (breached[dimension, group], due[dimension, group])
    late = [row["business_days_late"] for row in run.rows("silver_sla_cycles") if row["is_late"]]
    assert numbers(found, "late_days", "total")["total"] == (sum(late), len(late))
    stopped = run.rows("gold_kpi_sla_daily")
    assert len(late) == sum(row["late_count"] for row in stopped)
    opened = Counter[Any]()
    for row in run.rows("gold_kpi_backlog_daily"):
        opened[row["day"]] += row["backlog_count"]
    received = [n for day, n in opened.items() if day.isoformat() <= RUNS[name]["date_max"]]
    assert numbers(found, "backlog_mean", "total")["total"] == (sum(received), len(received))
    assert numbers(found, "backlog_peak", "total")["total"] == (max(opened.values()), 1)


def _next_day(day: Any) -> Any:
    return type(day).fromordinal(day.toordinal() + 1)


def test_the_summary_of_the_run_is_the_trials_breach_rate(documento_run: Run):
    found = numbers(trial_of(DOCUMENTO), "breach_rate", "total")
    found |= numbers(trial_of(DOCUMENTO), "breach_rate", "pqrs_type")
    summary = {
        row["group"]: (row["numerator"], row["denominator"])
        for row in documento_run.rows("gold_run_summary")
        if row["measure"] == "breach_rate"
    }
    assert found == summary


def test_a_run_that_asked_for_no_rate_has_no_band(changed_run: Run):
    summary = changed_run.rows("gold_run_summary")
    assert {row["requested_pct"] for row in summary} == {None}
    checks = {row["check_name"] for row in changed_run.rows("data_quality")}
    assert "types_add_up_to_numerator" in checks
    assert not checks & {"breach_rate_at_least", "breach_rate_at_most"}
    (page,) = changed_run.lake.glob("reports/day=*/run_id=ch4-run/report.html")
    assert "solicitada" not in page.read_text(encoding="utf-8")


def test_chunks_of_days_do_not_matter():
    assert trial_of(DOCUMENTO, days_per_chunk=1) == trial_of(DOCUMENTO, days_per_chunk=31)


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [
        pytest.param(1, 3, 33.333333, id="rounded_down"),
        pytest.param(2, 3, 66.666667, id="rounded_up"),
        pytest.param(0, 5, 0.0, id="none_late"),
        pytest.param(0, 0, None, id="of_nothing"),
    ],
)
def test_a_rate_is_a_percentage_of_six_decimals(numerator: int, denominator: int, value: Any):
    assert Measured("breach_rate", "total", "total", numerator, denominator).value == value
    other = Measured("late_days", "total", "total", numerator, denominator).value
    assert other == (None if value is None else pytest.approx(value / 100, abs=1e-6))
