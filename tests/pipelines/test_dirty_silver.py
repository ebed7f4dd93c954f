"""Silver of dirty raw lines: what is curated and what is rejected equal the oracle's, row by row.

Twelve tickets of one story each, and defects put into some of their lines; every class of defect
has the fate that docs/curation.md gives it. Bronze in another order gives the same bytes.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.conftest import CHANNELS, STAGES_AFTER_RAW, Run, copy_project
from tests.oracle.builder import RawEvent, ticket_events, utc_text, uuid7_text
from tests.oracle.calendar import local_day
from tests.oracle.curation import Rules, as_frame, assert_same_table, build_silver, parse_instant
from tests.oracle.rejections import Curated, curate
from tests.unit.scenarios import base_values

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.pipelines.curation.pipeline import create_pipeline
from pqrs_kedro.run.engine import ENGINE

pytestmark = pytest.mark.xdist_group("dirty_silver")

TERMS = {"PETICION": 15, "QUEJA": 10, "RECLAMO": 8, "SUGERENCIA": 20}
DATES = {"date_min": "2026-03-27", "date_max": "2026-03-27"}
STORY = """
    2026-03-27 09:00  RECEIVED     +carta.PDF:120
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   QUEJA
    2026-03-30 09:00  ASSIGNED
    2026-03-30 10:00  IN_PROGRESS
    2026-03-30 11:00  MESSAGE
    2026-03-30 12:00  ON_HOLD
    2026-03-31 09:00  IN_PROGRESS
    2026-04-01 09:00  TERM_EXTENDED  20
    2026-04-06 09:00  RESPONDED
    2026-04-07 09:00  CLOSED
    2026-04-08 09:00  REOPENED
    2026-04-09 09:00  IN_PROGRESS
    2026-04-10 09:00  RESPONDED
    2026-04-11 09:00  CLOSED
    2026-04-17 09:00  ARCHIVED
"""
_ids = count(1)
# A line on its way into the lake: the event and the day that it is filed under.
Filed = tuple[RawEvent, date]
Lines = list[Filed]


def find(lines: Lines, what: str, number: int = 0) -> int:
    """The place of a ticket's n-th line of a status or kind."""
    names = [event["status_to"] or event["event_type"] for event, _ in lines]
    return [place for place, name in enumerate(names) if name == what][number]


def new_id(event: RawEvent) -> str:
    return uuid7_text(parse_instant(event["ts"]), 99, next(_ids))


def with_line(lines: Lines, what: str, later_days: int = 1, **changed: Any) -> Lines:
    """The ticket and one of its lines again, changed, filed some days later."""
    event, day = lines[find(lines, what)]
    return [*lines, ({**deepcopy(event), **changed}, day + timedelta(days=later_days))]


def changed(lines: Lines, what: str, number: int = 0, **values: Any) -> Lines:
    """The ticket with values of one line changed."""
    place = find(lines, what, number)
    event, day = lines[place]
    return [*lines[:place], ({**event, **values}, day), *lines[place + 1 :]]


def without(lines: Lines, what: str, number: int = 0) -> Lines:
    place = find(lines, what, number)
    return [*lines[:place], *lines[place + 1 :]]


def swapped(lines: Lines, what: str, following: str) -> Lines:
    """The ticket with the instants of two lines exchanged."""
    first, second = (lines[find(lines, name)][0]["ts"] for name in (what, following))
    return changed(changed(lines, what, ts=second), following, ts=first)


def orphaned(lines: Lines) -> Lines:
    event = lines[find(lines, "MESSAGE")][0]
    other = uuid7_text(parse_instant(event["ts"]), 0, 999)
    return with_line(lines, "MESSAGE", 0, event_id=new_id(event), ticket_id=other)


def late(lines: Lines) -> Lines:
    return [(event, day + timedelta(days=9)) for event, day in lines]


def held_thrice(lines: Lines) -> Lines:
    """Two more holds, of a minute each, before the first ends."""
    more = []
    hold, day = lines[find(lines, "ON_HOLD")]
    back = lines[find(lines, "IN_PROGRESS", 1)][0]
    start = parse_instant(hold["ts"])
    for minute, event in enumerate((back, hold, back, hold), start=1):
        ts = utc_text(start + timedelta(minutes=minute))
        more.append(({**event, "ts": ts, "event_id": new_id({**event, "ts": ts})}, day))
    return [*lines, *more]


def payload_text(lines: Lines, text: str) -> Lines:
    """Another text of the reception, whatever the channel's shape."""
    event = deepcopy(lines[0][0])
    payload = event["payload"]
    for name in ("body", "observaciones"):
        if name in payload:
            payload[name] = text
    for turn in payload.get("turns") or payload.get("transcript") or ():
        turn["text"] = text
    return [(event, lines[0][1]), *lines[1:]]


def unlike(lines: Lines) -> Lines:
    """The reception again under its identifier, with another text."""
    return [*lines, payload_text(lines, "otro texto")[0]]


Defect = Callable[[Lines], Lines]
# What is done to a ticket, the reason the ticket is rejected for, and those of single events.
DEFECTS: dict[str, tuple[Defect, str | None, set[str]]] = {
    "nothing": (lambda t: t, None, set()),
    "duplicate_line": (lambda t: [t[0], t[0], *t[1:], t[5]], None, set()),
    "duplicate_line_of_another_day": (lambda t: with_line(t, "CLOSED"), None, set()),
    "duplicate_event_id": (unlike, None, {"conflicting_duplicate"}),
    "duplicate_event_id_of_another_priority": (
        lambda t: with_line(
            t, "CLASSIFIED", attributes={"pqrs_type": "QUEJA", "priority": "ALTA"}
        ),
        None,
        {"conflicting_duplicate"},
    ),
    "repeated_petition": (
        lambda t: with_line(with_line(t, "RECEIVED", 3, event_id=new_id(t[0][0])), "RECEIVED", 4,
                            event_id=new_id(t[0][0])),
        None,
        set(),
    ),
    "repeated_message_of_another_text": (
        lambda t: with_line(t, "MESSAGE", 1, event_id=new_id(t[5][0]), payload=None),
        None,
        {"conflicting_duplicate"},
    ),
    "reception_lost": (lambda t: without(t, "RECEIVED"), "no_reception", set()),
    "radication_lost": (lambda t: without(t, "RADICATED"), "broken_chain", set()),
    "answer_lost": (lambda t: without(t, "RESPONDED", 1), "broken_chain", set()),
    "last_status_lost": (lambda t: without(t, "ARCHIVED"), None, set()),
    "message_lost": (lambda t: without(t, "MESSAGE"), None, set()),
    "extension_lost": (lambda t: without(t, "TERM_EXTENDED"), None, set()),
    "everything_lost_but_words": (
        lambda t: [t[find(t, "MESSAGE")], t[find(t, "TERM_EXTENDED")]], None, {"orphan_event"}
    ),
    "unknown_type_code": (
        lambda t: changed(t, "CLASSIFIED", attributes={"pqrs_type": "RECURSO", "priority": "BAJA"}),
        "unknown_pqrs_type",
        set(),
    ),
    "no_type_code": (
        lambda t: changed(t, "CLASSIFIED", attributes={}), "unknown_pqrs_type", set()
    ),
    "a_type_code_where_none_belongs": (
        lambda t: changed(t, "CLOSED", attributes={"pqrs_type": "RECLAMO"}), None, set()
    ),
    "unknown_dane_code": (
        lambda t: changed(t, "RADICATED", attributes={"dane_code": "99999"}), None, set()
    ),
    "dane_without_zero": (
        lambda t: changed(t, "RADICATED", attributes={"dane_code": "5001"}), None, set()
    ),
    "forbidden_transition": (
        lambda t: changed(t, "RESPONDED", status_to="CLOSED"), "forbidden_transition", set()
    ),
    "reception_from_a_status": (
        lambda t: changed(t, "RECEIVED", status_from="CLOSED"), "forbidden_transition", set()
    ),
    "swapped_instants": (lambda t: swapped(t, "CLASSIFIED", "ASSIGNED"), "broken_chain", set()),
    "swapped_first_instants": (
        lambda t: swapped(t, "RECEIVED", "RADICATED"), "broken_chain", set()
    ),
    "received_twice": (
        lambda t: with_line(t, "RECEIVED", 0, event_id=new_id(t[0][0]),
                            ts="2026-03-27T14:00:01.000000Z"),
        "broken_chain",
        set(),
    ),
    "too_many_holds": (held_thrice, "too_many_loops", set()),
    "orphan_message": (orphaned, None, {"orphan_event"}),
    "message_before_reception": (
        lambda t: changed(t, "MESSAGE", ts="2026-03-27T13:59:59.999999Z"),
        None,
        {"before_reception"},
    ),
    "late_arrival": (late, None, set()),
    "other_utc_offset": (
        lambda t: changed(t, "CLOSED", ts="2026-04-07T09:00:00.000-05:00"), None, set()
    ),
    "nul_in_text": (lambda t: payload_text(t, "a\0b"), None, set()),
    "control_characters": (lambda t: payload_text(t, '\x07\x1b "\\'), None, set()),
    "gigantic_text": (lambda t: payload_text(t, "ñ" * 1_000_000), None, set()),
}  # fmt: skip


def ticket_lines(number: int, channel: str) -> Lines:
    lines = ticket_events(STORY, ticket=number, channel=channel)
    return [(event, local_day(parse_instant(event["ts"]))) for event in lines]


def file_lines(lake: Path, run_id: str, lines: Lines) -> None:
    """Write the lines as raw objects, in the order given, as the generator or as others write."""
    objects: dict[tuple[str, date], list[bytes]] = {}
    for number, (event, day) in enumerate(lines):
        compact = (",", ":") if number % 2 else None
        text = json.dumps(event, ensure_ascii=False, separators=compact).encode()
        objects.setdefault((event["source"], day), []).append(text)
    for (source, day), content in objects.items():
        folder = lake / f"raw/pqrs/source={source}/day={day}/run_id={run_id}"
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_bytes(b"\n".join([*content, b""]))


def dirty_lines() -> Lines:
    tickets = [
        defect(ticket_lines(number, CHANNELS[number % 4]))
        for number, (defect, *_) in enumerate(DEFECTS.values(), start=1)
    ]
    return list(chain.from_iterable(tickets))


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of tickets with a defect each. To be read only."""
    project = copy_project(tmp_path_factory.mktemp("dirty") / "project")
    file_lines(project.lake, "dirty", dirty_lines())
    return project.run(*STAGES_AFTER_RAW, run_id="dirty", **DATES)


@pytest.fixture(scope="module")
def kept(dirty: Run) -> Curated:
    return curate(dirty.lake, dirty.run_id, TERMS)


def expected_tables(kept: Curated) -> dict[str, pd.DataFrame]:
    silver = build_silver(kept.events, Rules(TERMS, "CLOSED"))
    return {**silver, "quarantine_silver": as_frame("quarantine_silver", kept.quarantine)}


SILVER = [n for n, t in TABLES.items() if t.layer == "silver" and not n.startswith("dim_")]


@pytest.mark.parametrize("name", SILVER)
def test_silver_and_its_quarantine_equal_the_oracle(name: str, dirty: Run, kept: Curated) -> None:
    expected = expected_tables(kept)[name]
    assert len(expected) > 0
    assert_same_table(dirty.table(name), expected, TABLES[name].primary_key)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_has_the_fate_that_is_documented(name: str, dirty: Run) -> None:
    number = list(DEFECTS).index(name) + 1
    lines = DEFECTS[name][0](ticket_lines(number, CHANNELS[number % 4]))
    tickets = {event["ticket_id"] for event, _ in lines}
    rows = [row for row in dirty.rows("quarantine_silver") if row["ticket_id"] in tickets]
    of_ticket, of_events = DEFECTS[name][1:]
    assert {row["reason"] for row in rows if row["scope"] == "ticket"} == {of_ticket} - {None}
    assert {row["reason"] for row in rows if row["scope"] == "event"} == {
        *of_events,
        *({of_ticket} - {None}),
    }
    curated = set(dirty.table("silver_tickets")["ticket_id"].to_pylist())
    is_kept = of_ticket is None and of_events != {"orphan_event"}
    assert (lines[0][0]["ticket_id"] in curated) == (is_kept or name == "orphan_message")


RECOVERED = [
    "duplicate_line",
    "duplicate_line_of_another_day",
    "duplicate_event_id",
    "duplicate_event_id_of_another_priority",
    "repeated_petition",
    "repeated_message_of_another_text",
    "a_type_code_where_none_belongs",
    "dane_without_zero",
    "orphan_message",
    "late_arrival",
    "other_utc_offset",
]


@pytest.mark.parametrize("name", RECOVERED)
def test_a_recovered_ticket_is_that_of_clean_lines(name: str, dirty: Run, tmp_path: Path) -> None:
    number = list(DEFECTS).index(name) + 1
    file_lines(tmp_path, "clean", ticket_lines(number, CHANNELS[number % 4]))
    clean = build_silver(curate(tmp_path, "clean", TERMS).events, Rules(TERMS, "CLOSED"))
    for table in ("silver_tickets", "silver_messages", "silver_status_events", "silver_sla_cycles"):
        expected = clean[table]
        ticket = expected["ticket_id"][0]
        found = dirty.table(table)
        own = found.filter([value == ticket for value in found["ticket_id"].to_pylist()])
        shown = [c for c in expected.columns if c not in ("source_object", "line_number")]
        assert_same_table(own, expected, TABLES[table].primary_key, columns=shown)


def test_every_accepted_event_is_curated_or_in_quarantine(dirty: Run, kept: Curated) -> None:
    bronze = dirty.table("bronze_pqrs_events").num_rows
    rejected = [row for row in dirty.rows("quarantine_silver") if row["scope"] == "event"]
    conflicting = [row for row in rejected if row["reason"] == "conflicting_duplicate"]
    repeated = len(kept.repeated) - len(conflicting)
    assert bronze == len(kept.events) + len(rejected) + repeated


def test_every_row_of_silver_leads_to_its_raw_line(dirty: Run) -> None:
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for path in dirty.raw_objects():
        key = "/".join(p for p in path.relative_to(dirty.lake).parts if not p.startswith("run_id="))
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            lines[key, number] = json.loads(line)
    traced = [name for name in SILVER if name != "silver_sla_cycles"]
    for row in chain.from_iterable(dirty.rows(name) for name in traced):
        line = lines[row["source_object"], row["line_number"]]
        assert line["ticket_id"] == row["ticket_id"]
        assert line["event_id"] == row.get("event_id", line["event_id"])
    for row in dirty.rows("silver_tickets"):
        assert lines[row["source_object"], row["line_number"]]["status_to"] == "RECEIVED"


def test_a_code_that_no_municipality_has_is_kept_beside_the_ticket(dirty: Run) -> None:
    codes = {row["unknown_dane_code"]: row["geo_id"] for row in dirty.rows("silver_tickets")}
    assert codes == {None: "05001", "99999": None}


# Order


def curated_again(run: Run, lake: Path, order: str) -> dict[str, bytes]:
    """The objects of silver from the run's bronze rows in another order."""
    graph = create_pipeline()
    values = base_values(**DATES)
    fed = {name: name.removeprefix("params:") for name in graph.inputs() if "param" in name}
    memory = {name: MemoryDataset(values.get(key, values)) for name, key in fed.items()}
    typed = ("profile", "business_calendar")
    tables: dict[str, Any] = {
        name: LakeTable(table=name, path=str(lake), run_id="again")
        if name in TABLES
        else EngineTable(table=name)
        for name in graph.datasets() - memory.keys() - {*typed, "bronze_pqrs_events"}
    }
    try:
        bronze = LakeTable(table="bronze_pqrs_events", path=str(run.lake), run_id=run.run_id).load()
        shuffled = EngineTable(table="shuffled")
        keys = {"shuffled": bronze.event_id.reverse(), "reversed": bronze.line_number.desc()}
        shuffled.save(bronze.order_by(keys[order]) if order in keys else bronze)
        data = {**memory, **tables, **{name: MemoryDataset() for name in typed}}
        data["municipal_polygons"] = municipal_polygons()
        SequentialRunner().run(graph, DataCatalog({**data, "bronze_pqrs_events": shuffled}))
    finally:
        ENGINE.close()
    return {
        path.relative_to(lake).as_posix().replace("run_id=again/", ""): path.read_bytes()
        for path in sorted(lake.rglob("part-*.parquet"))
    }


def municipal_polygons() -> Any:
    from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons

    return MunicipalPolygons(filepath=None)


@pytest.mark.parametrize("order", ["as_it_was", "shuffled", "reversed"])
def test_bronze_rows_in_another_order_change_no_byte(
    order: str, dirty: Run, tmp_path: Path
) -> None:
    silver = {
        path.relative_to(dirty.lake).as_posix().replace("run_id=dirty/", ""): path.read_bytes()
        for layer in ("silver", "quarantine/silver")
        for path in sorted((dirty.lake / layer).rglob("part-*.parquet"))
    }
    assert curated_again(dirty, tmp_path, order) == silver
