"""Pieces, sheets and texts: what a person can follow, and limits."""

import numpy as np
import polars as pl
import pytest

from pqrs_kedro.pipelines.synthesis.pieces import Pieces, Runs, Sheet, Texts, merged, text_array
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
    written = pieces.composed(sheet.runs(np.array([2, 0, 1])))
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
    assert pieces.composed(last).series().to_list() == ["1023"]
    pieces.literal("one more")
    with pytest.raises(ValueError, match="1025 literals, more than 1024"):
        pieces.composed(last)


@pytest.mark.parametrize(
    ("kept", "filled"),
    [
        pytest.param(slice(0, 4), 1, id="all_of_the_buffer"),
        pytest.param(slice(1, 3), 0.5, id="half_of_it"),
        pytest.param(slice(3, 4), 0.25, id="a_quarter"),
        pytest.param(slice(2, 2), 0, id="nothing"),
    ],
)
def test_texts_fill_a_share_of_their_buffer(kept: slice, filled: float):
    whole = of("1234", "5678", "abcd", "efgh")
    texts = whole.slice(kept.start, kept.stop)
    assert texts.filled == filled
    assert texts.bytes_held == 16
    in_file = whole.moved(Spill().put(whole.content())).slice(kept.start, kept.stop)
    assert in_file.filled == filled


def test_texts_that_are_not_put_together_yet_hold_their_pieces():
    pieces = Pieces()
    names = pieces.column(pl.Series(["Ana", "Luz", "Eva"]))
    sheet = Sheet(3)
    sheet.write(pieces.literal("Estimada "), names)
    whole = pieces.composed(sheet.runs(np.arange(3)))
    some = whole.slice(1, 2)
    assert (whole.filled, some.filled) == (1, pytest.approx(1 / 3))
    assert not some.is_in_file
    # The slice keeps everything from being freed: addresses and lengths, and what is there.
    assert some.bytes_held == whole.bytes_held > 16 * (1024 + 3) + len("AnaLuzEva")
    alone = some.in_memory()
    assert alone.series().to_list() == ["Estimada Luz"]
    assert alone.bytes_held == len("Estimada Luz")


def test_texts_in_a_file_hold_no_memory():
    texts = of("xx", "1234", "5678").slice(1, 3)
    moved = texts.moved(Spill().put(texts.content()))
    assert moved.is_in_file
    assert moved.content() == texts.content()
    assert moved.series().to_list() == ["1234", "5678"]
    second = moved.slice(1, 2)
    assert (second.bytes_held, second.content().to_pybytes()) == (0, b"5678")
    assert merged([of("!"), second], np.array([1, 0])).series().to_list() == ["5678", "!"]
