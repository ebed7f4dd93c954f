"""Data quality: every check of a run, as one table."""

from typing import Any

import ibis
import pyarrow as pa

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.reporting.breach import check_breach_rate
from pqrs_kedro.pipelines.reporting.checks import as_table
from pqrs_kedro.pipelines.reporting.conservation import check_conservation, find_first_lines
from pqrs_kedro.pipelines.reporting.dirt import check_dirt
from pqrs_kedro.pipelines.reporting.drift import check_drift
from pqrs_kedro.pipelines.reporting.freshness import check_freshness
from pqrs_kedro.pipelines.reporting.keys import (
    check_days,
    check_keys,
    check_references,
    check_row_rules,
)
from pqrs_kedro.pipelines.reporting.lifecycle import check_lifecycle
from pqrs_kedro.pipelines.reporting.measures import measure

# The truth is none of them: what is checked is what a real system would have.
CHECKED_TABLES = tuple(
    name for name, table in TABLES.items() if table.layer in ("bronze", "silver", "gold")
)


def check_quality(
    raw_line_counts: pa.Table, parameters: dict[str, Any], **tables: ibis.Table
) -> pa.Table:
    """data_quality: one row per dataset and check, from all tables of a run.

    Checks include: conservation from raw lines to gold sums; primary and foreign keys; the rules of
    single rows; dense days; the status machine; the breach rate in its band; how much was repaired,
    repeated and rejected; no source silent; volume and shares as the profile expects. A check that
    fails stops nothing here (`run.quality_gate` does). Everything is counted in whole numbers, or
    rounded, so the table is the same for equal data.

    Args:
        raw_line_counts: lines and blank lines of each raw object.
        parameters: all parameters of the run.
        tables: the tables of `CHECKED_TABLES`, by name.
    """
    typed = parse_parameters(parameters)
    measures, most = measure(tables), typed.quality
    first_lines = find_first_lines(tables["bronze_pqrs_events"]).cache()
    return as_table(
        [
            *check_conservation(raw_line_counts, tables, measures, first_lines),
            *check_dirt(raw_line_counts, tables, measures, first_lines, most),
            *check_keys(tables, measures),
            *check_references(tables, measures),
            *check_row_rules(tables, measures),
            *check_days(measures),
            *check_lifecycle(tables, measures),
            *check_breach_rate(tables["gold_run_summary"]),
            *check_freshness(tables, typed.date_max, most.silent_business_days),
            # Of lines that were imported a profile expects nothing.
            *(check_drift(tables["silver_tickets"], typed) if _is_generated(parameters) else ()),
        ]
    )


def _is_generated(parameters: dict[str, Any]) -> bool:
    """Whether the run's lines were made from its profile, and not taken from outside."""
    return parameters.get("external") is None
