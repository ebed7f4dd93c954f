"""Rows of a run on their way from the lake to Postgres: checked, typed, batch by batch."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import Table
from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.objects import LakeObject, ObjectChanged, read_object
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.warehouse.errors import WarehouseError

_BATCH_ROWS: Final = 32_768
# Groups of objects that are read before they are asked for.
_AHEAD: Final = 2
NUL: Final = "\0"
# Postgres cannot hold NUL in a text, which JSON allows; Unicode's own sign for what was lost.
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass
class TableRows:
    """The rows of one table of a run, as a stream of Arrow batches with the warehouse's columns."""

    store: Store
    table: Table
    objects: Sequence[LakeObject]
    texts_with_nul: int = field(default=0, init=False)
    """Texts in which NUL was replaced, counted while the rows are taken."""
    refusal: WarehouseError | None = field(default=None, init=False)
    """Why the rows stopped."""

    @property
    def count(self) -> int:
        """How many rows the lake has."""
        return sum(item.rows for item in self.objects)

    def reader(self) -> pa.RecordBatchReader:
        """The rows; the partition columns first.

        Raises:
            WarehouseError: an object has other bytes than when it was written.
        """
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    @property
    def _schema(self) -> pa.Schema:
        # The contract says what may be null; a column that an older run lacks is filled with nulls.
        stored = [pa.field(f.name, f.type) for f in arrow_schema(self.table)]
        parts = [
            pa.field(name, pa.date32() if name == "day" else pa.string())
            for name in self.table.partitions
        ]
        return pa.schema([*parts, *stored])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Read a few objects ahead of what Postgres takes."""
        with ThreadPoolExecutor(1) as reader:
            waiting = self._groups()
            reading = deque(reader.submit(self._read, group) for group in islice(waiting, _AHEAD))
            while reading:
                rows = reading.popleft().result()
                reading.extend(reader.submit(self._read, group) for group in islice(waiting, 1))
                yield from rows.to_batches()

    def _groups(self) -> Iterator[list[LakeObject]]:
        """Objects side by side, up to some rows: most have few, and each batch has its price."""
        group: list[LakeObject] = []
        for item in self.objects:
            if group and sum(other.rows for other in group) + item.rows > _BATCH_ROWS:
                yield group
                group = []
            group.append(item)
        if group:
            yield group

    def _read(self, group: Sequence[LakeObject]) -> pa.Table:
        """The rows of some objects with the warehouse's columns."""
        store = self.store
        parts = in_order(
            self._stored, group, store.in_flight, lambda item: item.bytes, store.alone_from
        )
        rows = pa.concat_tables(parts, promote_options="default")
        columns = []
        for wanted in self._schema:
            if wanted.name in rows.column_names:
                columns.append(self._without_nul(rows[wanted.name].cast(wanted.type)))
            else:
                columns.append(pa.nulls(len(rows), wanted.type))
        return pa.table(columns, schema=self._schema)

    def _stored(self, item: LakeObject) -> pa.Table:
        try:
            content = read_object(self.store, item)
        except ObjectChanged as error:
            self.refusal = WarehouseError(str(error))
            raise self.refusal from None
        return stored_rows(self.table, item.key, content)

    def _without_nul(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if not pa.types.is_string(column.type):
            return column
        found = pc.sum(pc.match_substring(column, NUL)).as_py() or 0
        self.texts_with_nul += found
        return pc.replace_substring(column, NUL, REPLACEMENT) if found else column
