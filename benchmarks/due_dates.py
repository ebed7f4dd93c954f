"""A million due dates: the vectorised calendar against a loop over days.

`python -m benchmarks.due_dates`. The loop counts business days one at a time, as one would write it
by hand, for one in a hundred of the cycles; its time is scaled up, and its due days must be the
same. Target: a million in well under a second.

A machine that others use is noisy, so both are timed several times and the median is the figure.
"""

from collections.abc import Callable
from datetime import date, timedelta
from statistics import median
from time import perf_counter

import numpy as np

from pqrs_kedro.domain.calendar import Days, colombian_calendar, day_number, to_date
from pqrs_kedro.domain.terms import due_day

CYCLES = 1_000_000
LOOPED = CYCLES // 100
RUNS = 7
TERMS = (8, 10, 15, 20, 30)
HOLD_SHARE = 0.14
TARGET_SECONDS = 1.0


def main() -> None:
    """Compare the results of both, time them, and print two lines."""
    calendar = colombian_calendar()
    holidays = frozenset(calendar.holidays)
    start, term, paused = draw_cycles()
    days = (term + paused)[:LOOPED].tolist()
    cycles = list(zip(start[:LOOPED].tolist(), days, strict=True))

    def vectorised() -> list[int]:
        return due_day(calendar, start, term, paused)[:LOOPED].tolist()

    def looped() -> list[int]:
        return [loop_due_day(holidays, first, count) for first, count in cycles]

    if vectorised() != looped():
        raise SystemExit("the loop and the calendar disagree")
    seconds = timed(vectorised)
    show(f"calendar, {CYCLES:,} due dates", seconds, 1)
    show(f"loop over days, scaled from {LOOPED:,}", timed(looped), CYCLES // LOOPED)
    met = "met" if median(seconds) < TARGET_SECONDS else "NOT met"
    print(f"the same due days; target < {TARGET_SECONDS:.0f} s {met}")


def draw_cycles() -> tuple[Days, Days, Days]:
    """Start days of 2020 to 2030, terms, and paused business days of some."""
    random = np.random.default_rng(0)
    first, last = day_number(date(2020, 1, 1)), day_number(date(2030, 12, 31))
    start = random.integers(first, last, CYCLES)
    term = random.choice(np.array(TERMS), CYCLES)
    paused = random.integers(0, 25, CYCLES) * (random.random(CYCLES) < HOLD_SHARE)
    return start, term, paused


def loop_due_day(holidays: frozenset[date], start: int, count: int) -> int:
    """The `count`-th business day after the start day, day by day."""
    day = to_date(start)
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5 and day not in holidays
    return day_number(day)


def timed(work: Callable[[], object]) -> list[float]:
    """Seconds of each run."""
    seconds = []
    for _ in range(RUNS):
        began = perf_counter()
        work()
        seconds.append(perf_counter() - began)
    return seconds


def show(name: str, seconds: list[float], factor: int) -> None:
    """One line: the median of the runs and their range."""
    least, middle, most = (factor * pick(seconds) for pick in (min, median, max))
    print(f"{name:<36} {middle:>8.3f} s   ({len(seconds)} runs, {least:.3f} to {most:.3f} s)")


if __name__ == "__main__":
    main()
