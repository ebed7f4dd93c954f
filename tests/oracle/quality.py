"""The values of all data-quality checks of a run, recomputed with pandas from its objects.

Raw lines are read from the JSON Lines, everything else from Parquet; the rules are those of
docs/data_quality.md. Nothing is imported from the project but the contracts' names.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from tests.oracle.calendar import local_day

from pqrs_kedro.contracts.tables import TABLES

Values = dict[tuple[str, str], float | None]
Load = Callable[[str], pd.DataFrame]

MOVES = {
    ("RECEIVED", "RADICATED"),
    ("RADICATED", "CLASSIFIED"),
    ("CLASSIFIED", "ASSIGNED"),
    ("ASSIGNED", "IN_PROGRESS"),
    ("ASSIGNED", "CLASSIFIED"),
    ("IN_PROGRESS", "RESPONDED"),
    ("IN_PROGRESS", "ON_HOLD"),
    ("IN_PROGRESS", "ASSIGNED"),
    ("ON_HOLD", "IN_PROGRESS"),
    ("ON_HOLD", "RESPONDED"),
    ("RESPONDED", "CLOSED"),
    ("RESPONDED", "IN_PROGRESS"),
    ("CLOSED", "ARCHIVED"),
    ("CLOSED", "REOPENED"),
    ("REOPENED", "IN_PROGRESS"),
    ("", "RECEIVED"),
}
AT_MOST = {
    ("ASSIGNED", "CLASSIFIED"): 2,
    ("IN_PROGRESS", "ON_HOLD"): 2,
    ("IN_PROGRESS", "ASSIGNED"): 2,
    ("RESPONDED", "IN_PROGRESS"): 1,
    ("CLOSED", "REOPENED"): 1,
}
DENSE = {
    "gold_kpi_volume_daily": 4,
    "gold_kpi_backlog_daily": 7,
    "gold_kpi_sla_daily": 1,
    "gold_kpi_first_response_daily": 1,
    "gold_kpi_close_time_daily": 1,
    "gold_backlog_ageing_daily": 5,
}


def quality_values(load: Load, raw_objects: list[Path]) -> Values:
    """The value of every check, by dataset and name."""
    layers = ("bronze", "silver", "gold")
    names = [name for name, table in TABLES.items() if table.layer in layers]
    tables = {name: load(name) for name in names}
    return {
        **_keys(tables),
        **_lines(tables, raw_objects),
        **_entities(tables, raw_objects),
        **_dirt(tables),
        **_sums(tables),
        **_days(tables),
        **_rows(tables),
        **_moves(tables["silver_status_events"]),
        **_summary(tables["gold_run_summary"]),
    }


def _keys(tables: dict[str, pd.DataFrame]) -> Values:
    values: Values = {}
    for name, rows in tables.items():
        key = rows[list(TABLES[name].primary_key)]
        values[name, "primary_key"] = int(key.duplicated().sum() + key.isna().any(axis=1).sum())
        for column, other, other_column in TABLES[name].foreign_keys:
            used = rows[column].dropna()
            astray = ~used.isin(set(tables[other][other_column]))
            values[name, f"reference_{column}"] = int(astray.sum())
    return values


def _lines(tables: dict[str, pd.DataFrame], raw_objects: list[Path]) -> Values:
    bronze = tables["bronze_pqrs_events"]["source_object"].value_counts()
    rejected = tables["quarantine_raw_lines"]["source_object"].value_counts()
    wrong = filled = 0
    for path in raw_objects:
        parts = path.parts[path.parts.index("raw") :]
        key = "/".join(part for part in parts if not part.startswith("run_id="))
        lines = [line for line in path.read_bytes().split(b"\n") if line.strip(b" \t\r")]
        filled += len(lines)
        wrong += len(lines) != bronze.get(key, 0) + rejected.get(key, 0)
    share = 100 * len(tables["quarantine_raw_lines"]) / filled
    return {
        ("raw_events", "lines_accounted_for"): wrong,
        ("quarantine_raw_lines", "quarantined_pct"): round(share, 6),
    }


def _first_lines(bronze: pd.DataFrame) -> pd.DataFrame:
    """The line that counts of each event: by its identifier, then by its facts."""
    filed = bronze.sort_values(["day", "source_object", "line_number"])
    once = filed.drop_duplicates("event_id")
    return once.drop_duplicates(["ticket_id", "event_type", "ts", "status_to"])


def _are_in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Whether each row has the raw line of one of the others."""
    lines = set(zip(others["source_object"], others["line_number"], strict=True))
    found = zip(rows["source_object"], rows["line_number"], strict=True)
    return pd.Series([line in lines for line in found], index=rows.index, dtype=bool)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 6) if whole else 0.0


def _dirt(tables: dict[str, pd.DataFrame]) -> Values:
    bronze, rejected = tables["bronze_pqrs_events"], tables["quarantine_silver"]
    tickets = tables["silver_tickets"]
    first = _first_lines(bronze)
    events, whole = (rejected[rejected["scope"] == scope] for scope in ("event", "ticket"))
    others = first[(first["event_type"] != "STATUS") & ~_are_in(first, events)]
    told = others["ticket_id"].isin(set(tickets["ticket_id"])).sum()
    curated = len(tables["silver_status_events"]) + int(told)
    accounted = curated + int(_are_in(first, events).sum()) - len(first)
    lines, name = len(bronze), "bronze_pqrs_events"
    return {
        (name, "events_accounted_for"): accounted,
        ("quarantine_silver", "lines_of_bronze"): int((~_are_in(rejected, bronze)).sum()),
        (name, "repaired_pct"): _percent(int(bronze["repairs"].notna().sum()), lines),
        (name, "unknown_fields_pct"): _percent(int(bronze["unknown_fields"].notna().sum()), lines),
        (name, "misfiled_pct"): _percent(int((bronze["filed_late_days"] != 0).sum()), lines),
        (name, "repeated_pct"): _percent(lines - len(first), lines),
        ("quarantine_silver", "quarantined_events_pct"): _percent(len(events), lines),
        ("quarantine_silver", "quarantined_tickets_pct"): _percent(
            len(whole), len(tickets) + len(whole)
        ),
        ("silver_tickets", "unknown_places_pct"): _percent(
            int(tickets["unknown_dane_code"].notna().sum()), len(tickets)
        ),
    }


def _entities(tables: dict[str, pd.DataFrame], raw_objects: list[Path]) -> Values:
    """Entities of well-formed raw events, the first line of each event, none in quarantine."""
    bronze, rejected = tables["bronze_pqrs_events"], tables["quarantine_silver"]
    first = _first_lines(bronze)
    first = first[~_are_in(first, rejected[rejected["scope"] == "event"])]
    raw = {}
    for path in reversed(raw_objects):
        for line in reversed(path.read_text(encoding="utf-8").splitlines()):
            if line.strip():
                event = json.loads(line)
                raw[event["event_id"]] = event.get("payload") or {}
    payloads = [raw[event_id] for event_id in first["event_id"]]
    messages = sum(len(p.get("turns") or p.get("transcript") or ()) for p in payloads)
    messages += sum(("body" in p) + ("observaciones" in p) for p in payloads)
    files = sum(len(p.get("attachments") or p.get("documentos") or ()) for p in payloads)
    found = {name: len(rows) for name, rows in tables.items()}
    expected = {
        "silver_tickets": first["ticket_id"].nunique(),
        "silver_status_events": int((first["event_type"] == "STATUS").sum()),
        "silver_messages": messages,
        "silver_attachments": files,
    }
    return {(name, "rows_from_bronze"): found[name] - count for name, count in expected.items()}


def _sums(tables: dict[str, pd.DataFrame]) -> Values:
    tickets, events = tables["silver_tickets"], tables["silver_status_events"]
    cycles = tables["silver_sla_cycles"]
    typed = tickets[tickets["pqrs_type"].notna()]
    untyped = tickets[tickets["pqrs_type"].isna()]
    summary = tables["gold_run_summary"]
    counted = int(summary.loc[summary["measure"] == "unclassified", "numerator"].sum())
    still_open = int((~tickets["current_status"].isin(["CLOSED", "ARCHIVED"])).sum())

    def difference(name: str, column: str, expected: int) -> int:
        return int(tables[name][column].sum()) - expected

    backlog = tables["gold_kpi_backlog_daily"].groupby("day")["backlog_count"].sum().sort_index()
    by_type = ["day", "pqrs_type"]
    aged = tables["gold_backlog_ageing_daily"].groupby(by_type)["backlog_count"].sum()
    open_ = tables["gold_kpi_backlog_daily"].groupby(by_type)["backlog_count"].sum()
    moved: Counter[Any] = Counter()
    of_typed = events[events["ticket_id"].isin(set(typed["ticket_id"]))]
    for ts, status in zip(of_typed["ts"], of_typed["status_to"], strict=True):
        step = {"RECEIVED": 1, "REOPENED": 1, "CLOSED": -1}.get(status, 0)
        moved[local_day(ts.to_pydatetime())] += step
    steps = backlog.diff().fillna(backlog.iloc[0])
    return {
        ("silver_sla_cycles", "cycles_of_tickets"): len(cycles)
        - int(tickets["sla_cycles_count"].sum()),
        ("gold_kpi_volume_daily", "adds_up_to_tickets"): difference(
            "gold_kpi_volume_daily", "tickets_count", len(tickets) - counted
        ),
        ("gold_run_summary", "counts_the_unclassified"): counted - len(untyped),
        ("gold_kpi_backlog_daily", "ends_with_the_open_tickets"): int(backlog.iloc[-1])
        + counted
        - still_open,
        ("gold_kpi_first_response_daily", "adds_up_to_tickets"): difference(
            "gold_kpi_first_response_daily",
            "responded_count",
            int(typed["first_response_at"].notna().sum()),
        ),
        ("gold_kpi_close_time_daily", "adds_up_to_tickets"): difference(
            "gold_kpi_close_time_daily", "closed_count", int(typed["closed_at"].notna().sum())
        ),
        ("gold_kpi_sla_daily", "adds_up_to_cycles"): difference(
            "gold_kpi_sla_daily", "stopped_count", int(cycles["stop_day"].notna().sum())
        ),
        ("gold_status_transitions_daily", "adds_up_to_events"): difference(
            "gold_status_transitions_daily",
            "transitions_count",
            int(events["status_from"].notna().sum()),
        ),
        ("gold_kpi_backlog_daily", "follows_from_the_day_before"): sum(
            step != moved[day] for day, step in steps.items()
        ),
        ("gold_backlog_ageing_daily", "adds_up_to_backlog"): int((aged != open_).sum()),
    }


def _days(tables: dict[str, pd.DataFrame]) -> Values:
    days = len(set(tables["gold_kpi_volume_daily"]["day"]))
    types = len(tables["dim_pqrs_type"])
    calendar = tables["dim_business_day"].sort_values("day")
    counted = calendar["is_business_day"].cumsum()
    ordinals = calendar["business_day_ordinal"]
    off = (ordinals - counted).diff().fillna(0) != 0
    return {
        **{
            (name, "every_day_has_its_rows"): len(tables[name]) - days * types * further
            for name, further in DENSE.items()
        },
        ("dim_business_day", "ordinals_count_business_days"): int(off.sum()),
    }


def _rows(tables: dict[str, pd.DataFrame]) -> Values:
    tickets, cycles = tables["silver_tickets"], tables["silver_sla_cycles"]
    unordered = 0
    for row in tickets[["created_at", "radicated_at", "responded_at", "closed_at"]].itertuples():
        dates = [value for value in row[1:] if not pd.isna(value)]
        unordered += dates != sorted(dates)
    messages, sla = tables["silver_messages"], tables["gold_kpi_sla_daily"]
    stopped = cycles[cycles["stop_day"].notna()]
    late = stopped["stop_day"] > stopped["due_day"]
    misjudged = int((late != stopped["is_late"].astype(bool)).sum())
    misjudged += int(cycles[cycles["stop_day"].isna()]["is_late"].notna().sum())
    is_citizen = messages["author_kind"] == "citizen"
    return {
        ("silver_tickets", "dates_in_order"): unordered,
        ("silver_messages", "citizens_write_as_citizens"): int(
            (is_citizen != (messages["role"] == "citizen")).sum()
        ),
        ("silver_attachments", "size_is_not_negative"): int(
            (tables["silver_attachments"]["size_kb"] < 0).sum()
        ),
        ("silver_sla_cycles", "late_after_the_due_day"): misjudged,
        ("gold_kpi_sla_daily", "within_and_late_are_stopped"): int(
            (sla["within_count"] + sla["late_count"] != sla["stopped_count"]).sum()
        ),
    }


def _moves(events: pd.DataFrame) -> Values:
    forbidden = unchained = 0
    looping = set()
    for ticket, path in events.sort_values(["ticket_id", "event_number"]).groupby("ticket_id"):
        taken: Counter[tuple[str, str]] = Counter()
        before = ""
        for origin, target in zip(path["status_from"].fillna(""), path["status_to"], strict=True):
            forbidden += (origin, target) not in MOVES
            unchained += origin != before
            taken[origin, target] += 1
            before = target
        if any(taken[move] > bound for move, bound in AT_MOST.items()):
            looping.add(ticket)
    name = "silver_status_events"
    return {
        (name, "allowed_transitions"): forbidden,
        (name, "unbroken_chain"): unchained,
        (name, "bounded_loops"): len(looping),
    }


def _summary(summary: pd.DataFrame) -> Values:
    rows = summary[summary["measure"] == "breach_rate"].set_index("group")
    types = rows.drop("total")
    rate = rows.loc["total", "value_pct"]
    value = None if pd.isna(rate) else float(rate)
    name = "gold_run_summary"
    return {
        (name, "breach_rate_at_least"): value,
        (name, "breach_rate_at_most"): value,
        **{
            (name, f"types_add_up_to_{part}"): int(types[part].sum() - rows.loc["total", part])
            for part in ("numerator", "denominator")
        },
    }


def breach_band(requested_pct: float, due: int) -> tuple[float, float]:
    """Two and a half points, or what three standard deviations of chance are."""
    share = requested_pct / 100
    tolerance = max(2.5, 300 * math.sqrt(share * (1 - share) / due))
    return max(0.0, requested_pct - tolerance), min(100.0, requested_pct + tolerance)
