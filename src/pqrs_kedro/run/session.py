"""The session of a run: parameters checked first, a run id, an orderly end whatever happens."""

import gc
import signal
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

import click
from kedro.framework.session import KedroSession
from kedro.io.core import DatasetError
from kedro.runner import SequentialRunner
from rich.console import Console

from pqrs_kedro.lake.store import Store, open_store
from pqrs_kedro.parameters import InvalidInput, RunParameters, check_run_id, parse_parameters
from pqrs_kedro.pipeline_registry import EXTERNAL_STAGES, NOTEBOOKS, register_pipelines
from pqrs_kedro.pipelines.synthesis.text_grammar import PQRS_TYPES
from pqrs_kedro.polygons.source import polygons_file, read_polygons
from pqrs_kedro.run.acceptance import Criterion, check_acceptance
from pqrs_kedro.run.config_loader import latest_pointer, point_to
from pqrs_kedro.run.engine import ENGINE, load_library
from pqrs_kedro.run.identity import new_run_id
from pqrs_kedro.run.inspection import Inspection, inspect_lines
from pqrs_kedro.run.manifest import find_manifest, refuse_purged
from pqrs_kedro.run.notebooks import (
    NotebookProgress,
    check_notebook_run,
    notebook_environment,
)
from pqrs_kedro.run.objects_of_run import retain_run
from pqrs_kedro.run.progress import Display
from pqrs_kedro.run.quality_gate import QUALITY, describe_checks, refuse_failed_checks
from pqrs_kedro.run.recorder import RunRecorder
from pqrs_kedro.run.report import keep_report
from pqrs_kedro.run.stops import Terminated, stop_signals
from pqrs_kedro.run.stores import require_warehouse, retention_days
from pqrs_kedro.warehouse.errors import first_line
from pqrs_kedro.warehouse.publish import publish


class Refused(click.ClickException):
    """Bad input: one line, exit code 2, nothing written."""

    exit_code = 2


class RunFailed(click.ClickException):
    """The run did not end well: one line that says where and why, exit code 1."""


class RunInterrupted(click.ClickException):
    """Ctrl-C stopped the run."""

    exit_code = 128 + signal.SIGINT


class RunTerminated(click.ClickException):
    """SIGTERM stopped the run."""

    exit_code = 128 + signal.SIGTERM


# The plugin of Kedro-Viz that keeps the status of the last run in `.viz`.
_RUN_STATUS_HOOK: Final = "pipeline-run-hook"


class RunSession(KedroSession):
    """A Kedro session that makes one recorded run."""

    outcome: list[Criterion]
    inspection: Inspection | None = None
    """What the lines from outside are, where the run takes such."""
    console: Console | None = None
    """Where the run says how it goes on; null is standard output."""
    _retention_days = 0

    def inspect(self) -> Inspection:
        """Check everything that can be refused, and say what the lines from outside are.

        Raises:
            InvalidInput: there are none, or the run would be refused.
        """
        self._prepare(None)
        if self.inspection is None:
            raise InvalidInput("external: there are no lines from outside")
        return self.inspection

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run the pipelines; the whole run is committed and checked.

        Raises:
            Refused: parameters or run id are not allowed; nothing was written.
            RunFailed: a stage failed, or a criterion does not hold.
            RunInterrupted, RunTerminated: Ctrl-C, SIGTERM.
        """
        if kwargs.get("pipeline_names"):
            self._leave_run_status()
        if NOTEBOOKS in (kwargs.get("pipeline_names") or ()):
            return self._execute_notebooks(args, kwargs)
        began = perf_counter()
        display = Display(self.console)
        try:
            _check_pipelines(kwargs.get("pipeline_names") or ())
            with display.ending("preparation", {}):
                parameters, store = self._prepare(kwargs.get("runner"))
            _check_stages(parameters, kwargs.get("pipeline_names") or ())
        except InvalidInput as error:
            raise Refused(str(error)) from None
        finally:
            display.pause()
        if parameters.external is not None and not kwargs.get("pipeline_names"):
            kwargs["pipeline_names"] = list(EXTERNAL_STAGES)
        run_id = str(parameters.run_id)
        recorder = RunRecorder(self._project_path, store, run_id, parameters, display)
        self._hook_manager.register(recorder)
        load_library()
        # What is loaded stays: without it in view, collecting garbage takes a tenth of the time.
        gc.freeze()
        try:
            with recorder.recording(), stop_signals() as stops:
                result = self._run_recorded(recorder, store, display, began, stops, args, kwargs)
        except InvalidInput as error:
            raise Refused(str(error)) from None
        finally:
            display.pause()
            ENGINE.close()
        if not all(criterion.holds for criterion in self.outcome):
            raise RunFailed(f"run {run_id} is not accepted")
        return result

    def _leave_run_status(self) -> None:
        """What Kedro-Viz shows of the last whole run stays when a part of one is run.

        Kedro-Viz 12.5 means to do so by itself, but does not know the option `--pipelines`.
        """
        if self._hook_manager.has_plugin(_RUN_STATUS_HOOK):
            self._hook_manager.unregister(name=_RUN_STATUS_HOOK)

    def _execute_notebooks(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """Execute the notebooks about a committed run, which stays as it is.

        Raises:
            Refused: other pipelines or parameters are given too, or the run is not committed.
            RunFailed: a notebook failed.
        """
        loader = self._get_config_loader()
        given = self.store.get("runtime_params") or {}
        store = open_store(loader["globals"]["lake_root"], self._project_path)
        try:
            default = (loader.runtime_params or {})["run_id"]
            run_id = check_notebook_run(store, kwargs["pipeline_names"], given, default)
        except InvalidInput as error:
            raise Refused(str(error)) from None
        self._store["runtime_params"] = {"run_id": run_id}
        self._store["session_id"] = self.session_id = run_id
        progress = NotebookProgress(run_id, store)
        self._hook_manager.register(progress)
        try:
            with notebook_environment(self._project_path, self.store.get("env")), stop_signals():
                return super().run(*args, **kwargs)
        except KeyboardInterrupt:
            raise RunInterrupted(f"{progress.running} aborted") from None
        except Terminated:
            raise RunTerminated(f"{progress.running} aborted") from None
        except Exception as error:
            raise RunFailed(f"{progress.running} of run {run_id}: {_reason(error)}") from error
        finally:
            progress.pause()
            ENGINE.close()

    def _prepare(self, runner: object) -> tuple[RunParameters, Store]:
        """Check everything that can be refused, and fix the run id, before anything is written."""
        if runner is not None and not isinstance(runner, SequentialRunner):
            raise InvalidInput(
                f"runner: {type(runner).__name__!r} is not supported; the query engine uses all "
                "cores under SequentialRunner"
            )
        loader = self._get_config_loader()
        runtime = self.store.get("runtime_params") or {}
        values = dict(loader["parameters"])
        # `run_id=` arrives as null: an id was meant to be given.
        given = check_run_id(runtime["run_id"]) if "run_id" in runtime else None
        values["run_id"] = given or new_run_id(datetime.now(UTC))
        parameters = parse_parameters(values)
        require_warehouse(loader["globals"])
        store = open_store(loader["globals"]["lake_root"], self._project_path)
        refuse_purged(store, values["run_id"])
        self._retention_days = retention_days(loader["globals"])
        store.check(locking=self._retention_days > 0)
        taken = find_manifest(store, values["run_id"])
        if taken:
            raise InvalidInput(
                f"run_id: {values['run_id']!r} is a committed run ({taken}); choose another one"
            )
        parameters = self._with_lines(self._with_polygons(parameters), store)
        self._use(parameters)
        return parameters, store

    def _with_polygons(self, parameters: RunParameters) -> RunParameters:
        """The parameters with the hash of the user's polygons, which are read and checked here."""
        given = parameters.territory
        if given.polygons is None:
            return parameters
        file = polygons_file(given.polygons, self._project_path)
        found = read_polygons(file, given.layer, given.code_column, given.sha256)
        pinned = given.model_copy(update={"sha256": found.sha256})
        return parameters.model_copy(update={"territory": pinned})

    def _with_lines(self, parameters: RunParameters, store: Store) -> RunParameters:
        """The parameters with what lines from outside say of themselves, which are read here."""
        if parameters.external is None:
            return parameters
        found = self.inspection = inspect_lines(parameters, parameters.external, store)
        days = {"date_min": found.first_day, "date_max": found.last_day}
        return parameters.model_copy(update={"external": found.external, **days})

    def _use(self, parameters: RunParameters) -> None:
        """One run id, and what was read and checked, for the catalog, Kedro and the hooks."""
        runtime = dict(self.store.get("runtime_params") or {})
        if parameters.external is not None:
            runtime |= parameters.model_dump(
                mode="json", include={"external", "date_min", "date_max"}
            )
        run_id, territory = str(parameters.run_id), parameters.territory.model_dump()
        if parameters.territory.polygons is not None:
            file = polygons_file(parameters.territory.polygons, self._project_path)
            territory["polygons"] = str(file)
        self._store["runtime_params"] = runtime | {"run_id": run_id, "territory": territory}
        self._store["session_id"] = self.session_id = run_id

    def _run_recorded(
        self,
        recorder: RunRecorder,
        store: Store,
        display: Display,
        began: float,
        stops: list[BaseException],
        args: Any,
        kwargs: Any,
    ) -> dict[str, Any]:
        try:
            result: dict[str, Any] = super().run(*args, **kwargs)
            # Where a library swallowed the exception, the run ends here, uncommitted.
            if stops:
                raise stops[0]
            refuse_failed_checks(store, recorder.outputs().by_dataset.get(QUALITY, ()))
            recorder.finish()
            self.outcome = self._conclude(recorder, store, display, began)
        except (KeyboardInterrupt, Terminated) as stop:
            raise _stopped(recorder, stop) from None
        except Exception as error:
            # Some libraries turn the exception of a signal into one of their own.
            if stops:
                raise _stopped(recorder, stops[0]) from None
            stage = recorder.record_failure(error, "failed")
            if recorder.committed:
                raise RunFailed(
                    f"run {recorder.run_id} is committed, its publication failed: "
                    f"{_reason(error)}; kedro warehouse publish {recorder.run_id}"
                ) from error
            raise RunFailed(
                f"run {recorder.run_id} failed in {stage}: {_reason(error)} "
                f"(log: {recorder.log_path})"
            ) from error
        return result

    def _conclude(
        self, recorder: RunRecorder, store: Store, display: Display, began: float
    ) -> list[Criterion]:
        outputs = recorder.outputs()
        checked = outputs.by_dataset.get(QUALITY, ())
        where = {**describe_checks(store, checked), "lake": store.location("")}
        criteria: list[Criterion] = []
        # What the engine holds is not needed any more; the self-check has a process of its own.
        ENGINE.close()
        if recorder.complete:
            recorder.commit()
            if self._retention_days:
                retain_run(store, recorder.run_id, self._retention_days, datetime.now(UTC))
            warehouse = recorder.opened_warehouse()
            with display.ending("publish", recorder.seconds_by_stage):
                publish(store, recorder.run_id, warehouse)
            with display.ending("acceptance", recorder.seconds_by_stage):
                criteria = check_acceptance(store, recorder.run_id, warehouse)
            with display.ending("report", recorder.seconds_by_stage):
                report = keep_report(store, recorder.run_id, criteria)
            where |= self._quarantined()
            where["report"] = store.location(report)
            where["warehouse"] = warehouse.url
            where["manifest"] = store.location(str(find_manifest(store, recorder.run_id)))
            # For entry points that start without a run id.
            point_to(latest_pointer(self._project_path, self.store.get("env")), recorder.run_id)
        else:
            where["not committed"] = (
                f"part of a run; complete it with --params run_id={recorder.run_id}"
            )
            where["log"] = str(recorder.log_path)
        seconds = {**recorder.seconds_by_stage, "total": perf_counter() - began}
        display.summary(
            recorder.run_id, outputs.digest, outputs.rows_by_layer(), seconds, criteria, where
        )
        return criteria

    def _quarantined(self) -> dict[str, str]:
        """What a person is told of imported lines that are no events."""
        if self.inspection is None:
            return {}
        rejected = self.inspection.rejected
        said = {"quarantined": f"{self.inspection.quarantined:,} lines"}
        return said | {f"  {number}": str(item) for number, item in enumerate(rejected, 1)}


def _check_pipelines(names: Iterable[str]) -> None:
    known = register_pipelines()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput(
            f"pipelines: the pipeline named {unknown[0]!r} does not exist; known: "
            f"{', '.join(name for name in known if name != '__default__')}"
        )


def _check_stages(parameters: RunParameters, pipelines: Collection[str]) -> None:
    """Lines are generated or imported; only types that the texts know can be generated."""
    other = "intake" if parameters.external is None else "synthesis"
    if other in pipelines:
        raise InvalidInput(
            f"pipelines: {other} is no stage of this run: lines are generated by kedro run, or "
            "imported by kedro import-raw"
        )
    if parameters.external is not None:
        return
    if pipelines and not {"synthesis", "__default__"} & set(pipelines):
        return
    unknown = [name for name in parameters.chosen_profile.types if name not in PQRS_TYPES]
    if unknown:
        raise InvalidInput(
            f"profiles.{parameters.profile}.types.{unknown[0]}: there are no texts of this type; "
            f"known: {', '.join(PQRS_TYPES)}"
        )


def _stopped(recorder: RunRecorder, stop: BaseException) -> click.ClickException:
    """Record a run that a signal ended; what a person is told."""
    recorder.record_failure(stop, "aborted")
    ended = RunTerminated if isinstance(stop, Terminated) else RunInterrupted
    return ended(_aborted(recorder))


def _aborted(recorder: RunRecorder) -> str:
    """What a person can do after an abort."""
    if recorder.committed:
        return (
            f"run {recorder.run_id} is committed, its checks were cut off: "
            f"kedro accept {recorder.run_id}"
        )
    return (
        f"run {recorder.run_id} aborted in {recorder.clock.stage or 'start'}; give the same "
        f"run_id to go on (log: {recorder.log_path})"
    )


def _reason(error: BaseException) -> str:
    """The first line of an error; of what is behind it where a dataset only passed it on."""
    while isinstance(error, DatasetError) and error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
