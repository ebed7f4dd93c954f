"""A sweep from its plan to its manifest."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pqrs_kedro.domain.calendar import local_day, to_date
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.run.identity import code_identity
from pqrs_kedro.sweep.design import (
    Point,
    Trial,
    check_points,
    list_points,
    plain_values,
    replicate,
)
from pqrs_kedro.sweep.execution import AsRuns, Executor, InProcess, InProcesses, trial_run_id
from pqrs_kedro.sweep.plan import SCALE, SweepPlan
from pqrs_kedro.sweep.record import (
    CALIBRATION,
    TRIALS,
    SweepFolder,
    SweepInputs,
    SweepNotFound,
    check_sweep_id,
    find_sweep,
    inputs_of,
    trial_table,
)

# Told of each trial that is there: whether it had been before.
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]


@dataclass
class SweepRun:
    """One execution of a sweep, or of what is left of it."""

    project: Path
    store: Store
    env: str | None
    inputs: SweepInputs
    folder: SweepFolder
    jobs: int
    progress: Progress
    objects: list[LakeObject] = field(default_factory=list)
    rows: dict[int, pa.Table] = field(default_factory=dict)
    """Rows of the trials that are done, by number."""
    calibration: list[dict[str, Any]] = field(default_factory=list)

    def execute(self) -> dict[str, Any]:
        """All trials, tables and the page; returns the manifest."""
        plan, base = self.inputs.plan, self.inputs.parameters
        points = list_points(plan, base)
        trials = replicate(points, 0, int(base["seed"]), plan.seeds)
        with self._executor() as executor:
            self._run(executor, trials)
            if plan.calibrate is not None:
                trials += self._calibrate(executor, len(points), len(trials))
        from pqrs_kedro.sweep.page import sweep_page

        page = sweep_page(self.folder.sweep_id, self.inputs, self._frame(), self.calibration)
        self.folder.put_page(page)
        runs = [trial_run_id(self.folder.sweep_id, trial.number) for trial in trials]
        return self.folder.commit(
            self.inputs, self.objects, runs if plan.full else [], datetime.now(UTC)
        )

    def _executor(self) -> Any:
        base = self.inputs.parameters
        if self.inputs.plan.full:
            return AsRuns(base, self.project, self.store, self.env, self.folder.sweep_id)
        return InProcess(base) if self.jobs == 1 else InProcesses(base, self.jobs)

    def _run(self, executor: Executor, trials: list[Trial]) -> None:
        """Carry out the trials that are not in the lake, and keep each as it ends."""
        there = {trial.number: self.folder.trial_rows(trial) for trial in trials}
        with self.progress(len(trials)) as done:
            for number, rows in there.items():
                if rows is not None:
                    self._keep(number, rows)
                    done()
            missing = [trial for trial in trials if there[trial.number] is None]
            for trial, measured in executor.run(missing):
                self._keep(trial.number, trial_table(trial, measured))
                done()

    def _keep(self, number: int, rows: pa.Table) -> None:
        self.objects.append(self.folder.put_rows(TRIALS, number, rows))
        self.rows[number] = rows

    def _calibrate(self, executor: Executor, points: int, trials: int) -> list[Trial]:
        """Find the roots, carry out their check, and write both down."""
        from pqrs_kedro.sweep import solve

        plan, base = self.inputs.plan, self.inputs.parameters
        calibrate = plan.calibrate
        if calibrate is None:
            return []
        curve = solve.response_curve(self._frame(), plan, base)
        roots = solve.find_roots(curve, calibrate)
        checked = solve.check_points_of(calibrate, plan, roots, points)
        first_seed = int(base["seed"]) + plan.seeds
        further = replicate(checked, trials, first_seed, calibrate.check.seeds)
        self._run(executor, further)
        table = solve.calibration_table(self._frame(), curve, roots, calibrate, checked)
        self.objects.append(self.folder.put_rows(CALIBRATION, 0, table))
        self.calibration = table.to_pylist()
        return further

    def _frame(self) -> Any:
        return pa.concat_tables([self.rows[number] for number in sorted(self.rows)]).to_pandas()


def prepare(project: Path, plan: SweepPlan, values: Mapping[str, Any]) -> SweepInputs:
    """The inputs of a sweep, checked as a whole before anything is written.

    Args:
        project: whose code is used.
        plan: the sweep.
        values: the parameters of a run, as configured and given.

    Raises:
        InvalidInput: a trial could not be carried out; one line with the parameter's path.
    """
    base = plain_values(parse_parameters(dict(values)))
    points = list_points(plan, base)
    check_points(points, base, plan.seeds, plan.full)
    if plan.calibrate is not None:
        from pqrs_kedro.sweep.solve import check_reach

        scale = plan.grid[SCALE][0]
        settings = plan.calibrate.check.settings.items()
        checks = [Point(0, name, {**plan.fixed, **own, SCALE: scale}) for name, own in settings]
        check_points(checks, base, plan.calibrate.check.seeds, plan.full)
        check_reach(plan, plan.calibrate, base)
    return SweepInputs(plan, base, code_identity(project))


def begin(store: Store, inputs: SweepInputs, sweep_id: str) -> SweepFolder:
    """A new sweep's folder in the lake.

    Raises:
        InvalidInput: the id is not allowed, or taken.
    """
    try:
        find_sweep(store, check_sweep_id(sweep_id))
    except SweepNotFound:
        now = datetime.now(UTC)
        today = to_date(int(local_day(int(now.timestamp() * 1_000_000))))
        folder = SweepFolder(store, sweep_id, today)
        folder.begin(inputs, now)
        return folder
    raise InvalidInput(f"sweep_id: {sweep_id!r} is taken; kedro sweep --resume {sweep_id}")


def resume(store: Store, project: Path, sweep_id: str) -> tuple[SweepFolder, SweepInputs]:
    """A sweep that was stopped, with the inputs that its plan records.

    Raises:
        SweepNotFound: it was never begun.
        InvalidInput: it is complete, or the code is not the one that its trials came from.
    """
    folder = find_sweep(store, sweep_id)
    if folder.is_committed:
        raise InvalidInput(f"sweep_id: {sweep_id!r} is complete: kedro sweep show {sweep_id}")
    document = folder.document("plan.json")
    inputs = inputs_of(document, project)
    if inputs.fingerprint != document["fingerprint"]:
        raise InvalidInput(
            f"sweep_id: {sweep_id!r} was begun with other code or another calendar; begin a new one"
        )
    return folder, inputs
