"""Raw bytes to lines that have been read.

Bytes are split at line feeds here: DuckDB's own readers lose blank lines, byte order marks and
invalid UTF-8, and line numbers from a parallel reader are wrong. Lines of the canonical form are
parsed with one `json_transform`; the few others are read one by one, exactly.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa

from pqrs_kedro.contracts.raw import CANONICAL_PATTERNS, RAW_EVENT_STRUCTURE
from pqrs_kedro.datasets.raw_line_counts import BLANKS
from pqrs_kedro.lake.layout import hive_values, logical_key
from pqrs_kedro.pipelines.ingestion.exact_reading import read_line

# Lines are parsed together up to this size: enough to occupy every core, little enough to hold.
CHUNK_BYTES: Final = 32 << 20
_BATCH_ROWS: Final = 16_384
_LINE_FEED: Final = 10

_CREATE: Final = """
CREATE OR REPLACE TABLE {table} (
    source_object VARCHAR, source VARCHAR, day DATE, line_number BIGINT, line BLOB,
    event {structure}, is_canonical BOOLEAN, reason VARCHAR, detail VARCHAR,
    repairs VARCHAR[], unknown_fields VARCHAR[]
)
"""
# The `try` is needed: invalid UTF-8 would fail the whole statement. Where nothing but the line says
# its channel, what stands where a canonical line has it decides whose form it is held to.
_INSERT: Final = """
INSERT INTO {table} BY NAME
SELECT * EXCLUDE (text) REPLACE (day::DATE AS day),
       CASE WHEN is_canonical THEN json_transform(text, $structure) END AS event
FROM (
    SELECT *,
           coalesce(CASE coalesce(source, regexp_extract(text, $own, 1)) {is_canonical} END, false)
           AS is_canonical
    FROM (SELECT *, try(decode(line)) AS text FROM raw_chunk)
)
"""
_IS_CANONICAL: Final = "WHEN '{channel}' THEN regexp_matches(text, ${channel})"
_OWN_CHANNEL: Final = r'"source":"(\w+)"'
# A fifth faster than DuckDB's own full match.
_WHOLE_LINES: Final = {name: rf"\A{line}\z" for name, line in CANONICAL_PATTERNS.items()}
_COUNT_OTHERS: Final = "SELECT count(*) FROM {table} WHERE NOT is_canonical"
_SET_ASIDE: Final = """
CREATE OR REPLACE TABLE other_lines AS
SELECT source_object, source, day, line_number, line, is_canonical
FROM {table} WHERE NOT is_canonical;
DELETE FROM {table} WHERE NOT is_canonical
"""
_INSERT_OTHERS: Final = """
INSERT INTO {table} BY NAME
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
# A blank line is no event, and nothing is wrong with it.
_BLANK_ROW: Final = dict.fromkeys(_READ_EXACTLY.names)


def parse_lines(
    connection: Any, table: str, parts: Iterable[pa.Table], keep_blank: bool = False
) -> ibis.Table:
    """A table of the engine with the lines of all parts, read.

    Columns: those of `numbered_lines`, event (the parsed structure), is_canonical (the line has the
    form of `contracts.raw`, so that its event has every field in its place and form). Of other
    lines also: reason and detail where there is no event, repairs and unknown_fields where there is
    one. A blank line has neither event nor reason.

    Args:
        connection: of the engine.
        table: its name there.
        parts: lines as `numbered_lines` gives them.
        keep_blank: whether blank lines are rows too.
    """
    connection.raw_sql(_CREATE.format(table=table, structure=_sql_type(RAW_EVENT_STRUCTURE)))
    for chunk in _chunks(parts):
        _insert(connection.con, table, chunk)
    _insert_others(connection.con, table, keep_blank)
    found: ibis.Table = connection.table(table)
    return found


def _insert(database: Any, table: str, chunk: pa.Table) -> None:
    """Add some lines to the table, with the event of the canonical ones.

    Of 84,000 lines, matching takes 0.3 CPU seconds and parsing 0.1; one by one it were 1.8.
    """
    channels = " ".join(_IS_CANONICAL.format(channel=name) for name in CANONICAL_PATTERNS)
    database.register("raw_chunk", chunk)
    database.execute(
        _INSERT.format(table=table, is_canonical=channels),
        {**_WHOLE_LINES, "own": _OWN_CHANNEL, "structure": _STRUCTURE},
    )
    database.unregister("raw_chunk")


def _insert_others(database: Any, table: str, keep_blank: bool) -> None:
    """Put what the lines say that are not canonical in their place."""
    (count,) = database.execute(_COUNT_OTHERS.format(table=table)).fetchone()
    if not count:
        return
    database.execute(_SET_ASIDE.format(table=table))
    # Read through a connection of its own: the next statement would end the result.
    with database.cursor() as cursor:
        for lines in cursor.execute("FROM other_lines").to_arrow_reader(_BATCH_ROWS):
            database.register("exact_lines", _read_exactly(lines, keep_blank))
            database.execute(_INSERT_OTHERS.format(table=table), {"structure": _STRUCTURE})
            database.unregister("exact_lines")
    database.execute("DROP TABLE other_lines")


def _read_exactly(lines: pa.RecordBatch, keep_blank: bool) -> pa.Table:
    """The lines with the JSON of their event or the reason why it is none."""
    raw = lines["line"].to_pylist()
    filled = [bool(line.strip(BLANKS)) for line in raw]
    kept = [keep_blank or is_filled for is_filled in filled]
    rows = [
        _exact_row(line) if is_filled else _BLANK_ROW
        for line, is_filled, is_kept in zip(raw, filled, kept, strict=True)
        if is_kept
    ]
    read = pa.Table.from_pylist(rows, schema=_READ_EXACTLY)
    found = pa.Table.from_batches([lines.filter(pa.array(kept, pa.bool_()))])
    for name in read.column_names:
        found = found.append_column(name, read[name])
    return found


def _exact_row(line: bytes) -> dict[str, Any]:
    reading = read_line(line)
    return {
        "text": reading.event and json.dumps(reading.event, ensure_ascii=False),
        "reason": reading.reason,
        "detail": reading.detail,
        "repairs": reading.repairs or None,
        "unknown_fields": reading.unknown_fields or None,
    }


def object_lines(key: str, content: bytes) -> pa.Table:
    """The lines of a raw object, which has source and day in its key."""
    hive = hive_values(key)
    return numbered_lines(content, logical_key(key), source=hive["source"], day=hive["day"])


def numbered_lines(
    content: bytes,
    source_object: str,
    first_number: int = 1,
    source: str | None = None,
    day: str | None = None,
) -> pa.Table:
    """Lines, split at line feeds and numbered in order; blank ones count.

    Columns: source_object, source, day (as text), line_number, line (bytes without the line feed).
    """
    octets = np.frombuffer(content, dtype=np.uint8)
    feeds = np.flatnonzero(octets == _LINE_FEED)
    ends = feeds if content.endswith(b"\n") or not content else np.append(feeds, len(octets))
    # Without the line feeds, a line ends where it did, less the feeds before it.
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int64)
    data = octets[octets != _LINE_FEED]
    lines = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    same = {"source_object": source_object, "source": source, "day": day}
    columns = {
        name: pa.repeat(pa.scalar(value, pa.string()), len(lines)) for name, value in same.items()
    }
    numbers = np.arange(first_number, first_number + len(lines))
    return pa.table(columns | {"line_number": pa.array(numbers), "line": lines})


def _chunks(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The lines of several parts at a time, in batches that several threads can take."""
    waiting: list[pa.Table] = []
    size = 0
    for part in parts:
        if len(part):
            waiting.append(part)
            size += part.nbytes
        if size >= CHUNK_BYTES:
            yield _batched(waiting)
            waiting, size = [], 0
    if waiting:
        yield _batched(waiting)


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
