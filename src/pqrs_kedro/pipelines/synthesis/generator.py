"""The generator: batches of reception days in, complete objects out, in bounded memory.

A ticket's events fall on its day of reception or later, so once all tickets received up to a day
are generated, the raw objects of that day are complete. What is held back is the lines of later
days: a few weeks of volume, however long the run. Beside them goes the ledger of the truth, in
parts that are complete too.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from typing import Final

import polars as pl
from loky import ProcessPoolExecutor

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.pipelines.synthesis.defects.injection import with_defects
from pqrs_kedro.pipelines.synthesis.defects.ledger import DefectLedger
from pqrs_kedro.pipelines.synthesis.events import batch_events
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines, RawObject, Waiting
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, build_batch
from pqrs_kedro.pipelines.synthesis.truth import PartCutter, TruthPart, truth_rows, with_labels

# Within one process: NumPy, Polars and Arrow release Python's lock for most of the work.
_THREADS: Final = 2
# Tickets generated at a time: more need more memory, fewer take longer each.
_CHUNK_TICKETS: Final = 16_000


@dataclass(frozen=True)
class GeneratedBatch:
    """The tickets received on some days."""

    lines: Lines
    """All their raw lines, with the defects that are put into them."""
    truth: pl.DataFrame
    """What was decided of them (columns: see `truth.truth_rows`)."""
    defects: pl.DataFrame
    """What is defective of the lines (columns: `defects.injection.ROWS`)."""


def generate_batch(scenario: Scenario, days: Sequence[int]) -> GeneratedBatch:
    """The tickets received on `days`."""
    batch = build_batch(scenario, days)
    events = batch_events(batch)
    lines, defects = with_defects(events, raw_lines(events), scenario.defect_rates)
    return GeneratedBatch(lines, with_labels(truth_rows(batch), defects), defects)


def generate_objects(
    scenario: Scenario,
    first: date,
    last: date,
    days_per_chunk: int,
    workers: int,
    observe_until: date | None = None,
) -> Iterator[tuple[list[RawObject], list[TruthPart], list[TruthPart]]]:
    """Raw objects of all tickets received from `first` to `last`, ledger of them, and of defects.

    Each object, and each part of a ledger, is complete. They do not depend on `days_per_chunk` nor
    on `workers`. Objects of days after `observe_until` are withheld, and so are tickets received
    later; the objects of earlier days stay as they are.
    """
    until = day_number(observe_until or date.max)
    days = range(day_number(first), min(day_number(last), until) + 1)
    chunks = _chunks(scenario, days, days_per_chunk)
    waiting, defects = Waiting(), DefectLedger(until)
    tickets, injected = PartCutter("ground_truth"), PartCutter("ground_truth_defects")
    for chunk, batch in zip(chunks, _batches(scenario, chunks, workers), strict=True):
        waiting.add(defects.add(batch.lines, batch.defects).before(until + 1))
        objects = waiting.complete(before=chunk[-1] + 1)
        yield objects, tickets.add(batch.truth), injected.add(defects.located(objects))
    objects = waiting.complete()
    rows = pl.concat([defects.located(objects), defects.finish()])
    yield objects, tickets.finish(), [*injected.add(rows), *injected.finish()]


def _chunks(scenario: Scenario, days: range, most_days: int) -> list[range]:
    """Consecutive days whose tickets are generated together: few days or few tickets."""
    chunks, start, tickets = [], days.start, 0
    for day in days:
        count = scenario.plan.count(day)
        if day > start and (day - start == most_days or tickets + count > _CHUNK_TICKETS):
            chunks.append(range(start, day))
            start, tickets = day, 0
        tickets += count
    return [*chunks, range(start, days.stop)]


def _batches(
    scenario: Scenario, chunks: Sequence[Sequence[int]], workers: int
) -> Iterator[GeneratedBatch]:
    """Each chunk, in order, a few chunks ahead of the reader."""
    with _executor(workers) as pool:
        jobs = (partial(generate_batch, scenario, chunk) for chunk in chunks)
        # One more than are worked on, so that nobody waits while the reader writes.
        running = deque(pool.submit(job) for job in islice(jobs, max(workers, _THREADS) + 1))
        while running:
            batch = running.popleft().result()
            running.extend(pool.submit(job) for job in islice(jobs, 1))
            yield batch


def _executor(workers: int) -> Executor:
    """Threads of this process for one worker, processes for several."""
    if workers == 1:
        return ThreadPoolExecutor(_THREADS)
    # loky starts clean interpreters: a fork would copy the locks of running thread pools, and
    # multiprocessing's spawn would import the command line again in every worker.
    return ProcessPoolExecutor(max_workers=workers)
