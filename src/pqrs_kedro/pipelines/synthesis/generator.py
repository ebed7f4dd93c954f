"""The generator: batches of tickets in, complete objects out, in bounded memory.

A ticket's events fall on its day of reception or later, so once all tickets received up to a day
are generated, the raw objects of that day are complete. What is held back is the lines of later
days: a few weeks of volume, however long the run. Beside them goes the ledger of the truth, in
parts that are complete too.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
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
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, TicketBatch, build_batch
from pqrs_kedro.pipelines.synthesis.truth import PartCutter, TruthPart, truth_rows, with_labels

# Within one process: NumPy, Polars and Arrow release Python's lock for most of the work.
_THREADS: Final = 2
# Batches beyond those that are worked on, so that nobody waits while the reader writes.
_SPARE: Final = 3
# Tickets generated at a time: more need more memory, fewer take longer each.
_CHUNK_TICKETS: Final = 16_000
# Of a day that has more: its objects need memory too.
_PART_TICKETS: Final = 8_000


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
    return _generated(build_batch(scenario, days))


def _generated(batch: TicketBatch) -> GeneratedBatch:
    """Events and lines of a batch of tickets."""
    events = batch_events(batch)
    lines, defects = with_defects(events, raw_lines(events), batch.scenario.defect_rates)
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
    waiting, defects = Waiting(), DefectLedger(until)
    tickets, injected = PartCutter("ground_truth"), PartCutter("ground_truth_defects")
    jobs = _jobs(scenario, _chunks(scenario, days, days_per_chunk))
    for complete_before, batch in _in_order(jobs, workers):
        waiting.add(defects.add(batch.lines, batch.defects).before(until + 1))
        objects = waiting.complete(before=complete_before)
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


# What makes a batch, and the day before which all objects are complete once it is there.
_Job = tuple[int, Callable[[], GeneratedBatch]]


def _jobs(scenario: Scenario, chunks: Iterable[range]) -> Iterator[_Job]:
    """A job per chunk; several for a day of many tickets, which is built here, once."""
    for chunk in chunks:
        if sum(map(scenario.plan.count, chunk)) <= _CHUNK_TICKETS:
            yield chunk.stop, partial(generate_batch, scenario, chunk)
            continue
        *parts, last = build_batch(scenario, chunk).parts(_PART_TICKETS)
        for part in parts:
            yield chunk.start, partial(_generated, part)
        yield chunk.stop, partial(_generated, last)


def _in_order(jobs: Iterator[_Job], workers: int) -> Iterator[tuple[int, GeneratedBatch]]:
    """The batch of each job, in order, made a few jobs ahead of the reader."""
    running: deque[tuple[int, Future[GeneratedBatch]]] = deque()
    with _executor(workers) as pool:
        ahead = max(workers, _THREADS) + _SPARE
        while True:
            for complete_before, job in islice(jobs, ahead - len(running)):
                running.append((complete_before, pool.submit(job)))
            if not running:
                return
            complete_before, made = running.popleft()
            yield complete_before, made.result()


def _executor(workers: int) -> Executor:
    """Threads of this process for one worker, processes for several."""
    if workers == 1:
        return ThreadPoolExecutor(_THREADS)
    # loky starts clean interpreters: a fork would copy the locks of running thread pools, and
    # multiprocessing's spawn would import the command line again in every worker.
    return ProcessPoolExecutor(max_workers=workers)
