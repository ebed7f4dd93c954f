"""Lines from outside, looked at before a run takes them: what they are, and whether they will do.

Each line is judged as ingestion will judge it, so that what is refused, and what is said to go into
quarantine, is what the run would find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
from ibis import _
from kedro.io.core import DatasetError

from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.external_lines import ExternalLines
from pqrs_kedro.domain.calendar import LAST_RUN_DAY
from pqrs_kedro.domain.statuses import RECEIVED
from pqrs_kedro.external import External
from pqrs_kedro.lake.layout import raw_key, raw_pattern
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, RunParameters
from pqrs_kedro.pipelines.expressions import instant_of, local_day
from pqrs_kedro.pipelines.ingestion.nodes import judge_lines
from pqrs_kedro.pipelines.intake.nodes import place_lines
from pqrs_kedro.run.engine import ENGINE

# How text in UTF-16 begins. The mark of UTF-8 does no harm: ingestion takes it away.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Rejected:
    """The lines that go into quarantine for one reason, and the first of them."""

    reason: str
    detail: str | None
    lines: int
    file: str
    line: int

    def __str__(self) -> str:
        """For a person."""
        why = " ".join(filter(None, (self.reason, self.detail)))
        return f"{why}: {self.lines:,}, first {self.file}, line {self.line}"


@dataclass(frozen=True)
class Inspection:
    """What the lines of an import are."""

    external: External
    """With the files as they were read."""
    first_day: date
    """Local day of the first reception."""
    last_day: date
    """Local day of the last reception."""
    rejected: Sequence[Rejected]
    """What goes into quarantine, by reason and detail."""

    @property
    def lines(self) -> int:
        """How many lines there are, blank ones included."""
        return sum(file.lines for file in self.external.read)

    @property
    def quarantined(self) -> int:
        """How many lines go there."""
        return sum(item.lines for item in self.rejected)


def inspect_lines(parameters: RunParameters, external: External, store: Store) -> Inspection:
    """Read the lines of an import and judge them; nothing is written.

    Raises:
        InvalidInput: a file is none of raw events, no ticket is received, an event is outside the
            dates of a run, or the run id has raw objects of other files.
    """
    for name in external.files:
        _check_file(Path(name), external)
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
        rejected = _list_rejected(judged, external)
    except DatasetError as error:
        raise InvalidInput(f"files: {error}") from None
    finally:
        # The run may have another connection's settings.
        ENGINE.close()
    read = external.read if external.copy_of else tuple(lines.read)
    pinned = external.model_copy(update={"read": read})
    return Inspection(pinned, found["first"], found["last"], rejected)


def _check_file(path: Path, external: External) -> None:
    """Refuse what cannot be a file of lines, without reading it to its end."""
    try:
        problem = _problem_of_kind(path)
        if problem is None:
            external.place_of(path)
            with path.open("rb") as file:
                if file.read(2) in _UTF_16:
                    problem = "begins with a byte order mark of UTF-16; save it as UTF-8"
    except OSError as error:
        problem = str(error.strerror)
    except ValueError as error:
        problem = str(error)
    if problem is not None:
        raise InvalidInput(f"files: {path}: {problem}")


def _problem_of_kind(path: Path) -> str | None:
    if not path.exists():
        return "there is no such file"
    if not path.is_file():
        return "is a folder" if path.is_dir() else "is no regular file, and is read twice"
    return None if path.stat().st_size else "is empty"


def _judged(lines: ibis.Table, parameters: RunParameters) -> ibis.Table:
    """The verdict on every line that is not blank, kept in the engine.

    Columns: source_object, line_number, source and day as filed, reason, detail, is_reception,
    event_day.
    """
    is_blank = lines.event.isnull() & lines.reason.isnull()
    judged = judge_lines(place_lines(lines).filter(~is_blank))
    kept = EngineTable(table="inspected_lines", engine=parameters.engine.model_dump())
    columns = judged.select(
        "source_object",
        "line_number",
        "source",
        "day",
        "reason",
        "detail",
        is_reception=(judged.event.status_to == RECEIVED).fill_null(False),
        event_day=local_day(instant_of(judged.event.ts)),
    )
    kept.save(columns)
    return kept.load()


def _check_each_file(judged: ibis.Table, external: External) -> None:
    """Refuse a file in which no line is an event, with what is wrong with its first line.

    Where its folders say where its lines belong they go into quarantine, like any others.
    """
    line = ibis.struct({name: judged[name] for name in ("line_number", "reason", "detail")})
    files = judged.group_by("source_object").aggregate(
        lines=_.count(),
        events=judged.reason.isnull().cast("int64").sum(),
        first=line.argmin(judged.line_number),
    )
    found = {row["source_object"]: row for row in _rows(files)}
    for number, name in enumerate(external.files):
        if external.place_of(Path(name)).day is not None:
            continue
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


def _list_rejected(judged: ibis.Table, external: External) -> list[Rejected]:
    """Rejected lines by reason and detail, with the first of each in the order of the files."""
    place = ibis.struct({name: judged[name] for name in ("source_object", "line_number")})
    why = ["reason", "detail"]
    found = (
        judged.filter(_.reason.notnull())
        .group_by(why)
        .aggregate(lines=_.count(), first=place.min())
    )
    rows = sorted(_rows(found), key=lambda row: (row["reason"], row["detail"] or ""))
    return [
        Rejected(
            row["reason"],
            row["detail"],
            row["lines"],
            _name_of(row["first"]["source_object"], external),
            row["first"]["line_number"],
        )
        for row in rows
    ]


def _name_of(source_object: str, external: External) -> str:
    """The file as the user gave it; of a repeated run the object."""
    return external.files[int(source_object)] if external.files else source_object


def _rows(query: ibis.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query.to_pyarrow().to_pylist()
    return rows
