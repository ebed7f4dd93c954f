"""The ingestion pipeline: raw to bronze."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.ingestion.nodes import judge_objects


def create_pipeline() -> Pipeline:
    """Raw lines are judged; the well-formed become bronze, the others go to quarantine."""
    return pipeline(
        [
            node(
                judge_objects,
                "raw_events",
                ["bronze_pqrs_events", "quarantine_raw_lines"],
                name="judge_objects",
            ),
        ],
        tags="ingestion",
    )
