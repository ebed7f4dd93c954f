"""`kedro lake`: the runs in the lake, and the one way to remove one."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import json_option, open_lake, print_json, refuse
from pqrs_kedro.lake.layout import tombstone_key, tombstone_pattern
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.manifest import RunNotFound, manifests

if TYPE_CHECKING:
    from pqrs_kedro.run.purge import Remains


@click.group(short_help="The runs in the lake: list, verify, lock, remove.")
def lake() -> None:
    """The lake: the runs in it, and the removal of one."""


@lake.command("ls", short_help="List the committed runs, and the purged ones.")
@json_option
@env_option
def list_lake(as_json: bool, env: str | None) -> None:
    """List the committed runs, the latest first, and the purged ones.

    Example: kedro lake ls

    Example: kedro lake ls --json | jq -r '.[].run_id'
    """
    _, store = open_lake(env)
    runs = [*_committed(store), *_purged(store)]
    if as_json:
        print_json(runs)
        return
    line = "{:<26} {:<10} {:<25} {:>12}  {}"
    click.echo(line.format("run_id", "origin", "dates", "raw lines", "digest"))
    for run in runs:
        if run["status"] == "purged":
            click.echo(line.format(run["run_id"], "purged", "", "", run["tombstone"]))
            continue
        dates, lines = f"{run['date_min']} to {run['date_max']}", f"{run['raw_lines']:,}"
        click.echo(line.format(run["run_id"], run["origin"], dates, lines, run["digest"]))


def _committed(store: Store) -> Iterator[dict[str, Any]]:
    for run in sorted(manifests(store), key=lambda run: str(run["finished_at"]), reverse=True):
        yield {
            "run_id": run["run_id"],
            "status": "committed",
            "origin": run["origin"],
            "declared": run.get("declared"),
            "date_min": run["inputs"]["date_min"],
            "date_max": run["inputs"]["date_max"],
            "raw_lines": run["rows_by_layer"]["raw"],
            "finished_at": run["finished_at"],
            "digest": run["digest"],
        }


def _purged(store: Store) -> Iterator[dict[str, Any]]:
    for key in store.glob(tombstone_pattern()):
        run_id = json.loads(store.read(key))["run_id"]
        yield {"run_id": run_id, "status": "purged", "tombstone": store.location(key)}


@lake.command(short_help="Remove everything of a run, for good.")
@click.argument("run_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", help="Why, in a few words without personal data; the tombstone keeps it.")
@json_option
@env_option
def purge(run_id: str, yes: bool, reason: str | None, as_json: bool, env: str | None) -> None:
    """Remove everything of RUN_ID, for good: objects of all layers, log, report, warehouse rows.

    What stays is a tombstone that says when and what; the run id is never used again. A run that
    was stopped can be purged as well, and so can a purge that was: do it again.

    Exit code 0 if nothing of the run is left; 1 if its tables are held or it was not confirmed; 2
    if there is no such run, or it is under way.

    Example: kedro lake purge r20260224T101530Z-3fa9c1 --reason "names in it"
    """
    from pqrs_kedro.run.purge import find_remains
    from pqrs_kedro.run.purge import purge as purge_run
    from pqrs_kedro.warehouse.connection import open_warehouse

    try:
        check_run_id(run_id)
        project, store = open_lake(env)
        warehouse = open_warehouse(project)
        remains = find_remains(project, store, run_id, warehouse)
        if not remains.is_gone:
            if not yes:
                _ask(f"Remove {run_id} for good: {len(remains.keys):,} objects, and its tables?")
            purge_run(project, store, remains, warehouse, reason)
    except (InvalidInput, RunNotFound) as error:
        refuse(str(error))
    _say_purged(remains, store.location(tombstone_key(run_id)), as_json)


def _say_purged(remains: "Remains", tombstone: str, as_json: bool) -> None:
    run_id = remains.run_id
    if as_json:
        content = {
            "run_id": run_id,
            "already_purged": remains.is_gone,
            "removed_objects": len(remains.keys),
            "tombstone": tombstone,
            "runs_of_same_files": list(remains.twins),
        }
        print_json(content)
        return
    for twin in remains.twins:
        click.echo(f"{twin} has lines of the same files: kedro lake purge {twin}")
    if remains.is_gone:
        click.echo(f"{run_id} is purged already: {tombstone}")
    else:
        click.echo(f"purged {run_id}: {len(remains.keys):,} objects; {tombstone}")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        refuse("--yes: is needed where nobody can be asked")
    click.confirm(question, abort=True, err=True)
