"""`kedro viz build`: a static site of the last run, made where no service is up."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.conftest import CommandRun, ForkedKedro, Project, Run

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.layout import table_pattern
from pqrs_kedro.pipeline_registry import register_pipelines
from pqrs_kedro.warehouse.connection import URL_VARIABLE

pytestmark = pytest.mark.xdist_group("elsewhere")

NOTEBOOKS = ("distribution_validation", "sla_analysis")
WHOLE = register_pipelines()["__default__"]
# Nobody listens there.
NO_SERVICE = {URL_VARIABLE: "postgresql://127.0.0.1:1/x"}
STATUS = ".viz/kedro_pipeline_events.json"


@dataclass(frozen=True)
class Site:
    """What Kedro-Viz exported, and of which run."""

    run: Run
    path: Path

    def document(self, name: str) -> Any:
        return json.loads((self.path / "api" / name).read_text(encoding="utf-8"))

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """Ids by the names of datasets and nodes, over all pipelines."""
        graphs = (self.document(f"pipelines/{name}") for name in ("__default__", "notebooks"))
        return {node["name"]: node["id"] for graph in graphs for node in graph["nodes"]}

    def panel(self, name: str) -> Mapping[str, Any]:
        """What is shown beside the graph when a dataset or node is chosen."""
        found: Mapping[str, Any] = self.document(f"nodes/{self.ids[name]}")
        return found


@pytest.fixture(scope="module")
def project(elsewhere_run: CommandRun, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of a project whose run the command line made."""
    folder = tmp_path_factory.mktemp("viz") / "project"
    shutil.copytree(elsewhere_run.run.project.path, folder)
    return Project(folder)


@pytest.fixture(scope="module")
def site(project: Project, elsewhere_run: CommandRun, forked_kedro: ForkedKedro) -> Site:
    """The site, after the notebooks were executed about the run as well."""
    run = Run(project, elsewhere_run.run.run_id)
    status = (project.path / STATUS).read_bytes()
    option = ("--params", f"run_id={run.run_id}")
    executed = forked_kedro(project, "run", "--pipelines=notebooks", *option)
    assert executed.code == 0, executed.err
    assert (project.path / STATUS).read_bytes() == status
    built = project.kedro("viz", "build", "--include-previews", environment=NO_SERVICE)
    assert built.code == 0, built.err
    return Site(run, project.path / "build")


def test_the_site_is_whole_and_has_the_layers(site: Site) -> None:
    assert (site.path / "index.html").is_file()
    graph = site.document("main")
    assert graph["layers"] == ["raw", "truth", "bronze", "silver", "gold", "quality"]
    shown = {node["name"] for node in graph["nodes"]}
    assert {node.name for node in WHOLE.nodes} <= shown
    assert {name for name in WHOLE.datasets() if not name.startswith("param")} <= shown


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_its_first_rows(name: str, site: Site) -> None:
    panel = site.panel(name)
    assert panel["preview_type"] == "TablePreview"
    assert panel["preview"]["columns"] == list(TABLES[name].columns)
    files = sorted(site.run.lake.glob(table_pattern(TABLES[name], site.run.run_id)))
    rows = pq.ParquetFile(files[0]).read().slice(0, 20).to_pylist() if files else []
    shown = panel["preview"]["data"]
    assert len(shown) == len(rows)
    for cells, row in zip(shown, rows, strict=True):
        for cell, (column, value) in zip(cells, row.items(), strict=True):
            if value is None or isinstance(value, bool | int | str):
                assert cell == value, column


def test_raw_lines_are_shown(site: Site) -> None:
    lines = site.run.raw_objects()[0].read_text(encoding="utf-8").splitlines()
    shown = json.loads(site.panel("raw_events")["preview"])
    assert shown == [json.loads(line) for line in lines[: len(shown)]]
    assert shown


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_figures_of_a_notebook_are_shown(name: str, site: Site) -> None:
    panel = site.panel(name)
    assert panel["preview_type"] == "HTMLPreview"
    (page,) = site.run.lake.glob(f"reports/day=*/run_id={site.run.run_id}/{name}.html")
    figures = page.read_text(encoding="utf-8").count("<figure>")
    shown = panel["preview"]
    assert shown.count("<figure>") == shown.count("<svg") == shown.count("</svg>") == figures > 1
    # Nothing of them is asked for elsewhere, or runs.
    assert "<script" not in shown
    assert "http" not in shown.replace("http://www.w3.org", "")


def test_the_status_is_that_of_the_whole_run(site: Site) -> None:
    status = site.document("run-status")
    assert status["pipeline"]["status"] == "success"
    assert status["pipeline"]["duration"] > 0
    assert set(status["nodes"]) == {site.ids[node.name] for node in WHOLE.nodes}
    assert {node["status"] for node in status["nodes"].values()} == {"success"}
    ran = {item["name"]: item["status"] for item in status["datasets"].values()}
    assert set(TABLES) <= ran.keys()
    assert set(ran.values()) == {"success"}


def test_without_a_run_the_site_is_built_all_the_same(
    elsewhere_run: CommandRun, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(
        elsewhere_run.run.project.path, folder, ignore=shutil.ignore_patterns("data", ".viz")
    )
    built = Project(folder).kedro("viz", "build", "--include-previews", environment=NO_SERVICE)
    assert built.code == 0, built.err
    site = Site(Run(Project(folder), "none"), folder / "build")
    assert site.panel("silver_tickets")["preview"]["data"] == []
    assert "kedro run --pipelines=notebooks" in site.panel("sla_analysis")["preview"]
    assert not (folder / "data").exists()
