"""The project's own commands, found by Kedro: `kedro --help` lists them."""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from kedro.framework.cli.utils import env_option
from kedro.io.core import DatasetError
from rich.console import Console
from rich.table import Table

from pqrs_kedro.command_line import (
    chosen_environment,
    json_option,
    open_lake,
    print_json,
    refuse,
    require_run_id,
)
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.lake.store import Store
from pqrs_kedro.lineage.command import lineage
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.calendar_report import FORMATS, write_impact
from pqrs_kedro.run.config_loader import project_globals, project_parameters
from pqrs_kedro.run.import_command import import_raw
from pqrs_kedro.run.inspection_commands import COMMANDS
from pqrs_kedro.run.lake_commands import lake
from pqrs_kedro.run.manifest import RunNotFound, read_run
from pqrs_kedro.run.query_command import sql
from pqrs_kedro.run.stops import Terminated, stop_signals
from pqrs_kedro.run.stores import require_warehouse
from pqrs_kedro.sweep.commands import sweep
from pqrs_kedro.trace.command import trace
from pqrs_kedro.warehouse.commands import warehouse

if TYPE_CHECKING:
    from pqrs_kedro.run.reproduce import Reproduction
    from pqrs_kedro.run.truth import FieldAgreement


@click.group(name="pqrs_kedro")
def cli() -> None:
    """Commands of pqrs_kedro."""


cli.add_command(import_raw)
cli.add_command(lake)
cli.add_command(sweep)
cli.add_command(warehouse)
cli.add_command(sql)
for command in COMMANDS:
    lake.add_command(command)
cli.add_command(trace)
cli.add_command(lineage)


@cli.command(short_help="Run a run again and compare every hash.")
@click.argument("run_id")
@json_option
@env_option
def reproduce(run_id: str, as_json: bool, env: str | None) -> None:
    """Run RUN_ID again from its manifest and compare every count and hash.

    The repetition is an ordinary run under a new run id. Exit code 1 on any difference.

    Example: kedro reproduce r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.reproduce import reproduce as reproduce_run

    project, store = _open(run_id, env)
    progress = Console(stderr=as_json, highlight=False, soft_wrap=True)
    try:
        result = reproduce_run(project, store, run_id, env, progress)
    except RunNotFound as error:
        refuse(str(error))
    if as_json:
        print_json(result.as_json())
    else:
        _print_reproduction(run_id, result)
    sys.exit(1 if result.differences else 0)


def _print_reproduction(run_id: str, result: "Reproduction") -> None:
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


@cli.command(short_help="Check the acceptance criteria of a run.")
@click.argument("run_id")
@json_option
@env_option
def accept(run_id: str, as_json: bool, env: str | None) -> None:
    """Check the acceptance criteria of RUN_ID against what is in the lake and in Postgres.

    Exit code 1 if one does not hold.

    Example: kedro accept r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.acceptance import check_acceptance
    from pqrs_kedro.warehouse.connection import open_warehouse

    project, store = _open(run_id, env)
    try:
        require_warehouse(project_globals(project, chosen_environment(env)))
        read_run(store, run_id)
        criteria = check_acceptance(store, run_id, open_warehouse(project))
    except RunNotFound as error:
        refuse(str(error))
    accepted = all(item.holds for item in criteria)
    if as_json:
        content = {"run_id": run_id, "accepted": accepted}
        print_json(content | {"criteria": [asdict(item) for item in criteria]})
    else:
        for item in criteria:
            mark = "PASS" if item.holds else "FAIL"
            _console().print(f"criterion {item.number}  {mark}  {item.text}: {item.finding}")
    sys.exit(0 if accepted else 1)


@cli.command(short_help="Make the report of a run again; print its place.")
@click.argument("run_id")
@click.option("--open", "opened", is_flag=True, help="Show it in the browser.")
@env_option
def report(run_id: str, opened: bool, env: str | None) -> None:
    """Make the report of RUN_ID again and print where it is.

    The acceptance criteria are checked again. A report that comes out the same stays as it is; one
    that differs, because a criterion has another finding by now, is kept beside it with a number.

    Example: kedro report r20260224T101530Z-3fa9c1 --open
    """
    from pqrs_kedro.run.acceptance import check_acceptance
    from pqrs_kedro.run.report import keep_report
    from pqrs_kedro.warehouse.connection import open_warehouse

    project, store = _open(run_id, env)
    try:
        read_run(store, run_id)
        with Console(stderr=True).status("checking the run ...") as status:
            criteria = check_acceptance(store, run_id, open_warehouse(project))
            status.update("drawing ...")
            where = store.location(keep_report(store, run_id, criteria))
    except RunNotFound as error:
        refuse(str(error))
    click.echo(where)
    if opened:
        # A page in a bucket has no address that a browser could open by itself.
        local = Path(where)
        click.launch(local.as_uri() if local.is_file() else where)


@cli.command(short_help="Hold silver against what the generator decided.")
@click.argument("run_id")
@json_option
@env_option
def truth(run_id: str, as_json: bool, env: str | None) -> None:
    """Hold what the pipelines recovered of RUN_ID against what its generator decided.

    Each fact of each ticket in silver is compared with the run's ledger. With an end of
    observation, what could not be seen by then counts as unobserved. Tickets that a defect put into
    their raw lines has altered or lost are excused. Exit code 1 if a fact differs.

    Example: kedro truth r20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.run.truth import validate_truth

    _, store = _open(run_id, env)
    try:
        fields = validate_truth(store, read_run(store, run_id))
    except RunNotFound as error:
        refuse(str(error))
    recovered = not any(field.differ for field in fields)
    if as_json:
        content = {
            "run_id": run_id,
            "recovered": recovered,
            "fields": [field.as_json() for field in fields],
        }
        print_json(content)
    else:
        _print_agreement(run_id, fields, recovered)
    sys.exit(0 if recovered else 1)


def _print_agreement(run_id: str, fields: "Sequence[FieldAgreement]", recovered: bool) -> None:
    console = _console()
    console.print(f"{run_id}: silver against the ledger, in tickets")
    table = Table("field", box=None, padding=(0, 2, 0, 0))
    kinds = ("agree", "unobserved", "differ", "excused")
    for title in kinds:
        table.add_column(title, justify="right")
    for item in fields:
        table.add_row(item.field, *(f"{getattr(item, kind):,}" for kind in kinds))
    console.print(table)
    for item in fields:
        for example in item.examples:
            facts = "  ".join(f"{name} {value}" for name, value in example.items())
            console.print(f"differs  {item.field}: {facts}")
    console.print("recovered" if recovered else "not recovered")


_DATE = click.DateTime(formats=["%Y-%m-%d"])


@cli.command("calendar-change", short_help="Due days of a run under another calendar.")
@click.argument("run_id")
@click.option("--as-of", type=_DATE, help="The law of this day: changes promulgated up to it.")
@click.option("--add", type=_DATE, multiple=True, help="A further day that does not count.")
@click.option("--remove", type=_DATE, multiple=True, help="A holiday that counts all the same.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How the cycles are listed.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File for the list, all of it; the summary stays on the screen.",
)
@env_option
def calendar_change(
    run_id: str,
    as_of: datetime | None,
    add: tuple[datetime, ...],
    remove: tuple[datetime, ...],
    form: str,
    output: Path | None,
    env: str | None,
) -> None:
    """Say what another calendar would make of the due days and outcomes of RUN_ID.

    Its SLA cycles are measured again from its events; the run stays as it is. One row per ticket
    and cycle that changes, then a summary. Without --as-of, --add and --remove the other calendar
    is that of the law before its latest change; where the run has that one, of the law as it is
    now.

    Example: kedro calendar-change r20260224T101530Z-3fa9c1 --as-of 2026-05-31
    """
    from pqrs_kedro.run.calendar_change import Question, calendar_impact
    from pqrs_kedro.run.engine import ENGINE

    if output is not None and not output.absolute().parent.is_dir():
        refuse(f"--output: the folder of {str(output)!r} does not exist")
    question = Question(_day(as_of), [*map(datetime.date, add)], [*map(datetime.date, remove)])
    project, store = _open(run_id, env)
    try:
        run = read_run(store, run_id)
        changes = project_parameters(project, env).calendar.changes
        with Console(stderr=True).status("measuring the cycles with both calendars ..."):
            impact = calendar_impact(store, run, changes, question)
    except (RunNotFound, InvalidInput, DatasetError) as error:
        refuse(str(error))
    finally:
        ENGINE.close()
    write_impact(impact, form, output)


def _day(instant: datetime | None) -> date | None:
    return None if instant is None else instant.date()


@cli.command(short_help="Export the event log for process mining.")
@click.argument("run_id")
@click.option(
    "--format",
    "name",
    default="xes",
    show_default=True,
    metavar="xes|ocel|csv",
    help="XES 1.0, OCEL 2.0 (JSON), or a row per event.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File to write; .gz at its end compresses it. Default: data/exports/RUN_ID with "
    "the ending of the format: .xes, .ocel.json, .csv.",
)
@click.option("--texts", is_flag=True, help="With the texts of the messages.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@env_option
def export_log(
    run_id: str, name: str, output: Path | None, texts: bool, force: bool, env: str | None
) -> None:  # fmt: skip
    """Export the event log of RUN_ID for process mining.

    Example: kedro export-log r20260224T101530Z-3fa9c1 --format ocel
    """
    from pqrs_kedro.event_log.export import check_format
    from pqrs_kedro.event_log.export import export_log as export
    from pqrs_kedro.event_log.stage import NotInRun
    from pqrs_kedro.run.engine import load_library

    load_library()
    project, store = _open(run_id, env)
    try:
        kind = check_format(name)
        target = output or project / "data/exports" / f"{run_id}{kind.suffix}"
        with _stoppable(), _console().status("reading") as status:
            written = export(store, run_id, kind, target, with_texts=texts, replace=force,
                             note=status.update)  # fmt: skip
    except (InvalidInput, RunNotFound, NotInRun) as error:
        refuse(str(error))
    except (ObjectChanged, OSError) as error:
        raise click.ClickException(str(error)) from None
    except Terminated:
        sys.exit(128 + signal.SIGTERM)
    click.echo(f"written    {written.path}")
    for what, count in (*written.counts.items(), ("bytes", written.bytes)):
        click.echo(f"{what:<10} {count:>15,}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end what is under way as what they are."""
    with stop_signals() as stops:
        try:
            yield
        except Exception:
            # A library that a signal reached first reports it as an error of its own.
            if stops:
                raise stops[-1] from None
            raise


def _open(run_id: str, env: str | None) -> tuple[Path, Store]:
    """The project and its lake, once the run id is known to be harmless."""
    require_run_id(run_id)
    return open_lake(env)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


# What the commands are about, in the order in which one comes to need them.
TOPICS: Final[Mapping[str, Sequence[click.Command]]] = {
    "Runs": (import_raw, accept, reproduce, report, truth),
    "Reading": (sql, trace, calendar_change, export_log, lineage),
    "Lake": (lake,),
    "Warehouse": (warehouse,),
    "Experiments": (sweep,),
}


def _overview() -> str:
    """The commands by topic: Kedro lists them below by the alphabet, with what each one does."""
    lines = [f"{topic:<12} {', '.join(map(_named, items))}" for topic, items in TOPICS.items()]
    return "\n".join(["Commands of pqrs_kedro, by what they are about:\n\n\b", *lines])


def _named(command: click.Command) -> str:
    if isinstance(command, click.Group):
        return f"{command.name} {', '.join(command.commands)}"
    return str(command.name)


cli.help = _overview()
