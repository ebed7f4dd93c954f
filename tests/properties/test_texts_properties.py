"""Whatever the draws and the context are, a text is whole and depends on its own row alone."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.text_grammar import PQRS_TYPES
from pqrs_kedro.pipelines.synthesis.texts import DRAWS_PER_TEXT, TEXT_KINDS, TOPICS, compose

FIRST_MESSAGES = ("petition_body", "citizen_detail", "call_citizen")
NUMBERS = st.from_regex(r"20[0-9]{12}", fullmatch=True)
# Any place or person name, in any script, but with a letter and without braces of its own.
NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="{}"), min_size=1, max_size=30
)
DRAW = st.integers(0, 2**64 - 1)

ROWS = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {
                "pqrs_type": st.sampled_from(PQRS_TYPES),
                "topic": st.sampled_from([topic.topic_id for topic in TOPICS]),
                "municipio": st.none() | NAMES,
                "citizen_name": st.none() | NAMES,
                "external_id": st.none() | NUMBERS,
                "resolution_code": st.sampled_from(
                    [None, "DESISTIMIENTO_TACITO", "TRASLADO", "REITERATIVA", "PRORROGA"]
                ),
                "cited_external_id": st.none() | NUMBERS,
                "new_term_days": st.none() | st.sampled_from(["16", "20", "30", "60"]),
            }
        ),
        st.tuples(*[DRAW] * DRAWS_PER_TEXT),
    ),
    min_size=1,
    max_size=6,
)
Row = tuple[dict[str, str | None], tuple[int, ...]]


def composed(kind: str, rows: list[Row]) -> list[str]:
    schema = dict.fromkeys(rows[0][0], pl.String)
    context = pl.DataFrame([given for given, _ in rows], schema=schema)
    return compose(kind, context, np.array([drawn for _, drawn in rows], dtype=np.uint64)).to_list()


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(TEXT_KINDS), rows=ROWS, data=st.data())
def test_any_selection_of_rows_in_any_order_gives_the_same_texts(kind, rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    whole = composed(kind, rows)
    assert composed(kind, [rows[i] for i in chosen]) == [whole[i] for i in chosen]


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(FIRST_MESSAGES), rows=ROWS)
def test_any_municipality_is_named_as_it_is_written_in_a_finished_text(kind, rows):
    for (row, _), text in zip(rows, composed(kind, rows), strict=True):
        assert (row["municipio"] or "") in text
        assert text.strip() == text
        assert not set("{}") & set(text)


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(TEXT_KINDS), rows=ROWS)
def test_columns_that_a_text_may_quote_never_change_its_other_words(kind, rows):
    """A given value is quoted as it is: another value in its place changes nothing else."""
    renamed = [
        ({**row, "citizen_name": row["citizen_name"] and "<<persona>>"}, drawn)
        for row, drawn in rows
    ]
    for (row, _), text, other in zip(
        rows, composed(kind, rows), composed(kind, renamed), strict=True
    ):
        assert other.replace("<<persona>>", row["citizen_name"] or "") == text
