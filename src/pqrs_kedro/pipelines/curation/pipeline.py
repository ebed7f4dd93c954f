"""The curation pipeline: bronze to silver."""

from kedro.pipeline import Pipeline, node, pipeline

from pqrs_kedro.pipelines.curation.nodes import (
    choose_calendar,
    choose_profile,
    curate_attachments,
    curate_messages,
    curate_sla_cycles,
    curate_status_events,
    curate_tickets,
    end_observation,
    list_dimensions,
    order_events,
    time_first_responses,
)
from pqrs_kedro.pipelines.curation.rejections import (
    quarantine_events,
    reject_events,
    reject_tickets,
)
from pqrs_kedro.pipelines.curation.sla import measure_sla_cycles
from pqrs_kedro.pipelines.curation.survivors import find_repeated_lines, select_events

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
            node(
                find_repeated_lines,
                "bronze_pqrs_events",
                "repeated_lines",
                name="find_repeated_lines",
            ),
            node(
                select_events,
                ["bronze_pqrs_events", "repeated_lines"],
                "distinct_events",
                name="select_events",
            ),
            node(
                reject_tickets,
                ["distinct_events", "dim_pqrs_type"],
                "rejected_tickets",
                name="reject_tickets",
            ),
            node(
                reject_events,
                ["distinct_events", "rejected_tickets"],
                "rejected_events",
                name="reject_events",
            ),
            node(
                quarantine_events,
                ["repeated_lines", "rejected_events", "rejected_tickets"],
                "quarantine_silver",
                name="quarantine_events",
            ),
            node(
                order_events,
                ["distinct_events", "rejected_events"],
                "ordered_events",
                name="order_events",
            ),
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
                ["bronze_pqrs_events", "repeated_lines", "rejected_events"],
                "silver_messages",
                name="curate_messages",
            ),
            node(
                curate_attachments,
                ["bronze_pqrs_events", "repeated_lines", "rejected_events"],
                "silver_attachments",
                name="curate_attachments",
            ),
            node(
                measure_sla_cycles,
                ["ordered_events", "dim_pqrs_type", "dim_business_day", "profile", "observation"],
                "sla_cycles",
                name="measure_sla_cycles",
            ),
            node(curate_sla_cycles, "sla_cycles", "silver_sla_cycles", name="curate_sla_cycles"),
            node(
                time_first_responses,
                ["silver_messages", "ordered_events"],
                "first_responses",
                name="time_first_responses",
            ),
            node(
                curate_tickets,
                ["ordered_events", "first_responses", "sla_cycles", "observation", "dim_geo"],
                "silver_tickets",
                name="curate_tickets",
            ),
        ],
        tags="curation",
    )
