"""How fast rows reach Postgres: `python -m benchmarks.warehouse_load [--runs 5]`.

Loads the served tables of the last finished run into empty tables of the embedded server, or of the
one that PQRS_WAREHOUSE_URL names (a superuser's URL), in turns:

* by `COPY … FROM STDIN (FORMAT BINARY)` of rows that Postgres has written out, in memory;
* by ADBC of the same rows as Arrow tables in memory: the load alone, which is compared with the
  former (target: at least 70 % of its speed);
* by ADBC from the lake's Parquet objects, as publication does: read, hashes and types checked.

Shows the seconds of a whole publication as well, with keys, references and statistics.
"""

import argparse
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

import pyarrow as pa
from psycopg import sql

from pqrs_kedro.lake.store import Store
from pqrs_kedro.run.config_loader import latest_pointer, project_lake
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.load import TableRows
from pqrs_kedro.warehouse.publish import publish
from pqrs_kedro.warehouse.schema import SERVED

PROJECT = Path(__file__).resolve().parents[1]
SCHEMA = "benchmark"
Readers = dict[str, pa.RecordBatchReader]
TARGET = 0.7
BINARY, ARROW, PARQUET = "COPY BINARY", "ADBC, in memory", "ADBC from Parquet"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Time loading into Postgres.")
    parser.add_argument("--runs", type=int, default=5, help="turns of each way (default 5)")
    turns = parser.parse_args().runs
    pointer = latest_pointer(PROJECT, None)
    if not pointer.is_file():
        raise SystemExit("there is no finished run yet: make run")
    run_id = pointer.read_text().strip()
    store, warehouse = project_lake(PROJECT), open_warehouse(PROJECT)
    whole = [timed_publication(store, run_id, warehouse) for _ in range(turns)]
    create_tables(warehouse)
    try:
        files = binary_copies(warehouse, run_id)
        rows = sum(part.count for part in parts(store, run_id).values())
        memory = {n: part.reader().read_all() for n, part in parts(store, run_id).items()}
        ways: dict[str, list[float]] = {BINARY: [], ARROW: [], PARQUET: []}
        for _ in range(turns):
            ways[BINARY].append(load_binary(warehouse, files))
            ways[ARROW].append(load_adbc(warehouse, {n: t.to_reader() for n, t in memory.items()}))
            readers = {name: part.reader() for name, part in parts(store, run_id).items()}
            ways[PARQUET].append(load_adbc(warehouse, readers))
    finally:
        with warehouse.connect() as connection:
            connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    print(f"run {run_id}: {rows:,} rows in {len(SERVED)} tables, {turns} turns")
    for name, seconds in ways.items():
        print(
            f"{name:<20} {rows / median(seconds):>12,.0f} rows/s   median {median(seconds):.2f} s"
        )
    ratio = median(ways[BINARY]) / median(ways[ARROW])
    verdict = "met" if ratio >= TARGET else "NOT met"
    print(f"{'ratio':<20} {ratio:>12.0%}   target >= {TARGET:.0%}: {verdict}")
    print(f"{'whole publication':<20} {median(whole):>12.1f} s")


def parts(store: Store, run_id: str) -> dict[str, TableRows]:
    """The rows of each table."""
    run = read_run(store, run_id)
    by_key = {item.key: item for item in run.objects}
    return {
        name: TableRows(store, table, [by_key[key] for key in run.manifest["paths"][name]])
        for name, table in SERVED.items()
    }


def timed_publication(store: Store, run_id: str, warehouse: Warehouse) -> float:
    """Seconds of a whole publication."""
    began = perf_counter()
    publish(store, run_id, warehouse)
    return perf_counter() - began


def create_tables(warehouse: Warehouse) -> None:
    """Empty tables without keys, as a load finds them."""
    with warehouse.connect() as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for name in SERVED:
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS)").format(
                    sql.Identifier(SCHEMA, name), sql.Identifier("public", name)
                )
            )
            connection.execute(
                sql.SQL("ALTER TABLE {} ALTER run_id SET DEFAULT 'benchmark'").format(
                    sql.Identifier(SCHEMA, name)
                )
            )


def binary_copies(warehouse: Warehouse, run_id: str) -> dict[str, list[bytes]]:
    """The rows of each table in Postgres's binary form."""
    query = sql.SQL("COPY (SELECT * FROM {} WHERE run_id = {}) TO STDOUT (FORMAT BINARY)")
    found = {}
    with warehouse.connect() as connection:
        for name in SERVED:
            statement = query.format(sql.Identifier("public", name), run_id)
            with connection.cursor().copy(statement) as copy:
                found[name] = [bytes(block) for block in copy]
    return found


def load_binary(warehouse: Warehouse, files: dict[str, list[bytes]]) -> float:
    """Seconds of `COPY BINARY` into emptied tables."""
    with warehouse.connect() as connection:
        empty(connection)
        began = perf_counter()
        for name, blocks in files.items():
            statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)")
            with connection.cursor().copy(statement.format(sql.Identifier(SCHEMA, name))) as copy:
                for block in blocks:
                    copy.write(block)
        connection.commit()
        return perf_counter() - began


def load_adbc(warehouse: Warehouse, readers: Readers) -> float:
    """Seconds of ADBC into emptied tables."""
    with (
        closing(warehouse.connect_for_copy()) as connection,
        closing(connection.cursor()) as cursor,
    ):
        for name in readers:
            cursor.execute(f"TRUNCATE {SCHEMA}.{name}")
        began = perf_counter()
        for name, reader in readers.items():
            cursor.adbc_ingest(name, reader, mode="append", db_schema_name=SCHEMA)
        connection.commit()
        return perf_counter() - began


def empty(connection: object) -> None:
    """Take all rows out, in the transaction that loads: neither way writes WAL."""
    for name in SERVED:
        connection.execute(f"TRUNCATE {SCHEMA}.{name}")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
