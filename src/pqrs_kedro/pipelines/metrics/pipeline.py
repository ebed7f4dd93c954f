"""The metrics pipeline: silver to gold."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.metrics.days import list_days
from pqrs_kedro.pipelines.metrics.nodes import (
    count_backlog,
    count_transitions,
    count_volume,
    locate_tickets,
    summarise_close_time,
    summarise_first_response,
)
from pqrs_kedro.pipelines.metrics.sla import count_backlog_ageing, summarise_sla


def create_pipeline() -> Pipeline:
    """One node per gold table, over the observed days and the located tickets."""
    return pipeline(
        [
            node(
                list_days,
                [
                    "silver_status_events",
                    "silver_messages",
                    "dim_business_day",
                    "params:date_min",
                    "params:observe_until",
                ],
                "days",
                name="list_days",
            ),
            node(
                locate_tickets,
                ["silver_tickets", "dim_geo"],
                "located_tickets",
                name="locate_tickets",
            ),
            node(
                count_volume,
                ["located_tickets", "days", "dim_channel", "dim_pqrs_type"],
                "gold_kpi_volume_daily",
                name="count_volume",
            ),
            node(
                count_backlog,
                ["located_tickets", "silver_status_events", "days", "dim_pqrs_type"],
                "gold_kpi_backlog_daily",
                name="count_backlog",
            ),
            node(
                summarise_sla,
                ["silver_sla_cycles", "days", "dim_business_day", "dim_pqrs_type"],
                "gold_kpi_sla_daily",
                name="summarise_sla",
            ),
            node(
                summarise_first_response,
                ["located_tickets", "days", "dim_pqrs_type"],
                "gold_kpi_first_response_daily",
                name="summarise_first_response",
            ),
            node(
                summarise_close_time,
                ["located_tickets", "days", "dim_pqrs_type"],
                "gold_kpi_close_time_daily",
                name="summarise_close_time",
            ),
            node(
                count_transitions,
                "silver_status_events",
                "gold_status_transitions_daily",
                name="count_transitions",
            ),
            node(
                count_backlog_ageing,
                [
                    "silver_status_events",
                    "located_tickets",
                    "days",
                    "dim_business_day",
                    "dim_pqrs_type",
                ],
                "gold_backlog_ageing_daily",
                name="count_backlog_ageing",
            ),
        ],
        tags="metrics",
    )
