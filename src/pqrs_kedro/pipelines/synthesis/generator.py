"""The generator: batches of reception days in, complete raw objects out, in bounded memory.

A ticket's events fall on its day of reception or later, so once all tickets received up to a day
are generated, the raw objects of that day are complete. What is held back is the events of later
days: a few weeks of volume, however long the run.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice, pairwise

import numpy as np
import polars as pl
import pyarrow as pa
from loky import ProcessPoolExecutor

from pqrs_kedro.domain.calendar import day_number, to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, build_batch


@dataclass(frozen=True)
class RawObject:
    """The lines of one source and local day, ordered by (ts, event_id)."""

    source: str
    day: date
    lines: int
    content: pa.Buffer


def generate_batch(scenario: Scenario, days: Sequence[int]) -> pl.DataFrame:
    """All raw lines of the tickets received on `days` (columns: see `lines.raw_lines`)."""
    return raw_lines(build_batch(scenario, days))


def generate_raw_objects(
    scenario: Scenario, first: date, last: date, days_per_chunk: int, workers: int
) -> Iterator[list[RawObject]]:
    """Raw objects of all tickets received from `first` to `last`, each list complete.

    The objects do not depend on `days_per_chunk` nor on `workers`.
    """
    days = range(day_number(first), day_number(last) + 1)
    chunks = [days[start : start + days_per_chunk] for start in range(0, len(days), days_per_chunk)]
    pending: list[pl.DataFrame] = []
    for chunk, frame in zip(chunks, _frames(scenario, chunks, workers), strict=True):
        pending.append(frame)
        complete = pl.concat([part.filter(pl.col("day") <= chunk[-1]) for part in pending])
        pending = [part.filter(pl.col("day") > chunk[-1]) for part in pending]
        yield list(_objects(complete))
    yield list(_objects(pl.concat(pending)))


def _frames(
    scenario: Scenario, chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[pl.DataFrame]:
    """The lines of each chunk, in order; with several workers a few chunks ahead of the reader."""
    if workers == 1:
        yield from (generate_batch(scenario, chunk) for chunk in chunks)
        return
    # loky starts clean interpreters: a fork would copy the locks of running thread pools, and
    # multiprocessing's spawn would import the command line again in every worker.
    with ProcessPoolExecutor(max_workers=workers) as pool:
        submit = partial(pool.submit, generate_batch, scenario)
        waiting = iter(chunks)
        running = deque(submit(chunk) for chunk in islice(waiting, workers + 1))
        while running:
            yield running.popleft().result()
            running.extend(submit(chunk) for chunk in islice(waiting, 1))


def _objects(frame: pl.DataFrame) -> Iterator[RawObject]:
    channel, day = frame["channel"].to_numpy(), frame["day"].to_numpy()
    order = np.lexsort((frame["tie"].to_numpy(), frame["at"].to_numpy(), day, channel))
    channel, day = channel[order], day[order]
    lines = frame["line"].gather(order).to_arrow(compat_level=pl.CompatLevel.oldest())
    offsets = np.frombuffer(lines.buffers()[1], dtype="<i8")
    content = lines.buffers()[2]
    changes = np.flatnonzero((np.diff(channel) != 0) | (np.diff(day) != 0)) + 1
    for start, end in pairwise([0, *changes.tolist(), len(order)] if len(order) else []):
        # The lines of an object lie side by side: its content is a slice, not a copy.
        piece = content[int(offsets[start]) : int(offsets[end])]
        yield RawObject(CHANNEL_IDS[channel[start]], to_date(day[start]), end - start, piece)
