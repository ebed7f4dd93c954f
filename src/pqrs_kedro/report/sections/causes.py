"""What goes with lateness: causes that a ticket has or has not, stages, weeks of reception."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd

from pqrs_kedro.domain.statuses import CLOSED, STATUS_IDS
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.rates import Rate, rate_of, rates_by
from pqrs_kedro.report.spanish import STATUS_NAMES

# What may delay a ticket: the column that says so, and its name.
CAUSES: Final = {
    "hold": "Espera del ciudadano (término suspendido)",
    "reopened": "Reapertura",
    "extension": "Prórroga",
    "handed_back": "Devolución a reparto",
    "corrected": "Corrección tras responder",
}


@dataclass(frozen=True)
class Driver:
    """The breach rate of tickets that had something, and of those that had not."""

    name: str
    having: Rate
    lacking: Rate

    @property
    def points(self) -> float | None:
        """The difference of the rates in percentage points; null where one is missing."""
        if self.having.pct is None or self.lacking.pct is None:
            return None
        return self.having.pct - self.lacking.pct

    @property
    def stands_out(self) -> bool:
        """More late with it: the whole interval lies above the rate without."""
        return self.having.is_above(self.lacking)

    @property
    def excess(self) -> float:
        """Late tickets more than there would be at the rate of the others."""
        return self.having.part - self.having.whole * (self.lacking.pct or 0.0) / 100


@dataclass(frozen=True)
class Stage:
    """Mean calendar days that late tickets and others spent in a status."""

    status: str
    late_days: float
    other_days: float

    @property
    def extra_days(self) -> float:
        """How much longer late tickets stayed."""
        return self.late_days - self.other_days


def context(material: Material) -> dict[str, Any]:
    """The three tables."""
    return {
        "drivers": drivers(material.tickets.due),
        "stages": stages(material),
        "weeks": breach_by_week(material.tickets.due),
        "status_names": STATUS_NAMES,
    }


def breach_by_week(due: pd.DataFrame) -> dict[date, Rate]:
    """The breach rate of the tickets received in each week, by its Monday."""
    rates = rates_by(due, "received_week", "breached")
    return {date.fromisoformat(monday): rate for monday, rate in rates.items()}


def drivers(due: pd.DataFrame) -> list[Driver]:
    """All causes, those with the most late tickets in excess first."""
    found = [
        Driver(name, rate_of(due.loc[due[column], "breached"]),
               rate_of(due.loc[~due[column], "breached"]))
        for column, name in CAUSES.items()
    ]  # fmt: skip
    return sorted(found, key=lambda item: (-item.stands_out, -item.excess))


def stages(material: Material) -> Sequence[Stage]:
    """Mean days in each status, late tickets against the others, the greatest difference first.

    Only tickets that have stopped being open are compared: a status is as long as it was.
    """
    due = material.tickets.due
    done = due.loc[due["closed_at"].notna(), ["ticket_id", "breached"]].set_index("ticket_id")
    spent = material.tickets.lives.days_in.reindex(done.index).fillna(0.0)
    if done["breached"].nunique() < 2:
        return []
    shown = [status for status in STATUS_IDS if status in spent.columns and status != CLOSED]
    late, other = (
        dict(zip(shown, spent.loc[mask, shown].mean().tolist(), strict=True))
        for mask in (done["breached"], ~done["breached"])
    )
    found = [Stage(status, late[status], other[status]) for status in shown]
    return sorted(found, key=lambda stage: -stage.extra_days)
