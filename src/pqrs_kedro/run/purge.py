"""Purge: everything of one run removed, for good, but for a tombstone that says so.

It is the only deletion in the project. The tombstone comes first and the manifest goes next, so
that nobody ever reads a part of the run; what is stopped in between is completed by doing it again.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import run_objects_pattern, tombstone_key
from pqrs_kedro.lake.store import ObjectExists, Store
from pqrs_kedro.run.config_loader import point_to, project_lake
from pqrs_kedro.run.lock import held_lock, work_folder
from pqrs_kedro.run.manifest import (
    RunNotFound,
    document,
    find_manifest,
    find_tombstone,
    manifests,
)
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.runs import erase, find_run


@dataclass(frozen=True)
class Remains:
    """What there is of a run."""

    run_id: str
    keys: tuple[str, ...]
    """Its objects in the lake, of all layers; the manifest is the first, if there is one."""
    manifest: str | None
    tombstone: str | None
    in_warehouse: bool
    in_work: bool
    twins: tuple[str, ...]
    """Other runs that have imported one of its files."""

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left but, perhaps, the tombstone."""
        return not (self.keys or self.in_warehouse or self.in_work)


def find_remains(project: Path, store: Store, run_id: str, warehouse: Warehouse) -> Remains:
    """Everything of a run, committed or not.

    Raises:
        RunNotFound: there is nothing, and there was no purge either.
    """
    manifest = find_manifest(store, run_id)
    # Drafts that a killed writer left are hidden files, and found as well.
    keys = [key for key in store.glob(run_objects_pattern(run_id)) if store.exists(key)]
    tombstone = find_tombstone(store, run_id)
    keys = [key for key in keys if key not in (manifest, tombstone)]
    found = Remains(
        run_id,
        (*([manifest] if manifest else []), *keys),
        manifest,
        tombstone,
        find_run(warehouse, run_id) is not None,
        work_folder(project, run_id).exists(),
        _twins(store, run_id),
    )
    if found.is_gone and tombstone is None:
        raise RunNotFound(f"run {run_id} is not in the lake {store.location('')}: nothing to purge")
    return found


def _twins(store: Store, run_id: str) -> tuple[str, ...]:
    """Other runs with a file of the run, such as its repetitions: their lines are not purged."""
    files = {
        manifest["run_id"]: {file["sha256"] for file in manifest.get("sources", ())}
        for manifest in manifests(store)
    }
    own = files.pop(run_id, set())
    return tuple(sorted(other for other, read in files.items() if read & own))


def purge(
    project: Path, store: Store, remains: Remains, warehouse: Warehouse, reason: str | None
) -> str:
    """Remove a run from lake, warehouse and work folder; returns the key of its tombstone.

    Raises:
        InvalidInput: the run is under way in another process.
        WarehouseError: readers do not make way; done again, the purge goes on.
    """
    run_id = remains.run_id
    with held_lock(project, run_id):
        _put_tombstone(store, remains, reason)
        for key in remains.keys[:1]:
            store.delete(key)
        erase(warehouse, run_id)
        for key in remains.keys[1:]:
            store.delete(key)
        _point_elsewhere(project, store, run_id)
        shutil.rmtree(work_folder(project, run_id))
    return tombstone_key(run_id)


def _put_tombstone(store: Store, remains: Remains, reason: str | None) -> None:
    """The first one stays: it was written when all was still there."""
    content = {
        "run_id": remains.run_id,
        "purged_at": datetime.now(UTC).isoformat(),
        "reason": reason,
        "objects_by_layer": dict(sorted(Counter(k.split("/")[0] for k in remains.keys).items())),
        "manifest": _manifest_facts(store, remains.manifest),
    }
    try:
        store.create(tombstone_key(remains.run_id), document(content))
    except ObjectExists:
        return


def _manifest_facts(store: Store, key: str | None) -> dict[str, Any] | None:
    """Counts and hashes of a manifest; nothing that the data, or names of files, could say."""
    if key is None:
        return None
    content = store.read(key)
    facts: dict[str, Any] = {"sha256": sha256_hex(content)}
    try:
        manifest: Mapping[str, Any] = json.loads(content)
    except ValueError:
        return facts
    names = ("origin", "declared", "digest", "fingerprint", "finished_at", "rows_by_layer")
    return facts | {name: manifest[name] for name in names if name in manifest}


def _point_elsewhere(project: Path, store: Store, run_id: str) -> None:
    """Pointers to this run, of environments that have this lake, name the last run that is left."""
    left = [(manifest["finished_at"], manifest["run_id"]) for manifest in manifests(store)]
    for pointer in sorted((project / "data").glob("latest_run.*")):
        env = pointer.name.removeprefix("latest_run.")
        if not (project / "conf" / env).is_dir() or pointer.read_text().strip() != run_id:
            continue
        if project_lake(project, env).location("") != store.location(""):
            continue
        if left:
            point_to(pointer, max(left)[1])
        else:
            pointer.unlink()
