"""A run with an end of observation is the full run as a live system sees it on that day.

That its silver and gold equal the oracle's is tested with those of the other runs; here it is held
against the run without an end.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.conftest import DOCUMENTO, LEY1755, SNAPSHOTS, Observed, Run
from tests.oracle.calendar import days_from_to, local_day
from tests.oracle.metrics import age_bucket, age_on
from tests.unit.scenarios import base_values

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.pipeline_registry import register_pipelines
from pqrs_kedro.run.acceptance import check_acceptance
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.warehouse.connection import open_warehouse

SLA, BACKLOG, AGEING = (
    "gold_kpi_sla_daily",
    "gold_kpi_backlog_daily",
    "gold_backlog_ageing_daily",
)
# Days of reception, a Saturday, holidays, due days, month ends, and long after.
SAMPLE = {
    "documento": (DOCUMENTO, ["01-08", "01-10", "01-12", "01-20", "01-23", "02-02", "02-27"]),
    "ley1755": (LEY1755, ["01-01", "01-03", "01-07", "01-16", "01-26", "01-31", "03-13"]),
}
SAMPLED = [
    pytest.param(name, given, date.fromisoformat(f"2026-{day}"), id=f"{name}-{day}",
                 marks=pytest.mark.xdist_group(name[:3]))
    for name, (given, days) in SAMPLE.items()
    for day in days
]  # fmt: skip
RUNS = [
    pytest.param("documento", marks=pytest.mark.xdist_group("snapshots")),
    pytest.param("ley1755", marks=pytest.mark.xdist_group("snapshots")),
]


class ContractTable(EngineTable):
    """A table of the engine with the columns that the lake would keep."""

    def save(self, data: Any) -> None:
        table = TABLES.get(self._table)
        names = [*table.partitions, *table.columns] if table is not None else None
        if names is None or isinstance(data, pa.Table):
            super().save(data)
            return
        parts = data if isinstance(data, list) else [data]
        super().save([part.select(names) for part in parts])


def gold_as_of(run: Run, given: dict[str, Any], day: date) -> dict[str, pa.Table]:
    """Gold of the real pipelines on the bronze events of a run up to a day."""
    stages = register_pipelines()
    graph = (stages["curation"] + stages["metrics"]).to_outputs(SLA, BACKLOG, AGEING)
    values = base_values(**given, observe_until=day.isoformat())
    fed = {name: name.removeprefix("params:") for name in graph.inputs() if "param" in name}
    fixed = {name: values.get(key, values) for name, key in fed.items()}
    memory = {name: MemoryDataset(value) for name, value in fixed.items()}
    others = {
        "profile": MemoryDataset(),
        "business_calendar": MemoryDataset(),
        "municipal_polygons": MunicipalPolygons(filepath=None),
    }
    tables = {
        name: ContractTable(table=name) for name in graph.datasets() - memory.keys() - others.keys()
    }
    bronze = LakeTable(table="bronze_pqrs_events", path=str(run.lake), run_id=run.run_id).load()
    try:
        tables["bronze_pqrs_events"].save(bronze.filter(bronze.day <= day))
        SequentialRunner().run(graph, DataCatalog({**memory, **tables, **others}))
        return {name: tables[name].load().to_pyarrow() for name in (SLA, BACKLOG, AGEING)}
    finally:
        ENGINE.close()


@pytest.fixture(scope="module")
def as_of(request: pytest.FixtureRequest) -> Callable[..., dict[str, pa.Table]]:
    """Gold as of a day, computed once per profile and day."""
    made: dict[Any, dict[str, pa.Table]] = {}

    def make(name: str, given: dict[str, Any], day: date) -> dict[str, pa.Table]:
        if (name, day) not in made:
            run: Run = request.getfixturevalue(f"{name}_run")
            made[name, day] = gold_as_of(run, given, day)
        return made[name, day]

    return make


def rows_until(table: pa.Table, day: date, columns: list[str]) -> list[dict[str, Any]]:
    kept = table.filter(pc.less_equal(table["day"], pa.scalar(day))).select(columns)
    rows: list[dict[str, Any]] = kept.to_pylist()
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in columns[:3]))


# --- As of D ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "given", "day"), SAMPLED)
def test_every_sla_row_equals_that_of_a_run_observed_until_its_day(
    name: str, given: dict[str, Any], day: date, as_of: Any, request: pytest.FixtureRequest
) -> None:
    """The rows of the day, and with them those of all days before."""
    full: Run = request.getfixturevalue(f"{name}_run")
    columns = ["day", *TABLES[SLA].columns]
    observed = rows_until(as_of(name, given, day)[SLA], date.max, columns)
    assert observed == rows_until(full.table(SLA), day, columns)
    first = date.fromisoformat(given["date_min"])
    assert {row["day"] for row in observed} == set(days_from_to(first, day))


@pytest.mark.parametrize(("name", "given", "day"), SAMPLED)
def test_a_backlog_or_ageing_row_equals_that_of_a_run_observed_until_its_day_but_for_the_untyped(
    name: str, given: dict[str, Any], day: date, as_of: Any, request: pytest.FixtureRequest
) -> None:
    """A full run knows the type of a ticket from its reception on; on the day it has none yet."""
    full: Observed = request.getfixturevalue(f"observed_{name}")
    untyped = [t for t in full.oracle.tickets if classified_on(t) > day >= received_on(t)]
    for table, part in (
        (BACKLOG, lambda ticket, _: full.oracle.region_of(ticket)),
        (AGEING, lambda ticket, on: age_bucket(age_on(ticket, on))),
    ):
        columns = ["day", *TABLES[table].columns]
        expected = counted(rows_until(full.run.table(table), day, columns))
        for ticket in untyped:
            for on in days_from_to(received_on(ticket), day):
                expected[on, ticket.row["pqrs_type"], part(ticket, on)] -= 1
        found = rows_until(as_of(name, given, day)[table], date.max, columns)
        assert counted(found) == expected
    if day <= date.fromisoformat(given["date_max"]):
        assert untyped


def counted(rows: list[dict[str, Any]]) -> Counter[Any]:
    return Counter({tuple(row.values())[:-1]: row["backlog_count"] for row in rows})


def received_on(ticket: Any) -> date:
    return local_day(ticket.row["created_at"])


def classified_on(ticket: Any) -> date:
    return min(event.day for event in ticket.events if event.status_to == "CLASSIFIED")


@pytest.mark.xdist_group("doc")
def test_days_without_events_are_observed_too(documento_run: Run) -> None:
    """Archived to the last ticket, and still looked at: nothing is open, nothing is overdue."""
    last = max(documento_run.table("bronze_pqrs_events")["day"].to_pylist())
    end = date(2026, 12, 31)
    assert last < end
    gold = gold_as_of(documento_run, DOCUMENTO, end)
    for table, value in ((SLA, "overdue_count"), (BACKLOG, "backlog_count")):
        rows = gold[table].to_pylist()
        assert max(row["day"] for row in rows) == end
        assert not any(row[value] for row in rows if row["day"] > last)


# --- Whole runs with the parameter --------------------------------------------------------------


def snapshot(name: str, request: pytest.FixtureRequest) -> tuple[Run, Run, date]:
    """A run with an end of observation, the run without, and the end."""
    observed, full = (request.getfixturevalue(f"{name}_{kind}") for kind in ("snapshot", "run"))
    return observed, full, date.fromisoformat(SNAPSHOTS[name]["observe_until"])


@pytest.mark.parametrize("name", RUNS)
def test_raw_objects_are_those_of_the_full_run_up_to_the_end(
    name: str, request: pytest.FixtureRequest
) -> None:
    observed, full, end = snapshot(name, request)
    raw = {key: value for key, value in full.hashes().items() if key.startswith("raw/")}
    until = {key: value for key, value in raw.items() if key.split("day=")[1][:10] <= str(end)}
    assert {k: v for k, v in observed.hashes().items() if k.startswith("raw/")} == until
    assert 0 < len(until) < len(raw)


@pytest.mark.parametrize("name", RUNS)
def test_a_snapshot_is_accepted_with_all_criteria(
    name: str, request: pytest.FixtureRequest
) -> None:
    run, _, end = snapshot(name, request)
    warehouse = open_warehouse(run.project.path, run.project.warehouse_url)
    criteria = check_acceptance(FolderStore(run.lake), run.run_id, warehouse)
    assert [item.number for item in criteria if item.holds] == [1, 2, 3, 4, 5]
    manifest = run.document("manifest.json")
    assert manifest["inputs"]["parameters"]["observe_until"] == str(end)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_of_a_snapshot_is_later_than_its_end(
    name: str, request: pytest.FixtureRequest
) -> None:
    run, full, end = snapshot(name, request)
    seen = {"silver_status_events": "ts", "silver_messages": "ts", "silver_attachments": "ts"}
    for table, column in seen.items():
        assert max(local_day(row[column]) for row in run.rows(table)) <= end
    tickets = {row["ticket_id"]: row for row in run.rows("silver_tickets")}
    for row in tickets.values():
        for column in ("created_at", "radicated_at", "responded_at", "closed_at"):
            assert row[column] is None or local_day(row[column]) <= end
    # Right-censored: a ticket is closed by a closing of the full run, and by nothing else.
    events = full.rows("silver_status_events")
    closings = {(row["ticket_id"], row["ts"]) for row in events if row["status_to"] == "CLOSED"}
    closed = {(key, row["closed_at"]) for key, row in tickets.items() if row["closed_at"]}
    assert closed < closings
    assert any(row["closed_at"] is None for row in tickets.values())
    seen_events = {row["event_id"] for row in run.rows("silver_status_events")}
    assert seen_events < {row["event_id"] for row in events}


@pytest.mark.parametrize("name", RUNS)
def test_tickets_without_a_type_are_counted(name: str, request: pytest.FixtureRequest) -> None:
    run, _, end = snapshot(name, request)
    tickets = run.rows("silver_tickets")
    untyped = [row for row in tickets if row["pqrs_type"] is None]
    summary = {(row["measure"], row["group"]): row for row in run.rows("gold_run_summary")}
    counts = summary["unclassified", "total"]
    assert (counts["numerator"], counts["denominator"]) == (len(untyped), len(tickets))
    if name == "documento":
        assert untyped
        assert any(row["radicated_at"] is None for row in untyped)
    open_rows = [r for r in run.rows("gold_kpi_backlog_daily") if r["day"] == end]
    still_open = [r for r in tickets if r["current_status"] not in ("CLOSED", "ARCHIVED")]
    assert sum(r["backlog_count"] for r in open_rows) + len(untyped) == len(still_open)


@pytest.mark.xdist_group("snapshots")
def test_the_report_of_a_snapshot_says_what_was_observed(documento_snapshot: Run) -> None:
    (path,) = documento_snapshot.lake.glob("reports/day=*/run_id=*/report.html")
    page = path.read_text(encoding="utf-8")
    assert "observadas hasta el 11 de enero de 2026" in page
    assert "aún sin clasificar" in page
    tickets = len(documento_snapshot.rows("silver_tickets"))
    assert f"<dt>Peticiones recibidas</dt><dd><strong>{tickets}</strong>" in page
