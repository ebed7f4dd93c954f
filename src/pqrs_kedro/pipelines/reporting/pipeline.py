"""The reporting pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.reporting.nodes import summarise_run


def create_pipeline() -> Pipeline:
    """The run's summary."""
    return pipeline(
        [
            node(
                summarise_run,
                ["silver_tickets", "gold_kpi_volume_daily", "dim_pqrs_type", "params:breach_rate"],
                "gold_run_summary",
                name="summarise_run",
            ),
        ],
        tags="reporting",
    )
