"""The intake pipeline: lines from outside to raw events, in the place of synthesis."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.intake.nodes import file_raw_lines


def create_pipeline() -> Pipeline:
    """Lines of the user's own become raw objects; there is no ledger, as nothing decided them."""
    return pipeline(
        [node(file_raw_lines, "external_lines", "raw_events", name="file_raw_lines")],
        tags="intake",
    )
