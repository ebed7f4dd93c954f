"""The impact of a calendar change as text: the cycles that change, and a summary."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from pqrs_kedro.run.calendar_change import Breaches, Impact

FORMATS: Final = ("table", "csv", "json")
# What fits on a screen or two; a file has all rows.
_SHOWN_ROWS: Final = 50
_SHOWN_DAYS: Final = 6
_LINE: Final = (
    "{ticket_id:<36}  {external_id:<14}  {cycle_number:>5}  {pqrs_type:<21}  {start_day:<10}  "
    "{stop_day:<10}  {old_due_day:<10}  {new_due_day:<10}  {old_outcome:<7}  {new_outcome:<7}  "
    "{old_business_days_late:>8}  {new_business_days_late:>8}"
)
_HEAD: Final = {
    "ticket_id": "ticket",
    "external_id": "radicado",
    "cycle_number": "cycle",
    "pqrs_type": "type",
    "start_day": "start",
    "stop_day": "stop",
    "old_due_day": "due: old",
    "new_due_day": "new",
    "old_outcome": "old",
    "new_outcome": "new",
    "old_business_days_late": "late old",
    "new_business_days_late": "new",
}


def write_impact(impact: "Impact", form: str, output: Path | None) -> None:
    """Write the changed cycles to a file or the screen, and the summary beside them.

    On the screen a table has its first rows only, those with another outcome before the others;
    the summary of CSV goes to standard error, JSON has it inside.
    """
    text = _text(impact, form, _SHOWN_ROWS if output is None else None)
    if output is None:
        click.echo(text, nl=bool(text))
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
    if form == "json" and output is None:
        return
    for line in summary_lines(impact):
        click.echo(line, err=form == "csv" and output is None)
    if output is not None:
        click.echo(f"cycles in      {output}")


def _text(impact: "Impact", form: str, limit: int | None) -> str:
    if form == "json":
        return json.dumps(impact.as_json(), indent=1, ensure_ascii=False)
    if form == "csv":
        return _csv(impact)
    return "\n".join(_table_lines(impact, limit))


def _csv(impact: "Impact") -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, impact.changed.column_names, lineterminator="\n")
    rows.writeheader()
    rows.writerows(impact.rows())
    return written.getvalue().removesuffix("\n")


def _table_lines(impact: "Impact", limit: int | None) -> Iterator[str]:
    """The rows in plain columns, which no terminal is too narrow for."""
    rows = sorted(impact.rows(), key=lambda row: row["old_outcome"] == row["new_outcome"])
    if rows:
        yield _LINE.format(**_HEAD).rstrip()
    for row in rows[:limit]:
        cells = {name: "" if value is None else value for name, value in row.items()}
        yield _LINE.format(**cells).rstrip()
    if limit is not None and len(rows) > limit:
        yield f"... and {len(rows) - limit:,} more: --output FILE has all"


def summary_lines(impact: "Impact") -> Iterator[str]:
    """What was compared, what moves, and the breach rate before and after."""
    yield f"run            {impact.run_id}"
    yield f"old calendar   {_described(impact.own_calendar)}"
    yield f"new calendar   {_described(impact.other_calendar)}"
    if not impact.gained and not impact.lost:
        yield "difference     none: both have the same business days"
    if impact.gained:
        yield f"counts now     {_days(impact.gained)}"
    if impact.lost:
        yield f"counts no more {_days(impact.lost)}"
    moved = impact.moved_earlier + impact.moved_later
    yield (
        f"cycles         {impact.cycles:,} compared, {moved:,} due days moved "
        f"({impact.moved_earlier:,} earlier, {impact.moved_later:,} later)"
    )
    yield f"outcomes       {sum(impact.outcomes.values()):,} changed"
    for (old, new), count in sorted(impact.outcomes.items()):
        yield f"               {old} -> {new}: {count:,}"
    yield f"breach rate    {_rate(impact.before)} before, {_rate(impact.after)} after"


def _described(calendar: Mapping[str, Any]) -> str:
    law = f"as of {calendar['as_of']}" if calendar.get("as_of") else "as it is now"
    own = [
        f"{name} {_days([date.fromisoformat(day) for day in calendar[name]])}"
        for name in ("added", "removed")
        if calendar.get(name)
    ]
    return "; ".join([f"holidays {calendar['version']}, the law {law}", *own])


def _days(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:_SHOWN_DAYS])
    more = len(days) - _SHOWN_DAYS
    return f"{shown} and {more} more" if more > 0 else shown


def _rate(breaches: "Breaches") -> str:
    pct = "none due" if breaches.pct is None else f"{breaches.pct:.4g} %"
    return f"{pct} ({breaches.breached:,} of {breaches.due:,})"
