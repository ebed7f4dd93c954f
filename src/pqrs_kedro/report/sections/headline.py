"""The headline figures of the run, as cards."""

from dataclasses import dataclass
from typing import Any

from pqrs_kedro.report import spanish
from pqrs_kedro.report.facts import Facts, Mean
from pqrs_kedro.report.material import Material


@dataclass(frozen=True)
class Card:
    """One headline figure."""

    title: str
    value: str
    note: str


def context(material: Material) -> dict[str, Any]:
    """The cards."""
    facts = material.facts
    return {"cards": [*_counts(material), *_lateness(facts), *_backlog(facts), *_times(facts)]}


def _counts(material: Material) -> list[Card]:
    facts = material.facts
    made, compared = len(facts.made), facts.compared
    other = f", {spanish.number(compared)} frente a la corrida anterior de iguales entradas"
    period = f"del {spanish.long_date(material.first)} al {spanish.long_date(material.last)}"
    return [
        Card(
            "Peticiones recibidas",
            spanish.number(facts.tickets),
            period + _unclassified(facts, "; {} aún sin clasificar"),
        ),
        Card(
            "Calidad de datos",
            f"{spanish.number(made - len(facts.failed))} de {spanish.number(made)}",
            f"comprobaciones superadas{other if compared else ''}",
        ),
    ]


def _lateness(facts: Facts) -> list[Card]:
    breach = facts.breach
    within = spanish.percent(None if not facts.stopped else 100 * facts.within / facts.stopped)
    asked = (
        "" if breach.requested_pct is None
        else f"solicitada {spanish.percent(breach.requested_pct)}; "
    )  # fmt: skip
    return [
        Card(
            "Dentro de término",
            within,
            f"{spanish.number(facts.within)} de {spanish.number(facts.stopped)} ciclos detenidos",
        ),
        Card(
            "Tasa de incumplimiento",
            spanish.percent(breach.rate_pct),
            f"{asked}{spanish.number(breach.breached)} de {spanish.number(breach.due)} tickets "
            "cuyo término ya venció",
        ),
    ]


def _backlog(facts: Facts) -> list[Card]:
    open_ = facts.open_by_day
    return [
        Card(
            "Backlog máximo",
            spanish.number(int(open_.max())),
            f"el {spanish.long_date(facts.peak_day)}",
        ),
        Card(
            "Backlog final",
            spanish.number(int(open_.iloc[-1])),
            f"al cierre del {spanish.long_date(open_.index[-1])}"
            + _unclassified(facts, ", y {} más sin clasificar"),
        ),
    ]


def _times(facts: Facts) -> list[Card]:
    return [
        _mean_card("Hasta la primera respuesta", facts.first_response),
        _mean_card("Hasta el cierre", facts.close),
    ]


def _unclassified(facts: Facts, text: str) -> str:
    """What is said of tickets without a type, where there are any."""
    return text.format(spanish.number(facts.unclassified)) if facts.unclassified else ""


def _mean_card(title: str, mean: Mean) -> Card:
    note = f"media de {spanish.number(mean.tickets)} tickets, días calendario"
    return Card(title, spanish.days_of_hours(mean.hours), note)
