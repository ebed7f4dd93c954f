"""`kedro trace`: every fact of a ticket's story against raw lines; its shares add up to gold."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import holidays
import pytest
from tests.conftest import ForkedKedro, Observed, Project, _oracle, base_profiles, copy_project
from tests.oracle.calendar import business_days_between, is_business_day
from tests.oracle.curation import sla_row
from tests.oracle.metrics import build_gold
from tests.oracle.rejections import curate
from tests.oracle.trace import COUNTS, Counts, Told, counted_days, counts
from tests.runs import link_run

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.readable import readable
from pqrs_kedro.lake.objects import ObjectChanged
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.run.manifest import latest_run, read_run
from pqrs_kedro.trace.cells import GOLD, counts_of
from pqrs_kedro.trace.due_day import RunCalendar, count_due_day
from pqrs_kedro.trace.story import Story, tell_story

pytestmark = pytest.mark.xdist_group("trace")

FEW: dict[str, Any] = {
    "date_min": "2026-03-30",
    "date_max": "2026-03-30",
    "volume_scale": 0.008,
    "breach_rate": 0.4,
}
# One run with every class of defect, one as a live system sees it: open, overdue and on hold.
RUNS: dict[str, dict[str, Any]] = {
    "dirty": FEW | {"defects": {"profile": "hostile"}, "seed": 7},
    "live": FEW
    | {"volume_scale": 0.004, "observe_until": "2026-04-21", "defects": {"profile": "none"}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("trace") / "project")


class Traced:
    """A run, the stories of all its tickets, and what raw lines say of them."""

    def __init__(self, project: Project, run_id: str) -> None:
        given = RUNS[run_id]
        self.run = project.run(run_id=run_id, **given)
        profile = base_profiles()["documento_v1"]
        events = curate(self.run.lake, run_id, profile["types"]).events
        whole = _oracle(events, given["date_min"], profile, given.get("observe_until"))
        self.told = Told(self.run.lake, run_id, whole)
        store = FolderStore(self.run.lake)
        committed = read_run(store, run_id)
        self.stories = {t: tell_story(store, committed, t) for t in self.told.tickets}
        ENGINE.close()


@pytest.fixture(scope="module")
def dirty(project: Project) -> Traced:
    return Traced(project, "dirty")


@pytest.fixture(scope="module")
def live(project: Project) -> Traced:
    return Traced(project, "live")


@pytest.fixture(scope="module", params=["dirty", "live"])
def traced(request: pytest.FixtureRequest) -> Traced:
    found: Traced = request.getfixturevalue(request.param)
    return found


def kinds(traced: Traced) -> Counter[str]:
    """What there is to be told, so that no test passes for want of it."""
    found: Counter[str] = Counter()
    for story in traced.stories.values():
        found[story.outcome] += 1
        found.update(event.fate for event in story.events)
        found.update(cycle.outcome for cycle in story.cycles)
        found["rejected line"] += len(story.rejected_lines)
        found["hold"] += sum(len(cycle.due.holds) for cycle in story.cycles)
        found.update(cell.table for cell in story.cells)
    return found


# The facts


def test_there_is_something_of_every_kind(dirty: Traced, live: Traced) -> None:
    wanted = {"curated", "quarantined", "repeat", "rejected", "rejected line", "within", "late"}
    assert wanted <= set(kinds(dirty))
    assert {"hold", "within", "late", "overdue", *GOLD} <= set(kinds(live))


def test_each_line_has_its_bytes_and_its_fate(traced: Traced) -> None:
    for ticket, story in traced.stories.items():
        shown = {
            (event.facts["source_object"], event.facts["line_number"]): (event.fate, event.reason)
            for event in story.events
        }
        assert shown == traced.told.fates(ticket)
        for event in story.events:
            key = event.facts["source_object"], event.facts["line_number"]
            assert event.line == traced.told.lines[key]


def test_the_events_are_in_the_order_of_the_life_cycle(traced: Traced) -> None:
    for story in traced.stories.values():
        instants = [(event.facts["ts"], event.facts["event_id"]) for event in story.events]
        assert instants == sorted(instants)


def test_a_repeat_names_the_line_that_counts(dirty: Traced) -> None:
    repeats = 0
    for story in dirty.stories.values():
        told = {(e.facts["source_object"], e.facts["line_number"]): e for e in story.events}
        for event in story.events:
            if event.repeats:
                first = told[event.repeats]
                assert first.repeats is None
                assert first.facts["ts"] == event.facts["ts"]
                repeats += 1
    assert repeats == len(dirty.told.curated.repeated)


def test_lines_that_are_no_events_are_told_with_their_reason(traced: Traced) -> None:
    for ticket, story in traced.stories.items():
        shown = {(it.source_object, it.line_number): it.reason for it in story.rejected_lines}
        assert shown == traced.told.rejected_lines(ticket)
        for item in story.rejected_lines:
            assert item.line == traced.told.lines[item.source_object, item.line_number]


def test_a_rejected_ticket_is_told_with_its_reason(traced: Traced) -> None:
    wanted = [row for row in traced.told.curated.quarantine if row["scope"] == "ticket"]
    shown = [row for story in traced.stories.values() for row in story.rejections]
    assert sorted(shown, key=str) == sorted(wanted, key=str)


def test_the_ticket_and_its_cycles_are_those_of_raw(traced: Traced) -> None:
    tickets = {ticket.row["ticket_id"]: ticket for ticket in traced.told.whole.tickets}
    for ticket_id, story in traced.stories.items():
        ticket = tickets.get(ticket_id)
        assert (story.ticket is None) == (ticket is None)
        if ticket is not None and story.ticket is not None:
            same = ("external_id", "pqrs_type", "priority", "current_status", "geo_id",
                    "is_breached", "sla_cycles_count", "resolution_code")  # fmt: skip
            assert {n: story.ticket[n] for n in same} == {n: ticket.row[n] for n in same}
            days = ("start_day", "due_day", "stop_day", "term_business_days", "paused_days")
            shown = [[cycle.row[name] for name in days] for cycle in story.cycles]
            rows = [sla_row(cycle) for cycle in ticket.cycles]
            assert shown == [[row[name] for name in days] for row in rows]


def check_counting(counted: Any, cycle: Any, last_day: date) -> None:
    """The days of a cycle are those that a loop over the calendar finds."""
    shown = [
        {name: value for name, value in asdict(step).items() if name != "note"}
        for step in counted.days
    ]
    assert shown == list(counted_days(cycle, last_day))
    assert counted.due_day == cycle.due_day
    assert sum(hold.paused_days for hold in counted.holds) == cycle.paused_days
    assert len(counted.holds) == len(cycle.holds)
    names = holidays.country_holidays("CO", years=range(2025, 2028), language="es")
    for step in counted.days:
        named = names.get(step.day, "").replace(" (observado)", "").split("; ")
        if is_business_day(step.day):
            assert step.note is None
        elif named != [""]:
            assert all(name in step.note for name in named)
        else:
            assert step.note == {5: "Saturday", 6: "Sunday"}[step.day.weekday()]


def test_the_due_day_is_counted_day_by_day(traced: Traced) -> None:
    tickets = {ticket.row["ticket_id"]: ticket for ticket in traced.told.whole.tickets}
    checked = 0
    for ticket_id, story in traced.stories.items():
        if story.ticket is not None:
            assert story.last_day == traced.told.whole.last_day
            for shown, cycle in zip(story.cycles, tickets[ticket_id].cycles, strict=True):
                check_counting(shown.due, cycle, story.last_day)
                checked += 1
    assert checked > 3


def test_the_due_days_of_hand_made_tickets_are_counted(observed: Observed) -> None:
    """Holds from the due day on, two holds, open holds, extensions, special terms."""
    rows = observed.run.rows("dim_business_day")
    calendar = RunCalendar(
        ordinals={row["day"]: row["business_day_ordinal"] for row in rows},
        business=frozenset(row["day"] for row in rows if row["is_business_day"]),
        added=frozenset(),
    )
    last_day = observed.oracle.last_day
    idle = 0
    for ticket in observed.oracle.tickets:
        for cycle in ticket.cycles:
            counted = count_due_day(sla_row(cycle), calendar, last_day)
            check_counting(counted, cycle, last_day)
            for hold in counted.holds:
                assert hold.counts == (hold.start_day <= hold.due_day_before)
                until = hold.end_day or last_day
                days = business_days_between(hold.start_day, until) if hold.counts else 0
                assert hold.paused_days == days
                idle += not hold.counts
    if observed.run.run_id == "stories":
        assert idle > 0


def test_a_day_that_counts_otherwise_than_by_law_says_why() -> None:
    epiphany, friday = date(2026, 1, 12), date(2026, 1, 9)
    calendar = RunCalendar({}, frozenset({epiphany}), frozenset({friday}))
    assert calendar.note(epiphany) == "counts in this run, in spite of Día de los Reyes Magos"
    assert calendar.note(friday) == "does not count by calendar.added"
    assert calendar.note(friday - timedelta(days=1)) == "does not count by the run's calendar"


# The cells


def shares(story: Story) -> Counts:
    return {
        (cell.table, tuple(cell.key.values())): {
            name: value for name, value in cell.adds.items() if name in COUNTS[cell.table]
        }
        for cell in story.cells
    }


def test_the_cells_of_a_ticket_are_those_of_a_run_that_has_it_alone(traced: Traced) -> None:
    for ticket, story in traced.stories.items():
        expected = {} if story.ticket is None else counts(traced.told.alone(ticket))
        assert shares(story) == expected


def test_the_cells_have_the_values_of_gold(traced: Traced) -> None:
    whole = {
        name: {
            tuple(row[part] for part in TABLES[name].primary_key): row
            for row in frame.to_dict("records")
        }
        for name, frame in build_gold(traced.told.whole).items()
    }
    for story in traced.stories.values():
        for cell in story.cells:
            row = whole[cell.table][tuple(cell.key.values())]
            known = {n: v for n, v in cell.values.items() if n != "requested_pct"}
            assert known == {name: row[name] for name in known}


def test_what_all_tickets_add_is_gold(traced: Traced) -> None:
    """Every count of every cell of the run's own gold tables, and no cell beside them."""
    added: dict[Any, Counter[str]] = {}
    for story in traced.stories.values():
        for key, share in shares(story).items():
            added.setdefault(key, Counter()).update(share)
    gold = {}
    for name in GOLD:
        assert counts_of(TABLES[name]) == COUNTS[name]
        for row in traced.run.rows(name):
            counted = {column: row[column] for column in COUNTS[name] if row[column]}
            if counted:
                gold[name, tuple(row[part] for part in TABLES[name].primary_key)] = counted
    assert {key: dict(share) for key, share in added.items()} == gold


def test_the_own_hours_of_a_ticket_are_told(live: Traced) -> None:
    tickets = {row["ticket_id"]: row for row in live.run.rows("silver_tickets")}
    told = 0
    for ticket_id, story in live.stories.items():
        for cell in story.cells:
            if cell.table == "gold_kpi_first_response_daily":
                row = tickets[ticket_id]
                elapsed = row["first_response_at"] - row["created_at"]
                hours = elapsed / timedelta(hours=1)
                shown = cell.adds["avg_hours_to_first_response"]
                assert shown == pytest.approx(hours, abs=5.1e-7)
                told += 1
    assert told == sum(row["first_response_at"] is not None for row in tickets.values()) > 0


# The command


def test_the_text_has_every_line_every_day_and_every_table(
    live: Traced, forked_kedro: ForkedKedro
) -> None:
    story = max(live.stories.values(), key=lambda s: sum(len(c.due.holds) for c in s.cycles))
    radicado = str((story.ticket or {})["external_id"])
    outcome = forked_kedro(live.run.project, "trace", radicado, "--run", "live", "--whole-lines")
    assert outcome.code == 0, outcome.err
    for event in story.events:
        assert f"{event.facts['source_object']} line {event.facts['line_number']}" in outcome.out
        assert readable(event.line) in outcome.out
    for cycle in story.cycles:
        for step in cycle.due.days:
            assert str(step.day) in outcome.out
    for cell in story.cells:
        assert cell.table in outcome.out
    days = [cell for cell in story.cells if cell.table == "gold_kpi_backlog_daily"]
    assert f"({len(days)} days)" in outcome.out


def test_the_json_is_the_story_and_long_lines_are_shortened_in_text_only(
    dirty: Traced, forked_kedro: ForkedKedro
) -> None:
    ticket, story = max(dirty.stories.items(), key=lambda item: len(item[1].rejected_lines))
    outcome = forked_kedro(dirty.run.project, "trace", ticket.upper(), "--run", "dirty", "--json")
    assert outcome.code == 0, outcome.err
    content = json.loads(outcome.out)
    assert content == json.loads(json.dumps(story.as_json()))
    assert [it["line_number"] for it in content["rejected_lines"]] == [
        item.line_number for item in story.rejected_lines
    ]
    short = forked_kedro(dirty.run.project, "trace", ticket, "--run", "dirty").out
    assert max(map(len, short.splitlines())) < 400


def test_a_quarantined_ticket_is_told_and_is_in_no_cell(
    dirty: Traced, forked_kedro: ForkedKedro
) -> None:
    found = next(s for s in dirty.stories.values() if s.rejections)
    outcome = forked_kedro(dirty.run.project, "trace", found.ticket_id, "--run", "dirty")
    assert outcome.code == 0
    assert "in quarantine" in outcome.out
    assert str(found.rejections[0]["reason"]) in outcome.out
    assert found.cells == []


def test_without_a_run_it_is_the_one_that_ended_last(
    dirty: Traced, live: Traced, forked_kedro: ForkedKedro
) -> None:
    runs = [one.run.document("manifest.json") for one in (dirty, live)]
    last = max(runs, key=lambda manifest: manifest["finished_at"])["run_id"]
    assert latest_run(FolderStore(live.run.lake)) == last
    ticket = next(iter({"dirty": dirty, "live": live}[last].stories))
    outcome = forked_kedro(live.run.project, "trace", ticket)
    assert f"run         {last}," in outcome.out


UNKNOWN = "019b9a1d-06c5-70fd-aeb9-000000000000"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param([UNKNOWN], 1, f"ticket {UNKNOWN} is not in run", id="unknown ticket"),
        pytest.param(["19990000000002"], 1, "radicado 19990000000002 is not in", id="radicado"),
        pytest.param(["../etc"], 2, "ticket: '../etc' is not allowed", id="malformed ticket"),
        pytest.param([UNKNOWN, "--run", "never"], 2, "run never is not in the lake", id="run"),
        pytest.param([UNKNOWN, "--run", "../x"], 2, "run_id: '../x' is not", id="malformed run"),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(
    arguments: list[str], code: int, said: str, live: Traced, forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(live.run.project, "trace", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(f"Error: {said}")
    assert outcome.err.count("\n") == 1


def test_a_lake_without_runs_says_so(
    make_project: Callable[[], Project], forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(make_project(), "trace", UNKNOWN)
    assert (outcome.code, outcome.out) == (2, "")
    assert "no run is in the lake" in outcome.err


def test_a_raw_object_that_was_changed_is_not_told(
    live: Traced, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lake = tmp_path_factory.mktemp("changed")
    link_run(live.run, lake, "copy")
    story = next(iter(live.stories.values()))
    name = story.events[0].facts["source_object"]
    path = lake / name.replace("/events.jsonl", "/run_id=copy/events.jsonl")
    content = path.read_bytes()
    path.unlink()  # a link to the other lake's
    path.write_bytes(content.replace(b"citizen", b"CITIZEN"))
    store = FolderStore(lake)
    try:
        with pytest.raises(ObjectChanged):
            tell_story(store, read_run(store, "copy"), story.ticket_id)
    finally:
        ENGINE.close()


@pytest.mark.parametrize(
    ("line", "most", "shown"),
    [
        pytest.param("ñandú".encode(), None, "ñandú", id="text"),
        pytest.param(b"a\xffb", None, "a\\xffb", id="no UTF-8"),
        pytest.param(b"\x1b[2J\r\x00", None, "\\x1b[2J\\r\\x00", id="a terminal's own language"),
        pytest.param("\u202eabc\u2028".encode(), None, "\\u202eabc\\u2028", id="turned text"),
        pytest.param(b"x" * 50 + b"y" * 50, 40, "x" * 16 + " … " + "y" * 24, id="shortened"),
    ],
)
def test_bytes_are_shown_without_harm(line: bytes, most: int | None, shown: str) -> None:
    assert readable(line, most) == shown
