"""Every gold table, recomputed from the oracle's own tickets with loops, sets and integers.

Averages and percentages are exact integer sums divided once; percentiles are interpolated as
fractions. Both are rounded half-up to six decimals at the very end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import pandas as pd
from tests.oracle.calendar import business_days_between, days_from_to, local_day
from tests.oracle.curation import (
    FINISHED,
    Cycle,
    Event,
    Row,
    StopStatus,
    Ticket,
    as_frame,
    build_tickets,
    cycles_as_of,
    last_day_of,
    microseconds_between,
)

REGIONS = ("Andina", "Caribe", "Pacífica", "Orinoquía", "Amazonía", "Insular", "Sin dato")
UNKNOWN_REGION = "Sin dato"
AGE_BUCKETS = ("0-5", "6-10", "11-15", "16-30", ">30")
MICROSECONDS_PER_HOUR = 3_600_000_000
MEDIAN = Fraction(1, 2)
NINTH_DECILE = Fraction(9, 10)


# Numbers


def quotient(numerator: int, denominator: int) -> float | None:
    """numerator / denominator, rounded half-up to six decimals; None when nothing was counted."""
    if denominator == 0:
        return None
    millionths = (2 * numerator * 10**6 + denominator) // (2 * denominator)
    return millionths / 10**6


def mean_hours(durations: Sequence[int]) -> float | None:
    return quotient(sum(durations), len(durations) * MICROSECONDS_PER_HOUR)


def quantile_hours(durations: Sequence[int], q: Fraction) -> float | None:
    """Linear interpolation between the order statistics around position (n - 1) * q."""
    if not durations:
        return None
    ordered = sorted(durations)
    position = (len(ordered) - 1) * q
    below = position.numerator // position.denominator
    above = min(below + 1, len(ordered) - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (position - below)
    return quotient(value.numerator, value.denominator * MICROSECONDS_PER_HOUR)


def age_bucket(business_days: int) -> str:
    for bucket, highest in zip(AGE_BUCKETS, (5, 10, 15, 30), strict=False):
        if business_days <= highest:
            return bucket
    return AGE_BUCKETS[-1]


# The run


@dataclass(frozen=True)
class Run:
    """The events of a run and the parameters that its metrics depend on."""

    events: Sequence[Event]
    date_min: date
    terms: Mapping[str, int]
    channels: Sequence[str]
    region_by_department_prefix: Mapping[str, str]
    stop_status: StopStatus
    last_observed_day: date | None = None

    @cached_property
    def last_day(self) -> date:
        return self.last_observed_day or last_day_of(self.events)

    @cached_property
    def days(self) -> list[date]:
        return days_from_to(self.date_min, self.last_day)

    @cached_property
    def types(self) -> list[str]:
        return sorted(self.terms)

    @cached_property
    def tickets(self) -> list[Ticket]:
        return build_tickets(self.events, self.terms, self.stop_status, self.last_day)

    @cached_property
    def classified_tickets(self) -> list[Ticket]:
        """Tickets that have a type: only they have a place among a table's keys."""
        return [ticket for ticket in self.tickets if ticket.row["pqrs_type"] is not None]

    def region_of(self, ticket: Ticket) -> str:
        geo_id = ticket.row["geo_id"]
        return self.region_by_department_prefix[geo_id[:2]] if geo_id else UNKNOWN_REGION


class DenseCounts:
    """A count for each element of a product of key values; any other key is an error."""

    def __init__(self, **values: Sequence[Any]) -> None:
        self.names = tuple(values)
        self.counts: dict[tuple[Any, ...], int] = {(): 0}
        for choices in values.values():
            self.counts = {(*key, choice): 0 for key in self.counts for choice in choices}

    def add(self, *key: Any) -> None:
        self.counts[key] += 1

    def rows(self, value_name: str) -> list[Row]:
        return [
            {**dict(zip(self.names, key, strict=True)), value_name: count}
            for key, count in self.counts.items()
        ]


# Volume, backlog and ageing


def gold_kpi_volume_daily(run: Run) -> pd.DataFrame:
    counts = DenseCounts(day=run.days, channel=run.channels, pqrs_type=run.types)
    for ticket in run.classified_tickets:
        row = ticket.row
        counts.add(local_day(row["created_at"]), row["source_channel"], row["pqrs_type"])
    return as_frame("gold_kpi_volume_daily", counts.rows("tickets_count"))


def open_days(run: Run, ticket: Ticket) -> Iterable[date]:
    """Days at whose end the ticket is neither CLOSED nor ARCHIVED."""
    statuses = [event for event in ticket.events if event.event_type == "STATUS"]
    for day in run.days:
        last = None
        for event in statuses:
            if event.day > day:
                break
            last = event.status_to
        if last is not None and last not in FINISHED:
            yield day


def gold_kpi_backlog_daily(run: Run) -> pd.DataFrame:
    counts = DenseCounts(day=run.days, pqrs_type=run.types, region=REGIONS)
    for ticket in run.classified_tickets:
        for day in open_days(run, ticket):
            counts.add(day, ticket.row["pqrs_type"], run.region_of(ticket))
    return as_frame("gold_kpi_backlog_daily", counts.rows("backlog_count"))


def age_on(ticket: Ticket, day: date) -> int:
    """Business days since the start day of the last cycle begun by then; 0 before RADICATED."""
    start_day = None
    for event in ticket.events:
        starts_first = event.status_to == "RADICATED" and start_day is None
        starts_next = event.status_to == "REOPENED" and start_day is not None
        if event.day <= day and (starts_first or starts_next):
            start_day = event.day
    return 0 if start_day is None else business_days_between(start_day, day)


def gold_backlog_ageing_daily(run: Run) -> pd.DataFrame:
    counts = DenseCounts(day=run.days, pqrs_type=run.types, age_bucket=AGE_BUCKETS)
    for ticket in run.classified_tickets:
        for day in open_days(run, ticket):
            counts.add(day, ticket.row["pqrs_type"], age_bucket(age_on(ticket, day)))
    return as_frame("gold_backlog_ageing_daily", counts.rows("backlog_count"))


# Service level


def _views(run: Run, ticket: Ticket) -> Iterable[Cycle]:
    """Each cycle of a ticket as of each day on which it may count: from its start to its stop."""
    if not ticket.cycles:
        return
    stop_days = [cycle.stop_day for cycle in ticket.cycles]
    known = [day for day in stop_days if day is not None]
    last_day = max(known) if len(known) == len(stop_days) else run.last_day
    for day in days_from_to(max(ticket.cycles[0].start_day, run.date_min), last_day):
        yield from cycles_as_of(ticket.events, day, run.terms, run.stop_status)


def _sla_row(day: date, pqrs_type: str, stopped: list[Cycle], overdue: list[Cycle]) -> Row:
    late = [cycle for cycle in stopped if cycle.is_late]
    within_count = len(stopped) - len(late)
    return {
        "day": day,
        "pqrs_type": pqrs_type,
        "within_sla_pct": quotient(100 * within_count, len(stopped)),
        "overdue_count": len(overdue),
        "avg_overdue_days": quotient(sum(cycle.days_late for cycle in overdue), len(overdue)),
        "stopped_count": len(stopped),
        "within_count": within_count,
        "late_count": len(late),
        "avg_late_days": quotient(sum(cycle.days_late for cycle in late), len(late)),
    }


def gold_kpi_sla_daily(run: Run) -> pd.DataFrame:
    """Each day's row knows only the events up to the end of that day."""
    keys = [(day, pqrs_type) for day in run.days for pqrs_type in run.types]
    stopped: dict[tuple[date, str], list[Cycle]] = {key: [] for key in keys}
    overdue: dict[tuple[date, str], list[Cycle]] = {key: [] for key in keys}
    for ticket in run.tickets:
        for cycle in _views(run, ticket):
            if cycle.stop_day == cycle.as_of:
                stopped[cycle.as_of, cycle.pqrs_type].append(cycle)
            if cycle.is_overdue:
                overdue[cycle.as_of, cycle.pqrs_type].append(cycle)
    return as_frame("gold_kpi_sla_daily", [_sla_row(*k, stopped[k], overdue[k]) for k in keys])


# Durations


def _duration_rows(
    run: Run, day_of: str, until: str, mean_name: str, count_name: str
) -> Iterable[Row]:
    """Rows of hours from `created_at` to `until`, by the local day of `day_of`."""
    durations: dict[tuple[date, str], list[int]] = {
        (day, pqrs_type): [] for day in run.days for pqrs_type in run.types
    }
    for ticket in run.classified_tickets:
        row = ticket.row
        if row[until] is not None:
            elapsed = microseconds_between(row["created_at"], row[until])
            durations[local_day(row[day_of]), row["pqrs_type"]].append(elapsed)
    for (day, pqrs_type), values in durations.items():
        yield {
            "day": day,
            "pqrs_type": pqrs_type,
            mean_name: mean_hours(values),
            count_name: len(values),
            "p50_hours": quantile_hours(values, MEDIAN),
            "p90_hours": quantile_hours(values, NINTH_DECILE),
        }


def gold_kpi_first_response_daily(run: Run) -> pd.DataFrame:
    rows = _duration_rows(
        run, "created_at", "first_response_at", "avg_hours_to_first_response", "responded_count"
    )
    return as_frame("gold_kpi_first_response_daily", rows)


def gold_kpi_close_time_daily(run: Run) -> pd.DataFrame:
    rows = _duration_rows(run, "closed_at", "closed_at", "avg_hours_to_close", "closed_count")
    return as_frame("gold_kpi_close_time_daily", rows)


def gold_status_transitions_daily(run: Run) -> pd.DataFrame:
    """Only transitions that occur; reception leaves no status and is not one."""
    hours: dict[tuple[date, str, str], list[int]] = {}
    for ticket in run.tickets:
        statuses = [event for event in ticket.events if event.event_type == "STATUS"]
        for before, event in pairwise(statuses):
            if event.status_from is not None and event.status_to is not None:
                key = (event.day, event.status_from, event.status_to)
                hours.setdefault(key, []).append(microseconds_between(before.ts, event.ts))
    rows = [
        {
            "day": day,
            "status_from": status_from,
            "status_to": status_to,
            "transitions_count": len(values),
            "median_hours_in_from": quantile_hours(values, MEDIAN),
        }
        for (day, status_from, status_to), values in hours.items()
    ]
    return as_frame("gold_status_transitions_daily", rows)


# The run as a whole


def breach_rate(run: Run, pqrs_type: str | None = None) -> tuple[int, int]:
    """(breached, judged): judged are the tickets whose last due day is not after the last day."""
    breached = judged = 0
    for ticket in run.tickets:
        if not ticket.cycles or pqrs_type not in (None, ticket.row["pqrs_type"]):
            continue
        if ticket.cycles[-1].due_day <= run.last_day:
            judged += 1
            breached += bool(ticket.row["is_breached"])
    return breached, judged


def gold_run_summary(
    run: Run, requested_pct: Mapping[str, float | None] | None = None
) -> pd.DataFrame:
    """The breach rate in total and by type, whose `requested_pct` is given by group; and how many
    tickets have no type yet.
    """
    rows = []
    for group in ("total", *run.types):
        numerator, denominator = breach_rate(run, None if group == "total" else group)
        rows.append(
            {
                "measure": "breach_rate",
                "group": group,
                "numerator": numerator,
                "denominator": denominator,
                "value_pct": quotient(100 * numerator, denominator),
                "requested_pct": (requested_pct or {}).get(group),
            }
        )
    unclassified = len(run.tickets) - len(run.classified_tickets)
    rows.append(
        {
            "measure": "unclassified",
            "group": "total",
            "numerator": unclassified,
            "denominator": len(run.tickets),
            "value_pct": quotient(100 * unclassified, len(run.tickets)),
            "requested_pct": None,
        }
    )
    return as_frame("gold_run_summary", rows)


_TABLES: tuple[Callable[[Run], pd.DataFrame], ...] = (
    gold_kpi_volume_daily,
    gold_kpi_backlog_daily,
    gold_kpi_sla_daily,
    gold_kpi_first_response_daily,
    gold_kpi_close_time_daily,
    gold_status_transitions_daily,
    gold_backlog_ageing_daily,
    gold_run_summary,
)


def build_gold(run: Run) -> dict[str, pd.DataFrame]:
    """The gold tables by contract name; daily ones have `day` as first column."""
    return {build.__name__: build(run) for build in _TABLES}
