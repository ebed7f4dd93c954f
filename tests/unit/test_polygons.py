"""A user's polygons: every kind of file gives the same, and what cannot be used is refused."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from tests.unit.polygon_files import SHAPES, SQUARE, around, mgn, seat, write, zipped

from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.polygons.files import KNOWN_COLUMNS
from pqrs_kedro.polygons.source import Polygons, polygons_file, read_polygons

Make = Callable[[Path], Path]


def shapes_of(found: Polygons) -> dict[str, BaseGeometry]:
    rows = found.boundaries.to_pylist()
    return {row["dane_code"]: shapely.from_wkb(row["boundary"]) for row in rows}


def refusal(file: Path, layer: str | None = None, code_column: str | None = None) -> str:
    """What a person is told; always one line."""
    with pytest.raises(InvalidInput) as caught:
        read_polygons(file, layer, code_column)
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


def refused(file: Path, problem: str, **options: Any) -> None:
    assert refusal(file, **options) == f"territory.polygons: '{file}' {problem}"


# --- What is read


def shapefile_in_a_folder_of_a_zip(folder: Path) -> Path:
    return zipped(folder / "mgn.zip", write(mgn(crs=3116), folder / "m.shp"), folder="MGN2024/")


def shapefile_in_capitals(folder: Path) -> Path:
    write(mgn(crs=4686), folder / "m.shp")
    for part in folder.iterdir():
        part.rename(folder / part.name.upper())
    return folder / "M.SHP"


def turned_around(folder: Path) -> Path:
    """Rows, parts, rings and their first vertices in another order, with heights."""
    shapes = {
        code: shapely.force_3d(shapely.reverse(shapely.normalize(shape)), 2_600.0)
        for code, shape in reversed(SHAPES.items())
    }
    return write(mgn(shapes), folder / "turned.gpkg")


MAKERS: list[Any] = [
    pytest.param(lambda folder: write(mgn(crs=9377), folder / "m.gpkg"), id="gpkg_epsg_9377"),
    pytest.param(lambda folder: write(mgn(crs=3116), folder / "m.shp"), id="shapefile_epsg_3116"),
    pytest.param(shapefile_in_capitals, id="shapefile_epsg_4686_in_capitals"),
    pytest.param(shapefile_in_a_folder_of_a_zip, id="zipped_shapefile"),
    pytest.param(lambda folder: write(mgn(), folder / "m.geojson"), id="geojson"),
    pytest.param(lambda folder: write(mgn(), folder / "m.json", driver="GeoJSON"), id="json"),
    pytest.param(turned_around, id="other_order_and_heights"),
]


@pytest.fixture
def expected(tmp_path_factory: pytest.TempPathFactory) -> Polygons:
    """What a GeoJSON of the polygons gives, which has the very coordinates."""
    return read_polygons(write(mgn(), tmp_path_factory.mktemp("expected") / "m.geojson"))


@pytest.mark.parametrize("make", MAKERS)
def test_equal_polygons_are_equal_bytes_from_every_kind_of_file(
    make: Make, tmp_path: Path, expected: Polygons
) -> None:
    found = read_polygons(make(tmp_path))
    assert found.boundaries.equals(expected.boundaries)
    assert found.sha256 == expected.sha256
    assert not found.had_numbers


def test_the_polygons_are_those_of_the_file(expected: Polygons) -> None:
    found = shapes_of(expected)
    assert list(found) == sorted(SHAPES)
    for code, shape in found.items():
        assert shape.geom_type == "MultiPolygon"
        assert shapely.get_srid(shape) == 4326
        assert shapely.equals(shape, SHAPES[code])
        # The very coordinates, in whatever order.
        assert vertices(shape) == vertices(SHAPES[code])


def vertices(shape: BaseGeometry) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for x, y in shapely.get_coordinates(shape)}


def test_outer_rings_are_counter_clockwise_and_holes_clockwise(expected: Polygons) -> None:
    parts = [part for shape in shapes_of(expected).values() for part in shape.geoms]
    assert len(parts) == 5
    assert all(part.exterior.is_ccw for part in parts)
    assert [hole.is_ccw for part in parts for hole in part.interiors] == [False]


def test_coordinates_are_rounded_to_seven_decimals(tmp_path: Path) -> None:
    x, y = seat("05001")
    given = [(x, y), (x + 0.01, y), (x + 0.012345678901, y + 0.01)]
    file = write(mgn({"05001": shapely.Polygon(given)}), tmp_path / "m.gpkg")
    (shape,) = shapes_of(read_polygons(file)).values()
    expect = {(round(x, 7), round(y, 7)) for x, y in given}
    assert vertices(shape) == expect


def test_what_is_thinner_than_a_centimetre_goes_and_the_polygon_stays_valid(tmp_path: Path) -> None:
    # A spike, 4 mm wide at its foot.
    spike = ((0.05, 0.01), (0.07, 0.01000001), (0.05, 0.01000004))
    x, y = seat("05001")
    ring = [(x + dx, y + dy) for dx, dy in (*SQUARE[:2], *spike, *SQUARE[2:])]
    given = shapely.Polygon(ring)
    on_grid = shapely.transform(given, lambda xy: np.round(xy, 7))
    assert given.is_valid
    assert not on_grid.is_valid
    (shape,) = shapes_of(read_polygons(write(mgn({"05001": given}), tmp_path / "m.gpkg"))).values()
    assert shape.is_valid
    assert shapely.area(shapely.symmetric_difference(shape, given)) < 1e-8
    assert np.array_equal(
        shapely.get_coordinates(shape), np.round(shapely.get_coordinates(shape), 7)
    )


def test_measures_are_left_out_without_a_remark(tmp_path: Path, expected: Polygons) -> None:
    shapes = {code: with_measures(shape) for code, shape in SHAPES.items()}
    file = tmp_path / "m.geojson"
    write(mgn(), file)
    # DANE's shapefiles have measures, which GeoPandas cannot write.
    table = mgn()
    wkb = pa.array([shapes[code] for code in table["MPIO_CDPMP"]], pa.binary())
    rows = pa.table({"MPIO_CDPMP": list(table["MPIO_CDPMP"]), "wkb_geometry": wkb})
    measured = tmp_path / "measured.gpkg"
    pyogrio.write_arrow(
        rows, measured, geometry_name="wkb_geometry", geometry_type="Unknown", crs="EPSG:4326"
    )
    assert read_polygons(measured).sha256 == expected.sha256


def with_measures(shape: BaseGeometry) -> bytes:
    """ISO WKB of the polygons with 1 as the measure of every vertex."""
    xy = shapely.get_coordinates(shape)
    text = shape.wkt
    for x, y in {tuple(row) for row in xy.tolist()}:
        text = text.replace(f"{x!r} {y!r}", f"{x!r} {y!r} 1")
    measured = shapely.from_wkt(text.replace("POLYGON (", "POLYGON M ("))
    assert shapely.has_m(measured)
    return bytes(shapely.to_wkb(measured, output_dimension=4, flavor="iso"))


@pytest.mark.parametrize("column", [*KNOWN_COLUMNS, "MPIO_CCNCT", "MpCodigo", "COD_DANE"])
def test_a_column_with_a_known_name_holds_the_codes(
    column: str, tmp_path: Path, expected: Polygons
) -> None:
    file = write(mgn().rename(columns={"MPIO_CDPMP": column}), tmp_path / "m.geojson")
    assert read_polygons(file).sha256 == expected.sha256


def test_the_document_lists_the_known_names() -> None:
    text = Path(__file__).parents[2].joinpath("docs/territory.md").read_text(encoding="utf-8")
    listed = text.split("* **Codes**: the first of ")[1].split(", in capitals or not")[0]
    assert tuple(name.lower() for name in re.findall(r"`(\w+)`", listed)) == KNOWN_COLUMNS


def test_a_column_is_named_in_capitals_or_not(tmp_path: Path, expected: Polygons) -> None:
    file = write(mgn().rename(columns={"MPIO_CDPMP": "Clave"}), tmp_path / "m.gpkg")
    for name in ("Clave", "clave", "CLAVE"):
        assert read_polygons(file, code_column=name).sha256 == expected.sha256


def test_a_layer_is_chosen_by_name(tmp_path: Path, expected: Polygons) -> None:
    file = tmp_path / "m.gpkg"
    write(mgn().iloc[:1], file, layer="otra")
    write(mgn(crs=9377), file, layer="municipios")
    assert read_polygons(file, layer="municipios").sha256 == expected.sha256
    assert len(read_polygons(file, layer="otra").boundaries) == 1


def test_a_shapefile_of_an_archive_is_chosen_by_its_path(
    tmp_path: Path, expected: Polygons
) -> None:
    made = [write(mgn(crs=3116), tmp_path / "a.shp"), write(mgn().iloc[:1], tmp_path / "b.shp")]
    file = zipped(tmp_path / "m.zip", *made, folder="MGN/")
    assert read_polygons(file, layer="MGN/a").sha256 == expected.sha256
    problem = "has several layers; choose one by territory.layer: MGN/a, MGN/b"
    refused(file, problem)


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_codes_that_are_numbers_get_their_zero_back(
    kind: str, tmp_path: Path, expected: Polygons, caplog: pytest.LogCaptureFixture
) -> None:
    frame = mgn()
    frame["MPIO_CDPMP"] = frame["MPIO_CDPMP"].astype("int64").astype(kind)
    file = write(frame, tmp_path / "m.gpkg")
    found = read_polygons(file)
    assert found.boundaries.equals(expected.boundaries)
    assert found.had_numbers
    assert MunicipalPolygons(filepath=str(file)).load().equals(expected.boundaries)
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert said == (
        f"territory.polygons: codes of {file} are numbers; leading zeros were put back, as in 05001"
    )


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
    (shape,) = shapes_of(read_polygons(write(frame, tmp_path / "m.gpkg"))).values()
    assert len(shape.geoms) == 2


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


# --- The content and its hash


def test_other_polygons_have_another_hash(tmp_path: Path, expected: Polygons) -> None:
    moved = SHAPES | {"91001": shapely.transform(SHAPES["91001"], lambda xy: xy + 1e-7)}
    fewer = {code: shape for code, shape in SHAPES.items() if code != "91001"}
    hashes = {
        read_polygons(write(mgn(shapes), tmp_path / f"{number}.gpkg")).sha256
        for number, shapes in enumerate((moved, fewer))
    }
    assert len(hashes | {expected.sha256}) == 3


def test_other_columns_and_names_leave_the_hash(tmp_path: Path, expected: Polygons) -> None:
    frame = mgn().assign(area=1.5).rename(columns={"MPIO_CDPMP": "divipola"})
    assert read_polygons(write(frame, tmp_path / "x.gpkg", layer="y")).sha256 == expected.sha256


def test_polygons_must_be_those_that_a_hash_asks_for(tmp_path: Path, expected: Polygons) -> None:
    file = write(mgn().iloc[:1], tmp_path / "m.gpkg")
    own = read_polygons(file).sha256
    assert read_polygons(file, sha256=own).sha256 == own
    with pytest.raises(InvalidInput) as caught:
        read_polygons(file, sha256=expected.sha256)
    assert str(caught.value) == (
        f"territory.polygons: '{file}' has other polygons than territory.sha256 asks for: {own}, "
        f"not {expected.sha256}"
    )


def test_a_file_is_read_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = pyogrio.read_dataframe

    def counted(*arguments: Any, **options: Any) -> Any:
        reads.append(arguments)
        return read(*arguments, **options)

    monkeypatch.setattr(pyogrio, "read_dataframe", counted)
    file = write(mgn(), tmp_path / "m.shp")
    first = read_polygons(file)
    assert read_polygons(file, sha256=first.sha256) is first
    assert MunicipalPolygons(filepath=str(file)).load() is first.boundaries
    assert len(reads) == 1
    # The codes of a shapefile lie in a file of their own.
    other = mgn(dict(zip(SHAPES, reversed(SHAPES.values()), strict=True)))
    codes = write(other, tmp_path / "other.shp").with_suffix(".dbf")
    (tmp_path / "m.dbf").write_bytes(codes.read_bytes().replace(b"05001", b"05002"))
    assert "05002" in refusal(file)
    assert len(reads) == 2


def test_a_relative_path_begins_at_the_project_and_a_tilde_at_home(tmp_path: Path) -> None:
    assert polygons_file("data/m.gpkg", tmp_path) == tmp_path / "data/m.gpkg"
    assert polygons_file("/data/m.gpkg", tmp_path) == Path("/data/m.gpkg")
    assert polygons_file("~/m.gpkg", tmp_path) == Path.home() / "m.gpkg"
    assert polygons_file("~nadie/m.gpkg", tmp_path) == tmp_path / "~nadie/m.gpkg"


# --- The dataset


def test_without_a_file_there_are_no_rows(tmp_path: Path) -> None:
    data = MunicipalPolygons(filepath=None)
    assert data.load().num_rows == 0
    assert data.load().schema.names == ["dane_code", "boundary"]
    assert data.preview() == {
        "index": [],
        "columns": ["dane_code", "parts", "vertices"],
        "data": [],
    }
    assert data.exists()


def test_a_preview_shows_the_size_of_the_polygons(tmp_path: Path) -> None:
    file = write(mgn(crs=9377), tmp_path / "m.gpkg")
    data = MunicipalPolygons(filepath=str(file))
    assert data.exists()
    assert data.preview()["data"] == [
        ["05001", 1, 9],
        ["11001", 1, 5],
        ["88001", 2, 9],
        ["91001", 1, 4],
    ]
    assert data.preview(nrows=1)["data"] == [["05001", 1, 9]]
    file.unlink()
    assert not data.exists()


def test_without_polygons_no_package_that_reads_them_is_loaded() -> None:
    code = (
        "import sys\n"
        "import pqrs_kedro.run.session\n"
        "from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons\n"
        "MunicipalPolygons(filepath=None).load()\n"
        "print(*sorted({'geopandas', 'pyogrio', 'pyproj'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": str(Path(str(files("pqrs_kedro"))).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
