"""Spanish texts of tickets, fitting type, topic, place, person and outcome.

All rows are expanded together, one level of the grammar's symbols at a time, on arrays of token
numbers. A choice is a pure function of the row's draws, the symbol's name and the length of its
list: a text does not depend on the rows around it, and a new symbol leaves the choices of the
others as they were.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock

import numpy as np
import polars as pl
from numpy.typing import NDArray

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

__all__ = ["DRAWS_PER_TEXT", "TEXT_KINDS", "TOPICS", "Topic", "compose"]

Integers = NDArray[np.int64]
Draws = NDArray[np.uint64]

# One Philox4x64 block. Column 0 decides the facts (matter, street, amount, date), the others the
# wording: texts that share column 0 speak of the same facts in other words.
DRAWS_PER_TEXT = 4

_OPTIONAL_COLUMNS = ("new_term_days",)
# Token numbers: literals from 0, quoted columns from here, symbols below 0.
_FIRST_QUOTED = 1 << 40
# Keeps a block's arrays in the cache: 240,000 letters/s, against 170,000 in blocks of 65,536.
_BLOCK_ROWS = 4096
_COMPILING = Lock()


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject of the public body: its dependency has 3 digits, the webform's code is a number."""

    topic_id: str
    name: str
    dependency_code: str
    webform_code: int


@dataclass(frozen=True, slots=True)
class _Tables:
    """The grammar as arrays.

    Symbol s has its lists from `first_list[s]`, one per case; list l its alternatives from
    `first_alternative[l]`, `list_size[l]` of them; alternative a its tokens from `first_token[a]`,
    `token_count[a]` of them. Type t and topic k have `matter_count[t, k]` matters from
    `first_matter[t, k]`.
    """

    grammar: Grammar
    numbers: Mapping[str, int]
    literals: pl.Series
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
class _Rows:
    """Some rows: `cases` has shape (selectors, rows), `quoted` one column per quoted column."""

    cases: Integers
    quoted: Sequence[pl.Series]
    draws: Draws

    def block(self, start: int) -> "_Rows":
        part = slice(start, start + _BLOCK_ROWS)
        quoted = [column[part] for column in self.quoted]
        return _Rows(self.cases[:, part], quoted, self.draws[part])


def compose(kind: str, context: pl.DataFrame, draws: Draws) -> pl.Series:
    """Texts of one kind, one per row of `context`, none of them null.

    Args:
        kind: one of `TEXT_KINDS`.
        context: text columns `pqrs_type`, `topic`, and the nullable `municipio`, `citizen_name`,
            `external_id`, `resolution_code` and `cited_external_id`. `new_term_days`, the extended
            term in business days, may be null or left out.
        draws: shape (rows, DRAWS_PER_TEXT). Column 0 decides the facts, the others the wording.

    Legal source: CPACA (Ley 1437 de 2011, as replaced by Ley 1755 de 2015), articles 14, 17, 19,
    21, 24 and 28.
    """
    if kind not in TEXT_KINDS:
        raise ValueError(f"unknown text kind '{kind}'; the kinds are {', '.join(TEXT_KINDS)}")
    if draws.shape != (context.height, DRAWS_PER_TEXT):
        raise ValueError(f"draws of shape {draws.shape} for {context.height} rows")
    tables = _tables()
    rows = _Rows(
        cases=_cases(tables, context, draws),
        quoted=[_text_column(context, column).fill_null("") for column in QUOTED_COLUMNS],
        draws=draws,
    )
    texts = [
        _compose_block(tables, kind, rows.block(start))
        for start in range(0, context.height, _BLOCK_ROWS)
    ]
    return pl.concat([pl.Series(kind, [], dtype=pl.String), *texts])


def _text_column(context: pl.DataFrame, column: str) -> pl.Series:
    if column in _OPTIONAL_COLUMNS and column not in context.columns:
        return pl.Series(column, [None], dtype=pl.String).new_from_index(0, context.height)
    return context[column].cast(pl.String)  # a column of nothing but nulls has no type of its own


def _cases(tables: _Tables, context: pl.DataFrame, draws: Draws) -> Integers:
    """The case of every selector in every row, shape (selectors, rows)."""
    pqrs_type = _codes(_text_column(context, "pqrs_type"), PQRS_TYPES)
    topic = _codes(_text_column(context, "topic"), tables.grammar.selectors["topic"])
    resolution = _text_column(context, "resolution_code").fill_null(RESOLUTIONS[0])
    cases = {
        "": np.zeros(context.height, dtype=np.int64),
        "pqrs_type": pqrs_type,
        "topic": topic,
        "resolution_code": _codes(resolution, RESOLUTIONS),
        "matter": _matter(tables, pqrs_type, topic, draws[:, 0]),
    }
    for column in QUOTED_COLUMNS:
        cases[column] = _text_column(context, column).is_not_null().to_numpy().astype(np.int64)
    return np.stack([cases[selector] for selector in tables.grammar.selectors])


def _codes(column: pl.Series, categories: Sequence[str]) -> Integers:
    codes = column.replace_strict(
        list(categories), list(range(len(categories))), default=None, return_dtype=pl.Int64
    )
    if codes.null_count():
        unknown = column.filter(codes.is_null())[0]
        raise ValueError(f"unknown {column.name} {unknown!r}; known are {', '.join(categories)}")
    return codes.to_numpy()


def _matter(tables: _Tables, pqrs_type: Integers, topic: Integers, draw: Draws) -> Integers:
    choice = _choices(draw, np.uint64(_draw_key("matter")), tables.matter_count[pqrs_type, topic])
    return tables.first_matter[pqrs_type, topic] + choice


def _choices(draw: Draws, key: Draws | np.uint64, size: Integers) -> Integers:
    """Indices below `size`, uniform to within size / 2^32.

    The draw and the symbol's key are mixed by the finaliser of SplitMix64 (Steele et al., 2014), so
    that one draw serves many symbols as if each had its own.
    """
    mixed = draw ^ key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (((mixed >> np.uint64(32)) * size.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def _compose_block(tables: _Tables, kind: str, rows: _Rows) -> pl.Series:
    height = len(rows.draws)
    tokens, owner = _expand(tables, kind, rows)
    # In one chunk: looking up pieces in several takes ten times as long.
    pieces = pl.concat([tables.literals, *rows.quoted], rechunk=True)
    return _join(pieces, _piece_numbers(tables, tokens, owner, height), owner, height)


def _expand(tables: _Tables, kind: str, rows: _Rows) -> tuple[Integers, Integers]:
    """Tokens without symbols, row after row, and the row that owns each token."""
    owner = np.arange(len(rows.draws))
    tokens = np.full(len(owner), -1 - tables.numbers[kind])
    while (places := np.flatnonzero(tokens < 0)).size:
        chosen = _chosen_alternatives(tables, -1 - tokens[places], owner[places], rows)
        # A token that stays is a run of one, found behind the grammar's own tokens.
        first = np.arange(len(tokens)) + len(tables.tokens)
        first[places] = tables.first_token[chosen]
        length = np.ones(len(tokens), dtype=np.int64)
        length[places] = tables.token_count[chosen]
        source = np.repeat(first - _starts(length), length)
        source += np.arange(len(source))
        tokens = np.concatenate([tables.tokens, tokens])[source]
        owner = np.repeat(owner, length)
    return tokens, owner


def _chosen_alternatives(
    tables: _Tables, symbol: Integers, owner: Integers, rows: _Rows
) -> Integers:
    lists = tables.first_list[symbol] + rows.cases[tables.selector[symbol], owner]
    draw = rows.draws[owner, tables.draw_column[symbol]]
    choice = _choices(draw, tables.draw_key[symbol], tables.list_size[lists])
    chosen: Integers = tables.first_alternative[lists] + choice
    return chosen


def _piece_numbers(tables: _Tables, tokens: Integers, owner: Integers, height: int) -> Integers:
    """Places in the literals followed by the quoted columns of `height` rows each."""
    quoted = len(tables.literals) + (tokens - _FIRST_QUOTED) * height + owner
    return np.where(tokens < _FIRST_QUOTED, tokens, quoted)


def _join(pieces: pl.Series, numbers: Integers, owner: Integers, height: int) -> pl.Series:
    count = np.bincount(owner, minlength=height)
    place = np.arange(len(owner)) - np.repeat(_starts(count), count)
    matrix = np.zeros((height, count.max()), dtype=np.int64)  # piece 0 is the empty text
    matrix[owner, place] = numbers
    return pieces.gather(matrix.ravel()).reshape(matrix.shape).arr.join("")


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
    selectors = list(grammar.selectors)
    matter_count = _matter_counts(grammar)
    return _Tables(
        grammar=grammar,
        numbers=numbers,
        literals=pl.Series(list(literals), dtype=pl.String),
        tokens=np.array([token for run in runs for token in run]),
        first_token=_starts(np.array([len(run) for run in runs])),
        token_count=np.array([len(run) for run in runs]),
        first_alternative=_starts(np.array([len(alternatives) for alternatives in lists])),
        list_size=np.array([len(alternatives) for alternatives in lists]),
        first_list=_starts(np.array([len(symbol.cases) for symbol in symbols])),
        selector=np.array([selectors.index(symbol.selector) for symbol in symbols]),
        draw_column=np.array([_draw_column(symbol) for symbol in symbols]),
        draw_key=np.array([_draw_key(symbol.drawn_as) for symbol in symbols], dtype=np.uint64),
        first_matter=_starts(matter_count.ravel()).reshape(matter_count.shape),
        matter_count=matter_count,
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


def _draw_key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _draw_column(symbol: Symbol) -> int:
    return 0 if symbol.is_fact else 1 + _draw_key(symbol.drawn_as) % (DRAWS_PER_TEXT - 1)


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
