"""Time to the first reply and to the closing: means, and Kaplan-Meier curves for open tickets."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from pqrs_kedro.analysis.survival import SurvivalCurve, kaplan_meier, watched_days
from pqrs_kedro.report.figures import time_figure
from pqrs_kedro.report.figures_times import survival_figure
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.tickets import Tickets

ALL: Final = "Todas"
_EVENTS: Final = {"first_response_at": "first_reply", "closed_at": "closing"}


@dataclass(frozen=True)
class Wait:
    """How long the tickets of a group wait: cases, those still waiting, and quantiles in days."""

    name: str
    cases: int
    censored: int
    median: float | None
    limits: tuple[float | None, float | None]
    ninetieth: float | None


def context(material: Material) -> dict[str, Any]:
    """Means from gold, curves and quantiles from the tickets."""
    curves = {event: survival_curves(material.tickets, event, material.types) for event in _EVENTS}
    replies, closings = curves["first_response_at"], curves["closed_at"]
    return {
        "facts": material.facts,
        "types": material.types,
        "until": material.until,
        "replies": [wait(name, curve) for name, curve in replies.items()],
        "closings": [wait(name, curve) for name, curve in closings.items()],
        "open": sum(material.tickets.rows["closed_at"].isna()),
        "figure": time_figure(material.facts.types, material.types),
        "reply_figure": _figure("first_reply", replies, "todavía sin primera respuesta"),
        "closing_figure": _figure("closing", closings, "todavía sin cerrar"),
    }


def survival_curves(
    tickets: Tickets, event: str, types: dict[str, str]
) -> dict[str, SurvivalCurve]:
    """A curve per type that has tickets, and one of all; days from reception."""
    groups = {
        code: tickets.rows[tickets.rows["pqrs_type"] == code] for code in types
    }  # fmt: skip
    # Two types of one name, in a profile of the user's own, are told apart by their codes.
    names = list(types.values())
    named = {name if names.count(name) == 1 else f"{name} ({code})": groups[code]
             for code, name in types.items()}  # fmt: skip
    named[ALL] = tickets.rows
    return {name: _curve(rows, event, tickets) for name, rows in named.items() if len(rows)}


def _curve(rows: pd.DataFrame, event: str, tickets: Tickets) -> SurvivalCurve:
    return kaplan_meier(watched_days(rows["created_at"], rows[event], tickets.watched_until))


def wait(name: str, curve: SurvivalCurve) -> Wait:
    """Median with its limits, and the ninth decile."""
    low, high = curve.quantile_limits(0.5)
    return Wait(name, curve.cases, curve.censored, curve.quantile(0.5), (low, high),
                curve.quantile(0.9))  # fmt: skip


def _figure(name: str, curves: dict[str, SurvivalCurve], what: str) -> Any:
    by_type = {title: curve for title, curve in curves.items() if title != ALL}
    title = f"Curvas de Kaplan-Meier: parte de las peticiones {what}, por tipo"
    return survival_figure(name, by_type, title) if by_type else ""
