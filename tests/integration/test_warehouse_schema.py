"""The migrations come to what the contracts say, with comments, views and closed partitions."""

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine
from tests.conftest import Project

from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.migrate import configuration, head
from pqrs_kedro.warehouse.schema import SERVED, VERSION_TABLE, metadata


def test_the_head_of_the_migrations_is_what_the_contracts_say(warehouse: Warehouse) -> None:
    engine = create_engine(warehouse.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_type": True,
                "version_table": VERSION_TABLE,
                "version_table_schema": "meta",
            },
        )
        differences = compare_metadata(context, metadata())
    engine.dispose()
    assert differences == []


def test_the_checks_are_those_of_the_contracts(warehouse: Warehouse) -> None:
    # Alembic does not compare checks.
    query = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' "
        "AND connamespace IN ('public'::regnamespace, 'meta'::regnamespace)"
    )
    with warehouse.connect() as connection:
        found = {name: quoted(text) for name, text in connection.execute(query).fetchall()}
    wanted = {
        str(check.name): quoted(str(check.sqltext))
        for table in metadata().tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    assert found == wanted


def quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def test_the_newest_file_is_alembics_head() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == head()


def test_opening_again_changes_nothing(warehouse: Warehouse) -> None:
    query = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    with warehouse.connect() as connection:
        before = sorted(connection.execute(query).fetchall())
        open_warehouse(Path(), warehouse.url)
        assert sorted(connection.execute(query).fetchall()) == before


def test_a_warehouse_of_the_first_schema_keeps_its_runs_and_gets_what_was_added(
    project: Project,
) -> None:
    first = create_engine(project.warehouse_url.replace("postgresql://", "postgresql+psycopg://"))
    with first.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA meta")
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            """
            INSERT INTO meta.etl_runs (run_id, seed, started_at, finished_at, status, date_min,
                date_max, published_at)
            VALUES ('old', 1, now(), now(), 'completed', '2026-01-01', '2026-01-01', now());
            CREATE TABLE runs.dim_geo_old PARTITION OF dim_geo FOR VALUES IN ('old');
            INSERT INTO dim_geo VALUES ('old', '05001', 'Andina', 'Medellín', 'Antioquia', '05',
                '05001', 6.245, -75.57151)
            """
        )
    first.dispose()
    with open_warehouse(project.path, project.warehouse_url).connect() as connection:
        rows = connection.execute(
            "SELECT run_id, municipio, longitude, geometry_kind, location, boundary "
            "FROM dim_geo_current"
        ).fetchall()
        columns = [item.name for item in connection.execute("SELECT * FROM dim_geo_current LIMIT 0")
                   .description or ()]  # fmt: skip
    assert rows == [("old", "Medellín", -75.57151, None, None, None)]
    assert columns == ["run_id", *SERVED["dim_geo"].columns]


@pytest.mark.parametrize("table", SERVED)
def test_a_view_shows_the_columns_of_its_table_in_the_contracts_order(
    table: str, warehouse: Warehouse
) -> None:
    with warehouse.connect() as connection:
        cursor = connection.execute(f"SELECT * FROM {table}_current LIMIT 0")
    contract = SERVED[table]
    shown = [column.name for column in cursor.description or ()]
    assert shown == ["run_id", *contract.partitions, *contract.columns]


def test_every_table_view_and_column_has_a_comment(warehouse: Warehouse) -> None:
    query = """
        SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'meta')
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE (c.relkind IN ('r', 'p') OR n.nspname = 'public') AND c.relname <> %s AND (
            col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
        UNION ALL
        SELECT c.relname, NULL FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'meta')
        WHERE c.relkind = 'v' AND obj_description(c.oid, 'pg_class') IS NULL
    """
    with warehouse.connect() as connection:
        assert connection.execute(query, [VERSION_TABLE]).fetchall() == []


@pytest.mark.parametrize("table", SERVED)
def test_a_view_says_of_its_columns_what_the_contracts_say(
    table: str, warehouse: Warehouse
) -> None:
    query = """
        SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute a
        WHERE a.attrelid = %s::regclass AND a.attnum > 0
    """
    with warehouse.connect() as connection:
        found = dict(connection.execute(query, [f"public.{table}_current"]).fetchall())
    wanted = metadata().tables[table].columns
    assert found == {column.name: column.comment for column in wanted}


@pytest.mark.parametrize("table", SERVED)
def test_a_table_warns_of_joins_over_runs_and_has_a_view_of_the_last(
    table: str, warehouse: Warehouse
) -> None:
    with warehouse.connect() as connection:
        (comment, options) = connection.execute(
            "SELECT obj_description(%s::regclass, 'pg_class'), "
            "(SELECT reloptions FROM pg_class WHERE oid = %s::regclass)",
            [f"public.{table}", f"public.{table}_current"],
        ).fetchall()[0]
    assert f"Read {table}_current" in comment
    assert options == ["security_invoker=true"]


def test_no_one_else_may_use_the_schema_of_partitions(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("CREATE ROLE reader_of_schema")
        query = "SELECT has_schema_privilege('reader_of_schema', 'runs', 'USAGE')"
        assert connection.execute(query).fetchall() == [(False,)]
        connection.rollback()
