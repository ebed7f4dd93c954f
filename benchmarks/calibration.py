"""Is the breach rate that was asked for the one that comes out?

`make calibration`, or `python -m benchmarks.calibration`: 20 seeds x 3 rates x 2 profiles of
150,000 tickets each, about two seconds of processor time a run. Due days are counted by the
definitions of docs/metrics.md on NumPy's business days. A row passes when in every run

* the realised rate of all tickets is within 0.25 percentage points of the request, and
* that of every type within max(1 point, 4 sqrt(r (1 - r) / n)).

The spread of the deviations over the seeds is shown beside the one that stratified draws should
have (`tools.distributions.laws.BreachLaw`) and that of independent ones.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from tools.distributions.laws import breach_law
from tools.distributions.observed import Observed
from tools.distributions.samples import (
    PROFILES,
    base_profile,
    never_late_share,
    tickets_in_number,
)

RATES = (0.07, 0.095, 0.12)
SEEDS = 20
TICKETS = 150_000
FIRST_DAY = "2026-01-01"
TOLERANCE = 0.0025
TYPE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Trial:
    """One run: how far its rates are from the request."""

    tickets: int
    deviation: float
    expected_spread: float
    types_excess: float
    """Greatest deviation of a type, as a part of what is allowed."""


def main() -> None:
    """Print a row per profile and rate; exit code 1 if one fails."""
    options = _options()
    print(_HEAD)
    failed = False
    for profile in PROFILES:
        for rate in RATES:
            seeds = track(
                range(options.seeds), f"{profile} {rate:.1%}", transient=True, console=_CONSOLE
            )
            trials = run_trials(profile, rate, options.tickets, seeds)
            failed |= not passes(trials)
            print(row(profile, rate, trials))
    raise SystemExit(failed)


_CONSOLE = Console(stderr=True)
_HEAD = (
    "profile       rate    runs  tickets  mean dev  largest  spread expected  independent"
    "  types  verdict\n"
    "                              least    points   points  points   points       points"
    "  of allowed"
)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="example: python -m benchmarks.calibration --seeds 3",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each row, seeds from 1")
    parser.add_argument(
        "--tickets", type=int, default=TICKETS, help="tickets of each run, at least"
    )
    options = parser.parse_args()
    if options.seeds < 1 or options.tickets < 1:
        parser.error("--seeds and --tickets must be 1 or more")
    return options


def run_trials(profile: str, rate: float, tickets: int, seeds: Iterable[int]) -> list[Trial]:
    """One run per seed."""
    return [run_trial(profile, rate, tickets, seed + 1) for seed in seeds]


def run_trial(profile: str, rate: float, tickets: int, seed: int) -> Trial:
    """Generate the tickets of a run and count the late ones."""
    options = {"profile": profile, "breach_rate": rate, "seed": seed}
    observed = Observed(tickets_in_number(tickets, FIRST_DAY, **options))
    facts = base_profile(profile)
    count = len(observed.breached)
    law = breach_law(facts, rate, never_late_share(facts))
    return Trial(
        tickets=count,
        deviation=float(observed.breached.mean()) - rate,
        expected_spread=law.deviation(count, observed.strata_count),
        types_excess=max(_type_excess(observed, rate, n) for n in range(len(facts.types))),
    )


def _type_excess(observed: Observed, rate: float, number: int) -> float:
    late = observed.breached[observed.batch.type_index == number]
    allowed = max(TYPE_TOLERANCE, 4 * np.sqrt(rate * (1 - rate) / len(late)))
    return abs(float(late.mean()) - rate) / allowed


def passes(trials: Sequence[Trial]) -> bool:
    """Whether every run is within what is allowed, in all and by type."""
    return all(abs(trial.deviation) <= TOLERANCE and trial.types_excess <= 1 for trial in trials)


def row(profile: str, rate: float, trials: Sequence[Trial]) -> str:
    """A line of the table; deviations in percentage points."""
    deviations = 100 * np.array([trial.deviation for trial in trials])
    tickets = min(trial.tickets for trial in trials)
    figures = (
        float(deviations.mean()),
        float(abs(deviations).max()),
        float(np.sqrt((deviations**2).mean())),
        100 * float(np.mean([trial.expected_spread for trial in trials])),
        100 * float(np.sqrt(rate * (1 - rate) / tickets)),
        max(trial.types_excess for trial in trials),
    )
    mean, largest, spread, expected, independent, types = figures
    return (
        f"{profile:<13}{rate:>5.1%}  {len(trials):>5}  {tickets:>7,}  {mean:>+8.3f}"
        f"  {largest:>7.3f}  {spread:>6.3f}  {expected:>7.3f}  {independent:>11.3f}  {types:>5.2f}"
        f"  {'PASS' if passes(trials) else 'FAIL'}"
    )


if __name__ == "__main__":
    main()
