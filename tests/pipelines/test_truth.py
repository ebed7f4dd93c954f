"""The ledger of the truth: right by the oracle, read by no pipeline, and what silver is held to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.conftest import ForkedKedro, Observed, Project, Run
from tests.oracle.curation import Ticket
from tests.runs import link_run

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.pipeline_registry import register_pipelines
from pqrs_kedro.run.manifest import RunNotFound, read_run
from pqrs_kedro.run.truth import FieldAgreement, validate_truth

MakeProject = Callable[[], Project]
LEDGER = "ground_truth"
LEDGERS = (LEDGER, "ground_truth_defects")
# Few days are observed, so that the run has few objects.
TINY: dict[str, Any] = {
    "date_min": "2026-01-10",
    "date_max": "2026-01-10",
    "observe_until": "2026-01-14",
    "volume_scale": 0.05,
}
FULL = [
    pytest.param("observed_documento", marks=pytest.mark.xdist_group("doc")),
    pytest.param("observed_ley1755", marks=pytest.mark.xdist_group("ley")),
]


def validated(run: Run) -> dict[str, FieldAgreement]:
    store = FolderStore(run.lake)
    return {item.field: item for item in validate_truth(store, read_run(store, run.run_id))}


def differing(found: dict[str, FieldAgreement]) -> set[str]:
    return {name for name, item in found.items() if item.differ}


# --- The ledger ---------------------------------------------------------------------------------


def test_no_node_reads_the_ledger() -> None:
    """Everything after raw is computed from raw: the truth is for validation only."""
    for pipeline in register_pipelines().values():
        readers = [node.name for node in pipeline.nodes if {*LEDGERS} & {*node.inputs}]
        assert readers == []
    whole = register_pipelines()["__default__"]
    assert {*LEDGERS} <= whole.outputs()
    for name in LEDGERS:
        assert [n.name for n in whole.nodes if name in n.outputs] == ["generate_raw_events"]


@pytest.mark.parametrize("scene", FULL)
def test_the_ledger_is_what_the_oracle_finds_in_the_raw_lines(
    scene: str, request: pytest.FixtureRequest
) -> None:
    """Lateness too: the oracle counts days, the ledger has places on the legal grid."""
    observed: Observed = request.getfixturevalue(scene)
    ledger = {row["ticket_id"]: row for row in observed.run.rows(LEDGER)}
    expected = {t.row["ticket_id"]: told(t) for t in observed.oracle.tickets}
    assert {key: {n: row[n] for n in expected[key]} for key, row in ledger.items()} == expected
    assert {row["is_last_cycle_late"] for row in ledger.values()} == {True, False}
    for row in ledger.values():
        late, ratio = row["is_first_cycle_late"], row["first_cycle_ratio"]
        assert late == (ratio > 1)
        second = row["second_cycle_ratio"]
        assert row["is_second_cycle_late"] == (None if second is None else second > 1)
        assert row["defects"] is None


def told(ticket: Ticket) -> dict[str, Any]:
    """What the raw lines tell of a ticket whose life is complete."""
    statuses = [event for event in ticket.events if event.event_type == "STATUS"]
    late = [cycle.is_late for cycle in ticket.cycles]
    extended = [event.ts for event in ticket.events if event.event_type == "TERM_EXTENDED"]
    same = ("external_id", "created_at", "source_channel", "pqrs_type", "priority", "geo_id",
            "resolution_code", "month")  # fmt: skip
    return {
        **{name: ticket.row[name] for name in same},
        "variant": ">".join(str(event.status_to) for event in statuses),
        "status_instants": [event.ts for event in statuses],
        "extended_at": extended[0] if extended else None,
        "is_reopened": len(late) == 2,
        "is_first_cycle_late": late[0],
        "is_second_cycle_late": late[1] if len(late) == 2 else None,
        "is_last_cycle_late": late[-1],
    }


def test_the_ledger_is_part_of_the_run(small_run: Run) -> None:
    manifest, checksums = (small_run.document(f"{n}.json") for n in ("manifest", "checksums"))
    keys = [path.relative_to(small_run.lake).as_posix() for path in small_run.ledger_objects()]
    assert keys
    assert manifest["paths"][LEDGER] == keys
    assert set(keys) <= {item["key"] for item in checksums["objects"]}
    tickets = len(small_run.rows("silver_tickets"))
    assert manifest["rows_by_layer"]["truth"] == len(small_run.rows(LEDGER)) == tickets
    folder = Path(keys[0]).parents[2]
    assert (small_run.lake / folder / "manifest.json").is_file()
    for path in small_run.ledger_objects():
        assert pq.ParquetFile(path).schema_arrow.equals(arrow_schema(TABLES[LEDGER]))


@pytest.mark.xdist_group("truth")
def test_a_run_goes_on_under_the_day_it_first_started(make_project: MakeProject) -> None:
    """Log, manifest, checksums and ledger stay together; the digest knows nothing of the day."""
    project = make_project()
    started = project.run("synthesis", run_id="earlier", **TINY)
    (folder,) = started.lake.glob("manifests/day=*")
    folder.rename(folder.with_name("day=2026-01-02"))
    run = project.run(run_id="earlier", **TINY)
    places = [path for name in ("manifests", "logs") for path in run.lake.glob(f"{name}/*")]
    assert {path.name for path in places} == {"day=2026-01-02"}
    names = {path.name for path in run.lake.glob("manifests/day=2026-01-02/run_id=earlier/*")}
    assert names == {"ground_truth", "checksums.json", "manifest.json"}
    again = project.run(run_id="today", **TINY)
    assert again.digest == run.digest
    assert not list(again.lake.glob("manifests/day=2026-01-02/run_id=today"))


# --- Validation ---------------------------------------------------------------------------------


def test_the_pipelines_recover_a_full_run_exactly(small_run: Run) -> None:
    tickets = len(small_run.rows("silver_tickets"))
    found = validated(small_run)
    assert {(i.agree, i.unobserved, i.differ, i.excused) for i in found.values()} == {
        (tickets, 0, 0, 0)
    }
    assert len(found) == 14


@pytest.mark.xdist_group("snapshots")
@pytest.mark.parametrize("name", ["documento_snapshot", "ley1755_snapshot"])
def test_what_a_snapshot_cannot_know_is_unobserved_and_nothing_differs(
    name: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(name)
    tickets = run.rows("silver_tickets")
    found = validated(run)
    assert differing(found) == set()
    assert {item.agree + item.unobserved for item in found.values()} == {len(tickets)}
    assert found["ticket_id"].unobserved == found["created_at"].unobserved == 0
    archived = sum(row["current_status"] == "ARCHIVED" for row in tickets)
    assert found["variant"].agree == archived
    assert found["pqrs_type"].unobserved == sum(row["pqrs_type"] is None for row in tickets)
    stopped = {r["ticket_id"] for r in run.rows("silver_sla_cycles") if r["stop_day"] is not None}
    assert found["is_first_cycle_late"].agree == len(stopped)


Change = Callable[[pa.Table], pa.Table]


def with_value(column: str, place: int, change: Callable[[Any], Any]) -> Change:
    """One value of one row changed."""

    def changed(rows: pa.Table) -> pa.Table:
        values = rows[column].to_pylist()
        values[place] = change(values[place])
        index = rows.schema.get_field_index(column)
        field = rows.schema.field(column)
        return rows.set_column(index, field, pa.array(values, field.type))

    return changed


def tampered(run: Run, lake: Path, table: str, change: Change) -> Run:
    """The run in another lake, the first object of a table changed."""
    link_run(run, lake, run.run_id)
    copy = Run(Project(lake.parents[1]), run.run_id)
    path = min(copy.lake.glob(f"{TABLES[table].path}/month=*/run_id=*/part-*.parquet"))
    rows = change(pq.ParquetFile(path).read())
    path.unlink()
    pq.write_table(rows, path)
    return copy


TAMPERED = [
    pytest.param("silver_tickets", with_value("pqrs_type", 3, lambda _: "QUEJA1"), {"pqrs_type"},
                 id="another_type"),
    pytest.param("silver_tickets", with_value("geo_id", 3, lambda _: "99999"), {"geo_id"},
                 id="another_place"),
    pytest.param("silver_tickets", with_value("source_channel", 0, lambda _: "fax"),
                 {"source_channel"}, id="another_channel"),
    pytest.param("silver_tickets", with_value("is_breached", 5, lambda late: not late),
                 {"is_last_cycle_late"}, id="a_breach_judged_wrongly"),
    pytest.param("silver_tickets", with_value("is_breached", 5, lambda _: None),
                 {"is_last_cycle_late"}, id="a_breach_not_judged"),
    pytest.param("silver_tickets", with_value("resolution_code", 0, lambda _: "OTRA"),
                 {"resolution_code"}, id="another_answer"),
    pytest.param("silver_tickets", with_value("sla_cycles_count", 0, lambda count: count % 2 + 1),
                 {"is_reopened"}, id="a_reopening_that_was_none"),
    pytest.param("silver_tickets", lambda rows: rows.slice(1), {"ticket_id"}, id="a_ticket_lost"),
    pytest.param("silver_status_events", lambda rows: rows.filter(
        pc.not_equal(rows["event_id"], pc.min(rows["event_id"]))), {"variant"}, id="an_event_lost"),
    pytest.param("silver_status_events", lambda rows: rows.filter(
        pc.not_equal(rows["ticket_id"], rows["ticket_id"][0])), {"variant"}, id="no_event_left"),
    pytest.param("silver_sla_cycles", with_value("is_late", 0, lambda late: not late),
                 {"is_first_cycle_late"}, id="a_cycle_judged_wrongly"),
]  # fmt: skip


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(("table", "change", "fields"), TAMPERED)
def test_one_value_tampered_with_is_found(
    table: str, change: Change, fields: set[str], documento_run: Run, tmp_path: Path
) -> None:
    copy = tampered(documento_run, tmp_path / "data" / "lake", table, change)
    found = validated(copy)
    assert differing(found) == fields
    (name,) = fields
    (example,) = found[name].examples
    assert found[name].differ == 1
    assert example["ticket_id"] in {row["ticket_id"] for row in copy.rows(LEDGER)}


@pytest.mark.xdist_group("snapshots")
@pytest.mark.parametrize(
    ("column", "change", "field"),
    [
        pytest.param("pqrs_type", lambda _: None, "pqrs_type", id="what_was_seen_is_gone"),
        pytest.param("geo_id", lambda _: "99999", "geo_id", id="another_place"),
    ],
)
def test_the_end_of_observation_excuses_only_what_it_explains(
    column: str,
    change: Callable[[Any], Any],
    field: str,
    documento_snapshot: Run,
    tmp_path: Path,
) -> None:
    first = min(documento_snapshot.rows("silver_tickets"), key=lambda row: row["created_at"])
    assert first["pqrs_type"] is not None
    lake = tmp_path / "data" / "lake"
    copy = tampered(documento_snapshot, lake, "silver_tickets", with_value(column, 0, change))
    assert differing(validated(copy)) == {field}


@pytest.mark.xdist_group("doc")
def test_the_truth_command_prints_and_exits_with_0_1_or_2(
    documento_run: Run, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    change = with_value("is_breached", 5, lambda late: not late)
    copy = tampered(documento_run, project.lake, "silver_tickets", change)
    link_run(documento_run, project.lake, "whole")
    whole = forked_kedro(project, "truth", "whole")
    assert (whole.code, whole.err) == (0, "")
    assert whole.out.endswith("recovered\n")
    found = json.loads(forked_kedro(project, "truth", "whole", "--json").out)
    assert (found["run_id"], found["recovered"]) == ("whole", True)
    assert {field["differ"] for field in found["fields"]} == {0}
    changed = forked_kedro(project, "truth", copy.run_id)
    assert changed.code == 1
    assert "differs  is_last_cycle_late: ticket_id" in changed.out
    as_json = forked_kedro(project, "truth", copy.run_id, "--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["recovered"] is False
    for unknown in ("nowhere", "../whole"):
        refused = forked_kedro(project, "truth", unknown)
        assert (refused.code, refused.out) == (2, "")
        assert unknown in refused.err
        assert len(refused.err.splitlines()) == 1


@pytest.mark.xdist_group("doc")
def test_a_run_without_a_ledger_cannot_be_validated(documento_run: Run, tmp_path: Path) -> None:
    link_run(documento_run, tmp_path, documento_run.run_id)
    (path,) = tmp_path.glob("manifests/day=*/run_id=*/manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["paths"][LEDGER]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    store = FolderStore(tmp_path)
    with pytest.raises(RunNotFound, match="has no ledger"):
        validate_truth(store, read_run(store, documento_run.run_id))
