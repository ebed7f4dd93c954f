"""No run is committed whose data-quality checks found an error; what warns is told at its end."""

import json
from collections.abc import Iterable
from typing import Any, Final

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.objects import LakeObject, read_object
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.reporting.checks import ERROR

QUALITY: Final = "data_quality"
Row = dict[str, Any]


class QualityFailed(RuntimeError):
    """A check whose failure means that the data are wrong; the message is one line."""


def refuse_failed_checks(store: Store, objects: Iterable[LakeObject]) -> None:
    """Stop for failed checks of severity error.

    Args:
        store: the lake.
        objects: the objects of data_quality that the run wrote; none before the checks are made.

    Raises:
        QualityFailed: some check failed; the message names the first.
    """
    failed = [row for row in _failed(_rows(store, objects)) if _severity(row) == ERROR]
    if failed:
        first, more = failed[0], len(failed) - 1
        others = f" and {more} more checks" if more else ""
        raise QualityFailed(
            f"data quality: {first['dataset']}.{first['check_name']}{others} failed: value "
            f"{first['value']:g}, allowed {first['threshold']:g}; {first['details_json']}"
        )


def describe_checks(store: Store, objects: Iterable[LakeObject]) -> dict[str, str]:
    """What a person is told of a run's checks: how many passed, what warns; nothing of none."""
    rows = _rows(store, objects)
    if not rows:
        return {}
    failed = _failed(rows)
    warned = f", {len(failed)} warn" if failed else ""
    said = {"quality": f"{len(rows) - len(failed)} of {len(rows)} checks passed{warned}"}
    for number, row in enumerate(failed, start=1):
        name = f"{row['dataset']}.{row['check_name']}"
        said[f"  warning {number}"] = (
            f"{name}: {row['value']:.4g} {_detail(row, 'unit')}, allowed {row['threshold']:.4g}"
        )
    return said


def _failed(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["result"] == "fail"]


def _rows(store: Store, objects: Iterable[LakeObject]) -> list[Row]:
    return [
        row
        for item in objects
        for row in stored_rows(TABLES[QUALITY], item.key, read_object(store, item)).to_pylist()
    ]


def _severity(row: Row) -> str:
    return _detail(row, "severity")


def _detail(row: Row, name: str) -> str:
    return str(json.loads(row["details_json"])[name])
