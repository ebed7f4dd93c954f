"""The lineage of a committed run in a file: JSON Lines, one event a line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openlineage.client.event_v2 import JobEvent, RunEvent
from openlineage.client.serde import Serde

from pqrs_kedro.lake.store import Store
from pqrs_kedro.lineage.events import run_events
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.written_file import check_target, created

SUFFIX: Final = ".openlineage.jsonl"


@dataclass(frozen=True)
class WrittenLineage:
    """What was written, and how many events, jobs and datasets are in it."""

    path: Path
    counts: Mapping[str, int]


def export_lineage(
    store: Store, run_id: str, target: Path, *, replace: bool = False
) -> WrittenLineage:
    """Write the lineage of a committed run to a file; equal runs give equal bytes.

    Args:
        store: the lake.
        run_id: the run.
        target: the file; one that ends in `.gz` is compressed.
        replace: put it in the place of a file that is there.

    Raises:
        InvalidInput: the target is a folder, or is there already.
        RunNotFound: the run has no manifest.
        ObjectChanged: the table of checks has other bytes than when it was written.
    """
    check_target(target, replace)
    events = list(run_events(store, read_run(store, run_id)))
    with created(target, replace) as out:
        for event in events:
            out.write(Serde.to_json(event, ensure_ascii=False).encode() + b"\n")
    return WrittenLineage(target, {**_counts(events), "bytes": target.stat().st_size})


def _counts(events: Sequence[RunEvent | JobEvent]) -> dict[str, int]:
    datasets = [
        item for event in events for item in (*(event.inputs or ()), *(event.outputs or ()))
    ]
    return {
        "events": len(events),
        "jobs": len({event.job.name for event in events}),
        "datasets": len({(item.namespace, item.name) for item in datasets}),
    }
