"""The synthesis pipeline: parameters to raw events, and the ledger of the truth."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.synthesis.nodes import generate_raw_events


def create_pipeline() -> Pipeline:
    """Tickets with full life cycles, as the raw events of four channels, and what was decided.

    The ledger is an end: no node reads it.
    """
    return pipeline(
        [
            node(
                generate_raw_events,
                "parameters",
                ["raw_events", "ground_truth"],
                name="generate_raw_events",
            )
        ],
        tags="synthesis",
    )
