"""What ties the numbers of a run together, whatever they are; on small runs of both profiles."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from functools import cache
from itertools import pairwise, product
from typing import Any

import pytest
from tests.conftest import CHANNELS, Observed, Run
from tests.oracle.calendar import days_from_to, end_of_day, local_day

from pqrs_kedro.contracts.tables import TABLES

Row = dict[str, Any]
REGIONS = ("Andina", "Caribe", "Pacífica", "Orinoquía", "Amazonía", "Insular", "Sin dato")
AGE_BUCKETS = ("0-5", "6-10", "11-15", "16-30", ">30")
# ADR-0016 section 5, and the bounded loops of the domain facts, section 4.
MANDATORY_PATH = (
    "RECEIVED",
    "RADICATED",
    "CLASSIFIED",
    "ASSIGNED",
    "IN_PROGRESS",
    "RESPONDED",
    "CLOSED",
    "ARCHIVED",
)
ALLOWED = set(pairwise(MANDATORY_PATH)) | {
    ("ASSIGNED", "CLASSIFIED"),
    ("IN_PROGRESS", "ON_HOLD"),
    ("IN_PROGRESS", "ASSIGNED"),
    ("ON_HOLD", "IN_PROGRESS"),
    ("ON_HOLD", "RESPONDED"),
    ("RESPONDED", "IN_PROGRESS"),
    ("CLOSED", "REOPENED"),
    ("REOPENED", "IN_PROGRESS"),
}
BOUNDS = {
    ("ASSIGNED", "CLASSIFIED"): 2,
    ("IN_PROGRESS", "ON_HOLD"): 2,
    ("IN_PROGRESS", "ASSIGNED"): 2,
    ("RESPONDED", "IN_PROGRESS"): 1,
    ("CLOSED", "REOPENED"): 1,
}


@cache
def rows(run: Run, name: str) -> list[Row]:
    return run.rows(name)


def first_day(run: Run) -> date:
    return date.fromisoformat(run.document("manifest.json")["inputs"]["date_min"])


def last_day(run: Run) -> date:
    """The last observed local day: that of the last raw object."""
    return max(_day_of(path.parts) for path in run.raw_objects())


def _day_of(parts: Iterable[str]) -> date:
    (text,) = (part.removeprefix("day=") for part in parts if part.startswith("day="))
    return date.fromisoformat(text)


def status_paths(run: Run) -> dict[str, list[Row]]:
    """The status events of each ticket, in order."""
    paths = defaultdict(list)
    for event in sorted(rows(run, "silver_status_events"), key=lambda e: (e["ts"], e["event_id"])):
        paths[event["ticket_id"]].append(event)
    return paths


def total(found: Iterable[Row], value: str, *key: str) -> Counter[Any]:
    """Sum of a column by some others; zeros are left out."""
    sums: Counter[Any] = Counter()
    for row in found:
        sums[tuple(row[name] for name in key)] += row[value]
    return +sums


# Keys


@pytest.mark.parametrize("name", TABLES)
def test_a_primary_key_is_unique_and_never_null(name: str, small_run: Run) -> None:
    table = small_run.table(name).select(list(TABLES[name].primary_key))
    assert all(column.null_count == 0 for column in table.columns)
    assert len(table.group_by(table.column_names).aggregate([])) == len(table)


FOREIGN_KEYS = [
    pytest.param(name, *key, id=f"{name}.{key[0]}")
    for name, table in TABLES.items()
    for key in table.foreign_keys
]


@pytest.mark.parametrize(("name", "column", "target", "target_column"), FOREIGN_KEYS)
def test_a_foreign_key_holds(
    name: str, column: str, target: str, target_column: str, small_run: Run
) -> None:
    known = set(small_run.table(target)[target_column].to_pylist())
    used = set(small_run.table(name)[column].to_pylist()) - {None}
    assert used
    assert used <= known


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("gold_kpi_volume_daily", {"channel": CHANNELS}),
        ("gold_kpi_backlog_daily", {"region": REGIONS}),
        ("gold_kpi_sla_daily", {}),
        ("gold_kpi_first_response_daily", {}),
        ("gold_kpi_close_time_daily", {}),
        ("gold_backlog_ageing_daily", {"age_bucket": AGE_BUCKETS}),
    ],
)
def test_gold_keys_are_the_full_product_without_gaps(
    name: str, others: dict[str, tuple[str, ...]], small_run: Run
) -> None:
    types = [row["type_id"] for row in rows(small_run, "dim_pqrs_type")]
    values: dict[str, Iterable[Any]] = {
        "day": days_from_to(first_day(small_run), last_day(small_run)),
        "pqrs_type": types,
        **others,
    }
    key = TABLES[name].primary_key
    expected = Counter(product(*(values[column] for column in key)))
    assert (
        Counter(tuple(row[column] for column in key) for row in rows(small_run, name)) == expected
    )


def test_every_layer_ends_on_the_last_observed_day(small_run: Run) -> None:
    instants = [row["ts"] for row in rows(small_run, "bronze_pqrs_events")]
    assert local_day(max(instants)) == last_day(small_run)
    assert {row["day"] for row in rows(small_run, "bronze_pqrs_events")} == {
        _day_of(path.parts) for path in small_run.raw_objects()
    }


# Lines


def test_raw_lines_are_bronze_rows_and_quarantined_and_blank_lines(small_run: Run) -> None:
    bronze = Counter(row["source_object"] for row in rows(small_run, "bronze_pqrs_events"))
    quarantined = Counter(row["source_object"] for row in rows(small_run, "quarantine_raw_lines"))
    assert not quarantined
    for path in small_run.raw_objects():
        parts = path.relative_to(small_run.lake).parts
        key = "/".join(part for part in parts if not part.startswith("run_id="))
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
        blank = sum(not line.strip() for line in lines)
        assert bronze.pop(key) == len(lines) - blank
    assert not bronze


def test_bronze_lines_are_ordered_and_lie_in_their_local_day(small_run: Run) -> None:
    last: dict[str, tuple[int, Any]] = {}
    for row in sorted(
        rows(small_run, "bronze_pqrs_events"), key=lambda r: (r["source_object"], r["line_number"])
    ):
        number, before = last.get(row["source_object"], (0, None))
        assert row["line_number"] == number + 1
        assert before is None or before < (row["ts"], row["event_id"])
        assert local_day(row["ts"]) == row["day"]
        last[row["source_object"]] = (row["line_number"], (row["ts"], row["event_id"]))


# The life cycle


def test_every_transition_is_allowed_and_starts_where_the_last_one_ended(small_run: Run) -> None:
    for path in status_paths(small_run).values():
        assert (path[0]["status_from"], path[0]["status_to"]) == (None, "RECEIVED")
        for before, event in pairwise(path):
            assert event["status_from"] == before["status_to"]
            assert (event["status_from"], event["status_to"]) in ALLOWED


def test_every_ticket_walks_the_mandatory_path_in_order(small_run: Run) -> None:
    paths = status_paths(small_run)
    assert len(paths) == len(rows(small_run, "silver_tickets"))
    for path in paths.values():
        walked = iter(event["status_to"] for event in path)
        assert all(status in walked for status in MANDATORY_PATH)
        assert path[-1]["status_to"] == "ARCHIVED"


def test_loops_stay_within_their_bounds(small_run: Run) -> None:
    for path in status_paths(small_run).values():
        taken = Counter((event["status_from"], event["status_to"]) for event in path)
        assert all(taken[arc] <= bound for arc, bound in BOUNDS.items())


def test_the_instants_of_a_ticket_are_in_order(small_run: Run) -> None:
    for ticket in rows(small_run, "silver_tickets"):
        names = ("created_at", "radicated_at", "responded_at", "closed_at")
        known = [ticket[name] for name in names if ticket[name] is not None]
        assert known == sorted(known)
        assert ticket["created_at"] <= ticket["first_response_at"] <= ticket["responded_at"]


def test_citizens_write_as_citizens_and_bots_as_agents(small_run: Run) -> None:
    sides = {(row["author_kind"], row["role"]) for row in rows(small_run, "silver_messages")}
    assert sides == {("citizen", "citizen"), ("agent", "agent"), ("bot", "agent")}


# Metrics


def test_the_volume_adds_up_to_the_tickets(small_run: Run) -> None:
    tickets = Counter(
        (local_day(row["created_at"]), row["source_channel"], row["pqrs_type"])
        for row in rows(small_run, "silver_tickets")
    )
    volume = rows(small_run, "gold_kpi_volume_daily")
    assert total(volume, "tickets_count", "day", "channel", "pqrs_type") == tickets


def test_the_backlog_changes_by_what_opens_and_closes(small_run: Run) -> None:
    flow: Counter[date] = Counter()
    for event in rows(small_run, "silver_status_events"):
        step = {"RECEIVED": 1, "REOPENED": 1, "CLOSED": -1}.get(event["status_to"], 0)
        flow[local_day(event["ts"])] += step
    backlog = total(rows(small_run, "gold_kpi_backlog_daily"), "backlog_count", "day")
    before = 0
    for day in days_from_to(first_day(small_run), last_day(small_run)):
        assert backlog[day,] == before + flow[day]
        before = backlog[day,]
    assert max(backlog.values()) > 100
    assert before == 0


def test_the_ageing_adds_up_to_the_backlog(small_run: Run) -> None:
    ageing = rows(small_run, "gold_backlog_ageing_daily")
    backlog = rows(small_run, "gold_kpi_backlog_daily")
    key = ("day", "pqrs_type")
    assert total(ageing, "backlog_count", *key) == total(backlog, "backlog_count", *key)


def test_no_count_is_negative(small_run: Run) -> None:
    for name, table in TABLES.items():
        for column in table.columns if table.layer == "gold" else ():
            if column.endswith("_count"):
                assert min(row[column] for row in rows(small_run, name)) >= 0


def test_within_and_late_add_up_to_stopped(small_run: Run) -> None:
    sla = rows(small_run, "gold_kpi_sla_daily")
    assert all(row["within_count"] + row["late_count"] == row["stopped_count"] for row in sla)
    cycles = rows(small_run, "silver_sla_cycles")
    assert sum(row["stopped_count"] for row in sla) == len(cycles)
    assert sum(row["late_count"] for row in sla) == sum(cycle["is_late"] for cycle in cycles)


def test_a_share_or_a_mean_is_null_exactly_where_nothing_was_counted(small_run: Run) -> None:
    pairs = [
        ("gold_kpi_sla_daily", "within_sla_pct", "stopped_count"),
        ("gold_kpi_sla_daily", "avg_overdue_days", "overdue_count"),
        ("gold_kpi_sla_daily", "avg_late_days", "late_count"),
        ("gold_kpi_first_response_daily", "avg_hours_to_first_response", "responded_count"),
        ("gold_kpi_first_response_daily", "p90_hours", "responded_count"),
        ("gold_kpi_close_time_daily", "avg_hours_to_close", "closed_count"),
        ("gold_kpi_close_time_daily", "p50_hours", "closed_count"),
    ]
    for name, value, count in pairs:
        assert all((row[value] is None) == (row[count] == 0) for row in rows(small_run, name))


def test_the_days_of_closing_add_up_to_the_closed_tickets(small_run: Run) -> None:
    closed = [row["closed_at"] for row in rows(small_run, "silver_tickets") if row["closed_at"]]
    table = rows(small_run, "gold_kpi_close_time_daily")
    assert total(table, "closed_count", "day") == Counter((local_day(at),) for at in closed)


def test_no_more_tickets_are_answered_than_were_received(small_run: Run) -> None:
    key = ("day", "pqrs_type")
    received = total(rows(small_run, "gold_kpi_volume_daily"), "tickets_count", *key)
    answered = total(rows(small_run, "gold_kpi_first_response_daily"), "responded_count", *key)
    assert answered <= received


def test_the_transition_matrix_is_the_sum_over_days(small_run: Run) -> None:
    matrix = total(
        rows(small_run, "gold_status_transitions_daily"),
        "transitions_count",
        "status_from",
        "status_to",
    )
    events = rows(small_run, "silver_status_events")
    assert matrix == Counter(
        (row["status_from"], row["status_to"]) for row in events if row["status_from"]
    )


# The breach rate


def breach_rates(run: Run) -> dict[str, Row]:
    """The rows of the breach rate, by group."""
    found = rows(run, "gold_run_summary")
    return {row["group"]: row for row in found if row["measure"] == "breach_rate"}


def test_a_cycle_is_late_exactly_when_it_stops_after_its_due_day(small_run: Run) -> None:
    for cycle in rows(small_run, "silver_sla_cycles"):
        assert cycle["is_late"] == (cycle["stop_day"] > cycle["due_day"])
        assert cycle["business_days_late"] >= 0
        assert cycle["is_late"] or cycle["business_days_late"] == 0


@pytest.mark.xdist_group("doc")
def test_the_breach_rate_is_that_of_the_columns_of_the_adr(documento_run: Run) -> None:
    observed_until = end_of_day(last_day(documento_run))
    due = [
        row for row in rows(documento_run, "silver_tickets") if row["sla_due_at"] <= observed_until
    ]
    breached: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for ticket in due:
        for group in ("total", ticket["pqrs_type"]):
            judged[group] += 1
            breached[group] += ticket["closed_at"] > ticket["sla_due_at"]
    summary = breach_rates(documento_run)
    assert {group: row["numerator"] for group, row in summary.items()} == breached
    assert {group: row["denominator"] for group, row in summary.items()} == judged
    assert 0 < breached["total"] < judged["total"]


def test_the_types_of_the_summary_add_up_to_its_total(small_run: Run) -> None:
    summary = breach_rates(small_run)
    whole = summary.pop("total")
    assert {row["type_id"] for row in rows(small_run, "dim_pqrs_type")} == set(summary)
    for name in ("numerator", "denominator"):
        assert whole[name] == sum(row[name] for row in summary.values())
    assert whole["denominator"] == len(rows(small_run, "silver_tickets"))


def test_a_breach_is_unknown_only_while_the_last_cycle_is_not_due(observed: Observed) -> None:
    run = observed.run
    last: dict[str, Row] = {}
    for cycle in sorted(rows(run, "silver_sla_cycles"), key=lambda c: c["cycle_number"]):
        last[cycle["ticket_id"]] = cycle
    for ticket in rows(run, "silver_tickets"):
        last_cycle = last.get(ticket["ticket_id"])
        not_due = last_cycle is None or (
            last_cycle["stop_day"] is None and last_cycle["due_day"] > observed.oracle.last_day
        )
        assert (ticket["is_breached"] is None) == not_due
