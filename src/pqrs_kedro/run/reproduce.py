"""Run a committed run again from its manifest, under a new run id, and compare every object."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from rich.console import Console

from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.compare import Difference, compare_objects
from pqrs_kedro.run.manifest import CommittedRun, read_run
from pqrs_kedro.run.regenerate import parameters_of
from pqrs_kedro.run.session import RunSession


@dataclass(frozen=True)
class Reproduction:
    """An original and its repetition."""

    original: CommittedRun
    repetition: CommittedRun
    differences: list[Difference]

    @property
    def changed_inputs(self) -> list[str]:
        """Inputs that are not what they were: code, configuration or library versions."""
        return [
            f"{name}: {before} then, {after} now"
            for name, before, after in self._inputs()
            if before != after
        ]

    def _inputs(self) -> list[tuple[str, str, str]]:
        then, now = self.original.manifest, self.repetition.manifest
        names = ("git_sha", "config_hash")
        inputs = [(name, then["inputs"][name], now["inputs"][name]) for name in names]
        versions = sorted(then["versions"].keys() | now["versions"].keys())
        return inputs + [
            (name, then["versions"].get(name, "none"), now["versions"].get(name, "none"))
            for name in versions
        ]

    def by_dataset(self) -> list[tuple[str, int, int, int]]:
        """Dataset, its objects and rows in the original, and how many of its objects differ."""
        different = {item.logical_key for item in self.differences}
        rows = []
        groups = _grouped(self.original.by_logical_key() | self.repetition.by_logical_key())
        for name, items in groups.items():
            differing = sum(key in different for key in items)
            rows.append((name, len(items), sum(item.rows for item in items.values()), differing))
        return rows

    def as_json(self) -> dict[str, Any]:
        """What came out, for a program."""
        names = ("dataset", "objects", "rows", "differing")
        return {
            "run_id": self.original.run_id,
            "repetition": self.repetition.run_id,
            "identical": not self.differences,
            "digest": self.original.manifest["digest"],
            "datasets": [dict(zip(names, row, strict=True)) for row in self.by_dataset()],
            "changed_inputs": self.changed_inputs,
            "differences": [str(item) for item in self.differences],
        }


def _grouped(objects: Mapping[str, LakeObject]) -> dict[str, dict[str, LakeObject]]:
    """Objects by the two leading parts of their key: layer and table."""
    groups: dict[str, dict[str, LakeObject]] = {}
    for key, item in sorted(objects.items()):
        groups.setdefault("/".join(key.split("/")[:2]), {})[key] = item
    return groups


def reproduce(
    project: Path, store: Store, run_id: str, env: str | None, console: Console | None = None
) -> Reproduction:
    """Execute the run of a manifest again and compare counts, byte hashes and logical hashes.

    Args:
        project: the project.
        store: the lake.
        run_id: the run.
        env: the environment; null is the default.
        console: where the progress of the repetition is shown; null is standard output.

    Raises:
        RunNotFound: the run is not in the lake.
    """
    original = read_run(store, run_id)
    bootstrap_project(project)
    parameters = parameters_of(original.manifest)
    created = RunSession.create(project, env=env, runtime_params=parameters)
    session = cast("RunSession", created)
    session.console = console
    with session:
        session.run(runner=SequentialRunner())
        repeated = session.store["session_id"]
    repetition = read_run(store, repeated)
    differences = compare_objects(original.by_logical_key(), repetition.by_logical_key())
    return Reproduction(original, repetition, differences)
