"""The warehouse as a run sees it: a URL, connections, and a schema that is up to date."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pqrs_kedro.warehouse.access import ETL
from pqrs_kedro.warehouse.errors import WarehouseError, first_line
from pqrs_kedro.warehouse.migrate import upgrade
from pqrs_kedro.warehouse.placement import place
from pqrs_kedro.warehouse.server import DATABASE, EmbeddedServer

URL_VARIABLE: Final = "PQRS_WAREHOUSE_URL"
_PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True)
class Warehouse:
    """A Postgres server with the project's schema."""

    url: str
    """libpq URL with the password; for clients on this machine where the server is embedded."""

    def connect(self) -> psycopg.Connection[Any]:
        """A connection for SQL, without prepared statements: poolers may stand in between.

        Raises:
            WarehouseError: the server cannot be reached.
        """
        return _connect(self.url)

    def connect_to_write(self) -> psycopg.Connection[Any]:
        """A connection whose first transaction has the rights of the loader, `pqrs_etl`.

        What it writes belongs to that role, whoever logs in.

        Raises:
            WarehouseError: the server cannot be reached, or the user is not granted the role.
        """
        connection = _connect(self.url)
        try:
            connection.execute(f"SET LOCAL ROLE {ETL}")
        except psycopg.errors.InsufficientPrivilege:
            connection.close()
            raise self.may_not_write() from None
        return connection

    def may_not_write(self) -> WarehouseError:
        """What is said to a user who is not granted the loader's role."""
        user = conninfo_to_dict(self.url).get("user") or "that logs in"
        return WarehouseError(
            f"user {user} may not write here: an administrator can GRANT {ETL} to it"
        )

    def geometry_type(self) -> str:
        """Type of the column of municipal boundaries: `bytea`, or PostGIS's."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = 'public.dim_geo'::regclass AND attname = 'boundary'"
            ).fetchone()
        return str(row[0]) if row else "none"

    def connect_for_copy(self) -> Any:
        """An ADBC connection (DB-API), which copies Arrow batches."""
        import adbc_driver_postgresql.dbapi as adbc

        return adbc.connect(self.url)


def open_warehouse(project: Path, url: str | None = None, again: bool = False) -> Warehouse:
    """The warehouse, its server up and its schema at head.

    Args:
        project: the project whose embedded server is meant.
        url: another server; null takes PQRS_WAREHOUSE_URL, and the embedded one where that is not
            set.
        again: see to roles, grants and PostGIS even if the schema is at head.

    Raises:
        WarehouseError: there is no server to be had.
    """
    url = url or os.environ.get(URL_VARIABLE) or _embedded(project)
    warehouse = Warehouse(url)
    with warehouse.connect() as connection:
        upgrade(connection, again)
    return warehouse


def _embedded(project: Path) -> str:
    url = EmbeddedServer(place(project)).start()
    with _connect(url.removesuffix(DATABASE) + "postgres") as connection:
        connection.autocommit = True
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    return url


def _connect(url: str) -> psycopg.Connection[Any]:
    deadline = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return psycopg.connect(url, prepare_threshold=None, connect_timeout=10)
        except psycopg.OperationalError as error:
            starting = "starting up" in str(error) or "recovery" in str(error)
            if not starting or monotonic() > deadline:
                raise WarehouseError(
                    f"the warehouse cannot be reached: {first_line(error)}"
                ) from None
            sleep(0.1)
