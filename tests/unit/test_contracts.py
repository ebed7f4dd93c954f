"""What the contracts promise: complete, consistent, as ADR-0016 asks, and kept by the data."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from pqrs_kedro.contracts.columns import COLUMNS
from pqrs_kedro.contracts.raw import RAW_EVENT_STRUCTURE, TIMESTAMP_PATTERN, UUID_PATTERN
from pqrs_kedro.contracts.schema import (
    ARROW_TYPES,
    ContractError,
    arrow_schema,
    check_batch,
    stream_schema,
)
from pqrs_kedro.contracts.tables import SWEEP_TABLES, TABLES, Table

ALL_TABLES = [pytest.param(table, id=name) for name, table in {**TABLES, **SWEEP_TABLES}.items()]

# ADR-0016, sections 4.2 and 4.3.
ADR_COLUMNS = {
    "silver_tickets": "ticket_id external_id source_channel pqrs_type priority created_at"
    " radicated_at current_status geo_id sla_due_at closed_at",
    "silver_messages": "message_id ticket_id ts role text text_len",
    "silver_status_events": "event_id ticket_id ts status_from status_to actor_role",
    "silver_attachments": "attachment_id ticket_id ts file_type size_kb source_channel",
    "dim_geo": "geo_id region municipio",
    "dim_channel": "channel_id name",
    "dim_pqrs_type": "type_id name sla_business_days",
    "dim_status": "status_id name is_terminal",
    "gold_kpi_volume_daily": "day channel pqrs_type tickets_count",
    "gold_kpi_backlog_daily": "day pqrs_type region backlog_count",
    "gold_kpi_sla_daily": "day pqrs_type within_sla_pct overdue_count avg_overdue_days",
    "gold_kpi_first_response_daily": "day pqrs_type avg_hours_to_first_response",
    "gold_kpi_close_time_daily": "day pqrs_type avg_hours_to_close",
}
ADR_KEYS = {
    "silver_tickets": ("ticket_id",),
    "silver_messages": ("message_id",),
    "silver_status_events": ("event_id",),
    "silver_attachments": ("attachment_id",),
}
ADR_TICKET_REFERENCES = ("silver_messages", "silver_status_events", "silver_attachments")


# --- Columns and tables -------------------------------------------------------------------------


@pytest.mark.parametrize("table", ALL_TABLES)
def test_every_column_of_a_table_is_defined(table: Table):
    assert [name for name in (*table.partitions, *table.columns) if name not in COLUMNS] == []


@pytest.mark.parametrize("table", ALL_TABLES)
def test_a_tables_columns_are_named_once(table: Table):
    names = (*table.partitions, *table.columns)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("table", ALL_TABLES)
def test_keys_order_and_required_columns_are_columns_of_the_table(table: Table):
    names = {*table.partitions, *table.columns}
    assert table.primary_key
    assert set(table.primary_key) <= names
    assert set(table.order_by) <= names
    assert set(table.required) <= names
    assert not any(table.is_nullable(name) for name in (*table.primary_key, *table.partitions))


@pytest.mark.parametrize("table", ALL_TABLES)
def test_rows_of_an_object_can_be_told_apart_by_what_is_stored(table: Table):
    # The rest of the key is the object's path.
    assert table.stored_key == tuple(n for n in table.primary_key if n not in table.partitions)
    assert table.stored_key


@pytest.mark.parametrize("table", ALL_TABLES)
def test_a_foreign_key_points_to_a_primary_key_of_the_same_type(table: Table):
    for name, other, key in table.foreign_keys:
        assert name in table.columns
        assert TABLES[other].primary_key == (key,)
        assert COLUMNS[name].type == COLUMNS[key].type


@pytest.mark.parametrize("table", ALL_TABLES)
def test_a_table_says_its_grain_and_lies_in_its_layer(table: Table):
    assert table.grain.startswith("one row per")
    # The ledgers of the truth lie in the folder of their run, whatever that is.
    # Those of a sweep are measures too, by sweep id.
    layer = "gold" if table.layer == "sweep" else table.layer
    assert table.path.split("/")[0] in (layer, "quarantine", table.name)


def test_no_two_tables_share_a_path():
    paths = [table.path for table in (*TABLES.values(), *SWEEP_TABLES.values())]
    assert len(set(paths)) == len(paths)


def test_every_column_is_used_described_and_of_a_known_type():
    tables = (*TABLES.values(), *SWEEP_TABLES.values())
    used = {name for table in tables for name in (*table.partitions, *table.columns)}
    assert set(COLUMNS) == used
    for name, column in COLUMNS.items():
        assert column.name == name
        assert column.type in ARROW_TYPES
        assert column.description.endswith(".")


@pytest.mark.parametrize(
    ("suffix", "types"),
    [
        pytest.param("_at", {"timestamp"}, id="instants"),
        pytest.param("_day", {"date", "bool"}, id="days"),
        pytest.param("_count", {"int64"}, id="counts"),
        pytest.param("_pct", {"float64"}, id="percentages"),
        pytest.param("_hours", {"float64"}, id="hours"),
        pytest.param("_id", {"string"}, id="identifiers"),
        pytest.param("_code", {"string"}, id="codes"),
    ],
)
def test_a_name_tells_the_type(suffix: str, types: set[str]):
    found = {column.type for name, column in COLUMNS.items() if name.endswith(suffix)}
    assert found
    assert found <= types


def test_flags_are_named_as_flags():
    flags = {name for name, column in COLUMNS.items() if column.type == "bool"}
    assert flags == {name for name in COLUMNS if name.startswith(("is_", "has_"))}


# --- ADR-0016 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADR_COLUMNS)
def test_the_columns_of_the_adr_come_first_and_in_its_order(name: str):
    table, required = TABLES[name], ADR_COLUMNS[name].split()
    # `day` lies in the path; `month` of silver is none of the ADR's columns.
    in_path = [column for column in table.partitions if column in required]
    assert [*in_path, *table.columns][: len(required)] == required


@pytest.mark.parametrize("name", ADR_KEYS)
def test_the_keys_are_those_of_the_adr(name: str):
    assert TABLES[name].primary_key == ADR_KEYS[name]


@pytest.mark.parametrize("name", ADR_TICKET_REFERENCES)
def test_the_references_to_tickets_are_those_of_the_adr(name: str):
    assert ("ticket_id", "silver_tickets", "ticket_id") in TABLES[name].foreign_keys


def test_a_place_has_its_dane_codes_and_coordinates():
    columns = TABLES["dim_geo"].columns
    assert {"dane_department_code", "dane_municipality_code", "latitude", "longitude"} <= set(
        columns
    )
    assert {COLUMNS[name].type for name in columns if name.startswith("dane_")} == {"string"}


def test_a_place_has_its_geometry_after_the_columns_it_had_before():
    table = TABLES["dim_geo"]
    assert table.columns[-3:] == table.added == ("geometry_kind", "location", "boundary")
    assert COLUMNS["geometry_kind"].allowed == ("voronoi_approx", "user")
    for name in ("location", "boundary"):
        assert COLUMNS[name].type == "geometry"
        assert COLUMNS[name].unit == "degrees, EPSG:4326"
        assert arrow_schema(table).field(name) == pa.field(name, pa.binary(), nullable=False)


@pytest.mark.parametrize("table", ALL_TABLES)
def test_added_columns_are_the_last_of_the_table(table: Table):
    assert table.columns[len(table.columns) - len(table.added) :] == table.added


# --- Schemas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ALL_TABLES)
def test_the_schema_of_an_object_has_the_stored_columns_only(table: Table):
    schema = arrow_schema(table)
    assert schema.names == list(table.columns)
    assert [field.nullable for field in schema] == [table.is_nullable(n) for n in table.columns]


@pytest.mark.parametrize("table", ALL_TABLES)
def test_rows_on_their_way_carry_the_partitions_as_text_first(table: Table):
    schema = stream_schema(table)
    assert schema.names == [*table.partitions, *table.columns]
    for name in table.partitions:
        assert schema.field(name) == pa.field(name, pa.string(), nullable=False)


def test_a_column_required_by_a_table_may_be_null_in_another():
    assert not TABLES["silver_status_events"].is_nullable("status_to")
    assert TABLES["bronze_pqrs_events"].is_nullable("status_to")
    assert not TABLES["gold_kpi_sla_daily"].is_nullable("pqrs_type")
    assert TABLES["silver_tickets"].is_nullable("pqrs_type")


# --- Keeping the contract -----------------------------------------------------------------------

AT = datetime(2026, 3, 27, 14, tzinfo=UTC)
# The point (0, 0): little-endian, type and "has a reference system", 4326, two doubles.
SEAT = bytes.fromhex("0101000020e6100000") + bytes(16)
VALUE_OF_TYPE: dict[str, Any] = {
    "string": "x", "binary": b"x", "geometry": SEAT, "int64": 1, "float64": 1.5, "bool": True,
    "date": date(2026, 3, 27), "timestamp": AT, "attachments": [],
    "instants": [AT], "texts": ["x"],
    "messages": [{"ts": AT, "author_kind": "bot", "subject": None, "text": "x"}],
}  # fmt: skip


def valid_row(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in table.columns:
        allowed = COLUMNS[name].allowed
        value = allowed[0] if allowed else VALUE_OF_TYPE[COLUMNS[name].type]
        row[name] = [value] if allowed and COLUMNS[name].type == "texts" else value
    for name in table.partitions:
        allowed = COLUMNS[name].allowed
        row[name] = allowed[0] if allowed else "2026-03-27"
    return row


def batch_of(table: Table, *rows: dict[str, Any]) -> pa.RecordBatch:
    """A batch that may hold nulls anywhere."""
    fields = [field.with_nullable(True) for field in stream_schema(table)]
    return pa.RecordBatch.from_pylist(list(rows), schema=pa.schema(fields))


def refusal(table: Table, *rows: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        check_batch(table, batch_of(table, *rows))
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


@pytest.mark.parametrize("table", ALL_TABLES)
def test_rows_that_keep_the_contract_pass(table: Table):
    row = valid_row(table)
    sparse = {name: None if table.is_nullable(name) else value for name, value in row.items()}
    check_batch(table, batch_of(table, row, sparse))
    check_batch(table, batch_of(table))


@pytest.mark.parametrize("table", ALL_TABLES)
def test_a_null_is_refused_where_none_is_allowed(table: Table):
    required = [n for n in (*table.partitions, *table.columns) if not table.is_nullable(n)]
    for name in required:
        row = valid_row(table)
        message = refusal(table, row, row | {name: None}, row | {name: None})
        assert message == f"{table.name}.{name}: 2 null values; none allowed"


@pytest.mark.parametrize("table", ALL_TABLES)
def test_an_unknown_value_is_refused_with_what_is_allowed(table: Table):
    for name in (*table.partitions, *table.columns):
        allowed = COLUMNS[name].allowed
        if allowed is not None:
            other = ["otro"] if COLUMNS[name].type == "texts" else "otro"
            message = refusal(table, valid_row(table), valid_row(table) | {name: other})
            assert message.startswith(f"{table.name}.{name}: 'otro' is not one of ")
            assert all(value in message for value in allowed)


def test_an_unknown_author_of_a_message_is_refused():
    table = TABLES["bronze_pqrs_events"]
    message = {"ts": AT, "author_kind": "robot", "subject": None, "text": "x"}
    said = refusal(table, valid_row(table) | {"messages": [message]})
    assert said == (
        "bronze_pqrs_events.messages.author_kind: 'robot' is not one of agent, bot, citizen"
    )


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POINT (0 0)", id="text"),
        pytest.param(bytes.fromhex("0101000000") + bytes(16), id="no_reference_system"),
        pytest.param(bytes.fromhex("0101000020") + b"\x26\x0f\0\0" + bytes(16), id="epsg_3878"),
        pytest.param(bytes.fromhex("0020000001000010e6") + bytes(16), id="big_endian"),
    ],
)
def test_a_geometry_in_another_form_is_refused(geometry: bytes):
    table = TABLES["dim_geo"]
    for name in ("location", "boundary"):
        message = refusal(table, valid_row(table), valid_row(table) | {name: geometry})
        assert message.startswith(f"dim_geo.{name}: {geometry[:9].hex()}... is not")
        assert message.endswith("little-endian EWKB of EPSG:4326")


def test_checking_leaves_the_batch_alone():
    table = TABLES["silver_tickets"]
    batch = batch_of(table, valid_row(table))
    before = batch.to_pylist()
    check_batch(table, batch)
    assert batch.to_pylist() == before


# --- Raw events ---------------------------------------------------------------------------------


def test_the_raw_structure_reads_the_keys_of_the_envelope():
    assert list(RAW_EVENT_STRUCTURE) == [
        "event_id", "event_type", "ts", "source", "ticket_id", "external_id", "actor_role",
        "status_from", "status_to", "attributes", "payload",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        pytest.param(TIMESTAMP_PATTERN, "2026-01-01T13:02:03.000456Z", True, id="instant"),
        pytest.param(TIMESTAMP_PATTERN, "2026-01-01T13:02:03Z", False, id="no_microseconds"),
        pytest.param(TIMESTAMP_PATTERN, "2026-01-01T13:02:03.000456-05:00", False, id="offset"),
        pytest.param(TIMESTAMP_PATTERN, "2026-01-01 13:02:03.000456Z", False, id="space"),
        pytest.param(UUID_PATTERN, "019b7a18-c305-704d-81cc-7c24ff8a76e2", True, id="uuid"),
        pytest.param(UUID_PATTERN, "019B7A18-C305-704D-81CC-7C24FF8A76E2", False, id="capitals"),
        pytest.param(UUID_PATTERN, "019b7a18c305704d81cc7c24ff8a76e2", False, id="no_dashes"),
    ],
)
def test_a_text_fits_its_pattern_or_not(pattern: str, text: str, fits: bool):
    assert (re.match(pattern, text) is not None) is fits
