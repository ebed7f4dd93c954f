"""Every table: its grain, key, partitions, columns and the invariant that ties its numbers.

Paths and names are those of ADR-0016 sections 3 and 4; further columns come after the required
ones. Partition columns live in the object's path, never inside the object.
"""

from dataclasses import dataclass
from typing import Final

from pqrs_kedro.contracts.columns import COLUMNS, Column

# The layer of tables that lie in the run's own folder, beside its manifest.
TRUTH: Final = "truth"


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    `columns` are stored, in this order; `partitions` are the path's Hive keys; `required` names
    columns that are never null here although their definition allows it; `added` names columns that
    objects of an earlier contract version lack, for which the warehouse keeps null.
    """

    name: str
    layer: str
    path: str
    grain: str
    primary_key: tuple[str, ...]
    columns: tuple[str, ...]
    partitions: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    foreign_keys: tuple[tuple[str, str, str], ...] = ()
    invariant: str | None = None
    order: tuple[str, ...] = ()

    @property
    def order_by(self) -> tuple[str, ...]:
        """Row order inside an object: `order` where given, else the primary key."""
        return self.order or self.primary_key

    @property
    def stored_key(self) -> tuple[str, ...]:
        """The part of the primary key that is stored in the objects, not in their path."""
        return tuple(name for name in self.primary_key if name in self.columns)

    def column(self, name: str) -> Column:
        """The column as it holds in this table."""
        return COLUMNS[name]

    def is_nullable(self, name: str) -> bool:
        """Whether the column may be null here."""
        in_key = name in self.primary_key or name in self.partitions
        return COLUMNS[name].nullable and not in_key and name not in self.required


_TYPE_KEY = ("pqrs_type", "dim_pqrs_type", "type_id")
_TICKET_KEY = ("ticket_id", "silver_tickets", "ticket_id")
# Where a row comes from: its raw line; a ticket that of its reception.
_LINE: Final = ("source_object", "line_number")
_BY_DAY: Final = ("day",)
_BY_MONTH: Final = ("month",)

_BRONZE = (
    Table(
        name="bronze_pqrs_events",
        layer="bronze",
        path="bronze/pqrs_events",
        grain="one row per well-formed raw line",
        primary_key=("source_object", "line_number"),
        partitions=("source", "day"),
        order=("line_number",),
        columns=(
            "event_id",
            "event_type",
            "ts",
            "ticket_id",
            "external_id",
            "actor_role",
            "status_from",
            "status_to",
            "pqrs_type",
            "priority",
            "geo_id",
            "resolution_code",
            "cited_external_id",
            "term_business_days",
            "messages",
            "attachments",
            "source_object",
            "line_number",
            "filed_late_days",
            "repairs",
            "unknown_fields",
        ),
        required=("filed_late_days",),
        added=("filed_late_days", "repairs", "unknown_fields"),
        invariant="raw lines = bronze rows + quarantined lines + blank lines, per object",
    ),
    Table(
        name="quarantine_raw_lines",
        layer="bronze",
        path="quarantine/raw_lines",
        grain="one row per rejected raw line",
        primary_key=("source_object", "line_number"),
        partitions=("source", "day"),
        order=("line_number",),
        columns=("source_object", "line_number", "reason", "detail", "line"),
        invariant="raw lines = bronze rows + quarantined lines + blank lines, per object",
    ),
)

_SILVER = (
    Table(
        name="silver_tickets",
        layer="silver",
        path="silver/tickets",
        grain="one row per ticket; month= is the local month of created_at",
        primary_key=("ticket_id",),
        partitions=_BY_MONTH,
        columns=(
            "ticket_id",
            "external_id",
            "source_channel",
            "pqrs_type",
            "priority",
            "created_at",
            "radicated_at",
            "current_status",
            "geo_id",
            "sla_due_at",
            "closed_at",
            "responded_at",
            "first_response_at",
            "sla_cycles_count",
            "resolution_code",
            "cited_external_id",
            "is_breached",
            "unknown_dane_code",
            "source_object",
            "line_number",
        ),
        required=("line_number",),
        added=("unknown_dane_code", *_LINE),
        foreign_keys=(
            ("source_channel", "dim_channel", "channel_id"),
            _TYPE_KEY,
            ("current_status", "dim_status", "status_id"),
            ("geo_id", "dim_geo", "geo_id"),
        ),
        invariant="created_at <= radicated_at <= responded_at <= closed_at where present",
    ),
    Table(
        name="silver_messages",
        layer="silver",
        path="silver/messages",
        grain="one row per message; month= is the local month of ts",
        primary_key=("message_id",),
        partitions=_BY_MONTH,
        columns=(
            "message_id",
            "ticket_id",
            "ts",
            "role",
            "text",
            "text_len",
            "author_kind",
            "subject",
            "event_id",
            "source_object",
            "line_number",
        ),
        required=("line_number",),
        added=_LINE,
        foreign_keys=(_TICKET_KEY,),
        invariant="author_kind = 'citizen' exactly when role = 'citizen'",
    ),
    Table(
        name="silver_status_events",
        layer="silver",
        path="silver/status_events",
        grain="one row per status transition; month= is the local month of ts",
        primary_key=("event_id",),
        partitions=_BY_MONTH,
        required=("status_to", "line_number"),
        columns=(
            "event_id",
            "ticket_id",
            "ts",
            "status_from",
            "status_to",
            "actor_role",
            "event_number",
            "resolution_code",
            "source_object",
            "line_number",
        ),
        added=_LINE,
        foreign_keys=(
            _TICKET_KEY,
            ("status_from", "dim_status", "status_id"),
            ("status_to", "dim_status", "status_id"),
        ),
        invariant="status_from of an event = status_to of the ticket's event before it",
    ),
    Table(
        name="silver_attachments",
        layer="silver",
        path="silver/attachments",
        grain="one row per attached file; month= is the local month of ts",
        primary_key=("attachment_id",),
        partitions=_BY_MONTH,
        columns=(
            "attachment_id",
            "ticket_id",
            "ts",
            "file_type",
            "size_kb",
            "source_channel",
            "file_name",
            "event_id",
            "source_object",
            "line_number",
        ),
        required=("line_number",),
        added=_LINE,
        foreign_keys=(_TICKET_KEY, ("source_channel", "dim_channel", "channel_id")),
        invariant="size_kb >= 0",
    ),
    Table(
        name="silver_sla_cycles",
        layer="silver",
        path="silver/sla_cycles",
        grain="one row per ticket and SLA cycle; month= is the local month of start_day",
        primary_key=("ticket_id", "cycle_number"),
        partitions=_BY_MONTH,
        required=("pqrs_type", "term_business_days"),
        columns=(
            "ticket_id",
            "cycle_number",
            "pqrs_type",
            "start_day",
            "base_term_business_days",
            "term_business_days",
            "extended_on_day",
            "first_hold_start_day",
            "first_hold_end_day",
            "second_hold_start_day",
            "second_hold_end_day",
            "paused_days",
            "due_day",
            "stopped_at",
            "stop_day",
            "is_late",
            "business_days_late",
            "special_term_business_days",
            "special_term_from_day",
        ),
        foreign_keys=(_TICKET_KEY, _TYPE_KEY),
        invariant="is_late exactly when stop_day > due_day",
    ),
    Table(
        name="quarantine_silver",
        layer="silver",
        path="quarantine/silver",
        grain="one row per accepted event that is not curated, and one per ticket that is not",
        primary_key=("scope", "source_object", "line_number"),
        columns=(
            "scope",
            "reason",
            "detail",
            "ticket_id",
            "event_id",
            "source_object",
            "line_number",
        ),
        invariant="distinct accepted events = curated events + rows of scope 'event'",
    ),
)

_DIMENSIONS = (
    Table(
        name="dim_channel",
        layer="silver",
        path="silver/dim_channel",
        grain="one row per intake channel",
        primary_key=("channel_id",),
        columns=("channel_id", "name"),
    ),
    Table(
        name="dim_pqrs_type",
        layer="silver",
        path="silver/dim_pqrs_type",
        grain="one row per PQRS type of the run's profile",
        primary_key=("type_id",),
        columns=("type_id", "name", "sla_business_days"),
    ),
    Table(
        name="dim_status",
        layer="silver",
        path="silver/dim_status",
        grain="one row per status",
        primary_key=("status_id",),
        columns=("status_id", "name", "is_terminal"),
    ),
    Table(
        name="dim_business_day",
        layer="silver",
        path="silver/dim_business_day",
        grain="one row per day of the business-day calendar that the run was computed with",
        primary_key=("day",),
        columns=("day", "is_business_day", "business_day_ordinal"),
        invariant="business days in (a, b] = ordinal(b) - ordinal(a)",
    ),
    Table(
        name="dim_geo",
        layer="silver",
        path="silver/dim_geo",
        grain="one row per municipality",
        primary_key=("geo_id",),
        required=("geo_id",),
        columns=(
            "geo_id",
            "region",
            "municipio",
            "department",
            "dane_department_code",
            "dane_municipality_code",
            "latitude",
            "longitude",
            "geometry_kind",
            "location",
            "boundary",
        ),
        added=("geometry_kind", "location", "boundary"),
        invariant="location lies in boundary, or no more than 0.1 degrees from it",
    ),
)

_GOLD = (
    Table(
        name="gold_kpi_volume_daily",
        layer="gold",
        path="gold/kpi_volume",
        grain="one row per day, channel and type, zeros included",
        primary_key=("day", "channel", "pqrs_type"),
        partitions=_BY_DAY,
        columns=("channel", "pqrs_type", "tickets_count"),
        invariant="the sum over all rows is the number of tickets",
    ),
    Table(
        name="gold_kpi_backlog_daily",
        layer="gold",
        path="gold/kpi_backlog",
        grain="one row per day, type and region, zeros included",
        primary_key=("day", "pqrs_type", "region"),
        partitions=_BY_DAY,
        columns=("pqrs_type", "region", "backlog_count"),
        invariant="backlog(D) = backlog(D-1) + RECEIVED + REOPENED - CLOSED of D",
    ),
    Table(
        name="gold_kpi_sla_daily",
        layer="gold",
        path="gold/kpi_sla",
        grain="one row per day and type, zeros included; as of the end of the day",
        primary_key=("day", "pqrs_type"),
        partitions=_BY_DAY,
        columns=(
            "pqrs_type",
            "within_sla_pct",
            "overdue_count",
            "avg_overdue_days",
            "stopped_count",
            "within_count",
            "late_count",
            "avg_late_days",
        ),
        invariant="within_count + late_count = stopped_count",
    ),
    Table(
        name="gold_kpi_first_response_daily",
        layer="gold",
        path="gold/kpi_first_response",
        grain="one row per day of reception and type, zeros included",
        primary_key=("day", "pqrs_type"),
        partitions=_BY_DAY,
        columns=(
            "pqrs_type",
            "avg_hours_to_first_response",
            "responded_count",
            "p50_hours",
            "p90_hours",
        ),
        invariant="responded_count <= tickets received that day",
    ),
    Table(
        name="gold_kpi_close_time_daily",
        layer="gold",
        path="gold/kpi_close_time",
        grain="one row per day of closing and type, zeros included",
        primary_key=("day", "pqrs_type"),
        partitions=_BY_DAY,
        columns=("pqrs_type", "avg_hours_to_close", "closed_count", "p50_hours", "p90_hours"),
        invariant="the sum of closed_count is the number of tickets with closed_at",
    ),
    Table(
        name="gold_status_transitions_daily",
        layer="gold",
        path="gold/status_transitions",
        grain="one row per day and transition observed on it",
        primary_key=("day", "status_from", "status_to"),
        partitions=_BY_DAY,
        columns=("status_from", "status_to", "transitions_count", "median_hours_in_from"),
        required=("status_from", "status_to"),
        invariant="the sum over days is the run's transition matrix",
    ),
    Table(
        name="gold_backlog_ageing_daily",
        layer="gold",
        path="gold/backlog_ageing",
        grain="one row per day, type and age bucket, zeros included",
        primary_key=("day", "pqrs_type", "age_bucket"),
        partitions=_BY_DAY,
        columns=("pqrs_type", "age_bucket", "backlog_count"),
        invariant="the sum over buckets is the backlog of the day and type",
    ),
    Table(
        name="gold_run_summary",
        layer="gold",
        path="gold/run_summary",
        grain="one row per measure and group ('total' or a PQRS type)",
        primary_key=("measure", "group"),
        columns=("measure", "group", "numerator", "denominator", "value_pct", "requested_pct"),
        invariant="the numerators of the types add up to the total's",
    ),
)

_QUALITY = (
    Table(
        name="data_quality",
        layer="quality",
        path="quality/data_quality",
        grain="one row per dataset and check",
        primary_key=("dataset", "check_name"),
        columns=("dataset", "check_name", "result", "value", "threshold", "details_json"),
        invariant="a check that fails says in details_json what it found",
    ),
)

# What the generator decided. No pipeline reads it: only validation holds silver against it.
_TRUTH = (
    Table(
        name="ground_truth",
        layer=TRUTH,
        path="ground_truth",
        grain="one row per ticket; month= is the local month of created_at",
        primary_key=("ticket_id",),
        partitions=_BY_MONTH,
        required=("external_id", "pqrs_type", "priority"),
        columns=(
            "ticket_id",
            "external_id",
            "created_at",
            "source_channel",
            "pqrs_type",
            "priority",
            "geo_id",
            "variant",
            "status_instants",
            "resolution_code",
            "extended_at",
            "is_reopened",
            "is_first_cycle_late",
            "is_second_cycle_late",
            "is_last_cycle_late",
            "first_cycle_ratio",
            "second_cycle_ratio",
            "defects",
        ),
        invariant="as many instants as statuses in the variant; late exactly when the ratio > 1",
    ),
    Table(
        name="ground_truth_defects",
        layer=TRUTH,
        path="ground_truth_defects",
        grain="one row per raw line that a defect changed, moved or added; month= is that of day",
        primary_key=("event_id",),
        partitions=_BY_MONTH,
        order=("day", "source", "line_number"),
        columns=(
            "event_id",
            "ticket_id",
            "label",
            "source",
            "day",
            "line_number",
            "is_added",
            "field",
            "bronze_outcome",
            "bronze_reason",
            "effect",
            "clean_line",
        ),
        invariant="line_number is null exactly when bronze_outcome is unobserved",
    ),
)

# Of a sweep, not of a run: they lie in the lake by sweep id, and no pipeline makes or reads them.
_SWEEP = (
    Table(
        name="sweep_trials",
        layer="sweep",
        path="gold/sweep_trials",
        grain="one row per trial, measure and group; one object per trial",
        primary_key=("trial_number", "measure", "dimension", "group_id"),
        columns=(
            "trial_number",
            "point_number",
            "setting",
            "seed",
            "parameters_json",
            "measure",
            "dimension",
            "group_id",
            "numerator",
            "denominator",
            "value",
        ),
        invariant="breach_rate: the counts of each dimension add up to the total's",
    ),
    Table(
        name="sweep_calibration",
        layer="sweep",
        path="gold/sweep_calibration",
        grain="one row per requested breach rate and check",
        primary_key=("requested_pct", "setting"),
        columns=(
            "requested_pct",
            "setting",
            "closed_form_scale",
            "median_scale",
            "scale_low",
            "scale_high",
            "spread_pct",
            "runs_count",
            "realised_pct",
            "realised_low_pct",
            "realised_high_pct",
            "largest_deviation_pct",
            "covered_count",
        ),
        invariant="scale_low <= median_scale <= scale_high; covered_count <= runs_count",
    ),
)

SWEEP_TABLES: Final[dict[str, Table]] = {table.name: table for table in _SWEEP}
TABLES: Final[dict[str, Table]] = {
    table.name: table for table in (*_BRONZE, *_SILVER, *_DIMENSIONS, *_GOLD, *_QUALITY, *_TRUTH)
}
