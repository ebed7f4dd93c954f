"""No run is committed whose data-quality checks found an error."""

import json
from collections.abc import Iterable
from typing import Any, Final

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.objects import LakeObject, read_object
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.reporting.checks import ERROR

QUALITY: Final = "data_quality"


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
    rows = [row for item in objects for row in _rows(store, item)]
    failed = [row for row in rows if row["result"] == "fail" and _severity(row) == ERROR]
    if failed:
        first, more = failed[0], len(failed) - 1
        others = f" and {more} more checks" if more else ""
        raise QualityFailed(
            f"data quality: {first['dataset']}.{first['check_name']}{others} failed: value "
            f"{first['value']:g}, allowed {first['threshold']:g}; {first['details_json']}"
        )


def _rows(store: Store, item: LakeObject) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stored_rows(
        TABLES[QUALITY], item.key, read_object(store, item)
    ).to_pylist()
    return found


def _severity(row: dict[str, Any]) -> str:
    return str(json.loads(row["details_json"])["severity"])
