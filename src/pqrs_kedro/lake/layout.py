"""Where everything lies in the lake (ADR-0016 section 3.1): object keys and back.

A key is a path relative to the lake's root. Its logical key leaves out the run: equal data has
equal logical keys in every run.
"""

import re
from collections.abc import Mapping
from datetime import date

from pqrs_kedro.contracts.tables import Table
from pqrs_kedro.parameters import check_run_id

RAW = "raw/pqrs"
_RUN_PART = re.compile(r"/run_id=[^/]+")


def raw_key(source: str, day: date, run_id: str) -> str:
    """Key of a raw object."""
    return f"{RAW}/source={source}/day={day.isoformat()}/{_run(run_id)}/events.jsonl"


def object_key(table: Table, partition: Mapping[str, str], run_id: str, part: int) -> str:
    """Key of one Parquet object of a table."""
    hive = "".join(f"/{name}={partition[name]}" for name in table.partitions)
    return f"{table.path}{hive}/{_run(run_id)}/part-{part:05d}.parquet"


def raw_pattern(run_id: str) -> str:
    """Glob of a run's raw objects."""
    return f"{RAW}/source=*/day=*/{_run(run_id)}/events.jsonl"


def table_pattern(table: Table, run_id: str) -> str:
    """Glob of a run's objects of a table."""
    hive = "".join(f"/{name}=*" for name in table.partitions)
    return f"{table.path}{hive}/{_run(run_id)}/part-*.parquet"


def manifest_key(day: date, run_id: str) -> str:
    """Key of a run's manifest, under the local day on which the run started."""
    return f"manifests/day={day.isoformat()}/{_run(run_id)}/manifest.json"


def checksums_key(day: date, run_id: str) -> str:
    """Key of a run's checksums."""
    return f"manifests/day={day.isoformat()}/{_run(run_id)}/checksums.json"


def log_key(day: date, run_id: str) -> str:
    """Key of a run's log."""
    return f"logs/day={day.isoformat()}/{_run(run_id)}/pipeline.log"


def report_key(day: date, run_id: str, version: int = 1) -> str:
    """Key of a run's report, under the day on which the run started; later ones are numbered."""
    name = "report.html" if version == 1 else f"report-{version}.html"
    return f"reports/day={day.isoformat()}/{_run(run_id)}/{name}"


def logical_key(key: str) -> str:
    """The key without its run."""
    return _RUN_PART.sub("", key)


def hive_values(key: str) -> dict[str, str]:
    """The `name=value` parts of a key."""
    return dict(part.split("=", 1) for part in key.split("/") if "=" in part)


def _run(run_id: str) -> str:
    return f"run_id={check_run_id(run_id)}"
