"""The geometries of a user's polygons: checked, brought to EPSG:4326 and to one normal form."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from pqrs_kedro.domain.geometry import SRID
from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.polygons.files import refusal

if TYPE_CHECKING:
    import geopandas as gpd

Shapes = NDArray[Any]

DECIMALS: Final = 7  # 1 cm
# West, south, east, north: the mainland, Malpelo, and the islands and cays of the Caribbean.
BOUNDS: Final = (-82.0, -4.3, -66.8, 16.1)
# Seats of the reference data are up to 9.5 km off, which is less.
SEAT_DEGREES: Final = 0.1
_POLYGONAL: Final = ("Polygon", "MultiPolygon")


def multipolygons(file: Path, codes: Sequence[str], frame: "gpd.GeoDataFrame") -> Shapes:
    """The geometries as MultiPolygons in EPSG:4326, one per code.

    The form is normal: plane, 7 decimals, no repeated vertex, outer rings counter-clockwise, rings
    and parts in an order that the coordinates alone decide. So equal polygons are equal, whatever
    kind of file they came in.

    Raises:
        InvalidInput: a geometry is missing, no polygon, invalid, or not where its municipality is.
    """
    _check_polygons(file, codes, frame.geometry.to_numpy())
    shapes = _in_degrees(file, frame)
    _check_place(file, codes, shapes)
    return np.array(
        [_normal(file, code, shape) for code, shape in zip(codes, shapes, strict=True)],
        dtype=object,
    )


def _check_polygons(file: Path, codes: Sequence[str], shapes: Shapes) -> None:
    """Every row has a valid polygon, in the reference system of the file."""
    _refuse_first(
        file, codes, shapely.is_missing(shapes) | shapely.is_empty(shapes), lambda _: "no geometry"
    )
    kinds = np.array([shape.geom_type for shape in shapes])
    _refuse_first(
        file,
        codes,
        ~np.isin(kinds, _POLYGONAL),
        lambda row: f"a {kinds[row]}; allowed: {' and '.join(_POLYGONAL)}",
    )
    _refuse_first(
        file,
        codes,
        ~shapely.is_valid(shapes),
        lambda row: (
            f"an invalid polygon ({shapely.is_valid_reason(shapes[row])}); repair it, for example "
            "by make_valid() of GeoPandas"
        ),
    )


def _in_degrees(file: Path, frame: "gpd.GeoDataFrame") -> Shapes:
    from pyproj.exceptions import ProjError

    try:
        return np.asarray(shapely.force_2d(frame.geometry.to_crs(SRID).to_numpy()))
    except ProjError as error:
        name = frame.crs.name if frame.crs is not None else None
        reason = " ".join(str(error).split())
        raise refusal(file, f"cannot be brought from {name!r} to EPSG:{SRID}: {reason}") from None


def _check_place(file: Path, codes: Sequence[str], shapes: Shapes) -> None:
    """Every polygon is in Colombia, and near the seat of its municipality."""
    west, south, east, north = BOUNDS
    found = shapely.bounds(shapes)
    # Written so that what is no number is outside.
    inside = np.all((found >= (west, south) * 2) & (found <= (east, north) * 2), axis=1)
    _refuse_first(
        file,
        codes,
        ~inside,
        lambda row: (
            f"coordinates outside Colombia (longitude {found[row, 0]:.4f} to {found[row, 2]:.4f}, "
            f"latitude {found[row, 1]:.4f} to {found[row, 3]:.4f}); allowed: longitude {west:g} to "
            f"{east:g}, latitude {south:g} to {north:g}"
        ),
    )
    places = {place["dane_code"]: place for place in municipalities().to_pylist()}
    seats = shapely.points(
        [(places[code]["longitude"], places[code]["latitude"]) for code in codes]
    )
    away = shapely.distance(shapes, seats)
    _refuse_first(
        file,
        codes,
        away > SEAT_DEGREES,
        lambda row: (
            f"a polygon {away[row]:.2f} degrees from the seat of {places[codes[row]]['name']}; at "
            f"most {SEAT_DEGREES:g}: is the code that of the polygon?"
        ),
    )


def _refuse_first(
    file: Path, codes: Sequence[str], is_wrong: NDArray[np.bool_], problem: Callable[[int], str]
) -> None:
    """Refuse the first row that is wrong, by its code."""
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise refusal(file, f"has for code {codes[row]} {problem(row)}")


def _normal(file: Path, code: str, shape: Any) -> Any:
    """One polygon in the normal form."""
    on_grid = _rounded(shape)
    if not shapely.is_valid(on_grid):
        # Vertices closer than the grid have met: what is thinner than the grid goes.
        on_grid = _rounded(_snapped(shape))
    if shapely.is_empty(on_grid) or not shapely.is_valid(on_grid):
        raise refusal(
            file, f"has for code {code} a polygon that is none when rounded to {DECIMALS} decimals"
        )
    plain = shapely.remove_repeated_points(on_grid)
    whole = shapely.MultiPolygon(shapely.get_parts(plain))
    return shapely.orient_polygons(shapely.normalize(whole))


def _rounded(shape: Any) -> Any:
    """The polygon with its vertices on the decimal grid."""
    return shapely.transform(shape, lambda vertices: np.round(vertices, DECIMALS))


def _snapped(shape: Any) -> Any:
    """The polygon without what vanishes on the grid; nothing where that cannot be done."""
    try:
        return shapely.set_precision(shape, 10**-DECIMALS)
    except ShapelyError:
        return shapely.MultiPolygon()
