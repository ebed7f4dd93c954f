"""`kedro lake init|show|verify|gc|retain`: what the lake has of a run, and whether it is intact."""

import sys
from datetime import UTC, datetime

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import open_lake, refuse, require_run_id
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import RunNotFound, read_run
from pqrs_kedro.run.objects_of_run import retain_run, uncommitted, verify_run


@click.command()
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


@click.command()
@click.argument("run_id")
@env_option
def show(run_id: str, env: str | None) -> None:
    """Say what the lake has of RUN_ID: inputs, digest, objects, rows and bytes of each table.

    Example: kedro lake show r20260224T101530Z-3fa9c1
    """
    store = _open(run_id, env)
    try:
        run = read_run(store, run_id)
    except RunNotFound as error:
        refuse(str(error))
    inputs = run.manifest["inputs"]
    for name, value in (
        ("run_id", run_id),
        ("manifest", store.location(run.manifest_path)),
        ("finished", run.manifest["finished_at"]),
        ("seed", inputs["seed"]),
        ("dates", f"{inputs['date_min']} to {inputs['date_max']}"),
        ("profile", inputs["profile"]),
        ("fingerprint", run.manifest["fingerprint"]),
        ("digest", run.manifest["digest"]),
    ):
        click.echo(f"{name:<12} {value}")
    line = "{:<30} {:>8} {:>12} {:>15}"
    click.echo(line.format("table", "objects", "rows", "bytes"))
    for table, counts in run.manifest["datasets"].items():
        numbers = (f"{counts[kind]:,}" for kind in ("objects", "rows", "bytes"))
        click.echo(line.format(table, *numbers))


@click.command()
@click.argument("run_id")
@env_option
def verify(run_id: str, env: str | None) -> None:
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
    for problem in found.problems:
        click.echo(f"wrong  {problem}")
    verdict = f"{len(found.problems):,} wrong" if found.problems else "all as they were written"
    click.echo(f"{run_id}: {found.objects:,} objects, {found.bytes:,} bytes: {verdict}")
    sys.exit(1 if found.problems else 0)


@click.command()
@env_option
def gc(env: str | None) -> None:
    """Find objects of runs that were never committed. Nothing is removed.

    A run that goes on just now looks the same; `kedro lake purge RUN_ID` removes one that does not.

    Example: kedro lake gc
    """
    found = uncommitted(open_lake(env)[1])
    for item in found:
        layers = ", ".join(item.layers)
        click.echo(
            f"{item.run_id:<26} {item.objects:>8,} objects {item.bytes:>15,} bytes  {layers}"
        )
    total = sum(item.bytes for item in found)
    click.echo(f"{len(found):,} runs without a manifest, {total:,} bytes")


@click.command()
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
