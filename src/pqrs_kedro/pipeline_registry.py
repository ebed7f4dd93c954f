"""The five pipelines of a run, the whole run as their sum, and the notebooks about one."""

from typing import Final

from kedro.pipeline import Pipeline

from pqrs_kedro.pipelines.curation.pipeline import create_pipeline as curation
from pqrs_kedro.pipelines.ingestion.pipeline import create_pipeline as ingestion
from pqrs_kedro.pipelines.metrics.pipeline import create_pipeline as metrics
from pqrs_kedro.pipelines.notebooks.pipeline import create_pipeline as notebooks
from pqrs_kedro.pipelines.reporting.pipeline import create_pipeline as reporting
from pqrs_kedro.pipelines.synthesis.pipeline import create_pipeline as synthesis

NOTEBOOKS: Final = "notebooks"


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name, in the order of the data flow; `__default__` is the whole run.

    The notebooks are no part of a run: they read one that is committed.
    """
    stages = {
        "synthesis": synthesis(),
        "ingestion": ingestion(),
        "curation": curation(),
        "metrics": metrics(),
        "reporting": reporting(),
    }
    whole = sum(stages.values(), Pipeline([]))
    return {**stages, NOTEBOOKS: notebooks(), "__default__": whole}
