"""A user's polygons: every kind of file gives the same, and what cannot be used is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from tests.unit.polygon_files import (
    SHAPES,
    SQUARE,
    mgn,
    refusal,
    refused,
    seat,
    write,
    zipped,
)

from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.polygons.files import KNOWN_COLUMNS
from pqrs_kedro.polygons.source import Polygons, polygons_file, read_polygons

Make = Callable[[Path], Path]


def shapes_of(found: Polygons) -> dict[str, BaseGeometry]:
    rows = found.boundaries.to_pylist()
    return {row["dane_code"]: shapely.from_wkb(row["boundary"]) for row in rows}


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
