"""Which stores an environment has: addresses and secrets, which no committed file holds.

They are variables, looked for in the process's environment, then in `.env` of the project, which
Docker Compose reads as well, then under `stores` in conf/local/credentials.yml.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from pqrs_kedro.lake.store import LakeError
from pqrs_kedro.warehouse.connection import URL_VARIABLE
from pqrs_kedro.warehouse.errors import WarehouseError

_LAKE_VARIABLES: Final = (
    "PQRS_LAKE_ROOT",
    "PQRS_RETENTION_DAYS",
    "PQRS_S3_ENDPOINT",
    "PQRS_S3_ACCESS_KEY",
    "PQRS_S3_SECRET_KEY",
    "PQRS_S3_REGION",
    "PQRS_S3_ATTEMPTS",
)
SERVER: Final = "server"
_LONGEST_DAYS: Final = 36_500


def fill_environment(project: Path) -> None:
    """Give this process, and those that it starts, the variables of the lake."""
    _fill(project, _LAKE_VARIABLES)


def variable(name: str, default: object = None) -> object:
    """A variable as configuration asks for it: `${variable:NAME,default}`."""
    return os.environ.get(name) or default


def name_warehouse(project: Path, configured: Mapping[str, Any]) -> None:
    """Give this process the URL of the server where an environment wants one.

    Args:
        project: the project.
        configured: the globals of the environment.
    """
    if configured.get("warehouse") == SERVER:
        _fill(project, (URL_VARIABLE,))


def require_warehouse(configured: Mapping[str, Any]) -> None:
    """Make sure that the warehouse is the one that an environment wants.

    Raises:
        WarehouseError: it wants a server, and none is named.
    """
    if configured.get("warehouse") == SERVER and not os.environ.get(URL_VARIABLE):
        raise WarehouseError(
            f"{URL_VARIABLE} is not set: it names the Postgres of this environment; set it in the "
            "environment, in .env or in conf/local/credentials.yml"
        )


def retention_days(configured: Mapping[str, Any]) -> int:
    """Days for which objects are locked after a run.

    Raises:
        LakeError: the value is not allowed.
    """
    given = str(configured.get("retention_days") or 0)
    if not re.fullmatch("[0-9]{1,5}", given) or int(given) > _LONGEST_DAYS:
        raise LakeError(f"retention_days: {given!r} is not allowed; 0 to {_LONGEST_DAYS}")
    return int(given)


def _fill(project: Path, names: tuple[str, ...]) -> None:
    for name, value in _kept(project, names).items():
        # An empty variable says nothing.
        if not os.environ.get(name):
            os.environ[name] = value


def _kept(project: Path, names: tuple[str, ...]) -> dict[str, str]:
    """What the project's own files say of some variables; those of `.env` go first."""
    credentials = project / "conf" / "local" / "credentials.yml"
    said: dict[str, Any] = {}
    if credentials.is_file():
        said |= (yaml.safe_load(credentials.read_text(encoding="utf-8")) or {}).get("stores") or {}
    if (project / ".env").is_file():
        from dotenv import dotenv_values

        said |= {name: value for name, value in dotenv_values(project / ".env").items() if value}
    return {name: str(said[name]) for name in names if said.get(name)}
