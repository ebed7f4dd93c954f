"""The objects of runs in the lake: verified against their hashes, retained, or never committed."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import hive_values, run_folder_patterns
from pqrs_kedro.lake.objects import LakeObject, digest
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.identity import Fingerprint
from pqrs_kedro.run.manifest import CommittedRun, document, read_run


@dataclass
class Verification:
    """What was read of a run, and what is wrong with it."""

    objects: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def verify_run(store: Store, run_id: str) -> Verification:
    """Read all objects of a run again and hash them.

    Every data object and the log are held against `checksums.json`, and that against the digest,
    paths and fingerprint of `manifest.json`. Keys with more than one version were written twice.

    Raises:
        RunNotFound: the run has no manifest.
        ValueError: manifest or checksums are no JSON any more.
    """
    run = read_run(store, run_id)
    found = Verification(problems=list(_document_problems(store, run)))
    items = (*run.objects, _log(store, run))

    def problem(item: LakeObject) -> str | None:
        return _problem(store, item)

    verdicts = in_order(problem, items, store.in_flight, lambda item: item.bytes, store.alone_from)
    for item, wrong in zip(items, verdicts, strict=True):
        found.objects += 1
        found.bytes += item.bytes
        if wrong is not None:
            found.problems.append(f"{item.key}: {wrong}")
    kept = {item.key for item in items} | set(_documents(run))
    twice = (key for key in store.rewritten("") if key in kept)
    found.problems += [f"{key}: has more than one version" for key in twice]
    return found


def _problem(store: Store, item: LakeObject) -> str | None:
    try:
        content = store.read(item.key)
    except FileNotFoundError:
        return "missing"
    if len(content) != item.bytes:
        return f"{len(content):,} bytes, not {item.bytes:,}"
    return None if sha256_hex(content) == item.sha256 else "other bytes than when it was written"


def _documents(run: CommittedRun) -> tuple[str, str]:
    return run.manifest_path, run.manifest_path.replace("manifest.json", "checksums.json")


def _log(store: Store, run: CommittedRun) -> LakeObject:
    return LakeObject(**json.loads(store.read(_documents(run)[1]))["log"])


def _document_problems(store: Store, run: CommittedRun) -> Iterator[str]:
    """What the two documents say of each other, and of themselves."""
    manifest, checksums = _documents(run)
    for key in (manifest, checksums):
        content = store.read(key)
        if document(json.loads(content)) != content:
            yield f"{key}: not in the form in which it was written"
    listed = sorted(key for keys in run.manifest["paths"].values() for key in keys)
    if listed != sorted(item.key for item in run.objects):
        yield f"{manifest}: other paths than in checksums.json"
    if run.manifest["digest"] != digest(run.objects):
        yield f"{checksums}: its hashes do not come to the manifest's digest"
    if run.manifest["fingerprint"] != _fingerprint(run):
        yield f"{manifest}: its inputs do not come to its fingerprint"


def _fingerprint(run: CommittedRun) -> str:
    inputs = run.manifest["inputs"]
    names = ("seed", "date_min", "date_max", "config_hash")
    return Fingerprint(code=inputs["git_sha"], **{name: inputs[name] for name in names}).value


def retain_run(store: Store, run_id: str, days: int, now: datetime) -> int:
    """Lock all objects of a committed run for some days from now; how many they are.

    Raises:
        RunNotFound: the run has no manifest.
        LakeError: the lake has no object lock.
    """
    run = read_run(store, run_id)
    documents = {key for pattern in run_folder_patterns(run_id) for key in store.glob(pattern)}
    keys = sorted({item.key for item in run.objects} | documents)
    store.retain(keys, now + timedelta(days=days))
    return len(keys)


@dataclass(frozen=True)
class Leftovers:
    """Objects of a run id that was never committed."""

    run_id: str
    objects: int
    bytes: int
    layers: tuple[str, ...]


def uncommitted(store: Store) -> list[Leftovers]:
    """What lies in the lake without a manifest: of runs that failed, were stopped, or go on now."""
    keys = store.glob("**/run_id=*/**/*")
    by_run: dict[str, list[str]] = {}
    for key in keys:
        by_run.setdefault(hive_values(key)["run_id"], []).append(key)
    committed = {
        hive_values(key)["run_id"] for key in store.glob("manifests/day=*/run_id=*/manifest.json")
    }
    return [
        Leftovers(run_id, len(found), sum(map(store.size, found)), _layers(found))
        for run_id, found in sorted(by_run.items())
        if run_id not in committed and _layers(found) != ("tombstones",)
    ]


def _layers(keys: list[str]) -> tuple[str, ...]:
    return tuple(Counter(key.split("/")[0] for key in keys))
