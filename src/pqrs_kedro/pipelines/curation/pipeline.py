"""The curation pipeline: bronze to silver."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.curation.nodes import (
    choose_calendar,
    choose_profile,
    curate_attachments,
    curate_messages,
    curate_status_events,
    curate_tickets,
    end_observation,
    list_dimensions,
    order_events,
)
from pqrs_kedro.pipelines.curation.rejections import (
    judge_events,
    quarantine_events,
    reject_tickets,
)
from pqrs_kedro.pipelines.curation.sla import measure_sla_cycles
from pqrs_kedro.pipelines.curation.survivors import compare_lines

DIMENSIONS = ["dim_channel", "dim_pqrs_type", "dim_status", "dim_geo", "dim_business_day"]


def create_pipeline() -> Pipeline:
    """Dimensions; every event once and judged; entities from events; SLA cycles and tickets."""
    return pipeline(
        [
            node(choose_profile, "parameters", "profile", name="choose_profile"),
            node(choose_calendar, "parameters", "business_calendar", name="choose_calendar"),
            node(
                list_dimensions,
                ["profile", "business_calendar", "municipal_polygons"],
                DIMENSIONS,
                name="list_dimensions",
            ),
            node(compare_lines, "bronze_pqrs_events", "compared_lines", name="compare_lines"),
            node(
                reject_tickets,
                ["compared_lines", "dim_pqrs_type"],
                "rejected_tickets",
                name="reject_tickets",
            ),
            node(
                judge_events,
                ["compared_lines", "rejected_tickets"],
                "judged_events",
                name="judge_events",
            ),
            node(
                quarantine_events,
                ["judged_events", "rejected_tickets"],
                "quarantine_silver",
                name="quarantine_events",
            ),
            node(order_events, "judged_events", "ordered_events", name="order_events"),
            node(
                end_observation,
                ["ordered_events", "params:observe_until"],
                "observation",
                name="end_observation",
            ),
            node(
                curate_status_events,
                "ordered_events",
                "silver_status_events",
                name="curate_status_events",
            ),
            node(
                curate_messages,
                ["bronze_pqrs_events", "ordered_events"],
                "silver_messages",
                name="curate_messages",
            ),
            node(
                curate_attachments,
                ["bronze_pqrs_events", "ordered_events"],
                "silver_attachments",
                name="curate_attachments",
            ),
            node(
                measure_sla_cycles,
                ["ordered_events", "dim_pqrs_type", "dim_business_day", "profile", "observation"],
                "silver_sla_cycles",
                name="measure_sla_cycles",
            ),
            node(
                curate_tickets,
                [
                    "ordered_events",
                    "silver_messages",
                    "silver_sla_cycles",
                    "observation",
                    "dim_geo",
                ],
                "silver_tickets",
                name="curate_tickets",
            ),
        ],
        tags="curation",
    )
