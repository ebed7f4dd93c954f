"""The territory of Colombia: municipalities (DIVIPOLA of DANE, 2024-12-30), departments, regions.

Reads the reference data kept in the package; `reference/SOURCES.md` says where every column comes
from. Tables are Arrow and immutable, so one copy serves the whole process. Codes are text: `05001`
is Medellín and 5001 is nothing.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from pqrs_kedro.domain.geometry import encode, multipolygon, point

# Natural regions by department code (departamento, first two digits of a DANE code).
_DEPARTMENTS_BY_REGION: Final = {
    "Caribe": "08 13 20 23 44 47 70",
    "Insular": "88",
    "Pacífica": "19 27 52 76",
    "Orinoquía": "50 81 85 99",
    "Amazonía": "18 86 91 94 95 97",
    "Andina": "05 11 15 17 25 41 54 63 66 68 73",
}
REGION_BY_DEPARTMENT: Final[Mapping[str, str]] = MappingProxyType(
    {code: region for region, codes in _DEPARTMENTS_BY_REGION.items() for code in codes.split()}
)

# Weights are whole ten-millionths: sums of integers are equal on every machine.
WEIGHT_TOTAL: Final = 10_000_000

_MUNICIPALITIES: Final = pa.schema(
    [
        ("dane_code", pa.string()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("department_code", pa.string()),
        ("department", pa.string()),
        ("region", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("population_weight_e7", pa.int64()),
        ("population", pa.int64()),
    ]
)
_DEPARTMENTS: Final = pa.schema(
    [
        ("department_code", pa.string()),
        ("department", pa.string()),
        ("region", pa.string()),
        ("capital_dane_code", pa.string()),
    ]
)


@cache
def municipalities() -> pa.Table:
    """One row per municipality, non-municipalised area or island (1,122), sorted by `dane_code`.

    Key: `dane_code`. `latitude`, `longitude`: the seat, degrees, EPSG:4326 (GeoNames; 29 seats
    DIVIPOLA). `population`: inhabitants of the seat (GeoNames), null where not known.
    `population_weight_e7`: share of tickets in ten-millionths (tempered population).
    Invariant: the weights are positive and sum to `WEIGHT_TOTAL`.
    """
    return _read("municipalities.csv", _MUNICIPALITIES)


@cache
def departments() -> pa.Table:
    """One row per department (33, Bogotá, D.C. included), sorted by `department_code`, the key."""
    return _read("departments.csv", _DEPARTMENTS)


@cache
def municipal_geometry() -> pa.Table:
    """Seat and cell of every municipality, in the order of `municipalities()`; key `dane_code`.

    `location`: the seat, a Point. `boundary`: a MultiPolygon; all cells of a department together
    are its outline. `geometry_kind`: what a cell is, `voronoi_approx`. Both are EWKB, EPSG:4326, of
    the coordinates that are written in the reference data.
    """
    features = json.loads(_content("municipal_cells.geojson"))["features"]
    cells = {item["properties"]["dane_code"]: item for item in features}
    places = municipalities().select(["dane_code", "longitude", "latitude"]).to_pylist()
    codes = [place["dane_code"] for place in places]
    kinds = [cells[code]["properties"]["geometry_kind"] for code in codes]
    return pa.table(
        {
            "dane_code": codes,
            "geometry_kind": kinds,
            "location": encode([point(p["longitude"], p["latitude"]) for p in places]),
            "boundary": encode([multipolygon(cells[code]["geometry"]) for code in codes]),
        }
    )


def draw_municipalities(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Row numbers in `municipalities()`, drawn by weight from uniform 64-bit integers.

    Integer arithmetic only, so a draw is the same on every machine. The remainder favours no row
    by more than 1e7 / 2**64, about 5e-13.
    """
    position = np.asarray(bits, dtype=np.uint64) % np.uint64(WEIGHT_TOTAL)
    rows = np.searchsorted(_cumulative_weights(), position.astype(np.int64), side="right")
    return rows.astype(np.int64, copy=False)


@cache
def _cumulative_weights() -> NDArray[np.int64]:
    """Upper end of each row's interval in [0, WEIGHT_TOTAL), the lower end being the row before."""
    # Not to_numpy(): it imports pandas, 2 s in every worker.
    weights = municipalities()["population_weight_e7"].to_pylist()
    cumulative = np.cumsum(np.array(weights, dtype=np.int64))
    cumulative.flags.writeable = False
    return cumulative


def _read(name: str, schema: pa.Schema) -> pa.Table:
    """A CSV of the reference data with the types of its schema, nothing guessed."""
    return pa_csv.read_csv(
        pa.BufferReader(_content(name)),
        # One thread and one block: 1,122 rows are not worth a thread pool in every worker.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=1 << 20),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema,
            include_columns=schema.names,
            null_values=[""],
            strings_can_be_null=False,
        ),
    )


def _content(name: str) -> bytes:
    """A file of the reference data."""
    return files("pqrs_kedro").joinpath("reference", name).read_bytes()
