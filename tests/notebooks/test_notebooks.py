"""The notebooks: committed without outputs or logic, executed on a run, equal each time, right."""

import ast
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.conftest import ROOT, ForkedKedro, Observed, Project, Run
from tests.oracle.calendar import local_day
from tests.oracle.curation import Ticket

from pqrs_kedro.analysis import backlog, distributions, sla
from pqrs_kedro.analysis.calendar_effect import calendar_effect
from pqrs_kedro.analysis.run_data import RunData
from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.report.spanish import number, percent
from pqrs_kedro.run.session import Refused, RunFailed

pytestmark = pytest.mark.xdist_group("doc")

NAMES = ("distribution_validation", "sla_analysis")
FILES = [f"{name}.{form}" for name in NAMES for form in ("html", "ipynb")]
# What a cell may do: name things and call what is defined, and tested, elsewhere.
_LOGIC = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If,
    ast.Try, ast.With,
)  # fmt: skip


def committed(name: str) -> Any:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def executed(documento_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of a finished run, with its notebooks."""
    folder = tmp_path_factory.mktemp("notebooks") / "project"
    shutil.copytree(documento_run.project.path, folder)
    run = Run(Project(folder), documento_run.run_id)
    assert run.project.run("notebooks", run_id=run.run_id).run_id == run.run_id
    return run


@pytest.fixture(scope="module")
def data(executed: Run) -> Iterator[RunData]:
    """The run as a notebook reads it."""
    with executed.project.session(run_id=executed.run_id) as session:
        yield RunData(session.load_context().catalog)


def kept(run: Run) -> dict[str, bytes]:
    found = run.lake.glob(f"reports/day=*/run_id={run.run_id}/*")
    return {p.name: p.read_bytes() for p in sorted(found) if not p.name.startswith("report")}


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each table row of a page, by the row's name; the first of each name."""
    found: dict[str, list[str]] = {}
    for row in re.findall(r"<tr><th>(.*?)</tr>", page, re.DOTALL):
        name, _, rest = row.partition("</th>")
        cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", rest)]
        found.setdefault(name, cells)
    return found


# As they are committed


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    for cell in committed(name).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_one_cell_of_parameters(name: str) -> None:
    (cell,) = (c for c in committed(name).cells if "parameters" in c.metadata.get("tags", ()))
    assert cell.source == "run_id = None\nenv = None"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_defines_no_logic(name: str) -> None:
    for cell in committed(name).cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source.removeprefix("%load_ext kedro.ipython\n"))
            assert not [node for node in ast.walk(tree) if isinstance(node, _LOGIC)]


# Executed


def test_both_notebooks_are_kept_beside_the_report(executed: Run) -> None:
    assert sorted(kept(executed)) == FILES


def test_no_cell_of_an_executed_notebook_failed_or_complained(executed: Run) -> None:
    for name, content in kept(executed).items():
        if not name.endswith(".ipynb"):
            continue
        cells = [c for c in nbformat.reads(content.decode(), 4).cells if c.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        kinds = {output.output_type for cell in cells for output in cell.outputs}
        assert kinds <= {"execute_result", "display_data"}


def test_an_executed_notebook_says_which_run_it_is_about(executed: Run) -> None:
    for name in NAMES:
        cells = nbformat.reads(kept(executed)[f"{name}.ipynb"].decode(), 4).cells
        (injected,) = (c for c in cells if "injected-parameters" in c.metadata.get("tags", ()))
        assert f'run_id = "{executed.run_id}"' in injected.source


def test_a_page_asks_for_nothing_from_elsewhere(executed: Run) -> None:
    for name in NAMES:
        page = kept(executed)[f"{name}.html"].decode()
        assert not re.search(r"<(script|link|img|iframe|object|embed)\b", page)
        assert not re.search(r"@import|url\((?!#)", page)
        assert not re.search(r'\b(src|href)="(?!#)', page)
        assert "default-src 'none'" in page


@dataclass(frozen=True)
class Again:
    """A second execution, without a run id: what was there before it, and the run that it read."""

    before: dict[str, bytes]
    run_id: str


@pytest.fixture(scope="module")
def again(executed: Run) -> Again:
    before = kept(executed)
    with executed.project.session() as session:
        session.run(pipeline_names=["notebooks"])
        return Again(before, session.session_id)


def test_a_second_execution_keeps_the_same_bytes(executed: Run, again: Again) -> None:
    assert kept(executed) == again.before


def test_the_run_stays_as_it_was(executed: Run, documento_run: Run) -> None:
    assert executed.hashes() == documento_run.hashes()
    for name in ("manifest.json", "checksums.json"):
        assert executed.document(name) == documento_run.document(name)


def test_without_a_run_id_the_last_committed_run_is_read(executed: Run, again: Again) -> None:
    assert again.run_id == executed.run_id


# Right


def test_the_volume_is_that_of_the_raw_lines(
    executed: Run, data: RunData, observed_documento: Observed
) -> None:
    received = [local_day(ticket.row["created_at"]) for ticket in observed_documento.oracle.tickets]
    volume = distributions.volume(data)
    days = sorted(day_number(day) for day in received)
    assert volume.received.tolist() == [days.count(int(day)) for day in volume.days]
    page = rows(kept(executed)["distribution_validation.html"].decode())
    assert page["Peticiones recibidas"][2] == number(len(received))


def breached(tickets: list[Ticket], last_day: date) -> tuple[int, int]:
    """Breached tickets of those whose last due day has come."""
    due = [t for t in tickets if t.cycles and t.cycles[-1].due_day <= last_day]
    return sum(bool(t.row["is_breached"]) for t in due), len(due)


@pytest.mark.parametrize(
    ("dimension", "column"),
    [("Tipo", "pqrs_type"), ("Canal", "source_channel"), ("Prioridad", "priority")],
)
def test_the_rates_of_a_dimension_are_those_of_the_oracle(
    executed: Run, data: RunData, observed_documento: Observed, dimension: str, column: str
) -> None:
    oracle = observed_documento.oracle
    (found,) = (
        d for d in sla.dimensions(data, sla.due_tickets(data)) if d.name == dimension
    )  # fmt: skip
    groups = sorted({ticket.row[column] for ticket in oracle.tickets})
    expected = [
        breached([t for t in oracle.tickets if t.row[column] == group], oracle.last_day)
        for group in groups
    ]
    assert sorted((rate.breached, rate.due) for rate in found.rates) == sorted(expected)
    page = rows(kept(executed)["sla_analysis.html"].decode())
    for rate in found.rates:
        assert page[rate.name][:3] == [number(rate.due), number(rate.breached), percent(rate.pct)]


def test_the_regions_are_those_of_the_oracle(data: RunData, observed_documento: Observed) -> None:
    oracle = observed_documento.oracle
    due = sla.due_tickets(data)
    (found,) = (d for d in sla.dimensions(data, due) if d.name == "Región")
    for rate in found.rates:
        own = [t for t in oracle.tickets if oracle.region_of(t) == rate.name]
        assert (rate.breached, rate.due) == breached(own, oracle.last_day)


def test_the_spells_make_the_backlog_of_the_oracle(
    data: RunData, observed_documento: Observed
) -> None:
    spells = backlog.open_spells(data)
    oracle = observed_documento.oracle
    for days in (0, 2, 4, 10, 30):
        day = oracle.date_min + timedelta(days=days)
        seen = [[e for e in ticket.events if e.day <= day] for ticket in oracle.tickets]
        last = [[e.status_to for e in events if e.status_to] for events in seen]
        expected = sum(bool(path) and path[-1] not in ("CLOSED", "ARCHIVED") for path in last)
        assert spells.backlog(day_number(day)) == expected


def test_the_counts_agree_with_gold(executed: Run) -> None:
    page = kept(executed)["sla_analysis.html"].decode()
    agreed = re.findall(r'<p class="verdict pass">', page)
    assert len(agreed) >= 5
    assert "en silver y en gold" in page
    assert not re.findall(r"en silver, [\d.]+ en gold", page)


def test_a_closing_takes_what_the_oracle_says(data: RunData, observed_documento: Observed) -> None:
    tickets = observed_documento.oracle.tickets
    for code, name in data.type_names.items():
        own = [t.row for t in tickets if t.row["pqrs_type"] == code]
        days = sorted((r["closed_at"] - r["created_at"]).total_seconds() / 86_400 for r in own)
        curve = sla.closing_survival(data).curves[name]
        assert (curve.cases, curve.censored) == (len(own), 0)
        assert curve.quantile(0.5) == pytest.approx(days[(len(days) - 1) // 2], abs=1e-9)


def test_the_effect_of_a_calendar_change_is_that_of_the_command(
    executed: Run, forked_kedro: ForkedKedro
) -> None:
    command = ("calendar-change", executed.run_id, "--format", "json")
    done = forked_kedro(executed.project, *command)
    said = json.loads(done.out)["summary"]
    with executed.project.session(run_id=executed.run_id) as session:
        impact = calendar_effect(RunData(session.load_context().catalog))
    assert impact is not None
    assert impact.as_json()["summary"] == said


# Wrong


def test_what_does_not_agree_is_seen_and_does_not_raise(data: RunData) -> None:
    class Asked(RunData):
        @property
        def parameters(self) -> Any:
            return data.parameters.model_copy(update={"volume_scale": 1.0})

    total, _ = distributions.volume(Asked(data.catalog)).findings()
    assert total.holds is False
    assert "NO CONCUERDA" in total.judged.text


def test_an_error_in_a_cell_fails_the_command_and_names_the_cell(
    executed: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(executed.project.path, folder)
    path = folder / "notebooks/distribution_validation.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (c for c in notebook.cells if c.id == "volume")
    cell.source = "1 / 0"
    nbformat.write(notebook, path)
    broken = Run(Project(folder), executed.run_id)
    before = kept(broken)
    message = r"distribution_validation of run d0c-run: cell 'volume' raised ZeroDivisionError"
    with pytest.raises(RunFailed, match=message):
        broken.project.run("notebooks", run_id=broken.run_id)
    assert kept(broken) == before


@pytest.mark.parametrize(
    ("pipelines", "given", "message"),
    [
        pytest.param(["notebooks"], {"run_id": "nope"}, "run_id: 'nope' is not", id="no_such_run"),
        pytest.param(["notebooks"], {"run_id": "../x"}, "run_id: '../x'", id="hostile_run_id"),
        pytest.param(["notebooks"], {"seed": 7}, "seed: not allowed", id="another_parameter"),
        pytest.param(["notebooks", "metrics"], {}, "not with 'metrics'", id="another_pipeline"),
    ],
)
def test_what_cannot_be_executed_is_refused(
    executed: Run, pipelines: list[str], given: dict[str, Any], message: str
) -> None:
    with (
        executed.project.session(**given) as session,
        pytest.raises(Refused, match=re.escape(message)),
    ):
        session.run(pipeline_names=pipelines)
