"""`kedro sql`: a query to the lake or to the warehouse."""

from pathlib import Path

import click
from kedro.framework.cli.utils import env_option

from pqrs_kedro.command_line import chosen_environment, open_project, refuse
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.config_loader import latest_pointer, project_globals, project_lake
from pqrs_kedro.run.manifest import RunNotFound, committed_runs, read_run
from pqrs_kedro.run.query import FORMATS, Output, ask_lake, ask_warehouse
from pqrs_kedro.run.stores import require_warehouse


@click.command("sql", short_help="Answer a query from a run, or from Postgres.")
@click.argument("query")
@click.option("--run", "run_id", help="Run of the lake; default: the last finished one.")
@click.option("--warehouse", "served", is_flag=True, help="Ask Postgres in place of the lake.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: by the ending of --output, else a table on the screen.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@env_option
def sql(
    query: str,
    run_id: str | None,
    served: bool,
    form: str | None,
    output: Path | None,
    force: bool,
    env: str | None,
) -> None:
    """Answer QUERY from a run in the lake, with DuckDB: a view for each table of the dictionary.

    With --warehouse from Postgres, which is only read; there, take the views <table>_current.

    Example: kedro sql "SELECT pqrs_type, count(*) FROM silver_tickets GROUP BY ALL"
    """
    project, env = open_project(), chosen_environment(env)
    try:
        target = Output.of(form, output, force)
        if served and run_id is not None:
            raise InvalidInput(
                "--run: is for the lake; in the warehouse say WHERE run_id = '...', or read the "
                "views <table>_current"
            )
        if not served:
            store = project_lake(project, env)
            ask_lake(store, _wanted(project, store, run_id, env), query, target)
            return
    except (InvalidInput, RunNotFound) as error:
        refuse(str(error))
    from pqrs_kedro.warehouse.connection import open_warehouse

    require_warehouse(project_globals(project, env))
    ask_warehouse(open_warehouse(project), query, target)


def _wanted(project: Path, store: Store, run_id: str | None, env: str | None) -> str:
    """The run that is asked: as named, else the last one of this project, else of the lake."""
    pointer = latest_pointer(project, env)
    if run_id is None and pointer.is_file():
        run_id = pointer.read_text(encoding="utf-8").strip()
    if run_id is None:
        run_id = next(iter(committed_runs(store)[-1:]), None)
    if run_id is None:
        raise RunNotFound(f"there is no run in the lake {store.location('')} yet: kedro run")
    return read_run(store, check_run_id(run_id)).run_id
