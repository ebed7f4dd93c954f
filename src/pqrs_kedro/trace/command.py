"""`kedro trace`: the story of one ticket on the screen."""

import click
from kedro.framework.cli.utils import env_option
from kedro.io.core import DatasetError
from rich.console import Console

from pqrs_kedro.command_line import json_option, open_lake, print_json, refuse
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.manifest import RunNotFound, latest_run, read_run


@click.command(short_help="Tell the story of a ticket, from raw line to KPI.")
@click.argument("ticket", metavar="TICKET_ID")
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="The run; default: the one that ended last."
)
@json_option
@click.option("--whole-lines", is_flag=True, help="Show raw lines in full, however long they are.")
@env_option
def trace(
    ticket: str, run_id: str | None, as_json: bool, whole_lines: bool, env: str | None
) -> None:
    """Tell the story of TICKET_ID, or of a radicado, from its raw lines to the KPIs.

    Its events with the raw line behind each, what was repaired, repeated and rejected, the due day
    of each SLA cycle counted day by day, and the gold cells that it is counted in. Everything is
    read from the lake. Exit code 1 if no line of the run names the ticket, 2 if ticket or run
    cannot be.

    Example: kedro trace 20261000000012 --run r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.engine import ENGINE
    from pqrs_kedro.trace.story import TicketNotFound, check_ticket, tell_story
    from pqrs_kedro.trace.text import story_lines

    try:
        check_ticket(ticket)
        if run_id is not None:
            check_run_id(run_id)
        _, store = open_lake(env)
        run = read_run(store, run_id or latest_run(store))
        with Console(stderr=True).status(f"reading run {run.run_id} ..."):
            story = tell_story(store, run, ticket)
    except (InvalidInput, RunNotFound, DatasetError) as error:
        refuse(str(error))
    except (TicketNotFound, ObjectChanged) as error:
        raise click.ClickException(str(error)) from None
    finally:
        ENGINE.close()
    if as_json:
        print_json(story.as_json())
    else:
        for line in story_lines(story, whole_lines):
            click.echo(line)
