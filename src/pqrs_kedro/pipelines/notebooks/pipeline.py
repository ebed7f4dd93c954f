"""The notebooks about a committed run."""

from typing import Final

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.notebooks.nodes import execute_notebook

# The tables that each notebook reads.
READ: Final = {
    "distribution_validation": (
        "silver_tickets",
        "silver_status_events",
        "dim_business_day",
        "gold_kpi_volume_daily",
        "gold_run_summary",
    ),
    "sla_analysis": (
        "silver_tickets",
        "silver_sla_cycles",
        "dim_geo",
        "dim_pqrs_type",
        "dim_business_day",
        "bronze_pqrs_events",
        "gold_kpi_sla_daily",
        "gold_kpi_backlog_daily",
        "gold_run_summary",
    ),
}


def create_pipeline() -> Pipeline:
    """One node per notebook, which reads a run and keeps its pages beside the run's report."""
    return pipeline(
        [
            node(
                execute_notebook,
                [f"{name}_source", "run_manifest", *tables],
                name,
                name=f"execute_{name}",
            )
            for name, tables in READ.items()
        ],
        tags="notebooks",
    )
