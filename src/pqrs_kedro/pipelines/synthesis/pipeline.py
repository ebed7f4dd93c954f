"""The synthesis pipeline: parameters to raw events, and the ledgers of the truth."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.synthesis.nodes import generate_raw_events


def create_pipeline() -> Pipeline:
    """Tickets with full life cycles, as the raw events of four channels, and what was decided.

    The ledgers are ends: no node reads them.
    """
    return pipeline(
        [
            node(
                generate_raw_events,
                "parameters",
                ["raw_events", "ground_truth", "ground_truth_defects"],
                name="generate_raw_events",
            )
        ],
        tags="synthesis",
    )
