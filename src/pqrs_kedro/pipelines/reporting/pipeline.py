"""The reporting pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.reporting.nodes import summarise_run
from pqrs_kedro.pipelines.reporting.quality import CHECKED_TABLES, check_quality


def create_pipeline() -> Pipeline:
    """The run's summary, and the quality of all its tables."""
    return pipeline(
        [
            node(
                summarise_run,
                ["silver_tickets", "gold_kpi_volume_daily", "dim_pqrs_type", "params:breach_rate"],
                "gold_run_summary",
                name="summarise_run",
            ),
            node(
                check_quality,
                {
                    "parameters": "parameters",
                    **{name: name for name in ("raw_line_counts", *CHECKED_TABLES)},
                },
                "data_quality",
                name="check_quality",
            ),
        ],
        tags="reporting",
    )
