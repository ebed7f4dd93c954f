"""Parameter sweeps: how fast trials are, and whether calibrated values and intervals hold.

`python -m benchmarks.sweep`; about half an hour on two cores, of which `--only` takes a part:

* `speed`: trials per minute of 47,000 tickets with two processes, and processor seconds of one;
* `rates`: response.median_scale calibrated by a sweep for 7, 8 ... 12 %, then used for 150,000
  tickets on 20 unseen seeds: every run must be within 0.25 points of the request;
* `coverage`: 1,000 calibrations of small runs; between 93 and 97 % of the 95 % intervals must hold
  the scale that the law of the response ratio gives. Lateness is read from the timeline, which a
  trial's numbers are shown to equal (tests/pipelines/test_sweep_trial.py).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from time import perf_counter, process_time
from typing import Any

import numpy as np
from benchmarks.figures import Target, machine, print_figures
from loky import ProcessPoolExecutor
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from tools.distributions.samples import parameters

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.pipelines.synthesis.calibration import scaled_median
from pqrs_kedro.pipelines.synthesis.scenario import breach_rate_by_scale, build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import build_batch
from pqrs_kedro.sweep.calibration import SCALE_DECIMALS, ResponseCurve, closed_form_root
from pqrs_kedro.sweep.design import Point, Trial, plain_values
from pqrs_kedro.sweep.execution import InProcess, InProcesses
from pqrs_kedro.sweep.measures import Measured
from pqrs_kedro.sweep.plan import RESPONSE, SCALE

RATES = (0.07, 0.08, 0.09, 0.10, 0.11, 0.12)
SCALES = (0.9, 0.97, 1.04, 1.13)
TOLERANCE = 0.0025
PARTS = ("speed", "rates", "coverage")
_CONSOLE = Console(stderr=True)
_FIRST = date(2026, 1, 1)
# Days that give at least so many tickets with every seed are counted by the plan of arrivals.
_TICKETS = {"trial": 47_000, "check": 150_000}
_SMALL: dict[str, Any] = {"date_min": "2026-01-05", "date_max": "2026-01-08", "volume_scale": 0.1}


def main() -> None:
    """Print each part's figures; exit code 1 if a target is missed."""
    options = _options()
    base = plain_values(parameters())
    print(machine())
    held = [
        *([speed(base, options.jobs)] if "speed" in options.only else []),
        *([rates(base, options.jobs, options.seeds)] if "rates" in options.only else []),
        *([coverage(options.jobs, options.replications)] if "coverage" in options.only else []),
    ]
    raise SystemExit(not all(held))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="example: python -m benchmarks.sweep --only speed",
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seeds", type=int, default=20, help="unseen seeds of each rate")
    parser.add_argument("--replications", type=int, default=1000, help="calibrations of coverage")
    options = parser.parse_args()
    if min(options.jobs, options.seeds, options.replications) < 1:
        parser.error("--jobs, --seeds and --replications must be 1 or more")
    return options


def _trials(tickets: int, scales: Sequence[float], seeds: Sequence[int]) -> list[Trial]:
    """Trials of at least so many tickets, each of as many days as its seed takes."""
    pairs = [(scale, seed) for seed in seeds for scale in scales]
    return [
        Trial(
            number, Point(0, RESPONSE, {SCALE: scale, "date_max": _last_day(seed, tickets)}), seed
        )
        for number, (scale, seed) in enumerate(pairs)
    ]


def _last_day(seed: int, tickets: int) -> str:
    plan = build_scenario(parameters(seed=seed, date_min=_FIRST, date_max="2026-12-31")).plan
    day, received = day_number(_FIRST), 0
    while received < tickets:
        received += plan.count(day)
        day += 1
    return (_FIRST + timedelta(days=day - 1 - day_number(_FIRST))).isoformat()


def _breach(measured: Sequence[Measured]) -> float:
    (total,) = (m for m in measured if (m.measure, m.dimension) == (BREACH_RATE, TOTAL))
    return total.numerator / total.denominator


def speed(base: dict[str, Any], jobs: int) -> bool:
    """Trials of 47,000 tickets, once every process has started."""
    trials = _trials(_TICKETS["trial"], SCALES, range(1, 11))
    with InProcesses(base, jobs) as pool:
        list(pool.run(trials[: 2 * jobs]))
        began = perf_counter()
        list(pool.run(trials))
        minutes = (perf_counter() - began) / 60
    with InProcess(base) as alone:
        list(alone.run(trials[:1]))
        spent = process_time()
        list(alone.run(trials[:10]))
        seconds = (process_time() - spent) / 10
    figures = {"trials per minute": len(trials) / minutes, "a trial, processor s": seconds}
    targets = {"trials per minute": Target(least=40), "a trial, processor s": Target(most=2.0)}
    print_figures([figures], targets)
    return all(targets[name].is_met(value) for name, value in figures.items())


def rates(base: dict[str, Any], jobs: int, seeds: int) -> bool:
    """Calibrate on ten seeds of 47,000 tickets, check on others of 150,000."""
    with InProcesses(base, jobs) as pool:
        curve = _curve(pool, _trials(_TICKETS["trial"], SCALES, range(1, 11)))
        print("requested   scale   from     to       largest, points   verdict")
        return all([_check(pool, curve, rate, seeds) for rate in RATES])


def _curve(pool: InProcesses, trials: list[Trial]) -> ResponseCurve:
    found = {trial.number: _breach(m) for trial, m in _tracked(pool, trials, "curve")}
    by_seed = np.array([found[trial.number] for trial in trials]).reshape(-1, len(SCALES))
    predict = breach_rate_by_scale(parameters().chosen_profile)
    return ResponseCurve(np.array(SCALES), by_seed.T, predict)


def _check(pool: InProcesses, curve: ResponseCurve, rate: float, seeds: int) -> bool:
    root = curve.root(rate)
    scale = round(root.value, SCALE_DECIMALS)
    trials = _trials(_TICKETS["check"], (scale,), range(1001, 1001 + seeds))
    off = [abs(_breach(m) - rate) for _, m in _tracked(pool, trials, f"{rate:.0%}")]
    held = max(off) <= TOLERANCE
    print(
        f"{rate:>9.0%}   {scale:.4f}  {root.low:.4f}   {root.high:.4f}   {100 * max(off):>15.3f}"
        f"   {'PASS' if held else 'FAIL'}"
    )
    return held


def _tracked(pool: InProcesses, trials: list[Trial], title: str) -> Iterator[Any]:
    return iter(track(pool.run(trials), title, len(trials), transient=True, console=_CONSOLE))


def coverage(jobs: int, replications: int, seeds: int = 5) -> bool:
    """Whether the intervals of small calibrations hold the scale of the closed form."""
    predict = breach_rate_by_scale(parameters().chosen_profile)
    truth = closed_form_root(predict, 0.095)
    scales = np.array([0.9, 1.05, 1.2])
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        found = pool.map(_late_rates, range(replications * seeds), chunksize=50)
        columns = list(track(found, "coverage", replications * seeds, console=_CONSOLE))
    held = 0
    for number in range(replications):
        of_one = np.array(columns[number * seeds : (number + 1) * seeds]).T
        held += ResponseCurve(scales, of_one, predict).root(0.095).holds(truth)
    share = held / replications
    passed = 0.93 <= share <= 0.97
    print(f"95 % intervals that hold the true scale: {share:.1%} of {replications:,} calibrations"
          f"   {'PASS' if passed else 'FAIL'}")  # fmt: skip
    return passed


def _late_rates(seed: int) -> NDArray[np.float64]:
    """Shares of late tickets of a small run at three scales."""
    typed = parameters(seed=seed, **_SMALL)
    scenario = build_scenario(typed)
    days = range(day_number(typed.date_min), day_number(typed.date_max) + 1)
    found = []
    for scale in (0.9, 1.05, 1.2):
        median = (scaled_median(scale),) * len(scenario.median_by_type)
        timeline = build_batch(replace(scenario, median_by_type=median), days).timeline
        last = (timeline.term[:, 1] > 0).astype(int)
        found.append(timeline.is_late[np.arange(len(last)), last].mean())
    return np.array(found)


if __name__ == "__main__":
    main()
