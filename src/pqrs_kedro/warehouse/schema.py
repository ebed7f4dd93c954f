"""The warehouse's tables, from the contracts: what the migrations must come to.

Three schemas: `public` has the tables that people read, partitioned by run, and a view of the last
run for each; `runs`, which nobody is granted, has the partitions, one table per table and run;
`meta` has what is known of the runs themselves.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from pqrs_kedro.contracts import columns as contract_columns
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.contracts.tables import Table as Contract
from pqrs_kedro.external import ORIGINS, SYNTHETIC

RUNS_SCHEMA: Final = "runs"
META_SCHEMA: Final = "meta"
VERSION_TABLE: Final = "schema_version"
STATUSES: Final = ("started", "completed", "failed", "aborted", "lost")
_TYPES: Final[dict[str, type[TypeEngine[Any]]]] = {
    "string": Text,
    "int64": BigInteger,
    "float64": Double,
    "bool": Boolean,
    "date": Date,
    # EWKB; on a server with PostGIS it becomes its type afterwards (`warehouse.geometry`).
    "geometry": LargeBinary,
}
_ORIGIN: Final = "Where the raw lines come from: generated, or imported."
_ADDED: Final = " Null in runs of an earlier contract version."
_RUN_ID: Final = "Run that the row belongs to."
_WARNING: Final = (
    "Holds all runs: equal seeds give equal identifiers in every run, so a join multiplies rows "
    "unless it names the run. Read {name}_current, the last run."
)

# The tables that are served: all of silver and gold.
SERVED: Final[dict[str, Contract]] = {
    name: table for name, table in TABLES.items() if table.layer in ("silver", "gold")
}


def metadata() -> MetaData:
    """All tables but the partitions; each served table has a view `<name>_current` as well."""
    found = MetaData()
    _meta_tables(found)
    for table in SERVED.values():
        _served_table(found, table)
    return found


def _served_table(found: MetaData, table: Contract) -> None:
    columns = [Column("run_id", Text, nullable=False, comment=_RUN_ID)]
    checks = []
    for name in (*table.partitions, *table.columns):
        contract, added = table.column(name), name in table.added
        columns.append(
            Column(
                name, _type(contract), nullable=table.is_nullable(name) or added,
                comment=contract.comment + (_ADDED if added else ""),
            )
        )  # fmt: skip
        if contract.allowed is not None:
            checks.append(_one_of(table.name, name, contract.allowed))
    key = ", ".join(table.primary_key)
    comment = f"{table.grain}. Key: run_id, {key}. {_WARNING.format(name=table.name)}"
    Table(
        table.name, found, *columns, *checks, comment=comment[0].upper() + comment[1:],
        postgresql_partition_by="LIST (run_id)",
    )  # fmt: skip


def _one_of(table: str, column: str, values: Sequence[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f'"{column}" IN ({listed})', name=f"{table}_{column}_allowed")


def _type(column: contract_columns.Column) -> TypeEngine[Any]:
    if column.type == "timestamp":
        return DateTime(timezone=True)
    return _TYPES[column.type]()


def _meta_tables(found: MetaData) -> None:
    instant = DateTime(timezone=True)
    Table(
        "etl_runs", found,
        Column("run_id", Text, primary_key=True, comment="The run."),
        Column("seed", BigInteger, comment="Seed of all draws; null: nothing was drawn."),
        Column("started_at", instant, nullable=False, comment="Begin of the run. Unit: UTC."),
        Column("finished_at", instant, comment="End of the run; null while it runs. Unit: UTC."),
        Column("status", Text, nullable=False, comment="What became of the run."),
        Column("date_min", Date, nullable=False, comment="First local day of reception."),
        Column("date_max", Date, nullable=False, comment="Last local day of reception."),
        Column("git_sha", Text, comment="Commit, or hash of a tree that is none."),
        Column("config_hash", Text, comment="Hash of all parameters that can change the data."),
        Column("raw_objects_count", BigInteger, comment="Raw objects. Unit: objects."),
        Column("bronze_rows", BigInteger, comment="Rows of bronze, quarantine included."),
        Column("silver_rows", BigInteger, comment="Rows of silver, dimensions included."),
        Column("gold_rows", BigInteger, comment="Rows of gold."),
        Column("profile", Text, comment="Profile of types, terms and volume."),
        Column("fingerprint", Text, comment="Hash of what decides the data."),
        Column("digest", Text, comment="Hash over all data objects."),
        Column("published_at", instant, comment="When its tables came; null: no tables. UTC."),
        Column("host", Text, comment="Machine of the run."),
        Column("process_id", BigInteger, comment="Process of the run."),
        Column("process_started_at", Double, comment="Begin of the process. Unit: Unix seconds."),
        Column("error", Text, comment="Why a failed run failed, in one line."),
        Column("origin", Text, nullable=False, server_default=SYNTHETIC, comment=_ORIGIN),
        _one_of("etl_runs", "origin", ORIGINS),
        _one_of("etl_runs", "status", STATUSES),
        schema="meta", comment="One row per run that was begun or published. Key: run_id.",
    )  # fmt: skip
    Table(
        "data_quality", found,
        Column("run_id", Text, primary_key=True, comment=_RUN_ID),
        Column("dataset", Text, primary_key=True, comment="Table or layer that is checked."),
        Column("check_name", Text, primary_key=True, comment="What is checked."),
        Column("result", Text, nullable=False, comment="Outcome of the check."),
        Column("value", Double, comment="What was found; its unit is that of the check."),
        Column("threshold", Double, comment="The most, or the least, that passes."),
        Column("details_json", Text, nullable=False, comment="Counts and examples, as JSON."),
        _one_of("data_quality", "result", contract_columns.CHECK_RESULTS),
        schema="meta", comment="One row per run, dataset and check.",
    )  # fmt: skip
    Table(
        "manifest_index", found,
        Column("run_id", Text, primary_key=True, comment=_RUN_ID),
        Column("s3_manifest_path", Text, nullable=False, comment="Where manifest.json lies."),
        Column("s3_checksums_path", Text, nullable=False, comment="Where checksums.json lies."),
        schema="meta", comment="One row per published run: its evidence in the lake.",
    )  # fmt: skip
