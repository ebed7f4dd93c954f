"""Where everything lies in the lake (ADR-0016 section 3.1): object keys and back.

A key is a path relative to the lake's root. Its logical key leaves out the run, and the day on
which it started: equal data has equal logical keys in every run.
"""

import re
from collections.abc import Mapping
from datetime import date

from pqrs_kedro.contracts.tables import TRUTH, Table
from pqrs_kedro.parameters import check_run_id

RAW = "raw/pqrs"
# The day of a run's own folder is a wall-clock fact; that of raw, bronze and gold is data.
_RUN_PARTS = re.compile(r"(?<=^manifests)/day=[^/]+|/(?:run|sweep)_id=[^/]+")


def raw_key(source: str, day: date, run_id: str) -> str:
    """Key of a raw object."""
    return f"{RAW}/source={source}/day={day.isoformat()}/{_run(run_id)}/events.jsonl"


def object_key(
    table: Table,
    partition: Mapping[str, str],
    run_id: str,
    part: int,
    start_day: date | None = None,
) -> str:
    """Key of one Parquet object of a table; the layer truth needs the day the run started on."""
    hive = "".join(f"/{name}={partition[name]}" for name in table.partitions)
    return f"{_folder(table, hive, run_id, start_day)}/part-{part:05d}.parquet"


def raw_pattern(run_id: str) -> str:
    """Glob of a run's raw objects."""
    return f"{RAW}/source=*/day=*/{_run(run_id)}/events.jsonl"


def table_pattern(table: Table, run_id: str) -> str:
    """Glob of a run's objects of a table."""
    hive = "".join(f"/{name}=*" for name in table.partitions)
    return f"{_folder(table, hive, run_id, '*')}/part-*.parquet"


def _folder(table: Table, hive: str, run_id: str, start_day: date | str | None) -> str:
    """Folder of a run's objects; those of the layer truth lie beside the run's manifest."""
    if table.layer != TRUTH:
        return f"{table.path}{hive}/{_run(run_id)}"
    if start_day is None:
        raise ValueError(f"{table.name} lies in its run's folder: the run's start day is needed")
    return f"manifests/day={start_day}/{_run(run_id)}/{table.path}{hive}"


def run_folder_patterns(run_id: str) -> tuple[str, ...]:
    """Globs of what lies under the day on which a run started, whatever it left so far."""
    run = _run(run_id)
    return (
        f"manifests/day=*/{run}/*.json",
        f"manifests/day=*/{run}/*/*/part-*.parquet",
        f"logs/day=*/{run}/pipeline.log",
    )


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


def tombstone_key(run_id: str) -> str:
    """Key of what is left of a run that was purged."""
    return f"tombstones/{_run(run_id)}/tombstone.json"


def tombstone_pattern() -> str:
    """Glob of all tombstones."""
    return "tombstones/run_id=*/tombstone.json"


def run_objects_pattern(run_id: str) -> str:
    """Glob of all that lies in folders of a run, in whatever layer."""
    return f"**/{_run(run_id)}/**/*"


def sweep_object_key(table: Table, sweep_id: str, part: int) -> str:
    """Key of one Parquet object of a sweep."""
    return f"{table.path}/{_sweep(sweep_id)}/part-{part:05d}.parquet"


def sweep_pattern(table: Table, sweep_id: str) -> str:
    """Glob of a sweep's objects of a table."""
    return f"{table.path}/{_sweep(sweep_id)}/part-*.parquet"


def sweep_document_key(day: date | str, sweep_id: str, name: str) -> str:
    """Key, or with the day `*` the glob, of a document under the day on which a sweep started."""
    return f"manifests/day={day}/{_sweep(sweep_id)}/{name}"


def sweep_page_key(day: date, sweep_id: str) -> str:
    """Key of a sweep's page."""
    return f"reports/day={day.isoformat()}/{_sweep(sweep_id)}/sweep.html"


def notebook_key(day: date, run_id: str, name: str, form: str, version: int = 1) -> str:
    """Key of an executed notebook of a run, beside its report; later ones are numbered."""
    numbered = name if version == 1 else f"{name}-{version}"
    return f"reports/day={day.isoformat()}/{_run(run_id)}/{numbered}.{form}"


def logical_key(key: str) -> str:
    """The key without its run or sweep, and the day on which that started."""
    return _RUN_PARTS.sub("", key)


def hive_values(key: str) -> dict[str, str]:
    """The `name=value` parts of a key."""
    return dict(part.split("=", 1) for part in key.split("/") if "=" in part)


def _run(run_id: str) -> str:
    return f"run_id={check_run_id(run_id)}"


def _sweep(sweep_id: str) -> str:
    return f"sweep_id={check_run_id(sweep_id, name='sweep_id')}"
