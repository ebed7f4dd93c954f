"""Geometry in the warehouse: PostGIS's own type where the server has it, else the same bytes.

The migrations make columns of bytes (EWKB) on every server. Where PostGIS can be had, these become
`geometry(Point, 4326)` and `geometry(MultiPolygon, 4326)` with an index each; the rows stay what
they are, so a publication loads the same bytes into either.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql

from pqrs_kedro.domain.geometry import SRID
from pqrs_kedro.warehouse.access import ETL, OWNER, READER

if TYPE_CHECKING:
    import psycopg

LOGGER = logging.getLogger("pqrs_kedro.warehouse")
TABLE: Final = "dim_geo"
SHAPES: Final = {"location": "Point", "boundary": "MultiPolygon"}
# Where Supabase, and others, keep extensions; without it they are in `public`.
_SCHEMA: Final = "extensions"


def use_postgis(connection: "psycopg.Connection[Any]") -> bool:
    """Give geometry its type, if the server has PostGIS; tells whether it has."""
    schema = _installed(connection)
    if schema is None:
        LOGGER.info("the server has no PostGIS: geometry is kept as EWKB in bytea")
        return False
    for role in (OWNER, ETL, READER):
        connection.execute(
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(
                sql.Identifier(schema), sql.Identifier(role)
            )
        )
    if _is_bytes(connection):
        _convert(connection, schema)
    return True


def _installed(connection: "psycopg.Connection[Any]") -> str | None:
    """The schema of PostGIS, which is installed where it is available; null where it is not."""
    found = _schema_of_postgis(connection)
    if found is None and _has(connection, "pg_available_extensions", "name", "postgis"):
        schema = _SCHEMA if _has(connection, "pg_namespace", "nspname", _SCHEMA) else "public"
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA {}").format(
                        sql.Identifier(schema)
                    )
                )
        except errors.InsufficientPrivilege:
            LOGGER.warning(
                "PostGIS is available, but %s may not install it: CREATE EXTENSION postgis, then "
                "kedro warehouse migrate", connection.info.user,
            )  # fmt: skip
        found = _schema_of_postgis(connection)
    return found


def _has(connection: "psycopg.Connection[Any]", catalog: str, column: str, value: str) -> bool:
    query = sql.SQL("SELECT FROM {} WHERE {} = %s").format(
        sql.Identifier("pg_catalog", catalog), sql.Identifier(column)
    )
    # A row without columns is empty, yet a row.
    return connection.execute(query, [value]).fetchone() is not None


def _schema_of_postgis(connection: "psycopg.Connection[Any]") -> str | None:
    row = connection.execute(
        "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'postgis'"
    ).fetchone()
    return None if row is None else str(row[0])


def _is_bytes(connection: "psycopg.Connection[Any]") -> bool:
    row = connection.execute(
        "SELECT bool_or(atttypid = 'bytea'::regtype) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attname = ANY(%s)",
        [f"public.{TABLE}", list(SHAPES)],
    ).fetchone()
    return bool(row and row[0])


def _convert(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Rows and partitions follow their table; the view is made anew, as it has the old type."""
    table, view = sql.Identifier("public", TABLE), sql.Identifier("public", f"{TABLE}_current")
    connection.execute(sql.SQL("DROP VIEW {}").format(view))
    for column, shape in SHAPES.items():
        names = {"table": table, "column": sql.Identifier(column), "schema": sql.Identifier(schema)}
        connection.execute(
            sql.SQL(
                "ALTER TABLE {table} ALTER {column} TYPE {schema}.geometry({shape}, {srid}) "
                "USING {schema}.ST_GeomFromEWKB({column})"
            ).format(shape=sql.SQL(shape), srid=SRID, **names)
        )
        connection.execute(
            sql.SQL("CREATE INDEX {index} ON {table} USING gist ({column})").format(
                index=sql.Identifier(f"{TABLE}_{column}_gist"), **names
            )
        )
    connection.execute(
        sql.SQL(
            "CREATE VIEW {} WITH (security_invoker = true) AS "
            "SELECT * FROM {} WHERE run_id = (SELECT run_id FROM meta.current_run)"
        ).format(view, table)
    )
    connection.execute(sql.SQL("COMMENT ON VIEW {} IS 'The rows of the last run'").format(view))
