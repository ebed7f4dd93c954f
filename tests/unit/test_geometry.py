"""The geometry of dim_geo: bytes by their definition, content that of the reference data."""

import json
import struct
from functools import cache
from importlib.resources import files
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from pqrs_kedro.domain.geometry import encode, multipolygon, point
from pqrs_kedro.domain.territory import municipal_geometry, municipalities

TOLERANCE_DEGREES = 0.02


def reference(name: str) -> bytes:
    return files("pqrs_kedro").joinpath("reference", name).read_bytes()


@cache
def seats() -> dict[str, tuple[float, float]]:
    rows = municipalities().to_pylist()
    return {row["dane_code"]: (row["longitude"], row["latitude"]) for row in rows}


@cache
def decoded() -> dict[str, dict[str, Any]]:
    """Seat and cell by code, as Shapely reads the bytes."""
    rows = municipal_geometry().to_pylist()
    return {row["dane_code"]: row | {
        name: shapely.from_wkb(row[name]) for name in ("location", "boundary")
    } for row in rows}  # fmt: skip


@cache
def outlines() -> dict[str, Any]:
    features = json.loads(reference("departments.geojson"))["features"]
    return {f["properties"]["department_code"]: shape(f["geometry"]) for f in features}


def test_the_bytes_of_a_point_are_those_of_the_definition() -> None:
    (cell,) = encode([point(-75.5812, 6.2442)]).to_pylist()
    assert cell == struct.pack("<BIIdd", 1, 1 | 0x20000000, 4326, -75.5812, 6.2442)


def test_the_bytes_of_a_polygon_with_a_hole_are_those_of_the_definition() -> None:
    outer = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0)]
    hole = [(2.0, 1.0), (3.0, 2.0), (3.0, 1.0), (2.0, 1.0)]
    (cell,) = encode([multipolygon({"type": "Polygon", "coordinates": [outer, hole]})]).to_pylist()
    rings = b"".join(
        struct.pack("<I", len(ring)) + struct.pack("<8d", *(x for xy in ring for x in xy))
        for ring in (outer, hole)
    )
    multi = struct.pack("<BIII", 1, 6 | 0x20000000, 4326, 1)
    assert cell == multi + struct.pack("<BII", 1, 3, 2) + rings


def test_heights_are_left_out() -> None:
    (cell,) = encode([shapely.Point(1, 2, 3)]).to_pylist()
    assert cell == encode([point(1, 2)]).to_pylist()[0]


def test_every_municipality_has_geometry_in_the_order_of_the_list() -> None:
    table = municipal_geometry()
    assert table["dane_code"].to_pylist() == list(seats())
    assert set(table["geometry_kind"].to_pylist()) == {"voronoi_approx"}
    for name, kind in (("location", "Point"), ("boundary", "MultiPolygon")):
        shapes = [row[name] for row in decoded().values()]
        assert {s.geom_type for s in shapes} == {kind}
        assert set(shapely.get_srid(shapes)) == {4326}
        assert shapely.is_valid(shapes).all()
        assert not shapely.has_z(shapes).any()


def test_geometry_is_exactly_what_the_reference_data_say() -> None:
    for feature in json.loads(reference("municipal_cells.geojson"))["features"]:
        code, geometry = feature["properties"]["dane_code"], feature["geometry"]
        parts = geometry["coordinates"]
        expect = parts if geometry["type"] == "MultiPolygon" else [parts]
        boundary = mapping(decoded()[code]["boundary"])["coordinates"]
        # Exact: the decimals of the file, read as Python reads them.
        assert json.loads(json.dumps(boundary)) == expect, code
        assert mapping(decoded()[code]["location"])["coordinates"] == seats()[code]


def test_the_outlines_of_the_33_departments_are_valid() -> None:
    assert len(outlines()) == 33
    assert shapely.is_valid(list(outlines().values())).all()


def test_a_seat_lies_in_its_department_and_its_cell() -> None:
    for code, row in decoded().items():
        outline = outlines()[code[:2]]
        assert shapely.distance(outline, row["location"]) <= TOLERANCE_DEGREES, code
        assert shapely.distance(row["boundary"], row["location"]) <= TOLERANCE_DEGREES, code


def test_the_cells_of_a_department_cover_it_without_overlap() -> None:
    for department, outline in outlines().items():
        cells = [row["boundary"] for code, row in decoded().items() if code[:2] == department]
        covered = shapely.union_all(cells)
        assert shapely.area(shapely.symmetric_difference(covered, outline)) < 1e-6 * outline.area
        assert sum(cell.area for cell in cells) - covered.area < 1e-6 * outline.area, department


def test_geometry_of_the_process_is_made_once() -> None:
    assert municipal_geometry() is municipal_geometry()
