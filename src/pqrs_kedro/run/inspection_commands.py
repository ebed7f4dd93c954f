"""`kedro lake init|show|verify|gc|retain`: what the lake has of a run, and whether it is intact."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import json_option, open_lake, print_json, refuse, require_run_id
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import CommittedRun, RunNotFound, read_run
from pqrs_kedro.run.objects_of_run import Verification, retain_run, uncommitted, verify_run


@click.command(short_help="Make the lake's bucket where there is none.")
@env_option
def init(env: str | None) -> None:
    """Make the lake's bucket where there is none, with object lock; see that it keeps the rules.

    Example: kedro lake init --env rustfs
    """
    from pqrs_kedro.lake.s3 import S3Store

    store = open_lake(env)[1]
    if not isinstance(store, S3Store):
        click.echo(f"{store.location('')} is a folder: there is nothing to make")
        return
    made = "made" if store.make_bucket() else "is there already"
    store.check()
    click.echo(f"{store.location('')}: the bucket {made}; a key cannot be written twice")


@click.command(short_help="Say what the lake has of a run.")
@click.argument("run_id")
@json_option
@env_option
def show(run_id: str, as_json: bool, env: str | None) -> None:
    """Say what the lake has of RUN_ID: inputs, digest, objects, rows and bytes of each table.

    Example: kedro lake show r20260224T101530Z-3fa9c1
    """
    store = _open(run_id, env)
    try:
        run = read_run(store, run_id)
    except RunNotFound as error:
        refuse(str(error))
    facts = _facts(store, run)
    if as_json:
        print_json(facts | {"datasets": run.manifest["datasets"]})
        return
    for name, value in facts.items():
        click.echo(f"{name:<12} {value}")
    line = "{:<30} {:>8} {:>12} {:>15}"
    click.echo(line.format("table", "objects", "rows", "bytes"))
    for table, counts in run.manifest["datasets"].items():
        numbers = (f"{counts[kind]:,}" for kind in ("objects", "rows", "bytes"))
        click.echo(line.format(table, *numbers))


def _facts(store: Store, run: CommittedRun) -> dict[str, Any]:
    own, given = ("finished_at", "origin", "fingerprint", "digest"), (
        "seed", "date_min", "date_max", "profile",
    )  # fmt: skip
    return {
        "run_id": run.run_id,
        "manifest": store.location(run.manifest_path),
        **{name: run.manifest["inputs"][name] for name in given},
        **{name: run.manifest[name] for name in own},
    }


@click.command(short_help="Hash every object of a run again.")
@click.argument("run_id")
@json_option
@env_option
def verify(run_id: str, as_json: bool, env: str | None) -> None:
    """Read every object of RUN_ID again and compare its hash; name all that are not what they were.

    In a bucket with versions it also names keys that were written more than once. Exit code 1 if
    anything is wrong.

    Example: kedro lake verify r20260224T101530Z-3fa9c1
    """
    store = _open(run_id, env)
    try:
        found = verify_run(store, run_id)
    except RunNotFound as error:
        refuse(str(error))
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(
            f"manifest.json or checksums.json of {run_id} cannot be read: {error}"
        ) from None
    if as_json:
        print_json({"run_id": run_id, "intact": not found.problems, **asdict(found)})
    else:
        _print_verdict(run_id, found)
    sys.exit(1 if found.problems else 0)


def _print_verdict(run_id: str, found: Verification) -> None:
    for problem in found.problems:
        click.echo(f"wrong  {problem}")
    verdict = f"{len(found.problems):,} wrong" if found.problems else "all as they were written"
    click.echo(f"{run_id}: {found.objects:,} objects, {found.bytes:,} bytes: {verdict}")


@click.command(short_help="Find objects of runs that were never committed.")
@json_option
@env_option
def gc(as_json: bool, env: str | None) -> None:
    """Find objects of runs that were never committed. Nothing is removed.

    A run that goes on just now looks the same; `kedro lake purge RUN_ID` removes one that does not.

    Example: kedro lake gc
    """
    found = uncommitted(open_lake(env)[1])
    if as_json:
        print_json([asdict(item) for item in found])
        return
    for item in found:
        layers = ", ".join(item.layers)
        click.echo(
            f"{item.run_id:<26} {item.objects:>8,} objects {item.bytes:>15,} bytes  {layers}"
        )
    total = sum(item.bytes for item in found)
    click.echo(f"{len(found):,} runs without a manifest, {total:,} bytes")


@click.command(short_help="Lock the objects of a run for some days.")
@click.argument("run_id")
@click.option("--days", type=click.IntRange(1, 36_500), required=True, help="From now on.")
@env_option
def retain(run_id: str, days: int, env: str | None) -> None:
    """Lock the objects of RUN_ID, so that none can be deleted for some days.

    The bucket needs object lock. `retention_days` of conf/rustfs does it after every run.

    Example: kedro lake retain r20260224T101530Z-3fa9c1 --days 365 --env rustfs
    """
    store = _open(run_id, env)
    try:
        store.check(locking=True)
        count = retain_run(store, run_id, days, datetime.now(UTC))
    except RunNotFound as error:
        refuse(str(error))
    click.echo(f"{run_id}: {count:,} objects are locked for {days} days")


def _open(run_id: str, env: str | None) -> Store:
    require_run_id(run_id)
    return open_lake(env)[1]


COMMANDS = (init, show, verify, gc, retain)
