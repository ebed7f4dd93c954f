"""Every check of data quality, those that fail first; trends over runs; quarantine by reason."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from pqrs_kedro.contracts.columns import EQUAL_TO_EARLIER
from pqrs_kedro.domain.readable import readable
from pqrs_kedro.report import spanish
from pqrs_kedro.report.evidence import Example, QualityOfRun, Reason
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.spark import sparkline

# Of the bytes of a raw line.
SHOWN_CHARACTERS: Final = 220


@dataclass(frozen=True)
class Trend:
    """The value of one check over the runs; null where a run has no such value."""

    dataset: str
    check_name: str
    unit: str
    values: Sequence[float | None]
    figure: Markup


def context(material: Material) -> dict[str, Any]:
    """The checks by dataset and name, the trends of those that warn, the quarantine by scope."""
    checks = all_checks(material)
    found = material.evidence.quarantine
    scopes = dict.fromkeys(reason.scope for reason in found)
    return {
        "checks": checks,
        "made": len(material.facts.made),
        "compared": material.facts.compared,
        "failed": failed_checks(material),
        "runs": [one.run_id for one in material.evidence.history],
        "trends": list(_trends(material.evidence.history)),
        "quarantine": {scope: _reasons(found, scope) for scope in scopes},
        "scopes": spanish.SCOPES,
    }


def all_checks(material: Material) -> list[dict[str, Any]]:
    """The checks of the run, with severity and unit in Spanish."""
    return [_with_details(row) for row in material.facts.quality.to_dict("records")]


def failed_checks(material: Material) -> list[dict[str, Any]]:
    """Those that do not hold: percentages first, the largest before all."""
    failed = [row for row in all_checks(material) if row["result"] == "fail"]
    return sorted(failed, key=lambda row: (row["unit"] != "%", -(_number(row["value"]) or 0)))


def _with_details(row: dict[Any, Any]) -> dict[str, Any]:
    """A check with what its details say of severity and unit, if they say so."""
    try:
        details = json.loads(row["details_json"])
    except ValueError:
        details = {}
    unit = spanish.UNITS.get(details.get("unit"), details.get("unit"))
    severity = spanish.SEVERITIES.get(details.get("severity"), spanish.NONE)
    mark, said = ("✔", "cumple") if row["result"] == "pass" else ("✘", "no cumple")
    if row["check_name"] == EQUAL_TO_EARLIER and _number(row["value"]) is None:
        mark, said = spanish.NONE, "sin corrida anterior"
    return {**row, "unit": unit or spanish.NONE, "severity": severity, "mark": mark, "said": said}


def _trends(history: Sequence[QualityOfRun]) -> Iterable[Trend]:
    """The checks that warn, as the others are the same number in every run that is committed."""
    if not history:
        return
    tables = [_by_check(one.checks) for one in history]
    for key, last in tables[-1].items():
        if last["severity"] != spanish.SEVERITIES["warn"]:
            continue
        values = [_number(table[key]["value"]) if key in table else None for table in tables]
        threshold = _number(last["threshold"])
        label = f"{spanish.check_title(key[1])}: {', '.join(map(spanish.exact, values))}"
        figure = sparkline(values, threshold, last["result"] == "pass", label)
        yield Trend(*key, last["unit"], values, figure)


def _by_check(checks: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [_with_details(row) for row in checks.to_dict("records")]
    return {(row["dataset"], row["check_name"]): row for row in rows}


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _reasons(found: Iterable[Reason], scope: str) -> list[dict[str, Any]]:
    """The reasons of a scope, the most frequent first."""
    reasons = [reason for reason in found if reason.scope == scope]
    return [
        {
            "code": item.reason,
            "title": spanish.REASONS.get(item.reason, item.reason),
            "count": item.count,
            "examples": [_shown(example) for example in item.examples],
        }
        for item in sorted(reasons, key=lambda item: (-item.count, item.reason))
    ]


def _shown(example: Example) -> dict[str, Any]:
    return {
        "where": f"{example.source_object}, línea {spanish.number(example.line_number)}",
        "detail": None if example.detail is None else readable(example.detail.encode()),
        "size": example.size,
        "line": readable(example.line, SHOWN_CHARACTERS),
    }
