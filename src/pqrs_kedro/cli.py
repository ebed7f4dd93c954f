"""The project's own commands, found by Kedro.

`kedro import-raw | reproduce | accept | truth | lake | warehouse`.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from kedro.framework.cli.utils import _split_params, env_option
from kedro.framework.startup import bootstrap_project
from kedro.utils import find_kedro_project
from rich.console import Console
from rich.table import Table

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.config_loader import project_lake
from pqrs_kedro.run.lake_commands import lake
from pqrs_kedro.run.manifest import RunNotFound, read_run
from pqrs_kedro.warehouse.commands import warehouse

if TYPE_CHECKING:
    from pqrs_kedro.run.truth import FieldAgreement


@click.group(name="pqrs_kedro")
def cli() -> None:
    """Commands of pqrs_kedro."""


cli.add_command(lake)
cli.add_command(warehouse)


_DECLARATIONS = ("synthetic", "anonymised")


@cli.command("import-raw")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--declare", metavar="|".join(_DECLARATIONS), help="What the lines are. Required.")
@click.option(
    "--source",
    type=click.Choice(["auto", *CHANNEL_IDS]),
    default="auto",
    show_default=True,
    help="Channel of all lines; auto: each line says its own.",
)
@click.option("--run-id", help="Run id of the import; without it a new one.")
@click.option(
    "--params",
    default="",
    callback=_split_params,
    help="Parameters as of kedro run, such as profile=ley1755.",
)
@env_option
def import_raw(
    files: tuple[Path, ...],
    declare: str | None,
    source: str,
    run_id: str | None,
    params: dict[str, Any],
    env: str | None,
) -> None:
    """Import FILES of raw events as a run: ingestion to reporting on lines of your own.

    FILES are JSON Lines that follow docs/raw_events.md. Every line is kept as it is: what is no
    event goes into quarantine with its reason, and is counted. Nothing is written before the files
    have been read and found to be of raw events.

    The lake is append-only and never forgets by itself, so it is no place for real personal data:
    say with --declare that the lines are synthetic, or anonymised. kedro lake purge removes a run.

    Example: kedro import-raw --declare synthetic --params profile=ley1755 january.jsonl
    """
    from pqrs_kedro.run.import_raw import import_raw as run_import

    if declare not in _DECLARATIONS:
        said = "is missing" if declare is None else f"{declare!r} is not allowed"
        _refuse(
            f"--declare: {said}; say that the lines are {' or '.join(_DECLARATIONS)}: real "
            "personal data does not belong in a lake that only grows (docs/import.md)"
        )
    given = params if run_id is None else {**params, "run_id": run_id}
    project = Path(find_kedro_project(Path.cwd()) or Path.cwd())
    try:
        run_import(project, files, declare, source, given, env)
    except InvalidInput as error:
        _refuse(str(error))


@cli.command()
@click.argument("run_id")
@env_option
def reproduce(run_id: str, env: str | None) -> None:
    """Run RUN_ID again from its manifest and compare every count and hash.

    The repetition is an ordinary run under a new run id. Exit code 1 on any difference.

    Example: kedro reproduce r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.reproduce import reproduce as reproduce_run

    project, store = _open(run_id, env)
    try:
        result = reproduce_run(project, store, run_id, env)
    except RunNotFound as error:
        _refuse(str(error))
    console = _console()
    console.print(f"\n{run_id} against its repetition {result.repetition.run_id}")
    table = Table("table", "objects", "rows", "differing objects", box=None, padding=(0, 2, 0, 0))
    for name, objects, rows, differing in result.by_dataset():
        table.add_row(name, f"{objects:,}", f"{rows:,}", f"{differing:,}")
    console.print(table)
    for line in result.changed_inputs:
        console.print(f"changed input  {line}")
    for item in result.differences[:10]:
        console.print(f"differs  {item}")
    verdict = "different" if result.differences else "identical"
    console.print(f"{verdict}: digest {result.original.manifest['digest']}")
    sys.exit(1 if result.differences else 0)


@cli.command()
@click.argument("run_id")
@env_option
def accept(run_id: str, env: str | None) -> None:
    """Check the acceptance criteria of RUN_ID against what is in the lake and in Postgres.

    Exit code 1 if one does not hold.

    Example: kedro accept r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.acceptance import check_acceptance
    from pqrs_kedro.warehouse.connection import open_warehouse

    project, store = _open(run_id, env)
    try:
        read_run(store, run_id)
        criteria = check_acceptance(store, run_id, open_warehouse(project))
    except RunNotFound as error:
        _refuse(str(error))
    for item in criteria:
        mark = "PASS" if item.holds else "FAIL"
        _console().print(f"criterion {item.number}  {mark}  {item.text}: {item.finding}")
    sys.exit(0 if all(item.holds for item in criteria) else 1)


@cli.command()
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@env_option
def truth(run_id: str, as_json: bool, env: str | None) -> None:
    """Hold what the pipelines recovered of RUN_ID against what its generator decided.

    Each fact of each ticket in silver is compared with the run's ledger. With an end of
    observation, what could not be seen by then counts as unobserved. Exit code 1 if a fact differs.

    Example: kedro truth r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.truth import validate_truth

    _, store = _open(run_id, env)
    try:
        fields = validate_truth(store, read_run(store, run_id))
    except RunNotFound as error:
        _refuse(str(error))
    recovered = not any(field.differ for field in fields)
    if as_json:
        content = {
            "run_id": run_id,
            "recovered": recovered,
            "fields": [field.as_json() for field in fields],
        }
        click.echo(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        _print_agreement(run_id, fields, recovered)
    sys.exit(0 if recovered else 1)


def _print_agreement(run_id: str, fields: "Sequence[FieldAgreement]", recovered: bool) -> None:
    console = _console()
    console.print(f"{run_id}: silver against the ledger, in tickets")
    table = Table("field", box=None, padding=(0, 2, 0, 0))
    for title in ("agree", "unobserved", "differ"):
        table.add_column(title, justify="right")
    for item in fields:
        table.add_row(item.field, f"{item.agree:,}", f"{item.unobserved:,}", f"{item.differ:,}")
    console.print(table)
    for item in fields:
        for example in item.examples:
            facts = "  ".join(f"{name} {value}" for name, value in example.items())
            console.print(f"differs  {item.field}: {facts}")
    console.print("recovered" if recovered else "not recovered")


def _open(run_id: str, env: str | None) -> tuple[Path, Store]:
    """The project and its lake, once the run id is known to be harmless."""
    try:
        check_run_id(run_id)
    except InvalidInput as error:
        _refuse(str(error))
    project = Path(find_kedro_project(Path.cwd()) or Path.cwd())
    bootstrap_project(project)
    return project, project_lake(project, env or os.environ.get("KEDRO_ENV"))


def _refuse(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
