"""Data quality: every check of a run, as one table."""

import ibis
import pyarrow as pa

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.pipelines.reporting.breach import check_breach_rate
from pqrs_kedro.pipelines.reporting.checks import as_table
from pqrs_kedro.pipelines.reporting.conservation import check_conservation
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


def check_quality(raw_line_counts: pa.Table, **tables: ibis.Table) -> pa.Table:
    """data_quality: one row per dataset and check, from all tables of a run.

    Checks include: conservation from raw lines to gold sums; primary and foreign keys; the rules of
    single rows; dense days; the status machine; the breach rate in its band. A check that fails
    stops nothing. Everything is counted in whole numbers, so the table is the same for equal data.

    Args:
        raw_line_counts: lines and blank lines of each raw object.
        tables: the tables of `CHECKED_TABLES`, by name.
    """
    measures = measure(tables)
    return as_table(
        [
            *check_conservation(raw_line_counts, tables, measures),
            *check_keys(tables, measures),
            *check_references(tables, measures),
            *check_row_rules(tables, measures),
            *check_days(measures),
            *check_lifecycle(tables, measures),
            *check_breach_rate(tables["gold_run_summary"]),
        ]
    )
