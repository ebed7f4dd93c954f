"""How fast the default run is: `make bench`, or `python -m benchmarks.default_run --runs 5`.

`kedro run --params seed=42` as a process of its own, on a temporary copy of the project, so that
`data/` stays as it is: wall clock with start-up, until the commit (gold) and until the end
(acceptance checked); peak memory; seconds of each stage. The generator alone is measured by
`benchmarks.generation`.

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
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figures, Target, load, machine, print_figures

PROJECT = Path(__file__).resolve().parents[1]
COPIED = ("src", "conf", "pyproject.toml", ".telemetry")
SEED = 42
FIRST_DAY = "2026-01-05"
SAMPLE_SECONDS = 0.1
TO_GOLD_STAGES = ("ingestion", "curation", "metrics")
TARGETS = {
    "run to gold, s": Target(most=45),
    "peak memory, MB": Target(most=2000),
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.default_run", description="Time the default run."
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of everything (default 3)")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs: {options.runs}: must be at least 1")
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        measured = []
        for number in range(options.runs):
            print(f"{number + 1} of {options.runs} … {load()}", file=sys.stderr)
            measured.append(whole_run(project))
    print(f"default run, seed {SEED}: {len(measured)} times, {machine()}")
    print_figures(measured, TARGETS)


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
    """Compile the copy's modules and loops, as any run but the first finds them."""
    compiling = [sys.executable, "-m", "compileall", "-q", str(project / "src")]
    subprocess.run(compiling, check=True)
    few = f"date_min={FIRST_DAY},date_max={FIRST_DAY},volume_scale=0.05"
    subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--pipelines=synthesis", f"--params={few}"],
        cwd=project, env=environment(project), capture_output=True, check=True,
    )  # fmt: skip
    shutil.rmtree(project / "data")


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


if __name__ == "__main__":
    main()
