"""Lines from outside to raw objects: every line with its bytes, by source and local day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

import ibis

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.expressions import instant_of, local_day

_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class FiledObject:
    """The lines of one source and local day, by file and line."""

    source: str
    day: date
    lines: tuple[bytes, ...]

    @property
    def rows(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def content(self) -> bytes:
        """The object's bytes: each line as it came, ended by a line feed."""
        return b"".join(line + b"\n" for line in self.lines)


def file_raw_lines(external_lines: ibis.Table) -> Iterator[list[FiledObject]]:
    """Raw objects, one list each, ordered by source and day."""
    filed = place_lines(external_lines)
    for (source, day), rows in groupby(_rows(filed), key=itemgetter(0, 1)):
        yield [FiledObject(source, day, tuple(line for *_, line in rows))]


def _rows(filed: ibis.Table) -> Iterator[tuple[str, date, bytes]]:
    order = ["source", "day", "source_object", "line_number"]
    rows = filed.select(*order, "line").order_by(*order).select("source", "day", "line")
    for batch in rows.to_pyarrow_batches(chunk_size=_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def place_lines(external_lines: ibis.Table) -> ibis.Table:
    """The lines with source and day: those given, else the line's own, else the file's first.

    A line that does not name one of its two lies where the first line of its file that does so
    lies: ingestion finds it there, and says what is wrong with it. Both are null in a file in which
    no line names them.
    """
    event = external_lines.event
    source = ibis.cases((event.source.isin(CHANNEL_IDS), event.source))
    own = external_lines.mutate(
        source=ibis.coalesce(external_lines.source, source),
        day=ibis.coalesce(external_lines.day, local_day(instant_of(event.ts))),
    )
    first = own.group_by("source_object").aggregate(
        first_source=own.source.argmin(own.line_number, where=own.source.notnull()),
        first_day=own.day.argmin(own.line_number, where=own.day.notnull()),
    )
    placed = own.join(first, "source_object")
    return placed.mutate(
        source=ibis.coalesce(placed.source, placed.first_source),
        day=ibis.coalesce(placed.day, placed.first_day),
    ).drop("first_source", "first_day")
