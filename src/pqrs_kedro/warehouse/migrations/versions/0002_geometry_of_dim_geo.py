"""dim_geo has geometry: kind of the boundary, seat and boundary as EWKB.

Rows of runs that are published already keep null in the three columns: their lake objects do not
have them. The bytes are PostGIS's own binary form, so that a server that has PostGIS can be given
columns of type `geometry` by a later migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Further columns after the present ones, and the view that shows them."""
    for column in (
        sa.Column(
            "geometry_kind",
            sa.Text(),
            nullable=True,
            comment="Where the boundary comes from: a Voronoi cell of the seats, or the user's polygon. Null in runs of an earlier contract version.",
        ),
        sa.Column(
            "location",
            sa.LargeBinary(),
            nullable=True,
            comment="The seat, a Point. Unit: degrees, EPSG:4326. Null in runs of an earlier contract version.",
        ),
        sa.Column(
            "boundary",
            sa.LargeBinary(),
            nullable=True,
            comment="Territory of the municipality, a MultiPolygon. Unit: degrees, EPSG:4326. Null in runs of an earlier contract version.",
        ),
    ):
        op.add_column("dim_geo", column)
    op.create_check_constraint(
        "dim_geo_geometry_kind_allowed",
        "dim_geo",
        "\"geometry_kind\" IN ('voronoi_approx', 'user')",
    )
    # A view keeps the columns that its table had when it was made.
    op.execute(
        """CREATE OR REPLACE VIEW public.dim_geo_current WITH (security_invoker = true) AS
        SELECT * FROM public.dim_geo WHERE run_id = (SELECT run_id FROM meta.current_run)"""
    )
