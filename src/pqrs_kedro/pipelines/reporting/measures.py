"""All that can be counted of a table by itself, in one query per table."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import ibis
from ibis import _

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.statuses import CLOSED_STATUSES
from pqrs_kedro.pipelines.reporting.checks import Rule, Tables, fetch
from pqrs_kedro.pipelines.reporting.nodes import UNCLASSIFIED

Measures: TypeAlias = Mapping[str, Mapping[str, int]]

_DATES: Final = ("created_at", "radicated_at", "responded_at", "closed_at")

# Rows that break a rule of their own; null breaks nothing.
ROW_RULES: Final[dict[str, dict[str, Rule]]] = {
    "silver_tickets": {
        "dates_in_order": lambda t: _any(
            t[earlier] > t[later]
            for number, earlier in enumerate(_DATES)
            for later in _DATES[number + 1 :]
        ),
    },
    "silver_messages": {
        "citizens_write_as_citizens": lambda t: (
            (t.author_kind == "citizen") != (t.role == "citizen")
        )
    },
    "silver_attachments": {"size_is_not_negative": lambda t: t.size_kb < 0},
    "silver_sla_cycles": {
        "late_after_the_due_day": lambda t: (
            (t.is_late != (t.stop_day > t.due_day)) | (t.is_late.isnull() != t.stop_day.isnull())
        ),
    },
    "gold_kpi_sla_daily": {
        "within_and_late_are_stopped": lambda t: t.within_count + t.late_count != t.stopped_count
    },
}

# Sums that other tables must agree with. A ticket without type (its classification has not been
# observed) is in no row of gold by type: the summary counts it.
_TOTALS: Final[dict[str, dict[str, Rule]]] = {
    "quarantine_silver": {"tickets": lambda t: _count(t.scope == "ticket")},
    "silver_tickets": {
        "cycles": lambda t: t.sla_cycles_count.sum(),
        "unclassified": lambda t: _count(t.pqrs_type.isnull()),
        "open": lambda t: _count(t.current_status.notin(CLOSED_STATUSES)),
        "answered": lambda t: t.first_response_at.count(),
        "answered_unclassified": lambda t: t.first_response_at.count(where=t.pqrs_type.isnull()),
        "closed": lambda t: t.closed_at.count(where=t.pqrs_type.notnull()),
    },
    "silver_status_events": {"moves": lambda t: t.status_from.count()},
    "silver_sla_cycles": {"stopped": lambda t: t.stop_day.count()},
    "gold_kpi_volume_daily": {"total": lambda t: t.tickets_count.sum()},
    "gold_kpi_sla_daily": {"total": lambda t: t.stopped_count.sum()},
    "gold_kpi_first_response_daily": {"total": lambda t: t.responded_count.sum()},
    "gold_kpi_close_time_daily": {"total": lambda t: t.closed_count.sum()},
    "gold_status_transitions_daily": {"total": lambda t: t.transitions_count.sum()},
    "gold_run_summary": {
        "unclassified": lambda t: t.numerator.sum(where=t.measure == UNCLASSIFIED)
    },
}


def measure(tables: Tables) -> Measures:
    """Of each table: rows, rows with a null in the key, distinct keys, broken rules, totals.

    A table by day also has span: days from its first to its last day.
    """
    return {name: _measure(name, table) for name, table in tables.items()}


def _measure(name: str, table: ibis.Table) -> dict[str, int]:
    key = TABLES[name].primary_key
    wanted = {
        "rows": table.count(),
        "null_keys": _count(_any(table[column].isnull() for column in key)),
        "keys": ibis.struct({column: table[column] for column in key}).nunique(),
        **{rule: _count(broken(table)) for rule, broken in ROW_RULES.get(name, {}).items()},
        **{total: value(table) for total, value in _TOTALS.get(name, {}).items()},
    }
    if "day" in key:
        wanted["span"] = table.day.max().delta(table.day.min(), unit="day") + 1
    (row,) = fetch(table.aggregate(**wanted))
    return {measured: int(value or 0) for measured, value in row.items()}


def duplicates(name: str, table: ibis.Table) -> ibis.Table:
    """Keys of the table that several rows have."""
    return table.group_by(list(TABLES[name].primary_key)).aggregate(_rows=_.count()).filter(
        _._rows > 1
    )  # fmt: skip


def _count(broken: ibis.Value) -> ibis.Value:
    return broken.fill_null(False).cast("int64").sum()


def _any(conditions: Any) -> ibis.Value:
    return ibis.or_(*(condition.fill_null(False) for condition in conditions))
