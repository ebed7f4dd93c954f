"""`kedro sweep` as a user has it: one digest, whatever stops it or carries it out."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import ForkedKedro, Project, _once, copy_project, ended

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import SWEEP_TABLES
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.sweep.run_measures import measure_run

PLAN = """
title: Prueba
fixed: {date_min: 2026-01-05, date_max: 2026-01-07, volume_scale: 0.05}
grid:
  response.median_scale: {first: 0.7, last: 1.6, count: 3}
seeds: 3
calibrate:
  rates: [0.09, 0.12]
  check: {seeds: 2, settings: {other_dates: {date_min: 2027-06-01, date_max: 2027-06-03}}}
"""
TRIALS = 3 * 3 + 2 * 2 * 2
FOLDERS = "gold/sweep_trials", "gold/sweep_calibration"


@pytest.fixture(autouse=True)
def closed_engine() -> Iterator[None]:
    yield
    ENGINE.close()


@pytest.fixture(scope="session")
def sweep_project(tmp_path_factory: pytest.TempPathFactory, forked_kedro: ForkedKedro) -> Project:
    """A project in which the plan was carried out by one process, as the sweep `alone`."""

    def make(folder: Path) -> None:
        project = copy_project(folder)
        (project.path / "s.yml").write_text(PLAN, encoding="utf-8")
        command = ("sweep", "s.yml", "--sweep-id", "alone", "--jobs", "1")
        outcome = forked_kedro(project, *command)
        assert outcome.code == 0, outcome.err
        (folder / "out.txt").write_text(outcome.out, encoding="utf-8")

    return Project(_once(tmp_path_factory, "sweep", make))


def document(project: Project, sweep_id: str, name: str = "manifest.json") -> dict[str, Any]:
    (path,) = project.lake.glob(f"manifests/day=*/sweep_id={sweep_id}/{name}")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def table(project: Project, sweep_id: str, name: str) -> pa.Table:
    paths = sorted(project.lake.glob(f"gold/{name}/sweep_id={sweep_id}/part-*.parquet"))
    parts = [pq.ParquetFile(path).read() for path in paths]
    assert all(part.schema.equals(arrow_schema(SWEEP_TABLES[name])) for part in parts)
    return pa.concat_tables(parts)


def objects(project: Project, sweep_id: str) -> dict[str, bytes]:
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in FOLDERS
        for path in project.lake.glob(f"{folder}/sweep_id={sweep_id}/part-*.parquet")
    }


@pytest.mark.xdist_group("sweep")
def test_the_tables_of_a_sweep_hold_their_trials_and_invariants(sweep_project: Project):
    rows = table(sweep_project, "alone", "sweep_trials").to_pylist()
    assert {row["trial_number"] for row in rows} == set(range(TRIALS))
    assert {row["seed"] for row in rows if row["setting"] == "response"} == {42, 43, 44}
    assert {row["seed"] for row in rows if row["setting"] != "response"} == {45, 46}
    rates = [row for row in rows if row["measure"] == "breach_rate"]
    for number in range(TRIALS):
        of_trial = [row for row in rates if row["trial_number"] == number]
        for count in ("numerator", "denominator"):
            sums = {
                dimension: sum(row[count] for row in of_trial if row["dimension"] == dimension)
                for dimension in ("total", "pqrs_type", "source_channel", "region")
            }
            assert len(set(sums.values())) == 1
    calibrated = table(sweep_project, "alone", "sweep_calibration").to_pylist()
    assert [(row["requested_pct"], row["setting"]) for row in calibrated] == [
        (9.0, "other_dates"), (9.0, "unseen_seeds"), (12.0, "other_dates"), (12.0, "unseen_seeds"),
    ]  # fmt: skip
    for row in calibrated:
        assert row["scale_low"] <= row["median_scale"] <= row["scale_high"]
        assert row["covered_count"] <= row["runs_count"] == 2
        # The check's trials had the scale that is to be used.
        of_setting = [r for r in rates if r["setting"] == row["setting"]]
        scales = {json.loads(r["parameters_json"])["response.median_scale"] for r in of_setting}
        assert row["median_scale"] in scales


@pytest.mark.xdist_group("sweep")
def test_breach_rises_with_the_scale_for_every_seed_and_arrivals_stay(sweep_project: Project):
    rows = table(sweep_project, "alone", "sweep_trials").to_pylist()
    found = {
        (row["seed"], row["point_number"], row["measure"]): row["numerator"]
        for row in rows
        if row["setting"] == "response" and row["dimension"] == "total"
    }
    for seed in (42, 43, 44):
        late = [found[seed, point, "breach_rate"] for point in range(3)]
        assert late[0] < late[1] < late[2]
        assert len({found[seed, point, "tickets"] for point in range(3)}) == 1


@pytest.mark.xdist_group("sweep")
def test_two_processes_give_the_objects_of_one(sweep_project: Project):
    command = ("sweep", "s.yml", "--sweep-id", "together", "--jobs", "2")
    outcome = sweep_project.kedro(*command)
    assert outcome.code == 0, outcome.err
    assert objects(sweep_project, "together") == objects(sweep_project, "alone")
    digests = [document(sweep_project, name)["digest"] for name in ("alone", "together")]
    assert digests[0] == digests[1]
    assert f"digest      {digests[0]}" in outcome.out


@pytest.mark.xdist_group("sweep")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_sweep_that_was_killed_goes_on_to_the_same_digest(
    sweep_project: Project, jobs: str, forked_kedro: ForkedKedro
):
    name = f"killed-{jobs}"
    process = sweep_project.start("sweep", "s.yml", "--sweep-id", name, "--jobs", jobs)
    deadline = time.monotonic() + 240
    while len(objects(sweep_project, name)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    # Its workers end too, though nobody tells them: they hold the other end of its output.
    process.communicate(timeout=60)
    left = objects(sweep_project, name)
    assert 3 <= len(left) < TRIALS
    shown = forked_kedro(sweep_project, "sweep", "show", name)
    assert (shown.code, "--resume" in shown.err) == (2, True)
    outcome = forked_kedro(sweep_project, "sweep", "--resume", name, "--jobs", "1")
    assert outcome.code == 0, outcome.err
    assert objects(sweep_project, name) == objects(sweep_project, "alone")
    assert document(sweep_project, name)["digest"] == document(sweep_project, "alone")["digest"]


@pytest.mark.xdist_group("sweep")
def test_ctrl_c_says_how_to_go_on(sweep_project: Project):
    process = sweep_project.start("sweep", "s.yml", "--sweep-id", "stopped", "--jobs", "2")
    deadline = time.monotonic() + 240
    while not objects(sweep_project, "stopped") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    outcome = ended(process)
    assert outcome.code == 130
    assert "go on with: kedro sweep --resume stopped" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.xdist_group("sweep")
def test_show_and_compare_say_what_is_in_the_tables(
    sweep_project: Project, forked_kedro: ForkedKedro
):
    shown = forked_kedro(sweep_project, "sweep", "show", "alone", "--json")
    assert shown.code == 0, shown.err
    content = json.loads(shown.out)
    assert content["digest"] == document(sweep_project, "alone")["digest"]
    rows = table(sweep_project, "alone", "sweep_trials").to_pylist()
    for number, point in enumerate(content["points"]):
        values = [
            row["value"] for row in rows
            if (row["point_number"], row["measure"], row["dimension"])
            == (number, "breach_rate", "total")
        ]  # fmt: skip
        assert point["breach_rate"]["value"] == pytest.approx(sum(values) / 3, abs=1e-6)
    assert len(content["calibration"]) == 4
    itself = forked_kedro(sweep_project, "sweep", "compare", "alone", "alone", "--json")
    compared = json.loads(itself.out)
    assert compared["equal"] is True
    assert {row["difference"]["value"] for row in compared["points"]} == {0.0}
    assert len(compared["points"]) == 3 * 5


@pytest.mark.xdist_group("sweep")
def test_the_page_is_one_file_in_spanish_that_names_every_root(sweep_project: Project):
    (path,) = sweep_project.lake.glob("reports/day=*/sweep_id=alone/sweep.html")
    page = path.read_text(encoding="utf-8")
    assert '<html lang="es">' in page
    assert "Prueba" in page
    assert page.count("<svg") == 8
    for outside in ("http://", "https://", "<script", "<link", "<img"):
        assert outside not in page.replace("http://www.w3.org", "")
    for row in table(sweep_project, "alone", "sweep_calibration").to_pylist():
        assert f"{row['median_scale']:.4f}".replace(".", ",") in page


@pytest.mark.xdist_group("sweep")
def test_a_sweep_reproduces_from_its_manifest(sweep_project: Project, forked_kedro: ForkedKedro):
    outcome = forked_kedro(sweep_project, "sweep", "reproduce", "alone", "--jobs", "1")
    assert outcome.code == 0, outcome.err
    digest = document(sweep_project, "alone")["digest"]
    assert outcome.out.splitlines()[-1] == f"identical: digest {digest}"


def test_full_makes_every_trial_an_ordinary_run_with_the_trials_numbers(
    make_project: Callable[[], Project], forked_kedro: ForkedKedro
):
    project = make_project()
    grid = ("--grid", "response.median_scale=0.9,1.4", "--seeds", "1", "--params",
            "date_min=2026-01-05,date_max=2026-01-06,volume_scale=0.02")  # fmt: skip
    outcome = forked_kedro(project, "sweep", *grid, "--full", "--sweep-id", "whole")
    assert outcome.code == 0, outcome.err
    manifest = document(project, "whole")
    assert manifest["runs"] == ["whole-00000", "whole-00001"]
    light_one = ("--sweep-id", "light", "--jobs", "1")
    assert forked_kedro(project, "sweep", *grid, *light_one).code == 0
    assert objects(project, "whole") == objects(project, "light")
    light = table(project, "light", "sweep_trials").to_pylist()
    for number, run_id in enumerate(manifest["runs"]):
        (path,) = project.lake.glob(f"manifests/day=*/run_id={run_id}/manifest.json")
        inputs = json.loads(path.read_text(encoding="utf-8"))["inputs"]["parameters"]
        assert inputs["response"] == {"median_scale": (0.9, 1.4)[number]}
        measured = {
            (item.measure, item.dimension, item.group): (item.numerator, item.denominator)
            for item in measure_run(open_store(str(project.lake)), run_id)
        }
        of_trial = [row for row in light if row["trial_number"] == number]
        assert measured == {
            (row["measure"], row["dimension"], row["group_id"]):
            (row["numerator"], row["denominator"])
            for row in of_trial
        }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--grid", "volume_scal=1"), "volume_scal: unknown parameter", id="grid"),
        pytest.param(("--grid", "volume_scale=1,-1"), "volume_scale: -1: ", id="value"),
        pytest.param(("absent.yml",), "absent.yml: ", id="no_file"),
        pytest.param((), "give a sweep file, or --grid", id="nothing"),
        pytest.param(("--grid", "volume_scale=1", "--sweep-id", "../x"), "sweep_id: '../x'",
                     id="hostile_id"),
        pytest.param(("--grid", "volume_scale=1", "--params", "run_id=a"), "run_id: ", id="run_id"),
        pytest.param(("--grid", "volume_scale=1", "--params", "sed=1"), "sed: unknown parameter",
                     id="unknown_parameter"),
        pytest.param(("--resume", "absent"), "sweep absent is not in the lake", id="no_sweep"),
        pytest.param(("--resume", "absent", "--seeds", "3"), "--resume: goes on with the plan",
                     id="resume_with_more"),
        pytest.param(("show", "absent"), "sweep absent is not in the lake", id="show"),
        pytest.param(("compare", "absent", "a/b"), "sweep absent is not in the lake", id="compare"),
    ],
)  # fmt: skip
def test_a_bad_command_is_refused_in_one_line_and_nothing_is_written(
    arguments: tuple[str, ...],
    said: str,
    make_project: Callable[[], Project],
    forked_kedro: ForkedKedro,
):
    project = make_project()
    outcome = forked_kedro(project, "sweep", *(arguments or ("run",)))
    assert outcome.code == 2
    assert outcome.err.startswith(f"Error: {said}")
    assert len(outcome.err.splitlines()) == 1
    assert not project.data.exists()
