"""Publication: a run of the lake becomes readable in Postgres, whole or not at all.

Everything happens in one transaction on one connection: tables of the run's own are made, filled,
given their keys, and attached to the tables that people read, together with what `meta` says of the
run. Readers see nothing of it until it is committed; a process that is killed leaves nothing.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any, Final

from psycopg import sql

from pqrs_kedro.contracts.tables import TABLES, Table
from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.manifest import CommittedRun, read_run
from pqrs_kedro.run.repetition import check_repetition
from pqrs_kedro.warehouse.access import ETL
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.errors import WarehouseError
from pqrs_kedro.warehouse.load import TableRows
from pqrs_kedro.warehouse.schema import RUNS_SCHEMA, SERVED

LOGGER = logging.getLogger("pqrs_kedro.warehouse")
QUALITY: Final = "data_quality"
# Publishers of different runs take turns. The numbers are arbitrary, and ours.
_LOCK: Final = 7_177_002
_RUN_LOCKS: Final = 7_177_003
# How long readers are waited for.
PATIENCE_SECONDS: Final = 60
LOCKED: Final = "55P03"
_FORBIDDEN: Final = "42501"

Execute = Callable[[sql.Composable], None]


def publish(store: Store, run_id: str, warehouse: Warehouse) -> dict[str, int]:
    """Publish a committed run, in place of what is published of it; rows by table.

    Raises:
        RunNotFound: the run has no manifest.
        WarehouseError: an object is not what it was, readers do not make way, somebody else is
            publishing the run, or the user may not.
    """
    run = read_run(store, run_id)
    rows = {name: _rows(store, run, table) for name, table in SERVED.items()}
    with (
        closing(warehouse.connect_for_copy()) as connection,
        closing(connection.cursor()) as cursor,
    ):

        def execute(statement: sql.Composable) -> None:
            cursor.execute(statement.as_string())

        _take_turn(cursor, run_id, warehouse)
        for name, part in rows.items():
            _create(execute, name, run_id)
            _load(cursor, name, run_id, part)
        _constrain(execute, run_id)
        try:
            _switch(execute, run_id, [*_meta_statements(store, run)])
        except Exception as error:
            if getattr(error, "sqlstate", None) == LOCKED:
                raise WarehouseError(held(run_id)) from None
            raise
        connection.commit()
    _report_nul(run_id, rows)
    return {name: part.count for name, part in rows.items()}


def _take_turn(cursor: Any, run_id: str, warehouse: Warehouse) -> None:
    """Act as the loader; be the only publisher of the run, and wait for those of other runs.

    Role and locks are the transaction's: a pooler may give the next one another session.
    """
    try:
        cursor.execute(f"SET LOCAL ROLE {ETL}")
    except Exception as error:
        if getattr(error, "sqlstate", None) == _FORBIDDEN:
            raise warehouse.may_not_write() from None
        raise
    number = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4], signed=True)
    cursor.execute(f"SELECT pg_try_advisory_xact_lock({_RUN_LOCKS}, {number})")
    if not cursor.fetchone()[0]:
        raise WarehouseError(
            f"run {run_id} is being published by another process; nothing was changed"
        )
    cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    cursor.fetchall()


def _load(cursor: Any, table: str, run_id: str, rows: TableRows) -> None:
    try:
        # ADBC takes the names of schema and table as they are.
        cursor.adbc_ingest(
            _draft(table, run_id), rows.reader(), mode="append", db_schema_name=RUNS_SCHEMA
        )
    except Exception:
        # What stopped the rows comes back from the driver as an error of its own.
        if rows.refusal is not None:
            raise rows.refusal from None
        raise


def held(run_id: str) -> str:
    """What a person is told whose change readers did not let pass."""
    return f"run {run_id} is not changed: readers hold its tables since {PATIENCE_SECONDS} s"


def _rows(store: Store, run: CommittedRun, table: Table) -> TableRows:
    """The run's rows of a table, objects in key order; none where the run lacks the table."""
    keys = set(run.manifest["paths"].get(table.name, ()))
    found = sorted((item for item in run.objects if item.key in keys), key=lambda item: item.key)
    return TableRows(store, table, found)


def partition_name(table: str, run_id: str) -> str:
    """The table of one run, in the schema of runs: a hash, as names end after 63 bytes."""
    return f"{table}_{hashlib.sha256(run_id.encode()).hexdigest()[:16]}"


def _draft(table: str, run_id: str) -> str:
    return f"{partition_name(table, run_id)}_new"


def _in_runs(name: str) -> sql.Identifier:
    return sql.Identifier(RUNS_SCHEMA, name)


def _create(execute: Execute, table: str, run_id: str) -> None:
    """An empty table of the run, with the checks of its parent; its run_id fills itself."""
    names = {"draft": _in_runs(_draft(table, run_id)), "parent": sql.Identifier("public", table)}
    execute(
        sql.SQL(
            "CREATE TABLE {draft} (LIKE {parent} INCLUDING CONSTRAINTS INCLUDING COMMENTS "
            "INCLUDING INDEXES, CHECK (run_id = {run}))"
        ).format(**names, run=run_id)
    )
    execute(
        sql.SQL("ALTER TABLE {draft} ALTER run_id SET DEFAULT {run}").format(**names, run=run_id)
    )
    execute(
        sql.SQL("COMMENT ON TABLE {draft} IS {text}").format(
            **names, text=f"{table} of run {run_id}"
        )
    )


def _constrain(execute: Execute, run_id: str) -> None:
    """Primary keys, foreign keys to tables of the same run, and statistics."""
    for table in SERVED.values():
        execute(
            sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(
                _in_runs(_draft(table.name, run_id)), _names(table.primary_key)
            )
        )
    for table in SERVED.values():
        for column, other, key in table.foreign_keys:
            execute(
                sql.SQL("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({})").format(
                    _in_runs(_draft(table.name, run_id)),
                    sql.Identifier(column),
                    _in_runs(_draft(other, run_id)),
                    sql.Identifier(key),
                )
            )
        execute(sql.SQL("ANALYZE {}").format(_in_runs(_draft(table.name, run_id))))


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _switch(execute: Execute, run_id: str, meta: Sequence[sql.Composable]) -> None:
    """Put the new tables in the place of what the run had before."""
    statements = [drop_statement(run_id)]
    for table in SERVED:
        new = _in_runs(_draft(table, run_id))
        name = partition_name(table, run_id)
        statements += [
            sql.SQL("ALTER TABLE {} RENAME TO {}").format(new, sql.Identifier(name)),
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                sql.Identifier("public", table), _in_runs(name), run_id
            ),
        ]
    execute(lock_statement())
    for statement in (*statements, *meta):
        execute(statement)


def lock_statement() -> sql.Composable:
    """Keep readers off all served tables until the end of the transaction.

    Without it, a reader that planned its query before the switch and looks for the current run
    after it would find no rows of that run. Readers who are there are waited for, a second at a
    time, so that new ones never queue for long; after a while it fails with SQLSTATE 55P03.
    """
    tables = sql.SQL(", ").join(sql.Identifier("public", table) for table in SERVED)
    return sql.SQL(
        """
        DO $$
        DECLARE
            deadline CONSTANT timestamptz := clock_timestamp() + {patience} * interval '1 second';
        BEGIN
            SET LOCAL lock_timeout = '1s';
            LOOP
                BEGIN
                    LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
                    EXIT;
                EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                    IF clock_timestamp() > deadline THEN
                        RAISE;
                    END IF;
                    PERFORM pg_sleep(0.2);
                END;
            END LOOP;
        END
        $$
        """
    ).format(patience=PATIENCE_SECONDS, tables=tables)


def drop_statement(run_id: str) -> sql.Composable:
    """Drop all tables of a run, if any; at once, as they refer to each other."""
    tables = [_in_runs(partition_name(table, run_id)) for table in SERVED]
    return sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL(", ").join(tables))


def _meta_statements(store: Store, run: CommittedRun) -> Iterator[sql.Composable]:
    """What `meta` says of a published run; the facts come from its manifest."""
    yield _upsert("etl_runs", etl_run(run.manifest) | {"published_at": datetime.now(UTC)})
    yield from forget_statements(run.run_id)
    checksums = run.manifest_path.replace("manifest.json", "checksums.json")
    paths = {
        "run_id": run.run_id,
        "s3_manifest_path": store.location(run.manifest_path),
        "s3_checksums_path": store.location(checksums),
    }
    yield _insert("manifest_index", paths)
    # None for a run that was made without checks.
    for row in _rows(store, run, TABLES[QUALITY]).reader().read_all().to_pylist():
        yield _insert(QUALITY, {"run_id": run.run_id, **row})
    for check in check_repetition(store, run):
        yield _insert(QUALITY, {"run_id": run.run_id, **check.as_row()})


def forget_statements(run_id: str) -> Iterator[sql.Composable]:
    """Remove what `meta` says of a run's data; its row of `etl_runs` stays."""
    for table in (QUALITY, "manifest_index"):
        yield sql.SQL("DELETE FROM {} WHERE run_id = {}").format(
            sql.Identifier("meta", table), run_id
        )


def etl_run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The row of `meta.etl_runs` of a committed run."""
    inputs, rows = manifest["inputs"], manifest["rows_by_layer"]
    return {
        "run_id": manifest["run_id"],
        "seed": inputs["seed"],
        "started_at": datetime.fromisoformat(manifest["started_at"]),
        "finished_at": datetime.fromisoformat(manifest["finished_at"]),
        "status": "completed",
        "date_min": date.fromisoformat(inputs["date_min"]),
        "date_max": date.fromisoformat(inputs["date_max"]),
        "git_sha": inputs["git_sha"],
        "config_hash": inputs["config_hash"],
        "raw_objects_count": manifest["datasets"]["raw_events"]["objects"],
        "bronze_rows": rows["bronze"],
        "silver_rows": rows["silver"],
        "gold_rows": rows["gold"],
        "profile": inputs["profile"],
        "fingerprint": manifest["fingerprint"],
        "digest": manifest["digest"],
        "error": None,
        "origin": manifest["origin"],
    }


def _upsert(table: str, row: Mapping[str, Any]) -> sql.Composable:
    changed = [
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name))
        for name in row
        if name != "run_id"
    ]
    return sql.SQL("{} ON CONFLICT (run_id) DO UPDATE SET {}").format(
        _insert(table, row), sql.SQL(", ").join(changed)
    )


def _insert(table: str, row: Mapping[str, Any]) -> sql.Composable:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier("meta", table),
        _names(list(row)),
        sql.SQL(", ").join(map(sql.Literal, row.values())),
    )


def _report_nul(run_id: str, rows: Mapping[str, TableRows]) -> None:
    found = {name: part.texts_with_nul for name, part in rows.items() if part.texts_with_nul}
    if found:
        LOGGER.warning(
            "run %s: NUL, which Postgres cannot hold, was replaced by U+FFFD; texts by table: %s",
            run_id,
            json.dumps(found),
        )
