"""`kedro import-raw`: lines from outside become a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, get_args

import click
from kedro.framework.cli.utils import _split_params, env_option
from rich.console import Console

from pqrs_kedro.command_line import find_project, json_option, open_lake, print_json, refuse
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.external import Declared
from pqrs_kedro.parameters import InvalidInput

if TYPE_CHECKING:
    from pqrs_kedro.run.inspection import Inspection
    from pqrs_kedro.run.session import RunSession

DECLARATIONS: Final = get_args(Declared)


@click.command("import-raw", short_help="Import raw events of your own as a run.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--declare", metavar="|".join(DECLARATIONS), help="What the lines are. Required.")
@click.option(
    "--source",
    type=click.Choice(["auto", *CHANNEL_IDS]),
    default="auto",
    show_default=True,
    help="Channel of all lines; auto: as the file's folders or each line say.",
)
@click.option("--run-id", help="Run id of the import; without it a new one.")
@click.option(
    "--params",
    default="",
    callback=_split_params,
    help="Parameters as of kedro run, such as profile=ley1755.",
)
@click.option(
    "--check", is_flag=True, help="Only judge the lines; exit code 1 if some are no events."
)
@json_option
@env_option
def import_raw(
    files: tuple[Path, ...],
    declare: str | None,
    source: str,
    run_id: str | None,
    params: dict[str, Any],
    check: bool,
    as_json: bool,
    env: str | None,
) -> None:
    """Import FILES of raw events as a run: ingestion to reporting on lines of your own.

    FILES are JSON Lines that follow docs/raw_events.md. Every line is kept as it is: what is no
    event goes into quarantine with its reason, and is counted. Nothing is written before the files
    have been read and found to be of raw events.

    The lake is append-only and never forgets by itself, so it is no place for real personal data:
    say with --declare that the lines are synthetic, or anonymised. kedro lake purge removes a run.

    Exit code 0 if the run is committed and accepted, lines in quarantine or not; 1 if it fails; 2
    if it is refused.

    Example: kedro import-raw --declare synthetic --params profile=ley1755 january.jsonl

    Example: kedro import-raw --declare anonymised --source email --check mail.jsonl
    """
    from pqrs_kedro.run.import_raw import import_lines, import_session

    _check_declared(declare)
    given = params if run_id is None else {**params, "run_id": run_id}
    project = find_project()
    try:
        session = import_session(project, files, str(declare), source, given, env)
        if check:
            _check(session, as_json)
        _, store = open_lake(env)
        console = Console(stderr=as_json, highlight=False, soft_wrap=True)
        found = import_lines(session, store, console)
    except InvalidInput as error:
        refuse(str(error))
    if as_json:
        print_json(found)


def _check_declared(declare: str | None) -> None:
    if declare not in DECLARATIONS:
        said = "is missing" if declare is None else f"{declare!r} is not allowed"
        refuse(
            f"--declare: {said}; say that the lines are {' or '.join(DECLARATIONS)}: real "
            "personal data does not belong in a lake that only grows (docs/import.md)"
        )


def _check(session: "RunSession", as_json: bool) -> NoReturn:
    """Say what an import would find; nothing is written."""
    from pqrs_kedro.run.import_raw import facts_of

    with session, Console(stderr=True).status("reading the lines ..."):
        found = session.inspect()
    if as_json:
        print_json(facts_of(found))
    else:
        _print_check(found)
    sys.exit(1 if found.rejected else 0)


def _print_check(found: "Inspection") -> None:
    click.echo(
        f"{found.lines:,} lines; receptions from {found.first_day} to {found.last_day}; "
        f"{found.quarantined:,} lines would go into quarantine"
    )
    for item in found.rejected:
        click.echo(f"  {item}")
