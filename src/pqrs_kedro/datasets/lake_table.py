"""A table of the lake as a Kedro dataset: a query in, hashed Parquet objects of one run out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _
from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from pqrs_kedro.contracts.schema import arrow_schema, check_batch, stream_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import compute, drop
from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.layout import object_key, table_pattern
from pqrs_kedro.lake.objects import LakeObject, put
from pqrs_kedro.lake.parquet import ROW_GROUP_ROWS, cut_partitions, encode_object
from pqrs_kedro.lake.store import Store, open_store
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.memory import give_back

# Encoding and hashing release Python's lock; two objects at a time keep two cores busy.
_ENCODERS: Final = 2
# Bytes of rows that are worth a thread of their own.
_LARGE: Final = 1 << 18
# Rows that are sorted together where a table has many months: sorting more would spill them all.
_SORTED_ROWS: Final = 250_000
# Bytes of the objects of a table that is kept in the engine: some 60 MB there.
_KEPT_BYTES: Final = 8 << 20
# A query, queries that are the table together, or its rows.
Rows: TypeAlias = ibis.Table | Sequence[ibis.Table] | pa.Table
# An object ready to be written: key, content, rows, logical hash.
Encoded: TypeAlias = tuple[str, pa.Buffer, int, str]
# Of a geometry, which may have many thousands.
_SHOWN_BYTES: Final = 200


class LakeTable(AbstractDataset[Rows, ibis.Table]):
    """One contract table of one run.

    `save` runs the query once, ordered by partition and key, checks the rows against the contract
    and creates one object per partition; queries that are the table together run one after the
    other before. It may be called several times, each with partitions of its own. `load` gives an
    Ibis table with the stored columns and the partition columns; instants are UTC without a zone,
    `day` is a date.
    """

    def __init__(
        self,
        *,
        table: str,
        path: str,
        run_id: str,
        engine: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if table not in TABLES:
            raise DatasetError(f"table: {table!r} has no contract; known: {', '.join(TABLES)}")
        self._table = TABLES[table]
        self._path = path
        self._run_id = run_id
        self._engine = EngineSettings(**(engine or {}))
        self.metadata = metadata
        self.objects: list[LakeObject] = []
        self.saved = False

    def save(self, data: Rows) -> None:
        """Create the table's objects of this run."""
        store = open_store(self._path)
        self.saved = True
        parts = (
            (object_key(self._table, partition, self._run_id, part), rows)
            for partition, part, rows in cut_partitions(self._table, self._batches(data))
        )
        self.objects.extend(self._write(store, parts))

    def _write(self, store: Store, parts: Iterable[tuple[str, pa.Table]]) -> Iterator[LakeObject]:
        """Create an object for each key and its rows; as many at a time as the store takes."""

        def encode(part: tuple[str, pa.Table]) -> Encoded:
            key, rows = part
            content, logical = encode_object(self._table, rows)
            return key, content, rows.num_rows, logical

        def create(item: Encoded) -> LakeObject:
            return put(store, *item)

        encoded = in_order(
            encode, parts, 2 * _ENCODERS, lambda part: part[1].nbytes, alone_from=_LARGE
        )
        return in_order(
            create, encoded, store.in_flight, lambda item: item[1].size, store.alone_from
        )

    def _batches(self, data: Rows) -> Iterator[pa.RecordBatch]:
        schema = stream_schema(self._table)
        for batch in self._ordered(data):
            table = pa.Table.from_batches([batch]).select(schema.names).cast(_nullable(schema))
            for piece in table.combine_chunks().to_batches():
                check_batch(self._table, piece)
                yield piece.cast(schema)

    def _ordered(self, data: Rows) -> Iterable[pa.RecordBatch]:
        keys = list(dict.fromkeys((*self._table.partitions, *self._table.order_by)))
        if isinstance(data, pa.Table):
            return data.sort_by([(name, "ascending") for name in keys]).to_batches()
        names = dict.fromkeys((*self._table.partitions, *self._table.columns))
        in_text = {name: _[name].cast("string") for name in self._table.partitions}
        return (
            batch
            for rows in self._sortable(data)
            for batch in rows.mutate(**in_text)
            .select(*names)
            .order_by(*keys)
            .to_pyarrow_batches(chunk_size=ROW_GROUP_ROWS)
        )

    def _sortable(self, data: ibis.Table | Sequence[ibis.Table]) -> Iterator[ibis.Table]:
        """The rows, so many months at a time as are sorted in memory."""
        if isinstance(data, ibis.Table) and "month" not in self._table.partitions:
            yield data
            return
        connection = ENGINE.connect(self._engine)
        staged = compute(connection, f"rows_of_{self._table.name}", data)
        give_back()
        if int(staged.count().to_pyarrow().as_py()) <= _SORTED_ROWS:
            yield staged
        else:
            months = staged.select("month").distinct().order_by("month").to_pyarrow()["month"]
            for month in months.to_pylist():
                yield staged.filter(_.month.identical_to(month))
                give_back()
        drop(connection, staged.get_name())

    def load(self) -> ibis.Table:
        """The run's rows: lazily, or, where they are few, read once for all who load them.

        Of some hundred small objects each query takes longer to open them than to answer.
        """
        store = open_store(self._path)
        keys = store.glob(table_pattern(self._table, self._run_id))
        if not keys:
            return self._empty(store)
        objects = self._table.name, self._path, *keys
        if objects in ENGINE.kept:
            return ENGINE.kept[objects]
        rows, size = self._scan(store, keys)
        if size <= _KEPT_BYTES:
            others = sum(table == self._table.name for table, *_ in ENGINE.kept)
            name = f"kept_{self._table.name}_{others}"
            rows = ENGINE.kept[objects] = compute(ENGINE.connect(self._engine), name, rows)
        return rows

    def scan(self) -> ibis.Table:
        """The run's rows, always lazily: for who may not need them."""
        store = open_store(self._path)
        keys = store.glob(table_pattern(self._table, self._run_id))
        return self._scan(store, keys)[0] if keys else self._empty(store)

    def _scan(self, store: Store, keys: Sequence[str]) -> tuple[ibis.Table, int]:
        """The rows of objects, lazily, and their bytes."""
        connection = ENGINE.connect(self._engine)
        files = store.local(keys, ENGINE.scratch)
        rows = connection.sql(f"SELECT * FROM {read_parquet(files)}")  # noqa: S608
        return self._as_loaded(rows), sum(Path(file).stat().st_size for file in files)

    def _empty(self, store: Store) -> ibis.Table:
        self._refuse_unless_empty(store)
        schema = ibis.Schema.from_pyarrow(self._loaded_schema())
        connection = ENGINE.connect(self._engine)
        return connection.create_table(self._table.name, schema=schema, temp=True, overwrite=True)

    def _as_loaded(self, rows: ibis.Table) -> ibis.Table:
        schema = self._loaded_schema()
        for name in self._table.added:
            # Objects of an earlier contract version lack the column.
            if name not in rows.columns:
                kind = ibis.Schema.from_pyarrow(schema)[name]
                rows = rows.mutate(**{name: ibis.null(kind)})
        instants = [f.name for f in schema if pa.types.is_timestamp(f.type)]
        rows = rows.mutate(**{name: rows[name].cast("timestamp(6)") for name in instants})
        if "day" in self._table.partitions:
            rows = rows.mutate(day=rows.day.cast("date"))
        return rows.select(*schema.names)

    def _loaded_schema(self) -> pa.Schema:
        """Schema after loading: partition columns first, instants in UTC without a zone."""
        fields = [
            pa.field(f.name, pa.date32() if f.name == "day" else f.type)
            for f in stream_schema(self._table)
        ]
        return pa.schema(
            [
                pa.field(f.name, pa.timestamp("us")) if pa.types.is_timestamp(f.type) else f
                for f in fields
            ]
        )

    def _refuse_unless_empty(self, store: Store) -> None:
        """No objects mean no rows only where the table's stage has run."""
        layer = [table for table in TABLES.values() if table.layer == self._table.layer]
        if self.saved or any(store.glob(table_pattern(item, self._run_id)) for item in layer):
            return
        raise DatasetError(
            f"{self._table.name}: run {self._run_id} has no {self._table.layer} objects in "
            f"{store.location('')}: run the stages before with this run_id first"
        )

    def _exists(self) -> bool:
        return bool(open_store(self._path).glob(table_pattern(self._table, self._run_id)))

    def _describe(self) -> dict[str, Any]:
        return {
            "table": self._table.name,
            "path": self._path,
            "run_id": self._run_id,
            "filepath": f"{self._path}/{table_pattern(self._table, self._run_id)}",
        }

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows of the run's first object, for Kedro-Viz; no engine is opened."""
        store = open_store(self._path)
        keys = store.glob(table_pattern(self._table, self._run_id))
        rows = (
            pq.read_table(pa.BufferReader(store.read(keys[0]))).slice(0, nrows)
            if keys
            else arrow_schema(self._table).empty_table()
        )
        cells = [[_shown(value) for value in row.values()] for row in rows.to_pylist()]
        return TablePreview({"index": list(range(len(cells))), "columns": rows.column_names,
                             "data": cells})  # fmt: skip


def read_parquet(files: Iterable[str]) -> str:
    """Objects as a table of DuckDB's; the paths are built from validated parts, and quoted."""
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    # Hive values stay text: `05` is a department, not the number 5.
    # All objects of a run have one schema: by name, every one would be opened first, and kept open.
    return f"read_parquet([{paths}], hive_partitioning = true, hive_types_autocast = false)"


def _shown(value: object) -> object:
    if isinstance(value, bytes) and len(value) > _SHOWN_BYTES:
        return f"{value[:_SHOWN_BYTES]!r}... ({len(value):,} bytes)"
    return value if value is None or isinstance(value, int | float | str | bool) else str(value)


def _nullable(schema: pa.Schema) -> pa.Schema:
    """The schema without its null rules, so that the contract's own check reports them."""
    return pa.schema([field.with_nullable(True) for field in schema])
