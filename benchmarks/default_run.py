"""How fast the default run is: `make bench`, or `python benchmarks/default_run.py --runs 5`.

Measured on a temporary copy of the project, so `data/` stays as it is:

* `kedro run --params seed=42` as a process of its own: wall clock with start-up, until the commit
  (gold) and until the end (acceptance checked); peak memory; seconds of each stage;
* the generator alone, to a folder lake with hashes, in a fresh process and without its imports,
  with one and with two workers (the start of the workers counts).

A machine that others use is noisy, and noise only ever slows down. So everything runs several
times; the table shows the median, which one disturbed run does not move, and the range, which tells
how noisy it was. Processor seconds are shown too: they hardly change while others wait for the same
cores. Compare medians of the same machine only, and two versions by runs taken in turns.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

PROJECT = Path(__file__).resolve().parents[1]
COPIED = ("src", "conf", "pyproject.toml", ".telemetry")
SEED = 42
SAMPLE_SECONDS = 0.1
TO_GOLD_STAGES = ("ingestion", "curation", "metrics")
# Figures of a run, by name.
Figures = dict[str, float]


@dataclass(frozen=True)
class Target:
    """What a figure should be: below `most`, or from `least` on."""

    most: float = float("inf")
    least: float = 0.0

    def __str__(self) -> str:
        return f">= {self.least:,.0f}" if self.least else f"< {self.most:,.0f}"

    def is_met(self, value: float) -> bool:
        """Whether the value is within the target."""
        return self.least <= value < self.most


TARGETS = {
    "run to gold, s": Target(most=45),
    "peak memory, MB": Target(most=2000),
    "generation, events/s": Target(least=150_000),
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Time the default run.")
    parser.add_argument("--runs", type=int, default=3, help="runs of everything (default 3)")
    parser.add_argument("--generate", metavar="WORKERS", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        print(json.dumps(generate(Path.cwd(), options.generate)))
        return
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        measured = [measure(project, number, options.runs) for number in range(options.runs)]
    print_table(measured)


def copy_project(folder: Path) -> Path:
    """A working copy without data."""
    folder.mkdir()
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "local")
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            shutil.copy2(source, folder / name)
    (folder / "conf" / "local").mkdir()
    compile_modules(folder)
    return folder


def compile_modules(project: Path) -> None:
    """Compile the copy's modules, as any run but the first finds them."""
    compiling = [sys.executable, "-m", "compileall", "-q", str(project / "src")]
    subprocess.run(compiling, check=True)


def measure(project: Path, number: int, runs: int) -> Figures:
    """All figures, once."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{number + 1} of {runs} … {load}", file=sys.stderr)
    figures = whole_run(project)
    for workers, name in ((1, "generation"), (2, "generation, 2 workers")):
        figures |= generation(project, workers, name)
    return figures


def environment(project: Path) -> dict[str, str]:
    """This environment, with the copy's package and without another run's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KEDRO_", "PQRS_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPATH": str(project / "src")}


def whole_run(project: Path) -> Figures:
    """The default run as a process of its own."""
    shutil.rmtree(project / "data", ignore_errors=True)
    command = [sys.executable, "-m", "kedro", "run", "--params", f"seed={SEED}"]
    began, clock, used = datetime.now(UTC), perf_counter(), children_seconds()
    with (project / "output").open("w") as output:
        process = subprocess.Popen(
            command, cwd=project, env=environment(project), stdout=output, stderr=output
        )
        memory = PeakMemory(process.pid)
        code = process.wait()
    seconds = perf_counter() - clock
    if code:
        raise SystemExit((project / "output").read_text())
    (path,) = (project / "data" / "lake").glob("manifests/day=*/run_id=*/manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    committed = (datetime.fromisoformat(manifest["finished_at"]) - began).total_seconds()
    return {
        "run to the end, s": seconds,
        "run to the end, processor s": children_seconds() - used,
        "run to gold, s": committed,
        "peak memory, MB": memory.stop() / 1e6,
        **stage_figures(manifest["seconds_by_stage"]),
        "events": manifest["rows_by_layer"]["raw"],
    }


def stage_figures(seconds: Mapping[str, float]) -> Figures:
    """Seconds of each stage, and from raw to gold."""
    stages = {f"  {stage}, s": value for stage, value in seconds.items()}
    return {**stages, "raw to gold, s": sum(seconds[stage] for stage in TO_GOLD_STAGES)}


class PeakMemory:
    """Most resident memory of a process and its descendants, sampled while they run."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, tree_memory(self._pid))

    def stop(self) -> float:
        """Bytes at the peak; without /proc, of the largest single process."""
        self._done.set()
        self._thread.join()
        return self._peak or largest_child()


def tree_memory(root: int) -> int:
    """Resident bytes of a process and its descendants; 0 where there is no /proc."""
    parents = dict(filter(None, map(process_parent, Path("/proc").glob("[0-9]*"))))
    tree, known = {root}, 0
    while len(tree) > known:
        known = len(tree)
        tree |= {pid for pid, parent in parents.items() if parent in tree}
    return sum(map(resident_bytes, tree))


def process_parent(folder: Path) -> tuple[int, int] | None:
    """A process and its parent; null if it is gone."""
    try:
        # The second field is the command in brackets, which may hold anything.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return int(folder.name), int(fields[1])


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def children_seconds() -> float:
    """Processor seconds of the children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def largest_child() -> float:
    """Most resident bytes of any one child that has ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def generation(project: Path, workers: int, name: str) -> Figures:
    """The generator alone in a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--generate", str(workers)]
    done = subprocess.run(
        command, cwd=project, env=environment(project), capture_output=True, text=True, check=True
    )
    return {f"{name}, {unit}": value for unit, value in json.loads(done.stdout).items()}


def generate(project: Path, workers: int) -> Figures:
    """Generate the default run's objects into a folder lake; imports are not timed."""
    from pqrs_kedro.datasets.ground_truth import GroundTruth
    from pqrs_kedro.datasets.raw_events import RawEvents
    from pqrs_kedro.domain.calendar import colombian_calendar
    from pqrs_kedro.parameters import parse_parameters
    from pqrs_kedro.pipelines.synthesis.generator import generate_objects
    from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
    from pqrs_kedro.run.config_loader import RunConfigLoader

    loader = RunConfigLoader(
        project / "conf",
        base_env="base",
        default_run_env="local",
        runtime_params={"seed": SEED, "run_id": "bench"},
    )
    typed = parse_parameters(dict(loader["parameters"]))
    colombian_calendar()  # imports `holidays`
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-lake-") as lake:
        began, used = perf_counter(), process_time()
        raw = RawEvents(path=lake, run_id="bench")
        ledger = GroundTruth(table="ground_truth", path=lake, run_id="bench")
        for objects, parts in generate_objects(
            build_scenario(typed), typed.date_min, typed.date_max, typed.days_per_chunk, workers
        ):
            raw.save(objects)
            ledger.save(parts)
        seconds, processor = perf_counter() - began, process_time() - used
    own = {"processor s": processor} if workers == 1 else {}
    return {"s": seconds, **own, "events/s": sum(item.rows for item in raw.objects) / seconds}


def print_table(measured: list[Figures]) -> None:
    """Median and range of every figure, and its target."""
    rows: list[tuple[str, ...]] = [("", "median", "least", "most", "target", "met")]
    rows += [row(name, [figures[name] for figures in measured]) for name in measured[0]]
    print(f"default run, seed {SEED}: {len(measured)} times, {os.cpu_count()} cores")
    print_rows(rows)


def row(name: str, values: list[float]) -> tuple[str, ...]:
    """One line of the table."""
    target = TARGETS.get(name)
    wanted = (str(target), "yes" if target.is_met(median(values)) else "NO") if target else ("", "")
    decimals = 1 if name.endswith(" s") else 0
    shown = (f"{value:,.{decimals}f}" for value in (median(values), min(values), max(values)))
    return (name, *shown, *wanted)


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """A table in columns: the first to the left, the others to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())


if __name__ == "__main__":
    main()
