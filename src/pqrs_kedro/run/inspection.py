"""Lines from outside, looked at before a run takes them: what they are, and whether they will do.

Each line is judged as ingestion will judge it, so that what is refused, and what is said to go into
quarantine, is what the run would find.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
from ibis import _

from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.external_lines import ExternalLines
from pqrs_kedro.domain.calendar import LAST_RUN_DAY
from pqrs_kedro.external import External
from pqrs_kedro.lake.layout import raw_key, raw_pattern
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, RunParameters
from pqrs_kedro.pipelines.expressions import instant_of, local_day
from pqrs_kedro.pipelines.ingestion.nodes import is_reception, judge_lines
from pqrs_kedro.pipelines.intake.nodes import place_lines
from pqrs_kedro.run.engine import ENGINE

# The verdict on a line that is an event, and lacks another line.
_INCOMPLETE = "no_reception"
# How files begin that are text in another form: byte order marks of UTF-8 and UTF-16.
_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Inspection:
    """What the lines of an import are."""

    external: External
    """With the files as they were read."""
    first_day: date
    """Local day of the first reception."""
    last_day: date
    """Local day of the last reception."""
    rejected: Mapping[str, int]
    """Lines that go into quarantine, by reason."""

    @property
    def in_quarantine(self) -> str:
        """How many lines go there, and why, for a person."""
        total = sum(self.rejected.values())
        reasons = ", ".join(f"{name} {count:,}" for name, count in sorted(self.rejected.items()))
        return f"{total:,} lines" + (f": {reasons}; see quarantine/raw_lines" if total else "")


def inspect_lines(parameters: RunParameters, external: External, store: Store) -> Inspection:
    """Read the lines of an import and judge them; nothing is written.

    Raises:
        InvalidInput: a file is none of raw events, no ticket is received, an event is outside the
            dates of a run, or the run id has raw objects of other files.
    """
    for name in external.files:
        _check_file(Path(name))
    given = external.model_dump()
    lines = ExternalLines(
        path=store.location(""), external=given, engine=parameters.engine.model_dump()
    )
    try:
        judged = _judged(lines.load(), parameters)
        _check_each_file(judged, external)
        received = judged.filter(judged.reason.isnull() & judged.is_reception)
        found = _days(received)
        _check_days(found, _days(judged.filter(_.reason.isnull())), parameters)
        _check_objects(judged, str(parameters.run_id), store)
        rejected = _count_reasons(judged)
    finally:
        # The run may have another connection's settings.
        ENGINE.close()
    read = external.read if external.copy_of else tuple(lines.read)
    pinned = external.model_copy(update={"read": read})
    return Inspection(pinned, found["first"], found["last"], rejected)


def _check_file(path: Path) -> None:
    """Refuse what cannot be a file of lines, without reading it to its end."""
    problem = None
    if not path.exists():
        problem = "there is no such file"
    elif not path.is_file():
        problem = "is a folder" if path.is_dir() else "is no regular file, and is read twice"
    elif not path.stat().st_size:
        problem = "is empty"
    else:
        try:
            with path.open("rb") as file:
                head = file.read(3)
        except OSError as error:
            problem = str(error.strerror)
        else:
            marks = (name for mark, name in _MARKS.items() if head.startswith(mark))
            mark = next(marks, None)
            if mark is not None:
                problem = f"begins with a byte order mark of {mark}; save it as UTF-8 without one"
    if problem is not None:
        raise InvalidInput(f"files: {path}: {problem}")


def _judged(lines: ibis.Table, parameters: RunParameters) -> ibis.Table:
    """The verdict on every line that is not blank, kept in the engine.

    Columns: source_object, line_number, source and day as filed, reason, detail, is_reception,
    event_day.
    """
    judged = judge_lines(place_lines(lines), parameters.model_dump())
    kept = EngineTable(table="inspected_lines", engine=parameters.engine.model_dump())
    columns = judged.select(
        "source_object",
        "line_number",
        "source",
        "day",
        "reason",
        "detail",
        is_reception=is_reception(judged.event).fill_null(False),
        event_day=local_day(instant_of(judged.event.ts)),
    )
    kept.save(columns)
    return kept.load()


def _check_each_file(judged: ibis.Table, external: External) -> None:
    """Refuse a file in which no line is an event, with what is wrong with its first line."""
    is_event = judged.reason.isnull() | (judged.reason == _INCOMPLETE)
    line = ibis.struct({name: judged[name] for name in ("line_number", "reason", "detail")})
    files = judged.group_by("source_object").aggregate(
        lines=_.count(),
        events=is_event.cast("int64").sum(),
        first=line.argmin(judged.line_number),
    )
    found = {row["source_object"]: row for row in _rows(files)}
    for number, name in enumerate(external.files):
        row = found.get(f"{number:06d}")
        if row is None:
            raise InvalidInput(f"files: {name}: has only blank lines")
        if not row["events"]:
            first = row["first"]
            why = " ".join(filter(None, (first["reason"], first["detail"])))
            raise InvalidInput(
                f"files: {name}: none of its {row['lines']:,} lines is a raw event; line "
                f"{first['line_number']}: {why} (docs/raw_events.md)"
            )


def _days(events: ibis.Table) -> dict[str, Any]:
    (found,) = _rows(events.aggregate(first=_.event_day.min(), last=_.event_day.max()))
    return found


def _check_days(
    received: Mapping[str, Any], happened: Mapping[str, Any], parameters: RunParameters
) -> None:
    if received["first"] is None:
        raise InvalidInput("files: no line says that a ticket is received (status_to RECEIVED)")
    if received["last"] > LAST_RUN_DAY:
        raise InvalidInput(
            f"files: a ticket is received on {received['last']}, after {LAST_RUN_DAY}, the last "
            "day of the calendar for receptions"
        )
    until = parameters.observe_until
    if until is not None and until < happened["last"]:
        raise InvalidInput(
            f"observe_until: {until} is before the last event, which is of {happened['last']}"
        )


def _check_objects(judged: ibis.Table, run_id: str, store: Store) -> None:
    """An earlier attempt of the run may have left some of its objects, and no others."""
    places = _rows(judged.select("source", "day").distinct())
    expected = {raw_key(row["source"], row["day"], run_id) for row in places}
    others = [key for key in store.glob(raw_pattern(run_id)) if key not in expected]
    if others:
        raise InvalidInput(
            f"run_id: {run_id!r} has raw objects of other lines, such as {others[0]}; choose "
            "another one"
        )


def _count_reasons(judged: ibis.Table) -> Counter[str]:
    rejected = judged.filter(_.reason.notnull()).group_by("reason").aggregate(lines=_.count())
    return Counter({row["reason"]: row["lines"] for row in _rows(rejected)})


def _rows(query: ibis.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query.to_pyarrow().to_pylist()
    return rows
