"""The numbers of the report, recomputed from raw lines by the oracle, with other formulas."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from scipy.stats import binomtest
from tests.conftest import OBSERVED_GENERATED, Observed
from tests.oracle.calendar import end_of_day, is_business_day, local_day
from tests.oracle.curation import Ticket
from tests.oracle.metrics import age_bucket, age_on, open_days
from tests.pages import Page, read_number, rounded

from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.report.rates import Rate
from pqrs_kedro.report.spanish import CHANNEL_NAMES, STATUS_NAMES, dated
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.run.report import report_page

# Between the statuses of a path, as the page writes it.
SEPARATOR = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


@pytest.fixture(scope="module", params=OBSERVED_GENERATED)
def told(request: pytest.FixtureRequest) -> tuple[Observed, Page]:
    """A run as the oracle knows it, and its report."""
    observed: Observed = request.getfixturevalue(request.param)
    store = FolderStore(observed.run.lake)
    return observed, Page(report_page(store, read_run(store, observed.run.run_id), []))


def due_tickets(observed: Observed) -> list[Ticket]:
    """Tickets whose last due day is not after the last observed day."""
    last = observed.oracle.last_day
    return [t for t in observed.oracle.tickets if t.cycles and t.cycles[-1].due_day <= last]


def shown_rate(tickets: Iterable[Ticket]) -> list[str | float]:
    """Breached, due, share and limits as a row shows them; the limits are SciPy's."""
    found = [bool(ticket.row["is_breached"]) for ticket in tickets]
    k, n = sum(found), len(found)
    limits = binomtest(k, n).proportion_ci(method="wilson") if n else None
    return [k, n, rounded(100 * k / n), *(rounded(100 * limit) for limit in limits or ())]


def read_rate(cells: list[str]) -> list[str | float]:
    """Breached, due, share and limits of a row."""
    *numbers, limits = cells
    low, _, high = limits.partition(" a ")
    return [read_number(cell) for cell in (*numbers, low, high)]


def close(first: list[Any], second: list[Any]) -> None:
    """Equal, but for the rounding of the last shown decimal."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one == pytest.approx(other, abs=0.1001)


def names_of_types(observed: Observed) -> dict[str, str]:
    manifest = observed.run.document("manifest.json")
    types = manifest["inputs"]["parameters"]["profile"]["types"]
    return {code: types[code]["name"] for code in sorted(types)}


# Lateness


def test_lateness_by_channel_type_and_region(told: tuple[Observed, Page]) -> None:
    observed, page = told
    due = due_tickets(observed)
    if not due:
        assert not [caption for caption in page.tables if "por semana" in caption]
        return
    groups: dict[str, dict[str, Callable[[Ticket], Any]]] = {
        "Canal": {"": lambda t: CHANNEL_NAMES[t.row["source_channel"]]},
        "Tipo": {"": lambda t: names_of_types(observed)[t.row["pqrs_type"]]},
        "Región": {"": observed.oracle.region_of},
    }
    rows = page.table("Incumplimiento por canal, tipo y región")
    for title, keys in groups.items():
        key = keys[""]
        shown = {row[0]: row[2:] for row in rows if row[1] == title}
        assert set(shown) == {key(ticket) for ticket in due}
        for name, cells in shown.items():
            expected = shown_rate(t for t in due if key(t) == name)
            assert read_rate(cells)[:2] == expected[:2]
            close(read_rate(cells), expected)
    close(read_rate(rows[-1][2:]), shown_rate(due))


def test_lateness_by_week_of_reception(told: tuple[Observed, Page]) -> None:
    observed, page = told
    due = due_tickets(observed)
    weeks: dict[date, list[Ticket]] = {}
    for ticket in due:
        day = local_day(ticket.row["created_at"])
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(ticket)
    if not weeks:
        return
    shown = page.table("Incumplimiento por semana de recepción")
    assert [row[0] for row in shown] == [dated(monday) for monday in sorted(weeks)]
    for row, monday in zip(shown, sorted(weeks), strict=True):
        close(read_rate(row[1:]), shown_rate(weeks[monday]))


def made(*pairs: tuple[str, str]) -> Callable[[Ticket], bool]:
    """Whether a ticket made one of these moves."""
    return lambda ticket: any((e.status_from, e.status_to) in pairs for e in ticket.events)


def test_lateness_with_and_without_each_cause(told: tuple[Observed, Page]) -> None:
    observed, page = told
    due = due_tickets(observed)
    if not due:
        return
    causes: dict[str, Callable[[Ticket], bool]] = {
        "Espera del ciudadano (término suspendido)": lambda t: any(c.holds for c in t.cycles),
        "Reapertura": lambda t: len(t.cycles) > 1,
        "Prórroga": lambda t: any(c.extended_on_day is not None for c in t.cycles),
        "Devolución a reparto": made(("IN_PROGRESS", "ASSIGNED")),
        "Corrección tras responder": made(("RESPONDED", "IN_PROGRESS")),
    }
    rows = page.table("Incumplimiento de los tickets con cada factor")
    assert {row[0].removeprefix("▲ ") for row in rows} == set(causes)
    for row in rows:
        has = causes[row[0].removeprefix("▲ ")]
        having = [bool(t.row["is_breached"]) for t in due if has(t)]
        lacking = [bool(t.row["is_breached"]) for t in due if not has(t)]
        assert [read_number(cell) for cell in row[1:3]] == [len(having), sum(having)]
        if having:
            assert read_number(row[3]) == pytest.approx(100 * sum(having) / len(having), abs=0.051)
        if lacking:
            without = 100 * sum(lacking) / len(lacking)
            assert read_number(row[5]) == pytest.approx(without, abs=0.051)


def test_days_in_each_status_of_late_tickets_and_of_others(told: tuple[Observed, Page]) -> None:
    observed, page = told
    closed = [t for t in due_tickets(observed) if t.row["closed_at"] is not None]
    spent: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for ticket in closed:
        moves = [event for event in ticket.events if event.event_type == "STATUS"]
        for before, after in pairwise(moves):
            assert before.status_to is not None
            passed = (after.ts - before.ts) // timedelta(microseconds=1)
            spent[bool(ticket.row["is_breached"])][STATUS_NAMES[before.status_to]] += passed
    late = sum(bool(t.row["is_breached"]) for t in closed)
    if not late or late == len(closed):
        return
    for row in page.table("Días calendario en cada estado"):
        for cell, flag, tickets in ((row[1], True, late), (row[2], False, len(closed) - late)):
            mean = spent[flag][row[0]] / tickets / 86_400_000_000
            assert read_number(cell) == pytest.approx(mean, abs=0.00501)


# Waiting


def product_limit(
    ended: list[timedelta], waiting: list[timedelta], share: Fraction
) -> float | None:
    """The first day by which `share` have ended: the product over instants, in fractions."""
    surviving, events, all_times = Fraction(1), Counter(ended), [*ended, *waiting]
    for time in sorted(events):
        at_risk = sum(other >= time for other in all_times)
        surviving *= 1 - Fraction(events[time], at_risk)
        if surviving <= 1 - share:
            return time / timedelta(days=1)
    return None


@pytest.mark.parametrize(
    ("caption", "column"),
    [
        pytest.param("Espera de la primera respuesta", "first_response_at", id="first reply"),
        pytest.param("Espera del cierre", "closed_at", id="closing"),
    ],
)
def test_waiting_counts_the_tickets_that_still_wait(
    told: tuple[Observed, Page], caption: str, column: str
) -> None:
    observed, page = told
    until: datetime = end_of_day(observed.oracle.last_day)
    codes = {name: code for code, name in names_of_types(observed).items()}
    for row in page.table(caption):
        tickets = [t.row for t in observed.oracle.tickets
                   if row[0] == "Todas" or t.row["pqrs_type"] == codes[row[0]]]  # fmt: skip
        ended = [t[column] - t["created_at"] for t in tickets if t[column] is not None]
        waiting = [until - t["created_at"] for t in tickets if t[column] is None]
        assert [read_number(cell) for cell in row[1:3]] == [len(tickets), len(waiting)]
        for cell, share in ((row[3], Fraction(1, 2)), (row[5], Fraction(9, 10))):
            expected = product_limit(ended, waiting, share)
            if expected is None:
                assert cell == "—"
            else:
                assert read_number(cell) == pytest.approx(expected, abs=0.00501)


# Flow, territory, calendar, backlog


def test_the_main_variants(told: tuple[Observed, Page]) -> None:
    observed, page = told
    paths = Counter(
        SEPARATOR.join(STATUS_NAMES[e.status_to] for e in t.events
                   if e.event_type == "STATUS" and e.status_to is not None)
        for t in observed.oracle.tickets if t.row["current_status"] == "ARCHIVED"
    )  # fmt: skip
    if not paths:
        assert "Ningún ticket está archivado todavía" in page.html
        return
    rows = page.table("Recorridos más frecuentes")
    assert [read_number(row[1]) for row in rows] == sorted(paths.values(), reverse=True)[:8]
    for row in rows:
        assert read_number(row[1]) == paths[row[0]]
        assert read_number(row[2]) == rounded(100 * paths[row[0]] / paths.total())


def test_departments_per_10000_inhabitants(told: tuple[Observed, Page]) -> None:
    observed, page = told
    counts = Counter(t.row["geo_id"][:2] for t in observed.oracle.tickets if t.row["geo_id"])
    people: Counter[str] = Counter()
    names = {}
    for place in municipalities().to_pylist():
        people[place["department_code"]] += place["population"] or 0
        names[place["department"]] = place["department_code"]
    rows = {row[0]: row[1:] for row in page.table("Peticiones por departamento")}
    assert set(rows) == set(names)
    for name, cells in rows.items():
        count = counts[names[name]]
        if cells[0] == "oculto":
            assert set(cells[1:]) == {"—"}
            assert count < 10 or sum(c[0] == "oculto" for c in rows.values()) == 2
        else:
            assert count >= 10
            assert read_number(cells[0]) == count
            expected = 10_000 * count / people[names[name]]
            assert read_number(cells[1]) == pytest.approx(expected, abs=0.00501)


def test_the_effect_of_the_calendar(told: tuple[Observed, Page]) -> None:
    observed, page = told
    manifest = observed.run.document("manifest.json")["inputs"]
    first, last = (date.fromisoformat(manifest[name]) for name in ("date_min", "date_max"))
    kinds: dict[str, list[date]] = {}
    day = first
    while day <= min(last, observed.oracle.last_day):
        kinds.setdefault(kind_of(day), []).append(day)
        day += timedelta(days=1)
    counts = Counter(local_day(t.row["created_at"]) for t in observed.oracle.classified_tickets)
    shown = {row[0]: row[1:] for row in page.table("Efecto del calendario")}
    assert set(shown) == set(kinds)
    for kind, days in kinds.items():
        assert read_number(shown[kind][0]) == len(days)
        mean = sum(counts[day] for day in days) / len(days)
        assert read_number(shown[kind][1]) == pytest.approx(mean, abs=0.0501)


def kind_of(day: date) -> str:
    if day.weekday() > 4:
        return ("Sábado", "Domingo")[day.weekday() - 5]
    if not is_business_day(day):
        return "Festivo entre semana"
    before = day - timedelta(days=3 if day.weekday() == 0 else 1)
    return "Hábil" if is_business_day(before) else "Hábil tras festivo"


def test_the_age_of_the_backlog(told: tuple[Observed, Page]) -> None:
    observed, page = told
    by_day: dict[date, Counter[tuple[str, str]]] = {}
    names = names_of_types(observed)
    for ticket in observed.oracle.classified_tickets:
        for day in open_days(observed.oracle, ticket):
            key = names[ticket.row["pqrs_type"]], age_bucket(age_on(ticket, day))
            by_day.setdefault(day, Counter())[key] += 1
    most = max(counts.total() for counts in by_day.values())
    peak = next(day for day in sorted(by_day) if by_day[day].total() == most)
    rows = next(r for c, r in page.tables.items() if c.startswith("Antigüedad del backlog"))[1:]
    for row in rows[:-1]:
        buckets = ("0-5", "6-10", "11-15", "16-30", ">30")
        expected = [by_day[peak][row[0].strip(), bucket] for bucket in buckets]
        assert [read_number(cell) for cell in row[1:]] == [*expected, sum(expected)]
    assert read_number(rows[-1][-1]) == most


# Limits


@pytest.mark.parametrize(
    ("part", "whole"), [(0, 1), (1, 1), (0, 50), (3, 40), (50, 50), (999, 9999)]
)
def test_limits_are_wilsons(part: int, whole: int) -> None:
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    limits = Rate(part, whole).limits
    assert limits is not None
    assert limits == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)


def test_nothing_has_no_limits() -> None:
    assert Rate(0, 0).limits is None
    assert not Rate(0, 0).is_above(Rate(1, 10))
