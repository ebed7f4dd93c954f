"""Every column of the lake and the warehouse, defined once.

A table (see `tables.py`) lists column names; disk schema, validation, SQL and documentation are all
derived from the definitions here. Naming: `_at` instants in UTC, `_day` local dates
(America/Bogota), `_count`, `_pct`, `_hours`, `_days`, `_id`/`_code` as their names say.
"""

from dataclasses import dataclass
from typing import Final

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.defects import BRONZE_OUTCOMES, DEFECT_LABELS, EFFECTS
from pqrs_kedro.domain.statuses import RESOLUTION_CODES, STATUS_IDS

EVENT_TYPES: Final = ("STATUS", "MESSAGE", "TERM_EXTENDED")
ACTOR_ROLES: Final = ("citizen", "agent", "system")
MESSAGE_ROLES: Final = ("citizen", "agent")
AUTHOR_KINDS: Final = ("citizen", "agent", "bot")
PRIORITIES: Final = ("ALTA", "MEDIA", "BAJA")
REGIONS: Final = ("Andina", "Caribe", "Pacífica", "Orinoquía", "Amazonía", "Insular")
UNKNOWN_REGION: Final = "Sin dato"
AGE_BUCKETS: Final = ("0-5", "6-10", "11-15", "16-30", ">30")
CHECK_RESULTS: Final = ("pass", "fail")
# The check that compares with another run: made when a run is published and reported.
EQUAL_TO_EARLIER: Final = "equal_to_earlier_run"
SWEEP_DIMENSIONS: Final = ("total", "pqrs_type", "source_channel", "region")
GEOMETRY_KINDS: Final = ("voronoi_approx", "user")
# Why a raw line is no event.
QUARANTINE_REASONS: Final = (
    "invalid_utf8",
    "invalid_json",
    "several_objects",
    "not_an_object",
    "duplicate_key",
    "wrong_type",
    "missing_field",
    "unknown_value",
    "invalid_value",
)
# Why an accepted event, or a whole ticket, cannot be curated.
REJECTION_REASONS: Final = (
    "conflicting_duplicate",
    "orphan_event",
    "before_reception",
    "no_reception",
    "unknown_pqrs_type",
    "forbidden_transition",
    "broken_chain",
    "too_many_loops",
)
REJECTION_SCOPES: Final = ("ticket", "event")
# What ingestion repairs in a line, as it can be done without a guess.
REPAIRS: Final = (
    "byte_order_mark",
    "dane_without_zero",
    "other_utc_offset",
    "mixed_precision",
    "nul_in_text",
)


@dataclass(frozen=True)
class Column:
    """One column: `type` is a key of `schema.ARROW_TYPES`; `allowed` lists an enumeration."""

    name: str
    type: str
    description: str
    unit: str | None = None
    nullable: bool = False
    allowed: tuple[str, ...] | None = None
    source: str | None = None

    @property
    def comment(self) -> str:
        """Description, unit and source in one text, for systems that keep one per column."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        source = f" Source: {self.source}." if self.source else ""
        return f"{self.description}{unit}{source}"


_IDENTITY = (
    Column("event_id", "string", "Event identifier, UUIDv7 layout: sorts by time."),
    Column("ticket_id", "string", "Ticket identifier, UUIDv7 layout: sorts by reception time."),
    Column(
        "external_id",
        "string",
        "Radicado number: year, dependency, consecutive, type (14 digits).",
        nullable=True,
        source="Orfeo numbering; given when the petition is radicated",
    ),
    Column("message_id", "string", "Message identifier: event id and ordinal in the event."),
    Column("attachment_id", "string", "Attachment identifier: event id and ordinal in the event."),
    Column("source_object", "string", "Raw object the line came from: its path without run_id."),
    Column(
        "line_number",
        "int64",
        "Line of the raw object, from 1; null in the ledger of defects if it is unobserved.",
        unit="line",
        nullable=True,
    ),
)
_EVENTS = (
    Column("event_type", "string", "Kind of event.", allowed=EVENT_TYPES),
    Column("ts", "timestamp", "Instant of the event.", unit="UTC"),
    Column("source", "string", "Intake channel that exported the event.", allowed=CHANNEL_IDS),
    Column("day", "date", "Local day of the partition."),
    Column("month", "string", "Local month of the partition, YYYY-MM."),
    Column("actor_role", "string", "Who caused the event.", allowed=ACTOR_ROLES),
    Column("status_from", "string", "Status left; null on reception.", None, True, STATUS_IDS),
    Column("status_to", "string", "Status entered.", None, True, STATUS_IDS),
    Column(
        "resolution_code",
        "string",
        "Reason of an answer out of the ordinary; null is an ordinary answer.",
        nullable=True,
        allowed=RESOLUTION_CODES,
        source="CPACA arts. 14 par., 17, 19, 21",
    ),
    Column(
        "cited_external_id",
        "string",
        "Earlier radicado that a repeated petition (REITERATIVA) is answered by.",
        nullable=True,
        source="CPACA art. 19",
    ),
    Column(
        "term_business_days",
        "int64",
        "Legal term that applies.",
        unit="business days",
        nullable=True,
        source="CPACA art. 14",
    ),
    Column(
        "repairs",
        "texts",
        "What was repaired in the line; null for nothing.",
        nullable=True,
        allowed=REPAIRS,
    ),
    Column(
        "unknown_fields",
        "texts",
        "Paths of fields of the line that no contract knows, in order; null for none.",
        nullable=True,
    ),
    Column(
        "filed_late_days",
        "int64",
        "Days from the event's local day to the day that the line is filed under.",
        unit="days",
        nullable=True,
    ),
    Column("messages", "messages", "Texts exchanged in the event, in order.", nullable=True),
    Column("attachments", "attachments", "Files that came with the event.", nullable=True),
    Column(
        "event_number", "int64", "Position of the event in its ticket by (ts, event_id), from 1."
    ),
    Column(
        "scope",
        "string",
        "What was rejected: a whole ticket, or one event.",
        allowed=REJECTION_SCOPES,
    ),
    Column(
        "reason",
        "string",
        "Why the line, event or ticket was rejected.",
        allowed=(*QUARANTINE_REASONS, *REJECTION_REASONS),
    ),
    Column("detail", "string", "Field or value that was rejected.", nullable=True),
    Column("line", "binary", "The rejected line's original bytes, without its line feed."),
)
_TICKETS = (
    Column("source_channel", "string", "Intake channel.", allowed=CHANNEL_IDS),
    Column("pqrs_type", "string", "Type at the last classification.", nullable=True),
    Column("priority", "string", "Priority at the last classification.", None, True, PRIORITIES),
    Column("created_at", "timestamp", "Instant of reception (RECEIVED).", unit="UTC"),
    Column("radicated_at", "timestamp", "Instant of RADICATED.", unit="UTC", nullable=True),
    Column(
        "current_status", "string", "Status after the last event observed.", None, False, STATUS_IDS
    ),
    Column("geo_id", "string", "Municipality of the petitioner (dim_geo).", nullable=True),
    Column(
        "unknown_dane_code",
        "string",
        "Municipality code as given, where dim_geo does not have it; null otherwise.",
        nullable=True,
    ),
    Column(
        "sla_due_at",
        "timestamp",
        "Last microsecond of the local due day of the last SLA cycle.",
        unit="UTC",
        nullable=True,
        source="CPACA art. 14; Ley 4 de 1913 art. 62",
    ),
    Column("closed_at", "timestamp", "Last CLOSED; null while open.", unit="UTC", nullable=True),
    Column("responded_at", "timestamp", "Last RESPONDED.", unit="UTC", nullable=True),
    Column(
        "first_response_at",
        "timestamp",
        "First message of a human agent.",
        unit="UTC",
        nullable=True,
    ),
    Column("sla_cycles_count", "int64", "SLA cycles: one, and one per reopening.", unit="cycles"),
    Column(
        "is_breached",
        "bool",
        "Last cycle late or, at the end of observation, overdue; null while not due.",
        nullable=True,
    ),
)
_MESSAGES = (
    Column("role", "string", "Side that wrote the message.", allowed=MESSAGE_ROLES),
    Column("author_kind", "string", "Author; a bot speaks in role agent.", allowed=AUTHOR_KINDS),
    Column("subject", "string", "Subject line, where the channel has one.", nullable=True),
    Column("text", "string", "Text of the message."),
    Column("text_len", "int64", "Length of the text.", unit="Unicode characters"),
    Column("file_name", "string", "File name as exported."),
    Column("file_type", "string", "File extension, lower case."),
    Column("size_kb", "int64", "File size.", unit="kB"),
)
_SLA = (
    Column("cycle_number", "int64", "SLA cycle of the ticket: 1, then one per reopening."),
    Column("start_day", "date", "Local day of RADICATED, or of REOPENED for later cycles."),
    Column(
        "base_term_business_days",
        "int64",
        "Ordinary term of the ticket's type.",
        unit="business days",
    ),
    Column(
        "extended_on_day",
        "date",
        "Local day of a valid extension, which doubles the term of its cycle.",
        nullable=True,
        source="CPACA art. 14, paragraph",
    ),
    Column("first_hold_start_day", "date", "Local day the first hold began.", nullable=True),
    Column("first_hold_end_day", "date", "Local day the first hold ended.", nullable=True),
    Column("second_hold_start_day", "date", "Local day the second hold began.", nullable=True),
    Column("second_hold_end_day", "date", "Local day the second hold ended.", nullable=True),
    Column("paused_days", "int64", "Business days that do not count.", unit="business days"),
    Column("due_day", "date", "Last local day of the term."),
    Column("stopped_at", "timestamp", "First stop status in the cycle.", unit="UTC", nullable=True),
    Column("stop_day", "date", "Local day of the stop.", nullable=True),
    Column("is_late", "bool", "Stopped after the due day; null while not stopped.", nullable=True),
    Column(
        "business_days_late",
        "int64",
        "Business days after the due day up to the stop day; null while not stopped.",
        unit="business days",
        nullable=True,
    ),
    Column(
        "special_term_business_days",
        "int64",
        "Term that holds in place of the ordinary one, without extension; null where none does.",
        unit="business days",
        nullable=True,
        source="special terms of the profile, such as Decreto Legislativo 491 de 2020 art. 5",
    ),
    Column(
        "special_term_from_day",
        "date",
        "Day from which the special term holds: the start day, or a later one while it was open.",
        nullable=True,
    ),
)
_DIMENSIONS = (
    Column("channel_id", "string", "Channel code.", allowed=CHANNEL_IDS),
    Column("type_id", "string", "PQRS type code."),
    Column("status_id", "string", "Status code.", allowed=STATUS_IDS),
    Column("name", "string", "Name in Spanish."),
    Column(
        "sla_business_days",
        "int64",
        "Ordinary legal term of the type; a special one is with the SLA cycle that it holds for.",
        unit="business days",
    ),
    Column("is_terminal", "bool", "No transition leaves the status."),
    Column("region", "string", "Natural region.", None, False, (*REGIONS, UNKNOWN_REGION)),
    Column("municipio", "string", "Official name of the municipality.", source="DIVIPOLA, DANE"),
    Column("department", "string", "Official name of the department.", source="DIVIPOLA, DANE"),
    Column("dane_department_code", "string", "Two digits, leading zero kept.", source="DIVIPOLA"),
    Column(
        "dane_municipality_code", "string", "Five digits, leading zero kept.", source="DIVIPOLA"
    ),
    Column("is_business_day", "bool", "Monday to Friday and no holiday.", source="Ley 51 de 1983"),
    Column(
        "business_day_ordinal",
        "int64",
        "Business days in the calendar up to and including the day.",
        unit="business days",
    ),
    Column("latitude", "float64", "Latitude of the seat.", unit="degrees, EPSG:4326"),
    Column("longitude", "float64", "Longitude of the seat.", unit="degrees, EPSG:4326"),
    Column(
        "geometry_kind",
        "string",
        "Where the boundary comes from: a Voronoi cell of the seats, or the user's polygon.",
        allowed=GEOMETRY_KINDS,
    ),
    Column("location", "geometry", "The seat, a Point.", unit="degrees, EPSG:4326"),
    Column(
        "boundary",
        "geometry",
        "Territory of the municipality, a MultiPolygon.",
        unit="degrees, EPSG:4326",
    ),
)
_GOLD = (
    Column("channel", "string", "Intake channel.", allowed=CHANNEL_IDS),
    Column("tickets_count", "int64", "Tickets received on the day.", unit="tickets"),
    Column("backlog_count", "int64", "Open tickets at the end of the day.", unit="tickets"),
    Column("within_sla_pct", "float64", "100 x within / stopped; null if none.", "%", True),
    Column("overdue_count", "int64", "Cycles overdue at the end of the day.", unit="cycles"),
    Column(
        "avg_overdue_days",
        "float64",
        "Mean business days late of the overdue cycles; null if none.",
        "business days",
        True,
    ),
    Column("stopped_count", "int64", "Cycles stopped on the day.", unit="cycles"),
    Column("within_count", "int64", "Cycles stopped on the day within term.", unit="cycles"),
    Column("late_count", "int64", "Cycles stopped on the day after their due day.", unit="cycles"),
    Column(
        "avg_late_days",
        "float64",
        "Mean business days late of the cycles stopped late that day; null if none.",
        "business days",
        True,
    ),
    Column("avg_hours_to_first_response", "float64", "Mean hours; null if none.", "hours", True),
    Column("responded_count", "int64", "Tickets of the day with a human reply.", unit="tickets"),
    Column("avg_hours_to_close", "float64", "Mean hours; null if none.", "hours", True),
    Column("closed_count", "int64", "Tickets whose last closing is on the day.", unit="tickets"),
    Column("p50_hours", "float64", "Median hours, interpolated; null if none.", "hours", True),
    Column("p90_hours", "float64", "90th percentile, interpolated; null if none.", "hours", True),
    Column("transitions_count", "int64", "Transitions on the day.", unit="transitions"),
    Column("median_hours_in_from", "float64", "Median hours spent in status_from.", "hours"),
    Column(
        "age_bucket",
        "string",
        "Business days since the start day of the last cycle; 0-5 before radication.",
        unit="business days",
        allowed=AGE_BUCKETS,
    ),
    Column("measure", "string", "What is measured."),
    Column("group", "string", "All tickets ('total') or one PQRS type."),
    Column("numerator", "int64", "Count above the line."),
    Column("denominator", "int64", "Count below the line."),
    Column("value_pct", "float64", "100 x numerator / denominator; null if none.", "%", True),
    Column("requested_pct", "float64", "Value asked for in the configuration.", "%", True),
)
_TRUTH = (
    Column("variant", "string", "All statuses of the ticket's path, in order, joined by '>'."),
    Column("status_instants", "instants", "When each status of the path is entered.", unit="UTC"),
    Column(
        "extended_at",
        "timestamp",
        "When the extension of the first cycle is announced; null for none.",
        unit="UTC",
        nullable=True,
        source="CPACA art. 14, paragraph",
    ),
    Column("is_reopened", "bool", "The path has a REOPENED, hence a second cycle."),
    Column("is_first_cycle_late", "bool", "The first cycle stops after its term on the grid."),
    Column(
        "is_second_cycle_late",
        "bool",
        "The second cycle stops after its term on the grid; null where there is none.",
        nullable=True,
    ),
    Column("is_last_cycle_late", "bool", "The last cycle stops after its term: planned breach."),
    Column(
        "first_cycle_ratio",
        "float64",
        "Response ratio of the first cycle: grid second of its stop over its full term.",
        unit="terms",
    ),
    Column(
        "second_cycle_ratio",
        "float64",
        "Response ratio of the second cycle; null where there is none.",
        unit="terms",
        nullable=True,
    ),
    Column(
        "defects",
        "string",
        "Labels of defects put into the ticket's raw lines, in order, joined by ','; null: none.",
        nullable=True,
    ),
    Column("label", "string", "Class of the defect.", allowed=DEFECT_LABELS),
    Column(
        "is_added",
        "bool",
        "The line is one more; otherwise it stands in place of the clean line, or was moved.",
    ),
    Column(
        "field",
        "string",
        "What of the line was changed, as a path; null where that is no field.",
        nullable=True,
    ),
    Column(
        "bronze_outcome",
        "string",
        "What ingestion must make of the line.",
        allowed=BRONZE_OUTCOMES,
    ),
    Column(
        "bronze_reason",
        "string",
        "Reason of the quarantine that the line must go to; null for none.",
        nullable=True,
    ),
    Column(
        "effect",
        "string",
        "What is left of the ticket in silver: as without the defect, altered, or lost.",
        allowed=EFFECTS,
    ),
    Column(
        "clean_line",
        "binary",
        "The line as it is without the defect, without its line feed; null for an added one.",
        nullable=True,
    ),
)
_SWEEP = (
    Column("trial_number", "int64", "Trial of the sweep, from 0: its object has the number too."),
    Column("point_number", "int64", "Combination of swept parameters, from 0."),
    Column(
        "setting",
        "string",
        "What a trial is for: 'response', the swept combinations, or the name of a check.",
    ),
    Column("seed", "int64", "Seed of the trial: equal seeds are common random numbers."),
    Column(
        "parameters_json",
        "string",
        "What the trial changes of the sweep's parameters, by path, as a JSON object.",
    ),
    Column(
        "dimension",
        "string",
        "What the tickets are grouped by.",
        allowed=SWEEP_DIMENSIONS,
    ),
    Column("group_id", "string", "Type, channel or natural region; 'total' for all tickets."),
    Column("closed_form_scale", "float64", "Scale by the law of the response ratio alone.", "1"),
    Column("median_scale", "float64", "Calibrated response.median_scale, to be used.", "1"),
    Column("scale_low", "float64", "Lower end of the scale's 95 % interval.", unit="1"),
    Column("scale_high", "float64", "Upper end of the scale's 95 % interval.", unit="1"),
    Column(
        "spread_pct",
        "float64",
        "Standard deviation of the breach rate between seeds, at the calibrated scale.",
        unit="% of tickets",
    ),
    Column("runs_count", "int64", "Trials of the check.", unit="trials"),
    Column("realised_pct", "float64", "Mean breach rate of the check's trials.", unit="%"),
    Column("realised_low_pct", "float64", "Lower end of the mean's 95 % interval.", unit="%"),
    Column("realised_high_pct", "float64", "Upper end of the mean's 95 % interval.", unit="%"),
    Column(
        "largest_deviation_pct",
        "float64",
        "Largest distance of a trial's breach rate from the requested one.",
        unit="% of tickets",
    ),
    Column(
        "covered_count",
        "int64",
        "Trials whose breach rate is in the 95 % interval for a new run.",
        unit="trials",
    ),
)
_QUALITY = (
    Column("dataset", "string", "Table or layer that is checked."),
    Column("check_name", "string", "What is checked."),
    Column("result", "string", "Outcome of the check.", allowed=CHECK_RESULTS),
    Column("value", "float64", "What was found; its unit is that of the check.", nullable=True),
    Column("threshold", "float64", "The most, or the least, that passes.", nullable=True),
    Column("details_json", "string", "Counts, bounds and examples, as a JSON object."),
)

COLUMNS: Final[dict[str, Column]] = {
    column.name: column
    for group in (
        _IDENTITY,
        _EVENTS,
        _TICKETS,
        _MESSAGES,
        _SLA,
        _DIMENSIONS,
        _GOLD,
        _QUALITY,
        _TRUTH,
        _SWEEP,
    )
    for column in group
}
