"""The benchmark's row-by-row generator does the work that the project's speed is compared with.

Its random numbers are others: what is drawn is compared in shares and means, all else exactly.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from benchmarks.row_by_row import RowByRow, write_row_by_row
from tests.oracle.calendar import local_day
from tests.oracle.curation import parse_instant
from tests.unit.scenarios import PROFILES, batch, parameters

from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.pipelines.ingestion.nodes import judge_lines
from pqrs_kedro.pipelines.synthesis.events import batch_events
from pqrs_kedro.pipelines.synthesis.lines import raw_lines
from pqrs_kedro.run.engine import ENGINE

Line = dict[str, Any]
Kind = tuple[str, str, str | None, str | None]

DATES = {"date_min": "2026-01-13", "date_max": "2026-01-15"}
VOLUME = 0.6
DAY_SECONDS = 86_400


def project_lines(profile: str) -> list[str]:
    made = batch(DATES["date_min"], 3, profile=profile, volume_scale=VOLUME)
    return raw_lines(batch_events(made)).frame()["line"].to_list()


def row_lines(profile: str) -> list[str]:
    made = RowByRow(parameters(profile=profile, volume_scale=VOLUME, **DATES)).objects()
    return [line.decode() for rows in made.values() for _, _, line in rows]


@cache
def texts(profile: str) -> tuple[list[str], list[str]]:
    """The lines of some 2,000 tickets: the project's, and those made row by row."""
    return project_lines(profile), row_lines(profile)


@cache
def events(profile: str) -> tuple[list[Line], list[Line]]:
    project, rows = ([json.loads(text) for text in lines] for lines in texts(profile))
    return project, rows


def keys(value: Any, path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys, in order, of every object inside a value."""
    if isinstance(value, dict):
        yield path, tuple(value)
        for name, inner in value.items():
            yield from keys(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")


def types(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The type of every value inside a value that holds no others."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from types(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from types(inner, f"{path}[]")
    else:
        yield path, type(value).__name__


def by_kind(
    lines: Sequence[Line], look: Callable[[Line], Iterator[tuple[str, Any]]]
) -> dict[Kind, set[tuple[str, Any]]]:
    """What there is to see in the lines of each channel and kind of event."""
    found: dict[Kind, set[tuple[str, Any]]] = {}
    for line in lines:
        kind = (line["source"], line["event_type"], line["status_from"], line["status_to"])
        found.setdefault(kind, set()).update(look(line))
    return found


def by_ticket(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: (line["ts"], line["event_id"])):
        found.setdefault(line["ticket_id"], []).append(line)
    return found


both_profiles = pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in PROFILES])


# --- Lines --------------------------------------------------------------------------------------


@both_profiles
def test_every_kind_of_event_of_every_channel_has_the_same_keys_in_the_same_order(name: str):
    project, rows = events(name)
    assert by_kind(rows, keys) == by_kind(project, keys)
    assert {source for source, *_ in by_kind(rows, keys)} == {"email", "webform", "chat", "call"}


@both_profiles
def test_every_field_has_values_of_the_same_types(name: str):
    project, rows = ({pair for line in lines for pair in types(line)} for lines in events(name))
    assert rows == project


def test_ingestion_accepts_every_line(tmp_path: Path):
    run = parameters(profile="ley1755", volume_scale=VOLUME, **DATES)
    written = write_row_by_row(run, str(tmp_path), "rows")
    try:
        (lines,) = RawEvents(path=str(tmp_path), run_id="rows").load()
        judged = judge_lines(lines)
        reasons = judged.group_by("reason").agg(lines=judged.count()).to_pyarrow().to_pylist()
    finally:
        ENGINE.close()
    assert reasons == [{"reason": None, "lines": sum(item.rows for item in written)}]


def test_both_encoders_write_the_same_events():
    run = parameters(volume_scale=0.05, **DATES)
    made = [RowByRow(run, encoder).objects() for encoder in ("orjson", "json")]
    assert made[0] == made[1]


# --- Objects ------------------------------------------------------------------------------------


def test_objects_hold_the_lines_of_their_source_and_local_day_in_order(tmp_path: Path):
    run = parameters(volume_scale=0.05, **DATES)
    for item in write_row_by_row(run, str(tmp_path), "rows"):
        content = (tmp_path / item.key).read_bytes()
        lines = [json.loads(line) for line in content.splitlines()]
        assert (item.rows, item.bytes) == (len(lines), len(content))
        assert item.sha256 == sha256(content).hexdigest()
        days = {local_day(parse_instant(line["ts"])) for line in lines}
        (source,), (day,) = {line["source"] for line in lines}, days
        assert item.key == f"raw/pqrs/source={source}/day={day}/run_id=rows/events.jsonl"
        order = [(line["ts"], line["event_id"]) for line in lines]
        assert order == sorted(set(order))


# --- Tickets ------------------------------------------------------------------------------------


@both_profiles
def test_the_tickets_have_the_same_radicados(name: str):
    project, rows = ({line["external_id"] for line in lines} for lines in events(name))
    assert rows == project
    assert len(by_ticket(events(name)[1])) == len(by_ticket(events(name)[0])) > 1500


@both_profiles
def test_a_ticket_has_one_chain_of_statuses_and_its_radicado_from_radicated_on(name: str):
    for lines in by_ticket(events(name)[1]).values():
        statuses = [line for line in lines if line["event_type"] == "STATUS"]
        chain = [None, *(line["status_to"] for line in statuses)]
        assert [line["status_from"] for line in statuses] == chain[:-1]
        assert (chain[1], chain[-1]) == ("RECEIVED", "ARCHIVED")
        (radicated,) = [line["ts"] for line in lines if line["status_to"] == "RADICATED"]
        assert all((line["external_id"] is None) is (line["ts"] < radicated) for line in lines)


def days_to(status: str, lines: Sequence[Line]) -> float:
    """Days from reception until a ticket enters a status for the last time."""
    entered = max(line["ts"] for line in lines if line["status_to"] == status)
    whole = parse_instant(entered) - parse_instant(lines[0]["ts"])
    return whole.total_seconds() / DAY_SECONDS


def hours_to_reply(lines: Sequence[Line]) -> list[float]:
    """Hours from reception to the first reply, if there is one."""
    received = parse_instant(lines[0]["ts"])
    replies = [parse_instant(line["ts"]) for line in lines if line["event_type"] == "MESSAGE"]
    return [(reply - received).total_seconds() / 3600 for reply in replies]


@both_profiles
def test_tickets_are_as_long_and_live_as_long_within_a_few_per_cent(name: str):
    measured = []
    for lines, found in zip(texts(name), events(name), strict=True):
        tickets = list(by_ticket(found).values())
        sizes = (len(found) / len(tickets), mean(len(line.encode()) for line in lines))
        times = (
            mean(days_to("CLASSIFIED", ticket) for ticket in tickets),
            mean(days_to("RESPONDED", ticket) for ticket in tickets),
            mean(days_to("ARCHIVED", ticket) for ticket in tickets),
            mean(hours for ticket in tickets for hours in hours_to_reply(ticket)),
        )
        measured.append((sizes, times))
    (sizes, times), (row_sizes, row_times) = measured
    assert row_sizes == pytest.approx(sizes, rel=0.015)
    assert row_times == pytest.approx(times, rel=0.06)


@both_profiles
def test_events_of_each_kind_are_as_frequent(name: str):
    project, rows = (
        Counter((line["event_type"], line["status_to"]) for line in lines) for lines in events(name)
    )
    # Four standard deviations of the difference of two counts.
    for kind, count in project.items():
        assert abs(rows[kind] - count) <= 4 * (2 * count) ** 0.5, kind


@both_profiles
def test_texts_of_each_channel_are_as_long(name: str):
    for source in ("email", "webform", "chat", "call"):
        project, rows = (
            mean(len(line) for line in lines if f'"source":"{source}"' in line)
            for lines in texts(name)
        )
        assert rows == pytest.approx(project, rel=0.015), source
