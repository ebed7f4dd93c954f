"""The five pipelines, and the whole run as their sum."""

from kedro.pipeline import Pipeline

from pqrs_kedro.pipelines.curation.pipeline import create_pipeline as curation
from pqrs_kedro.pipelines.ingestion.pipeline import create_pipeline as ingestion
from pqrs_kedro.pipelines.metrics.pipeline import create_pipeline as metrics
from pqrs_kedro.pipelines.reporting.pipeline import create_pipeline as reporting
from pqrs_kedro.pipelines.synthesis.pipeline import create_pipeline as synthesis


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name, in the order of the data flow; `__default__` is the whole run."""
    stages = {
        "synthesis": synthesis(),
        "ingestion": ingestion(),
        "curation": curation(),
        "metrics": metrics(),
        "reporting": reporting(),
    }
    return {**stages, "__default__": sum(stages.values(), Pipeline([]))}
