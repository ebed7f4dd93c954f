"""`kedro export-log`: refusals, no half files, and what it says."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner
from tests.conftest import (
    ForkedKedro,
    Outcome,
    Project,
    Run,
)
from tests.event_logs import Expected, export, read_csv_rows
from tests.runs import link_run

import pqrs_kedro.event_log.export as exporting
from pqrs_kedro.cli import cli
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.event_log.export import FORMATS, Format
from pqrs_kedro.lake.layout import table_pattern
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.parameters import InvalidInput

MakeProject = Callable[[], Project]


# No half files


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize("replace", [False, True], ids=["new", "forced"])
def test_what_fails_half_way_leaves_nothing(
    replace: bool, documento_run: Run, tmp_path: Path
) -> None:
    def interrupted(log: Any, out: IO[bytes]) -> Counter[str]:
        out.write(b"half of it")
        raise KeyboardInterrupt

    target = tmp_path / "log.csv"
    if replace:
        target.write_text("as it was")
    with pytest.raises(KeyboardInterrupt):
        exporting.export_log(
            store_of(documento_run), documento_run.run_id, Format(".csv", interrupted), target,
            replace=replace,
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == (["log.csv"] if replace else [])
    assert not replace or target.read_text() == "as it was"


@pytest.mark.xdist_group("doc")
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    documento_run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "log.csv"

    def slow(log: Any, out: IO[bytes]) -> Counter[str]:
        target.write_text("quicker")
        return Counter()

    with pytest.raises(InvalidInput, match="exists already"):
        exporting.export_log(
            store_of(documento_run), documento_run.run_id, Format(".csv", slow), target
        )
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
    assert target.read_text() == "quicker"


@pytest.mark.xdist_group("doc")
def test_an_object_with_other_bytes_is_no_log(documento_run: Run, tmp_path: Path) -> None:
    link_run(documento_run, tmp_path / "lake", "changed")
    run = Run(Project(tmp_path / "elsewhere"), "changed")
    (tmp_path / "elsewhere/data").mkdir(parents=True)
    (tmp_path / "lake").rename(run.lake)
    (path, *_) = run.lake.glob(table_pattern(TABLES["silver_messages"], "changed"))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ObjectChanged, match="silver/messages/month=2026-"):
        export(run, "xes", tmp_path / "log.xes")
    assert not (tmp_path / "log.xes").exists()


def store_of(run: Run) -> FolderStore:
    return FolderStore(run.lake)


# The command


@pytest.fixture
def project(documento_run: Run, make_project: MakeProject) -> Project:
    """A project that has the finished run in its lake."""
    made = make_project()
    made.data.mkdir()
    made.lake.symlink_to(documento_run.lake)
    return made


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(("name", "suffix"), [(n, kind.suffix) for n, kind in FORMATS.items()])
def test_the_command_says_what_it_wrote(
    name: str, suffix: str, project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(project, "export-log", documento_run.run_id, "--format", name)
    path = project.data / f"exports/{documento_run.run_id}{suffix}"
    assert (outcome.code, outcome.err) == (0, "")
    head, *facts = outcome.out.splitlines()
    assert head.split(maxsplit=1) == ["written", str(path)]
    shown = {what: int(count.replace(",", "")) for what, count in map(str.split, facts)}
    expected = Expected(documento_run)
    assert shown["traces"] == len(expected.tickets)
    assert shown["events"] == len(expected.events if name == "ocel" else expected.case_rows())
    assert shown["bytes"] == path.stat().st_size
    assert ("objects" in shown) == (name == "ocel")
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.xdist_group("doc")
def test_a_file_is_replaced_only_by_force(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    target = project.path / "mine.csv"
    target.write_text("as it was")
    command = ("export-log", documento_run.run_id, "--format", "csv", "--output", "mine.csv")
    assert_refused(forked_kedro(project, *command), "mine.csv exists already; use --force")
    assert target.read_text() == "as it was"
    assert forked_kedro(project, *command, "--force").code == 0
    assert read_csv_rows(target) == Expected(documento_run).case_rows()


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(("never-run",), "run never-run is not in the lake", id="unknown_run"),
        pytest.param(("../d0c-run",), "run_id: '../d0c-run' is not allowed", id="hostile_run_id"),
        pytest.param(("",), "run_id: '' is not allowed", id="empty_run_id"),
        pytest.param(
            ("d0c-run", "--format", "xml"),
            "--format: 'xml' is not allowed; use xes, ocel, csv",
            id="unknown_format",
        ),
        pytest.param(("d0c-run", "--output", "src"), "--output: src is a folder", id="a_folder"),
        pytest.param(
            ("never-run", "--output", "new/log.xes"), "never-run", id="unknown_run_new_folder"
        ),
    ],
)
def test_bad_input_is_refused_in_one_line_before_anything_is_written(
    arguments: tuple[str, ...], named: str, project: Project, forked_kedro: ForkedKedro
) -> None:
    before = set(project.path.rglob("*"))
    assert_refused(forked_kedro(project, "export-log", *arguments), named)
    assert {path for path in project.path.rglob("*") if "__pycache__" not in path.parts} == {
        path for path in before if "__pycache__" not in path.parts
    }


@pytest.mark.xdist_group("doc")
def test_a_place_that_cannot_be_written_is_one_line(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    command = ("export-log", documento_run.run_id, "--output", "pyproject.toml/log.xes")
    outcome = forked_kedro(project, *command)
    assert (outcome.code, outcome.out) == (1, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("Error: ")
    assert "pyproject.toml" in line


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_a_signal_ends_it_in_order(
    number: int,
    code: int,
    project: Project,
    documento_run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(log: Any, out: IO[bytes]) -> Counter[str]:
        out.write(b"half of it")
        os.kill(os.getpid(), number)
        return Counter()

    monkeypatch.setitem(FORMATS, "csv", Format(".csv", stopped))  # type: ignore[arg-type]
    # Opening a project changes the import path and the environment.
    monkeypatch.syspath_prepend(str(project.path / "src"))
    monkeypatch.setenv("PYTHONPATH", str(project.path / "src"))
    monkeypatch.chdir(project.path)
    outcome = CliRunner().invoke(cli, ["export-log", documento_run.run_id, "--format", "csv"])
    assert outcome.exit_code == code
    assert list((project.data / "exports").iterdir()) == []


def assert_refused(outcome: Outcome, named: str) -> None:
    (line,) = outcome.err.splitlines()
    assert line.startswith("Error: ")
    assert named in line
    assert (outcome.code, outcome.out) == (2, "")
