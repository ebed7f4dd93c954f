"""Raw bytes to lines that the query engine has parsed.

Bytes are split at line feeds here, and parsed with one `json_transform`: DuckDB's own readers lose
blank lines, byte order marks and invalid UTF-8, and line numbers from a parallel reader are wrong.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa

from pqrs_kedro.contracts.raw import RAW_EVENT_STRUCTURE
from pqrs_kedro.lake.layout import hive_values, logical_key

# Lines are parsed together up to this size: enough to occupy every core, little enough to hold.
CHUNK_BYTES: Final = 32 << 20
_BATCH_ROWS: Final = 16_384
_LINE_FEED: Final = 10

_CREATE: Final = """
CREATE OR REPLACE TABLE {table} (
    source_object VARCHAR, source VARCHAR, day DATE, line_number BIGINT, line BLOB,
    text VARCHAR, event {structure}
)
"""
# The inner `try` is needed: invalid UTF-8 would fail the whole statement.
_PARSE: Final = """
INSERT INTO {table}
SELECT source_object, source, day::DATE, line_number, line,
       CASE WHEN event IS NULL OR event.event_id IS NULL THEN text END, event
FROM (
    SELECT *, try(json_transform(text, $structure)) AS event
    FROM (SELECT *, try(decode(line)) AS text FROM raw_chunk)
)
"""


def parse_lines(connection: Any, table: str, parts: Iterable[pa.Table]) -> ibis.Table:
    """A table of the engine with the lines of all parts, parsed.

    Columns: those of `numbered_lines`, text (where the line is no event: the decoded line, null if
    it is not UTF-8) and event (the parsed structure, null if the line is no JSON).

    Args:
        connection: of the engine.
        table: its name there.
        parts: lines as `numbered_lines` gives them.
    """
    connection.raw_sql(_CREATE.format(table=table, structure=_sql_type(RAW_EVENT_STRUCTURE)))
    database = connection.con
    for chunk in _chunks(parts):
        database.register("raw_chunk", chunk)
        parse = _PARSE.format(table=table)
        database.execute(parse, {"structure": json.dumps(RAW_EVENT_STRUCTURE)})
        database.unregister("raw_chunk")
    found: ibis.Table = connection.table(table)
    return found


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
