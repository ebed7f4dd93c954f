"""The numbers of the report, from the gold tables alone.

Counts are added over days. Means are weighted by their counts, which combines days without error;
the percentiles of days cannot be combined and are not shown.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import pandas as pd

from pqrs_kedro.contracts.columns import EQUAL_TO_EARLIER

Frames: TypeAlias = Mapping[str, pd.DataFrame]

SOURCES = (
    "gold_kpi_volume_daily",
    "gold_kpi_backlog_daily",
    "gold_kpi_sla_daily",
    "gold_kpi_first_response_daily",
    "gold_kpi_close_time_daily",
    "gold_status_transitions_daily",
    "gold_backlog_ageing_daily",
    "gold_run_summary",
    "data_quality",
)


@dataclass(frozen=True)
class Mean:
    """A mean of hours, and of how many tickets; null of none."""

    hours: float | None
    tickets: int


@dataclass(frozen=True)
class TypeFacts:
    """One PQRS type over the whole run."""

    type_id: str
    tickets: int
    stopped: int
    within: int
    late: int
    first_response: Mean
    close: Mean

    @property
    def within_pct(self) -> float | None:
        """Share of the stopped cycles that were within term, per cent."""
        return percentage(self.within, self.stopped)


@dataclass(frozen=True)
class Breach:
    """The breach rate of the run: breached tickets of those due, and the rate asked for."""

    breached: int
    due: int
    rate_pct: float | None
    requested_pct: float | None
    """Null where nothing was asked for: imported lines, or a given level of the response."""


@dataclass(frozen=True)
class Facts:
    """All numbers of the report."""

    volume: pd.DataFrame
    """Tickets received: a row per day of reception, a column per channel."""
    backlog: pd.DataFrame
    """Open tickets at the end of the day: a row per observed day, a column per type."""
    ageing: pd.DataFrame
    """Open tickets by day, type and age bucket."""
    overdue: "pd.Series[int]"
    """SLA cycles overdue at the end of each observed day."""
    types: tuple[TypeFacts, ...]
    transitions: Mapping[tuple[str, str], int]
    breach: Breach
    unclassified: int
    """Tickets that have no type yet: they are in no table by type."""
    quality: pd.DataFrame

    @property
    def tickets(self) -> int:
        """Tickets received."""
        return int(self.volume.to_numpy().sum()) + self.unclassified

    @property
    def stopped(self) -> int:
        """SLA cycles stopped."""
        return sum(item.stopped for item in self.types)

    @property
    def within(self) -> int:
        """SLA cycles stopped within term."""
        return sum(item.within for item in self.types)

    @property
    def first_response(self) -> Mean:
        """Mean hours to the first human reply."""
        return _combined(item.first_response for item in self.types)

    @property
    def close(self) -> Mean:
        """Mean hours to the last closing."""
        return _combined(item.close for item in self.types)

    @property
    def open_by_day(self) -> "pd.Series[int]":
        """The backlog at the end of each day."""
        return self.backlog.sum(axis=1)

    @property
    def days(self) -> list[date]:
        """The observed days."""
        return list(self.backlog.index)

    @property
    def peak_day(self) -> date:
        """The first day of the greatest backlog."""
        totals = self.open_by_day
        return next(
            day for day, count in zip(self.days, totals, strict=True) if count == max(totals)
        )

    @property
    def backlog_without_tail(self) -> pd.DataFrame:
        """The backlog up to the last day on which it is at least one per cent of its peak.

        The last tickets take months: drawn to the end, the rest could not be seen.
        """
        counts = list(self.open_by_day)
        last = max(n for n, count in enumerate(counts) if 100 * count >= max(counts))
        return self.backlog.iloc[: last + 1]

    @property
    def made(self) -> pd.DataFrame:
        """The checks that could be made: an earlier run to compare with may be missing."""
        return self.quality[~(self._repeats & self.quality["value"].isna())]

    @property
    def compared(self) -> int:
        """How many of them compare with an earlier run, of the same inputs."""
        return int(self._repeats[self.made.index].sum())

    @property
    def _repeats(self) -> "pd.Series[bool]":
        return self.quality["check_name"] == EQUAL_TO_EARLIER

    @property
    def failed(self) -> pd.DataFrame:
        """The checks of data quality that fail."""
        return self.quality[self.quality["result"] == "fail"]


def collect_facts(frames: Frames, date_min: date, date_max: date) -> Facts:
    """The facts of a run that received tickets from `date_min` to `date_max`."""
    volume = _by_day(frames["gold_kpi_volume_daily"], "channel", "tickets_count")
    received = [day for day in volume.index if date_min <= day <= date_max]
    return Facts(
        volume=volume.loc[received],
        backlog=_by_day(frames["gold_kpi_backlog_daily"], "pqrs_type", "backlog_count"),
        ageing=frames["gold_backlog_ageing_daily"],
        overdue=frames["gold_kpi_sla_daily"].groupby("day")["overdue_count"].sum().sort_index(),
        types=_types(frames),
        transitions=_transitions(frames["gold_status_transitions_daily"]),
        breach=_breach(frames["gold_run_summary"]),
        unclassified=int(_total(frames["gold_run_summary"], "unclassified")["numerator"]),
        quality=frames["data_quality"].sort_values(["dataset", "check_name"]),
    )


def _by_day(rows: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    return rows.pivot_table(index="day", columns=column, values=value, aggfunc="sum").sort_index()


def _types(frames: Frames) -> tuple[TypeFacts, ...]:
    volume = frames["gold_kpi_volume_daily"].groupby("pqrs_type")["tickets_count"].sum()
    sla = frames["gold_kpi_sla_daily"].groupby("pqrs_type")[
        ["stopped_count", "within_count", "late_count"]
    ].sum()  # fmt: skip
    responses, closings = (
        frames["gold_kpi_first_response_daily"],
        frames["gold_kpi_close_time_daily"],
    )
    return tuple(
        TypeFacts(
            type_id=str(name),
            tickets=int(volume[name]),
            stopped=int(sla.loc[name, "stopped_count"]),
            within=int(sla.loc[name, "within_count"]),
            late=int(sla.loc[name, "late_count"]),
            first_response=_mean(
                responses[responses["pqrs_type"] == name],
                "avg_hours_to_first_response",
                "responded_count",
            ),
            close=_mean(
                closings[closings["pqrs_type"] == name], "avg_hours_to_close", "closed_count"
            ),
        )
        for name in sorted(volume.index)
    )


def _mean(rows: pd.DataFrame, average: str, count: str) -> Mean:
    counted = rows[rows[count] > 0]
    return _combined(
        Mean(float(hours), int(tickets))
        for hours, tickets in zip(counted[average], counted[count], strict=True)
    )


def _combined(means: Iterable[Mean]) -> Mean:
    known = [item for item in means if item.hours is not None]
    tickets = sum(item.tickets for item in known)
    hours = math.fsum((item.hours or 0) * item.tickets for item in known)
    return Mean(hours / tickets if tickets else None, tickets)


def _transitions(rows: pd.DataFrame) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    names = ("status_from", "status_to", "transitions_count")
    for origin, target, count in zip(*(rows[name] for name in names), strict=True):
        counted[origin, target] += int(count)
    return counted


def _total(summary: pd.DataFrame, measure: str) -> "pd.Series[Any]":
    rows = summary[(summary["measure"] == measure) & (summary["group"] == "total")]
    return rows.iloc[0]


def _breach(summary: pd.DataFrame) -> Breach:
    total = _total(summary, "breach_rate")
    breached, due = int(total["numerator"]), int(total["denominator"])
    requested = None if pd.isna(total["requested_pct"]) else float(total["requested_pct"])
    return Breach(breached, due, percentage(breached, due), requested)


def percentage(part: int, whole: int) -> float | None:
    """Per cent; null of nothing."""
    return 100 * part / whole if whole else None
