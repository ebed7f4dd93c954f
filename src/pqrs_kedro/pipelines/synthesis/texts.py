"""Spanish texts of tickets, fitting type, topic, place, person and outcome.

The grammar is laid out as arrays of token numbers, in which the symbols of each row are followed. A
choice is a pure function of the row's draws, the symbol's name and the length of its list: a text
does not depend on the rows around it, and a new symbol leaves the choices of the others as they
were.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.pipelines.synthesis.compiled import compiled
from pqrs_kedro.pipelines.synthesis.pieces import Numbers, Pieces, Runs, text_array
from pqrs_kedro.pipelines.synthesis.text_grammar import (
    PLACEHOLDER,
    PQRS_TYPES,
    QUOTED_COLUMNS,
    RESOLUTIONS,
    TEXT_KINDS,
    Grammar,
    Symbol,
    build_grammar,
    read_document,
    read_documents,
)

__all__ = ["DRAWS_PER_TEXT", "TEXT_KINDS", "TOPICS", "Situation", "Topic", "compose", "speak"]

Integers = NDArray[np.int64]
Draws = NDArray[np.uint64]

# One Philox4x64 block. Column 0 decides the facts (matter, street, amount, date), the others the
# wording: texts that share column 0 speak of the same facts in other words.
DRAWS_PER_TEXT = 4

_OPTIONAL_COLUMNS = ("new_term_days",)
# Token numbers: literals from 0, quoted columns from here, symbols below 0.
_FIRST_QUOTED = 1 << 40
_COMPILING = Lock()


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject of the public body: its dependency has 3 digits, the webform's code is a number."""

    topic_id: str
    name: str
    dependency_code: str
    webform_code: int


class _Arrays(NamedTuple):
    """The grammar as arrays.

    Symbol s has its lists from `first_list[s]`, one per case of its selector; list l its
    alternatives from `first_alternative[l]`, `list_size[l]` of them; alternative a its tokens from
    `first_token[a]`, `token_count[a]` of them. Type t and topic k have `matter_count[t, k]`
    matters from `first_matter[t, k]`.
    """

    tokens: Integers
    first_token: Integers
    token_count: Integers
    first_alternative: Integers
    list_size: Integers
    first_list: Integers
    selector: Integers
    draw_column: Integers
    draw_key: Draws
    first_matter: Integers
    matter_count: Integers


@dataclass(frozen=True, slots=True)
class _Tables:
    """The grammar as it is looked up."""

    selectors: tuple[str, ...]
    literals: pa.Array
    escaped: pa.Array
    """The literals as they stand inside a JSON string."""
    arrays: _Arrays
    roots: Mapping[str, int]
    """Where among the tokens the symbol of each kind of text is."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What texts may speak of, one row per text.

    `pqrs_type`, `topic` and `resolution` are places in `PQRS_TYPES`, `TOPICS` and `RESOLUTIONS`.
    `quoted` has the columns whose text is quoted as it is: numbers of pieces, -1 where there is
    none; a column that is left out is given nowhere.
    """

    pqrs_type: Integers
    topic: Integers
    resolution: Integers
    quoted: Mapping[str, Numbers]


def speak(
    kind: str, situation: Situation, draws: Draws, pieces: Pieces, escaped: bool = True
) -> Runs:
    """Texts of one kind, as runs of pieces, one per row of the situation.

    Args:
        kind: one of `TEXT_KINDS`.
        situation: what the texts may speak of.
        draws: shape (rows, DRAWS_PER_TEXT). Column 0 decides the facts, the others the wording.
        pieces: where the texts' pieces are kept; those that `situation.quoted` names are in it.
        escaped: whether the text is to stand in a JSON string; quoted pieces are not changed.

    Legal source: CPACA (Ley 1437 de 2011, as replaced by Ley 1755 de 2015), articles 14, 17, 19,
    21, 24 and 28.
    """
    if kind not in TEXT_KINDS:
        raise ValueError(f"unknown text kind '{kind}'; the kinds are {', '.join(TEXT_KINDS)}")
    tables = _tables()
    height = len(draws)
    none = np.full(height, -1, dtype=np.int32)
    quoted = np.stack([situation.quoted.get(column, none) for column in QUOTED_COLUMNS])
    draws = np.ascontiguousarray(draws)
    cases = _cases(tables, situation, quoted, draws)
    first = pieces.shared(tables.escaped if escaped else tables.literals)
    return Runs(*_expand(tables.arrays, tables.roots[kind], cases, quoted, draws, first))


def compose(kind: str, context: pl.DataFrame, draws: Draws) -> pl.Series:
    """Texts of one kind as plain text, one per row of `context`, none of them null.

    Args:
        kind: one of `TEXT_KINDS`.
        context: text columns `pqrs_type`, `topic`, and the nullable `municipio`, `citizen_name`,
            `external_id`, `resolution_code` and `cited_external_id`. `new_term_days`, the extended
            term in business days, may be null or left out.
        draws: as for `speak`.
    """
    if draws.shape != (context.height, DRAWS_PER_TEXT):
        raise ValueError(f"draws of shape {draws.shape} for {context.height} rows")
    pieces = Pieces()
    resolution = _text_column(context, "resolution_code").fill_null(RESOLUTIONS[0])
    columns = {name: _text_column(context, name) for name in QUOTED_COLUMNS}
    situation = Situation(
        pqrs_type=type_codes(_text_column(context, "pqrs_type")),
        topic=topic_codes(_text_column(context, "topic")),
        resolution=_codes(resolution, RESOLUTIONS),
        quoted={name: quoted_column(pieces, column) for name, column in columns.items()},
    )
    spoken = speak(kind, situation, draws, pieces, escaped=False)
    return pieces.composed(spoken).series().rename(kind)


def quoted_column(pieces: Pieces, column: pl.Series) -> Numbers:
    """A column as `Situation.quoted` takes it."""
    return np.where(column.is_not_null().to_numpy(), pieces.column(column), np.int32(-1))


def type_codes(column: pl.Series) -> Integers:
    """Places of type codes in `PQRS_TYPES`."""
    return _codes(column, PQRS_TYPES)


def topic_codes(column: pl.Series) -> Integers:
    """Places of topics in `TOPICS`."""
    return _codes(column, [topic.topic_id for topic in TOPICS])


def _text_column(context: pl.DataFrame, column: str) -> pl.Series:
    if column in _OPTIONAL_COLUMNS and column not in context.columns:
        return pl.Series(column, [None], dtype=pl.String).new_from_index(0, context.height)
    return context[column].cast(pl.String)  # a column of nothing but nulls has no type of its own


def _cases(tables: _Tables, situation: Situation, quoted: Numbers, draws: Draws) -> Integers:
    """The case of every selector in every row, shape (selectors, rows)."""
    cases = {
        "": np.zeros(len(draws), dtype=np.int64),
        "pqrs_type": situation.pqrs_type,
        "topic": situation.topic,
        "resolution_code": situation.resolution,
        "matter": _matters(
            tables.arrays, _draw_key("matter"), situation.pqrs_type, situation.topic, draws
        ),
    }
    cases |= dict(zip(QUOTED_COLUMNS, (quoted >= 0).astype(np.int64), strict=True))
    return np.stack([cases[selector] for selector in tables.selectors])


def _codes(column: pl.Series, categories: Sequence[str]) -> Integers:
    codes = column.replace_strict(
        list(categories), list(range(len(categories))), default=None, return_dtype=pl.Int64
    )
    if codes.null_count():
        unknown = column.filter(codes.is_null())[0]
        raise ValueError(f"unknown {column.name} {unknown!r}; known are {', '.join(categories)}")
    return codes.to_numpy()


@compiled
def _matters(
    grammar: _Arrays, key: np.uint64, pqrs_type: Integers, topic: Integers, draws: Draws
) -> Integers:
    """The matter of each row, one of those of its type and topic."""
    found = np.empty(len(draws), dtype=np.int64)
    for row in range(len(draws)):
        of = pqrs_type[row], topic[row]
        choice = _choice(draws[row, 0], key, grammar.matter_count[of])
        found[row] = grammar.first_matter[of] + choice
    return found


@compiled
def _expand(
    grammar: _Arrays,
    root: int,
    cases: Integers,
    quoted: Numbers,
    draws: Draws,
    first_literal: int,
) -> tuple[Numbers, Integers]:
    """Piece numbers of the texts that follow from a token, and how many each text has.

    A stack holds the tokens that are still to come: of the symbol last met, of the one around it,
    and so on.
    """
    height, size = len(draws), 0
    numbers, counts = np.empty(64 + 32 * height, dtype=np.int32), np.empty(height, dtype=np.int64)
    # No symbol contains itself.
    coming, end = np.empty((2, len(grammar.first_list) + 1), dtype=np.int64)
    for row in range(height):
        before, depth = size, 0
        coming[0], end[0] = root, root + 1
        while depth >= 0:
            if coming[depth] == end[depth]:
                depth -= 1
                continue
            token = grammar.tokens[coming[depth]]
            coming[depth] += 1
            if token < 0:
                symbol = -1 - token
                options = grammar.first_list[symbol] + cases[grammar.selector[symbol], row]
                draw, key = draws[row, grammar.draw_column[symbol]], grammar.draw_key[symbol]
                choice = _choice(draw, key, grammar.list_size[options])
                alternative = grammar.first_alternative[options] + choice
                depth += 1
                coming[depth] = grammar.first_token[alternative]
                end[depth] = coming[depth] + grammar.token_count[alternative]
                continue
            if size == len(numbers):
                numbers = np.concatenate((numbers, np.empty(size, dtype=np.int32)))
            if token < _FIRST_QUOTED:
                numbers[size] = first_literal + token
            else:
                numbers[size] = quoted[token - _FIRST_QUOTED, row]
            size += 1
        counts[row] = size - before
    return numbers[:size].copy(), counts


@compiled
def _choice(draw: np.uint64, key: np.uint64, size: np.int64) -> np.int64:
    """An index below `size`, uniform to within size / 2^32.

    The draw and the symbol's key are mixed by the finaliser of SplitMix64 (Steele et al., 2014), so
    that one draw serves many symbols as if each had its own.
    """
    mixed = draw ^ key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.int64(((mixed >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


def _starts(lengths: Integers) -> Integers:
    ends: Integers = np.cumsum(lengths)
    return ends - lengths


def _tables() -> _Tables:
    # Several threads compose texts; without the lock each would compile the grammar.
    with _COMPILING:
        return _compiled()


@cache
def _compiled() -> _Tables:
    return _compile(build_grammar(read_documents()))


def _compile(grammar: Grammar) -> _Tables:
    symbols = list(grammar.symbols.values())
    numbers = {symbol.name: number for number, symbol in enumerate(symbols)}
    lists = [alternatives for symbol in symbols for alternatives in symbol.cases.values()]
    literals = {"": 0}
    runs = [_tokens(text, numbers, literals) for alternatives in lists for text in alternatives]
    selectors = tuple(grammar.selectors)
    matter_count = _matter_counts(grammar)
    tokens = [token for run in runs for token in run]
    arrays = _Arrays(
        tokens=np.array([*tokens, *(-1 - numbers[kind] for kind in TEXT_KINDS)]),
        first_token=_starts(np.array([len(run) for run in runs])),
        token_count=np.array([len(run) for run in runs]),
        first_alternative=_starts(np.array([len(alternatives) for alternatives in lists])),
        list_size=np.array([len(alternatives) for alternatives in lists]),
        first_list=_starts(np.array([len(symbol.cases) for symbol in symbols])),
        selector=np.array([selectors.index(symbol.selector) for symbol in symbols]),
        draw_column=np.array([_draw_column(symbol) for symbol in symbols]),
        draw_key=np.array([_draw_key(symbol.drawn_as) for symbol in symbols]),
        first_matter=_starts(matter_count.ravel()).reshape(matter_count.shape),
        matter_count=matter_count,
    )
    return _Tables(
        selectors=selectors,
        literals=text_array(list(literals)),
        escaped=text_array([json_escaped(text) for text in literals]),
        arrays=arrays,
        roots={kind: len(tokens) + place for place, kind in enumerate(TEXT_KINDS)},
    )


def _tokens(text: str, numbers: Mapping[str, int], literals: dict[str, int]) -> list[int]:
    tokens = []
    for position, part in enumerate(PLACEHOLDER.split(text)):
        if position % 2 == 0:
            tokens += [literals.setdefault(part, len(literals))] if part else []
        elif part in QUOTED_COLUMNS:
            tokens.append(_FIRST_QUOTED + QUOTED_COLUMNS.index(part))
        else:
            tokens.append(-1 - numbers[part])
    return tokens


def json_escaped(text: str) -> str:
    """A text as it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _draw_key(name: str) -> np.uint64:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _draw_column(symbol: Symbol) -> int:
    return 0 if symbol.is_fact else 1 + int(_draw_key(symbol.drawn_as)) % (DRAWS_PER_TEXT - 1)


def _matter_counts(grammar: Grammar) -> Integers:
    """Number of matters by type and topic; their ids lie side by side in that order."""
    owners = [matter.rpartition("/")[0] for matter in grammar.selectors["matter"]]
    counts = [owners.count(owner) for owner in dict.fromkeys(owners)]
    return np.array(counts).reshape(len(PQRS_TYPES), -1)


def _read_topics() -> tuple[Topic, ...]:
    return tuple(
        Topic(topic_id, fields["name"], fields["dependency_code"], fields["webform_code"])
        for topic_id, fields in read_document("topics.yml")["topics"].items()
    )


TOPICS: tuple[Topic, ...] = _read_topics()
