"""At the end of the calendar no SLA cycle is lost: what is too late to be counted is rejected."""

from datetime import date
from itertools import chain
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from tests.conftest import Run, copy_project
from tests.oracle.builder import ticket_events, write_lake
from tests.oracle.calendar import add_business_days
from tests.oracle.curation import Rules, build_silver, parse_events

from pqrs_kedro.domain.calendar import LAST_DAY, LAST_EVENT_DAY
from pqrs_kedro.domain.terms import EXTENSION_FACTOR
from pqrs_kedro.parameters_law import TermDays

TERMS = {"PETICION": 15, "QUEJA": 10, "RECLAMO": 8, "SUGERENCIA": 20}
# Each is radicated; the last two are open at the end, one of them on hold since its last days.
STORIES = (
    """
    2039-12-28 09:00  RECEIVED
    2039-12-28 09:10  RADICATED    05001
    2039-12-28 10:00  CLASSIFIED   SUGERENCIA
    2039-12-30 10:00  CLOSED
    """,
    """
    2039-12-30 09:00  RECEIVED
    2039-12-31 23:59  RADICATED    05001
    2039-12-31 23:59:59  CLASSIFIED   SUGERENCIA
    """,
    """
    2026-03-27 09:00  RECEIVED
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   SUGERENCIA
    2026-03-30 10:00  TERM_EXTENDED  40
    2026-03-31 10:00  ON_HOLD
    2039-12-29 10:00  IN_PROGRESS
    2039-12-30 10:00  ON_HOLD
    """,
)
TOO_LATE = """
    2040-01-01 00:00  RECEIVED
    2040-01-01 09:10  RADICATED    05001
    2040-01-01 10:00  CLASSIFIED   SUGERENCIA
"""


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return list(
        chain.from_iterable(
            ticket_events(story, ticket=number, whole=True)
            for number, story in enumerate(STORIES, start=1)
        )
    )


@pytest.fixture(scope="module")
def run(events: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Run:
    project = copy_project(tmp_path_factory.mktemp("late") / "project")
    late = ticket_events(TOO_LATE, ticket=9, whole=True)
    write_lake(project.lake, "late", [*events, *late])
    return project.run("ingestion", "curation", run_id="late")


def test_every_cycle_that_begins_by_the_last_day_has_its_due_day(
    run: Run, events: list[dict[str, Any]]
) -> None:
    silver = build_silver(parse_events(events), Rules(TERMS, "CLOSED"))
    expected = silver["silver_sla_cycles"].to_dict("records")
    due = {row["ticket_id"]: row["due_day"] for row in expected}
    assert {row["ticket_id"]: row["due_day"] for row in run.rows("silver_sla_cycles")} == due
    assert len(due) == len(STORIES)
    assert max(due.values()) > date(2040, 1, 31)


def test_an_event_after_the_last_day_is_quarantined_with_its_reason(run: Run) -> None:
    rows = run.rows("quarantine_raw_lines")
    assert {(row["reason"], row["detail"]) for row in rows} == {("invalid_value", "ts")}
    assert len(rows) == 3


def test_the_longest_term_that_begins_on_the_last_day_ends_within_the_calendar() -> None:
    term = TypeAdapter(TermDays)
    longest = term.validate_python(60)
    with pytest.raises(ValidationError):
        term.validate_python(longest + 1)
    due = add_business_days(LAST_EVENT_DAY, EXTENSION_FACTOR * longest)
    assert due <= LAST_DAY
