"""Checks of what was dirty: repaired, repeated, rejected. They warn, and stop nothing."""

from collections.abc import Iterator

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from pqrs_kedro.parameters_quality import QualityThresholds
from pqrs_kedro.pipelines.reporting.checks import WARN, Check, Tables, fetch, first_rows
from pqrs_kedro.pipelines.reporting.measures import Measures

_BRONZE = "bronze_pqrs_events"
_LINE = ["source_object", "line_number"]


def check_dirt(
    raw_line_counts: pa.Table,
    tables: Tables,
    measures: Measures,
    first_lines: ibis.Table,
    most: QualityThresholds,
) -> Iterator[Check]:
    """Shares of lines, events and tickets that were not as they should be, each with its reasons.

    Args:
        raw_line_counts: lines and blank lines of each raw object.
        tables: the tables of the run, by name.
        measures: what was counted of them.
        first_lines: the bronze rows that count, one per event.
        most: the most that passes.
    """
    lines = pc.sum(
        pc.subtract(raw_line_counts["lines_count"], raw_line_counts["blank_lines_count"])
    )
    yield _share(
        "quarantine_raw_lines", "quarantined_pct", tables["quarantine_raw_lines"],
        lines.as_py() or 0, most.quarantined_lines_pct, "reason", unit="lines",
    )  # fmt: skip
    yield from _check_bronze(tables[_BRONZE], measures[_BRONZE]["rows"], first_lines, most)
    yield from _check_silver(tables, measures, most)


def _check_bronze(
    bronze: ibis.Table, rows: int, first_lines: ibis.Table, most: QualityThresholds
) -> Iterator[Check]:
    """Of the accepted lines: repaired, with unknown fields, under another day, repeated."""
    repaired = bronze.filter(_.repairs.notnull()).select(*_LINE, "repairs").unnest("repairs")
    unknown = bronze.filter(_.unknown_fields.notnull())
    unknown = unknown.select(*_LINE, "unknown_fields").unnest("unknown_fields")
    for check, found, threshold, reason in (
        ("repaired_pct", repaired, most.repaired_lines_pct, "repairs"),
        ("unknown_fields_pct", unknown, most.unknown_fields_pct, "unknown_fields"),
        ("misfiled_pct", bronze.filter(_.filed_late_days != 0), most.misfiled_lines_pct,
         "filed_late_days"),
        ("repeated_pct", bronze.anti_join(first_lines, _LINE), most.repeated_lines_pct,
         "event_type"),
    ):  # fmt: skip
        yield _share(_BRONZE, check, found, rows, threshold, reason, unit="lines")


def _check_silver(tables: Tables, measures: Measures, most: QualityThresholds) -> Iterator[Check]:
    """Of the events and tickets: rejected; of the tickets that are curated: without their place."""
    rejected, curated = tables["quarantine_silver"], measures["silver_tickets"]["rows"]
    events, tickets = (rejected.filter(_.scope == scope) for scope in ("event", "ticket"))
    all_tickets = curated + measures["quarantine_silver"]["tickets"]
    yield _share(
        "quarantine_silver", "quarantined_events_pct", events, measures[_BRONZE]["rows"],
        most.quarantined_events_pct, "reason", unit="events",
    )  # fmt: skip
    yield _share(
        "quarantine_silver", "quarantined_tickets_pct", tickets, all_tickets,
        most.quarantined_tickets_pct, "reason", unit="tickets",
    )  # fmt: skip
    unknown = tables["silver_tickets"].filter(_.unknown_dane_code.notnull())
    yield _share(
        "silver_tickets", "unknown_places_pct", unknown, curated,
        most.unknown_places_pct, "unknown_dane_code", unit="tickets",
    )  # fmt: skip


def _share(
    dataset: str,
    check: str,
    found: ibis.Table,
    of: int,
    threshold: float,
    reason: str,
    unit: str,
) -> Check:
    """The share of rows found, of all; a row may have several reasons and counts once."""
    rows = int(found.select(*_LINE).distinct().count().to_pyarrow().as_py())
    by_reason = fetch(found.group_by(reason=found[reason].cast("string")).aggregate(rows=_.count()))
    share = round(100 * rows / of, 6) if of else 0.0
    details = {
        unit: of,
        "failed_rows": rows,
        "reasons": {item["reason"]: item["rows"] for item in by_reason},
        "examples": first_rows(found, _LINE) if rows else [],
    }
    return Check(dataset, check, share <= threshold, share, threshold, details, WARN, "%")
