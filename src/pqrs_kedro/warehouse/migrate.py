"""The schema brought to its head, by Alembic; then roles, and what else depends on the server."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors

from pqrs_kedro.warehouse.access import make_roles, secure
from pqrs_kedro.warehouse.errors import WarehouseError, first_line
from pqrs_kedro.warehouse.geometry import use_postgis
from pqrs_kedro.warehouse.schema import VERSION_TABLE

if TYPE_CHECKING:
    import psycopg
    from alembic.config import Config

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
# Two processes that migrate at once: one waits. The number is arbitrary, and ours.
_LOCK: Final = 7_177_001


def upgrade(connection: "psycopg.Connection[Any]", again: bool = False) -> None:
    """Run the migrations that the database has not had, in one transaction.

    Args:
        connection: as a user who may.
        again: see to roles, grants and PostGIS even if there is no migration to run.

    Raises:
        WarehouseError: the user may not.
    """
    try:
        if again or _version(connection) != head():
            _migrate(connection)
    except Exception as error:
        # SQLAlchemy has errors of its own around those of the driver.
        cause = getattr(error, "orig", error)
        if not isinstance(cause, errors.InsufficientPrivilege):
            raise
        raise WarehouseError(
            f"user {connection.info.user} may not bring the schema to {head()} "
            f"({first_line(cause)}): kedro warehouse migrate as a user who may"
        ) from None


def _migrate(connection: "psycopg.Connection[Any]") -> None:
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool
    )
    with engine.connect() as alchemy:
        alchemy.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        alchemy.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS meta")
        config = configuration()
        config.attributes["connection"] = alchemy
        command.upgrade(config, "head")
        make_roles(connection)
        use_postgis(connection)
        secure(connection)
        alchemy.commit()


def configuration() -> "Config":
    """Alembic's settings: there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def head() -> str:
    """The newest migration: files are numbered, and Alembic takes half a second to say the same."""
    return max(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]


def _version(connection: "psycopg.Connection[Any]") -> str | None:
    found = connection.execute("SELECT to_regclass(%s)", [f"meta.{VERSION_TABLE}"]).fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute(f"SELECT version_num FROM meta.{VERSION_TABLE}").fetchone()  # noqa: S608
    return str(row[0]) if row else None
