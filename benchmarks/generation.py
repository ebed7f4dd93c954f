"""How fast raw events are generated, and in how much memory.

`make bench`, or `python -m benchmarks.generation --runs 5 --lake /dev/shm --skip-memory`.

* Speed: the default run's dates and a long run, written to a folder lake with hashes and the ledger
  of the truth; the raw events of a year alone, and beside them the same raw events row by row
  (`benchmarks.row_by_row`), with the standard library's JSON encoder and with the fastest one that
  is installed.
* Memory: the peak of a process for about 100,000 and 1,000,000 tickets, the latter by many days and
  by tenfold volume.

Each figure is that of a fresh process, without its imports (the start of further workers counts).
All take turns, in one order and then in the other, so that a machine that grows slower favours
none; a ratio is that of neighbours. One worker generates in two threads, row by row uses one: what
one core does is shown by processor seconds.

The lakes, about 6 GB per run and 14 GB for the memory, go to a temporary folder that is removed at
the very end: deleting many files slows down making the next ones.
"""

import argparse
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.figures import (
    Figures,
    Target,
    load,
    machine,
    number,
    print_figures,
    print_rows,
    verdict,
)

# The project is imported by the measuring processes only: a process that is started counts its
# parent's peak memory as its own, so this one has to stay small.
if TYPE_CHECKING:
    from pqrs_kedro.lake.objects import LakeObject
    from pqrs_kedro.parameters import RunParameters

PROJECT = Path(__file__).resolve().parents[1]
SEED = 42
FIRST_DAY = date(2026, 1, 1)
RUN_ID = "bench"
GIGABYTES_PER_RUN, GIGABYTES_FOR_MEMORY = 6.5, 14.0


@dataclass(frozen=True)
class Task:
    """What one process generates: the tickets of some days from FIRST_DAY on."""

    days: int
    workers: int = 1
    volume_scale: float = 1.0
    row_encoder: str | None = None
    """Row by row with this encoder; null is the project's generator."""
    ledger: bool = True
    """Whether the ledger of the truth is written too; row by row never does."""


DEFAULT, LONG, TWO_WORKERS = Task(31), Task(180), Task(180, workers=2)
RAW = Task(365, ledger=False)
ROWS, FAST_ROWS = (Task(14, row_encoder=name, ledger=False) for name in ("json", "orjson"))
# Both ways of row by row beside the raw events that they are compared with.
TURNS = (DEFAULT, TWO_WORKERS, LONG, ROWS, RAW, FAST_ROWS)
# The dense one has a window of peak days in it.
FEW, MANY, DENSE = Task(70), Task(700), Task(62, volume_scale=10)

TARGETS = {
    "default run (31 days), events/s": Target(least=150_000),
    "long run (180 days), events/s": Target(least=300_000),
    "raw events / row by row, times": Target(least=15),
}
PEAK = Target(most=2000)
GROWTH = Target(most=1.25)  # about 1


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generation",
        description="Time the generator, and row by row beside it; measure its peak memory.",
        epilog="example: %(prog)s --runs 5 --lake /dev/shm --skip-memory",
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of everything (default 3)")
    parser.add_argument("--lake", metavar="FOLDER", help="where lakes are made and removed again")
    parser.add_argument("--skip-memory", action="store_true", help="speed only")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(Task(**json.loads(options.task)), options.lake)))
        return
    if options.runs < 1:
        parser.error(f"--runs: {options.runs}: must be at least 1")
    refuse_full_disk(options.lake or tempfile.gettempdir(), options.runs, options.skip_memory)
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-", dir=options.lake) as folder:
        measuring = Measuring(Path(folder))
        print(f"generation, seed {SEED}: {options.runs} times, {machine()}")
        print_figures([speed(measuring, turn) for turn in range(options.runs)], TARGETS)
        if not options.skip_memory:
            print("\npeak memory of a process, one worker")
            print_rows(memory_rows(measuring))


def refuse_full_disk(root: str, runs: int, skip_memory: bool) -> None:
    """Stop before hours of work fill the disk."""
    if not Path(root).is_dir():
        raise SystemExit(f"--lake: {root}: is no folder")
    needed = runs * GIGABYTES_PER_RUN + (0 if skip_memory else GIGABYTES_FOR_MEMORY)
    free = shutil.disk_usage(root).free / 1e9
    if free < needed:
        raise SystemExit(
            f"{root}: {free:.0f} GB free, {needed:.0f} GB needed; use --lake FOLDER of a larger "
            "disk, fewer --runs or --skip-memory"
        )


class Measuring:
    """Measures tasks in fresh processes, each with a fresh lake."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)

    def __call__(self, task: Task) -> Figures:
        """The figures of one process."""
        print(f"{describe(task)} … {load()}", file=sys.stderr)
        lake = self._folder / f"lake-{next(self._numbers)}"
        lake.mkdir()
        command = [sys.executable, "-m", "benchmarks.generation"]
        command += ["--lake", str(lake), "--task", json.dumps(asdict(task))]
        done = subprocess.run(
            command, cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{describe(task)}: exit code {done.returncode}\n{done.stderr}")
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures


def describe(task: Task) -> str:
    """A task in words."""
    more = (
        f"volume {task.volume_scale:g}" if task.volume_scale != 1 else "",
        f"{task.workers} workers" if task.workers > 1 else "",
        f"row by row, {task.row_encoder}" if task.row_encoder else "",
        "" if task.ledger or task.row_encoder else "raw events only",
    )
    return ", ".join([f"{task.days} days", *filter(None, more)])


def environment() -> dict[str, str]:
    """This environment with the project's code, and without another run's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KEDRO_", "PQRS_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPATH": str(PROJECT / "src")}


def speed(measuring: Measuring, turn: int) -> Figures:
    """All figures of speed, once."""
    tasks = TURNS if turn % 2 == 0 else TURNS[::-1]
    of = {task: measuring(task) for task in tasks}

    def ratio(rows: Task, figure: str) -> float:
        return of[RAW][figure] / of[rows][figure]

    return {
        "default run (31 days), events/s": of[DEFAULT]["events/s"],
        "long run (180 days), events/s": of[LONG]["events/s"],
        "long run, 2 workers, events/s": of[TWO_WORKERS]["events/s"],
        "raw events (365 days), events/s": of[RAW]["events/s"],
        "row by row (14 days), events/s": of[ROWS]["events/s"],
        "row by row, orjson, events/s": of[FAST_ROWS]["events/s"],
        "raw events / row by row, times": ratio(ROWS, "events/s"),
        "raw events / row by row, orjson, times": ratio(FAST_ROWS, "events/s"),
        "raw events, events per processor s": of[RAW]["events per processor s"],
        "row by row, events per processor s": of[ROWS]["events per processor s"],
        "raw events / row by row, per processor s, times": ratio(ROWS, "events per processor s"),
    }


def memory_rows(measuring: Measuring) -> list[tuple[str, ...]]:
    """The table of peak memory, and how it grows with the number of tickets."""
    rows: list[tuple[str, ...]] = [("", "tickets", "events", "s", "peak MB", "target", "met")]
    of = {task: measuring(task) for task in (FEW, MANY, DENSE)}
    for task, figures in of.items():
        peak = figures["peak, MB"]
        shown = (number(name, figures[name]) for name in ("tickets", "events", "took, s"))
        rows.append((describe(task), *shown, number("MB", peak), *verdict(PEAK, peak)))
    growth = of[MANY]["peak, MB"] / of[FEW]["peak, MB"]
    name = f"{describe(MANY)} / {describe(FEW)}"
    rows.append((name, "", "", "", f"{growth:.2f}", *verdict(GROWTH, growth)))
    return rows


# --- In a measuring process ---------------------------------------------------------------------


def measure(task: Task, lake: str) -> Figures:
    """Generate in this process; imports are not timed."""
    parameters, work = run_parameters(task), prepared(task)
    # As at the beginning of a run: what is loaded stays.
    gc.freeze()
    began, used = perf_counter(), process_time()
    objects = work(parameters, lake)
    seconds, processor = perf_counter() - began, process_time() - used
    events = sum(item.rows for item in objects)
    return {
        "tickets": tickets(parameters),
        "events": events,
        "took, s": seconds,
        "events/s": events / seconds,
        # Of this process: further workers are others.
        "events per processor s": events / processor,
        "peak, MB": peak_bytes() / 1e6,
    }


def run_parameters(task: Task) -> "RunParameters":
    """The parameters of conf/base with the task's dates and volume."""
    from pqrs_kedro.parameters import parse_parameters
    from pqrs_kedro.run.config_loader import RunConfigLoader

    given = {
        "seed": SEED,
        "run_id": RUN_ID,
        "date_min": FIRST_DAY.isoformat(),
        "date_max": (FIRST_DAY + timedelta(days=task.days - 1)).isoformat(),
        "volume_scale": task.volume_scale,
        "workers": task.workers,
        # The generator itself; the one that works row by row knows no defects.
        "defects": {"profile": "none"},
    }
    loader = RunConfigLoader(
        PROJECT / "conf", base_env="base", default_run_env="base", runtime_params=given
    )
    return parse_parameters(dict(loader["parameters"]))


def prepared(task: Task) -> Callable[["RunParameters", str], Sequence["LakeObject"]]:
    """The work of a task, with everything imported that it needs."""
    from pqrs_kedro.domain.calendar import national_holidays
    from pqrs_kedro.pipelines.synthesis.draws import raw_block

    national_holidays()  # imports `holidays`
    # Imports what compiled loops need: row by row takes the days' numbers of tickets from one.
    raw_block(SEED, "", 0, 1)
    if task.row_encoder is None:
        return project_generation(task.ledger)
    from benchmarks.row_by_row import write_row_by_row

    encoder = task.row_encoder
    return lambda parameters, lake: write_row_by_row(parameters, lake, RUN_ID, encoder)


def project_generation(
    with_ledger: bool,
) -> Callable[["RunParameters", str], Sequence["LakeObject"]]:
    """The project's generator and datasets, as the synthesis pipeline joins them."""
    from pqrs_kedro.datasets.ground_truth import GroundTruth
    from pqrs_kedro.datasets.raw_events import RawEvents
    from pqrs_kedro.pipelines.synthesis.generator import generate_objects
    from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

    def work(parameters: "RunParameters", lake: str) -> Sequence["LakeObject"]:
        raw = RawEvents(path=lake, run_id=RUN_ID)
        names = ("ground_truth", "ground_truth_defects")
        truth = [GroundTruth(table=name, path=lake, run_id=RUN_ID) for name in names]
        dates = (parameters.date_min, parameters.date_max)
        for objects, *ledgers in generate_objects(
            build_scenario(parameters), *dates, parameters.days_per_chunk, parameters.workers
        ):
            # It takes a list of whatever is like a raw object; mypy lets no list stand for another.
            raw.save(objects)  # type: ignore[arg-type]
            for ledger, parts in zip(truth, ledgers, strict=True):
                if with_ledger:
                    ledger.save(parts)
        return raw.objects

    return work


def tickets(parameters: "RunParameters") -> int:
    """How many tickets the parameters ask for."""
    from pqrs_kedro.domain.calendar import day_number
    from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

    plan = build_scenario(parameters).plan
    days = range(day_number(parameters.date_min), day_number(parameters.date_max) + 1)
    return sum(plan.count(day) for day in days)


def peak_bytes() -> int:
    """Most resident memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
