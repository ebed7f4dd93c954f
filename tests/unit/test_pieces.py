"""Pieces, sheets and texts: what a person can follow, and limits."""

import numpy as np
import polars as pl
import pytest

from pqrs_kedro.pipelines.synthesis.pieces import Pieces, Runs, Sheet, Texts, text_array
from pqrs_kedro.pipelines.synthesis.spill import Spill


def of(*texts: str) -> Texts:
    return Texts.of(text_array(texts))


def test_some_rows_of_a_sheet_get_more_than_the_others():
    pieces, sheet = Pieces(), Sheet(3)
    names = pieces.column(pl.Series(["Ana", "Luz", None]))
    words = [pieces.literal(word) for word in ("muy ", "señora ")]
    sheet.write(pieces.literal("Estimada "))
    sheet.write(Runs(np.array(words, dtype=np.int32), np.array([2])), rows=np.array([1]))
    sheet.write(names, pieces.literal("."))
    written = pieces.gathered(sheet.runs(np.array([2, 0, 1])))
    assert written.series().to_list() == [
        "Estimada .", "Estimada Ana.", "Estimada muy señora Luz.",
    ]  # fmt: skip


def test_a_literal_is_kept_once_and_so_is_a_shared_array():
    pieces, array = Pieces(), text_array(["a", "b"])
    assert pieces.literal("x") == pieces.literal("x") != pieces.literal("y")
    assert pieces.shared(array) == pieces.shared(array) != pieces.shared(text_array(["a", "b"]))


def test_more_literals_than_there_are_numbers_for_are_an_error():
    pieces = Pieces()
    numbers = [pieces.literal(str(text)) for text in range(1024)]
    last = Runs(np.array(numbers[-1:], dtype=np.int32), np.array([1]))
    assert pieces.gathered(last).series().to_list() == ["1023"]
    pieces.literal("one more")
    with pytest.raises(ValueError, match="1025 literals, more than 1024"):
        pieces.gathered(last)


@pytest.mark.parametrize(
    ("kept", "is_copied"),
    [
        pytest.param(slice(0, 4), False, id="all_of_the_buffer"),
        pytest.param(slice(1, 3), False, id="half_of_it"),
        pytest.param(slice(3, 4), True, id="less_than_half"),
        pytest.param(slice(2, 2), True, id="nothing"),
    ],
)
def test_texts_are_copied_where_they_fill_less_than_half_of_their_buffer(
    kept: slice, is_copied: bool
):
    texts = of("1234", "5678", "abcd", "efgh").slice(kept.start, kept.stop)
    compact = texts.compact()
    assert (compact is not texts) is is_copied
    assert compact.series().to_list() == ["1234", "5678", "abcd", "efgh"][kept]
    assert compact.bytes_held == (len(compact.content()) if is_copied else 16)


def test_texts_in_a_file_hold_no_memory_until_most_of_the_file_is_done_with():
    texts = of("xx", "1234", "5678").slice(1, 3)
    moved = texts.moved(Spill().put(texts.content()))
    assert moved.is_in_file
    assert moved.content() == texts.content()
    assert (moved.bytes_held, moved.compact()) == (0, moved)
    assert moved.series().to_list() == ["1234", "5678"]
    assert moved.slice(1, 2).bytes_held == 0
    few = moved.slice(1, 2).slice(0, 0).compact()
    assert (few.bytes_held, few.is_in_file) == (0, False)
