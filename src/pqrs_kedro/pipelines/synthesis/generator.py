"""The generator: batches of reception days in, complete objects out, in bounded memory.

A ticket's events fall on its day of reception or later, so once all tickets received up to a day
are generated, the raw objects of that day are complete. What is held back is the events of later
days: a few weeks of volume, however long the run. Beside them goes the ledger of the truth, in
parts that are complete too.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice, pairwise
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from loky import ProcessPoolExecutor

from pqrs_kedro.domain.calendar import day_number, to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, build_batch
from pqrs_kedro.pipelines.synthesis.truth import PartCutter, TruthPart, truth_rows

# Within one process: Polars and NumPy release Python's lock for most of the work.
_THREADS: Final = 2


@dataclass(frozen=True)
class RawObject:
    """The lines of one source and local day, ordered by (ts, event_id)."""

    source: str
    day: date
    lines: pl.Series

    def content(self) -> pa.Buffer:
        """The object's bytes: made anew each time, so that few objects' are held at once."""
        return self.lines.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]


@dataclass(frozen=True)
class GeneratedBatch:
    """The tickets received on some days."""

    lines: pl.DataFrame
    """All their raw lines (columns: see `lines.raw_lines`)."""
    truth: pl.DataFrame
    """What was decided of them (columns: see `truth.truth_rows`)."""


def generate_batch(scenario: Scenario, days: Sequence[int]) -> GeneratedBatch:
    """The tickets received on `days`."""
    batch = build_batch(scenario, days)
    return GeneratedBatch(raw_lines(batch), truth_rows(batch))


def generate_objects(
    scenario: Scenario,
    first: date,
    last: date,
    days_per_chunk: int,
    workers: int,
    observe_until: date | None = None,
) -> Iterator[tuple[list[RawObject], list[TruthPart]]]:
    """Raw objects and ledger of all tickets received from `first` to `last`, each one complete.

    They do not depend on `days_per_chunk` nor on `workers`. Objects of days after `observe_until`
    are withheld, and so are tickets received later; the objects of earlier days stay as they are.
    """
    until = day_number(observe_until or date.max)
    days = range(day_number(first), min(day_number(last), until) + 1)
    chunks = [days[start : start + days_per_chunk] for start in range(0, len(days), days_per_chunk)]
    pending: list[pl.DataFrame] = []
    ledger = PartCutter()
    for chunk, batch in zip(chunks, _batches(scenario, chunks, workers), strict=True):
        pending.append(batch.lines.filter(pl.col("day") <= until))
        complete = pl.concat([part.filter(pl.col("day") <= chunk[-1]) for part in pending])
        pending = [part.filter(pl.col("day") > chunk[-1]) for part in pending]
        yield list(_objects(complete)), ledger.add(batch.truth)
    yield list(_objects(pl.concat(pending))), ledger.finish()


def _batches(
    scenario: Scenario, chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[GeneratedBatch]:
    """Each chunk, in order, a few chunks ahead of the reader."""
    with _executor(workers) as pool:
        waiting = (partial(generate_batch, scenario, chunk) for chunk in chunks)
        running = deque(pool.submit(job) for job in islice(waiting, max(workers, _THREADS)))
        while running:
            batch = running.popleft().result()
            running.extend(pool.submit(job) for job in islice(waiting, 1))
            yield batch


def _executor(workers: int) -> Executor:
    """Threads of this process for one worker, processes for several."""
    if workers == 1:
        return ThreadPoolExecutor(_THREADS)
    # loky starts clean interpreters: a fork would copy the locks of running thread pools, and
    # multiprocessing's spawn would import the command line again in every worker.
    return ProcessPoolExecutor(max_workers=workers)


def _objects(frame: pl.DataFrame) -> Iterator[RawObject]:
    channel, day = frame["channel"].to_numpy(), frame["day"].to_numpy()
    order = np.lexsort((frame["tie"].to_numpy(), frame["at"].to_numpy(), day, channel))
    channel, day = channel[order], day[order]
    lines = frame["line"].gather(order)
    changes = np.flatnonzero((np.diff(channel) != 0) | (np.diff(day) != 0)) + 1
    for start, end in pairwise([0, *changes.tolist(), len(order)] if len(order) else []):
        yield RawObject(CHANNEL_IDS[channel[start]], to_date(day[start]), lines[start:end])
