"""The synthesis pipeline: parameters to raw events."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.synthesis.nodes import generate_raw_events


def create_pipeline() -> Pipeline:
    """Tickets with full life cycles, as the raw events of four channels."""
    return pipeline(
        [node(generate_raw_events, "parameters", "raw_events", name="generate_raw_events")],
        tags="synthesis",
    )
