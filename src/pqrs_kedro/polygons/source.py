"""The one way to a user's polygons: a file is read and checked once per process."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa

from pqrs_kedro.domain.geometry import encode
from pqrs_kedro.lake.hashing import logical_hash
from pqrs_kedro.polygons.files import check_file, read_rows, refusal

BOUNDARIES: Final = pa.schema(
    [
        pa.field("dane_code", pa.string(), nullable=False),
        pa.field("boundary", pa.binary(), nullable=False),
    ]
)
# Name, size and time of a file and of those beside it that belong to it.
_Signature: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Polygons:
    """A user's polygons."""

    boundaries: pa.Table
    """One row per municipality of the file, sorted by `dane_code`; `boundary`: MultiPolygon, EWKB,
    EPSG:4326."""
    sha256: str
    """Hash of the boundaries: of what reaches dim_geo, not of the file's bytes."""
    had_numbers: bool
    """Whether the codes were numbers, which got their leading zeros back."""


def polygons_file(name: str, project: Path) -> Path:
    """The file that a parameter names; a relative path begins at the project."""
    path = Path(name)
    # Of a home that nobody has, the name is taken as it is.
    with suppress(RuntimeError):
        path = path.expanduser()
    return project / path


def read_polygons(
    file: Path, layer: str | None = None, code_column: str | None = None, sha256: str | None = None
) -> Polygons:
    """The polygons of a file.

    Args:
        file: GeoPackage, GeoJSON, shapefile, or zipped shapefile.
        layer: layer of the file; null for its only one.
        code_column: column of the DANE codes; null finds it by name.
        sha256: hash that the boundaries must have; null allows any.

    Raises:
        InvalidInput: file or content are not allowed, or other than `sha256` says.
    """
    check_file(file)
    found = _read(file, layer, code_column, _signature(file))
    if sha256 not in (None, found.sha256):
        raise refusal(
            file,
            f"has other polygons than territory.sha256 asks for: {found.sha256}, not {sha256}",
        )
    return found


def _signature(file: Path) -> _Signature:
    beside = (p for p in file.parent.iterdir() if p.name.startswith(f"{file.stem}."))
    facts = ((p.name, p.stat()) for p in sorted(beside))
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in facts)


@lru_cache(maxsize=1)
def _read(
    file: Path, layer: str | None, code_column: str | None, signature: _Signature
) -> Polygons:
    """Read and check; `signature` makes a file that was changed another one."""
    # These load GeoPandas and Shapely, which a run without polygons of its own does not need.
    from pqrs_kedro.polygons.codes import dane_codes
    from pqrs_kedro.polygons.shapes import multipolygons

    rows = read_rows(file, layer, code_column)
    codes, had_numbers = dane_codes(file, rows.frame[rows.code_column])
    shapes = multipolygons(file, codes, rows.frame)
    table = pa.table({"dane_code": codes, "boundary": encode(shapes)}, schema=BOUNDARIES)
    table = table.sort_by("dane_code")
    return Polygons(table, logical_hash(table, ["dane_code"], ordered=True), had_numbers)
