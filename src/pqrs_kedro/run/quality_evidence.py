"""What the report shows of data quality beside the run's own checks: other runs, and quarantine."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.layout import hive_values, logical_key
from pqrs_kedro.lake.objects import LakeObject, read_object
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import CommittedRun, read_run

if TYPE_CHECKING:
    from pqrs_kedro.report.evidence import Evidence, Example, QualityOfRun, Reason

# Runs that a trend goes back, the run of the report included.
RUNS: Final = 8
EXAMPLES: Final = 3
# Of an example's line, kept while others are read; a line may have megabytes.
_KEPT_BYTES: Final = 4_096
_LINES, _REJECTED = "quarantine_raw_lines", "quarantine_silver"
_Found = dict[tuple[str, str], list[dict[str, Any]]]


def read_evidence(store: Store, run: CommittedRun) -> "Evidence":
    """Checks of the runs that ended up to this one, and the quarantine of this one."""
    from pqrs_kedro.report.evidence import Evidence

    return Evidence(
        list(_history(store, run)), [*_rejected_lines(store, run), *_rejected(store, run)]
    )


def _history(store: Store, run: CommittedRun) -> "Iterator[QualityOfRun]":
    """The last RUNS runs that have checks, by the time they ended."""
    from pqrs_kedro.report.evidence import QualityOfRun

    own = (run.manifest["finished_at"], run.run_id)
    ended = []
    for key in store.glob("manifests/day=*/run_id=*/manifest.json"):
        manifest = json.loads(store.read(key))
        at = (manifest["finished_at"], manifest["run_id"])
        if at <= own and "data_quality" in manifest["paths"]:
            ended.append(at)
    for _at, run_id in sorted(ended)[-RUNS:]:
        other = run if run_id == run.run_id else read_run(store, run_id)
        (item,) = _objects(other, "data_quality")
        rows = stored_rows(TABLES["data_quality"], item.key, read_object(store, item))
        yield QualityOfRun(run_id, rows.to_pandas())


def _objects(run: CommittedRun, dataset: str) -> list[LakeObject]:
    """The objects of a dataset, in the order of their day."""
    keys = set(run.manifest["paths"].get(dataset, ()))
    found = (item for item in run.objects if item.key in keys)
    return sorted(found, key=lambda item: (hive_values(item.key).get("day", ""), item.key))


def _rejected_lines(store: Store, run: CommittedRun) -> "Iterator[Reason]":
    """Raw lines that are no events; the first of each reason by day, object and line."""
    counts: Counter[tuple[str, str]] = Counter()
    first: _Found = {}
    for item in _objects(run, _LINES):
        rows = stored_rows(TABLES[_LINES], item.key, read_object(store, item)).to_pylist()
        for row in rows:
            row["size"], row["line"] = len(row["line"]), row["line"][:_KEPT_BYTES]
        _collect([{"scope": "line", **row} for row in rows], counts, first)
    yield from _reasons(counts, first)


def _rejected(store: Store, run: CommittedRun) -> "Iterator[Reason]":
    """Tickets, then events, that are not curated, with the raw line of each example."""
    counts: Counter[tuple[str, str]] = Counter()
    first: _Found = {}
    for item in _objects(run, _REJECTED):
        rows = stored_rows(TABLES[_REJECTED], item.key, read_object(store, item)).to_pylist()
        _collect(sorted(rows, key=_of_ticket_first), counts, first)
    _add_lines(store, run, [row for rows in first.values() for row in rows])
    yield from _reasons(counts, first)


def _of_ticket_first(row: dict[str, Any]) -> tuple[bool, str, int]:
    return row["scope"] != "ticket", row["source_object"], row["line_number"]


def _collect(
    rows: Iterable[dict[str, Any]], counts: Counter[tuple[str, str]], first: _Found
) -> None:
    for row in rows:
        key = row["scope"], row["reason"]
        counts[key] += 1
        kept = first.setdefault(key, [])
        if len(kept) < EXAMPLES:
            kept.append(row)


def _add_lines(store: Store, run: CommittedRun, rows: list[dict[str, Any]]) -> None:
    """Put to each row the bytes of its raw line; an object is read once."""
    objects = {logical_key(item.key): item for item in run.objects}
    for name in sorted({row["source_object"] for row in rows}):
        lines = read_object(store, objects[name]).split(b"\n")
        for row in (row for row in rows if row["source_object"] == name):
            line = lines[row["line_number"] - 1]
            row["size"], row["line"] = len(line), line[:_KEPT_BYTES]


def _reasons(counts: Counter[tuple[str, str]], first: _Found) -> "Iterator[Reason]":
    from pqrs_kedro.report.evidence import Reason

    for (scope, reason), count in counts.items():
        examples = [_example(row) for row in first[scope, reason]]
        yield Reason(scope, reason, count, examples)


def _example(row: dict[str, Any]) -> "Example":
    from pqrs_kedro.report.evidence import Example

    names = ("source_object", "line_number", "detail", "line", "size")
    return Example(**{name: row[name] for name in names})
