"""Where every silver row comes from, and what is not curated: quarantine_silver."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_LATER = "Null in runs of an earlier contract version."
_TRACED = ("silver_tickets", "silver_messages", "silver_status_events", "silver_attachments")


def upgrade() -> None:
    """Further columns after the present ones, a table, and the views that show them."""
    op.add_column(
        "silver_tickets",
        sa.Column(
            "unknown_dane_code",
            sa.Text(),
            nullable=True,
            comment=f"Municipality code as given, where dim_geo does not have it; null otherwise. {_LATER}",
        ),
    )
    for table in _TRACED:
        op.add_column(
            table,
            sa.Column(
                "source_object",
                sa.Text(),
                nullable=True,
                comment=f"Raw object the line came from: its path without run_id. {_LATER}",
            ),
        )
        op.add_column(
            table,
            sa.Column(
                "line_number",
                sa.BigInteger(),
                nullable=True,
                comment=f"Line of the raw object, from 1; null in the ledger of defects if it is unobserved. Unit: line. {_LATER}",
            ),
        )
    _create_quarantine()
    # A view of all columns is one of those that the table had when the view was made.
    for name in (*_TRACED, "quarantine_silver"):
        op.execute(
            f"""CREATE OR REPLACE VIEW public.{name}_current WITH (security_invoker = true) AS
            SELECT * FROM public.{name} WHERE run_id = (SELECT run_id FROM meta.current_run)"""
        )
    op.execute("COMMENT ON VIEW public.quarantine_silver_current IS 'The rows of the last run'")


def _create_quarantine() -> None:
    op.create_table(
        "quarantine_silver",
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that the row belongs to."),
        sa.Column(
            "scope",
            sa.Text(),
            nullable=False,
            comment="What was rejected: a whole ticket, or one event.",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="Why the line, event or ticket was rejected.",
        ),
        sa.Column("detail", sa.Text(), nullable=True, comment="Field or value that was rejected."),
        sa.Column(
            "ticket_id",
            sa.Text(),
            nullable=False,
            comment="Ticket identifier, UUIDv7 layout: sorts by reception time.",
        ),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="Event identifier, UUIDv7 layout: sorts by time.",
        ),
        sa.Column(
            "source_object",
            sa.Text(),
            nullable=False,
            comment="Raw object the line came from: its path without run_id.",
        ),
        sa.Column(
            "line_number",
            sa.BigInteger(),
            nullable=False,
            comment="Line of the raw object, from 1; null in the ledger of defects if it is unobserved. Unit: line.",
        ),
        sa.CheckConstraint(
            "\"scope\" IN ('ticket', 'event')", name="quarantine_silver_scope_allowed"
        ),
        sa.CheckConstraint(
            "\"reason\" IN ('invalid_utf8', 'invalid_json', 'several_objects', 'not_an_object', 'duplicate_key', 'wrong_type', 'missing_field', 'unknown_value', 'invalid_value', 'conflicting_duplicate', 'orphan_event', 'before_reception', 'no_reception', 'unknown_pqrs_type', 'forbidden_transition', 'broken_chain', 'too_many_loops')",
            name="quarantine_silver_reason_allowed",
        ),
        comment="One row per accepted event that is not curated, and one per ticket that is not. Key: run_id, scope, source_object, line_number. Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows unless it names the run. Read quarantine_silver_current, the last run.",
        postgresql_partition_by="LIST (run_id)",
    )
