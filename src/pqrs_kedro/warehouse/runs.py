"""What the warehouse knows of runs: begun, ended, lost, published, dropped."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psutil
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pqrs_kedro.external import EXTERNAL, SYNTHETIC
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.run.identity import Fingerprint
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.errors import NotPublished, WarehouseError
from pqrs_kedro.warehouse.publish import drop_statement, forget_statements, held, lock_statement
from pqrs_kedro.warehouse.schema import SERVED

# Two clocks tell when a process began; they agree to within this.
_CLOCK_SECONDS: Final = 1.0


def record_started(
    warehouse: Warehouse, parameters: RunParameters, fingerprint: Fingerprint, started_at: datetime
) -> None:
    """Note that this process begins a run, or goes on with one that was stopped."""
    row = {
        "run_id": parameters.run_id,
        "seed": parameters.seed,
        "started_at": started_at,
        "finished_at": None,
        "status": "started",
        "date_min": parameters.date_min,
        "date_max": parameters.date_max,
        "git_sha": fingerprint.code,
        "config_hash": fingerprint.config_hash,
        "profile": parameters.profile,
        "fingerprint": fingerprint.value,
        "host": socket.gethostname(),
        "process_id": psutil.Process().pid,
        "process_started_at": psutil.Process().create_time(),
        "error": None,
        "origin": SYNTHETIC if parameters.external is None else EXTERNAL,
    }
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    changed = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in row
    )
    with warehouse.connect_to_write() as connection:
        connection.execute(
            sql.SQL(
                "INSERT INTO meta.etl_runs ({}) VALUES ({}) ON CONFLICT (run_id) DO UPDATE SET {}"
            ).format(names, sql.SQL(", ").join(map(sql.Placeholder, row)), changed),
            row,
        )


def record_ended(warehouse: Warehouse, run_id: str, status: str, error: str) -> None:
    """Note that a run failed or was aborted, and why; it has no data here."""
    with warehouse.connect_to_write() as connection:
        connection.execute(
            "UPDATE meta.etl_runs SET status = %s, finished_at = %s, error = %s "
            "WHERE run_id = %s AND status = 'started'",
            [status, datetime.now(UTC), error, run_id],
        )


def mark_lost(warehouse: Warehouse) -> list[str]:
    """Give begun runs of this machine whose process is gone the status `lost`; their ids."""
    with warehouse.connect_to_write() as connection:
        begun = connection.execute(
            "SELECT run_id, process_id, process_started_at FROM meta.etl_runs "
            "WHERE status = 'started' AND host = %s ORDER BY run_id FOR UPDATE",
            [socket.gethostname()],
        ).fetchall()
        lost = [str(run_id) for run_id, pid, since in begun if not _lives(int(pid), since)]
        connection.execute(
            "UPDATE meta.etl_runs SET status = 'lost', finished_at = %s WHERE run_id = ANY(%s)",
            [datetime.now(UTC), lost],
        )
    return lost


def _lives(pid: int, since: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - since) < _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False


def drop(warehouse: Warehouse, run_id: str) -> None:
    """Drop a run's tables; its row of `meta.etl_runs` stays, without `published_at`.

    Raises:
        NotPublished: the run is not in the warehouse.
        WarehouseError: readers do not make way.
    """
    try:
        with warehouse.connect_to_write() as connection:
            _drop(connection, run_id)
    except psycopg.errors.LockNotAvailable:
        raise WarehouseError(held(run_id)) from None


def _drop(connection: psycopg.Connection[Any], run_id: str) -> None:
    changed = connection.execute(
        "UPDATE meta.etl_runs SET published_at = NULL "
        "WHERE run_id = %s AND published_at IS NOT NULL",
        [run_id],
    )
    if not changed.rowcount:
        raise NotPublished(run_id)
    for statement in (lock_statement(), drop_statement(run_id), *forget_statements(run_id)):
        connection.execute(statement.as_string())


def erase(warehouse: Warehouse, run_id: str) -> None:
    """Remove everything of a run: its tables, and its rows in `meta`; for a purge.

    Raises:
        WarehouseError: readers do not make way.
    """
    forgotten = sql.SQL("DELETE FROM meta.etl_runs WHERE run_id = {}").format(run_id)
    statements = (drop_statement(run_id), *forget_statements(run_id), forgotten)
    try:
        with warehouse.connect_to_write() as connection:
            for statement in (lock_statement(), *statements):
                connection.execute(statement.as_string())
    except psycopg.errors.LockNotAvailable:
        raise WarehouseError(held(run_id)) from None


def list_runs(warehouse: Warehouse) -> list[dict[str, Any]]:
    """All rows of `meta.etl_runs`, the latest first."""
    with warehouse.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute("SELECT * FROM meta.etl_runs ORDER BY started_at DESC").fetchall()


def find_run(warehouse: Warehouse, run_id: str) -> Mapping[str, Any] | None:
    """A run's row of `meta.etl_runs`."""
    with warehouse.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute("SELECT * FROM meta.etl_runs WHERE run_id = %s", [run_id]).fetchone()


def published_rows(warehouse: Warehouse, run_id: str) -> dict[str, int]:
    """Rows that the warehouse has of a run, by table."""
    with warehouse.connect() as connection:
        found = {}
        for name in SERVED:
            query = sql.SQL("SELECT count(*) FROM {} WHERE run_id = %s")
            row = connection.execute(query.format(sql.Identifier("public", name)), [run_id])
            found[name] = int((row.fetchone() or (0,))[0])
        return found
