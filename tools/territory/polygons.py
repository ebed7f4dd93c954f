"""Department outlines of Natural Earth and the Voronoi cells of the seats within them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from tools.territory.packages import OUTLINES, BuildError, read_npm
from tools.territory.places import Municipality

TOLERANCE_DEGREES: Final = 0.02  # outlines at 1:10 million are about 2 km off
DEPARTMENT_DECIMALS: Final = 5  # 1 m
# Finer than the departments, so that rounding does not open gaps along their edges.
CELL_DECIMALS: Final = 7
CELL_AREA_TOLERANCE: Final = 1e-6


def read_outlines(cache: Path, admin1: dict[str, str]) -> dict[str, Any]:
    """Department polygons by code, rounded; the one feature without a department is an islet."""
    collection = json.loads(read_npm(OUTLINES, cache, "src/js/data/col.json"))
    by_admin1 = {f["properties"]["gn_a1_code"]: f["geometry"] for f in collection["features"]}
    outlines = {
        code: rounded(shapely.geometry.shape(by_admin1[f"CO.{first}"]), DEPARTMENT_DECIMALS)
        for code, first in admin1.items()
    }
    for code, outline in outlines.items():
        if not outline.is_valid:
            raise BuildError(f"department {code}: {shapely.is_valid_reason(outline)}")
    return outlines


def rounded(shape: Any, decimals: int) -> Any:
    """The polygon on a decimal grid, without repeated vertices, outer rings counter-clockwise."""
    on_grid = shapely.transform(shape, lambda xy: np.round(xy, decimals))
    return shapely.orient_polygons(shapely.remove_repeated_points(on_grid))


def cells_of(outline: Any, municipalities: Sequence[Municipality]) -> dict[str, Any]:
    """Voronoi cells of the seats inside the department, by code: they partition it.

    Distances are in degrees. A seat outside the outline, which is off by up to 2 km, is moved to
    the outline's nearest point, or its cell could be empty.
    """
    seats = [shapely.Point(m.longitude, m.latitude) for m in municipalities]
    # The shortest line begins on the outline; inside it that is the seat itself.
    inside = [shapely.get_point(shapely.shortest_line(outline, seat), 0) for seat in seats]
    if len(inside) == 1:
        return {municipalities[0].code: outline}
    diagram = shapely.voronoi_polygons(
        shapely.MultiPoint(inside), extend_to=outline.envelope.buffer(1), ordered=True
    )
    cells = {}
    for m, seat, cell in zip(municipalities, inside, diagram.geoms, strict=True):
        part = shapely.normalize(areas_only(cell.intersection(outline)))
        cells[m.code] = rounded(part, CELL_DECIMALS)
        check_cell(m, seat, cells[m.code])
    check_partition(outline, cells.values())
    return cells


def areas_only(shape: Any) -> Any:
    """The polygons of a shape, without points and lines where cell and outline only touch."""
    parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def check_cell(municipality: Municipality, seat: Any, cell: Any) -> None:
    """The cell is valid, not empty and around its seat (to a decimal of the grid)."""
    if cell.is_empty or not cell.is_valid or cell.distance(seat) > 10**-CELL_DECIMALS:
        raise BuildError(f"bad cell: {municipality.code}, {shapely.is_valid_reason(cell)}")


def check_partition(outline: Any, cells: Iterable[Any]) -> None:
    """The cells together are as large as their department."""
    total = sum(cell.area for cell in cells)
    if abs(total - outline.area) > CELL_AREA_TOLERANCE * outline.area:
        raise BuildError(f"cells have area {total}, their department {outline.area}")


def geojson(features: Iterable[tuple[dict[str, str], Any]]) -> str:
    """A feature collection (RFC 7946), one feature a line, so that changes can be read."""
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "properties": properties,
                "geometry": json.loads(shapely.to_geojson(shape)),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for properties, shape in features
    ]
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


def degrees_outside(
    municipalities: Iterable[Municipality], outlines: dict[str, Any]
) -> dict[str, float]:
    """Distance of each seat from its department's outline, 0 inside, by code."""
    return {
        m.code: float(outlines[m.department].distance(shapely.Point(m.longitude, m.latitude)))
        for m in municipalities
    }


def check_seats(municipalities: Iterable[Municipality], outlines: dict[str, Any]) -> None:
    """Every seat lies in its department, as exactly as the outlines are drawn."""
    outside = degrees_outside(municipalities, outlines)
    far = {code: d for code, d in outside.items() if d > TOLERANCE_DEGREES}
    if far:
        raise BuildError(f"seats outside their department, in degrees: {far}")
