"""The pipelines, the whole run as the sum of its stages, and the notebooks about one."""

from collections.abc import Iterable, Mapping
from typing import Final

from kedro.pipeline import Pipeline

from pqrs_kedro.pipelines.curation.pipeline import create_pipeline as curation
from pqrs_kedro.pipelines.ingestion.pipeline import create_pipeline as ingestion
from pqrs_kedro.pipelines.intake.pipeline import create_pipeline as intake
from pqrs_kedro.pipelines.metrics.pipeline import create_pipeline as metrics
from pqrs_kedro.pipelines.notebooks.pipeline import create_pipeline as notebooks
from pqrs_kedro.pipelines.reporting.pipeline import create_pipeline as reporting
from pqrs_kedro.pipelines.synthesis.pipeline import create_pipeline as synthesis

AFTER_RAW: Final = ("ingestion", "curation", "metrics", "reporting")
STAGES: Final = ("synthesis", *AFTER_RAW)
# Of a run whose lines come from outside.
EXTERNAL_STAGES: Final = ("intake", *AFTER_RAW)
NOTEBOOKS: Final = "notebooks"


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name, in the order of the data flow; `__default__` is the whole run.

    It generates its lines; `intake` takes the place of `synthesis` where they come from outside.
    The notebooks are no part of a run: they read one that is committed.
    """
    stages = {
        "synthesis": synthesis(),
        "intake": intake(),
        "ingestion": ingestion(),
        "curation": curation(),
        "metrics": metrics(),
        "reporting": reporting(),
    }
    return {**stages, NOTEBOOKS: notebooks(), "__default__": _joined(stages, STAGES)}


def join_stages(names: Iterable[str]) -> Pipeline:
    """Some stages as one pipeline."""
    return _joined(register_pipelines(), names)


def _joined(stages: Mapping[str, Pipeline], names: Iterable[str]) -> Pipeline:
    return sum((stages[name] for name in names), Pipeline([]))
