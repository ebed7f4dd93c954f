"""A check that needs another run: equal inputs gave equal data, dataset by dataset.

Its outcome depends on what else is in the lake, so it is no part of the run's data: it is made when
the run is published and reported, beside the checks of `data_quality`.
"""

import json

from pqrs_kedro.contracts.columns import EQUAL_TO_EARLIER
from pqrs_kedro.lake.layout import logical_key
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.reporting.checks import EXAMPLES, WARN, Check
from pqrs_kedro.run.manifest import CommittedRun, read_run


def check_repetition(store: Store, run: CommittedRun) -> list[Check]:
    """One check per dataset of the run: its objects are those of the run before with its inputs.

    The value counts objects that are in one of the two only, or have another content: the bytes of
    raw lines, the logical content of Parquet. It is null, and passes, where the lake has no such
    run.
    """
    earlier = _run_before(store, run)
    if earlier is None:
        return [_not_compared(dataset) for dataset in sorted(run.manifest["paths"])]
    datasets = sorted({*run.manifest["paths"], *earlier.manifest["paths"]})
    return [_compared(dataset, run, earlier) for dataset in datasets]


def _run_before(store: Store, run: CommittedRun) -> CommittedRun | None:
    """The latest run of the same fingerprint that ended before this one."""
    own = (run.manifest["finished_at"], run.run_id)
    before = []
    for key in store.glob("manifests/day=*/run_id=*/manifest.json"):
        manifest = json.loads(store.read(key))
        ended = (manifest["finished_at"], manifest["run_id"])
        if manifest["fingerprint"] == run.manifest["fingerprint"] and ended < own:
            before.append(ended)
    return read_run(store, max(before)[1]) if before else None


def _not_compared(dataset: str) -> Check:
    details = {"compared_with": None, "failed_rows": 0, "examples": list[str]()}
    return Check(dataset, EQUAL_TO_EARLIER, True, None, 0, details, WARN, "objects")


def _compared(dataset: str, run: CommittedRun, earlier: CommittedRun) -> Check:
    own, other = _contents(run, dataset), _contents(earlier, dataset)
    differing = sorted(key for key in own | other if own.get(key) != other.get(key))
    details = {
        "compared_with": earlier.run_id,
        "objects": len(own),
        "failed_rows": len(differing),
        "examples": [{"object": key} for key in differing[:EXAMPLES]],
    }
    found = len(differing)
    return Check(dataset, EQUAL_TO_EARLIER, not found, found, 0, details, WARN, "objects")


def _contents(run: CommittedRun, dataset: str) -> dict[str, str]:
    """Content hash of each object of a dataset, by the key it has in every run."""
    keys = set(run.manifest["paths"].get(dataset, ()))
    return {logical_key(item.key): item.content_hash for item in run.objects if item.key in keys}
