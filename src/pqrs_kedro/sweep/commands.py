"""`kedro sweep`: parameter sweeps, and what came out of them."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.utils import _split_params, env_option
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pqrs_kedro.command_line import json_option, open_lake, print_json, refuse
from pqrs_kedro.lake.objects import ObjectChanged, ObjectDiffers
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput
from pqrs_kedro.run.stops import Terminated, stop_signals

if TYPE_CHECKING:
    from pqrs_kedro.sweep.calibration import Interval
    from pqrs_kedro.sweep.plan import SweepPlan
    from pqrs_kedro.sweep.record import SweepFolder, SweepInputs

_RUN = "run"
_WIDTH = 160


class _RunByDefault(click.Group):
    """A group whose command `run` need not be named: `kedro sweep FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` first where no command is named."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunByDefault, short_help="Sweep parameters; calibrate the breach rate.")
def sweep() -> None:
    """Sweep parameters, and calibrate the breach rate.

    kedro sweep FILE is short for kedro sweep run FILE.

    Example: kedro sweep sweeps/breach_rate.yml
    """


@sweep.command(_RUN, short_help="Carry out the trials of a file, or of --grid.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--grid",
    "grid",
    multiple=True,
    metavar="NAME=A,B,C",
    help="A parameter and its values; may be repeated: every combination is tried.",
)
@click.option("--seeds", type=click.IntRange(1, 1000), help="Seeds of every combination.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes.  [default: one per core]")
@click.option(
    "--full", is_flag=True, help="Make every trial an ordinary run, in lake and Postgres."
)
@click.option("--sweep-id", help="Name of the sweep.  [default: a new one]")
@click.option(
    "--resume", "resumed", metavar="SWEEP_ID", help="Go on with a sweep that was stopped."
)
@click.option(
    "--params",
    type=click.UNPROCESSED,
    default="",
    callback=_split_params,
    metavar="NAME=VALUE,...",
    help="Parameters of all trials, as kedro run takes them.",
)
@env_option
def run(
    file: Path | None, grid: tuple[str, ...], seeds: int | None, jobs: int | None, full: bool,
    sweep_id: str | None, resumed: str | None, params: dict[str, Any], env: str | None,
) -> None:  # fmt: skip
    """Carry out the trials of FILE, or of --grid, and calibrate if the file asks for it.

    A trial is a run up to its SLA metrics, without raw lines, lake and Postgres. Trials that are
    done are kept: a sweep that was stopped goes on with --resume.

    Example: kedro sweep run sweeps/breach_rate.yml

    Example: kedro sweep run --grid volume_scale=0.5,1,2 --seeds 10 --params date_max=2026-01-10
    """
    from pqrs_kedro.sweep import record, sweep_run

    told = {"FILE": file, "--grid": grid, "--seeds": seeds, "--full": full,
            "--sweep-id": sweep_id, "--params": params}  # fmt: skip
    project, store = open_lake(env)
    try:
        if resumed is not None:
            _nothing_beside_resume(told)
            folder, inputs = sweep_run.resume(store, project, resumed)
        else:
            plan = _plan(file, grid, seeds, full)
            inputs = sweep_run.prepare(project, plan, _values(project, env, params))
            _announce(plan, inputs)
            folder = sweep_run.begin(
                store, inputs, sweep_id or record.new_sweep_id(datetime.now(UTC))
            )
        manifest = _carry_out(project, store, env, inputs, folder, jobs)
    except (InvalidInput, record.SweepNotFound) as error:
        refuse(str(error))
    _print_points(folder)
    _print_calibration(folder)
    click.echo(f"digest      {manifest['digest']}")
    click.echo(f"page        {store.location(_page_key(folder))}")
    click.echo(f"again       kedro sweep show {folder.sweep_id}")


def _nothing_beside_resume(told: dict[str, Any]) -> None:
    beside = [name for name, value in told.items() if value]
    if beside:
        raise InvalidInput(f"--resume: goes on with the plan as it was; leave out {beside[0]}")


def _plan(file: Path | None, grid: tuple[str, ...], seeds: int | None, full: bool) -> "SweepPlan":
    from pqrs_kedro.sweep.plan import grid_option, parse_plan, read_plan

    if file is None and not grid:
        raise InvalidInput("give a sweep file, or --grid NAME=A,B,C; see kedro sweep run --help")
    values = {} if file is None else read_plan(file)
    if grid:
        pairs = [grid_option(text) for text in grid]
        repeated = [path for n, (path, _) in enumerate(pairs) if path in dict(pairs[:n])]
        if repeated:
            raise InvalidInput(f"--grid: {repeated[0]} is given twice")
        values |= {"grid": dict(pairs)}
    values |= {} if seeds is None else {"seeds": seeds}
    values |= {"full": True} if full else {}
    return parse_plan(values, "sweep" if file is None else str(file))


def _values(project: Path, env: str | None, params: dict[str, Any]) -> dict[str, Any]:
    from pqrs_kedro.run.config_loader import configured_values

    if "run_id" in params:
        raise InvalidInput("run_id: a sweep has none; see --sweep-id")
    return configured_values(project, env, params)


def _announce(plan: "SweepPlan", inputs: "SweepInputs") -> None:
    from pqrs_kedro.sweep.design import list_points

    points = len(list_points(plan, inputs.parameters))
    text = f"{points} points x {plan.seeds} seeds"
    if plan.calibrate is not None:
        check = plan.calibrate.check
        rates, settings = len(plan.calibrate.rates), 1 + len(check.settings)
        text += f", then {rates} rates x {settings} settings x {check.seeds} unseen seeds"
    click.echo(f"sweep of {', '.join(plan.swept)}: {text}")


def _carry_out(
    project: Path, store: Store, env: str | None, inputs: "SweepInputs", folder: "SweepFolder",
    jobs: int | None,
) -> dict[str, Any]:  # fmt: skip
    from pqrs_kedro.sweep.sweep_run import SweepRun

    click.echo(f"sweep_id    {folder.sweep_id}")
    work = SweepRun(project, store, env, inputs, folder, jobs or os.cpu_count() or 1, _progress)
    try:
        with stop_signals():
            return work.execute()
    except (KeyboardInterrupt, Terminated) as stop:
        click.echo(f"Error: stopped; go on with: kedro sweep --resume {folder.sweep_id}", err=True)
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        sys.exit(128 + number)
    except (ObjectDiffers, ObjectChanged, OSError) as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Trials done, and how long the rest will take, on standard error."""
    columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task("trials", total=total)
        yield lambda: display.advance(task)


@sweep.command(short_help="Show the points of a sweep, and its calibration.")
@click.argument("sweep_id")
@json_option
@env_option
def show(sweep_id: str, as_json: bool, env: str | None) -> None:
    """Show the points of SWEEP_ID over their seeds, and its calibration.

    Example: kedro sweep show s20260224T101530Z-3fa9c1 --json
    """
    from pqrs_kedro.sweep import summary

    folder = _read(open_lake(env)[1], sweep_id)
    if as_json:
        print_json(summary.as_json(folder))
        return
    _print_points(folder)
    _print_calibration(folder)
    click.echo(f"page        {folder.store.location(_page_key(folder))}")


@sweep.command(short_help="Compare the points that two sweeps share.")
@click.argument("first")
@click.argument("second")
@json_option
@env_option
def compare(first: str, second: str, as_json: bool, env: str | None) -> None:
    """Compare the points that the sweeps FIRST and SECOND share, seed by seed.

    Example: kedro sweep compare s20260224T101530Z-3fa9c1 s20260225T090000Z-7be1d0
    """
    from pqrs_kedro.sweep import summary

    store = open_lake(env)[1]
    sides = [_read(store, sweep_id) for sweep_id in (first, second)]
    found = summary.compare(*sides)
    digests = [side.document("manifest.json")["digest"] for side in sides]
    if as_json:
        rows = [
            {"parameters": dict(d.swept), "measure": d.measure, "first": round(d.first, 6),
             "second": round(d.second, 6), "difference": summary.interval_json(d.difference),
             "seeds": d.seeds}
            for d in found
        ]  # fmt: skip
        content = {"first": first, "second": second, "equal": digests[0] == digests[1]}
        print_json(content | {"points": rows})
        return
    if not found:
        refuse(f"{first} and {second} have no point with a common seed")
    _print_differences(found)
    click.echo("equal digests" if digests[0] == digests[1] else "different digests")


def _print_differences(found: Any) -> None:
    table = _table("parameters", "measure", "first", "second", "second - first", "seeds")
    for item in found:
        swept = ", ".join(f"{path}={value}" for path, value in item.swept.items())
        table.add_row(swept, item.measure, f"{item.first:.3f}", f"{item.second:.3f}",
                      _shown(item.difference, 3), str(item.seeds))  # fmt: skip
    _console().print(table)


@sweep.command(short_help="Carry out a sweep again; compare the digests.")
@click.argument("sweep_id")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes.  [default: one per core]")
@env_option
def reproduce(sweep_id: str, jobs: int | None, env: str | None) -> None:
    """Carry out SWEEP_ID again from its manifest, under a new id, and compare the digests.

    Exit code 1 if they differ.

    Example: kedro sweep reproduce s20260224T101530Z-3fa9c1
    """
    from pqrs_kedro.sweep import record, sweep_run

    project, store = open_lake(env)
    original = _read(store, sweep_id).document("manifest.json")
    inputs = record.inputs_of(original, project)
    folder = sweep_run.begin(store, inputs, record.new_sweep_id(datetime.now(UTC)))
    manifest = _carry_out(project, store, env, inputs, folder, jobs)
    for name in ("code", "calendar"):
        before, now = original["inputs"][name], manifest["inputs"][name]
        if before != now:
            click.echo(f"changed input  {name}: {before} then, {now} now")
    equal = manifest["digest"] == original["digest"]
    click.echo(f"{'identical' if equal else 'different'}: digest {original['digest']}")
    sys.exit(0 if equal else 1)


def _print_points(folder: "SweepFolder") -> None:
    from pqrs_kedro.sweep import measures, record, summary

    rows = record.read_table(folder, record.TRIALS).to_pandas()
    plan = summary.plan_of(folder)
    table = _table(*plan.swept, "seeds", "breach rate, %", "days late", "mean backlog")
    for point in summary.summarise_points(rows, plan):
        cells = [
            _shown(point.total(name), digits) if (name, "total", "total") in point.of else "-"
            for name, digits in (
                ("breach_rate", 3), (measures.LATE_DAYS, 2), (measures.BACKLOG_MEAN, 0)
            )
        ]  # fmt: skip
        table.add_row(*(str(value) for value in point.swept.values()), str(point.seeds), *cells)
    _console().print(table)


def _print_calibration(folder: "SweepFolder") -> None:
    from pqrs_kedro.sweep import record

    rows = record.read_table(folder, record.CALIBRATION).to_pylist()
    if not rows:
        return
    table = _table("requested, %", "setting", "response.median_scale", "closed form", "realised, %",
                   "largest, points", "covered")  # fmt: skip
    for row in rows:
        interval = f"{row['median_scale']:.4f} ({row['scale_low']:.4f} to {row['scale_high']:.4f})"
        low, high = row["realised_low_pct"], row["realised_high_pct"]
        table.add_row(
            f"{row['requested_pct']:g}", row["setting"], interval,
            f"{row['closed_form_scale']:.4f}",
            f"{row['realised_pct']:.3f} ({low:.3f} to {high:.3f})",
            f"{row['largest_deviation_pct']:.3f}", f"{row['covered_count']} of {row['runs_count']}",
        )  # fmt: skip
    _console().print(table)


def _shown(interval: "Interval", decimals: int) -> str:
    value, low, high = (
        f"{number:,.{decimals}f}" for number in (interval.value, interval.low, interval.high)
    )
    return f"{value} ({low} to {high})"


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table


def _page_key(folder: "SweepFolder") -> str:
    from pqrs_kedro.lake.layout import sweep_page_key

    return sweep_page_key(folder.day, folder.sweep_id)


def _read(store: Store, sweep_id: str) -> "SweepFolder":
    from pqrs_kedro.sweep.record import SweepNotFound, read_sweep

    try:
        return read_sweep(store, sweep_id)
    except (InvalidInput, SweepNotFound) as error:
        refuse(str(error))


def _console() -> Console:
    # A table that is cut at 80 columns says nothing.
    return Console(highlight=False, soft_wrap=True, width=_WIDTH)
