"""Whatever is written on a sheet, and in which order it is read: the texts are those that Python's
own joining gives.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.pieces import (
    AnyTexts,
    Part,
    Pieces,
    Runs,
    Sheet,
    Texts,
    merged,
    text_array,
)
from pqrs_kedro.pipelines.synthesis.spill import Spill

WORDS = st.text(max_size=4)
WORD_LISTS = st.lists(WORDS, max_size=3)


@dataclass
class Case:
    """Parts as the project has them, and the same texts as lists."""

    pieces: Pieces = field(default_factory=Pieces)
    shared: list[str] = field(default_factory=lambda: ["", "uno", "dos\n", "trés 🙂"])

    def __post_init__(self) -> None:
        self.shared_array = text_array(self.shared)

    def run_of(self, words: Sequence[Sequence[str]]) -> Runs:
        """A run per row, of words that are kept as literals."""
        numbers = [self.pieces.literal(word) for row in words for word in row]
        counts = np.array([len(row) for row in words], dtype=np.int64)
        return Runs(np.array(numbers, dtype=np.int32), counts)

    def part(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        """Any kind of part for some rows, and its text in each of them."""
        kinds = (self.same, self.column, self.chosen, self.of_array, self.run)
        return data.draw(st.sampled_from(kinds))(data, height)

    def same(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        text = data.draw(WORDS)
        return self.pieces.literal(text), [text] * height

    def column(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        texts = data.draw(st.lists(st.none() | WORDS, min_size=height, max_size=height))
        column = pl.Series(texts, dtype=pl.String)
        return self.pieces.column(column), [text or "" for text in texts]

    def chosen(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        few = data.draw(st.lists(WORDS, min_size=1, max_size=3))
        choice = self.places(data, height, len(few))
        return self.pieces.one_of(few, choice), [few[place] for place in choice]

    def of_array(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        choice = self.places(data, height, len(self.shared))
        numbers = self.pieces.shared(self.shared_array) + choice
        return numbers.astype(np.int32), [self.shared[place] for place in choice]

    def run(self, data: st.DataObject, height: int) -> tuple[Part, list[str]]:
        words = data.draw(st.lists(WORD_LISTS, min_size=height, max_size=height))
        return self.run_of(words), ["".join(row) for row in words]

    @staticmethod
    def places(data: st.DataObject, height: int, size: int) -> np.ndarray:
        numbers = st.lists(st.integers(0, size - 1), min_size=height, max_size=height)
        return np.array(data.draw(numbers), dtype=np.int64)


def texts_of(pieces: Pieces, runs: Runs) -> list[str]:
    return pieces.composed(runs).series().to_list()


# --- Sheets -------------------------------------------------------------------------------------


@given(data=st.data())
def test_a_sheet_reads_as_its_strokes_joined_row_by_row(data: st.DataObject):
    case, height = Case(), data.draw(st.integers(0, 7))
    sheet, expected = Sheet(height), [""] * height
    for _ in range(data.draw(st.integers(0, 4))):
        some = data.draw(st.permutations(range(height)))[: data.draw(st.integers(0, height))]
        rows = data.draw(st.sampled_from([None, some]))
        members = range(height) if rows is None else rows
        parts = [case.part(data, len(members)) for _ in range(data.draw(st.integers(0, 3)))]
        where = None if rows is None else np.array(rows, dtype=np.int64)
        sheet.write(*(part for part, _ in parts), rows=where)
        for place, row in enumerate(members):
            expected[row] += "".join(texts[place] for _, texts in parts)
    order = data.draw(st.permutations(range(height)))
    runs = sheet.runs(np.array(order, dtype=np.int64))
    assert texts_of(case.pieces, runs) == [expected[row] for row in order]


@given(data=st.data())
def test_the_runs_of_a_sheet_are_a_part_of_another(data: st.DataObject):
    case, height = Case(), data.draw(st.integers(0, 6))
    inner, outer = Sheet(height), Sheet(height)
    (first, first_texts), (second, second_texts) = (case.part(data, height) for _ in range(2))
    inner.write(first)
    order = data.draw(st.permutations(range(height)))
    outer.write(second, inner.runs(np.array(order, dtype=np.int64)), second)
    expected = [
        second_texts[row] + first_texts[of_inner] + second_texts[row]
        for row, of_inner in enumerate(order)
    ]
    assert texts_of(case.pieces, outer.runs(np.arange(height))) == expected


# --- Texts in a buffer --------------------------------------------------------------------------


def of(texts: Sequence[str]) -> Texts:
    return Texts.of(text_array(texts))


def composed(texts: Sequence[str]) -> AnyTexts:
    """The same texts, each of as many pieces as it has characters."""
    case = Case()
    return case.pieces.composed(case.run_of(texts))


def listed(texts: AnyTexts) -> list[str]:
    return texts.series().to_list()


@st.composite
def slices(
    draw: st.DrawFn, ways: Sequence[Callable[[Sequence[str]], AnyTexts]] = (of, composed)
) -> tuple[list[str], AnyTexts]:
    """Some consecutive texts of a buffer or of pieces, as a list too."""
    texts = draw(st.lists(WORDS, max_size=8))
    start, end = sorted(draw(st.integers(0, len(texts))) for _ in range(2))
    return texts[start:end], draw(st.sampled_from(ways))(texts).slice(start, end)


@given(case=slices())
def test_a_slice_has_the_texts_and_bytes_between_its_ends(case: tuple[list[str], AnyTexts]):
    expected, texts = case
    assert listed(texts) == expected
    assert texts.content().to_pybytes() == "".join(expected).encode()


@given(cases=st.lists(slices(), min_size=1, max_size=4), data=st.data())
def test_some_texts_of_several_sources_are_merged_in_any_order(
    cases: list[tuple[list[str], AnyTexts]], data: st.DataObject
):
    texts = [text for expected, _ in cases for text in expected]
    number = data.draw(st.integers(0, len(texts)))
    order = data.draw(st.permutations(range(len(texts))))[:number]
    found = merged([part for _, part in cases], np.array(order, dtype=np.int64))
    expected = [texts[place] for place in order]
    assert listed(found) == expected
    assert found.content().to_pybytes() == "".join(expected).encode()


@given(case=slices())
def test_another_process_gets_the_same_texts(case: tuple[list[str], AnyTexts]):
    expected, texts = case
    assert listed(pickle.loads(pickle.dumps(texts))) == expected


@given(cases=st.lists(slices([of]), min_size=1, max_size=4), data=st.data())
def test_texts_set_aside_in_files_are_the_same(
    cases: list[tuple[list[str], Texts]], data: st.DataObject
):
    spill = Spill()
    # All are written before any is read.
    aside = [texts.moved(spill.put(texts.content())) for _, texts in cases]
    for (expected, texts), filed in zip(cases, aside, strict=True):
        assert (filed.bytes_held, filed.filled) == (0, 1)
        assert listed(filed) == expected
        start, end = sorted(data.draw(st.integers(0, len(expected))) for _ in range(2))
        part = filed.slice(start, end)
        assert listed(part) == expected[start:end]
        assert part.filled * texts.content().size == pytest.approx(part.content().size)
        again = part.moved(spill.put(part.content()))
        assert again.content() == texts.slice(start, end).content()
