"""Special terms of SLA cycles: which one holds, and from which day on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two further columns of silver_sla_cycles; what is an ordinary term says so."""
    op.add_column(
        "silver_sla_cycles",
        sa.Column(
            "special_term_business_days",
            sa.BigInteger(),
            nullable=True,
            comment="Term that holds in place of the ordinary one, without extension; null where none does. Unit: business days. Source: special terms of the profile, such as Decreto Legislativo 491 de 2020 art. 5.",
        ),
    )
    op.add_column(
        "silver_sla_cycles",
        sa.Column(
            "special_term_from_day",
            sa.Date(),
            nullable=True,
            comment="Day from which the special term holds: the start day, or a later one while it was open.",
        ),
    )
    op.alter_column(
        "silver_sla_cycles",
        "base_term_business_days",
        comment="Ordinary term of the ticket's type. Unit: business days.",
    )
    op.alter_column(
        "dim_pqrs_type",
        "sla_business_days",
        comment="Ordinary legal term of the type; a special one is with the SLA cycle that it holds for. Unit: business days.",
    )
    # A view of all columns is one of those that the table had when the view was made.
    op.execute(
        """CREATE OR REPLACE VIEW public.silver_sla_cycles_current WITH (security_invoker = true) AS
        SELECT * FROM public.silver_sla_cycles WHERE run_id = (SELECT run_id FROM meta.current_run)"""
    )
