"""A run's manifest and checksums: what went in, what came out, and where it lies.

`manifest.json` is written last of all: a run exists for readers if and only if its manifest does.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.external import EXTERNAL, SYNTHETIC
from pqrs_kedro.lake.layout import checksums_key, logical_key, manifest_key, tombstone_key
from pqrs_kedro.lake.objects import LakeObject, digest, put
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, RunParameters, check_run_id
from pqrs_kedro.parameters_law import CalendarLaw
from pqrs_kedro.run.identity import Fingerprint, versions

CONTRACT_VERSION = "1.3"
RAW = "raw_events"
LEDGER = "ground_truth"
DEFECT_LEDGER = "ground_truth_defects"
SYNTHESISED = (RAW, LEDGER, DEFECT_LEDGER)
LAYERS = ("raw", "truth", "bronze", "silver", "gold", "quality")


def layer_of(dataset: str) -> str:
    """The layer a dataset belongs to."""
    return "raw" if dataset == RAW else TABLES[dataset].layer


@dataclass(frozen=True)
class Outputs:
    """The data objects of a run, by dataset."""

    by_dataset: Mapping[str, Sequence[LakeObject]]

    @property
    def objects(self) -> list[LakeObject]:
        """All of them, in key order."""
        found = [item for items in self.by_dataset.values() for item in items]
        return sorted(found, key=lambda item: item.key)

    @property
    def digest(self) -> str:
        """The run's digest."""
        return digest(self.objects)

    def rows_by_layer(self) -> dict[str, int]:
        """Rows of each layer; lines for raw."""
        rows = Counter({layer: 0 for layer in LAYERS})
        for dataset, items in self.by_dataset.items():
            rows[layer_of(dataset)] += sum(item.rows for item in items)
        return dict(rows)

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows, objects and bytes of each dataset."""
        return {
            dataset: {
                "rows": sum(item.rows for item in items),
                "objects": len(items),
                "bytes": sum(item.bytes for item in items),
            }
            for dataset, items in sorted(self.by_dataset.items())
        }


def checksums_document(run_id: str, outputs: Outputs, log: LakeObject) -> bytes:
    """`checksums.json`: digest, and byte and logical hash of every object."""
    content = {
        "run_id": run_id,
        "digest": outputs.digest,
        "objects": [item.as_json() for item in outputs.objects],
        "log": log.as_json(),
    }
    return document(content)


@dataclass(frozen=True)
class RunTimes:
    """Wall-clock facts of a run."""

    started_at: datetime
    finished_at: datetime
    seconds_by_stage: Mapping[str, float]


def manifest_document(
    run_id: str,
    parameters: RunParameters,
    fingerprint: Fingerprint,
    outputs: Outputs,
    times: RunTimes,
) -> bytes:
    """`manifest.json`: inputs, identities, counts and paths of a completed run."""
    content = {
        "contract_version": CONTRACT_VERSION,
        "run_id": run_id,
        "status": "completed",
        **_origin(parameters),
        "fingerprint": fingerprint.value,
        "digest": outputs.digest,
        "inputs": {
            "seed": parameters.seed,
            "date_min": parameters.date_min.isoformat(),
            "date_max": parameters.date_max.isoformat(),
            "profile": parameters.profile,
            "parameters": parameters.data_parameters(),
            "territory": parameters.territory.model_dump(mode="json"),
            "calendar": describe_calendar(parameters.calendar),
            "defect_profile": parameters.defects.profile,
            "config_hash": fingerprint.config_hash,
            "git_sha": fingerprint.code,
        },
        "versions": versions(),
        "started_at": times.started_at.isoformat(),
        "finished_at": times.finished_at.isoformat(),
        "seconds_by_stage": dict(times.seconds_by_stage),
        "rows_by_layer": outputs.rows_by_layer(),
        "datasets": outputs.counts(),
        "paths": {
            dataset: sorted(item.key for item in items)
            for dataset, items in sorted(outputs.by_dataset.items())
        },
    }
    return document(content)


def _origin(parameters: RunParameters) -> dict[str, Any]:
    """Where the raw lines come from; of imported ones, what they were declared to be."""
    external = parameters.external
    if external is None:
        return {"origin": SYNTHETIC}
    return {
        "origin": EXTERNAL,
        "declared": external.declared,
        "sources": [file.model_dump(mode="json") for file in external.read],
    }


def describe_calendar(law: CalendarLaw) -> dict[str, Any]:
    """The calendar of a run: where its dates come from, as of when, and what they hash to."""
    calendar = law.business_calendar
    return {
        "source": "holidays, country CO",
        "version": calendar.version,
        "as_of": None if law.as_of is None else law.as_of.isoformat(),
        "sha256": calendar.fingerprint,
        "changes": [
            change.model_dump(mode="json") | {"in_force": change.is_law_on(law.as_of)}
            for change in law.changes
        ],
        "added": [day.isoformat() for day in law.added],
        "removed": [day.isoformat() for day in law.removed],
    }


def document(content: dict[str, Any]) -> bytes:
    """A document of a run as it is written: JSON in one form."""
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True)
class CommittedRun:
    """A run as the lake has it: its manifest and the objects of its checksums."""

    manifest: dict[str, Any]
    objects: tuple[LakeObject, ...]
    manifest_path: str

    @property
    def run_id(self) -> str:
        """The run."""
        return str(self.manifest["run_id"])

    def by_logical_key(self) -> dict[str, LakeObject]:
        """Objects by the key they have in every run of the same data."""
        return {logical_key(item.key): item for item in self.objects}


class RunNotFound(LookupError):
    """No committed run of this id is in the lake."""


def find_manifest(store: Store, run_id: str) -> str | None:
    """Key of a run's manifest; null while the run is not committed."""
    found = store.glob(f"manifests/day=*/run_id={check_run_id(run_id)}/manifest.json")
    return found[0] if found else None


def find_tombstone(store: Store, run_id: str) -> str | None:
    """Key of a run's tombstone; null if it was never purged."""
    key = tombstone_key(run_id)
    return key if store.exists(key) else None


def refuse_purged(store: Store, run_id: str) -> None:
    """A purged run id is never used again.

    Raises:
        InvalidInput: it has a tombstone.
    """
    tombstone = find_tombstone(store, run_id)
    if tombstone is not None:
        raise InvalidInput(f"run_id: {run_id!r} was purged ({tombstone}); choose another one")


def manifests(store: Store) -> Iterator[dict[str, Any]]:
    """The manifests of all committed runs."""
    for key in store.glob("manifests/day=*/run_id=*/manifest.json"):
        yield json.loads(store.read(key))


def read_run(store: Store, run_id: str) -> CommittedRun:
    """A committed run.

    Raises:
        RunNotFound: it has no manifest.
    """
    key = find_manifest(store, run_id)
    if key is None:
        tombstone = find_tombstone(store, run_id)
        why = f"it was purged ({tombstone})" if tombstone else "no manifest"
        raise RunNotFound(f"run {run_id} is not in the lake {store.location('')}: {why}")
    checksums = json.loads(store.read(key.replace("manifest.json", "checksums.json")))
    objects = tuple(LakeObject(**item) for item in checksums["objects"])
    return CommittedRun(json.loads(store.read(key)), objects, key)


def earlier_run(store: Store, run: CommittedRun) -> CommittedRun | None:
    """The latest other run of the same fingerprint, made with the same library versions.

    Other versions may write other Parquet bytes for the same rows.
    """
    found = []
    for manifest in manifests(store):
        alike = all(manifest[name] == run.manifest[name] for name in ("fingerprint", "versions"))
        if alike and manifest["run_id"] != run.run_id:
            found.append((manifest["finished_at"], manifest["run_id"]))
    return read_run(store, max(found)[1]) if found else None


def commit(
    store: Store, day: date, run_id: str, checksums: bytes, manifest: bytes
) -> tuple[str, str]:
    """Write the checksums, then the manifest: from then on the run exists."""
    keys = checksums_key(day, run_id), manifest_key(day, run_id)
    # Equal checksums of an attempt that was cut off here are kept.
    put(store, keys[0], checksums, rows=0)
    store.create(keys[1], manifest)
    return keys
