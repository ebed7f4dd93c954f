"""The ready questions of docs/sql: equal on Postgres and on DuckDB over the lake, and right."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import duckdb
import pytest
from tests.conftest import ROOT, Observed, Run
from tests.oracle.calendar import local_day
from tests.oracle.curation import Ticket
from tests.oracle.metrics import Run as OracleRun
from tests.oracle.metrics import age_bucket, age_on, open_days

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse
from pqrs_kedro.warehouse.publish import publish
from pqrs_kedro.warehouse.schema import SERVED

Rows = list[tuple[Any, ...]]
TEXT = (ROOT / "docs/sql/questions.sql").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"(?ms)^-- name: (\w+)\n(.*?;)$", TEXT))


# The answers, from the oracle's tickets


def pct(part: int, whole: int) -> Decimal:
    """100 x part / whole, six decimals, half up."""
    share = Fraction(100 * part, whole)
    exact = Decimal(share.numerator) / Decimal(share.denominator)
    return exact.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def by_day(run: OracleRun) -> dict[date, list[Ticket]]:
    """The tickets that are open at the end of each day."""
    found: dict[date, list[Ticket]] = {day: [] for day in run.days}
    for ticket in run.classified_tickets:
        for day in open_days(run, ticket):
            found[day].append(ticket)
    return found


def volume_by_month_and_channel(run: OracleRun) -> Rows:
    counts: Counter[tuple[date, str]] = Counter()
    for ticket in run.classified_tickets:
        month = local_day(ticket.row["created_at"]).replace(day=1)
        counts[month, ticket.row["source_channel"]] += 1
    totals: Counter[date] = Counter()
    for (month, _), n in counts.items():
        totals[month] += n
    return [(*key, n, pct(n, totals[key[0]])) for key, n in sorted(counts.items())]


def busiest_days(run: OracleRun) -> Rows:
    counts = Counter(dict.fromkeys(run.days, 0))
    counts.update(local_day(t.row["created_at"]) for t in run.classified_tickets)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]


def backlog_at_month_ends(run: OracleRun) -> Rows:
    ends = {day.replace(day=1): day for day in run.days}
    regions = ("Andina", "Caribe", "Pacífica", "Orinoquía", "Amazonía", "Insular", "Sin dato")
    opened = by_day(run)
    return [(day, region, sum(run.region_of(t) == region for t in opened[day]))
            for day in ends.values() for region in sorted(regions)]  # fmt: skip


def oldest_backlog(run: OracleRun) -> Rows:
    opened = by_day(run)
    day = min(opened, key=lambda d: (-len(opened[d]), d))
    counts = Counter((t.row["pqrs_type"], age_bucket(age_on(t, day))) for t in opened[day])
    return [(day, *key, n) for key, n in sorted(counts.items())]


def stopped_cycles(run: OracleRun) -> list[Any]:
    return [cycle for t in run.tickets for cycle in t.cycles if cycle.stop_day is not None]


def compliance_by_type(run: OracleRun) -> Rows:
    rows = []
    for name in run.types:
        late = [bool(c.is_late) for c in stopped_cycles(run) if c.pqrs_type == name]
        share = pct(late.count(False), len(late)) if late else None
        rows.append((name, len(late), sum(late), share))
    return rows


def judged(run: OracleRun) -> list[Ticket]:
    """Tickets whose last due day has been observed."""
    return [t for t in run.tickets if t.cycles and t.cycles[-1].due_day <= run.last_day]


def breach_by_channel_and_region(run: OracleRun) -> Rows:
    due: dict[tuple[str, str], list[bool]] = {}
    for t in judged(run):
        due.setdefault((t.row["source_channel"], run.region_of(t)), []).append(t.row["is_breached"])
    return [(*key, len(found), sum(found), pct(sum(found), len(found)))
            for key, found in sorted(due.items())]  # fmt: skip


def breach_by_cause(run: OracleRun) -> Rows:
    due: dict[tuple[bool, bool, bool], list[bool]] = {}
    for t in judged(run):
        key = (any(c.extended_on_day is not None for c in t.cycles),
               any(c.holds for c in t.cycles), len(t.cycles) > 1)  # fmt: skip
        due.setdefault(key, []).append(t.row["is_breached"])
    return [(*key, len(found), sum(found)) for key, found in sorted(due.items())]


def lateness_of_cycles(run: OracleRun) -> Rows:
    late: dict[str, list[int]] = {}
    for cycle in stopped_cycles(run):
        if cycle.is_late:
            late.setdefault(cycle.pqrs_type, []).append(cycle.days_late)
    return [(name, len(days), min(days), max(days), sum(days))
            for name, days in sorted(late.items())]  # fmt: skip


def reply_within_a_day(run: OracleRun) -> Rows:
    replied: dict[str, list[bool]] = {}
    for t in run.tickets:
        first, received = t.row["first_response_at"], t.row["created_at"]
        within = first is not None and first - received <= timedelta(hours=24)
        replied.setdefault(t.row["source_channel"], []).append(within)
    return [(name, len(found), sum(found), pct(sum(found), len(found)))
            for name, found in sorted(replied.items())]  # fmt: skip


def transition_matrix(run: OracleRun) -> Rows:
    moves: Counter[tuple[str, str]] = Counter()
    for t in run.tickets:
        path = [e.status_to for e in t.events if e.event_type == "STATUS"]
        moves.update((str(a), str(b)) for a, b in pairwise(path))
    left: Counter[str] = Counter()
    for (origin, _), n in moves.items():
        left[origin] += n
    return [(*key, n, pct(n, left[key[0]])) for key, n in sorted(moves.items())]


ANSWERS: dict[str, Callable[[OracleRun], Rows]] = {
    answer.__name__: answer
    for answer in (
        volume_by_month_and_channel,
        busiest_days,
        backlog_at_month_ends,
        oldest_backlog,
        compliance_by_type,
        breach_by_channel_and_region,
        breach_by_cause,
        lateness_of_cycles,
        reply_within_a_day,
        transition_matrix,
    )
}


# The answers, from the two engines


def ordered(rows: Rows) -> Rows:
    """Rows in an order of their own: engines sort texts by different collations."""
    return sorted(rows, key=lambda row: [str(cell) for cell in row])


def over_the_lake(run: Run) -> duckdb.DuckDBPyConnection:
    """DuckDB with a view of each table of the run, named as in the warehouse."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in SERVED:
        connection.register(f"{name}_current", run.table(name))
    return connection


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("observed_documento", id="whole", marks=pytest.mark.xdist_group("doc")),
        pytest.param("observed_ley1755_snapshot", id="observed up to a day",
                     marks=pytest.mark.xdist_group("snapshots")),
    ],
)  # fmt: skip
def test_the_questions_have_equal_and_right_answers(
    name: str, request: pytest.FixtureRequest, warehouse: Warehouse
) -> None:
    observed: Observed = request.getfixturevalue(name)
    run, oracle = observed.run, observed.oracle
    publish(FolderStore(run.lake), run.run_id, warehouse)
    lake = over_the_lake(run)
    with warehouse.connect() as connection:
        for title, query in QUESTIONS.items():
            served = connection.execute(query).fetchall()
            asked = lake.execute(query).fetchall()
            assert ordered(served) == ordered(asked), title
            assert ordered(asked) == ordered(ANSWERS[title](oracle)), title


def test_there_are_ten_questions_in_words_and_in_sql() -> None:
    assert list(QUESTIONS) == list(ANSWERS)
    assert len(QUESTIONS) == 10
    assert all(re.match(r"(-- .*\n)*-- .*\?\n", text) for text in QUESTIONS.values())
