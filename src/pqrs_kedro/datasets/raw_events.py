"""The raw layer of one run as a Kedro dataset: JSON Lines objects in, numbered lines out.

Saving takes complete raw objects, list by list, and creates each one. Loading splits the bytes at
line feeds itself, object by object: DuckDB's own readers lose blank lines, byte order marks and
invalid UTF-8, and line numbers from a parallel reader are wrong. Lines of the canonical form are
parsed with one `json_transform`; the few others are read one by one, exactly.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa
from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import JSONPreview

from pqrs_kedro.contracts.raw import CANONICAL_PATTERNS, RAW_EVENT_STRUCTURE
from pqrs_kedro.datasets.raw_line_counts import BLANKS
from pqrs_kedro.lake.ahead import in_order, read_in_order
from pqrs_kedro.lake.layout import hive_values, logical_key, raw_key, raw_pattern
from pqrs_kedro.lake.objects import LakeObject, put
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.pipelines.ingestion.exact_reading import read_line
from pqrs_kedro.pipelines.synthesis.raw_objects import RawObject
from pqrs_kedro.run.engine import ENGINE, EngineSettings

# Objects are parsed together up to this size: enough to occupy every core, little enough to hold.
_CHUNK_BYTES: Final = 32 << 20
_LINE_FEED: Final = 10
_BATCH_ROWS: Final = 16_384

_CREATE: Final = """
CREATE OR REPLACE TABLE raw_lines (
    source_object VARCHAR, source VARCHAR, day DATE, line_number BIGINT, line BLOB,
    event {structure}, is_canonical BOOLEAN, reason VARCHAR, detail VARCHAR,
    repairs VARCHAR[], unknown_fields VARCHAR[]
)
"""
# The `try` is needed: invalid UTF-8 would fail the whole statement.
_INSERT: Final = """
INSERT INTO raw_lines BY NAME
SELECT * EXCLUDE (text) REPLACE (day::DATE AS day),
       CASE WHEN is_canonical THEN json_transform(text, $structure) END AS event
FROM (
    SELECT *, coalesce(CASE source {is_canonical} END, false) AS is_canonical
    FROM (SELECT *, try(decode(line)) AS text FROM raw_chunk)
)
"""
_IS_CANONICAL: Final = "WHEN '{channel}' THEN regexp_matches(text, ${channel})"
# A fifth faster than DuckDB's own full match.
_WHOLE_LINES: Final = {name: rf"\A{line}\z" for name, line in CANONICAL_PATTERNS.items()}
_SET_ASIDE: Final = """
CREATE OR REPLACE TABLE other_lines AS
SELECT source_object, source, day, line_number, line, is_canonical
FROM raw_lines WHERE NOT is_canonical;
DELETE FROM raw_lines WHERE NOT is_canonical
"""
_INSERT_OTHERS: Final = """
INSERT INTO raw_lines BY NAME
SELECT * EXCLUDE (text), json_transform(text, $structure) AS event FROM exact_lines
"""
_STRUCTURE: Final = json.dumps(RAW_EVENT_STRUCTURE)
_READ_EXACTLY: Final = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("repairs", pa.list_(pa.string())),
        pa.field("unknown_fields", pa.list_(pa.string())),
    ]
)


class RawEvents(AbstractDataset[list[RawObject], ibis.Table]):
    """Raw objects of a run.

    `load` gives an Ibis table with one row per line that is not blank: source_object, source, day,
    line_number, line (bytes), event (the parsed structure), is_canonical (the line has the form of
    `contracts.raw`, so that its event has every field in its place and form). Of other lines also:
    reason and detail where there is no event, repairs and unknown_fields where there is one.
    """

    def __init__(
        self,
        *,
        path: str,
        run_id: str,
        engine: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._engine = EngineSettings(**(engine or {}))
        self.metadata = metadata
        self.objects: list[LakeObject] = []
        self.saved = False

    def save(self, data: list[RawObject]) -> None:
        """Create some of the run's objects; called once for each list the generator yields."""
        store = open_store(self._path)
        self.saved = True

        def write(item: RawObject) -> LakeObject:
            key = raw_key(item.source, item.day, self._run_id)
            return put(store, key, item.content(), item.rows)

        self.objects.extend(in_order(write, data, store.in_flight))

    def load(self) -> ibis.Table:
        """All lines of the run, parsed."""
        connection = ENGINE.connect(self._engine)
        connection.raw_sql(_CREATE.format(structure=_sql_type(RAW_EVENT_STRUCTURE)))
        for chunk in self._chunks():
            _insert(connection.con, chunk)
        _insert_others(connection.con)
        return connection.table("raw_lines")

    def _chunks(self) -> Iterator[pa.Table]:
        """The lines of several objects at a time, in batches that several threads can take."""
        store = open_store(self._path)
        keys = store.glob(raw_pattern(self._run_id))
        if not keys and not self.saved:
            raise DatasetError(
                f"run {self._run_id} has no raw objects in {store.location('')}: "
                "run the synthesis pipeline with this run_id first"
            )
        waiting: list[pa.Table] = []
        size = 0
        for key, content in zip(keys, read_in_order(store, keys), strict=True):
            if content:
                waiting.append(_numbered_lines(key, content))
            size += len(content)
            if size >= _CHUNK_BYTES:
                yield _batched(waiting)
                waiting, size = [], 0
        if waiting:
            yield _batched(waiting)

    def _exists(self) -> bool:
        return bool(open_store(self._path).glob(raw_pattern(self._run_id)))

    def _describe(self) -> dict[str, Any]:
        pattern = f"{self._path}/{raw_pattern(self._run_id)}"
        return {"path": self._path, "run_id": self._run_id, "filepath": pattern}

    def preview(self, nrows: int = 5) -> JSONPreview:
        """The first lines of the run's first object, for Kedro-Viz."""
        store = open_store(self._path)
        keys = store.glob(raw_pattern(self._run_id))
        lines = store.read(keys[0]).split(b"\n")[:nrows] if keys else []
        return JSONPreview(json.dumps([_shown(line) for line in lines if line]))


def _insert(database: Any, chunk: pa.Table) -> None:
    """Add some lines to the table, with the event of the canonical ones.

    Of 84,000 lines, matching takes 0.3 CPU seconds and parsing 0.1; one by one it were 1.8.
    """
    channels = " ".join(_IS_CANONICAL.format(channel=name) for name in CANONICAL_PATTERNS)
    database.register("raw_chunk", chunk)
    database.execute(
        _INSERT.format(is_canonical=channels), {**_WHOLE_LINES, "structure": _STRUCTURE}
    )
    database.unregister("raw_chunk")


def _insert_others(database: Any) -> None:
    """Put what the lines say that are not canonical in their place; blank ones are left out."""
    (count,) = database.execute("SELECT count(*) FROM raw_lines WHERE NOT is_canonical").fetchone()
    if not count:
        return
    database.execute(_SET_ASIDE)
    # Read through a connection of its own: the next statement would end the result.
    with database.cursor() as cursor:
        for lines in cursor.execute("FROM other_lines").to_arrow_reader(_BATCH_ROWS):
            database.register("exact_lines", _read_exactly(lines))
            database.execute(_INSERT_OTHERS, {"structure": _STRUCTURE})
            database.unregister("exact_lines")
    database.execute("DROP TABLE other_lines")


def _read_exactly(lines: pa.RecordBatch) -> pa.Table:
    """The lines that are not blank, with the JSON of their event or the reason why it is none."""
    raw = lines["line"].to_pylist()
    filled = pa.array([bool(line.strip(BLANKS)) for line in raw], pa.bool_())
    rows = [_exact_row(line) for line in raw if line.strip(BLANKS)]
    found = pa.Table.from_pylist(rows, schema=_READ_EXACTLY)
    kept = pa.Table.from_batches([lines.filter(filled)])
    for name in found.column_names:
        kept = kept.append_column(name, found[name])
    return kept


def _exact_row(line: bytes) -> dict[str, Any]:
    reading = read_line(line)
    return {
        "text": reading.event and json.dumps(reading.event, ensure_ascii=False),
        "reason": reading.reason,
        "detail": reading.detail,
        "repairs": reading.repairs or None,
        "unknown_fields": reading.unknown_fields or None,
    }


def _shown(line: bytes) -> Any:
    """The line's JSON, or its text where it has none."""
    try:
        return json.loads(line)
    except ValueError:
        return line.decode(errors="replace")


def _numbered_lines(key: str, content: bytes) -> pa.Table:
    """Lines of one object, split at line feeds and numbered from 1; blank ones count."""
    octets = np.frombuffer(content, dtype=np.uint8)
    feeds = np.flatnonzero(octets == _LINE_FEED)
    ends = feeds if content.endswith(b"\n") or not content else np.append(feeds, len(octets))
    # Without the line feeds, a line ends where it did, less the feeds before it.
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int64)
    data = octets[octets != _LINE_FEED]
    lines = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    hive = hive_values(key)
    same = {"source_object": logical_key(key), "source": hive["source"], "day": hive["day"]}
    columns = {name: pa.repeat(pa.scalar(value), len(lines)) for name, value in same.items()}
    columns |= {"line_number": pa.array(np.arange(1, len(lines) + 1)), "line": lines}
    return pa.table(columns)


def _batched(tables: list[pa.Table]) -> pa.Table:
    batches = [batch for table in tables for batch in table.to_batches(max_chunksize=_BATCH_ROWS)]
    return pa.Table.from_batches(batches)


def _sql_type(structure: Any) -> str:
    """DuckDB type of a `json_transform` structure."""
    if isinstance(structure, dict):
        fields = ", ".join(f'"{name}" {_sql_type(part)}' for name, part in structure.items())
        return f"STRUCT({fields})"
    if isinstance(structure, list):
        return f"{_sql_type(structure[0])}[]"
    return str(structure)
