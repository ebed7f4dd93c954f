"""Data quality: every check against pandas on real runs, and against tables broken on purpose."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from tests.conftest import DOCUMENTO, CommandRun, Observed, Project, Run
from tests.oracle.drift import drift, silence
from tests.oracle.quality import breach_band, quality_values
from tests.unit.scenarios import base_values, parameters

from pqrs_kedro.contracts.schema import stream_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.raw_line_counts import RawLineCounts
from pqrs_kedro.lake.objects import LakeObject, put
from pqrs_kedro.lake.parquet import encode_object
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.pipelines.reporting import lifecycle, quality
from pqrs_kedro.pipelines.reporting.breach import tolerance_pct
from pqrs_kedro.pipelines.reporting.checks import Check, as_table
from pqrs_kedro.pipelines.reporting.drift import FALSE_ALARM_RATE, _farthest, _pooled
from pqrs_kedro.pipelines.reporting.quality import CHECKED_TABLES, check_quality
from pqrs_kedro.run.engine import Engine, EngineSettings
from pqrs_kedro.run.quality_gate import describe_checks, refuse_failed_checks
from pqrs_kedro.run.session import RunFailed
from pqrs_kedro.warehouse.connection import open_warehouse
from pqrs_kedro.warehouse.runs import find_run

Name = tuple[str, str]
DRIFTS = ("volume_drift_pct", "channel_share_drift", "type_share_drift")
Outcomes = dict[Name, dict[str, Any]]


def outcomes(rows: list[dict[str, Any]]) -> Outcomes:
    return {(row["dataset"], row["check_name"]): row for row in rows}


def failures(found: Outcomes) -> set[Name]:
    return {name for name, row in found.items() if row["result"] == "fail"}


def severity(row: dict[str, Any]) -> str:
    return str(json.loads(row["details_json"])["severity"])


# On real runs


def test_every_check_has_the_value_that_pandas_finds(observed: Observed) -> None:
    run = observed.run
    found = outcomes(run.rows("data_quality"))

    def load(name: str) -> pd.DataFrame:
        return run.table(name).to_pandas()

    given = parameters(**observed.given)
    expected = quality_values(load, run.raw_objects()) | silence(
        load, given, observed.oracle.last_day
    )
    values = {name: row["value"] for name, row in found.items() if name[1] not in DRIFTS}
    assert values == expected
    for name, wanted in drift(load, given).items():
        row = found["silver_tickets", name]
        assert (row["value"], row["threshold"]) == pytest.approx(wanted, abs=1e-5)


def test_a_check_passes_exactly_when_its_value_keeps_the_threshold(observed: Observed) -> None:
    for (_, name), row in outcomes(observed.run.rows("data_quality")).items():
        value, threshold = row["value"], row["threshold"]
        least = name == "breach_rate_at_least"
        keeps = value is None or (value >= threshold if least else abs(value) <= threshold)
        assert (row["result"] == "pass") == keeps


def test_generated_data_passes_every_check(small_run: Run) -> None:
    assert failures(outcomes(small_run.rows("data_quality"))) == set()


def test_no_error_is_found_in_any_run(observed: Observed) -> None:
    """What is dirty or by chance out of its band warns."""
    found = outcomes(observed.run.rows("data_quality"))
    assert {severity(found[name]) for name in failures(found)} <= {"warn"}


@pytest.mark.xdist_group("stories")
def test_hand_made_lines_that_are_there_twice_are_noticed(stories_stopped_by_closed: Run) -> None:
    found = outcomes(stories_stopped_by_closed.rows("data_quality"))
    events = "silver_status_events"
    lines = ("bronze_pqrs_events", "repeated_pct")
    # Nor does a handful of tickets have the volume and the shares that their profile expects.
    warned = {n for n in found if n[0] == "gold_run_summary" or n[1] in DRIFTS}
    assert failures(found) - {lines} <= warned
    assert found[lines]["result"] == "fail"
    repeated = json.loads(found[events, "rows_from_bronze"]["details_json"])["repeated_lines"]
    assert repeated > 0


def test_the_band_of_the_breach_rate_is_the_documented_one(small_run: Run) -> None:
    found = outcomes(small_run.rows("data_quality"))
    (total,) = (
        row
        for row in small_run.rows("gold_run_summary")
        if (row["measure"], row["group"]) == ("breach_rate", "total")
    )
    bounds = [found["gold_run_summary", f"breach_rate_at_{end}"] for end in ("least", "most")]
    expected = breach_band(total["requested_pct"], total["denominator"])
    assert [row["threshold"] for row in bounds] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("requested", "due", "expected"),
    [
        pytest.param(9.5, 34_641, 2.5, id="the default run: the band of 7 to 12 per cent"),
        pytest.param(9.5, 100, 8.796448, id="100 tickets: three times 2.93 points"),
        pytest.param(2.0, 1_000_000, 2.5, id="a low rate"),
        pytest.param(9.5, 0, 2.5, id="nothing due yet"),
    ],
)
def test_the_tolerance(requested: float, due: int, expected: float) -> None:
    assert tolerance_pct(requested, due) == pytest.approx(expected, abs=1e-6)


# On tables broken on purpose


class Broken:
    """The tables of a small run, of which one may be replaced by a query on itself."""

    def __init__(self, run: Run) -> None:
        self._engine = Engine()
        self._connection = self._engine.connect(EngineSettings())
        for name in CHECKED_TABLES:
            self._connection.create_table(name, _as_loaded(name, run.table(name)))
        self.counts = RawLineCounts(path=str(run.lake), run_id=run.run_id).load()

    def check(
        self,
        counts: pa.Table | None = None,
        told: dict[str, Any] | None = None,
        **queries: str,
    ) -> Outcomes:
        """The outcomes with some tables replaced; a query names its table `t`."""
        tables = {name: self._connection.table(name) for name in CHECKED_TABLES}
        for name, query in queries.items():
            tables[name] = self._connection.sql(f"WITH t AS (SELECT * FROM {name}) {query}")
        raw = self.counts if counts is None else counts
        # The strictest thresholds, as the tables are clean.
        given = base_values(**DOCUMENTO | {"quality": {}} | (told or {}))
        return outcomes(check_quality(raw, given, **tables).to_pylist())

    def close(self) -> None:
        self._engine.close()


def _as_loaded(name: str, rows: pa.Table) -> pa.Table:
    """Instants in UTC without a zone, as the catalog loads them; no rows have their types too."""
    if not len(rows):
        rows = stream_schema(TABLES[name]).empty_table()
    for number, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(number, field.name, rows.column(number).cast(pa.timestamp("us")))
    return rows


@pytest.fixture(scope="module")
def broken(documento_run: Run) -> Iterator[Broken]:
    tables = Broken(documento_run)
    yield tables
    tables.close()


FIRST_TICKET = "ticket_id = (SELECT min(ticket_id) FROM t)"
FIRST_DAY = "day = (SELECT min(day) FROM t)"
# An event after which its ticket has others, so that no last instant changes with it.
CLASSIFIED = "event_id = (SELECT min(event_id) FROM t WHERE status_to = 'CLASSIFIED')"
STATUS = "silver_status_events"
BRONZE = "bronze_pqrs_events"
REJECTED = "quarantine_silver"


def first_message(column: str, of: str = "bronze_pqrs_events") -> str:
    """A value of the first message of bronze."""
    return f"(SELECT {column} FROM {of} WHERE event_type = 'MESSAGE' ORDER BY event_id LIMIT 1)"


def marked(column: str, value: str) -> str:
    """Bronze with a value in one line."""
    first = f"event_id = {first_message('event_id', 't')}"
    return f"SELECT * REPLACE (CASE WHEN {first} THEN {value} ELSE {column} END AS {column}) FROM t"


def rejected(scope: str, line_number: str) -> str:
    """A rejection of the first message, or of a line that is nowhere."""
    cells = {
        "scope": f"'{scope}'",
        "reason": "'orphan_event'",
        "detail": "NULL::VARCHAR",
        "ticket_id": first_message("ticket_id"),
        "event_id": first_message("event_id"),
        "source_object": first_message("source_object"),
        "line_number": line_number,
    }
    return "SELECT " + ", ".join(f"{value} AS {name}" for name, value in cells.items())


BREAKS = [
    pytest.param(
        "silver_tickets",
        f"SELECT * REPLACE (CASE WHEN {FIRST_TICKET} THEN created_at + INTERVAL 9 HOUR * 1000 "
        "ELSE created_at END AS created_at) FROM t",
        {("silver_tickets", "dates_in_order")},
        id="a ticket created after it was radicated",
    ),
    pytest.param(
        "silver_tickets",
        f"SELECT * REPLACE (sla_cycles_count + CASE WHEN {FIRST_TICKET} THEN 1 ELSE 0 END "
        "AS sla_cycles_count) FROM t",
        {("silver_sla_cycles", "cycles_of_tickets")},
        id="a cycle that is nowhere",
    ),
    pytest.param(
        "silver_tickets",
        f"SELECT * REPLACE (CASE WHEN NOT ({FIRST_TICKET}) THEN closed_at END AS closed_at) FROM t",
        {("gold_kpi_close_time_daily", "adds_up_to_tickets")},
        id="a closing that gold counts and silver has not",
    ),
    pytest.param(
        "silver_tickets",
        "SELECT * REPLACE (CASE WHEN first_response_at > (SELECT min(first_response_at) FROM t) "
        "THEN first_response_at END AS first_response_at) FROM t",
        {("gold_kpi_first_response_daily", "adds_up_to_tickets")},
        id="a reply that gold counts and silver has not",
    ),
    pytest.param(
        "silver_messages",
        "SELECT * REPLACE (CASE WHEN message_id = (SELECT min(message_id) FROM t) THEN 'agent' "
        "ELSE role END AS role) FROM t",
        {("silver_messages", "citizens_write_as_citizens")},
        id="a citizen in the role of an agent",
    ),
    pytest.param(
        "silver_messages",
        "SELECT * FROM t WHERE message_id > (SELECT min(message_id) FROM t)",
        {("silver_messages", "rows_from_bronze")},
        id="a message lost",
    ),
    pytest.param(
        "silver_attachments",
        "SELECT * REPLACE (CASE WHEN attachment_id = (SELECT min(attachment_id) FROM t) THEN -1 "
        "ELSE size_kb END AS size_kb) FROM t",
        {("silver_attachments", "size_is_not_negative")},
        id="a file of negative size",
    ),
    pytest.param(
        "silver_attachments",
        "SELECT * FROM t WHERE attachment_id > (SELECT min(attachment_id) FROM t)",
        {("silver_attachments", "rows_from_bronze")},
        id="a file lost",
    ),
    pytest.param(
        "silver_sla_cycles",
        "SELECT * REPLACE (is_late <> (ticket_id = (SELECT min(ticket_id) FROM t)) AS is_late) "
        "FROM t WHERE cycle_number = 1 OR ticket_id > (SELECT min(ticket_id) FROM t)",
        {("silver_sla_cycles", "late_after_the_due_day")},
        id="a cycle judged wrongly",
    ),
    pytest.param(
        "silver_sla_cycles",
        "SELECT * REPLACE (CASE WHEN stopped_at > (SELECT min(stopped_at) FROM t) THEN stop_day END"
        " AS stop_day, CASE WHEN stopped_at > (SELECT min(stopped_at) FROM t) THEN is_late END "
        "AS is_late) FROM t",
        {("gold_kpi_sla_daily", "adds_up_to_cycles")},
        id="a stop that gold counts and silver has not",
    ),
    pytest.param(
        STATUS,
        f"SELECT * REPLACE (CASE WHEN {CLASSIFIED} THEN 'RECEIVED' ELSE status_from END "
        "AS status_from) FROM t",
        {(STATUS, "allowed_transitions"), (STATUS, "unbroken_chain")},
        id="a status skipped",
    ),
    pytest.param(
        STATUS,
        "SELECT * REPLACE (CASE WHEN event_id = (SELECT min(event_id) FROM t "
        "WHERE status_to = 'ARCHIVED') THEN 'ON_HOLD' ELSE status_from END AS status_from, "
        "CASE WHEN event_id = (SELECT min(event_id) FROM t WHERE status_to = 'ARCHIVED') "
        "THEN 'RESPONDED' ELSE status_to END AS status_to) FROM t",
        {(STATUS, "unbroken_chain")},
        id="an allowed transition from a status the ticket was not in",
    ),
    pytest.param(
        STATUS,
        f"SELECT * FROM t WHERE NOT ({CLASSIFIED})",
        {
            (STATUS, "rows_from_bronze"),
            (BRONZE, "events_accounted_for"),
            (STATUS, "unbroken_chain"),
            ("gold_status_transitions_daily", "adds_up_to_events"),
        },
        id="an event lost",
    ),
    pytest.param(
        "dim_business_day",
        "SELECT * REPLACE (business_day_ordinal + CASE WHEN day >= DATE '2026-01-08' THEN 1 "
        "ELSE 0 END AS business_day_ordinal) FROM t",
        {("dim_business_day", "ordinals_count_business_days")},
        id="a business day counted twice",
    ),
    pytest.param(
        "dim_business_day",
        "SELECT * FROM t WHERE day <> DATE '2026-01-10'",
        {("dim_business_day", "ordinals_count_business_days")},
        id="a Saturday missing",
    ),
    pytest.param(
        "gold_kpi_volume_daily",
        f"SELECT * REPLACE (tickets_count + CASE WHEN {FIRST_DAY} AND channel = 'email' AND "
        "pqrs_type = 'QUEJA' THEN 1 ELSE 0 END AS tickets_count) FROM t",
        {("gold_kpi_volume_daily", "adds_up_to_tickets")},
        id="a ticket counted twice",
    ),
    pytest.param(
        "gold_kpi_backlog_daily",
        "SELECT * REPLACE (backlog_count + CASE WHEN day = DATE '2026-01-20' AND region = 'Andina' "
        "AND pqrs_type = 'QUEJA' THEN 1 ELSE 0 END AS backlog_count) FROM t",
        {
            ("gold_kpi_backlog_daily", "follows_from_the_day_before"),
            ("gold_backlog_ageing_daily", "adds_up_to_backlog"),
        },
        id="a ticket open for one day by mistake",
    ),
    pytest.param(
        "gold_backlog_ageing_daily",
        "SELECT * REPLACE (backlog_count + CASE WHEN day = DATE '2026-01-20' AND "
        "age_bucket = '>30' AND pqrs_type = 'QUEJA' THEN 1 ELSE 0 END AS backlog_count) FROM t",
        {("gold_backlog_ageing_daily", "adds_up_to_backlog")},
        id="a ticket in two age buckets",
    ),
    pytest.param(
        "gold_kpi_sla_daily",
        f"SELECT * REPLACE (late_count + CASE WHEN {FIRST_DAY} AND pqrs_type = 'QUEJA' THEN 1 "
        "ELSE 0 END AS late_count) FROM t",
        {("gold_kpi_sla_daily", "within_and_late_are_stopped")},
        id="a cycle both within and late",
    ),
    pytest.param(
        "gold_status_transitions_daily",
        f"SELECT * REPLACE (transitions_count + CASE WHEN {FIRST_DAY} AND "
        "status_to = 'RADICATED' THEN 1 ELSE 0 END AS transitions_count) FROM t",
        {("gold_status_transitions_daily", "adds_up_to_events")},
        id="a transition counted twice",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (numerator + CASE WHEN \"group\" = 'QUEJA' THEN 1 ELSE 0 END "
        "AS numerator) FROM t",
        {("gold_run_summary", "types_add_up_to_numerator")},
        id="a breach in a type alone",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (denominator + CASE WHEN \"group\" = 'QUEJA' THEN 1 ELSE 0 END "
        "AS denominator) FROM t",
        {("gold_run_summary", "types_add_up_to_denominator")},
        id="a due ticket in a type alone",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (numerator + CASE WHEN measure = 'unclassified' THEN 1 ELSE 0 END "
        "AS numerator) FROM t",
        {
            ("gold_run_summary", "counts_the_unclassified"),
            ("gold_kpi_volume_daily", "adds_up_to_tickets"),
            ("gold_kpi_backlog_daily", "ends_with_the_open_tickets"),
        },
        id="a ticket without a type that has one",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (40.0::DOUBLE AS value_pct) FROM t",
        {("gold_run_summary", "breach_rate_at_most")},
        id="far too many breaches",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (0.1::DOUBLE AS value_pct) FROM t",
        {("gold_run_summary", "breach_rate_at_least")},
        id="far too few breaches",
    ),
    pytest.param(
        "gold_run_summary",
        "SELECT * REPLACE (NULL::DOUBLE AS value_pct) FROM t",
        set(),
        id="no ticket due yet: there is no rate to judge",
    ),
    pytest.param(
        "bronze_pqrs_events",
        "SELECT * FROM t UNION ALL SELECT * REPLACE (line_number + 1000000 AS line_number) FROM "
        "(SELECT * FROM t ORDER BY source_object, line_number LIMIT 1)",
        {("raw_events", "lines_accounted_for"), (BRONZE, "repeated_pct")},
        id="a line too many; its event counts once",
    ),
    pytest.param(
        "quarantine_raw_lines",
        "SELECT * REPLACE ('invalid_json' AS reason) FROM (SELECT source_object, line_number, "
        "'' AS reason, NULL AS detail, ''::BLOB AS line, source, day FROM bronze_pqrs_events "
        "ORDER BY source_object, line_number LIMIT 1)",
        {("raw_events", "lines_accounted_for"), ("quarantine_raw_lines", "quarantined_pct")},
        id="a line in bronze and in quarantine",
    ),
    pytest.param(
        BRONZE,
        marked("repairs", "['nul_in_text', 'byte_order_mark']"),
        {(BRONZE, "repaired_pct")},
        id="a line repaired",
    ),
    pytest.param(
        BRONZE,
        marked("unknown_fields", "['version']"),
        {(BRONZE, "unknown_fields_pct")},
        id="a line with a field more",
    ),
    pytest.param(
        BRONZE, marked("filed_late_days", "-1"), {(BRONZE, "misfiled_pct")}, id="a line filed early"
    ),
    pytest.param(
        REJECTED,
        rejected("event", first_message("line_number")),
        {
            (REJECTED, "quarantined_events_pct"),
            ("silver_messages", "rows_from_bronze"),
        },
        id="an event that is curated and rejected",
    ),
    pytest.param(
        REJECTED,
        rejected("ticket", "1000000"),
        {(REJECTED, "quarantined_tickets_pct"), (REJECTED, "lines_of_bronze")},
        id="a ticket rejected for a line that is nowhere",
    ),
    pytest.param(
        "silver_tickets",
        f"SELECT * REPLACE (CASE WHEN {FIRST_TICKET} THEN '99999' END AS unknown_dane_code) FROM t",
        {("silver_tickets", "unknown_places_pct")},
        id="a ticket from nowhere",
    ),
    pytest.param(
        "silver_tickets",
        "SELECT * REPLACE (CASE WHEN source_channel = 'chat' THEN 'email' ELSE source_channel END "
        "AS source_channel) FROM t",
        {("silver_tickets", "channel_share_drift")},
        id="chats that became e-mails",
    ),
    pytest.param(
        BRONZE,
        "SELECT * REPLACE (ts - CASE WHEN source = 'call' THEN INTERVAL 120 DAY ELSE INTERVAL 0 "
        "DAY END AS ts) FROM t",
        {(BRONZE, "silent_days_call")},
        id="calls that ended months ago",
    ),
    *(
        pytest.param(
            BRONZE,
            f"SELECT * REPLACE (ts - CASE WHEN source = '{source}' THEN INTERVAL 120 DAY ELSE "
            "INTERVAL 0 DAY END AS ts) FROM t",
            {(BRONZE, f"silent_days_{source}")},
            id=f"{source} fell silent",
        )
        for source in ("email", "webform", "chat")
    ),
]


def test_the_tables_as_they_are_pass(broken: Broken) -> None:
    assert failures(broken.check()) == set()


@pytest.mark.parametrize(("table", "query", "expected"), BREAKS)
@pytest.mark.xdist_group("doc")
def test_one_thing_broken_fails_its_checks_alone(
    table: str, query: str, expected: set[Name], broken: Broken
) -> None:
    found = broken.check(**{table: query})
    assert failures(found) == expected
    for name in expected:
        details = json.loads(found[name]["details_json"])
        assert details.get("examples", True)


def test_every_rule_is_broken_by_some_test(broken: Broken) -> None:
    tested = {name for case in BREAKS for name in case.values[2]}  # type: ignore[attr-defined]
    generic = ("primary_key", "reference_", "every_day_has_its_rows")
    others = {name for name in broken.check() if not name[1].startswith(generic)}
    # A ticket more or less changes nearly everything: it has a test of its own.
    assert others - tested == {
        ("silver_tickets", "rows_from_bronze"),
        ("silver_tickets", "volume_drift_pct"),
        ("silver_tickets", "type_share_drift"),
        (STATUS, "bounded_loops"),
    }


@pytest.mark.xdist_group("doc")
def test_a_lost_ticket_is_noticed(broken: Broken) -> None:
    found = broken.check(silver_tickets=f"SELECT * FROM t WHERE NOT ({FIRST_TICKET})")
    assert found["silver_tickets", "rows_from_bronze"]["value"] == -1
    astray = {name for name in failures(found) if name[1] == "reference_ticket_id"}
    assert (STATUS, "reference_ticket_id") in astray


@pytest.mark.xdist_group("doc")
def test_a_ticket_that_goes_round_too_often_is_noticed(broken: Broken) -> None:
    """Three holds: one more than a ticket may have."""
    path = "RECEIVED RADICATED CLASSIFIED ASSIGNED IN_PROGRESS " + "ON_HOLD IN_PROGRESS " * 3
    statuses = path.split()
    rows = ", ".join(
        f"('{number}', {number}, {repr(before) if before else 'NULL'}, '{status}')"
        for number, (before, status) in enumerate(
            zip([None, *statuses], statuses, strict=False), start=1
        )
    )
    found = broken.check(**{
        STATUS: f"SELECT * FROM t UNION ALL BY NAME SELECT 'looping' AS ticket_id, * "
        f"FROM (VALUES {rows}) AS v(event_id, event_number, status_from, status_to)"
    })  # fmt: skip
    row = found[STATUS, "bounded_loops"]
    assert (row["result"], row["value"]) == ("fail", 1)
    (example,) = json.loads(row["details_json"])["examples"]
    assert example == {
        "ticket_id": "looping",
        "status_from": "IN_PROGRESS",
        "status_to": "ON_HOLD",
        "times": 3,
    }
    assert found[STATUS, "allowed_transitions"]["result"] == "pass"
    assert found[STATUS, "unbroken_chain"]["result"] == "pass"


@pytest.mark.parametrize("name", [n for n in CHECKED_TABLES if not n.startswith("quarantine")])
@pytest.mark.xdist_group("doc")
def test_a_row_that_is_there_twice_breaks_the_key(name: str, broken: Broken) -> None:
    key = ", ".join(f'"{column}"' for column in TABLES[name].primary_key)
    row = f"(SELECT * FROM t ORDER BY {key} LIMIT 1)"
    found = broken.check(**{name: f"SELECT * FROM t UNION ALL {row}"})[name, "primary_key"]
    assert (found["result"], found["value"]) == ("fail", 1)
    (example,) = json.loads(found["details_json"])["examples"]
    assert list(example) == sorted(TABLES[name].primary_key)


@pytest.mark.parametrize("name", ["silver_tickets", "dim_geo", "gold_run_summary"])
@pytest.mark.xdist_group("doc")
def test_a_null_in_the_key_breaks_it(name: str, broken: Broken) -> None:
    column = TABLES[name].primary_key[0]
    first = f"{column} = (SELECT min({column}) FROM t)"
    query = f"SELECT * REPLACE (CASE WHEN NOT ({first}) THEN {column} END AS {column}) FROM t"
    if name == "gold_run_summary":
        query = (
            'SELECT * REPLACE (CASE WHEN "group" <> \'QUEJA\' THEN "group" END AS "group") FROM t'
        )
    assert broken.check(**{name: query})[name, "primary_key"]["result"] == "fail"


REFERENCES = [(name, key[0]) for name, table in TABLES.items() for key in table.foreign_keys]


@pytest.mark.parametrize(("name", "column"), REFERENCES)
@pytest.mark.xdist_group("doc")
def test_a_reference_to_nothing_is_noticed(name: str, column: str, broken: Broken) -> None:
    key = TABLES[name].primary_key[0]
    first = f"{key} = (SELECT min({key}) FROM t WHERE {column} IS NOT NULL)"
    query = (
        f"SELECT * REPLACE (CASE WHEN {first} THEN 'nowhere' ELSE {column} END AS {column}) FROM t"
    )
    found = broken.check(**{name: query})[name, f"reference_{column}"]
    assert found["result"] == "fail"
    assert found["value"] >= 1
    assert json.loads(found["details_json"])["examples"][0][column] == "nowhere"


# The table of transitions has rows for what was observed only.
DENSE = sorted(n for n in TABLES if n.endswith("_daily") and n != "gold_status_transitions_daily")


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.xdist_group("doc")
def test_a_missing_row_of_a_day_is_noticed(name: str, broken: Broken) -> None:
    key = ", ".join(TABLES[name].primary_key)
    found = broken.check(**{name: f"SELECT * FROM t ORDER BY {key} OFFSET 1"})
    row = found[name, "every_day_has_its_rows"]
    assert (row["result"], row["value"]) == ("fail", -1)


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    ("column", "more"),
    [
        pytest.param("lines_count", 1, id="a raw line that came nowhere"),
        pytest.param("blank_lines_count", 1, id="a blank line that became an event"),
    ],
)
def test_a_raw_line_unaccounted_for_is_noticed(column: str, more: int, broken: Broken) -> None:
    rows = broken.counts.to_pylist()
    rows[1][column] += more
    found = broken.check(pa.Table.from_pylist(rows, schema=broken.counts.schema))
    assert failures(found) == {("raw_events", "lines_accounted_for")}
    details = json.loads(found["raw_events", "lines_accounted_for"]["details_json"])
    assert details["checked"] == len(rows)
    assert [example["source_object"] for example in details["examples"]] == [
        rows[1]["source_object"]
    ]


# Drift


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"volume_scale": 0.3}, id="a third of what the profile expects"),
        pytest.param({"volume_scale": 0.05}, id="twice what it expects"),
    ],
)
def test_another_volume_than_that_of_the_profile_is_noticed(
    told: dict[str, Any], broken: Broken
) -> None:
    found = broken.check(told=told)
    assert failures(found) == {("silver_tickets", "volume_drift_pct")}
    details = json.loads(found["silver_tickets", "volume_drift_pct"]["details_json"])
    assert (details["severity"], details["unit"]) == ("warn", "%")
    missing = abs(details["tickets"] - details["expected"])
    assert details["failed_rows"] == pytest.approx(missing, abs=0.6)
    assert len(details["examples"]) == 3


@pytest.mark.xdist_group("doc")
def test_other_shares_of_types_than_those_of_the_profile_are_noticed(broken: Broken) -> None:
    """The same tickets, of which a profile expects that most are suggestions."""
    values = base_values()
    types = values["profiles"]["documento_v1"]["types"]
    for code, share in (("PETICION", 0.15), ("SUGERENCIA", 0.30)):
        types[code] = {**types[code], "share": share}
    found = broken.check(told={"profiles": values["profiles"]})
    assert failures(found) == {("silver_tickets", "type_share_drift")}
    details = json.loads(found["silver_tickets", "type_share_drift"]["details_json"])
    assert {row["pqrs_type"] for row in details["examples"][:2]} == {"PETICION", "SUGERENCIA"}
    assert sum(details["found"].values()) == details["tickets"]
    assert details["failed_rows"] > 0


@pytest.mark.xdist_group("doc")
def test_of_imported_lines_no_profile_expects_anything(
    broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {name for _, name in broken.check()} >= {*DRIFTS}
    monkeypatch.setattr(quality, "_is_generated", lambda _parameters: False)
    assert not {name for _, name in broken.check()} & {*DRIFTS}


@pytest.mark.xdist_group("doc")
def test_silence_passes_up_to_its_threshold(broken: Broken) -> None:
    """From Thursday 8 January to Monday 12, a holiday: one business day, Friday 9."""
    early = (
        "SELECT * REPLACE (least(ts, TIMESTAMP '2026-01-08 20:00:00') AS ts) FROM t "
        "WHERE source <> 'chat'"
    )
    for most, result in ((0, "fail"), (1, "pass")):
        found = broken.check(told={"quality": {"silent_business_days": most}}, **{BRONZE: early})
        row = found[BRONZE, "silent_days_email"]
        assert (row["value"], row["threshold"], row["result"]) == (1, most, result)
        # Of a channel without any event it is not known since when it is silent.
        never = found[BRONZE, "silent_days_chat"]
        assert (never["value"], never["result"]) == (None, "pass")


@pytest.mark.parametrize(
    ("means", "k"),
    [
        pytest.param([2.0] * 3, 70, id="a handful of tickets"),
        pytest.param([115.0] * 5, 70, id="a small run"),
        pytest.param([3500.0] * 7 + [1150.0] * 24, 70, id="a month with a peak"),
        pytest.param([40.0] * 10, 3, id="days that differ widely"),
    ],
)
def test_the_volume_gives_a_false_alarm_no_more_often_than_stated(
    means: list[float], k: float
) -> None:
    draws = np.random.default_rng(20260101)
    sums = sum(draws.negative_binomial(k, k / (k + mean), size=300_000) for mean in means)
    mean, excess = sum(means), sum(one * one for one in means) / k
    alarms = int((abs(sums - mean) > _farthest(mean, excess)).sum())
    # 30 are expected at most; more than 60 are so by chance once in a million times.
    assert alarms <= 60
    assert alarms < 1.5 * (abs(sums - mean) > 0.9 * _farthest(mean, excess)).sum()


@pytest.mark.parametrize("expected", [[20, 50, 60, 70], [25, 200, 300, 475]])
def test_the_shares_give_a_false_alarm_about_as_often_as_stated(expected: list[float]) -> None:
    draws = np.random.default_rng(20260102)
    total = sum(expected)
    found = draws.multinomial(total, np.array(expected) / total, size=300_000)
    chi_square = ((found - expected) ** 2 / expected).sum(axis=1)
    alarms = int((chi_square > stats.chi2.isf(FALSE_ALARM_RATE, 3)).sum())
    assert 3 <= alarms <= 70


def test_rare_groups_are_judged_together() -> None:
    found = {"a": 9, "b": 8, "c": 30, "d": 53}
    expected = {"a": 6.0, "b": 15.0, "c": 29.0, "d": 50.0}
    assert _pooled(found, expected) == [(17, 21.0), (30, 29.0), (53, 50.0)]
    assert _pooled(found, {"a": 50.0, "b": 40.0, "c": 5.0, "d": 5.0}) == [(91, 50.0), (9, 50.0)]
    assert _pooled({}, dict.fromkeys("ab", 3.0)) == []


# The table


@pytest.mark.xdist_group("doc")
def test_the_same_tables_give_the_same_rows_in_any_order(broken: Broken) -> None:
    shuffled = {name: "SELECT * FROM t ORDER BY hash(t)" for name in CHECKED_TABLES}
    assert broken.check(**shuffled) == broken.check()


def test_details_are_canonical_json() -> None:
    details: dict[str, Any] = {"z": 1, "a": [{"ñ": "x", "b": None}]}
    row = Check("d", "c", True, 0, 0, details).as_row()
    told = '{"a":[{"b":null,"ñ":"x"}],"severity":"error","unit":"rows","z":1}'
    assert row["details_json"] == told


@pytest.mark.xdist_group("doc")
def test_a_share_up_to_its_threshold_passes(broken: Broken) -> None:
    query = {BRONZE: marked("repairs", "['nul_in_text', 'byte_order_mark']")}
    name = (BRONZE, "repaired_pct")
    share = broken.check(**query)[name]["value"]
    assert share > 0
    for most, result in ((share, "pass"), (share - 1e-6, "fail"), (100, "pass")):
        told = {"quality": {"repaired_lines_pct": most}}
        row = broken.check(told=told, **query)[name]
        assert (row["result"], row["threshold"]) == (result, most)
    details = json.loads(row["details_json"])
    assert details["reasons"] == {"byte_order_mark": 1, "nul_in_text": 1}
    assert (details["failed_rows"], details["severity"], details["unit"]) == (1, "warn", "%")
    assert set(details["examples"][0]) == {"source_object", "line_number"}


@pytest.mark.xdist_group("doc")
def test_a_failing_warning_does_not_stop_a_run(
    documento_run: Run, make_project: Callable[[], Project]
) -> None:
    """Half a run, its raw lines tampered with, goes on to its end and says what is wrong."""
    project = make_project()
    project.run("synthesis", run_id="dirty", date_max="2026-01-01", volume_scale=0.02)
    path = sorted(project.lake.glob("raw/**/events.jsonl"))[0]
    path.write_bytes(b"no event\n" + path.read_bytes())
    stages = ("ingestion", "curation", "metrics", "reporting")
    run = project.run(*stages, run_id="dirty", date_max="2026-01-01", volume_scale=0.02)
    found = outcomes(run.rows("data_quality"))
    assert failures(found) == {("quarantine_raw_lines", "quarantined_pct")}
    lines = sum(path.read_bytes().count(b"\n") for path in run.raw_objects())
    assert found["quarantine_raw_lines", "quarantined_pct"]["value"] == round(100 / lines, 6)


def kept(store: FolderStore, name: str, *checks: Check) -> LakeObject:
    """A table of checks as a run has it in the lake."""
    rows = as_table(checks)
    content, logical = encode_object(TABLES["data_quality"], rows)
    return put(store, f"quality/{name}/part-00000.parquet", content, len(rows), logical)


def test_what_warns_is_told_at_the_end_of_a_run(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    good = Check("t", "good", True, 0, 0)
    dirty = Check("t", "dirty_pct", False, 12.345678, 0.5, {}, "warn", "%")
    silent = Check("a", "silent", False, 7, 3, {}, "warn", "business days")
    assert describe_checks(store, [kept(store, "clean", good)]) == {
        "quality": "1 of 1 checks passed"
    }
    objects = [kept(store, "dirty", good, dirty, silent)]
    refuse_failed_checks(store, objects)
    assert describe_checks(store, objects) == {
        "quality": "1 of 3 checks passed, 2 warn",
        "  warning 1": "a.silent: 7 business days, allowed 3",
        "  warning 2": "t.dirty_pct: 12.35 %, allowed 0.5",
    }
    assert describe_checks(store, []) == {}


@pytest.mark.xdist_group("elsewhere")
def test_a_run_prints_how_many_checks_passed(elsewhere_run: CommandRun) -> None:
    checks = len(elsewhere_run.run.rows("data_quality"))
    assert f"quality       {checks} of {checks} checks passed\n" in elsewhere_run.outcome.out


@pytest.mark.xdist_group("doc")
def test_an_error_stops_a_run_before_anyone_can_read_it(
    make_project: Callable[[], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that no status keeps: the run has its tables, and neither manifest nor publication."""
    monkeypatch.setattr(lifecycle, "ALLOWED_TRANSITIONS", frozenset())
    project = make_project()
    few = {"date_max": "2026-01-01", "observe_until": "2026-01-05", "volume_scale": 0.02}
    with pytest.raises(RunFailed) as failure:
        project.run(run_id="wrong", **few)
    assert failure.value.exit_code == 1
    said = failure.value.message
    assert said.startswith(
        "run wrong failed in reporting: data quality: silver_status_events.allowed_transitions "
        "failed: value "
    )
    assert "allowed 0;" in said
    assert "\n" not in said
    run = Run(project, "wrong")
    assert outcomes(run.rows("data_quality"))[STATUS, "allowed_transitions"]["result"] == "fail"
    assert not run.is_committed
    warehouse = open_warehouse(project.path, project.warehouse_url)
    row = find_run(warehouse, "wrong")
    assert row is not None
    assert (row["status"], row["published_at"]) == ("failed", None)
    assert "allowed_transitions" in row["error"]
