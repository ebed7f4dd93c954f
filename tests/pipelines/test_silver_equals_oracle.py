"""Every silver table equals what the oracle rebuilds from the raw JSON Lines, cell by cell.

The generated runs cover both profiles; the hand-made tickets (`tests/conftest.py`, STORIES) cover
the edges of the SLA cycle, with each clock.
"""

import csv
import json
import struct
from datetime import date
from itertools import accumulate
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.conftest import LAST_OBSERVED_DAY, REGIONS, ROOT, STORIES, Observed, Run, base_profiles
from tests.oracle.calendar import days_from_to, is_business_day
from tests.oracle.curation import assert_same_table, build_silver

from pqrs_kedro.contracts.tables import TABLES

ENTITIES = (
    "silver_tickets",
    "silver_messages",
    "silver_status_events",
    "silver_attachments",
    "silver_sla_cycles",
)


@pytest.fixture(scope="module")
def expected_silver(observed: Observed) -> dict[str, pd.DataFrame]:
    oracle = observed.oracle
    return build_silver(oracle.events, oracle.rules, oracle.last_day)


@pytest.mark.parametrize("name", ENTITIES)
def test_a_silver_table_equals_the_oracle(
    name: str, observed: Observed, expected_silver: dict[str, pd.DataFrame]
) -> None:
    assert len(expected_silver[name]) > 0
    assert_same_table(observed.run.table(name), expected_silver[name], TABLES[name].primary_key)


def test_the_oracle_checks_every_silver_table_that_is_no_dimension() -> None:
    silver = {name for name, table in TABLES.items() if table.layer == "silver"}
    others = {name for name in silver if not name.startswith("dim_")} - set(ENTITIES)
    # Of clean runs it has no rows: tests/pipelines/test_dirty_silver.py compares it.
    assert others == {"quarantine_silver"}


@pytest.mark.xdist_group("stories")
def test_the_hand_made_tickets_reach_every_edge(observed_stories_closed: Observed) -> None:
    oracle = observed_stories_closed.oracle
    tickets = dict(zip(STORIES, sorted(oracle.tickets, key=_number), strict=True))
    cycles = [cycle for ticket in tickets.values() for cycle in ticket.cycles]
    assert oracle.last_day == LAST_OBSERVED_DAY
    assert {ticket.row["is_breached"] for ticket in tickets.values()} == {True, False, None}
    assert {len(cycle.holds) for cycle in cycles} == {0, 1, 2}
    assert {cycle.number for cycle in cycles} == {1, 2}
    assert any(cycle.holds and cycle.holds[-1].end_day is None for cycle in cycles)
    assert any(cycle.holds and not cycle.paused_days for cycle in cycles)
    assert any(cycle.is_late and cycle.days_late == 0 for cycle in cycles)
    extended = [name for name, t in tickets.items() if t.cycles and t.cycles[0].extended_on_day]
    assert "extension_on_the_due_day" in extended
    assert "extension_one_day_too_late" not in extended
    assert tickets["open_and_due_on_the_last_day"].row["is_breached"] is True
    assert tickets["open_on_hold_and_so_not_due"].row["is_breached"] is None


def _number(ticket: Any) -> int:
    """The ticket's place among the stories: the last digits of its id."""
    return int(ticket.row["ticket_id"][-4:], 16)


# Dimensions


def expected_types(profile: str) -> list[dict[str, object]]:
    types = base_profiles()[profile]["types"]
    return [
        {"type_id": code, "name": item["name"], "sla_business_days": item["term_business_days"]}
        for code, item in types.items()
    ]


@pytest.mark.parametrize(
    ("fixture", "profile"),
    [
        pytest.param(
            "documento_run", "documento_v1", id="documento_v1", marks=pytest.mark.xdist_group("doc")
        ),
        pytest.param("ley1755_run", "ley1755", id="ley1755", marks=pytest.mark.xdist_group("ley")),
    ],
)
def test_the_types_are_those_of_the_profile(
    fixture: str, profile: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(fixture)
    expected = pd.DataFrame(expected_types(profile), dtype=object)
    assert_same_table(run.table("dim_pqrs_type"), expected, ["type_id"])


def test_channels_and_statuses_have_spanish_names(small_run: Run) -> None:
    channels = {row["channel_id"]: row["name"] for row in small_run.rows("dim_channel")}
    assert channels == {
        "email": "Correo electrónico",
        "webform": "Formulario web",
        "chat": "Chat",
        "call": "Llamada telefónica",
    }
    statuses = {row["status_id"]: row["name"] for row in small_run.rows("dim_status")}
    assert statuses == {
        "RECEIVED": "Recibido",
        "RADICATED": "Radicado",
        "CLASSIFIED": "Clasificado",
        "ASSIGNED": "Asignado",
        "IN_PROGRESS": "En trámite",
        "ON_HOLD": "En espera del ciudadano",
        "RESPONDED": "Respondido",
        "CLOSED": "Cerrado",
        "REOPENED": "Reabierto",
        "ARCHIVED": "Archivado",
    }
    terminal = [row["status_id"] for row in small_run.rows("dim_status") if row["is_terminal"]]
    assert terminal == ["ARCHIVED"]


def test_the_calendar_is_that_of_the_oracle(small_run: Run) -> None:
    days = days_from_to(date(2015, 1, 1), date(2040, 12, 31))
    flags = [is_business_day(day) for day in days]
    columns = {"day": days, "is_business_day": flags, "business_day_ordinal": accumulate(flags)}
    series = {name: pd.Series(list(cells), dtype=object) for name, cells in columns.items()}
    series["business_day_ordinal"] = series["business_day_ordinal"].map(int).astype(object)
    assert_same_table(small_run.table("dim_business_day"), pd.DataFrame(series), ["day"])


def test_the_municipalities_are_those_of_divipola_with_their_natural_regions(
    small_run: Run,
) -> None:
    path = ROOT / "src/pqrs_kedro/reference/municipalities.csv"
    with path.open(encoding="utf-8", newline="") as file:
        places = list(csv.DictReader(file))
    regions = {code: region for region, codes in REGIONS.items() for code in codes.split()}
    features = json.loads((path.parent / "municipal_cells.geojson").read_bytes())["features"]
    cells = {item["properties"]["dane_code"]: item["geometry"] for item in features}
    expected = [
        {
            "geo_id": place["dane_code"],
            "region": regions[place["dane_code"][:2]],
            "municipio": place["name"],
            "department": place["department"],
            "dane_department_code": place["dane_code"][:2],
            "dane_municipality_code": place["dane_code"],
            "latitude": float(place["latitude"]),
            "longitude": float(place["longitude"]),
            "geometry_kind": "voronoi_approx",
            "location": point_bytes(float(place["longitude"]), float(place["latitude"])),
            "boundary": multipolygon_bytes(cells[place["dane_code"]]),
        }
        for place in places
    ]
    geo = small_run.table("dim_geo")
    assert len(geo) == 1122
    assert pa.types.is_string(geo.schema.field("geo_id").type)
    assert_same_table(geo, pd.DataFrame(expected, dtype=object), ["geo_id"])


# EWKB, little-endian, EPSG:4326: byte order, type and flag, reference system, content.
POINT = struct.pack("<BII", 1, 0x20000001, 4326)
MULTIPOLYGON = struct.pack("<BII", 1, 0x20000006, 4326)


def point_bytes(longitude: float, latitude: float) -> bytes:
    return POINT + struct.pack("<dd", longitude, latitude)


def multipolygon_bytes(geojson: dict[str, Any]) -> bytes:
    """A GeoJSON Polygon or MultiPolygon, encoded from the definition."""
    found = geojson["coordinates"]
    parts = found if geojson["type"] == "MultiPolygon" else [found]
    content = [MULTIPOLYGON, struct.pack("<I", len(parts))]
    for rings in parts:
        content.append(struct.pack("<BII", 1, 3, len(rings)))
        for ring in rings:
            content.append(struct.pack("<I", len(ring)))
            content += [struct.pack("<dd", *vertex) for vertex in ring]
    return b"".join(content)
