"""First schema: meta, the served tables with a view of the last run each, and the runs' schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERVED = (
    "silver_tickets",
    "silver_messages",
    "silver_status_events",
    "silver_attachments",
    "silver_sla_cycles",
    "dim_channel",
    "dim_pqrs_type",
    "dim_status",
    "dim_business_day",
    "dim_geo",
    "gold_kpi_volume_daily",
    "gold_kpi_backlog_daily",
    "gold_kpi_sla_daily",
    "gold_kpi_first_response_daily",
    "gold_kpi_close_time_daily",
    "gold_status_transitions_daily",
    "gold_backlog_ageing_daily",
    "gold_run_summary",
)


def upgrade() -> None:
    """First schema."""
    op.execute("CREATE SCHEMA IF NOT EXISTS runs")
    op.execute("COMMENT ON SCHEMA runs IS 'Partitions, one table per table and run; not granted'")
    op.execute("REVOKE ALL ON SCHEMA runs FROM PUBLIC")
    op.create_table(
        "dim_business_day",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "is_business_day",
            sa.Boolean(),
            nullable=False,
            comment="Monday to Friday and no holiday. Source: Ley 51 de 1983.",
        ),
        sa.Column(
            "business_day_ordinal",
            sa.BigInteger(),
            nullable=False,
            comment="Business days in the calendar up to and including the day. Unit: business days.",
        ),
        comment="One row per day of the business-day calendar that the run was computed with. Key: run_id, day. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read dim_business_day_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "dim_channel",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="Channel code."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name in Spanish."),
        sa.CheckConstraint(
            "\"channel_id\" IN ('email', 'webform', 'chat', 'call')",
            name="dim_channel_channel_id_allowed",
        ),
        comment="One row per intake channel. Key: run_id, channel_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read dim_channel_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "dim_geo",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "geo_id", sa.Text(), nullable=False, comment="Municipality of the petitioner (dim_geo)."
        ),
        sa.Column("region", sa.Text(), nullable=False, comment="Natural region."),
        sa.Column(
            "municipio",
            sa.Text(),
            nullable=False,
            comment="Official name of the municipality. Source: DIVIPOLA, DANE.",
        ),
        sa.Column(
            "department",
            sa.Text(),
            nullable=False,
            comment="Official name of the department. Source: DIVIPOLA, DANE.",
        ),
        sa.Column(
            "dane_department_code",
            sa.Text(),
            nullable=False,
            comment="Two digits, leading zero kept. Source: DIVIPOLA.",
        ),
        sa.Column(
            "dane_municipality_code",
            sa.Text(),
            nullable=False,
            comment="Five digits, leading zero kept. Source: DIVIPOLA.",
        ),
        sa.Column(
            "latitude",
            sa.Double(),
            nullable=False,
            comment="Latitude of the seat. Unit: degrees, EPSG:4326.",
        ),
        sa.Column(
            "longitude",
            sa.Double(),
            nullable=False,
            comment="Longitude of the seat. Unit: degrees, EPSG:4326.",
        ),
        sa.CheckConstraint(
            "\"region\" IN ('Andina', 'Caribe', 'Pacífica', 'Orinoquía', 'Amazonía', 'Insular', 'Sin dato')",
            name="dim_geo_region_allowed",
        ),
        comment="One row per municipality. Key: run_id, geo_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read dim_geo_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "dim_pqrs_type",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("type_id", sa.Text(), nullable=False, comment="PQRS type code."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name in Spanish."),
        sa.Column(
            "sla_business_days",
            sa.BigInteger(),
            nullable=False,
            comment="Legal term of the type. Unit: business days.",
        ),
        comment="One row per PQRS type of the run's profile. Key: run_id, type_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read dim_pqrs_type_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "dim_status",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("status_id", sa.Text(), nullable=False, comment="Status code."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name in Spanish."),
        sa.Column(
            "is_terminal", sa.Boolean(), nullable=False, comment="No transition leaves the status."
        ),
        sa.CheckConstraint(
            "\"status_id\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="dim_status_status_id_allowed",
        ),
        comment="One row per status. Key: run_id, status_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read dim_status_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_backlog_ageing_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "age_bucket",
            sa.Text(),
            nullable=False,
            comment="Business days since the start day of the last cycle; 0-5 before radication. Unit: business days.",
        ),
        sa.Column(
            "backlog_count",
            sa.BigInteger(),
            nullable=False,
            comment="Open tickets at the end of the day. Unit: tickets.",
        ),
        sa.CheckConstraint(
            "\"age_bucket\" IN ('0-5', '6-10', '11-15', '16-30', '>30')",
            name="gold_backlog_ageing_daily_age_bucket_allowed",
        ),
        comment="One row per day, type and age bucket, zeros included. Key: run_id, day, pqrs_type, age_bucket. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_backlog_ageing_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_kpi_backlog_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column("region", sa.Text(), nullable=False, comment="Natural region."),
        sa.Column(
            "backlog_count",
            sa.BigInteger(),
            nullable=False,
            comment="Open tickets at the end of the day. Unit: tickets.",
        ),
        sa.CheckConstraint(
            "\"region\" IN ('Andina', 'Caribe', 'Pacífica', 'Orinoquía', 'Amazonía', 'Insular', 'Sin dato')",
            name="gold_kpi_backlog_daily_region_allowed",
        ),
        comment="One row per day, type and region, zeros included. Key: run_id, day, pqrs_type, region. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_kpi_backlog_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_kpi_close_time_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "avg_hours_to_close",
            sa.Double(),
            nullable=True,
            comment="Mean hours; null if none. Unit: hours.",
        ),
        sa.Column(
            "closed_count",
            sa.BigInteger(),
            nullable=False,
            comment="Tickets whose last closing is on the day. Unit: tickets.",
        ),
        sa.Column(
            "p50_hours",
            sa.Double(),
            nullable=True,
            comment="Median hours, interpolated; null if none. Unit: hours.",
        ),
        sa.Column(
            "p90_hours",
            sa.Double(),
            nullable=True,
            comment="90th percentile, interpolated; null if none. Unit: hours.",
        ),
        comment="One row per day of closing and type, zeros included. Key: run_id, day, pqrs_type. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_kpi_close_time_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_kpi_first_response_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "avg_hours_to_first_response",
            sa.Double(),
            nullable=True,
            comment="Mean hours; null if none. Unit: hours.",
        ),
        sa.Column(
            "responded_count",
            sa.BigInteger(),
            nullable=False,
            comment="Tickets of the day with a human reply. Unit: tickets.",
        ),
        sa.Column(
            "p50_hours",
            sa.Double(),
            nullable=True,
            comment="Median hours, interpolated; null if none. Unit: hours.",
        ),
        sa.Column(
            "p90_hours",
            sa.Double(),
            nullable=True,
            comment="90th percentile, interpolated; null if none. Unit: hours.",
        ),
        comment="One row per day of reception and type, zeros included. Key: run_id, day, pqrs_type. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_kpi_first_response_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_kpi_sla_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "within_sla_pct",
            sa.Double(),
            nullable=True,
            comment="100 x within / stopped; null if none. Unit: %.",
        ),
        sa.Column(
            "overdue_count",
            sa.BigInteger(),
            nullable=False,
            comment="Cycles overdue at the end of the day. Unit: cycles.",
        ),
        sa.Column(
            "avg_overdue_days",
            sa.Double(),
            nullable=True,
            comment="Mean business days late of the overdue cycles; null if none. Unit: business days.",
        ),
        sa.Column(
            "stopped_count",
            sa.BigInteger(),
            nullable=False,
            comment="Cycles stopped on the day. Unit: cycles.",
        ),
        sa.Column(
            "within_count",
            sa.BigInteger(),
            nullable=False,
            comment="Cycles stopped on the day within term. Unit: cycles.",
        ),
        sa.Column(
            "late_count",
            sa.BigInteger(),
            nullable=False,
            comment="Cycles stopped on the day after their due day. Unit: cycles.",
        ),
        sa.Column(
            "avg_late_days",
            sa.Double(),
            nullable=True,
            comment="Mean business days late of the cycles stopped late that day; null if none. Unit: business days.",
        ),
        comment="One row per day and type, zeros included; as of the end of the day. Key: run_id, day, pqrs_type. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_kpi_sla_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_kpi_volume_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column("channel", sa.Text(), nullable=False, comment="Intake channel."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "tickets_count",
            sa.BigInteger(),
            nullable=False,
            comment="Tickets received on the day. Unit: tickets.",
        ),
        sa.CheckConstraint(
            "\"channel\" IN ('email', 'webform', 'chat', 'call')",
            name="gold_kpi_volume_daily_channel_allowed",
        ),
        comment="One row per day, channel and type, zeros included. Key: run_id, day, channel, pqrs_type. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_kpi_volume_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_run_summary",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("measure", sa.Text(), nullable=False, comment="What is measured."),
        sa.Column(
            "group", sa.Text(), nullable=False, comment="All tickets ('total') or one PQRS type."
        ),
        sa.Column("numerator", sa.BigInteger(), nullable=False, comment="Count above the line."),
        sa.Column("denominator", sa.BigInteger(), nullable=False, comment="Count below the line."),
        sa.Column(
            "value_pct",
            sa.Double(),
            nullable=True,
            comment="100 x numerator / denominator; null if none. Unit: %.",
        ),
        sa.Column(
            "requested_pct",
            sa.Double(),
            nullable=True,
            comment="Value asked for in the configuration. Unit: %.",
        ),
        comment="One row per measure and group ('total' or a PQRS type). Key: run_id, measure, group. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_run_summary_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "gold_status_transitions_daily",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the partition."),
        sa.Column(
            "status_from", sa.Text(), nullable=False, comment="Status left; null on reception."
        ),
        sa.Column("status_to", sa.Text(), nullable=False, comment="Status entered."),
        sa.Column(
            "transitions_count",
            sa.BigInteger(),
            nullable=False,
            comment="Transitions on the day. Unit: transitions.",
        ),
        sa.Column(
            "median_hours_in_from",
            sa.Double(),
            nullable=False,
            comment="Median hours spent in status_from. Unit: hours.",
        ),
        sa.CheckConstraint(
            "\"status_from\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="gold_status_transitions_daily_status_from_allowed",
        ),
        sa.CheckConstraint(
            "\"status_to\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="gold_status_transitions_daily_status_to_allowed",
        ),
        comment="One row per day and transition observed on it. Key: run_id, day, status_from, status_to. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read gold_status_transitions_daily_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "data_quality",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column("dataset", sa.Text(), nullable=False, comment="Table or layer that is checked."),
        sa.Column("check_name", sa.Text(), nullable=False, comment="What is checked."),
        sa.Column("result", sa.Text(), nullable=False, comment="Outcome of the check."),
        sa.Column(
            "value",
            sa.Double(),
            nullable=True,
            comment="What was found; its unit is that of the check.",
        ),
        sa.Column(
            "threshold", sa.Double(), nullable=True, comment="The most, or the least, that passes."
        ),
        sa.Column(
            "details_json", sa.Text(), nullable=False, comment="Counts and examples, as JSON."
        ),
        sa.CheckConstraint("result IN ('pass', 'fail')", name="data_quality_result_allowed"),
        sa.PrimaryKeyConstraint("run_id", "dataset", "check_name"),
        schema="meta",
        comment="One row per run, dataset and check.",
    )
    op.create_table(
        "etl_runs",
        sa.Column("run_id", sa.Text(), nullable=False, comment="The run."),
        sa.Column("seed", sa.BigInteger(), nullable=False, comment="Seed of all draws."),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Begin of the run. Unit: UTC.",
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="End of the run; null while it runs. Unit: UTC.",
        ),
        sa.Column("status", sa.Text(), nullable=False, comment="What became of the run."),
        sa.Column("date_min", sa.Date(), nullable=False, comment="First local day of reception."),
        sa.Column("date_max", sa.Date(), nullable=False, comment="Last local day of reception."),
        sa.Column(
            "git_sha", sa.Text(), nullable=True, comment="Commit, or hash of a tree that is none."
        ),
        sa.Column(
            "config_hash",
            sa.Text(),
            nullable=True,
            comment="Hash of all parameters that can change the data.",
        ),
        sa.Column(
            "raw_objects_count",
            sa.BigInteger(),
            nullable=True,
            comment="Raw objects. Unit: objects.",
        ),
        sa.Column(
            "bronze_rows",
            sa.BigInteger(),
            nullable=True,
            comment="Rows of bronze, quarantine included.",
        ),
        sa.Column(
            "silver_rows",
            sa.BigInteger(),
            nullable=True,
            comment="Rows of silver, dimensions included.",
        ),
        sa.Column("gold_rows", sa.BigInteger(), nullable=True, comment="Rows of gold."),
        sa.Column(
            "profile", sa.Text(), nullable=True, comment="Profile of types, terms and volume."
        ),
        sa.Column(
            "fingerprint", sa.Text(), nullable=True, comment="Hash of what decides the data."
        ),
        sa.Column("digest", sa.Text(), nullable=True, comment="Hash over all data objects."),
        sa.Column(
            "published_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When its tables came; null: no tables. UTC.",
        ),
        sa.Column("host", sa.Text(), nullable=True, comment="Machine of the run."),
        sa.Column("process_id", sa.BigInteger(), nullable=True, comment="Process of the run."),
        sa.Column(
            "process_started_at",
            sa.Double(),
            nullable=True,
            comment="Begin of the process. Unit: Unix seconds.",
        ),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="Why a failed run failed, in one line."
        ),
        sa.CheckConstraint(
            "status IN ('started', 'completed', 'failed', 'aborted', 'lost')",
            name="etl_runs_status_allowed",
        ),
        sa.PrimaryKeyConstraint("run_id"),
        schema="meta",
        comment="One row per run that was begun or published. Key: run_id.",
    )
    op.create_table(
        "manifest_index",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "s3_manifest_path", sa.Text(), nullable=False, comment="Where manifest.json lies."
        ),
        sa.Column(
            "s3_checksums_path", sa.Text(), nullable=False, comment="Where checksums.json lies."
        ),
        sa.PrimaryKeyConstraint("run_id"),
        schema="meta",
        comment="One row per published run: its evidence in the lake.",
    )
    op.create_table(
        "silver_attachments",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="Local month of the partition, YYYY-MM."
        ),
        sa.Column(
            "attachment_id",
            sa.Text(),
            nullable=False,
            comment="Attachment identifier: event id and ordinal in the event.",
        ),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "ts",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Instant of the event. Unit: UTC.",
        ),
        sa.Column("file_type", sa.Text(), nullable=False, comment="File extension, lower case."),
        sa.Column("size_kb", sa.BigInteger(), nullable=False, comment="File size. Unit: kB."),
        sa.Column("source_channel", sa.Text(), nullable=False, comment="Intake channel."),
        sa.Column("file_name", sa.Text(), nullable=False, comment="File name as exported."),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="Event identifier, UUIDv7 layout: sorts by time.",
        ),
        sa.CheckConstraint(
            "\"source_channel\" IN ('email', 'webform', 'chat', 'call')",
            name="silver_attachments_source_channel_allowed",
        ),
        comment="One row per attached file; month= is the local month of ts. Key: run_id, attachment_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read silver_attachments_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "silver_messages",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="Local month of the partition, YYYY-MM."
        ),
        sa.Column(
            "message_id",
            sa.Text(),
            nullable=False,
            comment="Message identifier: event id and ordinal in the event.",
        ),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "ts",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Instant of the event. Unit: UTC.",
        ),
        sa.Column("role", sa.Text(), nullable=False, comment="Side that wrote the message."),
        sa.Column("text", sa.Text(), nullable=False, comment="Text of the message."),
        sa.Column(
            "text_len",
            sa.BigInteger(),
            nullable=False,
            comment="Length of the text. Unit: Unicode characters.",
        ),
        sa.Column(
            "author_kind", sa.Text(), nullable=False, comment="Author; a bot speaks in role agent."
        ),
        sa.Column(
            "subject", sa.Text(), nullable=True, comment="Subject line, where the channel has one."
        ),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="Event identifier, UUIDv7 layout: sorts by time.",
        ),
        sa.CheckConstraint(
            "\"author_kind\" IN ('citizen', 'agent', 'bot')",
            name="silver_messages_author_kind_allowed",
        ),
        sa.CheckConstraint("\"role\" IN ('citizen', 'agent')", name="silver_messages_role_allowed"),
        comment="One row per message; month= is the local month of ts. Key: run_id, message_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read silver_messages_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "silver_sla_cycles",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="Local month of the partition, YYYY-MM."
        ),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "cycle_number",
            sa.BigInteger(),
            nullable=False,
            comment="SLA cycle of the ticket: 1, then one per reopening.",
        ),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=False, comment="Type at the last classification."
        ),
        sa.Column(
            "start_day",
            sa.Date(),
            nullable=False,
            comment="Local day of RADICATED, or of REOPENED for later cycles.",
        ),
        sa.Column(
            "base_term_business_days",
            sa.BigInteger(),
            nullable=False,
            comment="Term of the ticket's type. Unit: business days.",
        ),
        sa.Column(
            "term_business_days",
            sa.BigInteger(),
            nullable=False,
            comment="Legal term that applies. Unit: business days. Source: CPACA art. 14.",
        ),
        sa.Column(
            "extended_on_day",
            sa.Date(),
            nullable=True,
            comment="Local day of a valid extension, which doubles the term of its cycle. Source: CPACA art. 14, paragraph.",
        ),
        sa.Column(
            "first_hold_start_day",
            sa.Date(),
            nullable=True,
            comment="Local day the first hold began.",
        ),
        sa.Column(
            "first_hold_end_day",
            sa.Date(),
            nullable=True,
            comment="Local day the first hold ended.",
        ),
        sa.Column(
            "second_hold_start_day",
            sa.Date(),
            nullable=True,
            comment="Local day the second hold began.",
        ),
        sa.Column(
            "second_hold_end_day",
            sa.Date(),
            nullable=True,
            comment="Local day the second hold ended.",
        ),
        sa.Column(
            "paused_days",
            sa.BigInteger(),
            nullable=False,
            comment="Business days that do not count. Unit: business days.",
        ),
        sa.Column("due_day", sa.Date(), nullable=False, comment="Last local day of the term."),
        sa.Column(
            "stopped_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="First stop status in the cycle. Unit: UTC.",
        ),
        sa.Column("stop_day", sa.Date(), nullable=True, comment="Local day of the stop."),
        sa.Column(
            "is_late",
            sa.Boolean(),
            nullable=True,
            comment="Stopped after the due day; null while not stopped.",
        ),
        sa.Column(
            "business_days_late",
            sa.BigInteger(),
            nullable=True,
            comment="Business days after the due day up to the stop day; null while not stopped. Unit: business days.",
        ),
        comment="One row per ticket and SLA cycle; month= is the local month of start_day. Key: run_id, ticket_id, cycle_number. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read silver_sla_cycles_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "silver_status_events",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="Local month of the partition, YYYY-MM."
        ),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="Event identifier, UUIDv7 layout: sorts by time.",
        ),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "ts",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Instant of the event. Unit: UTC.",
        ),
        sa.Column(
            "status_from", sa.Text(), nullable=True, comment="Status left; null on reception."
        ),
        sa.Column("status_to", sa.Text(), nullable=False, comment="Status entered."),
        sa.Column("actor_role", sa.Text(), nullable=False, comment="Who caused the event."),
        sa.Column(
            "event_number",
            sa.BigInteger(),
            nullable=False,
            comment="Position of the event in its ticket by (ts, event_id), from 1.",
        ),
        sa.Column(
            "resolution_code",
            sa.Text(),
            nullable=True,
            comment="Reason of an answer out of the ordinary; null is an ordinary answer. Source: CPACA arts. 14 par., 17, 19, 21.",
        ),
        sa.CheckConstraint(
            "\"actor_role\" IN ('citizen', 'agent', 'system')",
            name="silver_status_events_actor_role_allowed",
        ),
        sa.CheckConstraint(
            "\"resolution_code\" IN ('DESISTIMIENTO_TACITO', 'TRASLADO', 'REITERATIVA', 'PRORROGA')",
            name="silver_status_events_resolution_code_allowed",
        ),
        sa.CheckConstraint(
            "\"status_from\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="silver_status_events_status_from_allowed",
        ),
        sa.CheckConstraint(
            "\"status_to\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="silver_status_events_status_to_allowed",
        ),
        comment="One row per status transition; month= is the local month of ts. Key: run_id, event_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read silver_status_events_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_table(
        "silver_tickets",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "month", sa.Text(), nullable=False, comment="Local month of the partition, YYYY-MM."
        ),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "external_id",
            sa.Text(),
            nullable=True,
            comment="Radicado number: year, dependency, consecutive, type (14 digits). Source: Orfeo numbering; given when the petition is radicated.",
        ),
        sa.Column("source_channel", sa.Text(), nullable=False, comment="Intake channel."),
        sa.Column(
            "pqrs_type", sa.Text(), nullable=True, comment="Type at the last classification."
        ),
        sa.Column(
            "priority", sa.Text(), nullable=True, comment="Priority at the last classification."
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Instant of reception (RECEIVED). Unit: UTC.",
        ),
        sa.Column(
            "radicated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Instant of RADICATED. Unit: UTC.",
        ),
        sa.Column(
            "current_status",
            sa.Text(),
            nullable=False,
            comment="Status after the last event observed.",
        ),
        sa.Column(
            "geo_id", sa.Text(), nullable=True, comment="Municipality of the petitioner (dim_geo)."
        ),
        sa.Column(
            "sla_due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last microsecond of the local due day of the last SLA cycle. Unit: UTC. Source: CPACA art. 14; Ley 4 de 1913 art. 62.",
        ),
        sa.Column(
            "closed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last CLOSED; null while open. Unit: UTC.",
        ),
        sa.Column(
            "responded_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last RESPONDED. Unit: UTC.",
        ),
        sa.Column(
            "first_response_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="First message of a human agent. Unit: UTC.",
        ),
        sa.Column(
            "sla_cycles_count",
            sa.BigInteger(),
            nullable=False,
            comment="SLA cycles: one, and one per reopening. Unit: cycles.",
        ),
        sa.Column(
            "resolution_code",
            sa.Text(),
            nullable=True,
            comment="Reason of an answer out of the ordinary; null is an ordinary answer. Source: CPACA arts. 14 par., 17, 19, 21.",
        ),
        sa.Column(
            "cited_external_id",
            sa.Text(),
            nullable=True,
            comment="Earlier radicado that a repeated petition (REITERATIVA) is answered by. Source: CPACA art. 19.",
        ),
        sa.Column(
            "is_breached",
            sa.Boolean(),
            nullable=True,
            comment="Last cycle late or, at the end of observation, overdue; null while not due.",
        ),
        sa.CheckConstraint(
            "\"current_status\" IN ('RECEIVED', 'RADICATED', 'CLASSIFIED', 'ASSIGNED', 'IN_PROGRESS', 'ON_HOLD', 'RESPONDED', 'CLOSED', 'REOPENED', 'ARCHIVED')",
            name="silver_tickets_current_status_allowed",
        ),
        sa.CheckConstraint(
            "\"priority\" IN ('ALTA', 'MEDIA', 'BAJA')", name="silver_tickets_priority_allowed"
        ),
        sa.CheckConstraint(
            "\"resolution_code\" IN ('DESISTIMIENTO_TACITO', 'TRASLADO', 'REITERATIVA', 'PRORROGA')",
            name="silver_tickets_resolution_code_allowed",
        ),
        sa.CheckConstraint(
            "\"source_channel\" IN ('email', 'webform', 'chat', 'call')",
            name="silver_tickets_source_channel_allowed",
        ),
        comment="One row per ticket; month= is the local month of created_at. Key: run_id, ticket_id. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read silver_tickets_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
    op.execute(
        """CREATE VIEW meta.current_run WITH (security_invoker = true) AS
        SELECT run_id FROM meta.etl_runs
        WHERE status = 'completed' AND published_at IS NOT NULL
        ORDER BY finished_at DESC, run_id DESC LIMIT 1"""
    )
    op.execute("COMMENT ON VIEW meta.current_run IS 'The last run that is published'")
    for name in _SERVED:
        op.execute(
            f"""CREATE VIEW public.{name}_current WITH (security_invoker = true) AS
            SELECT * FROM public.{name} WHERE run_id = (SELECT run_id FROM meta.current_run)"""
        )
        op.execute(f"COMMENT ON VIEW public.{name}_current IS 'The rows of the last run'")
