"""Special terms in silver and gold: a generated run, and hand-made tickets at the window's edges.

The generated run meets the window of Decreto Legislativo 491 de 2020, from Saturday 28 March 2020
on. That of the hand-made tickets begins with it and ends on Tuesday 19 May 2020. PETICION has 15
business days and 30 in the window, SOLICITUD_INFORMACION 10 and 20, QUEJA 15 in any case. Holidays
of 2020: 23 March, 9 and 10 April, 1 and 25 May, 15, 22 and 29 June.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from tests.conftest import (
    CHANNELS,
    STAGES_AFTER_RAW,
    Observed,
    Run,
    _observe_run,
    _oracle,
    base_profiles,
    copy_project,
)
from tests.oracle import metrics
from tests.oracle.builder import ticket_events, write_lake
from tests.oracle.calendar import local_day
from tests.oracle.curation import (
    assert_same_table,
    build_silver,
    parse_instant,
    read_events,
)

from pqrs_kedro.contracts.tables import TABLES

pytestmark = pytest.mark.xdist_group("special_terms")

GENERATED: dict[str, Any] = {
    "profile": "ley1755",
    "date_min": "2020-03-10",
    "date_max": "2020-04-10",
    "volume_scale": 0.02,
    "breach_rate": 0.3,
}
TERMS = {"PETICION": 15, "SOLICITUD_INFORMACION": 10, "QUEJA": 15}
STORY_PROFILE = {
    **base_profiles()["documento_v1"],
    "stop_status": "RESPONDED",
    "types": {
        code: {"name": code, "share": share, "term_business_days": term, "webform_code": 1}
        for (code, term), share in zip(TERMS.items(), (0.5, 0.25, 0.25), strict=True)
    },
    "special_terms": [
        {
            "source": "a law",
            "first_day": date(2020, 3, 28),
            "last_day": date(2020, 5, 19),
            "terms": {"PETICION": 30, "SOLICITUD_INFORMACION": 20},
        }
    ],
}


def petition(received: str, pqrs_type: str = "PETICION") -> str:
    """The first lines of a story: received and radicated at nine, classified at ten."""
    return f"""
        {received} 09:00  RECEIVED
        {received} 09:10  RADICATED    11001
        {received} 10:00  CLASSIFIED   {pqrs_type}
    """


# Each story, and what its cycles come to: special term, from when, due day, late or overdue.
STORIES: dict[str, tuple[str, list[tuple[int | None, str | None, str, bool | None]]]] = {
    # Due on 24 March; stopped on the Friday before the window.
    "started_and_stopped_before": (
        petition("2020-03-09", "SOLICITUD_INFORMACION") + "2020-03-27 23:59  RESPONDED",
        [(None, None, "2020-03-24", True)],
    ),
    # Answered in the first microsecond of 28 March: not before it.
    "open_when_the_window_begins": (
        petition("2020-03-09", "SOLICITUD_INFORMACION") + "2020-03-28 00:00  RESPONDED",
        [(20, "2020-03-28", "2020-04-07", False)],
    ),
    "open_on_the_first_day_and_late_all_the_same": (
        petition("2020-03-02") + "2020-04-20 09:00  RESPONDED",
        [(30, "2020-03-28", "2020-04-16", True)],
    ),
    "overdue_before_and_not_any_more_after": (
        petition("2020-03-02") + "2020-04-16 09:00  RESPONDED",
        [(30, "2020-03-28", "2020-04-16", False)],
    ),
    "started_on_the_first_day": (
        petition("2020-03-28") + "2020-05-13 09:00  RESPONDED",
        [(30, "2020-03-28", "2020-05-13", False)],
    ),
    "started_on_the_day_before": (
        petition("2020-03-27") + "2020-05-14 09:00  RESPONDED",
        [(30, "2020-03-28", "2020-05-13", True)],
    ),
    "started_on_the_last_day": (
        petition("2020-05-19") + "2020-07-06 09:00  RESPONDED",
        [(30, "2020-05-19", "2020-07-06", False)],
    ),
    "started_on_the_day_after_the_last": (
        petition("2020-05-20") + "2020-06-12 09:00  RESPONDED",
        [(None, None, "2020-06-11", True)],
    ),
    "a_type_that_keeps_its_term": (
        petition("2020-03-30", "QUEJA") + "2020-04-23 09:00  RESPONDED",
        [(None, None, "2020-04-22", True)],
    ),
    "reopened_inside": (
        petition("2020-03-09", "SOLICITUD_INFORMACION")
        + """
        2020-03-24 09:00  RESPONDED
        2020-03-25 09:00  CLOSED
        2020-03-30 09:00  REOPENED
        2020-03-31 09:00  IN_PROGRESS
        2020-04-29 09:00  RESPONDED
        """,
        [(None, None, "2020-03-24", False), (20, "2020-03-30", "2020-04-29", False)],
    ),
    "reopened_before_and_open_on_the_first_day": (
        petition("2020-03-02", "SOLICITUD_INFORMACION")
        + """
        2020-03-09 09:00  RESPONDED
        2020-03-10 09:00  CLOSED
        2020-03-16 09:00  REOPENED
        2020-04-15 09:00  RESPONDED
        """,
        [(None, None, "2020-03-16", False), (20, "2020-03-28", "2020-04-16", False)],
    ),
    "reopened_after_the_window": (
        petition("2020-05-11", "SOLICITUD_INFORMACION")
        + """
        2020-05-18 09:00  RESPONDED
        2020-05-19 09:00  CLOSED
        2020-05-20 09:00  REOPENED
        2020-06-05 09:00  RESPONDED
        """,
        [(20, "2020-05-11", "2020-06-09", False), (None, None, "2020-06-04", True)],
    ),
    "extended_before": (
        petition("2020-03-09", "SOLICITUD_INFORMACION")
        + """
        2020-03-20 09:00  TERM_EXTENDED  20
        2020-05-08 09:00  RESPONDED  PRORROGA
        """,
        [(20, "2020-03-28", "2020-05-08", False)],
    ),
    # On 30 March the ordinary term had ended on the 24th, that of the window has not.
    "extended_inside_when_the_ordinary_term_was_over": (
        petition("2020-03-09", "SOLICITUD_INFORMACION")
        + """
        2020-03-30 09:00  TERM_EXTENDED  40
        2020-05-11 09:00  RESPONDED  PRORROGA
        """,
        [(20, "2020-03-28", "2020-05-08", True)],
    ),
    # Announced on the last day before the window, after the term of that day: it does not count.
    "extended_too_late_a_day_before_the_window": (
        petition("2020-03-09", "SOLICITUD_INFORMACION")
        + """
        2020-03-27 09:00  TERM_EXTENDED  20
        2020-04-08 09:00  RESPONDED
        """,
        [(20, "2020-03-28", "2020-04-07", True)],
    ),
    # Begun after the ordinary due day of the 24th: it pauses from the first day of the window on.
    "on_hold_when_the_window_begins": (
        petition("2020-03-09", "SOLICITUD_INFORMACION")
        + """
        2020-03-11 09:00  ASSIGNED
        2020-03-12 09:00  IN_PROGRESS
        2020-03-26 09:00  ON_HOLD
        2020-04-02 09:00  IN_PROGRESS
        2020-04-17 09:00  RESPONDED
        """,
        [(20, "2020-03-28", "2020-04-16", True)],
    ),
    # Still open at the end of observation.
    "open_all_along": (petition("2020-03-24"), [(30, "2020-03-28", "2020-05-08", None)]),
    "open_and_not_due": (petition("2020-06-23"), [(None, None, "2020-07-15", None)]),
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """A run of the days around the window's first, up to gold."""
    project = copy_project(tmp_path_factory.mktemp("special-terms") / "generated")
    run = project.run("synthesis", *STAGES_AFTER_RAW[:-1], run_id="special", **GENERATED)
    return _observe_run(run, GENERATED)


def _story_run(folder: Path, stories: list[str], until: date = date.max) -> Observed:
    """Everything after the raw layer on hand-made tickets, with the lines up to a day."""
    project = copy_project(folder)
    settings = yaml.safe_dump({"profiles": {"stories": STORY_PROFILE}}, allow_unicode=True)
    (project.path / "conf/local/parameters_stories.yml").write_text(settings, encoding="utf-8")
    lines = [
        line
        for number, story in enumerate(stories, start=1)
        for line in ticket_events(story, ticket=number, channel=CHANNELS[number % 4], whole=True)
        if local_day(parse_instant(line["ts"])) <= until
    ]
    write_lake(project.lake, "stories", lines)
    first = "2020-03-02"
    project.run(
        *STAGES_AFTER_RAW, run_id="stories", profile="stories", date_min=first, date_max=first
    )
    run = Run(project, "stories")
    return Observed(run, _oracle(read_events(run.lake, run.run_id), first, STORY_PROFILE))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """The hand-made tickets."""
    stories = [story for story, _ in STORIES.values()]
    return _story_run(tmp_path_factory.mktemp("special-terms") / "stories", stories)


@pytest.fixture(scope="module", params=["generated", "told"])
def scene(request: pytest.FixtureRequest) -> Observed:
    found: Observed = request.getfixturevalue(request.param)
    return found


# --- Against the oracle -------------------------------------------------------------------------


def test_silver_equals_the_oracle(scene: Observed) -> None:
    expected = build_silver(scene.oracle.events, scene.oracle.rules)
    for name in ("silver_sla_cycles", "silver_tickets"):
        assert len(expected[name]) > 0
        assert_same_table(scene.run.table(name), expected[name], TABLES[name].primary_key)


def test_gold_equals_the_oracle(scene: Observed) -> None:
    expected = metrics.gold_kpi_sla_daily(scene.oracle)
    assert expected["overdue_count"].max() > 0
    assert_same_table(scene.run.table("gold_kpi_sla_daily"), expected, ("day", "pqrs_type"))


def test_the_window_changes_what_is_overdue_from_its_first_day_on(told: Observed) -> None:
    with_window, without = (
        metrics.gold_kpi_sla_daily(run).groupby("day")["overdue_count"].sum()
        for run in (told.oracle, replace(told.oracle, windows=()))
    )
    before = with_window.index < date(2020, 3, 28)
    assert (with_window[before] == without[before]).all()
    assert with_window[before].max() > 0
    assert with_window[date(2020, 3, 28)] == 0 < with_window[date(2020, 3, 27)]
    assert (with_window[~before] < without[~before]).any()


# --- Stories ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORIES)
def test_a_story_comes_to_what_the_law_says(name: str, told: Observed) -> None:
    place = list(STORIES).index(name) + 1
    rows = [
        row
        for row in told.run.table("silver_sla_cycles").sort_by("cycle_number").to_pylist()
        if int(row["ticket_id"][-4:], 16) == place
    ]
    found = [
        (
            row["special_term_business_days"],
            row["special_term_from_day"] and row["special_term_from_day"].isoformat(),
            row["due_day"].isoformat(),
            row["is_late"],
        )
        for row in rows
    ]
    assert found == STORIES[name][1]


# --- As of a day --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "special", "some_overdue"),
    [
        pytest.param(date(2020, 3, 27), set(), True, id="the_day_before_the_window"),
        pytest.param(date(2020, 3, 28), {20, 30}, False, id="the_first_day"),
    ],
)
def test_a_run_observed_up_to_a_day_has_the_rows_of_that_day(
    until: date,
    special: set[int],
    some_overdue: bool,
    told: Observed,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # One more event on the day itself, so that observation ends on it.
    stories = [story for story, _ in STORIES.values()] + [f"{until} 23:00  RECEIVED"]
    folder = tmp_path_factory.mktemp("special-terms") / "cut"
    cut = _story_run(folder, stories, until)
    terms = cut.run.table("silver_sla_cycles")["special_term_business_days"].to_pylist()
    assert {term for term in terms if term is not None} == special
    columns = ["within_count", "late_count", "overdue_count", "avg_overdue_days"]
    mine, whole = (
        _of_day(observed.run.table("gold_kpi_sla_daily"), until, columns)
        for observed in (cut, told)
    )
    assert mine == whole
    assert any(row["overdue_count"] for row in mine) is some_overdue


def _of_day(table: pa.Table, day: date, columns: list[str]) -> list[dict[str, Any]]:
    rows = table.sort_by("pqrs_type").select(["day", "pqrs_type", *columns]).to_pylist()
    return [row for row in rows if row["day"] == day]


# --- The generated run --------------------------------------------------------------------------


def test_planned_lateness_is_measured_and_the_rate_is_met(generated: Observed) -> None:
    breached, judged = metrics.breach_rate(generated.oracle)
    assert judged > 200
    deviation = (0.3 * 0.7 / judged) ** 0.5
    assert abs(breached / judged - 0.3) < 3 * deviation
    tickets = generated.run.rows("silver_tickets")
    assert [ticket["is_breached"] for ticket in tickets].count(True) == breached
    assert len(tickets) == judged


def test_the_ledger_knows_who_is_late(generated: Observed) -> None:
    ledger = {row["ticket_id"]: row for row in generated.run.rows("ground_truth")}
    tickets = generated.oracle.tickets
    assert len(ledger) == len(tickets)
    for ticket in tickets:
        decided = ledger[ticket.row["ticket_id"]]
        late = [cycle.is_late for cycle in ticket.cycles]
        known = [decided["is_first_cycle_late"], decided["is_second_cycle_late"]]
        assert known == [*late, None][:2]
        ratios = [decided["first_cycle_ratio"], decided["second_cycle_ratio"]]
        assert [ratio > 1 for ratio in ratios if ratio is not None] == late


def test_every_kind_of_cycle_is_there(generated: Observed) -> None:
    cycles = [cycle for ticket in generated.oracle.tickets for cycle in ticket.cycles]
    first = date(2020, 3, 28)
    kinds = {
        (cycle.special is None, cycle.special is not None and cycle.start_day < first)
        for cycle in cycles
    }
    assert kinds == {(True, False), (False, True), (False, False)}
    types = base_profiles()["ley1755"]["special_terms"][0]["terms"]
    assert {c.special[0] for c in cycles if c.special} <= set(types.values())


def test_an_extension_says_twice_the_term_of_its_day(generated: Observed) -> None:
    events = read_events(generated.run.lake, generated.run.run_id)
    announced = {
        e.ticket_id: e.attributes["term_business_days"]
        for e in events
        if e.event_type == "TERM_EXTENDED"
    }
    assert announced
    for ticket in generated.oracle.tickets:
        if ticket.row["ticket_id"] in announced:
            cycle = ticket.cycles[0]
            assert cycle.extended_on_day is not None
            is_special = cycle.special is not None and cycle.special[1] <= cycle.extended_on_day
            term = cycle.special[0] if is_special and cycle.special else cycle.base_term
            assert announced[ticket.row["ticket_id"]] == 2 * term
