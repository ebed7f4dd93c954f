"""`kedro lineage`: valid events, the edges of the pipelines, and what the run left on the disk."""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from kedro.pipeline import Pipeline
from tests.conftest import ForkedKedro, Outcome, Project, Run
from tests.oracle.openlineage import FACETS, problems
from tests.runs import link_run

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.lineage.export import export_lineage
from pqrs_kedro.pipeline_registry import STAGES, register_pipelines

pytestmark = pytest.mark.xdist_group("doc")

MakeProject = Callable[[], Project]
Event = dict[str, Any]
Dataset = tuple[str, str]
PIPELINES = register_pipelines()


def lineage_of(run: Run, target: Path) -> list[Event]:
    export_lineage(FolderStore(run.lake), run.run_id, target)
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def events(documento_run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return lineage_of(documento_run, tmp_path_factory.mktemp("lineage") / "run.jsonl")


def completed(events: list[Event]) -> Iterator[Event]:
    """The last word on every run of a node."""
    for event in events:
        if event.get("eventType") == "COMPLETE" and "parent" in event["run"]["facets"]:
            yield event


def place(dataset: dict[str, Any]) -> Dataset:
    return dataset["namespace"], dataset["name"]


# Events


def test_every_event_keeps_the_standard(events: list[Event]) -> None:
    assert [found for event in events for found in problems(event)] == []
    used = {
        "run": {key for e in events if "run" in e for key in e["run"]["facets"]},
        "job": {key for e in events for key in e["job"]["facets"]},
    }
    assert used == {kind: set(FACETS[kind]) for kind in used}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda e: e.pop("eventTime"), id="no_time"),
        pytest.param(lambda e: e["run"].update(runId="run-1"), id="run_id_is_no_uuid"),
        pytest.param(lambda e: e.update(eventTime="2026-01-05T10:00:00"), id="time_without_zone"),
        pytest.param(lambda e: e["job"].pop("namespace"), id="job_without_namespace"),
        pytest.param(
            lambda e: e["outputs"][0]["facets"]["schema"].pop("_producer"), id="facet_of_nobody"
        ),
        pytest.param(
            lambda e: e["outputs"][0]["facets"].update(dataset={}), id="facet_of_another_name"
        ),
        pytest.param(lambda e: e.pop("run"), id="run_event_without_run"),
    ],
)
def test_the_oracle_notices_what_is_wrong(
    spoil: Callable[[Event], Any], events: list[Event]
) -> None:
    event: Event = json.loads(json.dumps(next(completed(events))))
    assert problems(event) == []
    spoil(event)
    assert problems(event)


def test_every_run_starts_once_and_completes_once_within_the_whole(events: list[Event]) -> None:
    states = Counter((e["run"]["runId"], e["eventType"]) for e in events if "run" in e)
    assert set(states.values()) == {1}
    runs = {run for run, _ in states}
    assert states.keys() == {(run, state) for run in runs for state in ("START", "COMPLETE")}
    first, last = events[0], events[-1]
    assert (first["job"]["name"], last["job"]["name"]) == ("run", "run")
    whole = first["run"]["runId"]
    parents = [e["run"]["facets"]["parent"] for e in events[1:-1] if "run" in e]
    assert {parent["run"]["runId"] for parent in parents} == {whole}
    assert {(p["job"]["namespace"], p["job"]["name"]) for p in parents} == {("pqrs_kedro", "run")}


def test_the_times_are_those_of_the_manifest(events: list[Event], documento_run: Run) -> None:
    manifest = documento_run.document("manifest.json")
    at = {"START": manifest["started_at"], "COMPLETE": manifest["finished_at"]}
    assert all(e["eventTime"] == at[e.get("eventType", "COMPLETE")] for e in events)
    nominal = events[0]["run"]["facets"]["nominalTime"]
    first, end = (datetime.fromisoformat(nominal[f"nominal{x}Time"]) for x in ("Start", "End"))
    assert first.utcoffset() == end.utcoffset() == timedelta(hours=-5)
    days = {path.parts[-3].removeprefix("day=") for path in documento_run.raw_objects()}
    assert first.replace(tzinfo=None).isoformat() == f"{min(days)}T00:00:00"
    assert end - first == timedelta(days=5)


def test_the_whole_run_says_what_decided_its_data(events: list[Event], documento_run: Run) -> None:
    manifest = documento_run.document("manifest.json")
    facets = events[0]["run"]["facets"]
    tags = {tag["key"]: tag["value"] for tag in facets["tags"]["tags"]}
    assert tags["run_id"] == documento_run.run_id
    assert tags["digest"] == documento_run.digest
    assert facets["processing_engine"]["version"] == manifest["versions"]["kedro"]
    told = {item["key"]: item["value"] for item in facets["executionParameters"]["parameters"]}
    assert told["profile.name"] == "documento_v1"
    assert told["profile.stop_status"] == "CLOSED"
    assert float(told["volume_scale"]) == 0.1
    assert told["date_min"] == "2026-01-08"


# Edges


def node_jobs(stages: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """By job, the node as Kedro itself writes its pipelines down."""
    return {
        f"{stage}.{node['name']}": node
        for stage in stages
        for node in json.loads(PIPELINES[stage].to_json())["pipeline"]
    }


def kept(lake: Path, name: str) -> Dataset:
    """Where a dataset of the catalog is."""
    if name in ("raw_events", "raw_line_counts"):
        return lake.as_uri(), "raw/pqrs"
    return (lake.as_uri(), TABLES[name].path) if name in TABLES else ("pqrs_kedro", name)


def assert_edges_of(stages: tuple[str, ...], events: list[Event], lake: Path) -> None:
    """What every job reads and writes is what Kedro says of its node."""
    nodes = node_jobs(stages)
    told = {event["job"]["name"]: event for event in completed(events)}
    assert told.keys() == nodes.keys()
    for job, node in nodes.items():
        inputs = {kept(lake, n) for n in node["inputs"] if not n.startswith("param")}
        assert {place(item) for item in told[job]["inputs"]} == inputs
        assert {place(item) for item in told[job]["outputs"]} == {
            kept(lake, name) for name in node["outputs"]
        }


def test_the_edges_are_those_of_the_pipelines(events: list[Event], documento_run: Run) -> None:
    assert_edges_of(STAGES, events, documento_run.lake)


def test_a_job_follows_the_jobs_that_its_node_depends_on(events: list[Event]) -> None:
    writers = {place(d): e["job"]["name"] for e in completed(events) for d in e["outputs"]}
    follows = {
        e["job"]["name"].partition(".")[2]: {
            writers[place(d)].partition(".")[2] for d in e["inputs"] if place(d) in writers
        }
        for e in completed(events)
    }
    whole: Pipeline = PIPELINES["__default__"]
    expected = {
        node.name: {before.name for before in needed}
        for node, needed in whole.node_dependencies.items()
    }
    # It counts the lines of the raw objects by a dataset of its own.
    expected["check_quality"].add("generate_raw_events")
    assert follows == expected


def test_a_start_has_the_edges_of_its_end(events: list[Event]) -> None:
    edges: dict[str, list[Any]] = {}
    for event in events:
        if "run" in event:
            sides = [[place(item) for item in event[side]] for side in ("inputs", "outputs")]
            edges.setdefault(event["run"]["runId"], []).append(sides)
    assert all(start == end for start, end in edges.values())


def test_the_publication_has_a_table_of_postgres_for_each_of_silver_gold_and_the_checks(
    events: list[Event], documento_run: Run
) -> None:
    jobs = [event for event in events if "run" not in event]
    served = [n for n, table in TABLES.items() if table.layer in ("silver", "gold")]
    places = {n: f"warehouse.public.{n}" for n in served} | {
        "data_quality": "warehouse.meta.data_quality"
    }
    assert {event["job"]["name"] for event in jobs} == {f"publication.{name}" for name in places}
    for event in jobs:
        name = event["job"]["name"].partition(".")[2]
        (source,), (target,) = event["inputs"], event["outputs"]
        assert place(source) == kept(documento_run.lake, name)
        assert place(target) == ("pqrs_kedro", places[name])
        columns = [field["name"] for field in target["facets"]["schema"]["fields"]]
        table = TABLES[name]
        assert columns == ["run_id", *table.partitions, *table.columns]


def test_every_job_says_what_its_node_does(events: list[Event]) -> None:
    said = {e["job"]["name"]: e["job"]["facets"]["documentation"]["description"] for e in events}
    for stage in STAGES:
        for node in PIPELINES[stage].nodes:
            assert node.func.__doc__
            assert node.func.__doc__.strip().startswith(said[f"{stage}.{node.name}"])


# What was written


def rows_on_disk(run: Run) -> dict[str, tuple[int, int, int]]:
    """By path of a table: rows, bytes and files, counted in the lake."""
    found = {}
    for path in run.data_objects():
        parts = path.relative_to(run.lake).parts
        if parts[0] == "manifests":
            parts = parts[3:]
        table = "/".join(parts[: next(n for n, part in enumerate(parts) if "=" in part)])
        lines = path.suffix == ".jsonl"
        rows = path.read_bytes().count(b"\n") if lines else pq.ParquetFile(path).metadata.num_rows
        counts = found.get(table, (0, 0, 0))
        found[table] = counts[0] + rows, counts[1] + path.stat().st_size, counts[2] + 1
    return found


def test_every_dataset_of_the_lake_is_written_by_one_job_with_the_rows_on_disk(
    events: list[Event], documento_run: Run
) -> None:
    lake = documento_run.lake.as_uri()
    written = [d for e in completed(events) for d in e["outputs"] if d["namespace"] == lake]
    names = [item["name"] for item in written]
    manifest = documento_run.document("manifest.json")
    assert sorted(names) == sorted(kept(documento_run.lake, n)[1] for n in manifest["datasets"])
    assert len(set(names)) == len(names)
    on_disk = rows_on_disk(documento_run)
    for item in written:
        said = item["outputFacets"]["outputStatistics"]
        assert (said["rowCount"], said["size"], said["fileCount"]) == on_disk.get(
            item["name"], (0, 0, 0)
        )
        assert item["facets"]["version"]["datasetVersion"] == documento_run.run_id
    assert set(on_disk) <= set(names)


def test_what_is_read_has_the_rows_that_were_written(events: list[Event]) -> None:
    counts = {
        place(d): d["outputFacets"]["outputStatistics"]
        for e in completed(events) for d in e["outputs"] if "outputFacets" in d
    }  # fmt: skip
    for event in completed(events):
        for item in event["inputs"]:
            said = item.get("inputFacets", {}).get("inputStatistics")
            assert (said is None) == (place(item) not in counts)
            if said is not None:
                assert said["rowCount"] == counts[place(item)]["rowCount"]


def test_the_columns_are_those_of_the_objects(events: list[Event], documento_run: Run) -> None:
    lake = documento_run.lake.as_uri()
    shown = {
        d["name"]: d["facets"]["schema"]["fields"]
        for e in completed(events) for d in e["outputs"] if d["namespace"] == lake
    }  # fmt: skip
    for name, table in TABLES.items():
        fields = shown[table.path]
        rows = documento_run.table(name)
        if rows.num_rows:
            assert {field["name"] for field in fields} == set(rows.column_names)
        assert all(field["description"] for field in fields)
    (messages,) = [f for f in shown["bronze/pqrs_events"] if f["name"] == "messages"]
    ((element,), kind) = messages["fields"], messages["type"]
    assert (kind, element["type"]) == ("array", "struct")
    stored = documento_run.table("bronze_pqrs_events").schema.field("messages").type.value_type
    assert [part["name"] for part in element["fields"]] == [part.name for part in stored]
    line = json.loads(documento_run.raw_objects()[0].read_text(encoding="utf-8").splitlines()[0])
    assert set(line) <= {field["name"] for field in shown["raw/pqrs"]}


def test_every_check_of_the_run_is_an_assertion_about_its_dataset(
    events: list[Event], documento_run: Run
) -> None:
    told = {
        (place(dataset), item["assertion"]): (item["success"], float(item["actual"]))
        for event in completed(events)
        for dataset in event["inputs"]
        for item in dataset.get("inputFacets", {}).get("dataQualityAssertions", {}).get(
            "assertions", ()
        )
    }  # fmt: skip
    rows = documento_run.rows("data_quality")
    assert told == {
        (kept(documento_run.lake, row["dataset"]), row["check_name"]): (
            row["result"] == "pass", row["value"],
        )
        for row in rows
    }  # fmt: skip
    assert len(told) == len(rows) > 60


def test_an_altered_table_of_checks_is_refused(documento_run: Run, tmp_path: Path) -> None:
    class Altered(FolderStore):
        def read(self, key: str) -> bytes:
            content = super().read(key)
            return content[:-1] + b"x" if key.startswith("quality/") else content

    with pytest.raises(ObjectChanged, match="quality/data_quality"):
        export_lineage(Altered(documento_run.lake), documento_run.run_id, tmp_path / "run.jsonl")
    assert list(tmp_path.iterdir()) == []


# Places


def test_in_a_bucket_the_namespace_is_the_bucket(documento_run: Run, tmp_path: Path) -> None:
    class InBucket(FolderStore):
        def location(self, key: str) -> str:
            return f"s3://pqrs/made/here/{key}"

    target = tmp_path / "run.jsonl"
    export_lineage(InBucket(documento_run.lake), documento_run.run_id, target)
    events = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    places = {place(d) for e in events for d in e["outputs"]}
    assert ("s3://pqrs", "made/here/silver/tickets") in places
    assert {namespace for namespace, _ in places} == {"s3://pqrs", "pqrs_kedro"}
    assert str(documento_run.lake) not in target.read_text(encoding="utf-8")


def test_every_run_of_a_job_has_an_id_of_its_own(
    events: list[Event], documento_run: Run, tmp_path: Path
) -> None:
    own = {e["run"]["runId"]: e["job"]["name"] for e in events if "run" in e}
    assert len(set(own.values())) == len(own)
    assert {uuid.UUID(run).version for run in own} == {5}
    link_run(documento_run, tmp_path / "data/lake", "another")
    others = lineage_of(Run(Project(tmp_path), "another"), tmp_path / "other.jsonl")
    assert not own.keys() & {e["run"]["runId"] for e in others if "run" in e}
    assert {e["job"]["name"] for e in others} == {e["job"]["name"] for e in events}


# The command


@pytest.fixture
def project(documento_run: Run, make_project: MakeProject) -> Project:
    """A project that has the finished run in its lake."""
    made = make_project()
    made.data.mkdir()
    made.lake.symlink_to(documento_run.lake)
    return made


def test_the_command_says_what_it_wrote_and_writes_the_same_again(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(project, "lineage", documento_run.run_id)
    path = project.data / f"exports/{documento_run.run_id}.openlineage.jsonl"
    assert (outcome.code, outcome.err) == (0, "")
    head, *facts = outcome.out.splitlines()
    assert head.split(maxsplit=1) == ["written", str(path)]
    shown = {what: int(count.replace(",", "")) for what, count in map(str.split, facts)}
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert shown["events"] == len(events)
    assert shown["jobs"] == len({event["job"]["name"] for event in events})
    assert shown["datasets"] == len(
        {place(d) for e in events for side in ("inputs", "outputs") for d in e[side]}
    )
    assert shown["bytes"] == path.stat().st_size
    # In a process of its own, elsewhere on the clock and with another hash seed.
    environment = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    again = ("lineage", documento_run.run_id, "--output", "again.jsonl.gz")
    assert project.kedro(*again, environment=environment).code == 0
    assert gzip.decompress((project.path / "again.jsonl.gz").read_bytes()) == path.read_bytes()


def test_a_file_is_replaced_only_by_force(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    target = project.path / "mine.jsonl"
    target.write_text("as it was")
    command = ("lineage", documento_run.run_id, "--output", "mine.jsonl")
    assert_refused(forked_kedro(project, *command), "mine.jsonl exists already; use --force")
    assert target.read_text() == "as it was"
    assert forked_kedro(project, *command, "--force").code == 0
    assert len(target.read_text(encoding="utf-8").splitlines()) > 60


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(("never-run",), "run never-run is not in the lake", id="unknown_run"),
        pytest.param(("../d0c-run",), "run_id: '../d0c-run' is not allowed", id="hostile_run_id"),
        pytest.param(("",), "run_id: '' is not allowed", id="empty_run_id"),
        pytest.param(("d0c-run", "--output", "src"), "--output: src is a folder", id="a_folder"),
        pytest.param(("never-run", "--output", "new/l.jsonl"), "never-run", id="in_a_new_folder"),
    ],
)
def test_bad_input_is_refused_in_one_line_before_anything_is_written(
    arguments: tuple[str, ...], named: str, project: Project, forked_kedro: ForkedKedro
) -> None:
    assert_refused(forked_kedro(project, "lineage", *arguments), named)
    assert not (project.data / "exports").exists()
    assert not (project.path / "new").exists()


def assert_refused(outcome: Outcome, named: str) -> None:
    (line,) = outcome.err.splitlines()
    assert line.startswith("Error: ")
    assert named in line
    assert (outcome.code, outcome.out) == (2, "")
