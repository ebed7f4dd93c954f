"""A sweep in the lake: its plan first, an object per trial, then tables, checksums and manifest.

Append-only as a run is: a sweep exists for readers if and only if its manifest does, and one that
was stopped goes on from the trials that are there.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pqrs_kedro.contracts.schema import arrow_schema, check_batch
from pqrs_kedro.contracts.tables import SWEEP_TABLES, Table
from pqrs_kedro.lake.layout import (
    hive_values,
    sweep_document_key,
    sweep_object_key,
    sweep_page_key,
)
from pqrs_kedro.lake.objects import LakeObject, digest, put, read_object
from pqrs_kedro.lake.parquet import encode_object, stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.run.identity import canonical_json, code_identity, new_run_id, versions
from pqrs_kedro.run.manifest import CONTRACT_VERSION
from pqrs_kedro.sweep.design import Trial
from pqrs_kedro.sweep.measures import Measured
from pqrs_kedro.sweep.plan import SweepPlan, parse_plan

TRIALS: Final = SWEEP_TABLES["sweep_trials"]
CALIBRATION: Final = SWEEP_TABLES["sweep_calibration"]
# So that a trial's run id, which is the sweep's and a number, is no longer than a run id may be.
_LONGEST_ID: Final = 58


class SweepNotFound(LookupError):
    """No sweep of this id is in the lake."""


def new_sweep_id(now: datetime) -> str:
    """A unique, sortable, path-safe id, such as `s20260224T101530Z-3fa9c1`."""
    return f"s{new_run_id(now)[1:]}"


@dataclass(frozen=True)
class SweepInputs:
    """What decides a sweep's results."""

    plan: SweepPlan
    parameters: Mapping[str, Any]
    """The parameters that trials change, as plain values."""
    code: str

    def as_json(self) -> dict[str, Any]:
        """Plain values; the calendar's dates are a hash, since a library makes them."""
        calendar = parse_parameters(dict(self.parameters)).business_calendar
        return {
            "plan": self.plan.model_dump(mode="json"),
            "parameters": self.parameters,
            "calendar": calendar.fingerprint,
            "code": self.code,
        }

    @property
    def fingerprint(self) -> str:
        """Equal for sweeps that must give equal results."""
        return hashlib.sha256(canonical_json(self.as_json()).encode()).hexdigest()


def inputs_of(document: Mapping[str, Any], project: Path) -> SweepInputs:
    """The inputs that a plan or manifest in the lake records, with the project's code as it is."""
    plan = parse_plan(document["inputs"]["plan"], "plan")
    return SweepInputs(plan, document["inputs"]["parameters"], code_identity(project))


@dataclass(frozen=True)
class SweepFolder:
    """Where one sweep lies in the lake."""

    store: Store
    sweep_id: str
    day: date
    """Local day on which it started."""

    def document_key(self, name: str) -> str:
        """Key of `plan.json`, `checksums.json` or `manifest.json`."""
        return sweep_document_key(self.day, self.sweep_id, name)

    def document(self, name: str) -> dict[str, Any]:
        """A document of the sweep."""
        content: dict[str, Any] = json.loads(self.store.read(self.document_key(name)))
        return content

    @property
    def is_committed(self) -> bool:
        """Whether the sweep is complete."""
        return self.store.exists(self.document_key("manifest.json"))

    def begin(self, inputs: SweepInputs, now: datetime) -> None:
        """Write the plan: from then on the sweep can be resumed by its id."""
        content = {
            "sweep_id": self.sweep_id,
            "fingerprint": inputs.fingerprint,
            "started_at": now.isoformat(),
            "inputs": inputs.as_json(),
        }
        self.store.create(self.document_key("plan.json"), _document(content))

    def trial_rows(self, trial: Trial) -> pa.Table | None:
        """The rows of a trial that is in the lake; null of one that is not."""
        key = sweep_object_key(TRIALS, self.sweep_id, trial.number)
        if not self.store.exists(key):
            return None
        return stored_rows(TRIALS, key, self.store.read(key))

    def put_rows(self, table: Table, part: int, rows: pa.Table) -> LakeObject:
        """Write an object of rows, or find it there with equal bytes."""
        for batch in rows.to_batches():
            check_batch(table, batch)
        content, logical = encode_object(table, rows)
        key = sweep_object_key(table, self.sweep_id, part)
        return put(self.store, key, content, rows.num_rows, logical)

    def put_page(self, page: str) -> str:
        """Keep the sweep's page, which is no data object; returns its key."""
        return put(self.store, sweep_page_key(self.day, self.sweep_id), page.encode(), 0).key

    def commit(
        self,
        inputs: SweepInputs,
        objects: Sequence[LakeObject],
        runs: Sequence[str],
        finished_at: datetime,
    ) -> dict[str, Any]:
        """Write checksums, then the manifest: from then on the sweep exists."""
        ordered = sorted(objects, key=lambda item: item.key)
        found = {"sweep_id": self.sweep_id, "digest": digest(ordered)}
        checksums = _document(found | {"objects": [item.as_json() for item in ordered]})
        put(self.store, self.document_key("checksums.json"), checksums, 0)
        manifest = {
            "contract_version": CONTRACT_VERSION,
            "status": "completed",
            "origin": "synthetic",
            **found,
            "fingerprint": inputs.fingerprint,
            "inputs": inputs.as_json(),
            "versions": versions(),
            "started_at": self.document("plan.json")["started_at"],
            "finished_at": finished_at.isoformat(),
            "rows": sum(item.rows for item in ordered),
            "runs": list(runs),
        }
        self.store.create(self.document_key("manifest.json"), _document(manifest))
        return manifest


def _document(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def check_sweep_id(sweep_id: str) -> str:
    """The id, if it may become part of a path and, with a trial's number, of a run id.

    Raises:
        InvalidInput: it may not.
    """
    sweep_document_key("*", sweep_id, "plan.json")
    if len(sweep_id) > _LONGEST_ID:
        raise InvalidInput(f"sweep_id: {sweep_id!r} is longer than {_LONGEST_ID} characters")
    return sweep_id


def find_sweep(store: Store, sweep_id: str) -> SweepFolder:
    """A sweep that has been begun.

    Raises:
        SweepNotFound: it has no plan in the lake.
    """
    found = store.glob(sweep_document_key("*", check_sweep_id(sweep_id), "plan.json"))
    if not found:
        raise SweepNotFound(f"sweep {sweep_id} is not in the lake {store.location('')}: no plan")
    return SweepFolder(store, sweep_id, date.fromisoformat(hive_values(found[0])["day"]))


def read_sweep(store: Store, sweep_id: str) -> SweepFolder:
    """A sweep that is complete.

    Raises:
        SweepNotFound: it has no manifest in the lake.
    """
    folder = find_sweep(store, sweep_id)
    if not folder.is_committed:
        raise SweepNotFound(
            f"sweep {sweep_id} is not complete; go on with: kedro sweep --resume {sweep_id}"
        )
    return folder


def read_table(folder: SweepFolder, table: Table) -> pa.Table:
    """All rows of a table of a complete sweep, trial by trial.

    Raises:
        ObjectChanged: an object has other bytes than when it was written.
    """
    listed = [LakeObject(**item) for item in folder.document("checksums.json")["objects"]]
    items = [item for item in listed if item.key.startswith(f"{table.path}/")]
    parts = [stored_rows(table, item.key, read_object(folder.store, item)) for item in items]
    return pa.concat_tables(parts) if parts else arrow_schema(table).empty_table()


def trial_table(trial: Trial, measured: Iterable[Measured]) -> pa.Table:
    """The rows of one trial, in the order of their key."""
    facts = {
        "trial_number": trial.number,
        "point_number": trial.point.number,
        "setting": trial.point.setting,
        "seed": trial.seed,
        "parameters_json": canonical_json(dict(trial.point.changes)),
    }
    rows = [
        facts
        | {
            "measure": item.measure,
            "dimension": item.dimension,
            "group_id": item.group,
            "numerator": item.numerator,
            "denominator": item.denominator,
            "value": item.value,
        }
        for item in sorted(measured, key=lambda item: (item.measure, item.dimension, item.group))
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(TRIALS))
