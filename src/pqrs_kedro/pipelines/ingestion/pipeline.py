"""The ingestion pipeline: raw to bronze."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.ingestion.nodes import (
    judge_lines,
    select_bronze_events,
    select_quarantined_lines,
)


def create_pipeline() -> Pipeline:
    """Raw lines are judged once; the well-formed become bronze, the others go to quarantine."""
    return pipeline(
        [
            node(judge_lines, ["raw_events", "parameters"], "judged_lines", name="judge_lines"),
            node(
                select_bronze_events,
                "judged_lines",
                "bronze_pqrs_events",
                name="select_bronze_events",
            ),
            node(
                select_quarantined_lines,
                "judged_lines",
                "quarantine_raw_lines",
                name="select_quarantined_lines",
            ),
        ],
        tags="ingestion",
    )
