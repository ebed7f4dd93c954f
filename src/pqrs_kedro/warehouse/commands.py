"""`kedro warehouse`: the address of the warehouse, and what is published in it."""

import os
import shutil
import sys
from datetime import UTC

import click

from pqrs_kedro.command_line import find_project, refuse, require_run_id
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import RunNotFound


@click.group()
def warehouse() -> None:
    """The warehouse in Postgres: its address, and the runs in it.

    It is the embedded server of the project, which is started where it is down, or the server that
    PQRS_WAREHOUSE_URL names.
    """


@warehouse.command()
def url() -> None:
    """Print the URL for clients, with the password.

    Example: psql "$(kedro warehouse url)" -c "SELECT * FROM gold_kpi_sla_daily_current"
    """
    from pqrs_kedro.warehouse.connection import open_warehouse

    click.echo(open_warehouse(find_project()).url)


@warehouse.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse; ARGUMENTS go to psql.

    Example: kedro warehouse psql -c "SELECT * FROM meta.etl_runs"
    """
    from pqrs_kedro.warehouse.connection import open_warehouse
    from pqrs_kedro.warehouse.placement import place

    opened = open_warehouse(find_project())
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


@warehouse.command()
@click.argument("run_id")
def publish(run_id: str) -> None:
    """Publish RUN_ID from the lake, in place of what is published of it.

    Example: kedro warehouse publish r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.warehouse.connection import open_warehouse
    from pqrs_kedro.warehouse.publish import publish as publish_run

    store = _store(run_id)
    try:
        rows = publish_run(store, run_id, open_warehouse(find_project()))
    except RunNotFound as error:
        refuse(str(error))
    for name, count in rows.items():
        click.echo(f"{name:<30} {count:>10,} rows")


@warehouse.command()
@click.argument("run_id")
def drop(run_id: str) -> None:
    """Drop the tables of RUN_ID; the lake keeps the run, and `meta.etl_runs` its row.

    Example: kedro warehouse drop r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.warehouse.connection import open_warehouse
    from pqrs_kedro.warehouse.runs import drop as drop_run

    require_run_id(run_id)
    drop_run(open_warehouse(find_project()), run_id)
    click.echo(f"dropped {run_id}")


@warehouse.command()
def runs() -> None:
    """List all runs that the warehouse knows, the latest first.

    Example: kedro warehouse runs
    """
    from pqrs_kedro.warehouse.connection import open_warehouse
    from pqrs_kedro.warehouse.runs import list_runs

    found = list_runs(open_warehouse(find_project()))
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


@warehouse.command()
def stop() -> None:
    """Stop the embedded server cleanly; the next run starts it again.

    Example: kedro warehouse stop
    """
    from pqrs_kedro.warehouse.placement import place
    from pqrs_kedro.warehouse.server import EmbeddedServer

    stopped = EmbeddedServer(place(find_project())).stop()
    click.echo("stopped" if stopped else "it was not up")


def _store(run_id: str) -> Store:
    from pqrs_kedro.run.config_loader import project_lake

    require_run_id(run_id)
    return project_lake(find_project(), os.environ.get("KEDRO_ENV"))
