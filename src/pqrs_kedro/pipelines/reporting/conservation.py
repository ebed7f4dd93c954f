"""Checks that nothing is lost or invented between the stages."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import ibis
import pyarrow as pa
from ibis import _

from pqrs_kedro.domain.statuses import CLOSED, RECEIVED, REOPENED
from pqrs_kedro.pipelines.curation.survivors import find_repeated_lines
from pqrs_kedro.pipelines.expressions import local_day
from pqrs_kedro.pipelines.reporting.checks import (
    EXAMPLES,
    Check,
    Tables,
    conserved,
    fetch,
    first_rows,
    none_broken,
)
from pqrs_kedro.pipelines.reporting.measures import Measures

_LINE: Final = ["source_object", "line_number"]
# Dataset, check, measure of the dataset, and the table and measure that it must equal.
_EQUAL: Final = (
    ("silver_sla_cycles", "cycles_of_tickets", "rows", "silver_tickets", "cycles"),
    ("gold_run_summary", "counts_the_unclassified", "unclassified", "silver_tickets",
     "unclassified"),
    ("gold_kpi_close_time_daily", "adds_up_to_tickets", "total", "silver_tickets", "closed"),
    ("gold_kpi_sla_daily", "adds_up_to_cycles", "total", "silver_sla_cycles", "stopped"),
    ("gold_status_transitions_daily", "adds_up_to_events", "total", "silver_status_events",
     "moves"),
)  # fmt: skip


def check_conservation(
    raw_line_counts: pa.Table, tables: Tables, measures: Measures, first_lines: ibis.Table
) -> Iterator[Check]:
    """Raw lines, events, entities and measures, stage by stage."""
    yield from _check_lines(raw_line_counts, tables)
    yield from _check_entities(tables, measures, first_lines)
    yield _check_accounts(tables, measures, first_lines)
    yield _check_rejected_lines(tables, measures)
    for name, check, measured, other, expected in _EQUAL:
        yield conserved(name, check, measures[name][measured], measures[other][expected])
    yield from _check_received_and_answered(measures)
    yield from _check_backlog(tables, measures)
    yield _check_ageing(tables)


def _check_lines(raw_line_counts: pa.Table, tables: Tables) -> Iterator[Check]:
    """Raw lines = bronze rows + quarantined lines + blank lines, per object."""
    counts = raw_line_counts.to_pylist()
    lines = Counter({row["source_object"]: row["lines_count"] for row in counts})
    blank = Counter({row["source_object"]: row["blank_lines_count"] for row in counts})
    bronze = _rows_by_object(tables["bronze_pqrs_events"])
    rejected = _rows_by_object(tables["quarantine_raw_lines"])
    objects = sorted(lines.keys() | bronze.keys() | rejected.keys())
    wrong = [key for key in objects if lines[key] != bronze[key] + rejected[key] + blank[key]]
    examples = [
        {
            "source_object": key,
            "lines": lines[key],
            "bronze": bronze[key],
            "quarantined": rejected[key],
            "blank": blank[key],
        }
        for key in wrong[:EXAMPLES]
    ]
    yield none_broken(
        "raw_events", "lines_accounted_for", len(objects), len(wrong), examples, unit="objects"
    )


def _rows_by_object(table: ibis.Table) -> Counter[str]:
    rows = fetch(table.group_by("source_object").aggregate(rows=_.count()))
    return Counter({row["source_object"]: row["rows"] for row in rows})


def find_first_lines(bronze: ibis.Table) -> ibis.Table:
    """The bronze rows that count, one per event, with the number of their messages and files."""
    lines = bronze.select(
        *_LINE, "day", "event_id", "ticket_id", "event_type", "ts", "status_to",
        messages=bronze.messages.length().fill_null(0),
        attachments=bronze.attachments.length().fill_null(0),
    )  # fmt: skip
    return lines.anti_join(find_repeated_lines(bronze), _LINE)


def _check_entities(tables: Tables, measures: Measures, first_lines: ibis.Table) -> Iterator[Check]:
    """Tickets, events, messages and files in bronze, each event once, against silver.

    Events that are in quarantine are left out.
    """
    rejected = _rejected_events(tables)
    curated = first_lines.anti_join(rejected, _LINE)
    (found,) = fetch(
        curated.aggregate(
            silver_tickets=_.ticket_id.nunique(),
            silver_status_events=(_.event_type == "STATUS").cast("int64").sum(),
            silver_messages=_.messages.sum(),
            silver_attachments=_.attachments.sum(),
        )
    )
    repeated = measures["bronze_pqrs_events"]["rows"] - _count(first_lines)
    facts = {"repeated_lines": repeated, "quarantined_events": _count(rejected)}
    for name, expected in found.items():
        yield conserved(
            name, "rows_from_bronze", measures[name]["rows"], int(expected or 0), **facts
        )


def _check_accounts(tables: Tables, measures: Measures, first_lines: ibis.Table) -> Check:
    """Distinct events = statuses in silver, other events of its tickets, and rejected ones."""
    rejected = _rejected_events(tables)
    others = first_lines.filter(_.event_type != "STATUS").anti_join(rejected, _LINE)
    facts = {
        "statuses": measures["silver_status_events"]["rows"],
        "other_events": _count(others.semi_join(tables["silver_tickets"], "ticket_id")),
        "quarantined": _count(first_lines.semi_join(rejected, _LINE)),
    }
    found = sum(facts.values())
    name = "events_accounted_for"
    return conserved("bronze_pqrs_events", name, found, _count(first_lines), **facts)


def _check_rejected_lines(tables: Tables, measures: Measures) -> Check:
    """What silver rejects are lines of bronze."""
    astray = tables["quarantine_silver"].anti_join(tables["bronze_pqrs_events"], _LINE)
    found, rows = _count(astray), measures["quarantine_silver"]["rows"]
    examples = first_rows(astray, ["scope", *_LINE]) if found else []
    return none_broken("quarantine_silver", "lines_of_bronze", rows, found, examples)


def _rejected_events(tables: Tables) -> ibis.Table:
    return tables["quarantine_silver"].filter(_.scope == "event")


def _count(rows: ibis.Table) -> int:
    return int(rows.count().to_pyarrow().as_py())


def _check_received_and_answered(measures: Measures) -> Iterator[Check]:
    """What gold counts by type, and the tickets without a type, are all tickets."""
    tickets = measures["silver_tickets"]
    for dataset, unclassified, expected in (
        ("gold_kpi_volume_daily", measures["gold_run_summary"]["unclassified"], tickets["rows"]),
        (
            "gold_kpi_first_response_daily",
            tickets["answered_unclassified"],
            tickets["answered"],
        ),
    ):
        found = measures[dataset]["total"] + unclassified
        name = "adds_up_to_tickets"
        yield conserved(dataset, name, found, expected, unclassified=unclassified)


def _check_backlog(tables: Tables, measures: Measures) -> Iterator[Check]:
    """Backlog(D) = backlog(D-1) + RECEIVED + REOPENED - CLOSED of D, over tickets with a type.

    On the last day it is the open tickets; one without a type is open, as only the classified are
    answered.
    """
    tickets = tables["silver_tickets"].filter(_.pqrs_type.notnull())
    events = tables["silver_status_events"].semi_join(tickets, "ticket_id")
    opened = events.status_to.isin((RECEIVED, REOPENED)).cast("int64")
    closed = (events.status_to == CLOSED).cast("int64")
    moved = events.group_by(day=local_day(events.ts)).aggregate(step=(opened - closed).sum())
    steps = {row["day"]: row["step"] for row in fetch(moved)}
    backlog = tables["gold_kpi_backlog_daily"].group_by("day").aggregate(open=_.backlog_count.sum())
    wrong: list[dict[str, Any]] = []
    before = 0
    for row in sorted(fetch(backlog), key=lambda row: row["day"]):
        expected = before + steps.get(row["day"], 0)
        if row["open"] != expected:
            wrong.append({"day": str(row["day"]), "expected": expected, "found": row["open"]})
        before = row["open"]
    checked = backlog.count().to_pyarrow().as_py()
    dataset = "gold_kpi_backlog_daily"
    name = "follows_from_the_day_before"
    yield none_broken(dataset, name, checked, len(wrong), wrong[:EXAMPLES])
    unclassified = measures["gold_run_summary"]["unclassified"]
    found, expected = before + unclassified, measures["silver_tickets"]["open"]
    yield conserved(
        dataset, "ends_with_the_open_tickets", found, expected, unclassified=unclassified
    )


def _check_ageing(tables: Tables) -> Check:
    """The age buckets of a day and type add up to its backlog."""
    backlog = _open_by_day_and_type(tables["gold_kpi_backlog_daily"])
    aged = _open_by_day_and_type(tables["gold_backlog_ageing_daily"])
    keys = sorted(backlog.keys() | aged.keys())
    wrong = [
        {
            "day": str(key[0]),
            "pqrs_type": key[1],
            "expected": backlog.get(key),
            "found": aged.get(key),
        }
        for key in keys
        if backlog.get(key) != aged.get(key)
    ]
    name = "adds_up_to_backlog"
    return none_broken(
        "gold_backlog_ageing_daily", name, len(keys), len(wrong), wrong[:EXAMPLES]
    )  # fmt: skip


def _open_by_day_and_type(table: ibis.Table) -> dict[tuple[Any, str], int]:
    rows = fetch(table.group_by(["day", "pqrs_type"]).aggregate(open=_.backlog_count.sum()))
    return {(row["day"], row["pqrs_type"]): row["open"] for row in rows}
