"""Lines that wait hold little memory, however long the run: the rest is in files."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pqrs_kedro.pipelines.synthesis import raw_objects, spill
from pqrs_kedro.pipelines.synthesis.pieces import Texts, text_array
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines, Waiting

DAYS = 400
# Of a day's lines, in days after it: most of them soon, one a year later.
DELAYS = [0] * 20 + [1] * 10 + [7] * 5 + [30] * 4 + [365]
LINE = "x" * 99 + "\n"


def batch_of(day: int) -> Lines:
    """The lines of the tickets received on a day, all of one channel."""
    days = day + np.array(DELAYS, dtype=np.int64)
    at = np.arange(len(days), dtype=np.int64)
    texts = Texts.of(text_array([LINE] * len(days)))
    none = np.zeros_like(days)
    return Lines(days, none, at, at.astype(np.uint64), texts, defect=none)


def waiting_lines(day: int) -> int:
    """How many lines wait after a day, of the tickets received from day 0 to it."""
    return sum(min(delay, day + 1) for delay in DELAYS)


def held_by(waiting: Waiting) -> int:
    return sum(lines.texts.bytes_held for lines in waiting._lines)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_held_memory_stays_within_the_limit_and_files_follow_the_lines_that_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    limit = 5 * len(DELAYS) * len(LINE)
    monkeypatch.setattr(raw_objects, "HELD_BYTES", limit)
    waiting = Waiting()
    held = []
    for day in range(DAYS):
        waiting.add(batch_of(day))
        waiting.complete(before=day + 1)
        held.append(held_by(waiting))
        kept = sum(lines.texts.data.size for lines in waiting._lines)
        needed = waiting_lines(day) * len(LINE)
        assert needed <= kept <= 2 * needed + limit
    # As soon as there are five batches, five are held, however long the run.
    assert held == [min(day, 5) * len(DELAYS) * len(LINE) for day in range(1, DAYS + 1)]


def test_the_buffers_that_are_waited_for_least_go_to_a_file_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(raw_objects, "HELD_BYTES", 2 * len(DELAYS) * len(LINE))
    waiting = Waiting()
    # After day 10 there is less left of the lines received before.
    for day in (10, 0, 9, 2):
        waiting.add(batch_of(day))
    waiting.complete(before=11)
    assert [lines.texts.is_in_file for lines in waiting._lines] == [False, True, False, True]


def test_lines_beyond_the_limit_wait_in_one_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(raw_objects, "HELD_BYTES", 0)
    waiting, given = Waiting(), 0
    before = open_files()
    for day in range(50):
        waiting.add(batch_of(day))
        given += sum(item.rows for item in waiting.complete(before=day + 1))
        assert held_by(waiting) == 0
    assert len(waiting._lines) == 50
    assert open_files() == before + 1
    rest = waiting.complete()
    assert given + sum(item.rows for item in rest) == 50 * len(DELAYS)
    assert {item.content().to_pybytes() for item in rest if item.day == rest[-1].day} == {
        LINE.encode()
    }
    del rest, waiting
    assert open_files() == before


def test_a_file_goes_when_nothing_in_it_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(raw_objects, "HELD_BYTES", 0)
    # A file for each batch.
    monkeypatch.setattr(spill, "FILE_BYTES", 1)
    waiting, before = Waiting(), open_files()
    for day in range(100):
        waiting.add(batch_of(day))
        waiting.complete(before=day + 1)
        # One for each batch that waits, none for what was written anew in a later one.
        assert open_files() - before == len(waiting._lines) == day + 1
    waiting.complete()
    assert open_files() - before == 1


def test_files_shrink_with_the_lines_that_wait_in_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(raw_objects, "HELD_BYTES", 0)
    waiting = Waiting()
    waiting.add(batch_of(0))
    sizes = {}
    for day in (0, 1, 7, 30, 364):
        waiting.complete(before=day + 1)
        sizes[day] = sum(lines.texts.data.size for lines in waiting._lines)
    # 20, 10, 5 and 1 of 40 lines still wait; a file is written anew when less than half of it does.
    assert sizes == {0: 2000, 1: 2000, 7: 500, 30: 100, 364: 100}
    (last,) = waiting.complete()
    assert (last.day, last.rows) == (date(1971, 1, 1), 1)
