"""The ledger is cut into the same parts whatever batches the tickets come in."""

from datetime import date
from itertools import pairwise

import polars as pl
import pytest
from tests.unit.scenarios import batch, scenario

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.pipelines.synthesis import truth
from pqrs_kedro.pipelines.synthesis.generator import generate_objects
from pqrs_kedro.pipelines.synthesis.truth import PartCutter, TruthPart, truth_rows

# Over a turn of the month.
DATES = ("2026-01-29", "2026-02-03")
VOLUME = 0.05


def ledger(days_per_chunk: int, workers: int = 1) -> list[TruthPart]:
    run = scenario(date_min=DATES[0], date_max=DATES[1], volume_scale=VOLUME)
    first, last = (date.fromisoformat(text) for text in DATES)
    generated = generate_objects(run, first, last, days_per_chunk, workers)
    return [part for _, parts, _ in generated for part in parts]


def tickets() -> pl.DataFrame:
    days = day_number(date.fromisoformat(DATES[1])) - day_number(date.fromisoformat(DATES[0])) + 1
    return truth_rows(batch(DATES[0], days, volume_scale=VOLUME))


@pytest.mark.parametrize("rows", [1, 7, 50, 65_536])
@pytest.mark.parametrize("days_per_chunk", [1, 4, 6])
def test_parts_do_not_depend_on_the_size_of_chunks(
    days_per_chunk: int, rows: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(truth, "PART_ROWS", rows)
    parts = ledger(days_per_chunk)
    expected = []
    for month in ("2026-01", "2026-02"):
        of_month = tickets().filter(pl.col("month") == month)
        assert len(of_month) > 100
        slices = [of_month.slice(n, rows) for n in range(0, len(of_month), rows)]
        expected += [(month, number, piece) for number, piece in enumerate(slices)]
    assert [(part.month, part.number) for part in parts] == [key[:2] for key in expected]
    for part, (_, _, piece) in zip(parts, expected, strict=True):
        assert part.rows.equals(piece)


def test_two_processes_make_the_same_parts():
    one, two = ledger(2), ledger(2, workers=2)
    assert [part.table() for part in one] == [part.table() for part in two]


def test_no_more_than_a_part_is_held(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(truth, "PART_ROWS", 40)
    cutter, rows = PartCutter("ground_truth"), tickets()
    taken = 0
    for start in range(0, len(rows), 25):
        taken += sum(len(part.rows) for part in cutter.add(rows.slice(start, 25)))
        assert min(start + 25, len(rows)) - taken < 40
    assert taken + sum(len(part.rows) for part in cutter.finish()) == len(rows)


def test_a_ledger_without_tickets_has_no_parts():
    cutter = PartCutter("ground_truth")
    assert cutter.add(tickets().clear()) == []
    assert cutter.finish() == []


def test_rows_come_in_the_order_of_their_tickets():
    found = tickets()["ticket_id"].to_list()
    assert all(before < after for before, after in pairwise(found))
