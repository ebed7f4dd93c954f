"""meta.etl_runs knows imported runs: their origin, and no seed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A column after the present ones; runs that are there were generated."""
    op.add_column(
        "etl_runs",
        sa.Column(
            "origin",
            sa.Text(),
            nullable=False,
            server_default="synthetic",
            comment="Where the raw lines come from: generated, or imported.",
        ),
        schema="meta",
    )
    op.create_check_constraint(
        "etl_runs_origin_allowed",
        "etl_runs",
        "\"origin\" IN ('synthetic', 'external')",
        schema="meta",
    )
    op.alter_column(
        "etl_runs",
        "seed",
        nullable=True,
        comment="Seed of all draws; null: nothing was drawn.",
        schema="meta",
    )
