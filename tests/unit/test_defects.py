"""Defects as a whole: what they leave untouched, and that nothing depends on how they are made."""

import json
from collections import Counter
from datetime import date

import pytest
from tests.unit.defect_runs import WEEK, Made, Row, clean, local, made, own_key

from pqrs_kedro.pipelines.synthesis import generator

PART = ("2026-01-08", "2026-01-09")
DETAILS = ("event_id", "ticket_id", "label", "source", "day", "is_added", "field",
           "bronze_outcome", "bronze_reason", "effect", "clean_line")  # fmt: skip


def hostile(dates: tuple[str, str] = WEEK, **how: object) -> Made:
    return made("hostile", dates, **how)  # type: ignore[arg-type]


def told(row: Row) -> tuple[object, ...]:
    """A row of the ledger without its line number, which depends on the other tickets."""
    return tuple(row[name] for name in DETAILS)


# --- Nothing is lost but what the ledger tells of -----------------------------------------------


@pytest.mark.parametrize("profile", ["realistic", "hostile"])
def test_undoing_what_the_ledger_tells_gives_the_clean_run(profile: str):
    run, volume = made(profile, volume_scale=0.2), 0.2
    told_of = {(row["source"], row["day"], row["line_number"]): row for row in run.rows}
    assert len(told_of) == len(run.rows) > 50
    undone: dict[tuple[str, date], list[bytes]] = {}
    for (source, day), lines in run.objects.items():
        for number, line in enumerate(lines, 1):
            row = told_of.pop((source, day, number), None)
            if row is None:
                assert own_key(line) == (source, day)
            elif row["is_added"]:
                continue
            whole = line if row is None else row["clean_line"]
            undone.setdefault(own_key(whole), []).append(whole)
    assert told_of == {}
    for lines in undone.values():
        lines.sort(key=lambda line: (json.loads(line)["ts"], json.loads(line)["event_id"]))
    assert undone == clean(volume_scale=volume).objects


def test_lines_that_are_not_in_the_ledger_keep_their_order():
    run = hostile()
    told_of = {(row["source"], row["day"], row["line_number"]) for row in run.rows}
    for (source, day), lines in run.objects.items():
        rest = [line for n, line in enumerate(lines, 1) if (source, day, n) not in told_of]
        order = [(json.loads(line)["ts"], json.loads(line)["event_id"]) for line in rest]
        assert order == sorted(order)


def test_an_event_has_one_defect_at_most():
    rows = hostile(volume_scale=0.2).rows
    assert len({row["event_id"] for row in rows}) == len(rows) > 2000


def test_without_defects_there_is_no_row_and_no_label():
    assert clean().rows == []
    assert {row["defects"] for row in clean().tickets} == {None}
    assert made({"late_arrival": 0.0}) == clean()


def test_the_ledger_of_tickets_names_the_defects_of_each():
    run = hostile()
    labels: dict[str, set[str]] = {}
    for row in run.rows:
        labels.setdefault(row["ticket_id"], set()).add(row["label"])
    assert any(row["defects"] is None for row in run.tickets)
    for row, before in zip(run.tickets, clean().tickets, strict=True):
        found = (row["defects"] or "").split(",")
        assert set(found) == labels.get(row["ticket_id"], {""})
        assert len(set(found)) == len(found)
        assert {**row, "defects": None} == before


# --- Independence -------------------------------------------------------------------------------


@pytest.mark.parametrize("days_per_chunk", [1, 6])
def test_the_size_of_chunks_changes_nothing(days_per_chunk: int):
    assert hostile(days_per_chunk=days_per_chunk) == hostile()


def test_two_processes_change_nothing():
    assert hostile(days_per_chunk=3, workers=2) == hostile()


def test_days_cut_into_parts_change_nothing(monkeypatch: pytest.MonkeyPatch):
    expected = hostile()
    monkeypatch.setattr(generator, "_CHUNK_TICKETS", 9)
    monkeypatch.setattr(generator, "_PART_TICKETS", 9)
    # A number of days that nothing else asks for: runs are kept.
    assert hostile(days_per_chunk=5) == expected


def test_tickets_of_a_slice_of_dates_have_the_same_defects_in_a_longer_run():
    part, whole = hostile(PART), hostile()
    tickets = {row["ticket_id"] for row in part.tickets}
    of_part = [row for row in whole.rows if row["ticket_id"] in tickets]
    of_none = {told(row) for row in whole.rows if row["label"] == "orphan_message"}
    expected = Counter(told(row) for row in part.rows)
    orphans = Counter(row for row in expected if row in of_none)
    assert Counter(map(told, of_part)) + orphans == expected
    assert {label for _, _, label, *_ in orphans} == {"orphan_message"}
    for key, lines in part.objects.items():
        assert Counter(lines) <= Counter(whole.objects[key])


def test_objects_of_the_dates_equal_those_of_a_longer_run():
    part, whole = hostile(("2026-01-07", "2026-01-09")), hostile()
    end = date(2026, 1, 9)
    inside = {key: lines for key, lines in part.objects.items() if key[1] <= end}
    assert inside == {key: lines for key, lines in whole.objects.items() if key[1] <= end}
    assert len(inside) > 8


def test_a_class_chooses_the_same_events_whatever_comes_after_it():
    alone = made({"duplicate_line": 0.1})
    both = made({"duplicate_line": 0.1, "late_arrival": 0.1})
    copies = [row["event_id"] for row in both.rows if row["label"] == "duplicate_line"]
    assert sorted(copies) == sorted(row["event_id"] for row in alone.rows)
    assert len(both.rows) > len(copies)


def test_classes_choose_independently_and_the_first_wins():
    late = {row["event_id"] for row in made({"late_arrival": 0.2}).rows}
    first = {row["event_id"] for row in made({"duplicate_line": 0.2}).rows}
    both = made({"duplicate_line": 0.2, "late_arrival": 0.2})
    found = {row["event_id"] for row in both.rows if row["label"] == "late_arrival"}
    assert found == late - first
    assert 0.1 < len(late & first) / len(late) < 0.3


# --- The end of observation ---------------------------------------------------------------------

END = "2026-01-13"


def test_a_snapshot_has_the_objects_up_to_its_end_and_tells_of_what_defects_withhold():
    rates = dict.fromkeys(("duplicate_line", "swapped_instants", "wrong_day", "late_arrival"), 0.1)
    whole, seen, end = made(rates), made(rates, until=END), date.fromisoformat(END)
    assert seen.objects == {key: x for key, x in whole.objects.items() if key[1] <= end}
    inside = [row for row in whole.rows if row["day"] <= end]
    withheld = [
        row
        for row in whole.rows
        if row["day"] > end and not row["is_added"] and own_key(row["clean_line"])[1] <= end
    ]
    assert {row["label"] for row in withheld} == {*rates} - {"duplicate_line"}
    early = {row["event_id"] for row in inside if row["label"] == "wrong_day"
             and own_key(row["clean_line"])[1] > end}  # fmt: skip
    assert early
    expected = [
        row | {"effect": "altered"} if row["event_id"] in early else row for row in inside
    ] + [
        row | {"line_number": None, "bronze_outcome": "unobserved", "bronze_reason": None,
               "effect": "lost"} for row in sorted(withheld, key=lambda r: (r["day"], r["source"],
                                                                           r["event_id"]))
    ]  # fmt: skip
    assert seen.rows == expected


def test_no_defect_files_a_line_before_its_ticket_is_received():
    received = {t["ticket_id"]: local(t["created_at"].isoformat().replace("+00:00", "Z")).date()
                for t in clean().tickets}  # fmt: skip
    days = [(row["day"], received.get(row["ticket_id"])) for row in hostile().rows]
    assert all(first is None or first <= day for day, first in days)
