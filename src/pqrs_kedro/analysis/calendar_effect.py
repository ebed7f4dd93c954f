"""What the latest legal change of the calendar makes of a run's due days and outcomes."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from pqrs_kedro.analysis.run_data import RunData
from pqrs_kedro.analysis.shown import Shown, table, verdict
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.report.spanish import NONE, long_date, number, percent
from pqrs_kedro.run.calendar_change import (
    LATE,
    MEASURED,
    NOT_DUE,
    OVERDUE,
    WITHIN,
    Breaches,
    Impact,
    Question,
    impact_of,
)

_OUTCOMES: Final = {
    LATE: "tarde",
    WITHIN: "dentro de término",
    OVERDUE: "vencido y abierto",
    NOT_DUE: "sin vencer",
}
_SHOWN_DAYS: Final = 6


def calendar_effect(run: RunData) -> Impact | None:
    """The run under the other side of the latest legal change; null if no change is known."""
    tables = {name: run.query(name) for name in MEASURED}
    try:
        return impact_of(tables, run.manifest, (), Question())
    except InvalidInput:
        return None


def effect_shown(impact: Impact | None) -> Shown:
    """The change in days, due days, outcomes and breach rate."""
    if impact is None:
        return verdict(None, "El calendario de la corrida no conoce ningún cambio legal.")
    header = ("Calendario de la corrida y el otro", "Valor")
    source = "bronze_pqrs_events, dim_pqrs_type, dim_business_day"
    return table(header, _rows(impact), "Efecto del cambio de calendario", source, is_text=True)


def _rows(impact: Impact) -> Iterator[tuple[str, str]]:
    yield "Otro calendario: la ley a la fecha", str(impact.other_calendar["as_of"] or "hoy")
    yield "Días hábiles solo con el otro calendario", _days(impact.gained)
    yield "Días hábiles solo con el de la corrida", _days(impact.lost)
    moved = impact.moved_earlier + impact.moved_later
    yield "Ciclos comparados", number(impact.cycles)
    yield (
        "Vencimientos que se mueven",
        (
            f"{number(moved)}: {number(impact.moved_earlier)} antes, "
            f"{number(impact.moved_later)} después"
        ),
    )
    for (old, new), count in sorted(impact.outcomes.items()):
        yield f"De «{_OUTCOMES[old]}» a «{_OUTCOMES[new]}»", number(count)
    yield "Tasa de incumplimiento, corrida", _breaches(impact.before)
    yield "Tasa de incumplimiento, otro calendario", _breaches(impact.after)


def _breaches(rate: Breaches) -> str:
    return f"{percent(rate.pct, 3)} ({number(rate.breached)} de {number(rate.due)})"


def _days(days: Sequence[date]) -> str:
    more = f" y {number(len(days) - _SHOWN_DAYS)} más" if len(days) > _SHOWN_DAYS else ""
    return ", ".join(long_date(day) for day in days[:_SHOWN_DAYS]) + more or NONE
