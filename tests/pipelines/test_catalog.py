"""The catalog and the pipelines: complete, lazy, and pure."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from tests.conftest import DOCUMENTO, Project, Run, copy_project

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.external_lines import ExternalLines
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.datasets.raw_line_counts import RawLineCounts
from pqrs_kedro.pipeline_registry import register_pipelines
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.recompute import ENGINE_TABLES

STAGES = ["synthesis", "ingestion", "curation", "metrics", "reporting"]
# Both read the raw objects; the counts are a second reading that ingestion has no part in.
RAW = {"raw_events", "raw_line_counts"}
LAYERS = ["raw", "truth", "bronze", "silver", "gold", "quality"]
PIPELINES = register_pipelines()
WHOLE: Pipeline = PIPELINES["__default__"]
NOTEBOOKS: Pipeline = PIPELINES["notebooks"]
# What only the notebooks read and write: a committed run's manifest, and files.
OF_NOTEBOOKS = {
    "run_manifest",
    *(f"{name}{part}" for name in NOTEBOOKS.all_outputs() for part in ("_source", "")),
}


Entries = dict[str, Any]


def open_catalog(project: Project, **parameters: Any) -> DataCatalog:
    with project.session(**parameters) as session:
        return session.load_context().catalog


def entries(catalog: DataCatalog) -> Entries:
    """The entries of conf/base, instantiated; parameters are left out."""
    names = [name for name in catalog.keys() if not name.startswith("param")]  # noqa: SIM118
    return {name: catalog[name] for name in names}


def persisted(found: Entries) -> Entries:
    """Entries whose data outlives a run."""
    kinds = RawEvents | RawLineCounts | LakeTable
    return {name: data for name, data in found.items() if isinstance(data, kinds)}


@pytest.fixture(scope="module")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without data, and it stays so."""
    return copy_project(tmp_path_factory.mktemp("catalog") / "project")


@pytest.fixture(scope="module")
def unused(empty_project: Project) -> Entries:
    """The entries of the catalog where there is no data."""
    return entries(open_catalog(empty_project, run_id="none"))


@pytest.fixture(scope="module")
def used(documento_run: Run) -> Entries:
    """The entries of the catalog on a finished run."""
    return entries(open_catalog(documento_run.project, run_id=documento_run.run_id))


# The catalog


def test_every_entry_is_instantiated_without_touching_the_disk(
    empty_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(empty_project.path.rglob("*"))
    touched: list[str] = []
    for name in ("create", "read", "exists", "glob"):
        monkeypatch.setattr(f"pqrs_kedro.lake.store.FolderStore.{name}", _recorder(touched, name))
    found = entries(open_catalog(empty_project, run_id="none"))
    assert len(found) > len(TABLES)
    assert touched == []
    assert sorted(empty_project.path.rglob("*")) == before
    assert not ENGINE.is_open


def _recorder(touched: list[str], name: str) -> Callable[..., None]:
    return lambda *arguments: touched.append(name)


def test_every_table_has_an_entry_and_every_lake_entry_a_table(unused: Entries) -> None:
    tables = {name: data for name, data in unused.items() if isinstance(data, LakeTable)}
    assert {name: data._describe()["table"] for name, data in tables.items()} == {
        name: name for name in TABLES
    }
    assert set(persisted(unused)) - set(TABLES) == RAW


def test_a_recomputed_run_keeps_in_the_engine_what_a_run_keeps_there(unused: Entries) -> None:
    kept = {name for name, data in unused.items() if isinstance(data, EngineTable)}
    assert set(ENGINE_TABLES) == kept


def test_what_is_not_persisted_lives_in_memory_or_in_the_engine_but_the_users_files(
    unused: Entries,
) -> None:
    kept = persisted(unused).keys() | OF_NOTEBOOKS
    passing = {name: data for name, data in unused.items() if name not in kept}
    assert isinstance(passing.pop("municipal_polygons"), MunicipalPolygons)
    assert isinstance(passing.pop("external_lines"), ExternalLines)
    assert all(isinstance(data, MemoryDataset | EngineTable) for data in passing.values())


def test_every_persisted_entry_has_the_layer_of_its_table(unused: Entries) -> None:
    for name, data in persisted(unused).items():
        layer = "raw" if name in RAW else TABLES[name].layer
        assert data.metadata == {"kedro-viz": {"layer": layer}}


def test_every_entry_has_a_layer_no_earlier_than_those_it_comes_from(unused: Entries) -> None:
    layers = {n: LAYERS.index(data.metadata["kedro-viz"]["layer"]) for n, data in unused.items()}
    for node in (WHOLE + NOTEBOOKS).nodes:
        inputs = [layers[name] for name in node.inputs if name in layers]
        assert all(max(inputs, default=0) <= layers[name] for name in node.outputs)


def test_every_persisted_entry_says_where_its_objects_lie(
    unused: Entries, empty_project: Project
) -> None:
    for data in persisted(unused).values():
        shown = data._describe()["filepath"]
        assert shown.startswith(f"{empty_project.lake}/")
        assert "/run_id=none/" in shown


def test_every_persisted_entry_has_the_run_id_of_the_session(
    unused: Entries, empty_project: Project
) -> None:
    for data in persisted(unused).values():
        assert data._describe()["run_id"] == "none"
        assert Path(data._describe()["path"]) == empty_project.lake


@pytest.mark.xdist_group("doc")
def test_without_a_run_id_the_catalog_is_that_of_the_last_finished_run(
    documento_run: Run, empty_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_id(project: Project) -> str:
        return str(open_catalog(project)["silver_tickets"]._describe()["run_id"])

    assert run_id(documento_run.project) == documento_run.run_id
    assert run_id(empty_project) == "no-run-yet"
    monkeypatch.setenv("PQRS_RUN_ID", "named")
    assert run_id(documento_run.project) == "named"


def test_what_the_pipelines_read_and_write_is_in_the_catalog(unused: Entries) -> None:
    # Not their sum: raw events come from synthesis, or from intake.
    every = set().union(*(part.datasets() for part in PIPELINES.values()))
    assert {name for name in every if not name.startswith("param")} == set(unused)
    assert not OF_NOTEBOOKS & WHOLE.datasets()


# Previews


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.xdist_group("doc")
def test_a_table_of_a_finished_run_is_previewed(name: str, used: Entries) -> None:
    preview = used[name].preview()
    assert preview["columns"] == list(TABLES[name].columns)
    is_empty = name.startswith("quarantine") or name == "ground_truth_defects"
    assert bool(preview["data"]) != is_empty
    assert len(preview["data"]) == len(preview["index"]) <= 20
    assert all(len(row) == len(preview["columns"]) for row in preview["data"])
    assert json.loads(json.dumps(preview)) == preview
    assert not ENGINE.is_open


@pytest.mark.xdist_group("doc")
def test_the_raw_lines_of_a_finished_run_are_previewed(used: Entries, documento_run: Run) -> None:
    first = documento_run.raw_objects()[0].read_text(encoding="utf-8").splitlines()[:5]
    assert json.loads(used["raw_events"].preview()) == [json.loads(line) for line in first]


@pytest.mark.xdist_group("doc")
def test_the_line_counts_of_a_finished_run_are_previewed(used: Entries, documento_run: Run) -> None:
    preview = used["raw_line_counts"].preview()
    counted = [row[1] for row in preview["data"]]
    objects = documento_run.raw_objects()[: len(counted)]
    assert counted == [path.read_bytes().count(b"\n") for path in objects]
    assert len(counted) == 20


def test_no_run_at_all_is_previewed_as_empty(unused: Entries, empty_project: Project) -> None:
    for name, data in persisted(unused).items():
        preview = data.preview()
        if name == "raw_events":
            assert json.loads(preview) == []
        else:
            columns = list(TABLES[name].columns) if name in TABLES else preview["columns"]
            assert preview["columns"] == columns
            assert preview["data"] == []
    assert not empty_project.data.exists()


def test_raw_lines_that_are_no_json_do_not_stop_a_preview(tmp_path: Path) -> None:
    folder = tmp_path / "raw/pqrs/source=email/day=2026-01-10/run_id=corrupt"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_bytes(b'{"event_id": "a"}\n{"event_\n\xff\n\n42\n')
    preview = RawEvents(path=str(tmp_path), run_id="corrupt").preview()
    assert {"event_id": "a"} in json.loads(preview)


# Kedro-Viz


def export(project: Project, folder: Path, previews: bool) -> tuple[Entries, list[Entries]]:
    """What Kedro-Viz shows of a project: the graph, and the data of every node's panel.

    In a process of its own: Kedro-Viz keeps what it has loaded.
    """
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(project.path), str(folder), str(int(previews))],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "opened" not in done.stdout, done.stdout
    panels = [json.loads(path.read_text()) for path in sorted((folder / "api/nodes").iterdir())]
    return json.loads((folder / "api/main").read_text()), panels


# As `kedro viz build` does it; without previews nothing may read the lake or open the engine.
EXPORT = """
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
import fsspec
from kedro.framework.startup import bootstrap_project

project, folder, previews = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "1"
bootstrap_project(project)
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.engine import ENGINE

def opened(name):
    return lambda *arguments: print("opened", name, arguments[1:])

if not previews:
    for name in ("create", "read", "exists", "glob"):
        setattr(FolderStore, name, opened(name))
from kedro_viz.api.rest.responses.save_responses import save_api_responses_to_fs
from kedro_viz.server import load_and_populate_data

load_and_populate_data(project)
save_api_responses_to_fs(folder, fsspec.filesystem("file"), previews)
if ENGINE.is_open:
    print("opened the engine")
"""


@pytest.mark.xdist_group("doc")
def test_viz_shows_every_node_and_layer_and_opens_nothing(
    documento_run: Run, tmp_path: Path, unused: Entries
) -> None:
    graph, panels = export(documento_run.project, tmp_path / "viz", previews=False)
    assert graph["layers"] == LAYERS
    shown = {node["name"]: node for node in graph["nodes"] if node["type"] == "data"}
    assert set(shown) == set(unused) & WHOLE.datasets()
    layers = {name: unused[name].metadata["kedro-viz"]["layer"] for name in shown}
    assert {name: node["layer"] for name, node in shown.items()} == layers
    tasks = {node["name"] for node in graph["nodes"] if node["type"] == "task"}
    assert tasks == {node.name for node in WHOLE.nodes}
    assert sorted(item["id"] for item in graph["pipelines"]) == sorted(PIPELINES)
    code = [panel["code"] for panel in panels if panel.get("code")]
    assert len(code) == len({node.name for part in PIPELINES.values() for node in part.nodes})
    # The docstring of its function describes a node; the path of its objects, a dataset.
    assert all('"""' in text for text in code)
    paths = [path for p in panels if (path := p.get("filepath") or "").endswith(".parquet")]
    assert len(paths) == len(TABLES)
    assert all(f"/run_id={documento_run.run_id}/" in path for path in paths)
    assert not any(panel.get("preview") for panel in panels)


@pytest.mark.xdist_group("doc")
def test_viz_previews_every_persisted_dataset(documento_run: Run, tmp_path: Path) -> None:
    _, panels = export(documento_run.project, tmp_path / "viz", previews=True)
    tables = [p["preview"] for p in panels if p.get("preview_type") == "TablePreview"]
    # The tables, the counted lines, and the user's polygons, of which there are none.
    assert len(tables) == len(TABLES) + 2
    columns = {tuple(preview["columns"]) for preview in tables}
    assert {tuple(table.columns) for table in TABLES.values()} <= columns
    # Raw lines, and the manifest.
    assert sum(panel.get("preview_type") == "JSONPreview" for panel in panels) == 2


# The pipelines


def test_the_registry_has_the_stages_intake_the_notebooks_and_the_whole() -> None:
    first, *after = STAGES
    assert list(PIPELINES) == [first, "intake", *after, "notebooks", "__default__"]
    whole = [node.name for name in STAGES for node in PIPELINES[name].nodes]
    assert sorted(whole) == sorted(node.name for node in WHOLE.nodes)
    assert len(whole) == len(set(whole))


@pytest.mark.parametrize("node", [pytest.param(node, id=node.name) for node in WHOLE.nodes])
def test_a_node_has_the_name_of_its_function_and_the_tag_of_its_pipeline(node: Node) -> None:
    assert node.name == node.func.__name__
    assert node.func.__doc__
    (stage,) = node.tags
    assert node.func.__module__.startswith(f"pqrs_kedro.pipelines.{stage}.")
    assert node in PIPELINES[stage].nodes


def test_a_stage_reads_what_earlier_stages_wrote() -> None:
    written: set[str] = set()
    for name in STAGES:
        inputs = {i for i in PIPELINES[name].inputs() if not i.startswith("param")}
        assert inputs - {"raw_line_counts", "municipal_polygons"} <= written
        written |= PIPELINES[name].outputs() | PIPELINES[name].all_outputs()
    assert set(TABLES) <= written


def test_every_table_is_written_by_one_node() -> None:
    writers = [name for node in WHOLE.nodes for name in node.outputs]
    assert sorted(name for name in writers if name in TABLES) == sorted(TABLES)


# Purity


@pytest.fixture(scope="module")
def worked(documento_run: Run) -> Iterator[dict[str, dict[str, Any]]]:
    """For every node: its inputs before and after it was called on the finished run."""
    with documento_run.project.session(run_id=documento_run.run_id, **DOCUMENTO) as session:
        catalog = session.load_context().catalog
        made: dict[str, Any] = {}
        seen: dict[str, dict[str, Any]] = {}
        for node in WHOLE.nodes:
            inputs = {n: made[n] if n in made else catalog.load(n) for n in node.inputs}
            tables = _engine_tables()
            before = {name: _content(value) for name, value in inputs.items()}
            outputs = node.run(inputs)
            _consume(outputs)
            seen[node.name] = {
                "before": before,
                "after": {name: _content(value) for name, value in inputs.items()},
                "tables_before": tables,
                "tables_after": _engine_tables(),
            }
            made |= _handed_on(catalog, outputs)
        yield seen


def _engine_tables() -> list[str]:
    """Tables that would stay: not what a dataset reads into, nor what goes with its query."""
    names = ENGINE.connect(EngineSettings()).list_tables()
    return sorted(
        name for name in names if name != "raw_lines" and not name.startswith("ibis_cached_")
    )


def _content(value: Any) -> Any:
    """What a node could change of an input: a table's query or rows, or a plain value."""
    if isinstance(value, ibis.Table):
        return value.schema(), ibis.to_sql(value)
    if isinstance(value, pa.Table):
        return value.schema, value.to_pydict()
    # Read once by its node, so that it cannot be changed for others.
    return type(value) if isinstance(value, Iterator) else deepcopy(value)


def _handed_on(catalog: Any, outputs: dict[str, Any]) -> dict[str, Any]:
    """What the next nodes are given: tables of the engine, which may come in several queries."""
    found = {}
    for name, value in outputs.items():
        if isinstance(catalog[name], EngineTable):
            catalog.save(name, value)
            found[name] = catalog.load(name)
        elif not persisted({name: catalog[name]}):
            found[name] = value
    return found


def _consume(outputs: dict[str, Any]) -> None:
    """A generating node works when its output is taken."""
    for value in outputs.values():
        if isinstance(value, Iterator):
            next(value)


@pytest.mark.parametrize("name", [node.name for node in WHOLE.nodes])
@pytest.mark.xdist_group("doc")
def test_a_node_changes_neither_its_inputs_nor_the_engine(
    name: str, worked: dict[str, dict[str, Any]]
) -> None:
    assert worked[name]["after"] == worked[name]["before"]
    assert worked[name]["tables_after"] == worked[name]["tables_before"]
