"""The report's page: facts and figures put into the template, everything in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.report import figures, spanish
from pqrs_kedro.report.facts import Facts, Frames, Mean, collect_facts
from pqrs_kedro.report.quality import Evidence, quality_section

# The least shade of a cell that has transitions, and what the share adds to it.
_SHADE: Final = (0.08, 0.62)


@dataclass(frozen=True)
class Accepted:
    """One acceptance criterion: its number, whether it holds, and what was found."""

    number: int
    holds: bool
    finding: str


@dataclass(frozen=True)
class Card:
    """One headline figure."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Cell:
    """One cell of the transition matrix: transitions, their share of the row, its shade."""

    count: int
    share_pct: float
    shade: float


def render_page(
    frames: Frames,
    manifest: Mapping[str, Any],
    criteria: Sequence[Accepted],
    evidence: Evidence = Evidence(),  # noqa: B008  (it cannot be changed)
) -> str:
    """The whole page; equal arguments give equal text."""
    inputs = manifest["inputs"]
    first, last = (date.fromisoformat(inputs[name]) for name in ("date_min", "date_max"))
    until = inputs["parameters"].get("observe_until")
    declared = spanish.DECLARED[manifest["declared"]] if "declared" in manifest else None
    facts = collect_facts(frames, first, last)
    types = {
        code: item["name"]
        for code, item in sorted(inputs["parameters"]["profile"]["types"].items())
    }
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A section has its own module and template.
        loader=FunctionLoader(_resource),
    )
    environment.filters |= {
        "number": spanish.number,
        "exact": spanish.exact,
        "percent": spanish.percent,
        "days": spanish.days_of_hours,
        "date": spanish.long_date,
        "check": spanish.check_title,
    }
    return environment.get_template("report.html.j2").render(
        css=Markup(_resource("report.css")),  # noqa: S704  (a file of this package)
        manifest=manifest,
        first=first,
        last=last,
        until=until and date.fromisoformat(until),
        facts=facts,
        types=types,
        declared=declared,
        cards=_cards(facts, first, last),
        criteria=_criteria(
            criteria, spanish.CRITERIA | (spanish.CRITERIA_OF_IMPORTS if declared else {})
        ),
        layers=spanish.LAYERS,
        statuses=_shown_statuses(facts),
        status_names=spanish.STATUS_NAMES,
        matrix=_matrix(facts),
        quality=quality_section(facts.quality, evidence),
        scopes=spanish.SCOPES,
        volume_figure=figures.volume_figure(facts.volume, spanish.CHANNEL_NAMES),
        backlog_figure=figures.backlog_figure(facts.backlog_without_tail, types),
        sla_figure=figures.sla_figure(facts.types, types),
        time_figure=figures.time_figure(facts.types, types),
    )


def _resource(name: str) -> str:
    return (files("pqrs_kedro.report") / name).read_text(encoding="utf-8")


def _cards(facts: Facts, first: date, last: date) -> list[Card]:
    breach, open_ = facts.breach, facts.open_by_day
    passed = len(facts.quality) - len(facts.failed)
    within = spanish.percent(None if not facts.stopped else 100 * facts.within / facts.stopped)
    return [
        Card(
            "Peticiones recibidas",
            spanish.number(facts.tickets),
            f"del {spanish.long_date(first)} al {spanish.long_date(last)}"
            + _unclassified(facts, "; {} aún sin clasificar"),
        ),
        Card(
            "Dentro de término",
            within,
            f"{spanish.number(facts.within)} de {spanish.number(facts.stopped)} ciclos detenidos",
        ),
        Card(
            "Tasa de incumplimiento",
            spanish.percent(breach.rate_pct),
            _requested(breach.requested_pct)
            + f"{spanish.number(breach.breached)} de {spanish.number(breach.due)} tickets cuyo "
            "término ya venció",
        ),
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
        _mean_card("Hasta la primera respuesta", facts.first_response),
        _mean_card("Hasta el cierre", facts.close),
        Card(
            "Calidad de datos",
            f"{spanish.number(passed)} de {spanish.number(len(facts.quality))}",
            "comprobaciones superadas",
        ),
    ]


def _requested(rate_pct: float | None) -> str:
    """The rate that was asked for; nothing of imported lines."""
    return "" if rate_pct is None else f"solicitada {spanish.percent(rate_pct)}; "


def _unclassified(facts: Facts, text: str) -> str:
    """What is said of tickets without a type, where there are any."""
    return text.format(spanish.number(facts.unclassified)) if facts.unclassified else ""


def _mean_card(title: str, mean: Mean) -> Card:
    note = f"media de {spanish.number(mean.tickets)} tickets, días calendario"
    return Card(title, spanish.days_of_hours(mean.hours), note)


def _criteria(
    criteria: Sequence[Accepted], titles: Mapping[int, str]
) -> list[tuple[int, str, Accepted | None]]:
    """The five criteria, with their outcome; null where one was not checked."""
    found = {item.number: item for item in criteria}
    return [(number, title, found.get(number)) for number, title in titles.items()]


def _shown_statuses(facts: Facts) -> list[str]:
    seen = {status for pair in facts.transitions for status in pair}
    return [status for status in STATUS_IDS if status in seen]


def _matrix(facts: Facts) -> dict[str, dict[str, Cell]]:
    """Transitions by status left and entered; the share is of those that left the same status."""
    rows: dict[str, dict[str, Cell]] = {}
    for origin in _shown_statuses(facts):
        left = {to: n for (start, to), n in facts.transitions.items() if start == origin}
        total = sum(left.values())
        if total:
            rows[origin] = {
                to: Cell(n, 100 * n / total, round(_SHADE[0] + _SHADE[1] * n / total, 3))
                for to, n in left.items()
            }
    return rows
