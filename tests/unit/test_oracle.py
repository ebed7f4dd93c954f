"""The oracle itself, pinned by stories that can be checked with a 2026 calendar in hand.

Days that do not count around Easter 2026: Monday 23 March, Thursday 2 and Friday 3 April, and the
weekends. BREVE is a made-up type with a term of three business days, short enough to count on
one's fingers.
"""

from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.oracle import calendar, metrics
from tests.oracle.builder import RawEvent, ticket_events, write_lake
from tests.oracle.curation import (
    assert_same_table,
    build_silver,
    parse_events,
    read_events,
)

TERMS = {"BREVE": 3, "PETICION": 15}
CHANNELS = ("email", "webform", "chat", "call")
PREFIXES = {"05": "Andina", "88": "Insular"}

# A ticket of type BREVE radicated on Friday 27 March: its days are 30 and 31 March and 1 April.
BREVE = """
    2026-03-27 09:00  RECEIVED
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   BREVE
    2026-03-27 11:00  ASSIGNED
    2026-03-27 12:00  IN_PROGRESS
"""


def day(text: str) -> date:
    return date.fromisoformat(text)


def silver(*stories: str, until: str | None = None, stop: Any = "CLOSED", **options: Any) -> Any:
    """The silver tables of some stories, each the life of one ticket."""
    lines = chain.from_iterable(
        ticket_events(story, ticket=n, **options) for n, story in enumerate(stories, start=1)
    )
    return build_silver(parse_events(lines), TERMS, stop, day(until) if until else None)


def run(*stories: str, until: str | None = None, stop: Any = "CLOSED") -> metrics.Run:
    lines = [
        line for n, story in enumerate(stories, start=1) for line in ticket_events(story, ticket=n)
    ]
    events = parse_events(lines)
    last_day = day(until) if until else None
    return metrics.Run(events, events[0].day, TERMS, CHANNELS, PREFIXES, stop, last_day)


def rows_on(frame: pd.DataFrame, text: str) -> list[dict[str, Any]]:
    """Rows of a day, without the day."""
    records = frame[frame["day"] == day(text)].drop(columns="day").to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def assert_cells(row: dict[str, Any], **expected: Any) -> None:
    """Days are compared as text, so that the tables below stay readable."""
    assert {name: as_text(row[name]) for name in expected} == expected


# Calendar


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        pytest.param("2026-03-27", 15, "2026-04-21", id="over_easter"),
        pytest.param("2026-03-28", 1, "2026-03-30", id="from_a_saturday"),
        pytest.param("2026-04-02", 1, "2026-04-06", id="from_a_holiday"),
        pytest.param("2026-07-10", 1, "2026-07-14", id="over_the_holiday_of_13_july_2026"),
        pytest.param("2026-03-28", 0, "2026-03-28", id="zero_days_stay"),
    ],
)
def test_the_nth_business_day_after_a_day(start: str, n: int, expected: str) -> None:
    assert calendar.add_business_days(day(start), n) == day(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param("2026-03-27", "2026-03-27", 0, id="same_day"),
        pytest.param("2026-03-27", "2026-03-29", 0, id="friday_to_sunday"),
        pytest.param("2026-03-27", "2026-03-30", 1, id="the_last_day_counts"),
        pytest.param("2026-04-01", "2026-04-06", 1, id="easter_does_not_count"),
        pytest.param("2026-04-06", "2026-04-01", 0, id="backwards"),
    ],
)
def test_business_days_between_exclude_the_first_day(a: str, b: str, expected: int) -> None:
    assert calendar.business_days_between(day(a), day(b)) == expected


@pytest.mark.parametrize(("year", "days"), [(2025, 245), (2026, 242)])
def test_business_days_of_a_year(year: int, days: int) -> None:
    assert calendar.business_days_between(date(year - 1, 12, 31), date(year, 12, 31)) == days


# One SLA cycle


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(
            """
            2026-03-28 10:00  RECEIVED
            2026-03-28 10:05  RADICATED
            2026-03-28 11:00  CLASSIFIED  BREVE
            2026-04-01 23:59:59.999999  CLOSED
            """,
            {"start_day": "2026-03-28", "due_day": "2026-04-01", "is_late": False},
            id="received_on_a_saturday_and_closed_in_the_last_microsecond",
        ),
        pytest.param(
            BREVE + "2026-04-02 00:00  CLOSED",
            {"due_day": "2026-04-01", "is_late": True, "business_days_late": 0},
            id="one_microsecond_later_on_a_holiday_is_late_by_0_business_days",
        ),
        pytest.param(
            """
            2026-03-27 09:00  RECEIVED
            2026-03-27 09:10  RADICATED
            2026-03-27 10:00  CLASSIFIED  PETICION
            2026-04-21 16:00  CLOSED
            """,
            {"due_day": "2026-04-21", "is_late": False, "business_days_late": 0},
            id="fifteen_business_days_over_easter",
        ),
        pytest.param(
            """
            2026-03-24 09:00  RECEIVED
            2026-03-24 09:10  RADICATED
            2026-03-24 10:00  CLASSIFIED  BREVE
            2026-03-28 09:00  CLOSED
            """,
            {"due_day": "2026-03-27", "is_late": True, "business_days_late": 0},
            id="due_on_friday_and_closed_on_saturday",
        ),
        pytest.param(
            BREVE
            + """
            2026-03-31 09:00  ON_HOLD
            2026-04-06 09:00  IN_PROGRESS
            2026-04-07 09:00  CLOSED
            """,
            {
                "first_hold_start_day": "2026-03-31",
                "first_hold_end_day": "2026-04-06",
                "second_hold_start_day": None,
                "paused_days": 2,  # 1 and 6 April
                "due_day": "2026-04-07",
                "is_late": False,
            },
            id="hold_over_a_weekend_and_holidays",
        ),
        pytest.param(
            BREVE
            + """
            2026-04-06 09:00  ON_HOLD
            2026-04-07 09:00  IN_PROGRESS
            2026-04-08 09:00  CLOSED
            """,
            {
                "first_hold_start_day": "2026-04-06",
                "first_hold_end_day": "2026-04-07",
                "paused_days": 0,
                "due_day": "2026-04-01",
                "business_days_late": 3,  # 6, 7 and 8 April
            },
            id="hold_that_begins_after_the_due_day_does_not_pause",
        ),
        pytest.param(
            BREVE
            + """
            2026-03-30 09:00  ON_HOLD
            2026-03-31 09:00  IN_PROGRESS
            2026-04-06 09:00  ON_HOLD
            2026-04-08 09:00  RESPONDED    DESISTIMIENTO_TACITO
            2026-04-08 10:00  CLOSED
            """,
            {
                "first_hold_end_day": "2026-03-31",
                "second_hold_start_day": "2026-04-06",  # the due day after the first hold
                "second_hold_end_day": "2026-04-08",
                "paused_days": 3,
                "due_day": "2026-04-08",
                "is_late": False,
            },
            id="two_holds_the_second_begins_on_the_due_day_that_the_first_one_made",
        ),
        pytest.param(
            BREVE
            + """
            2026-04-01 17:00  TERM_EXTENDED  6
            2026-04-08 09:00  CLOSED
            """,
            {
                "base_term_business_days": 3,
                "term_business_days": 6,
                "extended_on_day": "2026-04-01",
                "due_day": "2026-04-08",
                "is_late": False,
            },
            id="extension_on_the_due_day",
        ),
        pytest.param(
            BREVE
            + """
            2026-04-02 09:00  TERM_EXTENDED  6
            2026-04-08 09:00  CLOSED
            """,
            {
                "term_business_days": 3,
                "extended_on_day": None,
                "due_day": "2026-04-01",
                "business_days_late": 3,
            },
            id="extension_one_day_too_late",
        ),
        pytest.param(
            BREVE
            + """
            2026-03-30 09:00  ON_HOLD
            2026-03-31 09:00  IN_PROGRESS
            2026-04-06 09:00  TERM_EXTENDED  6
            2026-04-09 09:00  CLOSED
            """,
            {"extended_on_day": "2026-04-06", "paused_days": 1, "due_day": "2026-04-09"},
            id="extension_in_time_because_of_an_earlier_hold",
        ),
        pytest.param(
            BREVE
            + """
            2026-04-01 09:00  ON_HOLD
            2026-04-02 09:00  TERM_EXTENDED  6
            2026-04-07 09:00  IN_PROGRESS
            2026-04-07 17:00  CLOSED
            """,
            {"extended_on_day": None, "paused_days": 2, "due_day": "2026-04-07"},
            id="extension_is_judged_without_the_days_a_hold_will_still_add",
        ),
        pytest.param(
            BREVE
            + """
            2026-04-01 09:00  TERM_EXTENDED  6
            2026-04-06 09:00  ON_HOLD
            2026-04-08 09:00  IN_PROGRESS
            2026-04-10 17:00  CLOSED
            """,
            {"paused_days": 2, "due_day": "2026-04-10", "is_late": False},
            id="hold_within_the_extended_term_pauses",
        ),
        pytest.param(
            BREVE
            + """
            2026-03-30 09:00  TERM_EXTENDED  6
            2026-03-31 09:00  TERM_EXTENDED  12
            2026-04-08 17:00  CLOSED
            """,
            {"extended_on_day": "2026-03-30", "term_business_days": 6, "due_day": "2026-04-08"},
            id="a_second_extension_adds_nothing",
        ),
    ],
)
def test_an_sla_cycle(story: str, expected: dict[str, Any]) -> None:
    (cycle,) = silver(story)["silver_sla_cycles"].to_dict("records")
    assert_cells(cycle, **expected)


REOPENED = (
    BREVE
    + """
    2026-03-30 09:00  TERM_EXTENDED  6
    2026-03-31 09:00  RESPONDED
    2026-03-31 10:00  CLOSED
    2026-04-04 10:00  REOPENED
"""
)
CLOSED_AGAIN = """
    2026-04-06 09:00  IN_PROGRESS
    2026-04-10 09:00  RESPONDED
    2026-04-10 10:00  CLOSED
    2026-04-10 11:00  ARCHIVED
"""


def test_a_reopening_on_a_saturday_starts_a_second_cycle_with_the_original_term() -> None:
    tables = silver(REOPENED + CLOSED_AGAIN)
    first, second = tables["silver_sla_cycles"].to_dict("records")
    assert_cells(first, cycle_number=1, due_day="2026-04-08", is_late=False)
    assert_cells(
        second,
        cycle_number=2,
        start_day="2026-04-04",
        term_business_days=3,
        extended_on_day=None,
        due_day="2026-04-08",
        business_days_late=2,
        month="2026-04",
    )
    (ticket,) = tables["silver_tickets"].to_dict("records")
    assert_cells(
        ticket,
        sla_cycles_count=2,
        current_status="ARCHIVED",
        closed_at="2026-04-10T15:00:00+00:00",
        is_breached=True,
        month="2026-03",
    )


def test_a_reopened_ticket_has_no_closing_but_keeps_its_answer() -> None:
    (ticket,) = silver(REOPENED)["silver_tickets"].to_dict("records")
    assert_cells(
        ticket,
        current_status="REOPENED",
        closed_at=None,
        responded_at="2026-03-31T14:00:00+00:00",
        sla_due_at="2026-04-09T04:59:59.999999+00:00",
        is_breached=None,
    )


def test_the_clock_stops_at_the_first_answer_where_the_profile_says_so() -> None:
    story = (
        BREVE
        + """
        2026-03-30 09:00  RESPONDED
        2026-03-30 10:00  IN_PROGRESS
        2026-03-31 09:00  ON_HOLD
        2026-04-06 09:00  IN_PROGRESS
        2026-04-07 09:00  RESPONDED
        2026-04-07 10:00  CLOSED
        """
    )
    (answered,) = silver(story, stop="RESPONDED")["silver_sla_cycles"].to_dict("records")
    (closed,) = silver(story, stop="CLOSED")["silver_sla_cycles"].to_dict("records")
    assert_cells(answered, stop_day="2026-03-30", first_hold_start_day=None, due_day="2026-04-01")
    assert_cells(closed, stop_day="2026-04-07", paused_days=2, due_day="2026-04-07", is_late=False)


# The end of observation


@pytest.mark.parametrize(
    ("story", "until", "expected"),
    [
        pytest.param(
            BREVE,
            "2026-03-31",
            {"due_day": "2026-04-01", "stop_day": None, "is_late": None, "is_breached": None},
            id="not_due",
        ),
        pytest.param(
            BREVE,
            "2026-04-01",
            {"due_day": "2026-04-01", "business_days_late": None, "is_breached": True},
            id="overdue_on_its_due_day",
        ),
        pytest.param(
            BREVE + "2026-04-06 09:00 CLOSED",
            "2026-04-05",
            {"stop_day": None, "is_late": None, "is_breached": True},
            id="a_later_closing_is_not_known",
        ),
        pytest.param(
            BREVE + "2026-03-31 09:00 ON_HOLD",
            "2026-04-07",
            {
                "first_hold_start_day": "2026-03-31",
                "first_hold_end_day": None,
                "paused_days": 3,  # 1, 6 and 7 April
                "due_day": "2026-04-08",
                "is_breached": None,
            },
            id="an_open_hold_pauses_up_to_the_last_day",
        ),
    ],
)
def test_a_cycle_at_the_end_of_observation(
    story: str, until: str, expected: dict[str, Any]
) -> None:
    tables = silver(story, until=until)
    (cycle,) = tables["silver_sla_cycles"].to_dict("records")
    (ticket,) = tables["silver_tickets"].to_dict("records")
    assert_cells({**cycle, "is_breached": ticket["is_breached"]}, **expected)


@pytest.mark.parametrize("known", [1, 2], ids=["received", "radicated"])
def test_a_ticket_without_a_type_has_no_cycle(known: int) -> None:
    story = "\n".join(BREVE.strip().splitlines()[:known])
    tables = silver(story)
    assert tables["silver_sla_cycles"].empty
    (ticket,) = tables["silver_tickets"].to_dict("records")
    assert_cells(ticket, sla_cycles_count=0, pqrs_type=None, sla_due_at=None, is_breached=None)


def test_overdue_on_the_due_day_is_0_days_late_and_grows_on_business_days_only() -> None:
    frame = metrics.gold_kpi_sla_daily(run(BREVE + "2026-04-07 09:00 CLOSED"))
    measured = {
        "2026-03-31": (0, None, 0, None),
        "2026-04-01": (1, 0.0, 0, None),  # the due day
        "2026-04-05": (1, 0.0, 0, None),  # Easter Sunday
        "2026-04-06": (1, 1.0, 0, None),
        "2026-04-07": (0, None, 1, 2.0),  # stopped late
    }
    names = ["overdue_count", "avg_overdue_days", "late_count", "avg_late_days"]
    for text, expected in measured.items():
        breve, peticion = rows_on(frame, text)
        assert tuple(breve[name] for name in names) == expected
        assert (peticion["pqrs_type"], peticion["overdue_count"]) == ("PETICION", 0)


def test_a_day_of_the_sla_table_does_not_know_what_comes_later() -> None:
    story = (
        BREVE
        + """
        2026-04-01 09:00  ON_HOLD
        2026-04-07 09:00  IN_PROGRESS
        2026-04-08 09:00  CLOSED
        """
    )
    frame = metrics.gold_kpi_sla_daily(run(story))
    # On hold since the due day: due, day after day, on the last business day that has passed.
    for text in ("2026-04-01", "2026-04-04", "2026-04-06", "2026-04-07"):
        assert_cells(rows_on(frame, text)[0], overdue_count=1, avg_overdue_days=0.0)
    assert_cells(rows_on(frame, "2026-04-08")[0], late_count=1, avg_late_days=1.0)


def test_the_breach_rate_leaves_out_tickets_that_are_not_due_yet() -> None:
    peticion = BREVE.replace("BREVE", "PETICION")
    late = BREVE + "2026-04-06 09:00 CLOSED"
    within = BREVE + "2026-03-30 09:00 CLOSED"
    early = peticion + "2026-03-31 09:00 CLOSED"
    judged = run(late, within, early, peticion, BREVE, until="2026-04-08")
    assert metrics.breach_rate(judged) == (2, 3)
    summary = metrics.gold_run_summary(judged, {"total": 9.5}).to_dict("records")
    assert [tuple(row.values())[1:] for row in summary] == [
        ("BREVE", 2, 3, 66.666667, None),
        ("PETICION", 0, 0, None, None),
        ("total", 2, 3, 66.666667, 9.5),
        ("total", 0, 5, 0.0, None),
    ]


# Backlog, volume, transitions and hours


@pytest.mark.parametrize(
    ("business_days", "bucket"),
    [
        (0, "0-5"),
        (5, "0-5"),
        (6, "6-10"),
        (10, "6-10"),
        (11, "11-15"),
        (15, "11-15"),
        (16, "16-30"),
        (30, "16-30"),
        (31, ">30"),
    ],
)
def test_edges_of_the_ageing_buckets(business_days: int, bucket: str) -> None:
    assert metrics.age_bucket(business_days) == bucket


@pytest.mark.parametrize(
    ("text", "bucket"),
    [
        pytest.param("2026-03-25", "0-5", id="received_only"),
        pytest.param("2026-04-07", "0-5", id="fifth_business_day"),
        pytest.param("2026-04-08", "6-10", id="sixth"),
        pytest.param("2026-04-15", "11-15", id="eleventh"),
        pytest.param("2026-04-25", "16-30", id="saturday_after_the_eighteenth"),
        pytest.param("2026-05-13", "16-30", id="thirtieth"),
        pytest.param("2026-05-14", ">30", id="thirty_first"),
        pytest.param("2026-05-16", "0-5", id="reopened_the_age_starts_anew"),
    ],
)
def test_a_ticket_ages_from_the_start_of_its_last_cycle(text: str, bucket: str) -> None:
    story = """
        2026-03-25 09:00  RECEIVED
        2026-03-27 09:10  RADICATED
        2026-03-27 10:00  CLASSIFIED  BREVE
        2026-05-15 09:00  CLOSED
        2026-05-16 09:00  REOPENED
    """
    rows = rows_on(metrics.gold_backlog_ageing_daily(run(story)), text)
    assert [row["age_bucket"] for row in rows if row["backlog_count"]] == [bucket]
    assert len(rows) == len(TERMS) * 5


def test_backlog_is_counted_by_final_type_and_region_at_the_end_of_each_day() -> None:
    island = """
        2026-03-28 08:00  RECEIVED
        2026-03-29 08:00  RADICATED   88001
        2026-03-30 08:00  CLASSIFIED  PETICION
        2026-04-05 09:00  CLOSED
    """
    unknown = island.replace("88001", "")
    frame = metrics.gold_kpi_backlog_daily(run(REOPENED, island, unknown))
    counted = {
        "2026-03-27": {("BREVE", "Andina"): 1},
        "2026-03-28": {
            ("BREVE", "Andina"): 1,
            ("PETICION", "Insular"): 1,
            ("PETICION", "Sin dato"): 1,
        },
        "2026-03-31": {("PETICION", "Insular"): 1, ("PETICION", "Sin dato"): 1},
        "2026-04-05": {("BREVE", "Andina"): 1},
    }
    for text, expected in counted.items():
        rows = rows_on(frame, text)
        assert len(rows) == len(TERMS) * 7
        assert {
            (row["pqrs_type"], row["region"]): row["backlog_count"]
            for row in rows
            if row["backlog_count"]
        } == expected


def test_volume_has_a_row_for_every_day_channel_and_type() -> None:
    frame = metrics.gold_kpi_volume_daily(run(BREVE, BREVE, until="2026-03-28"))
    assert list(frame.columns) == ["day", "channel", "pqrs_type", "tickets_count"]
    assert len(frame) == 2 * 4 * 2
    counted = frame[frame["tickets_count"] > 0].to_dict("records")
    assert counted == [
        {
            "day": day("2026-03-27"),
            "channel": "webform",
            "pqrs_type": "BREVE",
            "tickets_count": 2,
        }
    ]


def test_transitions_leave_out_reception_and_tell_the_time_spent_before() -> None:
    frame = metrics.gold_status_transitions_daily(run(REOPENED, REOPENED.replace("11:00", "11:30")))
    rows = rows_on(frame, "2026-03-27")
    assert [tuple(row.values()) for row in rows] == [
        ("ASSIGNED", "IN_PROGRESS", 2, 0.75),
        ("CLASSIFIED", "ASSIGNED", 2, 1.25),
        ("RADICATED", "CLASSIFIED", 2, 0.833333),
        ("RECEIVED", "RADICATED", 2, 0.166667),
    ]
    assert [row["status_to"] for row in rows_on(frame, "2026-03-30")] == []


def test_hours_to_first_response_and_to_the_last_closing() -> None:
    replied = BREVE + "2026-03-27 13:00 MESSAGE\n2026-03-30 09:00 CLOSED"
    answered = BREVE + "2026-03-27 15:00 RESPONDED\n2026-03-30 12:00 CLOSED"
    scene = run(replied, answered, BREVE)
    (breve, _) = rows_on(metrics.gold_kpi_first_response_daily(scene), "2026-03-27")
    assert tuple(breve.values()) == ("BREVE", 5.0, 2, 5.0, 5.8)
    (breve, peticion) = rows_on(metrics.gold_kpi_close_time_daily(scene), "2026-03-30")
    assert tuple(breve.values()) == ("BREVE", 73.5, 2, 73.5, 74.7)
    assert tuple(peticion.values()) == ("PETICION", None, 0, None, None)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (1, 3, 0.333333),
        (2, 3, 0.666667),
        (1, 2_000_000, 0.000001),  # half a millionth goes up
        (1, 2_000_001, 0.0),
        (5, 2_000_000, 0.000003),  # and not to the even neighbour
        (0, 7, 0.0),
        (0, 0, None),
    ],
)
def test_a_quotient_is_rounded_half_up(
    numerator: int, denominator: int, expected: float | None
) -> None:
    assert metrics.quotient(numerator, denominator) == expected


@pytest.mark.parametrize(
    ("hours", "median", "ninth_decile"),
    [
        ([], None, None),
        ([4], 4.0, 4.0),
        ([4, 1], 2.5, 3.7),
        ([4, 1, 2], 2.0, 3.6),
        ([11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 6.0, 10.0),
    ],
)
def test_percentiles_are_interpolated(
    hours: list[int], median: float | None, ninth_decile: float | None
) -> None:
    durations = [hour * metrics.MICROSECONDS_PER_HOUR for hour in hours]
    assert metrics.quantile_hours(durations, metrics.MEDIAN) == median
    assert metrics.quantile_hours(durations, metrics.NINTH_DECILE) == ninth_decile


# Messages, files and status events


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        pytest.param("email", [("m01", "citizen", "citizen", "Asunto RECEIVED")], id="email"),
        pytest.param("webform", [("m01", "citizen", "citizen", "Asunto RECEIVED")], id="webform"),
        pytest.param(
            "chat",
            [("m01", "citizen", "citizen", None), ("m02", "agent", "bot", None)],
            id="chat",
        ),
        pytest.param(
            "call",
            [("m01", "citizen", "citizen", None), ("m02", "agent", "bot", None)],
            id="call",
        ),
    ],
)
def test_messages_of_a_reception(
    channel: str, expected: list[tuple[str, str, str, str | None]]
) -> None:
    tables = silver("2026-03-31 23:59:59.5 RECEIVED +Oficio.final.PDF:120", channel=channel)
    messages = tables["silver_messages"].to_dict("records")
    found = [(m["message_id"][-3:], m["role"], m["author_kind"], m["subject"]) for m in messages]
    assert found == expected
    assert {m["month"] for m in messages} == {"2026-03"}
    (file,) = tables["silver_attachments"].to_dict("records")
    assert_cells(file, file_name="Oficio.final.PDF", file_type="pdf", size_kb=120)
    assert file["attachment_id"] == f"{file['event_id']}-a01"
    (ticket,) = tables["silver_tickets"].to_dict("records")
    assert_cells(ticket, source_channel=channel, first_response_at=None, external_id=None)


def test_text_length_counts_characters_not_bytes() -> None:
    (message,) = silver("2026-03-31 09:00 RECEIVED")["silver_messages"].to_dict("records")
    assert message["text"] == "Texto de la línea RECEIVED"
    assert message["text_len"] == 26


def test_status_events_are_numbered_among_all_events_of_their_ticket() -> None:
    story = BREVE + "2026-03-27 13:00 MESSAGE\n2026-03-27 15:00 RESPONDED TRASLADO"
    rows = silver(story)["silver_status_events"].to_dict("records")
    found = [(row["event_number"], row["status_to"], row["resolution_code"]) for row in rows]
    assert found[0] == (1, "RECEIVED", None)
    assert found[-2:] == [(5, "IN_PROGRESS", None), (7, "RESPONDED", "TRASLADO")]


def test_the_last_classification_and_the_last_answer_describe_the_ticket() -> None:
    story = (
        BREVE
        + """
        2026-03-28 09:00  CLASSIFIED  PETICION
        2026-03-30 09:00  RESPONDED   REITERATIVA
        2026-03-30 10:00  IN_PROGRESS
        2026-03-31 09:00  RESPONDED
        """
    )
    (ticket,) = silver(story, priority="ALTA")["silver_tickets"].to_dict("records")
    assert_cells(
        ticket,
        external_id="20261000000012",
        pqrs_type="PETICION",
        priority="ALTA",
        geo_id="05001",
        resolution_code=None,
        radicated_at="2026-03-27T14:10:00+00:00",
        first_response_at="2026-03-30T14:00:00+00:00",
    )


# Reading and comparing


def raw_events() -> list[RawEvent]:
    chat = ticket_events(REOPENED + CLOSED_AGAIN, ticket=1, channel="chat")
    return [*chat, *ticket_events(BREVE, ticket=2, channel="email")]


def test_raw_objects_give_back_the_events_they_were_written_from(tmp_path: Path) -> None:
    paths = write_lake(tmp_path, "R1", raw_events())
    write_lake(tmp_path, "R2", ticket_events(BREVE, ticket=3))
    paths[0].write_bytes(b"\n" + paths[0].read_bytes())
    folder = "raw/pqrs/source=chat/day=2026-03-27/run_id=R1/events.jsonl"
    assert paths[0] == tmp_path / folder
    assert read_events(tmp_path, "R1") == parse_events(raw_events())


def test_an_object_in_the_wrong_folder_is_an_error(tmp_path: Path) -> None:
    (path, *_) = write_lake(tmp_path, "R1", ticket_events(BREVE))
    wrong = tmp_path / "raw/pqrs/source=call/day=2026-03-27/run_id=R1/events.jsonl"
    wrong.parent.mkdir(parents=True)
    path.rename(wrong)
    with pytest.raises(ValueError, match="does not belong"):
        read_events(tmp_path, "R1")


def test_a_repeated_event_is_an_error() -> None:
    with pytest.raises(ValueError, match="not unique"):
        parse_events([*ticket_events(BREVE), *ticket_events(BREVE)])


EXPECTED = pd.DataFrame(
    {
        "id": ["a", "b"],
        "at": [datetime(2026, 3, 27, 14, tzinfo=UTC), None],
        "on": [day("2026-03-27"), None],
        "n": [1, None],
        "x": [0.1, None],
        "ok": [True, None],
    },
    dtype=object,
)
SAME: dict[str, pa.Array] = {
    "id": pa.array(["b", "a"]).dictionary_encode(),
    "at": pa.array([None, 1_774_620_000_000_000], pa.timestamp("us", "UTC")),
    "on": pa.array([None, day("2026-03-27")]),
    "n": pa.array([None, 1]),
    "x": pa.array([None, 0.1]),
    "ok": pa.array([None, True]),
}


def test_equal_tables_in_another_row_order_are_the_same() -> None:
    assert_same_table(pa.table(SAME), EXPECTED, ["id"])


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        pytest.param("x", [None, 0.1 + 2**-56], "x is 0.1", id="last_bit_of_a_float"),
        pytest.param("x", [float("nan"), 0.1], "id='b': x is nan, expected None", id="nan"),
        pytest.param("n", [None, 1.0], "n is 1.0, expected 1", id="float_for_an_integer"),
        pytest.param("ok", [None, 1], "ok is 1, expected True", id="integer_for_a_boolean"),
        pytest.param("n", [0, 1], "id='b': n is 0, expected None", id="zero_for_null"),
        pytest.param("id", ["c", "a"], "missing row: id='b'", id="another_key"),
        pytest.param("id", ["a", "a"], "actual: key ('a',) occurs twice", id="key_twice"),
    ],
)
def test_a_single_differing_cell_is_reported(column: str, values: list[Any], message: str) -> None:
    actual = pa.table({**SAME, column: pa.array(values)})
    with pytest.raises(AssertionError) as error:
        assert_same_table(actual, EXPECTED, ["id"])
    assert message in str(error.value)


def test_a_missing_column_is_reported_unless_it_is_left_out() -> None:
    actual = pa.table(SAME).drop_columns(["x"])
    with pytest.raises(AssertionError, match="'x'"):
        assert_same_table(actual, EXPECTED, ["id"])
    assert_same_table(actual, EXPECTED, ["id"], columns=["n", "at"])
