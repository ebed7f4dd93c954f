"""Who may do what: owner, loader and reader; Supabase's roles; nothing by default."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql
from tests.conftest import Project, Run
from tests.integration.conftest import Served
from tests.servers import postgis_server

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.access import ETL, OWNER, READER
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.errors import NotPublished, WarehouseError
from pqrs_kedro.warehouse.publish import partition_name, publish
from pqrs_kedro.warehouse.runs import drop, list_runs, published_rows
from pqrs_kedro.warehouse.schema import SERVED
from pqrs_kedro.warehouse.verify import problems

PutRun = Callable[[str], Run]
MakeUser = Callable[..., Warehouse]
pytestmark = pytest.mark.xdist_group("doc")
EXPOSED = [
    *(f"public.{name}" for name in SERVED),
    *(f"meta.{name}" for name in ("etl_runs", "data_quality", "manifest_index")),
]
VIEWS = [*(f"public.{name}_current" for name in SERVED), "meta.current_run"]


@pytest.fixture
def make_user(served: Served) -> Iterator[MakeUser]:
    """Makes users that can log in, with the roles that are named; the warehouse as they see it."""
    made: list[tuple[str, str]] = []

    def make(*roles: str, at: str = served.warehouse.url, options: str = "") -> Warehouse:
        name, password = f"pqrs_test_{secrets.token_hex(4)}", secrets.token_hex(8)
        with psycopg.connect(at) as connection:
            connection.execute(
                sql.SQL(f"CREATE ROLE {{}} LOGIN {options} PASSWORD {{}}").format(
                    sql.Identifier(name), password
                )
            )
            for role in roles:
                connection.execute(f"GRANT {role} TO {name}")
        made.append((name, at))
        return Warehouse(f"postgresql://{name}:{password}@{at.partition('@')[2]}")

    yield make
    for name, at in made:
        with psycopg.connect(at) as connection:
            connection.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def postgis(served: Served) -> Warehouse:
    """A warehouse with PostGIS, in which the run `mine` is published."""
    return served.warehouse


def refused(warehouse: Warehouse, statement: str) -> bool:
    with warehouse.connect() as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            connection.rollback()
    return False


# The reader


def test_a_reader_reads_all_that_is_served(postgis: Warehouse, make_user: MakeUser) -> None:
    reader = make_user(READER)
    assert published_rows(reader, "mine") == published_rows(postgis, "mine")
    assert [run["run_id"] for run in list_runs(reader)] == ["mine"]
    with reader.connect() as connection, postgis.connect() as all_seeing:
        for relation in (*EXPOSED, *VIEWS):
            query = f"SELECT count(*) FROM {relation}"
            (count,) = connection.execute(query).fetchall()
            assert count == all_seeing.execute(query).fetchall()[0], relation
        assert connection.execute("SELECT ST_SRID(boundary) FROM dim_geo_current LIMIT 1")


def test_a_reader_writes_nothing(make_user: MakeUser) -> None:
    reader = make_user(READER)
    statements = (
        "DELETE FROM {}",
        "INSERT INTO {} DEFAULT VALUES",
        "TRUNCATE {}",
        "UPDATE {} SET run_id = 'x'",
        "DROP TABLE {}",
        "ALTER TABLE {} ADD x int",
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
    )
    for relation in EXPOSED:
        for statement in statements:
            assert refused(reader, statement.format(relation)), (relation, statement)


def test_a_reader_makes_nothing_and_sees_no_partition(make_user: MakeUser) -> None:
    reader = make_user(READER)
    for statement in (
        "CREATE TABLE public.x (y int)",
        "CREATE TABLE runs.x (y int)",
        "CREATE VIEW meta.x AS SELECT 1",
        f"SELECT * FROM runs.{partition_name('silver_tickets', 'mine')}",
        f"SET ROLE {ETL}",
        f"SET ROLE {OWNER}",
        "SELECT * FROM pg_authid",
    ):
        assert refused(reader, statement), statement


def test_a_reader_neither_publishes_nor_drops(served: Served, make_user: MakeUser) -> None:
    reader = make_user(READER)
    for act in (lambda: publish(served.store, "mine", reader), lambda: drop(reader, "mine")):
        with pytest.raises(WarehouseError, match="may not write here"):
            act()


# The loader


def test_the_loader_publishes_and_drops_and_its_runs_can_be_changed_by_another(
    postgis_url: str, make_user: MakeUser, store: FolderStore, put_run: PutRun, project: Project
) -> None:
    put_run("mine"), put_run("other")
    fresh = open_warehouse(project.path, postgis_url)
    first, second = (make_user(ETL, at=postgis_url) for _ in range(2))
    assert open_warehouse(project.path, first.url) == first
    rows = publish(store, "mine", first)
    assert publish(store, "mine", second) == rows
    publish(store, "other", fresh)
    assert list(problems(store, second, "mine")) == []
    drop(first, "other")
    drop(second, "mine")
    with fresh.connect() as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'runs'"
        assert connection.execute(query).fetchall() == [(0,)]


def test_the_loader_does_not_change_the_schema(make_user: MakeUser) -> None:
    loader = make_user(ETL)
    for statement in (
        "CREATE TABLE public.x (y int)",
        "CREATE SCHEMA x",
        "DROP VIEW silver_tickets_current",
        "DROP TABLE meta.etl_runs",
        "ALTER TABLE meta.etl_runs ADD x int",
        "UPDATE meta.schema_version SET version_num = '0001'",
        f"SET ROLE {OWNER}",
        "CREATE EXTENSION postgis_topology",
    ):
        assert refused(loader, statement), statement


def test_the_loader_cannot_migrate_and_is_told_who_can(
    postgis_url: str, project: Project, make_user: MakeUser
) -> None:
    loader = make_user(ETL, at=postgis_url)
    with pytest.raises(WarehouseError, match="kedro warehouse migrate as a user who may"):
        open_warehouse(project.path, loader.url)


# The owner


def test_the_owner_migrates_without_being_superuser(
    postgis_url: str, project: Project, make_user: MakeUser, store: FolderStore, put_run: PutRun
) -> None:
    administrator = make_user(at=postgis_url, options="CREATEROLE")
    name = administrator.url.split("//")[1].split(":")[0]
    with psycopg.connect(postgis_url) as connection:
        connection.execute(f"GRANT CREATE ON DATABASE {postgis_url.rpartition('/')[2]} TO {name}")
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {name} WITH GRANT OPTION")
        connection.execute("CREATE EXTENSION postgis")
        for role in (OWNER, ETL):
            connection.execute(f"GRANT {role} TO {name} WITH ADMIN OPTION")
    opened = open_warehouse(project.path, administrator.url)
    assert opened.geometry_type() == "geometry(MultiPolygon,4326)"
    put_run("mine")
    publish(store, "mine", opened)
    assert open_warehouse(project.path, administrator.url, again=True) == opened
    assert list(problems(store, opened, "mine")) == []


# Nothing by default


def test_every_exposed_table_has_row_level_security_with_a_policy(postgis: Warehouse) -> None:
    query = """
        SELECT format('%s.%s', relnamespace::regnamespace, relname) FROM pg_class c
        WHERE relkind IN ('r', 'p') AND relrowsecurity
          AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'pqrs_read')
    """
    with postgis.connect() as connection:
        assert sorted(n for (n,) in connection.execute(query).fetchall()) == sorted(EXPOSED)


def test_a_user_without_a_role_sees_nothing(make_user: MakeUser) -> None:
    stranger = make_user()
    for relation in (*EXPOSED, *VIEWS, "meta.schema_version"):
        assert refused(stranger, f"SELECT * FROM {relation}"), relation


def test_a_grant_alone_shows_no_rows(postgis: Warehouse, make_user: MakeUser) -> None:
    stranger = make_user()
    name = stranger.url.split("//")[1].split(":")[0]
    with postgis.connect() as connection:
        connection.execute(f"GRANT USAGE ON SCHEMA meta TO {name}")
        for relation in (*EXPOSED, *VIEWS):
            connection.execute(f"GRANT SELECT ON {relation} TO {name}")
    with stranger.connect() as connection:
        for relation in (*EXPOSED, *VIEWS):
            # Views ask as who asks them: they leak nothing past the policies.
            assert connection.execute(f"SELECT count(*) FROM {relation}").fetchall() == [(0,)]


@pytest.fixture
def supabase(postgis_url: str) -> Iterator[str]:
    """A database as Supabase hands it over: its roles, and default grants to all of them."""
    roles = ("anon", "authenticated", "service_role")
    with psycopg.connect(postgis_url) as connection:
        for role in roles:
            connection.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN END $$"
            )
        everyone = ", ".join(roles)
        connection.execute("ALTER ROLE service_role BYPASSRLS")
        connection.execute("CREATE SCHEMA extensions")
        connection.execute(f"GRANT USAGE ON SCHEMA public, extensions TO {everyone}")
        connection.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {everyone}"
        )
    yield postgis_url
    with psycopg.connect(postgis_url) as connection:
        connection.execute(f"DROP OWNED BY {everyone}")
    with psycopg.connect(f"{postgis_server()}/postgres", autocommit=True) as connection:
        for role in roles:
            # A test beside this one may have migrated meanwhile, and granted them something.
            with suppress(psycopg.errors.DependentObjectsStillExist):
                connection.execute(f"DROP ROLE {role}")


def test_on_supabase_anon_has_nothing_the_signed_in_read_and_nobody_writes(
    supabase: str, project: Project, store: FolderStore, put_run: PutRun
) -> None:
    warehouse = open_warehouse(project.path, supabase)
    put_run("mine")
    tickets = publish(store, "mine", warehouse)["silver_tickets"]
    with warehouse.connect() as connection:
        for role in ("authenticated", "service_role"):
            connection.execute(f"SET LOCAL ROLE {role}")
            for view in ("silver_tickets", "silver_tickets_current"):
                count = connection.execute(f"SELECT count(*) FROM {view}").fetchall()
                assert count == [(tickets,)]
            connection.rollback()
        query = "SELECT has_table_privilege(%s, %s, %s)"
        for relation in (*EXPOSED, *VIEWS):
            for role in ("anon", "authenticated", "service_role"):
                for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
                    has = connection.execute(query, [role, relation, privilege]).fetchall()
                    wanted = privilege == "SELECT" and role != "anon"
                    assert has == [(wanted,)], (role, relation, privilege)
        for role in ("anon", "authenticated", "service_role"):
            closed = connection.execute("SELECT has_schema_privilege(%s, 'runs', 'USAGE')", [role])
            assert closed.fetchall() == [(False,)]


@pytest.mark.parametrize("run_id", ["x'; DROP TABLE meta.etl_runs; --", "../x", 'a"b', "x" * 65])
def test_hostile_run_ids_reach_no_statement(
    run_id: str, postgis: Warehouse, served: Served
) -> None:
    before = list_runs(postgis)
    with pytest.raises(ValueError, match="run_id"):
        publish(served.store, run_id, postgis)
    with pytest.raises(NotPublished):
        drop(postgis, run_id)
    with pytest.raises(NotPublished):
        list(problems(served.store, postgis, run_id))
    assert list_runs(postgis) == before


def test_sslmode_is_honoured(postgis: Warehouse) -> None:
    # The test's server has no TLS: who asks for it is refused, by both drivers.
    wanted = Warehouse(f"{postgis.url}?sslmode=require")
    with pytest.raises(WarehouseError, match="SSL"):
        wanted.connect()
    with pytest.raises(Exception, match="SSL"):
        wanted.connect_for_copy()
