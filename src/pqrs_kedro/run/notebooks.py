"""What a session needs to execute the notebooks about a committed run."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from pqrs_kedro.datasets.kept_notebook import ExecutedNotebook
from pqrs_kedro.external import EXTERNAL
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, check_run_id
from pqrs_kedro.pipeline_registry import NOTEBOOKS
from pqrs_kedro.run.config_loader import NO_RUN
from pqrs_kedro.run.manifest import find_manifest
from pqrs_kedro.run.progress import Display


def check_notebook_run(
    store: Store, pipelines: Sequence[str], given: Mapping[str, Any], default: object
) -> str:
    """The run that the notebooks are about.

    Args:
        store: the lake.
        pipelines: what is to be run.
        given: the `--params`.
        default: the run given, else the last committed one, as the configuration resolves it.

    Raises:
        InvalidInput: other pipelines or parameters are given too, or the run is not committed.
    """
    others = [name for name in pipelines if name != NOTEBOOKS]
    if others:
        raise InvalidInput(
            f"pipelines: {NOTEBOOKS!r} reads a committed run and is run alone, not with "
            f"{others[0]!r}"
        )
    unused = [name for name in given if name != "run_id"]
    if unused:
        raise InvalidInput(
            f"{unused[0]}: not allowed with pipelines={NOTEBOOKS}, which read a run as it is; only "
            "run_id is"
        )
    run_id = check_run_id(default)
    key = find_manifest(store, run_id)
    if key is not None:
        _refuse_imported(run_id, json.loads(store.read(key)))
        return run_id
    if run_id == NO_RUN:
        raise InvalidInput("run_id: there is no committed run yet; make one with: kedro run")
    raise InvalidInput(f"run_id: {run_id!r} is not a committed run in {store.location('')}")


def _refuse_imported(run_id: str, manifest: Mapping[str, Any]) -> None:
    """The notebooks hold a run against what its generator was asked for."""
    if manifest.get("origin") == EXTERNAL:
        raise InvalidInput(
            f"run_id: {run_id!r} has imported lines, of which no profile says what to expect; the "
            "notebooks read runs that were generated"
        )


@contextmanager
def notebook_environment(project: Path, env: str | None) -> Iterator[None]:
    """The project's folder and the name of the environment, which a kernel inherits."""
    before = os.environ.get("KEDRO_ENV")
    if env is not None:
        os.environ["KEDRO_ENV"] = env
    try:
        with chdir(project):
            yield
    finally:
        os.environ.pop("KEDRO_ENV", None)
        if before is not None:
            os.environ["KEDRO_ENV"] = before


class NotebookProgress:
    """Hooks that show which notebook is executed, and where its page is kept."""

    def __init__(self, run_id: str, store: Store) -> None:
        self.running = NOTEBOOKS
        self._run_id, self._store = run_id, store
        self._display = Display()
        self._began = 0.0
        self._display.console.print(f"notebooks of run {run_id}")

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """A notebook begins."""
        (self.running,) = node.outputs
        self._began = perf_counter()
        self._display.executing(self.running)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """A notebook is kept."""
        self.pause()
        if not isinstance(data, ExecutedNotebook):
            return
        seconds = perf_counter() - self._began
        self._display.console.print(f"  {dataset_name:<24} {seconds:>6.1f} s")

    def pause(self) -> None:
        """Take the live line away."""
        self._display.pause()
