"""The raw objects of a run, imported as they lie, give every table of the run again.

With defects of every class too: what lies under another day or source than its own stays there.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from tests.conftest import ForkedKedro, Outcome, Run, copy_project
from tests.pipelines.test_run_behaviour import assert_refused

from pqrs_kedro.contracts.tables import TABLES

pytestmark = pytest.mark.xdist_group("round_trip")

DAYS: dict[str, Any] = {"date_min": "2026-01-08", "date_max": "2026-01-09", "volume_scale": 0.03}
# Nothing was requested of imported lines, and their run has other checks.
NOT_OF_LINES = {"gold_run_summary", "data_quality", "ground_truth", "ground_truth_defects"}


@dataclass(frozen=True)
class RoundTrip:
    """A run, and the import of its raw objects."""

    profile: str
    first: Run
    second: Run
    outcome: Outcome


@pytest.fixture(scope="module", params=["none", "hostile"])
def trip(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    forked_kedro: ForkedKedro,
) -> RoundTrip:
    project = copy_project(tmp_path_factory.mktemp("trip") / "project")
    first = project.run(run_id="first", defects={"profile": request.param}, **DAYS)
    files = map(str, first.raw_objects())
    options = ("--declare", "synthetic", "--run-id", "second", "--json")
    outcome = forked_kedro(project, "import-raw", *options, *files)
    assert outcome.code == 0, outcome
    return RoundTrip(request.param, first, Run(project, "second"), outcome)


def test_raw_objects_are_byte_for_byte_those_of_the_run(trip: RoundTrip) -> None:
    def objects(run: Run) -> dict[str, bytes]:
        paths = {path: path.relative_to(run.lake / "raw").as_posix() for path in run.raw_objects()}
        return {key.replace(run.run_id, "RUN"): path.read_bytes() for path, key in paths.items()}

    assert objects(trip.second) == objects(trip.first)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in NOT_OF_LINES])
def test_every_table_is_that_of_the_run(name: str, trip: RoundTrip) -> None:
    """Where rows come from is equal too: it is the object and line under any run id."""
    assert trip.second.table(name).equals(trip.first.table(name))
    path = f"{TABLES[name].path}/"
    found, expected = (
        {key: digest for key, digest in run.hashes().items() if key.startswith(path)}
        for run in (trip.second, trip.first)
    )
    assert found == expected


def test_only_lines_of_a_run_with_defects_are_quarantined(trip: RoundTrip) -> None:
    tables = ("quarantine_raw_lines", "quarantine_silver")
    filled = [trip.second.table(name).num_rows > 0 for name in tables]
    assert filled == [trip.profile == "hostile"] * 2


def test_the_result_as_json_is_what_the_lake_has(trip: RoundTrip) -> None:
    found = json.loads(trip.outcome.out)
    manifest = trip.second.document("manifest.json")
    lines = sum(path.read_bytes().count(b"\n") for path in trip.first.raw_objects())
    rejected = Counter(
        (row["reason"], row["detail"]) for row in trip.second.rows("quarantine_raw_lines")
    )
    assert (found["run_id"], found["digest"]) == ("second", manifest["digest"])
    assert found["files"] == manifest["sources"]
    assert found["lines"] == lines
    assert found["quarantined_lines"] == rejected.total()
    assert {(item["reason"], item["detail"]): item["lines"] for item in found["quarantined"]} == (
        rejected
    )
    for item in found["quarantined"]:
        file, number = item["first"]["file"], item["first"]["line"]
        rows = [
            row["line_number"]
            for row in trip.second.rows("quarantine_raw_lines")
            if (row["reason"], row["detail"]) == (item["reason"], item["detail"])
            and file.endswith(row["source_object"].replace("/events", "/run_id=first/events"))
        ]
        assert min(rows) == number


def test_a_check_says_the_same_and_writes_nothing(
    trip: RoundTrip, forked_kedro: ForkedKedro
) -> None:
    project, files = trip.first.project, map(str, trip.first.raw_objects())
    before = project.files()
    outcome = forked_kedro(
        project, "import-raw", "--declare", "synthetic", "--check", "--json", *files
    )
    assert outcome.code == (1 if trip.profile == "hostile" else 0)
    said = json.loads(trip.outcome.out)
    assert json.loads(outcome.out) == {name: said[name] for name in json.loads(outcome.out)}
    assert project.files() == before


def test_another_source_than_that_of_the_folder_is_refused(
    trip: RoundTrip, forked_kedro: ForkedKedro
) -> None:
    files = [str(path) for path in trip.first.raw_objects() if "source=chat" in str(path)]
    options = ("--declare", "synthetic", "--source", "email")
    refused = forked_kedro(trip.first.project, "import-raw", *options, *files)
    assert_refused(refused, "lies in a folder source=chat, and --source says email")
