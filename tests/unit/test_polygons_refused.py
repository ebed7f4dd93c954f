"""Polygons that cannot be used are refused in one line that names file, value and remedy."""

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from tests.unit.polygon_files import (
    SHAPES,
    around,
    mgn,
    refusal,
    refused,
    seat,
    write,
    zipped,
)

from pqrs_kedro.polygons.source import read_polygons

Make = Callable[[Path], Path]

# --- What is refused: the file


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "no.gpkg", "does not exist")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    too_long = refusal(tmp_path / f"{'m' * 300}.shp")
    assert "cannot be read: " in too_long
    assert "File name too long" in too_long
    assert refusal(tmp_path / "m\0.shp").endswith("m\\x00.shp' does not exist")


def test_what_is_no_file_of_a_known_kind_is_refused(tmp_path: Path) -> None:
    allowed = "is no file of polygons; allowed: .gpkg, .geojson, .json, .shp, .zip"
    refused(tmp_path, allowed)
    for name in ("codes.csv", "mgn"):
        (tmp_path / name).write_text("MPIO_CDPMP\n05001\n")
        refused(tmp_path / name, allowed)


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".shp", ".zip"])
def test_a_file_that_is_not_what_its_name_says_is_refused(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"mgn{ending}"
    file.write_bytes(b"MPIO_CDPMP\n05001\n")
    assert refusal(file).startswith(f"territory.polygons: '{file}' cannot be read: ")


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    file = write(mgn(), tmp_path / "m.geojson")
    file.write_bytes(file.read_bytes()[:-100])
    assert refusal(file).startswith(f"territory.polygons: '{file}' cannot be read: ")


def test_an_archive_without_a_shapefile_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "m.zip", write(mgn(), tmp_path / "m.geojson"))
    refused(file, "has no layer of geometries")


def test_an_unknown_layer_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "m.gpkg"
    write(mgn(), file, layer="municipios")
    write(mgn(), file, layer="departamentos")
    assert refusal(file, layer="mpios") == (
        f"territory.layer: 'mpios' is no layer of '{file}'; its layers: municipios, departamentos"
    )
    refused(
        file,
        "has several layers; choose one by territory.layer: municipios, departamentos",
    )


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    refused(write(mgn().iloc[:0], tmp_path / "m.gpkg"), "has no rows")


def test_a_file_without_a_reference_system_is_refused(tmp_path: Path) -> None:
    write(mgn(crs=9377), tmp_path / "m.shp")
    (tmp_path / "m.prj").unlink()
    problem = "names no coordinate reference system; give it the one it is in, as EPSG:9377"
    refused(tmp_path / "m.shp", problem)
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        write(mgn(crs=None), tmp_path / "m.gpkg")
    refused(tmp_path / "m.gpkg", problem)


def test_a_reference_system_that_has_no_place_on_earth_is_refused(tmp_path: Path) -> None:
    frame = mgn().set_crs('LOCAL_CS["taller",UNIT["metre",1]]', allow_override=True)
    problem = "cannot be brought from 'taller' to EPSG:4326: "
    file = write(frame, tmp_path / "m.gpkg")
    assert refusal(file).startswith(f"territory.polygons: '{file}' {problem}")


# --- What is refused: the codes


def with_codes(folder: Path, *codes: Any, name: str = "MPIO_CDPMP") -> Path:
    frame = mgn().iloc[: len(codes)][["geometry"]]
    return write(frame.assign(**{name: list(codes)}), folder / "m.geojson")


def test_a_file_without_a_known_column_is_refused_with_its_columns(tmp_path: Path) -> None:
    file = write(mgn().rename(columns={"MPIO_CDPMP": "clave"}), tmp_path / "m.gpkg")
    refused(
        file,
        "has no column that is known to hold DANE codes; name one by territory.code_column: "
        "DPTO_CCDGO, MPIO_CCDGO, clave",
    )


def test_an_unknown_column_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    file = write(mgn(), tmp_path / "m.gpkg")
    assert refusal(file, code_column="codigo") == (
        f"territory.code_column: 'codigo' is no column of '{file}'; its columns: DPTO_CCDGO, "
        "MPIO_CCDGO, MPIO_CDPMP"
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        pytest.param("5001", "5001", id="text_without_its_zero"),
        pytest.param("001", "001", id="code_within_the_department"),
        pytest.param(" 05001", " 05001", id="space"),
        pytest.param("0500A", "0500A", id="letter"),
        pytest.param("\uff10\uff15001", "\uff10\uff15001", id="wide_digits"),
        pytest.param("", "", id="empty"),
        pytest.param(105001, "105001", id="number_of_six_digits"),
        pytest.param(-5001, "-5001", id="negative_number"),
        pytest.param(5001.5, "5001.5", id="broken_number"),
        pytest.param(date(2024, 12, 30), "2024-12-30", id="date"),
    ],
)
def test_a_code_that_is_not_five_digits_is_refused(code: Any, shown: str, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"MPIO_CDPMP": [code]}, geometry=[SHAPES["05001"]], crs=4326)
    refused(
        write(frame, tmp_path / "m.gpkg"),
        f"has the code '{shown}' in column 'MPIO_CDPMP'; codes are five digits, as '05001'",
    )


def test_a_row_without_a_code_is_refused(tmp_path: Path) -> None:
    problem = "has no code in column 'MPIO_CDPMP' of row 2"
    refused(with_codes(tmp_path, "05001", None, "88001"), problem)
    refused(with_codes(tmp_path, 5001, None, 88001), problem)


def test_unknown_codes_are_refused_together(tmp_path: Path) -> None:
    known = "has codes that are not among the 1,122 of DIVIPOLA at 2024-12-30: "
    refused(with_codes(tmp_path, "94663", "11001"), f"{known}94663; leave these rows out")
    frame = gpd.GeoDataFrame(
        {"MPIO_CDPMP": [f"9999{n}" for n in range(7)]}, geometry=[SHAPES["05001"]] * 7, crs=4326
    )
    refused(
        write(frame, tmp_path / "n.geojson"),
        f"{known}99990, 99991, 99992, 99993, 99994 and 2 more; leave these rows out",
    )


def test_a_code_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    refused(
        with_codes(tmp_path, "05001", "11001", "05001"),
        "has several rows of one code: 05001; join their polygons in one row",
    )


# --- What is refused: the polygons

X, Y = seat("05001")
BOW_TIE = shapely.Polygon([(X, Y), (X + 0.1, Y + 0.1), (X + 0.1, Y), (X, Y + 0.1)])
# From the seat of Medellín to the north-western corner of a square around that of Bogotá.
TO_BOGOTA = math.dist((X, Y), (seat("11001")[0] - 0.05, seat("11001")[1] + 0.05))
KINDS = "allowed: Polygon and MultiPolygon"


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        pytest.param(None, "no geometry", id="null"),
        pytest.param(shapely.Polygon(), "no geometry", id="empty"),
        pytest.param(shapely.Point(X, Y), f"a Point; {KINDS}", id="point"),
        pytest.param(shapely.LineString([(X, Y), (X, 7)]), f"a LineString; {KINDS}", id="line"),
        pytest.param(
            shapely.GeometryCollection([SHAPES["05001"], shapely.Point(X, Y)]),
            f"a GeometryCollection; {KINDS}",
            id="collection",
        ),
        pytest.param(
            shapely.transform(SHAPES["05001"], lambda xy: xy[:, ::-1]),
            "coordinates outside Colombia (longitude 6.1950 to 6.2950, latitude -75.6215 to "
            "-75.5215); allowed: longitude -82 to -66.8, latitude -4.3 to 16.1",
            id="latitude_first",
        ),
        pytest.param(
            shapely.transform(SHAPES["05001"], lambda xy: xy * 1e5),
            "coordinates outside Colombia (longitude -7562151.0100 to -7552151.0000, latitude "
            "619500.0000 to 629500.0000); allowed: longitude -82 to -66.8, latitude -4.3 to 16.1",
            id="metres_that_are_called_degrees",
        ),
        pytest.param(
            SHAPES["11001"],
            f"a polygon {TO_BOGOTA:.2f} degrees from the seat of Medellín; at most 0.1: is the "
            "code that of the polygon?",
            id="polygon_of_another_municipality",
        ),
        pytest.param(
            shapely.Polygon([(X, Y), (X + 1e-9, Y), (X, Y + 1e-9)]),
            "a polygon that is none when rounded to 7 decimals",
            id="smaller_than_a_centimetre",
        ),
    ],
)
def test_a_polygon_that_cannot_be_that_of_its_municipality_is_refused(
    shape: BaseGeometry | None, problem: str, tmp_path: Path
) -> None:
    frame = gpd.GeoDataFrame(
        {"MPIO_CDPMP": ["91001", "05001"]}, geometry=[SHAPES["91001"], shape], crs=4326
    )
    refused(write(frame, tmp_path / "m.gpkg"), f"has for code 05001 {problem}")


def test_an_invalid_polygon_is_refused_with_the_reason_and_what_to_do(tmp_path: Path) -> None:
    message = refusal(write(mgn({"05001": BOW_TIE}), tmp_path / "m.gpkg"))
    found = shapely.is_valid_reason(BOW_TIE)
    assert found.startswith("Self-intersection[")
    assert message == (
        f"territory.polygons: '{tmp_path / 'm.gpkg'}' has for code 05001 an invalid polygon "
        f"({found}); repair it, for example by make_valid() of GeoPandas"
    )


def test_a_polygon_that_was_repaired_is_taken(tmp_path: Path) -> None:
    frame = mgn({"05001": BOW_TIE})
    frame.geometry = frame.geometry.make_valid()
    (row,) = read_polygons(write(frame, tmp_path / "m.gpkg")).boundaries.to_pylist()
    assert len(shapely.from_wkb(row["boundary"]).geoms) == 2


def with_ring(folder: Path, *ring: tuple[float, float]) -> Path:
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"geo_id": "05001"}, "geometry": geometry}
    content = {"type": "FeatureCollection", "features": [feature]}
    file = folder / "m.geojson"
    file.write_text(json.dumps(content))
    return file


def test_a_ring_that_is_none_is_refused(tmp_path: Path) -> None:
    reason = f"Too few points in geometry component[{X!r} {Y!r}]"
    refused(
        with_ring(tmp_path, (X, Y), (X + 0.1, Y), (X, Y)),
        f"has for code 05001 an invalid polygon ({reason}); repair it, for example by "
        "make_valid() of GeoPandas",
    )
    file = with_ring(tmp_path, (X, Y), (X + 0.1, Y), (X + 0.1, Y + 0.1))
    assert refusal(file).startswith(f"territory.polygons: '{file}' cannot be read: ")


def test_a_polygon_at_the_edge_of_what_is_allowed_is_taken(tmp_path: Path) -> None:
    near = around("05001", [(0.0999, 0.0), (0.2, 0.0), (0.2, 0.1)])
    far = around("05001", [(0.1001, 0.0), (0.2, 0.0), (0.2, 0.1)])
    assert len(read_polygons(write(mgn({"05001": near}), tmp_path / "near.gpkg")).boundaries) == 1
    assert "0.10 degrees from the seat" in refusal(
        write(mgn({"05001": far}), tmp_path / "far.gpkg")
    )
