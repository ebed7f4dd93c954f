"""What the warehouse says of runs that fail, are stopped, or vanish."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from kedro.framework.session import KedroSession
from tests.conftest import ForkedKedro, Project, params

from pqrs_kedro.run.session import RunFailed, RunInterrupted, RunTerminated
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.runs import find_run, list_runs, published_rows

MakeProject = Callable[[], Project]
# Few days are observed, so that the run has few objects.
TINY: dict[str, Any] = {
    "date_min": "2026-01-10",
    "date_max": "2026-01-10",
    "observe_until": "2026-01-14",
    "volume_scale": 0.05,
}


def opened(project: Project) -> Warehouse:
    return open_warehouse(project.path, project.warehouse_url)


def status(project: Project, run_id: str) -> str:
    row = find_run(opened(project), run_id)
    assert row is not None
    return str(row["status"])


def fail_in_metrics(error: BaseException | signal.Signals) -> Callable[..., Any]:
    def node_function(*tables: Any) -> Any:
        if isinstance(error, signal.Signals):
            signal.raise_signal(error)
            return None
        raise error

    return node_function


@pytest.mark.parametrize(
    ("error", "raised", "wanted"),
    [
        (ValueError("no such luck"), RunFailed, "failed"),
        (signal.SIGINT, RunInterrupted, "aborted"),
        (signal.SIGTERM, RunTerminated, "aborted"),
    ],
)
def test_a_run_that_ends_early_leaves_a_row_and_no_data(
    error: Any,
    raised: type[Exception],
    wanted: str,
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project()
    monkeypatch.setattr("pqrs_kedro.datasets.lake_table.LakeTable.load", fail_in_metrics(error))
    with pytest.raises(raised):
        project.run(run_id="early", **TINY)
    row = find_run(opened(project), "early")
    assert row is not None
    assert (row["status"], row["published_at"]) == (wanted, None)
    assert row["started_at"] <= row["finished_at"]
    assert (wanted == "failed") == ("no such luck" in row["error"])
    assert sum(published_rows(opened(project), "early").values()) == 0
    monkeypatch.undo()
    project.run(run_id="early", **TINY)
    assert status(project, "early") == "completed"
    assert find_run(opened(project), "early")["error"] is None  # type: ignore[index]


def test_a_run_whose_process_vanished_is_lost_at_the_next_run(make_project: MakeProject) -> None:
    project = make_project()
    process = project.start("run", *params(run_id="vanished", **{**TINY, "volume_scale": 20}))
    while process.poll() is None and not begun(project):
        pass
    process.kill()
    process.communicate()
    assert status(project, "vanished") == "started"
    project.run(run_id="next", **TINY)
    assert status(project, "vanished") == "lost"
    assert status(project, "next") == "completed"


def begun(project: Project) -> bool:
    return bool(list_runs(opened(project)))


def test_a_run_under_way_is_not_lost(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    seen: list[str] = []
    whole = KedroSession.run

    def run_beside(session: KedroSession, **options: Any) -> dict[str, Any]:
        result = whole(session, **options)
        if not seen:
            seen.append("first")
            beside = forked_kedro(project, "run", *params(run_id="beside", **TINY))
            assert beside.code == 0, beside.err
            seen.append(status(project, "under-way"))
        return result

    monkeypatch.setattr(KedroSession, "run", run_beside)
    project.run(run_id="under-way", **TINY)
    assert seen == ["first", "started"]
    assert status(project, "under-way") == "completed"


def test_part_of_a_run_does_not_touch_the_warehouse(make_project: MakeProject) -> None:
    project = make_project()
    project.run("synthesis", run_id="part", **TINY)
    assert list_runs(opened(project)) == []


def test_a_warehouse_out_of_reach_stops_the_run_before_it_writes(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    nowhere = {"PQRS_WAREHOUSE_URL": "postgresql://127.0.0.1:1/x"}
    outcome = forked_kedro(project, "run", *params(run_id="nowhere"), environment=nowhere)
    (line,) = outcome.err.splitlines()
    assert outcome.code == 1
    assert "the warehouse cannot be reached" in line
    assert not project.lake.exists()


def test_the_commands_list_publish_and_drop(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    project.run(run_id="mine", **TINY)
    listed = forked_kedro(project, "warehouse", "runs")
    assert (listed.code, listed.err) == (0, "")
    assert "mine" in listed.out
    assert "completed" in listed.out
    dropped = forked_kedro(project, "warehouse", "drop", "mine")
    assert (dropped.code, dropped.out) == (0, "dropped mine\n")
    again = forked_kedro(project, "warehouse", "drop", "mine")
    assert (again.code, again.out) == (2, "")
    assert again.err == "Error: run mine is not published in this warehouse\n"
    published = forked_kedro(project, "warehouse", "publish", "mine")
    assert published.code == 0
    assert "silver_tickets" in published.out
    for command in ("publish", "drop"):
        assert forked_kedro(project, "warehouse", command, "../mine").code == 2
    assert forked_kedro(project, "warehouse", "publish", "other").code == 2
    assert forked_kedro(project, "warehouse", "url").out.strip() == project.warehouse_url
    query = "SELECT run_id FROM meta.etl_runs"
    answer = forked_kedro(project, "warehouse", "psql", "-At", "-c", query)
    assert (answer.code, answer.out) == (0, "mine\n")
