"""What a check of data quality is, and the forms that most checks have."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import ibis
import pyarrow as pa

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES

Tables: TypeAlias = Mapping[str, ibis.Table]
Rule: TypeAlias = Callable[[ibis.Table], ibis.Value]

ERROR: Final = "error"
WARN: Final = "warn"
# Offenders that a failed check names, the first in the order of their key.
EXAMPLES: Final = 3


@dataclass(frozen=True)
class Check:
    """The outcome of one check: a row of data_quality.

    `value` and `threshold` have the unit of the check; `details` are plain JSON values. An error
    stops the run before it is committed; a warning stops nothing.
    """

    dataset: str
    name: str
    passed: bool
    value: float | None
    threshold: float | None
    details: dict[str, Any] = field(default_factory=dict)
    severity: str = ERROR
    unit: str = "rows"

    def as_row(self) -> dict[str, Any]:
        """The row, with its details as JSON text that is equal for equal details."""
        details = {**self.details, "severity": self.severity, "unit": self.unit}
        text = json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {
            "dataset": self.dataset,
            "check_name": self.name,
            "result": "pass" if self.passed else "fail",
            "value": self.value,
            "threshold": self.threshold,
            "details_json": text,
        }


def as_table(checks: Iterable[Check]) -> pa.Table:
    """data_quality, by dataset and check."""
    rows = sorted(
        (check.as_row() for check in checks), key=lambda r: (r["dataset"], r["check_name"])
    )
    return pa.Table.from_pylist(rows, schema=arrow_schema(TABLES["data_quality"]))


def none_broken(
    dataset: str,
    name: str,
    checked: int,
    broken: int,
    examples: list[dict[str, Any]],
    unit: str = "rows",
) -> Check:
    """A rule that no row may break; the value is the number of rows that do."""
    details = {"checked": checked, "failed_rows": broken, "examples": examples}
    return Check(dataset, name, broken == 0, broken, 0, details, unit=unit)


def conserved(dataset: str, name: str, found: int, expected: int, **facts: int) -> Check:
    """Two counts that must be equal; the value is what is found less what is expected."""
    details = {"expected": expected, "found": found, **facts}
    return Check(dataset, name, found == expected, found - expected, 0, details)


def fetch(query: ibis.Table) -> list[dict[str, Any]]:
    """The rows of a small result, as plain values."""
    rows: list[dict[str, Any]] = query.to_pyarrow().to_pylist()
    return rows


def first_rows(query: ibis.Table, columns: Iterable[str]) -> list[dict[str, Any]]:
    """The first rows in the order of some columns, which alone are shown, as JSON values."""
    names = list(columns)
    rows = fetch(query.select(*names).order_by(*names).limit(EXAMPLES))
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else str(value)
