"""The events of a run: one job per node of its pipelines, one for the whole, and its publication.

Everything comes from the pipelines, the contracts, the manifest and the run's own table of checks.
The manifest knows when the run began and ended, not when each node did: these are the times of all.
"""

import inspect
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property
from typing import Any, Final

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    execution_parameters_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    processing_engine_run,
    tags_run,
)

from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS
from pqrs_kedro.external import EXTERNAL
from pqrs_kedro.lake.store import Store
from pqrs_kedro.lineage.datasets import RunDatasets, published_table
from pqrs_kedro.lineage.facets import NAMESPACE, PRODUCER, made
from pqrs_kedro.pipeline_registry import EXTERNAL_STAGES, STAGES, register_pipelines
from pqrs_kedro.run.identity import canonical_json
from pqrs_kedro.run.manifest import CommittedRun
from pqrs_kedro.warehouse.publish import QUALITY
from pqrs_kedro.warehouse.schema import META_SCHEMA, SERVED, metadata

_LOCAL: Final = timezone(timedelta(seconds=UTC_OFFSET_SECONDS))
# The node that judges what the others wrote.
_CHECKS: Final = "check_quality"
_WHOLE: Final = {True: "import-raw", False: "run"}
# Runs of equal ids are equal runs everywhere.
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_OID, NAMESPACE)
_TAGS: Final = ("run_id", "origin", "fingerprint", "digest", "contract_version")


def run_events(store: Store, run: CommittedRun) -> Iterator[RunEvent | JobEvent]:
    """The lineage of a committed run, in the order in which it is to be told.

    Raises:
        ObjectChanged: the table of checks has other bytes than when it was written.
    """
    return _Lineage(store, run).events()


@dataclass(frozen=True)
class _Lineage:
    store: Store
    run: CommittedRun

    @cached_property
    def stages(self) -> dict[str, Pipeline]:
        """The stages of the run by their names."""
        names = EXTERNAL_STAGES if self._is_external else STAGES
        every = register_pipelines()
        return {name: every[name] for name in names}

    @property
    def _is_external(self) -> bool:
        return bool(self.run.manifest["origin"] == EXTERNAL)

    @cached_property
    def datasets(self) -> RunDatasets:
        """What the jobs read and write."""
        whole = sum(self.stages.values(), Pipeline([]))
        return RunDatasets(self.store, self.run, frozenset(whole.inputs()))

    def events(self) -> Iterator[RunEvent | JobEvent]:
        """The whole run begins; its nodes, in the order of the data; publication; it ends."""
        yield self._told(RunState.START, self._whole_job, self._whole_facets())
        for stage, pipeline in self.stages.items():
            for node in pipeline.nodes:
                yield self._node_event(RunState.START, stage, node)
                yield self._node_event(RunState.COMPLETE, stage, node)
        yield from self._publication()
        yield self._told(RunState.COMPLETE, self._whole_job, self._whole_facets())

    # --- Jobs ----------------------------------------------------------------------------------

    @property
    def _whole_job(self) -> Job:
        text = f"A whole run: {', '.join(self.stages)}."
        return _job(_WHOLE[self._is_external], "PIPELINE", text)

    def _node_event(self, state: RunState, stage: str, node: Node) -> RunEvent:
        ended = state is RunState.COMPLETE
        job = _job(f"{stage}.{node.name}", "NODE", _first_line(node))
        return self._told(
            state, job, {"parent": self._parent_facet(), **self._common_facets()},
            inputs=self._read(node, ended),
            outputs=[self.datasets.written(name, ended=ended) for name in node.outputs],
        )  # fmt: skip

    def _read(self, node: Node, ended: bool) -> list[InputDataset]:
        """What a node reads, parameters apart: those are facts of the whole run."""
        names = [name for name in node.inputs if not _is_parameter(name)]
        if ended and node.name == _CHECKS:
            found = [self.datasets.checked(name) for name in names]
        else:
            found = [self.datasets.read(name, ended=ended) for name in names]
        # Two names of the same objects are one dataset.
        return list({(item.namespace, item.name): item for item in found}.values())

    def _publication(self) -> Iterator[JobEvent]:
        """Which table of the lake becomes which of the warehouse, by design.

        Whether and when a run was published is for the warehouse to say: no run of these jobs is
        claimed.
        """
        tables = metadata().tables
        served = {name: tables[name] for name in SERVED}
        served[QUALITY] = tables[f"{META_SCHEMA}.{QUALITY}"]
        for name, table in served.items():
            job = _job(f"publication.{name}", "NODE", "Publish the run's rows to Postgres.")
            yield JobEvent(
                eventTime=self.run.manifest["finished_at"],
                producer=PRODUCER,
                job=job,
                inputs=[self.datasets.read(name)],
                outputs=[published_table(table)],
            )

    def _told(
        self, state: RunState, job: Job, facets: dict[str, RunFacet],
        inputs: list[InputDataset] | None = None, outputs: list[OutputDataset] | None = None,
    ) -> RunEvent:  # fmt: skip
        at = "started_at" if state is RunState.START else "finished_at"
        return RunEvent(
            eventType=state,
            eventTime=self.run.manifest[at],
            producer=PRODUCER,
            run=Run(self._run_uuid(job.name), facets),
            job=job,
            inputs=inputs or [],
            outputs=outputs or [],
        )

    def _run_uuid(self, job: str) -> str:
        return str(uuid.uuid5(_IDS, f"{self.run.run_id}/{job}"))

    # --- Facets of runs ------------------------------------------------------------------------

    def _common_facets(self) -> dict[str, RunFacet]:
        return {
            "processing_engine": made(
                processing_engine_run.ProcessingEngineRunFacet,
                name="kedro",
                version=self.run.manifest["versions"]["kedro"],
            ),
            "nominalTime": self._nominal_time(),
        }

    def _nominal_time(self) -> nominal_time_run.NominalTimeRunFacet:
        """The period that the data is of: its local days of reception."""
        inputs = self.run.manifest["inputs"]
        first, last = (date.fromisoformat(inputs[name]) for name in ("date_min", "date_max"))
        return made(
            nominal_time_run.NominalTimeRunFacet,
            nominalStartTime=_midnight(first),
            nominalEndTime=_midnight(last + timedelta(days=1)),
        )

    def _parent_facet(self) -> parent_run.ParentRunFacet:
        whole = self._whole_job
        return made(
            parent_run.ParentRunFacet,
            run=parent_run.Run(self._run_uuid(whole.name), None),
            job=parent_run.Job(whole.namespace, whole.name, None),
        )

    def _whole_facets(self) -> dict[str, RunFacet]:
        manifest = self.run.manifest
        tags = {name: manifest[name] for name in _TAGS}
        tags |= {name: manifest["inputs"][name] for name in ("config_hash", "git_sha")}
        return {
            **self._common_facets(),
            "tags": made(
                tags_run.TagsRunFacet,
                tags=[tags_run.TagsRunFacetFields(*item) for item in tags.items()],
            ),
            "executionParameters": made(
                execution_parameters_run.ExecutionParametersRunFacet,
                parameters=[
                    execution_parameters_run.ExecutionParameter(key=key, value=value)
                    for key, value in _flat(self._parameters())
                ],
            ),
        }

    def _parameters(self) -> dict[str, Any]:
        """Everything that decides the data, profile name included."""
        inputs = self.run.manifest["inputs"]
        named = {name: inputs[name] for name in ("seed", "date_min", "date_max")}
        own: dict[str, Any] = inputs["parameters"]
        return named | own | {"profile": {"name": inputs["profile"], **own["profile"]}}


def _job(name: str, kind: str, description: str) -> Job:
    facets: dict[str, JobFacet] = {
        "documentation": made(documentation_job.DocumentationJobFacet, description=description),
        "jobType": made(
            job_type_job.JobTypeJobFacet, processingType="BATCH", integration="KEDRO", jobType=kind
        ),
    }
    return Job(NAMESPACE, name, facets)


def _first_line(node: Node) -> str:
    return (inspect.getdoc(node.func) or node.name).splitlines()[0]


def _is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), _LOCAL).isoformat()


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves by their dotted names, as `--params` takes them; lists as JSON."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value if isinstance(value, str) else canonical_json(value)
