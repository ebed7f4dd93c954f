"""Recording of one run, in the main process: lock, log, timings, rows, and the commit."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from pqrs_kedro.datasets.ground_truth import GroundTruth
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.lake.layout import log_key, raw_pattern
from pqrs_kedro.lake.objects import LakeObject, put, start_day
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.run.identity import fingerprint
from pqrs_kedro.run.lock import held_lock, work_folder
from pqrs_kedro.run.manifest import (
    RAW,
    Outputs,
    RunTimes,
    checksums_document,
    commit,
    manifest_document,
    refuse_purged,
)
from pqrs_kedro.run.progress import Display
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.errors import WarehouseError, first_line
from pqrs_kedro.warehouse.runs import mark_lost, record_ended, record_started

# Tracebacks go into the log file; the screen gets one line from the session.
LOGGER = logging.getLogger("pqrs_kedro.run")
LOGGER.propagate = False
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass
class StageClock:
    """Seconds spent in each stage; the stage of a node is its pipeline.

    Kedro orders nodes by their inputs, so stages interleave: a stage is done with its last node.
    """

    nodes_left: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str | None = None
    node: str | None = None
    _since: float = 0.0

    def enter(self, node: str | None, stage: str | None) -> str | None:
        """Count from now for a node of a stage; returns the stage that is done by this, if any."""
        if node == self.node:
            return None
        now, left = perf_counter(), self.stage
        if left is not None:
            self.seconds[left] = self.seconds.get(left, 0.0) + now - self._since
            self.nodes_left[left] -= 1
        self.node, self.stage, self._since = node, stage, now
        return left if left is not None and not self.nodes_left[left] else None


class RunRecorder:
    """Hooks of one run, and what the session calls at its end.

    The log grows in the run's work folder, over all attempts of the run, and goes into the lake
    when the run is committed. A run that fails leaves its objects, its log, and no manifest.
    """

    def __init__(
        self, project: Path, store: Store, run_id: str, parameters: RunParameters, display: Display
    ) -> None:
        self.run_id = run_id
        self.warehouse: Warehouse | None = None
        self._project = project
        self.started_at = datetime.now(UTC)
        self.work = work_folder(project, run_id)
        self.clock = StageClock()
        self.complete = False
        self.committed = False
        # Of the code that runs: it may be edited before the run is committed.
        self._identity = fingerprint(parameters, project)
        self.seconds_by_stage: dict[str, float] = {}
        self._store = store
        self._parameters, self._display = parameters, display
        self._datasets: dict[str, RawEvents | LakeTable] = {}
        self._stage_by_node: dict[str, str] = {}

    @property
    def log_path(self) -> Path:
        """The log while the run goes on."""
        return self.work / "pipeline.log"

    @cached_property
    def day(self) -> date:
        """The local day under which log, manifest, checksums and ledger lie."""
        return start_day(self._store, self.run_id, self.started_at)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Hold the run's lock and write its log.

        Raises:
            InvalidInput: another process is running this run_id, or has purged it.
        """
        with held_lock(self._project, self.run_id):
            # It may have been purged while this run got ready.
            refuse_purged(self._store, self.run_id)
            handler = logging.FileHandler(self.log_path, encoding="utf-8")
            handler.setFormatter(logging.Formatter(_LOG_FORMAT))
            loggers = (logging.getLogger(), LOGGER)
            for logger in loggers:
                logger.addHandler(handler)
            try:
                LOGGER.info("run %s: %s", self.run_id, self._parameters.data_parameters())
                yield
            finally:
                for logger in loggers:
                    logger.removeHandler(handler)
                handler.close()

    # --- Hooks ---------------------------------------------------------------------------------

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Mapping[str, Any]) -> None:
        """Learn which datasets the run writes and whether it is the whole run."""
        from pqrs_kedro.pipeline_registry import EXTERNAL_STAGES, join_stages, register_pipelines

        stages = register_pipelines()
        whole = stages.pop("__default__")
        if self._parameters.external is not None:
            whole = join_stages(EXTERNAL_STAGES)
        self.complete = {n.name for n in whole.nodes} == {n.name for n in pipeline.nodes}
        for stage, part in stages.items():
            names = [node.name for node in part.nodes if node in pipeline.nodes]
            self._stage_by_node |= dict.fromkeys(names, stage)
            self.clock.nodes_left[stage] = len(names)
        outputs = {name: catalog[name] for name in pipeline.all_outputs() if name in catalog}
        self._datasets = {
            name: data for name, data in outputs.items() if isinstance(data, RawEvents | LakeTable)
        }
        for data in self._datasets.values():
            if isinstance(data, GroundTruth):
                data.started_on = self.day
        self._display.begin(self.run_id, self._parameters)
        if self.complete:
            self._open_warehouse()

    def _open_warehouse(self) -> None:
        """Only a whole run is published, and noted as begun."""
        warehouse = open_warehouse(self._project)
        for lost in mark_lost(warehouse):
            LOGGER.warning("run %s is lost: its process ended without a word", lost)
        record_started(warehouse, self._parameters, self._identity, self.started_at)
        self.warehouse = warehouse

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """A node begins with its inputs."""
        self._enter(node)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """A node without inputs from a dataset begins here."""
        self._enter(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Show how far the stage is."""
        data = self._datasets.get(dataset_name)
        if data is not None and self.clock.stage is not None:
            rows = sum(item.rows for item in data.objects)
            self._display.saved(self.clock.stage, dataset_name, rows)
            LOGGER.info("%s: %d rows in %d objects", dataset_name, rows, len(data.objects))

    def _enter(self, node: Node) -> None:
        stage = self._stage_by_node[node.name]
        done = self.clock.enter(node.name, stage)
        if done is not None:
            self._display.finished(done, self.clock.seconds[done])
        self._display.running(stage)

    def opened_warehouse(self) -> Warehouse:
        """The warehouse of a whole run."""
        if self.warehouse is None:
            raise WarehouseError("only a whole run has a warehouse")
        return self.warehouse

    # --- The end of the run --------------------------------------------------------------------

    def finish(self) -> None:
        """Close the last stage."""
        done = self.clock.enter(None, None)
        self.seconds_by_stage = {
            stage: self.clock.seconds[stage]
            for stage in self.clock.nodes_left
            if stage in self.clock.seconds
        }
        if done is not None:
            self._display.finished(done, self.clock.seconds[done])

    def outputs(self) -> Outputs:
        """The objects that the run wrote, or found written by an earlier attempt."""
        return Outputs({name: tuple(data.objects) for name, data in self._datasets.items()})

    def commit(self) -> None:
        """Log, checksums and, last of all, the manifest.

        Raises:
            RuntimeError: the run has read raw objects that it did not write.
        """
        outputs = self.outputs()
        own = {item.key for item in outputs.by_dataset[RAW]}
        others = [key for key in self._store.glob(raw_pattern(self.run_id)) if key not in own]
        if others:
            raise RuntimeError(f"{others[0]}: is of other lines than this run's; purge the run id")
        LOGGER.info("digest %s", outputs.digest)
        times = RunTimes(self.started_at, datetime.now(UTC), self.seconds_by_stage)
        logged = self._put_log(log_key(self.day, self.run_id))
        checksums = checksums_document(self.run_id, outputs, logged)
        manifest = manifest_document(self.run_id, self._parameters, self._identity, outputs, times)
        commit(self._store, self.day, self.run_id, checksums, manifest)
        self.committed = True

    def _put_log(self, key: str) -> LakeObject:
        """The log as the lake keeps it: that of a commit which was cut off stays as it was."""
        kept = self._store.exists(key)
        log = self._store.read(key) if kept else self.log_path.read_bytes()
        return put(self._store, key, log, log.count(b"\n"))

    def record_failure(self, error: BaseException, status: str) -> str:
        """Note an error in the log and the warehouse; returns the stage in which it happened."""
        LOGGER.error("run %s ended: %s", self.run_id, error)
        LOGGER.error("".join(traceback.format_exception(error)))
        if self.warehouse is not None:
            try:
                record_ended(self.warehouse, self.run_id, status, first_line(error))
            except (WarehouseError, psycopg.Error) as unrecorded:
                # What ended the run is what the person must read.
                LOGGER.error("the end of the run is not in the warehouse: %s", unrecorded)
        return "publication" if self.committed else self.clock.stage or "start"
