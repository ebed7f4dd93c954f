"""What is measured of a trial: breach rate, lateness and backlog, by the project's definitions.

The tables are those of silver and gold, or those of a trial, which come from the same functions;
everything is a count of whole numbers, and a quotient of two of them, divided once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import ibis
from ibis import _

from pqrs_kedro.contracts.columns import REGIONS, UNKNOWN_REGION
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL, due_tickets

LATE_DAYS: Final = "late_days"
BACKLOG_MEAN: Final = "backlog_mean"
BACKLOG_PEAK: Final = "backlog_peak"
RECEIVED: Final = "tickets"
_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Measured:
    """One number of a trial, as `gold/sweep_trials` has it."""

    measure: str
    dimension: str
    """What the tickets are grouped by; `total` for all of them."""
    group: str
    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The quotient, in per cent where it is a rate; 6 decimals, null of nothing."""
        factor = 100 if self.measure == BREACH_RATE else 1
        if not self.denominator:
            return None
        return _rounded(factor * _MILLION * self.numerator, self.denominator) / _MILLION


def _rounded(numerator: int, denominator: int) -> int:
    """The quotient as a whole number, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True)
class MeasuredTables:
    """What a trial, or a run, is measured by."""

    tickets: ibis.Table
    """One row per ticket: source_channel, pqrs_type, region, sla_due_at, is_breached."""
    cycles: ibis.Table
    """silver_sla_cycles, of which is_late and business_days_late are read."""
    backlog: ibis.Table
    """gold_kpi_backlog_daily."""


def measure(
    tables: MeasuredTables, types: Iterable[str], date_min: date, date_max: date
) -> list[Measured]:
    """The numbers of a trial, in a fixed order.

    Measures: `breach_rate`, breached tickets of those due, in total and by type, channel and
    region; `late_days`, mean business days late of the cycles that stopped late; `backlog_mean`,
    open tickets at the end of a day, mean of the days from `date_min` to `date_max` (the last
    observed day if that is earlier), and `backlog_peak`, their maximum over all observed days;
    `tickets`, received.
    """
    return [
        *_breach_rates(tables, types),
        _late_days(tables.cycles),
        *_backlog(tables.backlog, date_min, date_max),
        Measured(RECEIVED, TOTAL, TOTAL, int(tables.tickets.count().to_pyarrow().as_py()), 1),
    ]


def _breach_rates(tables: MeasuredTables, types: Iterable[str]) -> Iterator[Measured]:
    keys = ["pqrs_type", "source_channel", "region"]
    due = due_tickets(tables.tickets, tables.backlog)
    breached = due.is_breached.fill_null(False).cast("int64").sum()
    counted = due.group_by(keys).aggregate(breached=breached, due=_.count()).to_pyarrow()
    rows = counted.to_pylist()
    yield _sum_of(rows, TOTAL, TOTAL)
    dimensions = {
        "pqrs_type": tuple(types),
        "source_channel": CHANNEL_IDS,
        "region": (*REGIONS, UNKNOWN_REGION),
    }
    for key, groups in dimensions.items():
        for group in groups:
            yield _sum_of([row for row in rows if row[key] == group], key, group)


def _sum_of(rows: list[dict[str, int]], dimension: str, group: str) -> Measured:
    breached, due = (sum(row[name] for row in rows) for name in ("breached", "due"))
    return Measured(BREACH_RATE, dimension, group, breached, due)


def _late_days(cycles: ibis.Table) -> Measured:
    late = cycles.filter(_.is_late)
    (row,) = (
        late.aggregate(count=_.count(), days=_.business_days_late.sum()).to_pyarrow().to_pylist()
    )
    return Measured(LATE_DAYS, TOTAL, TOTAL, row["days"] or 0, row["count"])


def _backlog(backlog: ibis.Table, date_min: date, date_max: date) -> Iterator[Measured]:
    by_day = backlog.group_by("day").aggregate(open=_.backlog_count.sum())
    rows = by_day.to_pyarrow().to_pylist()
    received = [row["open"] for row in rows if date_min <= row["day"] <= date_max]
    yield Measured(BACKLOG_MEAN, TOTAL, TOTAL, sum(received), len(received))
    yield Measured(BACKLOG_PEAK, TOTAL, TOTAL, max(row["open"] for row in rows), 1)
