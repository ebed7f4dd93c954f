"""The generator: batches of reception days in, complete raw objects out, in bounded memory.

A ticket's events fall on its day of reception or later, so once all tickets received up to a day
are generated, the raw objects of that day are complete. What is held back is the lines of later
days: a few weeks of volume, however long the run.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import islice
from typing import Final

from loky import ProcessPoolExecutor

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines, RawObject, Waiting
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, build_batch

# Within one process: NumPy, Polars and Arrow release Python's lock for most of the work.
_THREADS: Final = 2
# Tickets generated at a time: more need more memory, fewer take longer each.
_CHUNK_TICKETS: Final = 12_000


def generate_batch(scenario: Scenario, days: Sequence[int]) -> Lines:
    """All raw lines of the tickets received on `days`."""
    return raw_lines(build_batch(scenario, days))


def generate_raw_objects(
    scenario: Scenario, first: date, last: date, days_per_chunk: int, workers: int
) -> Iterator[list[RawObject]]:
    """Raw objects of all tickets received from `first` to `last`, each list complete.

    The objects do not depend on `days_per_chunk` nor on `workers`.
    """
    days = range(day_number(first), day_number(last) + 1)
    chunks = _chunks(scenario, days, days_per_chunk)
    waiting = Waiting()
    for chunk, lines in zip(chunks, _batches(scenario, chunks, workers), strict=True):
        waiting.add(lines)
        yield waiting.complete(before=chunk[-1] + 1)
    yield waiting.complete()


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


def _batches(scenario: Scenario, chunks: Sequence[Sequence[int]], workers: int) -> Iterator[Lines]:
    """The lines of each chunk, in order, a few chunks ahead of the reader."""
    with _executor(workers) as pool:
        jobs = (partial(generate_batch, scenario, chunk) for chunk in chunks)
        # One more than are worked on, so that nobody waits while the reader writes.
        running = deque(pool.submit(job) for job in islice(jobs, max(workers, _THREADS) + 1))
        while running:
            lines = running.popleft().result()
            running.extend(pool.submit(job) for job in islice(jobs, 1))
            yield lines


def _executor(workers: int) -> Executor:
    """Threads of this process for one worker, processes for several."""
    if workers == 1:
        return ThreadPoolExecutor(_THREADS)
    # loky starts clean interpreters: a fork would copy the locks of running thread pools, and
    # multiprocessing's spawn would import the command line again in every worker.
    return ProcessPoolExecutor(max_workers=workers)
