"""The three identities of a run: run_id, fingerprint, and (in `lake.objects`) digest."""

import hashlib
import json
import platform
import secrets
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pqrs_kedro.parameters import RunParameters

# Packages whose versions can change bytes or numbers; the manifest records them.
RECORDED_PACKAGES = (
    "duckdb",
    "holidays",
    "ibis-framework",
    "kedro",
    "numpy",
    "polars",
    "pyarrow",
    "pyproj",
    "scipy",
    "shapely",
    "sqlglot",
)
# What the code identity hashes when git cannot vouch for the tree: all that data comes from.
_CODE_FOLDERS = ("src", "conf")
_IGNORED_PARTS = ("__pycache__", "local")


def new_run_id(now: datetime) -> str:
    """A unique, sortable, path-safe run id, such as `r20260224T101530Z-3fa9c1`."""
    return f"r{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def canonical_json(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_hash(parameters: RunParameters) -> str:
    """Hash of every parameter that can change the data, the holiday calendar included."""
    content = {
        "parameters": parameters.data_parameters(),
        "calendar": parameters.business_calendar.fingerprint,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """What decides a run's data; equal fingerprints give equal digests."""

    seed: int | None
    """Null where the lines were imported: their hashes are part of `config_hash`."""
    date_min: str
    date_max: str
    code: str
    """Commit of a clean tree, or `tree-` and a hash of source, configuration and reference data."""
    config_hash: str

    @property
    def value(self) -> str:
        """The fingerprint as one hash."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()


def fingerprint(parameters: RunParameters, project: Path) -> Fingerprint:
    """The fingerprint of a run of these parameters with the project's code as it is."""
    return Fingerprint(
        seed=parameters.seed,
        date_min=parameters.date_min.isoformat(),
        date_max=parameters.date_max.isoformat(),
        code=code_identity(project),
        config_hash=config_hash(parameters),
    )


@cache
def code_identity(project: Path) -> str:
    """The commit if the tree is clean, else a hash of the files that data comes from."""
    status = _git(project, "status", "--porcelain", "--", *_CODE_FOLDERS)
    commit = _git(project, "rev-parse", "HEAD")
    if commit and status == "":
        return commit
    return f"tree-{_tree_hash(project)}"


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _tree_hash(project: Path) -> str:
    digest = hashlib.sha256()
    for folder in _CODE_FOLDERS:
        for path in sorted((project / folder).rglob("*")):
            relative = path.relative_to(project)
            if path.is_file() and not set(_IGNORED_PARTS) & set(relative.parts):
                digest.update(f"{relative.as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, of the project and of the packages that numbers depend on."""
    found = {"python": platform.python_version(), "pqrs_kedro": version_of_project()}
    return found | {name: version(name) for name in RECORDED_PACKAGES}


def version_of_project() -> str:
    """The project's version."""
    from pqrs_kedro import __version__

    return __version__
