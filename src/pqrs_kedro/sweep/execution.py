"""Trials carried out: in this process, in several, or as ordinary runs."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Final, Protocol, Self

from kedro.runner import SequentialRunner
from loky import ProcessPoolExecutor

from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.engine import ENGINE, load_library
from pqrs_kedro.run.manifest import find_manifest
from pqrs_kedro.run.session import RunSession
from pqrs_kedro.sweep.design import Trial, changed_values, point_parameters
from pqrs_kedro.sweep.measures import Measured
from pqrs_kedro.sweep.run_measures import measure_run
from pqrs_kedro.sweep.trial import run_trial

_WATCH_SECONDS: Final = 0.5

Outcomes = Iterator[tuple[Trial, list[Measured]]]


class Executor(Protocol):
    """Carries out trials; in whatever order, each gives the same numbers."""

    def run(self, trials: Iterable[Trial]) -> Outcomes:
        """Each trial with its numbers, as soon as they are there."""


def _measure(base: Mapping[str, Any], trial: Trial) -> list[Measured]:
    return run_trial(point_parameters(trial.point, base, trial.seed))


class InProcess:
    """One trial after the other in this process."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base

    def __enter__(self) -> Self:
        load_library()
        return self

    def run(self, trials: Iterable[Trial]) -> Outcomes:
        """See `Executor.run`."""
        for trial in trials:
            yield trial, _measure(self._base, trial)

    def __exit__(self, *_: object) -> None:
        ENGINE.close()


# What a worker starts with: the parameters that trials change.
_base: Mapping[str, Any] = {}


def _start(base: Mapping[str, Any], parent: int) -> None:
    global _base
    _base = base
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when the sweep's process is gone.

    A worker of loky waits for work for ever where its parent was killed.
    """
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _measure_in_worker(trial: Trial) -> list[Measured]:
    return _measure(_base, trial)


class InProcesses:
    """Trials in several processes, each of which starts once and keeps its engine open."""

    def __init__(self, base: Mapping[str, Any], jobs: int) -> None:
        self._pool = ProcessPoolExecutor(
            max_workers=jobs, initializer=_start, initargs=(base, os.getpid())
        )

    def __enter__(self) -> Self:
        return self

    def run(self, trials: Iterable[Trial]) -> Outcomes:
        """See `Executor.run`."""
        running = {self._pool.submit(_measure_in_worker, trial): trial for trial in trials}
        for future in as_completed(running):
            yield running[future], future.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A sweep that is stopped does not wait for the trials under way.
        self._pool.shutdown(wait=True, kill_workers=error is not None)


class AsRuns:
    """Every trial an ordinary run with an id of its own, one after the other.

    A run that is committed already is measured only.
    """

    def __init__(
        self, base: Mapping[str, Any], project: Path, store: Store, env: str | None, sweep_id: str
    ) -> None:
        self._base, self._project, self._store = base, project, store
        self._env, self._sweep_id = env, sweep_id

    def __enter__(self) -> Self:
        return self

    def run(self, trials: Iterable[Trial]) -> Outcomes:
        """See `Executor.run`."""
        for trial in trials:
            run_id = trial_run_id(self._sweep_id, trial.number)
            if find_manifest(self._store, run_id) is None:
                self._run(trial, run_id)
            yield trial, measure_run(self._store, run_id)
            ENGINE.close()

    def _run(self, trial: Trial, run_id: str) -> None:
        values = changed_values(self._base, trial.point.changes)
        given = values | {"seed": trial.seed, "run_id": run_id}
        session = RunSession.create(self._project, env=self._env, runtime_params=given)
        with session:
            session.run(runner=SequentialRunner())

    def __exit__(self, *_: object) -> None:
        ENGINE.close()


def trial_run_id(sweep_id: str, trial_number: int) -> str:
    """The run id of a trial that is an ordinary run."""
    return f"{sweep_id}-{trial_number:05d}"
