"""The report's page: its sections, each filled from the material, in one file that stands alone."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pqrs_kedro.report import spanish
from pqrs_kedro.report.evidence import Evidence
from pqrs_kedro.report.facts import Frames, collect_facts
from pqrs_kedro.report.material import Accepted, Material
from pqrs_kedro.report.rates import Rate
from pqrs_kedro.report.sections import (
    acceptance,
    answer,
    backlog,
    causes,
    flow,
    headline,
    quality,
    reproduce,
    sla,
    territory,
    times,
    volume,
)
from pqrs_kedro.report.tickets import collect_tickets

# In the order of the page; each has a template of its module's name.
SECTIONS: Final = (
    answer, headline, acceptance, volume, backlog, sla, causes, times, flow, territory, quality,
    reproduce,
)  # fmt: skip


def render_page(
    frames: Frames,
    manifest: Mapping[str, Any],
    criteria: Sequence[Accepted],
    evidence: Evidence = Evidence(),  # noqa: B008  (it cannot be changed)
) -> str:
    """The whole page; equal arguments give equal text."""
    material = _material(frames, manifest, criteria, evidence)
    environment = _environment()
    sections = []
    for section in SECTIONS:
        name = section.__name__.rpartition(".")[2]
        template = environment.from_string(_resource("sections", f"{name}.html.j2"))
        sections.append(Markup(template.render(section.context(material))))  # noqa: S704
    return environment.from_string(_resource("report.html.j2")).render(
        css=Markup(_resource("report.css")),  # noqa: S704  (a file of this package)
        manifest=manifest,
        first=material.first,
        last=material.last,
        until=material.until,
        declared=material.declared,
        failed=quality.failed_checks(material),
        sections=sections,
    )


def _material(
    frames: Frames, manifest: Mapping[str, Any], criteria: Sequence[Accepted], evidence: Evidence
) -> Material:
    inputs = manifest["inputs"]
    first, last = (date.fromisoformat(inputs[name]) for name in ("date_min", "date_max"))
    facts = collect_facts(frames, first, last)
    calendar = frames["dim_business_day"]
    return Material(
        manifest=manifest,
        facts=facts,
        tickets=collect_tickets(frames, facts.days[-1]),
        places=frames["dim_geo"],
        business_days=frozenset(calendar.loc[calendar["is_business_day"], "day"]),
        criteria=criteria,
        evidence=evidence,
    )


def _environment() -> Environment:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters |= {
        "number": spanish.number,
        "exact": spanish.exact,
        "percent": spanish.percent,
        "days": spanish.days_of_hours,
        "date": spanish.long_date,
        "dated": spanish.dated,
        "check": spanish.check_title,
        "limits": _limits,
    }
    return environment


def _limits(rate: Rate) -> str:
    """`8,1 a 9,4 %`; a dash for nothing."""
    if rate.limits is None:
        return spanish.NONE
    low, high = rate.limits
    return f"{spanish.number(low, 1)} a {spanish.percent(high)}"


def _resource(*path: str) -> str:
    return files("pqrs_kedro.report").joinpath(*path).read_text(encoding="utf-8")
