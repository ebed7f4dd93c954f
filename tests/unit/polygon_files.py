"""Files of municipal polygons as a user may have them, of a few invented shapes; refusals."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.polygons.source import read_polygons


def seat(code: str) -> tuple[float, float]:
    """Longitude and latitude of a municipality's seat."""
    places = {row["dane_code"]: row for row in municipalities().to_pylist()}
    return places[code]["longitude"], places[code]["latitude"]


def around(code: str, *rings: Sequence[tuple[float, float]]) -> shapely.Polygon:
    """A polygon whose rings are given as distances from a seat in degrees, on 7 decimals."""
    x, y = seat(code)
    on_grid = [[(round(x + dx, 7), round(y + dy, 7)) for dx, dy in ring] for ring in rings]
    return shapely.Polygon(on_grid[0], on_grid[1:])


SQUARE = ((-0.0500001, -0.05), (0.05, -0.0499999), (0.05, 0.05), (-0.05, 0.05))
TRIANGLE = ((0.0600007, 0.06), (0.09, 0.06), (0.09, 0.0911113))
HOLE = ((0.01, 0.01), (0.02, 0.0333333), (0.03, 0.01))

SHAPES: dict[str, BaseGeometry] = {
    "05001": around("05001", SQUARE, HOLE),
    # Clockwise, which no table keeps.
    "11001": around("11001", SQUARE[::-1]),
    "88001": shapely.MultiPolygon([around("88001", SQUARE), around("88001", TRIANGLE)]),
    "91001": around("91001", TRIANGLE),
}


def mgn(shapes: dict[str, BaseGeometry] | None = None, crs: int | None = 4326) -> gpd.GeoDataFrame:
    """Polygons with columns as DANE's MGN has them, in a reference system."""
    given = SHAPES if shapes is None else shapes
    columns = {
        "DPTO_CCDGO": [code[:2] for code in given],
        "MPIO_CCDGO": [code[2:] for code in given],
        "MPIO_CDPMP": list(given),
    }
    frame = gpd.GeoDataFrame(columns, geometry=list(given.values()), crs=4326)
    return frame.set_crs(None, allow_override=True) if crs is None else frame.to_crs(crs)


def write(frame: gpd.GeoDataFrame, path: Path, **options: Any) -> Path:
    """A file of the kind that its ending says."""
    frame.to_file(path, **options)
    return path


def zipped(path: Path, *shapefiles: Path, folder: str = "") -> Path:
    """Shapefiles with the files that belong to them in one archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for shapefile in shapefiles:
            for part in sorted(shapefile.parent.glob(f"{shapefile.stem}.*")):
                archive.write(part, f"{folder}{part.name}")
    return path


def refusal(file: Path, layer: str | None = None, code_column: str | None = None) -> str:
    """What a person is told; always one line."""
    with pytest.raises(InvalidInput) as caught:
        read_polygons(file, layer, code_column)
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


def refused(file: Path, problem: str, **options: Any) -> None:
    assert refusal(file, **options) == f"territory.polygons: '{file}' {problem}"
