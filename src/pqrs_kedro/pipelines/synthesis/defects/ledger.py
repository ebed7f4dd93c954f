"""The ledger of defects: rows wait until their line's object is complete, and its number known."""

import numpy as np
import polars as pl

from pqrs_kedro.domain.defects import ALTERED, LOST, RECOVERED, UNOBSERVED
from pqrs_kedro.pipelines.synthesis.defects.injection import ROWS
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines, RawObject

_ORDER = ("day", "source", "line_number", "event_id")


class DefectLedger:
    """Rows of the ledger of defects, by day, source and line, whatever batches they come in.

    Args:
        until: number of the last observed day.
    """

    def __init__(self, until: int) -> None:
        self._until = until
        self._numbered = 0
        self._waiting = ROWS.to_frame()
        self._unobserved = ROWS.to_frame()

    def add(self, lines: Lines, rows: pl.DataFrame) -> Lines:
        """Take the rows of a batch; returns its lines, marked by numbers that no other batch has.

        A line is unobserved if a defect keeps it from the objects that it belongs to by its day.
        """
        first = self._numbered
        if rows.is_empty():
            return lines
        self._numbered += len(rows)
        numbered = rows.with_columns(pl.col("number") + first)
        is_seen = pl.col("day") <= self._until
        too_early = (pl.col("own_day") > self._until) & (pl.col("effect") == RECOVERED)
        seen = numbered.filter(is_seen).with_columns(
            effect=pl.when(too_early).then(pl.lit(ALTERED)).otherwise("effect")
        )
        withheld = numbered.filter(~is_seen & (pl.col("own_day") <= self._until)).with_columns(
            bronze_outcome=pl.lit(UNOBSERVED), bronze_reason=None, effect=pl.lit(LOST)
        )
        self._waiting = pl.concat([self._waiting, seen])
        self._unobserved = pl.concat([self._unobserved, withheld], how="vertical_relaxed")
        return lines.marked_from(first)

    def located(self, objects: list[RawObject]) -> pl.DataFrame:
        """The rows of the lines of complete objects, which are all of some days."""
        found = [item.defects() for item in objects]
        numbers, lines = (np.concatenate([np.empty(0, np.int64), *part]) for part in
                          (list(zip(*found, strict=True)) or [(), ()]))  # fmt: skip
        places = pl.DataFrame({"number": numbers, "line_number": lines})
        rows = self._waiting.join(places, on="number")
        self._waiting = self._waiting.join(places, on="number", how="anti")
        return _told(rows)

    def finish(self) -> pl.DataFrame:
        """The rows of lines that no observed object has; their days come after all others."""
        return _told(self._unobserved.with_columns(line_number=pl.lit(None, pl.Int64)))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the contract has them, in their order."""
    told = rows.with_columns(day=pl.col("day").cast(pl.Date)).sort(_ORDER)
    return told.with_columns(month=pl.col("day").dt.strftime("%Y-%m")).drop("number", "own_day")
