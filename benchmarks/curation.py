"""How fast, and in how much memory, raw lines become silver: `python -m benchmarks.curation`.

The tickets of so many days are generated once, into a lake of a temporary copy of the project. Then
take turns, each in a process of its own:

* the project: `kedro run --pipelines ingestion,curation` at the default parameters. Every
  line and event is judged and put in order, every row checked against its contract and hashed;
* DuckDB alone: the same JSON Lines parsed by its own reader with the same structure, and every
  event written twice to Parquet, sorted by object and instant, and by ticket and instant. Nothing
  is judged, deduplicated or derived: the least that bronze and silver could cost.

Memory is the peak of the process and its descendants. DuckDB has the project's memory limit and
spills like it. A million tickets take about 700 days, 8 GB of raw lines and 25 GB of disk.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.default_run import PeakMemory, copy_project, environment
from benchmarks.figures import Figures, Target, load, machine, print_figures

PROJECT = Path(__file__).resolve().parents[1]
FIRST_DAY, SEED, RUN_ID = date(2026, 1, 1), 42, "bench"
# The mean of the default profile, days of peaks and holidays included.
TICKETS_PER_DAY = 1_410
BYTES_PER_TICKET = 25_000
STAGES = "ingestion,curation"
TARGETS = {
    "project, peak memory, MB": Target(most=3000),
    "project / DuckDB, times": Target(most=4),
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.curation",
        description="Time raw to silver beside DuckDB alone; measure the peak memory.",
        epilog="example: %(prog)s --tickets 40000 --runs 3",
    )
    parser.add_argument("--tickets", type=int, default=1_000_000, help="about (default 1000000)")
    parser.add_argument("--runs", type=int, default=1, help="runs of both (default 1)")
    parser.add_argument("--lake", metavar="FOLDER", help="where lakes are made and removed again")
    parser.add_argument("--baseline", nargs=2, metavar=("LAKE", "OUTPUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.baseline:
        parse_and_write(*map(Path, options.baseline))
        return
    if options.tickets < 1 or options.runs < 1:
        parser.error("--tickets and --runs must be at least 1")
    refuse_full_disk(options.lake or tempfile.gettempdir(), options.tickets)
    with tempfile.TemporaryDirectory(prefix="pqrs-bench-", dir=options.lake) as folder:
        project = copy_project(Path(folder) / "project")
        days = -(-options.tickets // TICKETS_PER_DAY)
        last_day = FIRST_DAY + timedelta(days=days - 1)
        given = f"seed={SEED},run_id={RUN_ID},date_min={FIRST_DAY},date_max={last_day}"
        kedro(project, "synthesis", given)
        measured = [both(project, given, turn) for turn in range(options.runs)]
    print(f"raw to silver, {days} days: {len(measured)} times, {machine()}")
    print_figures(measured, TARGETS)


def refuse_full_disk(root: str, tickets: int) -> None:
    """Stop before the disk is full."""
    if not Path(root).is_dir():
        raise SystemExit(f"--lake: {root}: is no folder")
    needed, free = tickets * BYTES_PER_TICKET / 1e9, shutil.disk_usage(root).free / 1e9
    if free < needed:
        raise SystemExit(
            f"{root}: {free:.0f} GB free, {needed:.0f} GB needed; use --lake FOLDER or --tickets"
        )


def both(project: Path, given: str, turn: int) -> Figures:
    """The project and DuckDB alone, in one order and then in the other."""
    lake, output = project / "data" / "lake", project / "baseline"
    sides = {
        "project": lambda: kedro(project, STAGES, given),
        "DuckDB": lambda: measured(
            [sys.executable, "-m", "benchmarks.curation", "--baseline", str(lake), str(output)],
            PROJECT,
        ),
    }
    figures: dict[str, tuple[float, float]] = {}
    for name in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
        print(f"{name} … {load()}", file=sys.stderr)
        figures[name] = sides[name]()
    tickets, events = rows_of(lake, "silver/tickets"), rows_of(lake, "bronze/pqrs_events")
    for folder in (lake / "bronze", lake / "silver", lake / "quarantine", output):
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "tickets": tickets,
        "events": events,
        **{f"{name}, s": seconds for name, (seconds, _) in figures.items()},
        **{f"{name}, peak memory, MB": peak / 1e6 for name, (_, peak) in figures.items()},
        "project / DuckDB, times": figures["project"][0] / figures["DuckDB"][0],
    }


def kedro(project: Path, stages: str, given: str) -> tuple[float, float]:
    """Seconds and peak bytes of some stages."""
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", stages, "--params", given]
    return measured(command, project)


def measured(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds and peak bytes of a process and its descendants."""
    began = perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    memory = PeakMemory(process.pid)
    _, err = process.communicate()
    seconds, peak = perf_counter() - began, memory.stop()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{err}")
    return seconds, peak


def rows_of(lake: Path, table: str) -> int:
    """Rows of a table of the run."""
    import duckdb

    pattern = f"{lake}/{table}/**/part-*.parquet"
    found = duckdb.sql(f"SELECT count(*) FROM '{pattern}'").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


# --- In a measuring process: DuckDB alone -------------------------------------------------------


def parse_and_write(lake: Path, output: Path) -> None:
    """Parse all raw lines and write the events twice, sorted."""
    import duckdb

    from pqrs_kedro.contracts.raw import RAW_EVENT_STRUCTURE
    from pqrs_kedro.run.engine import EngineSettings

    output.mkdir()
    with duckdb.connect() as database, tempfile.TemporaryDirectory(dir=output) as scratch:
        database.execute(f"SET memory_limit = '{EngineSettings().memory_limit}'")
        database.execute(f"SET temp_directory = '{scratch}'")
        database.execute("SET preserve_insertion_order = false")
        columns = ", ".join(
            f"'{name}': '{column_type(part)}'" for name, part in RAW_EVENT_STRUCTURE.items()
        )
        database.execute(
            "CREATE TABLE events AS SELECT * EXCLUDE (run_id, filename), filename AS object "  # noqa: S608
            f"FROM read_json('{lake}/raw/pqrs/source=*/day=*/run_id=*/events.jsonl', "
            f"columns = {{{columns}}}, format = 'newline_delimited', filename = true, "
            "ignore_errors = true, "
            "hive_partitioning = true)"
        )
        for name, keys in (("by_line", "object, ts"), ("by_ticket", "ticket_id, ts, event_id")):
            database.execute(
                f"COPY (FROM events ORDER BY {keys}) TO '{output}/{name}.parquet' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )


def column_type(structure: object) -> str:
    """DuckDB's type of a part of the raw structure."""
    if isinstance(structure, dict):
        fields = ", ".join(f'"{name}" {column_type(part)}' for name, part in structure.items())
        return f"STRUCT({fields})"
    if isinstance(structure, list):
        return f"{column_type(structure[0])}[]"
    return str(structure)


if __name__ == "__main__":
    main()
