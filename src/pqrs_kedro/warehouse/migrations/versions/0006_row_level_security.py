"""Row-level security on all that is exposed; the policies follow with the roles.

What depends on the server comes after the migrations: roles and grants (`warehouse.access`), and
PostGIS's type for geometry (`warehouse.geometry`).
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = (
    "meta.etl_runs",
    "meta.data_quality",
    "meta.manifest_index",
    "public.silver_tickets",
    "public.silver_messages",
    "public.silver_status_events",
    "public.silver_attachments",
    "public.silver_sla_cycles",
    "public.quarantine_silver",
    "public.dim_channel",
    "public.dim_pqrs_type",
    "public.dim_status",
    "public.dim_business_day",
    "public.dim_geo",
    "public.gold_kpi_volume_daily",
    "public.gold_kpi_backlog_daily",
    "public.gold_kpi_sla_daily",
    "public.gold_kpi_first_response_daily",
    "public.gold_kpi_close_time_daily",
    "public.gold_status_transitions_daily",
    "public.gold_backlog_ageing_daily",
    "public.gold_run_summary",
)


def upgrade() -> None:
    """Nobody but a table's owner sees rows without a policy."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
