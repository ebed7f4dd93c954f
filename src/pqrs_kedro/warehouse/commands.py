"""`kedro warehouse`: the address of the warehouse, and what is published in it."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import (
    chosen_environment,
    find_project,
    json_option,
    open_lake,
    print_json,
    refuse,
    require_run_id,
)
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import RunNotFound, committed_runs

if TYPE_CHECKING:
    from pqrs_kedro.warehouse.connection import Warehouse


@click.group(short_help="Postgres: its address, and the runs in it.")
def warehouse() -> None:
    """The warehouse in Postgres: its address, and the runs in it.

    It is the embedded server of the project, which is started where it is down, or the server that
    PQRS_WAREHOUSE_URL names; with --env rustfs always the latter.
    """


@warehouse.command(short_help="Print the URL for clients, with the password.")
@env_option
def url(env: str | None) -> None:
    """Print the URL for clients, with the password.

    Example: psql "$(kedro warehouse url)" -c "SELECT * FROM gold_kpi_sla_daily_current"
    """
    click.echo(_opened(env).url)


@warehouse.command(
    short_help="Open psql on the warehouse.", context_settings={"ignore_unknown_options": True}
)
@click.option("--env", help="Kedro environment, such as rustfs.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], env: str | None) -> None:
    """Open psql on the warehouse; ARGUMENTS go to psql.

    Example: kedro warehouse psql -c "SELECT * FROM meta.etl_runs"
    """
    from pqrs_kedro.warehouse.placement import place

    opened = _opened(env)
    shipped = place(find_project()).programs / "psql"
    program = shutil.which("psql") or str(shipped)
    sys.stdout.flush()
    # The password goes by the environment: other users see a command's arguments.
    environment = {**os.environ, **_libpq(opened.url)}
    os.execve(program, [program, *arguments], environment)  # noqa: S606  (no shell is meant)


def _libpq(address: str) -> dict[str, str]:
    """The URL as libpq's environment variables."""
    from psycopg.conninfo import conninfo_to_dict

    known = {
        "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
        "dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
        "options": "PGOPTIONS",
    }  # fmt: skip
    given = conninfo_to_dict(address)
    return {name: str(given[key]) for key, name in known.items() if given.get(key)}


@warehouse.command(short_help="Bring the schema to its newest form.")
@env_option
def migrate(env: str | None) -> None:
    """Bring the schema to its newest form: tables, roles, grants, and PostGIS where there is one.

    A run does the same where its user may; a user of pqrs_etl may not. It can be repeated, say
    after PostGIS was installed.

    Example: PQRS_WAREHOUSE_URL=postgresql://admin@host/pqrs kedro warehouse migrate
    """
    from pqrs_kedro.warehouse.migrate import head

    opened = _opened(env, again=True)
    click.echo(f"schema {head()}, geometry: {opened.geometry_type()}")


@warehouse.command(short_help="Publish a run, or all, from the lake.")
@click.argument("run_id", required=False)
@click.option("--all", "every", is_flag=True, help="All committed runs of the lake, in order.")
@env_option
def publish(run_id: str | None, every: bool, env: str | None) -> None:
    """Publish RUN_ID from the lake, in place of what is published of it.

    With --all an empty warehouse is built anew from the lake alone.

    Example: kedro warehouse publish r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.warehouse.publish import publish as publish_run

    if (run_id is None) != every:
        refuse("give a RUN_ID, or --all")
    store = _store(run_id, env)
    wanted = committed_runs(store) if run_id is None else [run_id]
    try:
        opened = _opened(env)
        for one in wanted:
            rows = publish_run(store, one, opened)
            if every:
                click.echo(f"{one:<30} {sum(rows.values()):>10,} rows")
    except RunNotFound as error:
        refuse(str(error))
    if not every:
        for name, count in rows.items():
            click.echo(f"{name:<30} {count:>10,} rows")


@warehouse.command(short_help="Hold published runs against the lake.")
@click.argument("run_id", required=False)
@json_option
@env_option
def verify(run_id: str | None, as_json: bool, env: str | None) -> None:
    """Hold RUN_ID, or all published runs, against the lake: every row of every table.

    Exit code 1 if something differs.

    Example: kedro warehouse verify r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.warehouse.runs import list_runs
    from pqrs_kedro.warehouse.verify import problems

    store = _store(run_id, env)
    opened = _opened(env)
    published = [str(run["run_id"]) for run in list_runs(opened) if run["published_at"]]
    verdicts = []
    for one in published if run_id is None else [run_id]:
        found = list(problems(store, opened, one))
        verdicts.append({"run_id": one, "equal": not found, "problems": found})
        if not as_json:
            click.echo("\n  ".join([f"{one}  {'differs' if found else 'equal'}", *found]))
    if as_json:
        print_json(verdicts)
    sys.exit(0 if all(verdict["equal"] for verdict in verdicts) else 1)


@warehouse.command(short_help="Drop the tables of a run; the lake keeps it.")
@click.argument("run_id")
@env_option
def drop(run_id: str, env: str | None) -> None:
    """Drop the tables of RUN_ID; the lake keeps the run, and `meta.etl_runs` its row.

    Example: kedro warehouse drop r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.warehouse.runs import drop as drop_run

    require_run_id(run_id)
    drop_run(_opened(env), run_id)
    click.echo(f"dropped {run_id}")


@warehouse.command(short_help="List all runs that the warehouse knows.")
@json_option
@env_option
def runs(as_json: bool, env: str | None) -> None:
    """List all runs that the warehouse knows, the latest first.

    Example: kedro warehouse runs
    """
    from pqrs_kedro.warehouse.runs import list_runs

    found = list_runs(_opened(env))
    if as_json:
        print_json(found)
        return
    _print_runs(found)


def _print_runs(found: Sequence[Mapping[str, Any]]) -> None:
    # Plain columns, which no terminal is too narrow for: run ids are there to be copied.
    line = "{:<26} {:<10} {:<9} {:<20} {:>10} {:<25} {:>12}  {}"
    click.echo(
        line.format(
            "run_id",
            "status",
            "origin",
            "started (UTC)",
            "seed",
            "dates",
            "silver rows",
            "published",
        )
    )
    for run in found:
        rows = "" if run["silver_rows"] is None else f"{run['silver_rows']:,}"
        started = f"{run['started_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        seed = "" if run["seed"] is None else run["seed"]
        dates = f"{run['date_min']} to {run['date_max']}"
        published = "yes" if run["published_at"] else "no"
        click.echo(
            line.format(
                run["run_id"], run["status"], run["origin"], started, seed, dates, rows, published
            )
        )


@warehouse.command(short_help="Stop the embedded server cleanly.")
def stop() -> None:
    """Stop the embedded server cleanly; the next run starts it again.

    Example: kedro warehouse stop
    """
    from pqrs_kedro.warehouse.placement import place
    from pqrs_kedro.warehouse.server import EmbeddedServer

    stopped = EmbeddedServer(place(find_project())).stop()
    click.echo("stopped" if stopped else "it was not up")


def _opened(env: str | None, again: bool = False) -> "Warehouse":
    """The warehouse of an environment."""
    from pqrs_kedro.run.config_loader import project_globals
    from pqrs_kedro.run.stores import require_warehouse
    from pqrs_kedro.warehouse.connection import open_warehouse

    project = find_project()
    require_warehouse(project_globals(project, chosen_environment(env)))
    return open_warehouse(project, again=again)


def _store(run_id: str | None, env: str | None) -> Store:
    if run_id is not None:
        require_run_id(run_id)
    return open_lake(env)[1]
