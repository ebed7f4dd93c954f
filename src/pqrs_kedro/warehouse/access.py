"""Who may do what in the warehouse: three roles, row-level security, and nothing by default.

* `pqrs_owner` has the schemas, the views and `meta`, and changes the schema.
* `pqrs_etl` has the served tables, since only a table's owner may attach partitions and lock
  readers out for the switch; it writes `meta`.
* `pqrs_reader` reads what is served and `meta`, never the partitions themselves.

None of them logs in: users are granted them. On Supabase `authenticated` and `service_role` read as
well, and `anon` nothing, whatever that server grants by default.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql

from pqrs_kedro.warehouse.errors import WarehouseError
from pqrs_kedro.warehouse.schema import META_SCHEMA, RUNS_SCHEMA, SERVED, VERSION_TABLE, metadata

if TYPE_CHECKING:
    import psycopg

OWNER: Final = "pqrs_owner"
ETL: Final = "pqrs_etl"
READER: Final = "pqrs_reader"
ROLES: Final = (OWNER, ETL, READER)
# Supabase's: who asks through its API with a token, its back end, and anybody.
READING_GUESTS: Final = ("authenticated", "service_role")
GUESTS: Final = (*READING_GUESTS, "anon")
# Roles belong to the whole server: another database may be making the same ones now.
_MADE_MEANWHILE: Final = "duplicate_object OR unique_violation OR internal_error"


def secure(connection: "psycopg.Connection[Any]") -> None:
    """Bring owners, policies and grants to what this module says; again if need be."""
    guests = [name for name in GUESTS if _exists(connection, name)]
    for statement in (*_owners(connection), *_policies(guests), *_grants(guests)):
        connection.execute(statement)


def make_roles(connection: "psycopg.Connection[Any]") -> None:
    """Make the roles that are missing; who migrates may act as owner and loader.

    Raises:
        WarehouseError: a role is missing, and the user may not make it.
    """
    missing = [name for name in ROLES if not _exists(connection, name)]
    try:
        for name in missing:
            _tolerantly(connection, sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        # The owner hands tables to the one who loads them; who migrates acts as the owner.
        _join(connection, ETL, OWNER)
        user = connection.info.user
        for name in (OWNER, ETL):
            _join(connection, name, user)
    except errors.InsufficientPrivilege:
        raise WarehouseError(
            f"user {connection.info.user} may not make the roles {', '.join(ROLES)}: migrate as a "
            "user who may (docs/warehouse.md)"
        ) from None


def _exists(connection: "psycopg.Connection[Any]", role: str) -> bool:
    found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    return found.fetchone() is not None


def _join(connection: "psycopg.Connection[Any]", group: str, member: str) -> None:
    row = connection.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [member, group]).fetchone()
    if row is not None and not row[0]:
        grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(member))
        _tolerantly(connection, grant)


def _tolerantly(connection: "psycopg.Connection[Any]", statement: sql.Composed) -> None:
    """Execute what another database may have done by now."""
    connection.execute(
        sql.SQL("DO $$ BEGIN {}; EXCEPTION WHEN {} THEN NULL; END $$").format(
            statement, sql.SQL(_MADE_MEANWHILE)
        )
    )


def _owners(connection: "psycopg.Connection[Any]") -> Iterator[sql.Composed]:
    owner, etl = sql.Identifier(OWNER), sql.Identifier(ETL)
    for schema in (META_SCHEMA, RUNS_SCHEMA):
        yield sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(sql.Identifier(schema), owner)
    # A new owner must be allowed to make what it gets; not for longer.
    public = [(role, schema) for role in (OWNER, ETL) for schema in ("public", RUNS_SCHEMA)]
    for role, schema in public:
        yield _on_schema("GRANT CREATE, USAGE", schema, role)
    for table in _served():
        yield sql.SQL("ALTER TABLE {} OWNER TO {}").format(table, etl)
    for name in _partitions(connection):
        yield sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(RUNS_SCHEMA, name), etl)
    for table in _meta_tables():
        yield sql.SQL("ALTER TABLE {} OWNER TO {}").format(table, owner)
    for view in _views():
        yield sql.SQL("ALTER VIEW {} OWNER TO {}").format(view, owner)
    for role in (OWNER, ETL):
        yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(role))


def _partitions(connection: "psycopg.Connection[Any]") -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tableowner <> %s"
    return [str(name) for (name,) in connection.execute(query, [RUNS_SCHEMA, ETL]).fetchall()]


def _policies(guests: Sequence[str]) -> Iterator[sql.Composed]:
    """All rows to those who read; to the loader the rows of `meta` that it writes."""
    readers = sql.SQL(", ").join(
        map(sql.Identifier, (READER, *(name for name in guests if name in READING_GUESTS)))
    )
    for table in (*_served(), *_meta_tables()):
        yield sql.SQL("DROP POLICY IF EXISTS pqrs_read ON {}").format(table)
        yield sql.SQL("CREATE POLICY pqrs_read ON {} FOR SELECT TO {} USING (true)").format(
            table, readers
        )
    for table in _meta_tables():
        yield sql.SQL("DROP POLICY IF EXISTS pqrs_write ON {}").format(table)
        yield sql.SQL("CREATE POLICY pqrs_write ON {} TO {} USING (true) WITH CHECK (true)").format(
            table, sql.Identifier(ETL)
        )


def _grants(guests: Sequence[str]) -> Iterator[sql.Composed]:
    readers = [READER, *(name for name in guests if name in READING_GUESTS)]
    version = sql.Identifier(META_SCHEMA, VERSION_TABLE)
    shown = [*_served(), *_meta_tables(), *_views()]
    for relation in (*shown, version):
        for role in ("public", *guests):
            yield _grant("REVOKE ALL ON {} FROM {}", relation, role)
    for role in ("public", *guests):
        yield _on_schema("REVOKE ALL", RUNS_SCHEMA, role)
    for role in (ETL, *readers):
        yield _on_schema("GRANT USAGE", META_SCHEMA, role)
        yield _on_schema("GRANT USAGE", "public", role)
        for relation in (*shown, version):
            yield _grant("GRANT SELECT ON {} TO {}", relation, role)
    for relation in _meta_tables():
        yield _grant("GRANT INSERT, UPDATE, DELETE ON {} TO {}", relation, ETL)


def _grant(text: str, relation: sql.Composable, role: str) -> sql.Composed:
    return sql.SQL(text).format(relation, _role(role))


def _on_schema(text: str, schema: str, role: str) -> sql.Composed:
    word = "FROM" if text.startswith("REVOKE") else "TO"
    return sql.SQL(f"{text} ON SCHEMA {{}} {word} {{}}").format(sql.Identifier(schema), _role(role))


def _role(name: str) -> sql.Composable:
    """PUBLIC is a word of SQL, all others are names."""
    return sql.SQL("PUBLIC") if name == "public" else sql.Identifier(name)


def _served() -> list[sql.Identifier]:
    return [sql.Identifier("public", name) for name in SERVED]


def _meta_tables() -> list[sql.Identifier]:
    names = [table.name for table in metadata().sorted_tables if table.schema == META_SCHEMA]
    return [sql.Identifier(META_SCHEMA, name) for name in names]


def _views() -> list[sql.Identifier]:
    current = [sql.Identifier("public", f"{name}_current") for name in SERVED]
    return [sql.Identifier(META_SCHEMA, "current_run"), *current]
