"""Whether a million defective lines become what the ledger says: `python -m benchmarks.defects`.

Each round makes two runs of one seed on a temporary copy of the project, one with the defects of a
profile and one with none, up to silver, and judges every defective line (`benchmarks.recovery`).
Rounds go on until so many lines have been judged; the table adds them up. With `hostile` a round of
the default 31 days has some 100,000 defective lines of all classes. Exit code 1 if anything is
wrong: a defect that is not met exactly, or something in a quarantine without a defect.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import astuple
from itertools import count
from pathlib import Path

from benchmarks.default_run import copy_project, environment
from benchmarks.figures import load, machine, print_rows
from benchmarks.recovery import Verdict, judge

STAGES = "synthesis,ingestion,curation"
COLUMNS = ("injected", "recovered", "altered", "quarantined", "wrong")


def main() -> None:
    """Judge, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defects",
        description="Hold ingestion and curation to the ledger of defects, line by line.",
        epilog="example: %(prog)s --lines 5000 --days 3",
    )
    parser.add_argument("--lines", type=int, default=1_000_000, help="defective lines, at least")
    parser.add_argument("--days", type=int, default=31, help="days of reception of a round, 1-31")
    parser.add_argument("--profile", default="hostile", help="profile of defects (default hostile)")
    # `make bench` gives all benchmarks the same arguments; rounds are counted by lines.
    parser.add_argument("--runs", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.lines < 1 or not 1 <= options.days <= 31:
        parser.error("--lines must be at least 1, --days from 1 to 31")
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        total, false, rounds = rounds_of(project, options.profile, options.days, options.lines)
    print(f"defects, profile {options.profile}: seeds 1 to {rounds}, {machine()}")
    rows = [(label, *(f"{n:,}" for n in numbers)) for label, numbers in total.items()]
    print_rows([("", *COLUMNS), *rows])
    wrong = total["all"][-1]
    print(f"{false:,} in a quarantine without a defect; {wrong:,} lines wrong")
    sys.exit(1 if wrong or false else 0)


def rounds_of(
    project: Path, profile: str, days: int, lines: int
) -> tuple[dict[str, tuple[int, ...]], int, int]:
    """Rounds until so many lines are judged: numbers by class and of all, false ones, rounds."""
    total: dict[str, Counter[str]] = {}
    false = 0
    for seed in count(1):
        verdict = one_round(project, seed, profile, days)
        false += verdict.false_quarantine + len(verdict.differing ^ verdict.excepted)
        for fate in verdict.fates:
            numbers = dict(zip(COLUMNS, astuple(fate)[1:], strict=True))
            for label in (fate.label, "all"):
                total.setdefault(label, Counter()).update(numbers)
        judged = total["all"]["injected"]
        print(f"seed {seed}: {judged:,} lines judged … {load()}", file=sys.stderr)
        if judged >= lines:
            break
        if not judged:
            raise SystemExit(f"--profile: {profile} has no defects")
    everything = total.pop("all")
    table = {**total, "all": everything}
    return {k: tuple(v[name] for name in COLUMNS) for k, v in table.items()}, false, seed


def one_round(project: Path, seed: int, profile: str, days: int) -> Verdict:
    """Both runs of a seed, judged; their lake is removed."""
    for name in ("none", profile):
        given = f"seed={seed},run_id={name},defects.profile={name},date_max=2026-01-{days:02}"
        command = [sys.executable, "-m", "kedro", "run", "--pipelines", STAGES, "--params", given]
        done = subprocess.run(
            command, cwd=project, env=environment(project), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr)
    verdict = judge(project / "data" / "lake", profile, "none")
    shutil.rmtree(project / "data")
    return verdict


if __name__ == "__main__":
    main()
