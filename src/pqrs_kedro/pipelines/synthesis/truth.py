"""The ground truth of a batch: what the generator decided, one row per ticket.

Nothing here is worked out from events or days: lateness is the place of the stop on the cycle's
legal grid against its term, the path is the one that was walked. So what the pipelines recover
from raw lines can be held against it (docs/ground_truth.md).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.contracts.schema import check_batch, stream_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS
from pqrs_kedro.domain.statuses import RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.pipelines.synthesis.codes import REOPENED, RESPONDED
from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.events import answer_resolutions, extension_events, labels
from pqrs_kedro.pipelines.synthesis.paths import END, Paths
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch, to_utc_microseconds

# Rows of one object, so that a month of any volume is never held whole.
PART_ROWS = 65_536
_RATIO_DECIMALS = 9
_INSTANT = pl.Datetime("us", "UTC")
_UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")


def truth_rows(batch: TicketBatch) -> pl.DataFrame:
    """One row per ticket, by ticket_id: the columns of ground_truth, and month (of reception)."""
    created = pl.Series(batch.received_at)
    local = created + UTC_OFFSET_SECONDS * 1_000_000
    facts = batch.frame.select(
        "ticket_id",
        "external_id",
        "pqrs_type",
        "priority",
        source_channel="source",
        geo_id="dane_code",
    )
    return facts.with_columns(
        created_at=created.cast(_INSTANT),
        variant=_variants(batch.path),
        status_instants=_instants(batch),
        resolution_code=_last_resolutions(batch),
        extended_at=_extended_at(batch),
        is_reopened=pl.Series((batch.path == REOPENED).any(axis=1)),
        defects=pl.lit(None, dtype=pl.String),
        month=local.cast(pl.Datetime("us")).dt.strftime("%Y-%m"),
        **_cycles(batch),
    ).sort("ticket_id")


def _variants(path: Paths) -> pl.Series:
    """The statuses of each path, joined by `>`."""
    first, number = np.unique(_packed(path), return_index=True, return_inverse=True)[1:]
    rows = path[first].tolist()
    texts = [">".join(STATUS_IDS[code] for code in row if code != END) for row in rows]
    return pl.Series(texts, dtype=pl.String).gather(number)


def _packed(path: Paths) -> NDArray[np.uint64]:
    """Each path as one value: whole rows take NumPy ten times as long to compare."""
    words = _words(path)
    # Equal paths are equal pairs of words: number the second words, then the pairs.
    tails = np.unique(words[1], return_inverse=True)[1].astype(np.uint64)
    heads = np.unique(words[0], return_inverse=True)[1].astype(np.uint64)
    return heads * np.uint64(len(path) + 1) + tails


@compiled
def _words(path: Paths) -> NDArray[np.uint64]:
    """Each path as two words, four bits a status; shape (2, tickets)."""
    words = np.zeros((2, len(path)), dtype=np.uint64)
    for row in range(len(path)):
        for step in range(path.shape[1]):
            code = np.uint64(path[row, step] - END)
            words[step // 16, row] |= code << np.uint64(step % 16 * 4)
    return words


def _instants(batch: TicketBatch) -> pl.Series:
    """When each status of the path is entered, as lists."""
    walked = batch.path != END
    at = (to_utc_microseconds(batch.timeline.entered) + batch.micros)[walked]
    ends = np.concatenate([[0], np.cumsum(walked.sum(axis=1))])
    # From buffers: `pa.array` imports pandas, half a second in every worker.
    values = pa.Array.from_buffers(_UTC_MICROSECONDS, len(at), [None, pa.py_buffer(at)])
    kind = pa.large_list(_UTC_MICROSECONDS)
    buffers = [None, pa.py_buffer(ends)]
    return pl.Series(pa.Array.from_buffers(kind, len(walked), buffers, children=[values]))


def _last_resolutions(batch: TicketBatch) -> pl.Series:
    """The resolution code of each ticket's last answer; null for an ordinary one."""
    row = np.arange(len(batch.path))
    step = batch.path.shape[1] - 1 - np.argmax(batch.path[:, ::-1] == RESPONDED, axis=1)
    return labels((*RESOLUTION_CODES, None), answer_resolutions(batch, row, step))


def _extended_at(batch: TicketBatch) -> pl.Series:
    _, row, _, _, _, at, _ = extension_events(batch)
    announced = pl.repeat(None, len(batch.day), dtype=pl.Int64, eager=True)
    return announced.scatter(row, at).cast(_INSTANT)


def _cycles(batch: TicketBatch) -> dict[str, pl.Expr]:
    """Lateness and response ratio of the first and the second cycle, null where there is none."""
    timeline = batch.timeline
    begun = timeline.term > 0
    late = timeline.is_late
    last = np.where(begun[:, 1], late[:, 1], late[:, 0])
    ratio = np.round(timeline.stop / np.maximum(timeline.term, 1), _RATIO_DECIMALS)
    columns = {"is_last_cycle_late": pl.lit(pl.Series(last))}
    for number, name in enumerate(("first", "second")):
        columns[f"is_{name}_cycle_late"] = _where(begun[:, number], late[:, number])
        columns[f"{name}_cycle_ratio"] = _where(begun[:, number], ratio[:, number])
    return columns


def _where(known: NDArray[np.bool_], values: NDArray[np.generic]) -> pl.Expr:
    return pl.when(pl.Series(known)).then(pl.Series(values))


def with_labels(rows: pl.DataFrame, defects: pl.DataFrame) -> pl.DataFrame:
    """The rows with the labels of the defects of each ticket's lines."""
    if defects.is_empty():
        return rows
    labels = pl.col("label").unique(maintain_order=True).str.join(",")
    found = defects.group_by("ticket_id", maintain_order=True).agg(defects=labels)
    joined = rows.drop("defects").join(found, on="ticket_id", how="left", maintain_order="left")
    return joined.select(rows.columns)


@dataclass(frozen=True)
class TruthPart:
    """The rows of one object of a ledger: consecutive ones of one local month."""

    table_name: str
    month: str
    number: int
    rows: pl.DataFrame

    def table(self) -> pa.Table:
        """The rows as the contract has them.

        Raises:
            ContractError: they do not keep it.
        """
        contract = TABLES[self.table_name]
        schema = stream_schema(contract)
        fields = [field.with_nullable(True) for field in schema]
        rows = self.rows.select(schema.names).to_arrow().cast(pa.schema(fields)).combine_chunks()
        for batch in rows.to_batches():
            check_batch(contract, batch)
        return rows.cast(schema).select(list(contract.columns))


class PartCutter:
    """Cuts rows that come in the order of a ledger into parts, whatever batches they come in.

    No more than one part and one batch is held.
    """

    def __init__(self, table_name: str) -> None:
        self._table_name = table_name
        self._held: list[pl.DataFrame] = []
        self._month, self._number = "", 0

    def add(self, rows: pl.DataFrame) -> list[TruthPart]:
        """Take a batch; returns the parts that are complete by it."""
        months = pl.concat([*self._held, rows]).partition_by("month", maintain_order=True)
        parts = [part for month in months[:-1] for part in self._cut(month, 1)]
        if months:
            parts += self._cut(months[-1], PART_ROWS)
        return parts

    def finish(self) -> list[TruthPart]:
        """Returns the last part."""
        return [part for rows in self._held for part in self._cut(rows, 1)]

    def _cut(self, rows: pl.DataFrame, least: int) -> list[TruthPart]:
        """Parts of rows of one month, the last of no fewer than `least`; the rest is held."""
        parts = []
        month = rows["month"][0]
        if month != self._month:
            self._month, self._number = month, 0
        while len(rows) >= least:
            parts.append(TruthPart(self._table_name, month, self._number, rows.head(PART_ROWS)))
            rows, self._number = rows.slice(PART_ROWS), self._number + 1
        self._held = [rows] if len(rows) else []
        return parts
