"""What the commands share: the project that they are about, and how they refuse."""

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from kedro.framework.startup import bootstrap_project
from kedro.utils import find_kedro_project

from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.run.config_loader import project_lake

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for a program to read."
)


def print_json(content: Any) -> None:
    """A result for a program; dates are as ISO 8601 has them."""
    click.echo(
        json.dumps(content, ensure_ascii=False, indent=1, default=lambda day: day.isoformat())
    )


def find_project() -> Path:
    """The project in whose folder the command is given."""
    return Path(find_kedro_project(Path.cwd()) or Path.cwd())


def open_project() -> Path:
    """The project, with its settings loaded."""
    project = find_project()
    bootstrap_project(project)
    return project


def open_lake(env: str | None) -> tuple[Path, Store]:
    """The project, and its lake in an environment (null: KEDRO_ENV's, else the default)."""
    project = open_project()
    return project, project_lake(project, chosen_environment(env))


def chosen_environment(env: str | None) -> str | None:
    """The environment that was named, else KEDRO_ENV's; null is the default."""
    return env or os.environ.get("KEDRO_ENV")


def require_run_id(run_id: str) -> None:
    """End with exit code 2 unless the run id is harmless."""
    try:
        check_run_id(run_id)
    except InvalidInput as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    """End with exit code 2 and one line that says why."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)
