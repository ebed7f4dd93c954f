"""Geometries as the tables keep them: EWKB, little-endian, EPSG:4326.

EWKB is well-known binary that names its reference system: PostGIS takes it as it is, Shapely and
GeoPandas read it. Encoding computes nothing, so equal coordinates are equal bytes everywhere.
Shapely is loaded by what encodes, not by this module, which the generator's workers import too.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

SRID: Final = 4326
_LITTLE_ENDIAN: Final = 1
_HAS_SRID: Final = 0x20000000


def encode(shapes: Iterable["BaseGeometry"]) -> pa.Array:
    """Plane geometries in degrees, longitude first, as EWKB; one cell each."""
    import shapely

    located = shapely.set_srid(list(shapes), SRID)
    return pa.array(
        shapely.to_wkb(
            located,
            output_dimension=2,
            byte_order=_LITTLE_ENDIAN,
            include_srid=True,
            flavor="extended",
        ),
        pa.binary(),
    )


def point(longitude: float, latitude: float) -> "BaseGeometry":
    """A place."""
    import shapely

    return shapely.Point(longitude, latitude)


def multipolygon(geojson: dict[str, Any]) -> "BaseGeometry":
    """A GeoJSON Polygon or MultiPolygon as a MultiPolygon, its coordinates untouched."""
    import shapely.geometry

    shape = shapely.geometry.shape(geojson)
    return shapely.MultiPolygon(shapely.get_parts(shape))


def reference_system(head: bytes) -> int | None:
    """The EPSG code that the first nine bytes of little-endian EWKB name; null if they do not."""
    if len(head) < 9 or head[0] != _LITTLE_ENDIAN:
        return None
    kind, srid = (int.from_bytes(head[start : start + 4], "little") for start in (1, 5))
    return srid if kind & _HAS_SRID else None
