"""The manners of all commands: help that is whole, exit codes, and JSON for programs."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import click
import psycopg
import pytest
from tests.conftest import ForkedKedro, Outcome, Project, Run
from tests.runs import link_run

from pqrs_kedro.cli import TOPICS, cli

pytestmark = pytest.mark.xdist_group("doc")

MakeProject = Callable[[], Project]
# Columns that Kedro leaves for the help of a command of the longest name, in 80.
SHORT = 59


def every_command(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)


COMMANDS = dict(every_command(cli))
GROUPS = {path: item for path, item in COMMANDS.items() if isinstance(item, click.Group)}
LEAVES = {path: item for path, item in COMMANDS.items() if path not in GROUPS}


def ids(commands: dict[tuple[str, ...], Any]) -> list[Any]:
    return [pytest.param(path, id="-".join(path)) for path in commands]


def takes(argument: str) -> dict[tuple[str, ...], Any]:
    """The commands with an argument of a name."""
    return {
        path: item for path, item in LEAVES.items()
        if any(p.name == argument and isinstance(p, click.Argument) for p in item.params)
    }  # fmt: skip


@pytest.fixture(scope="module")
def project(documento_run: Run) -> Project:
    """The finished run's project; the commands below leave it as it is."""
    return documento_run.project


# Help


@pytest.mark.parametrize("path", ids(COMMANDS))
def test_a_command_has_a_short_help_that_is_a_whole_sentence(path: tuple[str, ...]) -> None:
    text = COMMANDS[path].short_help
    assert text
    assert text.endswith(".")
    assert len(text) <= SHORT
    assert "..." not in text


@pytest.mark.parametrize("group", [pytest.param((), id="all"), *ids(GROUPS)])
def test_the_help_lists_every_command_on_one_line_of_its_own(
    group: tuple[str, ...], project: Project, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(project, *group, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    for path, command in COMMANDS.items():
        if path[:-1] == group:
            assert re.search(
                rf"^  {path[-1]} +{re.escape(command.short_help)}$", outcome.out, re.MULTILINE
            )


def test_the_help_has_the_commands_by_topic(project: Project, forked_kedro: ForkedKedro) -> None:
    out = forked_kedro(project, "--help").out
    for topic, commands in TOPICS.items():
        (line,) = re.findall(rf"^  {topic} +(.+)$", out, re.MULTILINE)
        for command in commands:
            names = command.commands if isinstance(command, click.Group) else [command.name]
            assert set(names) <= set(re.split(r"[ ,]+", line))
    assert sorted(str(c.name) for part in TOPICS.values() for c in part) == sorted(cli.commands)


# Exit codes


def assert_usage(outcome: Outcome, named: str) -> None:
    assert (outcome.code, outcome.out) == (2, "")
    assert named in outcome.err
    assert "Traceback" not in outcome.err


# psql takes every option: they are its own.
@pytest.mark.parametrize("path", ids({p: c for p, c in LEAVES.items() if p[-1] != "psql"}))
def test_an_unknown_option_is_wrong_usage(
    path: tuple[str, ...], project: Project, forked_kedro: ForkedKedro
) -> None:
    assert_usage(forked_kedro(project, *path, "--no-such-option"), "--no-such-option")


def needed(path: tuple[str, ...]) -> tuple[str, ...]:
    """What a command must be told beside its argument."""
    return ("--days", "1") if path[-1] == "retain" else ()


OF_A_RUN = takes("run_id") | takes("sweep_id")


@pytest.mark.parametrize("path", ids(OF_A_RUN))
def test_a_hostile_id_is_wrong_usage(
    path: tuple[str, ...], project: Project, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(project, *path, "../x", *needed(path))
    assert_usage(outcome, "'../x' is not allowed")
    assert len(outcome.err.splitlines()) == 1


# A folder has no lock to retain with.
ASKED_OTHERWISE = (("lake", "retain"),)


@pytest.mark.parametrize(
    "path",
    ids({p: c for p, c in OF_A_RUN.items() if p not in ASKED_OTHERWISE}),
)
def test_a_run_that_is_not_there_is_wrong_usage(
    path: tuple[str, ...], project: Project, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(project, *path, "never-run")
    assert_usage(outcome, "never-run")
    assert len(outcome.err.splitlines()) == 1


# JSON


def answer(outcome: Outcome, code: int = 0) -> Any:
    """The one JSON value on standard output."""
    assert outcome.code == code, outcome.err
    return json.loads(outcome.out)


def test_what_the_lake_has_of_a_run_as_json(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    shown = answer(forked_kedro(project, "lake", "show", documento_run.run_id, "--json"))
    manifest = documento_run.document("manifest.json")
    for name in ("run_id", "digest", "fingerprint", "finished_at", "origin", "datasets"):
        assert shown[name] == manifest[name]
    for name in ("seed", "date_min", "date_max", "profile"):
        assert shown[name] == manifest["inputs"][name]
    listed = answer(forked_kedro(project, "lake", "ls", "--json"))
    assert documento_run.digest in {run["digest"] for run in listed}


def test_verification_as_json(
    documento_run: Run, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    link_run(documento_run, project.lake, "mine")
    verified = answer(forked_kedro(project, "lake", "verify", "mine", "--json"))
    files = [*documento_run.data_objects(), *documento_run.lake.glob("logs/**/pipeline.log")]
    assert verified == {
        "run_id": "mine", "intact": True, "objects": len(files),
        "bytes": sum(path.stat().st_size for path in files), "problems": [],
    }  # fmt: skip
    path = min(project.lake.glob("gold/kpi_sla/day=*/run_id=mine/*"))
    path.unlink()
    wrong = answer(forked_kedro(project, "lake", "verify", "mine", "--json"), code=1)
    assert wrong["intact"] is False
    assert wrong["problems"] == [f"{path.relative_to(project.lake).as_posix()}: missing"]


def test_what_was_never_committed_as_json(
    documento_run: Run, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    link_run(documento_run, project.lake, "mine")
    assert answer(forked_kedro(project, "lake", "gc", "--json")) == []
    link_run(documento_run, project.lake, "half", layers=("gold",))
    files = [path for path in project.lake.glob("gold/**/run_id=half/*")]
    (found,) = answer(forked_kedro(project, "lake", "gc", "--json"))
    assert found == {
        "run_id": "half", "objects": len(files), "layers": ["gold"],
        "bytes": sum(path.stat().st_size for path in files),
    }  # fmt: skip


def test_the_warehouse_and_acceptance_as_json(
    project: Project, documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    run_id = documento_run.run_id
    (row,) = answer(forked_kedro(project, "warehouse", "runs", "--json"))
    manifest = documento_run.document("manifest.json")
    assert (row["run_id"], row["status"], row["seed"]) == (run_id, "completed", 42)
    assert (row["date_min"], row["date_max"]) == ("2026-01-08", "2026-01-12")
    assert row["silver_rows"] == manifest["rows_by_layer"]["silver"]
    equal = [{"run_id": run_id, "equal": True, "problems": []}]
    assert answer(forked_kedro(project, "warehouse", "verify", "--json")) == equal
    accepted = answer(forked_kedro(project, "accept", run_id, "--json"))
    assert (accepted["run_id"], accepted["accepted"]) == (run_id, True)
    assert [item["number"] for item in accepted["criteria"]] == [1, 2, 3, 4, 5]
    assert all(item["holds"] and item["finding"] for item in accepted["criteria"])


def test_what_does_not_hold_is_named_in_json(
    documento_run: Run, make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    link_run(documento_run, project.lake, "mine")
    unpublished = answer(forked_kedro(project, "accept", "mine", "--json"), code=1)
    assert unpublished["accepted"] is False
    assert [item["number"] for item in unpublished["criteria"] if not item["holds"]] == [4]
    assert forked_kedro(project, "warehouse", "publish", "mine").code == 0
    with psycopg.connect(project.warehouse_url, autocommit=True) as one:
        one.execute("DELETE FROM gold_run_summary WHERE measure = 'unclassified'")
    (wrong,) = answer(forked_kedro(project, "warehouse", "verify", "mine", "--json"), code=1)
    assert (wrong["run_id"], wrong["equal"]) == ("mine", False)
    (problem,) = wrong["problems"]
    assert "gold_run_summary" in problem
