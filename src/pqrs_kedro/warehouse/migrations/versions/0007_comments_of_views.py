"""What the columns of the views mean: tools such as Metabase read the comments of what they show."""

from alembic import op

revision = "0007"
down_revision = "0006"

_COPY = """
DO $$
DECLARE item record;
BEGIN
    FOR item IN
        SELECT v.relname, a.attname, col_description(t.oid, b.attnum) AS said
        FROM pg_class v
        JOIN pg_namespace n ON n.oid = v.relnamespace AND n.nspname = 'public'
        JOIN pg_class t ON t.relnamespace = n.oid AND v.relname = t.relname || '_current'
        JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
        JOIN pg_attribute b ON b.attrelid = t.oid AND b.attname = a.attname
        WHERE v.relkind = 'v' AND col_description(t.oid, b.attnum) IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN public.%I.%I IS %L', item.relname, item.attname, item.said);
    END LOOP;
    FOR item IN
        SELECT v.relname, split_part(obj_description(t.oid, 'pg_class'), '.', 1) AS said
        FROM pg_class v
        JOIN pg_namespace n ON n.oid = v.relnamespace AND n.nspname = 'public'
        JOIN pg_class t ON t.relnamespace = n.oid AND v.relname = t.relname || '_current'
        WHERE v.relkind = 'v' AND obj_description(t.oid, 'pg_class') IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON VIEW public.%I IS %L', item.relname, item.said || '. The last run.');
    END LOOP;
END $$
"""


def upgrade() -> None:
    """The comments of a table's columns are those of its view; its grain is that of its view."""
    op.execute(_COPY)
