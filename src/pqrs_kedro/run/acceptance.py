"""The acceptance criteria of ADR-0016 section 10, checked against lake and warehouse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES, Table
from pqrs_kedro.external import EXTERNAL
from pqrs_kedro.lake.ahead import in_order, read_in_order
from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import logical_key, raw_pattern, table_pattern
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.compare import Difference, compare_objects
from pqrs_kedro.run.manifest import (
    RAW,
    SYNTHESISED,
    CommittedRun,
    Outputs,
    earlier_run,
    read_run,
)
from pqrs_kedro.run.recompute import recompute
from pqrs_kedro.run.regenerate import regenerate
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.publish import etl_run
from pqrs_kedro.warehouse.runs import find_run, published_rows
from pqrs_kedro.warehouse.schema import SERVED

# ADR-0016 section 10, criterion 4.
_GOLD_TABLES: Final = 3


@dataclass(frozen=True)
class Criterion:
    """One criterion: its number in ADR-0016, what it asks, and what was found."""

    number: int
    text: str
    holds: bool
    finding: str


def check_acceptance(store: Store, run_id: str, warehouse: Warehouse) -> list[Criterion]:
    """The five criteria of a committed run.

    Raises:
        RunNotFound: the run has no manifest.
        WarehouseError: the warehouse cannot be reached.
    """
    run = read_run(store, run_id)
    return [
        _raw_exists(store, run),
        _manifest_holds(store, run),
        _layers_have_stable_schema(store, run),
        _is_published(run, warehouse),
        _reproduces(store, run),
    ]


def _raw_exists(store: Store, run: CommittedRun) -> Criterion:
    keys = store.glob(raw_pattern(run.run_id))
    filled = sum(map(bool, read_in_order(store, keys)))
    finding = f"{filled} raw objects" if filled else "no raw object with content"
    return Criterion(1, "raw events.jsonl exists", filled > 0, finding)


def _manifest_holds(store: Store, run: CommittedRun) -> Criterion:
    """Every path of the manifest is there with its hash and its count."""
    text = "manifest.json has the counts and paths"
    listed = sorted(path for paths in run.manifest["paths"].values() for path in paths)
    if listed != sorted(item.key for item in run.objects):
        return Criterion(2, text, False, "manifest.json and checksums.json list different objects")
    problem = next(_object_problems(store, run.objects), None) or _count_problem(run)
    return Criterion(2, text, problem is None, problem or f"{len(listed)} objects verified")


def _object_problems(store: Store, objects: tuple[LakeObject, ...]) -> Iterator[str]:
    def problem(item: LakeObject) -> str | None:
        return _object_problem(store, item)

    found = in_order(problem, objects, store.in_flight, lambda item: item.bytes, store.alone_from)
    return filter(None, found)


def _object_problem(store: Store, item: LakeObject) -> str | None:
    """What is wrong with an object: gone, other bytes, another number of rows."""
    try:
        content = store.read(item.key)
    except FileNotFoundError:
        return f"{item.key} is missing"
    if sha256_hex(content) != item.sha256:
        return f"{item.key} has other bytes than when it was written"
    rows = _rows(item.key, content)
    return None if rows == item.rows else f"{item.key} has {rows} rows, not {item.rows}"


def _rows(key: str, content: bytes) -> int:
    if key.endswith(".jsonl"):
        return content.count(b"\n")
    return int(pq.read_metadata(pa.BufferReader(content)).num_rows)


def _count_problem(run: CommittedRun) -> str | None:
    """The manifest's counts and digest, against those of the verified objects."""
    by_key = {item.key: item for item in run.objects}
    outputs = Outputs(
        {name: [by_key[key] for key in keys] for name, keys in run.manifest["paths"].items()}
    )
    counted = {
        "rows_by_layer": outputs.rows_by_layer(),
        "datasets": outputs.counts(),
        "digest": outputs.digest,
    }
    wrong = [name for name, value in counted.items() if run.manifest[name] != value]
    return f"{wrong[0]} in manifest.json is not that of the objects" if wrong else None


def _layers_have_stable_schema(store: Store, run: CommittedRun) -> Criterion:
    text = "bronze in Parquet, silver with a stable schema"
    tables = [table for table in TABLES.values() if table.layer in ("bronze", "silver")]
    keys = {table.name: store.glob(table_pattern(table, run.run_id)) for table in tables}
    empty = [name for name in ("bronze_pqrs_events", "silver_tickets") if not keys[name]]
    if empty:
        return Criterion(3, text, False, f"{empty[0]} has no objects")
    problem = next((p for t in tables for p in _schema_problems(store, t, keys[t.name])), None)
    total = sum(len(found) for found in keys.values())
    return Criterion(3, text, problem is None, problem or f"{total} objects keep their contract")


def _schema_problems(store: Store, table: Table, keys: list[str]) -> Iterator[str]:
    expected = arrow_schema(table)
    for key, content in zip(keys, read_in_order(store, keys), strict=True):
        try:
            found = pq.read_schema(pa.BufferReader(content))
        except pa.ArrowException:
            yield f"{key} is no Parquet"
            continue
        if not found.equals(expected):
            yield f"{key} has another schema than its contract"


def _is_published(run: CommittedRun, warehouse: Warehouse) -> Criterion:
    """The run's row, and of every table the rows that the lake has."""
    text = "Postgres has meta.etl_runs and at least three filled gold tables"
    problem = _row_problem(run, find_run(warehouse, run.run_id))
    if problem is not None:
        return Criterion(4, text, False, problem)
    rows, datasets = published_rows(warehouse, run.run_id), run.manifest["datasets"]
    kept = {name: datasets[name]["rows"] if name in datasets else 0 for name in rows}
    wrong = [name for name in rows if rows[name] != kept[name]]
    if wrong:
        finding = f"{wrong[0]} has {rows[wrong[0]]:,} rows, the lake {kept[wrong[0]]:,}"
        return Criterion(4, text, False, finding)
    gold = [name for name in rows if SERVED[name].layer == "gold" and rows[name]]
    finding = f"{sum(rows.values()):,} rows in {len(rows)} tables, {len(gold)} gold tables filled"
    return Criterion(4, text, len(gold) >= _GOLD_TABLES, finding)


def _row_problem(run: CommittedRun, row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return "the run is not in meta.etl_runs"
    if row["published_at"] is None:
        return f"the run is not published: its status in meta.etl_runs is {row['status']}"
    wrong = [name for name, value in etl_run(run.manifest).items() if row[name] != value]
    return f"{wrong[0]} in meta.etl_runs is not that of manifest.json" if wrong else None


def _reproduces(store: Store, run: CommittedRun) -> Criterion:
    imported = run.manifest["origin"] == EXTERNAL
    given = "raw lines give" if imported else "seed gives"
    text = f"the same {given} the same counts and checksums"
    other = earlier_run(store, run)
    if other is not None:
        differences = compare_objects(other.by_logical_key(), run.by_logical_key())
        return Criterion(5, text, not differences, _verdict(differences, f"run {other.run_id}"))
    differences, what = _recomputed(store, run) if imported else _regenerated(run)
    return Criterion(5, text, not differences, _verdict(differences, f"self-check: {what}"))


def _regenerated(run: CommittedRun) -> tuple[list[Difference], str]:
    """All that synthesis makes, made again."""
    paths = run.manifest["paths"]
    made = {logical_key(key) for name in SYNTHESISED for key in paths.get(name, ())}
    synthesised = {key: item for key, item in run.by_logical_key().items() if key in made}
    return compare_objects(regenerate(run.manifest), synthesised), "raw and truth generated again"


def _recomputed(store: Store, run: CommittedRun) -> tuple[list[Difference], str]:
    """All that comes from raw lines, computed again: nothing can make imported lines again."""
    raw = {logical_key(key) for key in run.manifest["paths"][RAW]}
    computed = {key: item for key, item in run.by_logical_key().items() if key not in raw}
    return compare_objects(recompute(store, run.manifest), computed), "bronze to quality again"


def _verdict(differences: list[Difference], other: str) -> str:
    if not differences:
        return f"identical to {other}"
    return f"{len(differences)} objects differ from {other}, first {differences[0]}"
