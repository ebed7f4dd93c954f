"""The section of data quality: checks, their trends over runs, and what is in quarantine."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from pqrs_kedro.domain.readable import readable
from pqrs_kedro.report import spanish
from pqrs_kedro.report.spark import sparkline

# Of the bytes of a raw line.
SHOWN_CHARACTERS: Final = 220


@dataclass(frozen=True)
class Example:
    """One line in quarantine, or behind what is; `line` may be its beginning only."""

    source_object: str
    line_number: int
    detail: str | None
    line: bytes
    size: int
    """Bytes of the whole line."""


@dataclass(frozen=True)
class Reason:
    """Everything in quarantine for one reason."""

    scope: str
    """`line`, `ticket` or `event`."""
    reason: str
    count: int
    examples: Sequence[Example]


@dataclass(frozen=True)
class QualityOfRun:
    """The checks of a run that ended before, or of this one."""

    run_id: str
    checks: pd.DataFrame


@dataclass(frozen=True)
class Evidence:
    """What the section shows beside the checks of the run."""

    history: Sequence[QualityOfRun] = ()
    """Runs by the time they ended; the run of the report is the last."""
    quarantine: Sequence[Reason] = ()


@dataclass(frozen=True)
class Trend:
    """The value of one check over the runs; null where a run has no such value."""

    dataset: str
    check_name: str
    unit: str
    values: Sequence[float | None]
    figure: Markup


@dataclass(frozen=True)
class QualitySection:
    """What the template of the section shows."""

    checks: Sequence[Mapping[str, Any]]
    failed: Sequence[Mapping[str, Any]]
    runs: Sequence[str] = ()
    trends: Sequence[Trend] = ()
    quarantine: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By scope; no key where nothing of that scope is in quarantine."""


def quality_section(checks: pd.DataFrame, evidence: Evidence) -> QualitySection:
    """The section of a run with these checks, by dataset and name."""
    rows = [_with_details(row) for row in checks.to_dict("records")]
    scopes = dict.fromkeys(reason.scope for reason in evidence.quarantine)
    return QualitySection(
        checks=rows,
        failed=[row for row in rows if row["result"] == "fail"],
        runs=[one.run_id for one in evidence.history],
        trends=list(_trends(evidence.history)),
        quarantine={scope: _reasons(evidence.quarantine, scope) for scope in scopes},
    )


def _with_details(row: dict[Any, Any]) -> dict[str, Any]:
    """A check with what its details say of severity and unit, if they say so."""
    try:
        details = json.loads(row["details_json"])
    except ValueError:
        details = {}
    unit = spanish.UNITS.get(details.get("unit"), details.get("unit"))
    severity = spanish.SEVERITIES.get(details.get("severity"), spanish.NONE)
    return {**row, "unit": unit or spanish.NONE, "severity": severity}


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
