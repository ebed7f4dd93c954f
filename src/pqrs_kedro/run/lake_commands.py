"""`kedro lake`: the runs in the lake, and the one way to remove one."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click
from kedro.framework.cli.utils import env_option
from kedro.framework.startup import bootstrap_project
from kedro.utils import find_kedro_project

from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.config_loader import project_lake
from pqrs_kedro.run.manifest import RunNotFound, manifests


@click.group()
def lake() -> None:
    """The lake: the runs in it, and the removal of one."""


@lake.command("ls")
@env_option
def list_lake(env: str | None) -> None:
    """List the committed runs, the latest first, and the purged ones.

    Example: kedro lake ls
    """
    _, store = _open(env)
    line = "{:<26} {:<10} {:<25} {:>12}  {}"
    click.echo(line.format("run_id", "origin", "dates", "raw lines", "digest"))
    for run in sorted(manifests(store), key=lambda run: str(run["finished_at"]), reverse=True):
        dates = f"{run['inputs']['date_min']} to {run['inputs']['date_max']}"
        lines = f"{run['rows_by_layer']['raw']:,}"
        click.echo(line.format(run["run_id"], run["origin"], dates, lines, run["digest"]))
    for key in store.glob("tombstones/run_id=*/tombstone.json"):
        run_id = key.split("/")[1].removeprefix("run_id=")
        click.echo(line.format(run_id, "purged", "", "", store.location(key)))


@lake.command()
@click.argument("run_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", help="Why, in a few words without personal data; the tombstone keeps it.")
@env_option
def purge(run_id: str, yes: bool, reason: str | None, env: str | None) -> None:
    """Remove everything of RUN_ID, for good: objects of all layers, log, report, warehouse rows.

    What stays is a tombstone that says when and what; the run id is never used again. A run that
    was stopped can be purged as well, and so can a purge that was: do it again.

    Example: kedro lake purge r20260224T101530Z-3fa9c1 --reason "names in it"
    """
    from pqrs_kedro.run.purge import find_remains
    from pqrs_kedro.run.purge import purge as purge_run
    from pqrs_kedro.warehouse.connection import open_warehouse

    try:
        check_run_id(run_id)
        project, store = _open(env)
        warehouse = open_warehouse(project)
        remains = find_remains(project, store, run_id, warehouse)
        if remains.is_gone:
            click.echo(f"{run_id} is purged already: {store.location(str(remains.tombstone))}")
            return
        if not yes:
            _ask(f"Remove {run_id} for good: {len(remains.keys):,} objects, and its tables?")
        tombstone = purge_run(project, store, remains, warehouse, reason)
    except (InvalidInput, RunNotFound) as error:
        _refuse(str(error))
    for twin in remains.twins:
        click.echo(f"{twin} has lines of the same files: kedro lake purge {twin}")
    click.echo(f"purged {run_id}: {len(remains.keys):,} objects; {store.location(tombstone)}")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        _refuse("--yes: is needed where nobody can be asked")
    click.confirm(question, abort=True)


def _open(env: str | None) -> tuple[Path, Store]:
    project = Path(find_kedro_project(Path.cwd()) or Path.cwd())
    bootstrap_project(project)
    return project, project_lake(project, env or os.environ.get("KEDRO_ENV"))


def _refuse(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)
