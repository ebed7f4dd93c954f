"""Who writes and in which words: invented people and Spanish texts, one at a time.

Part of the generator in `row_by_row`. Grammar and names are those of the project's reference data.
"""

import unicodedata
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from itertools import accumulate
from random import Random

import yaml

from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.pipelines.synthesis import personas
from pqrs_kedro.pipelines.synthesis.text_grammar import (
    PLACEHOLDER,
    QUOTED_COLUMNS,
    Symbol,
    build_grammar,
    read_documents,
)

# A literal, then the name of what follows it: a symbol, a quoted column, or nothing at the end.
Token = tuple[str, str]
Draws = dict[str, float]


@dataclass(slots=True)
class Compiled:
    """A symbol of the grammar, its alternatives cut into tokens."""

    drawn_as: str
    is_fact: bool
    selector: str
    cases: dict[str, list[list[Token]]]


class Grammar:
    """The project's grammar of texts, expanded from left to right."""

    def __init__(self, rng: Random) -> None:
        grammar = build_grammar(read_documents())
        self._random = rng.random
        self._symbols = {name: _compiled(symbol) for name, symbol in grammar.symbols.items()}
        self._matters: dict[str, list[str]] = {}
        for matter in grammar.selectors["matter"]:
            self._matters.setdefault(matter.rpartition("/")[0], []).append(matter)

    def draw_matter(self, pqrs_type: str, topic: str) -> str:
        """One of the matters of a type and topic."""
        matters = self._matters[f"{pqrs_type}/{topic}"]
        return matters[int(self._random() * len(matters))]

    def text(
        self, kind: str, case: Mapping[str, str], quoted: Mapping[str, str], facts: Draws
    ) -> str:
        """A text of one kind.

        Args:
            kind: kind of text.
            case: the case of every selector.
            quoted: the columns that are given, by name.
            facts: draws that all texts of the ticket share; new ones are added.
        """
        written: list[str] = []
        self._write(kind, case, quoted, facts, {}, written)
        return "".join(written)

    def _write(
        self,
        name: str,
        case: Mapping[str, str],
        quoted: Mapping[str, str],
        facts: Draws,
        wording: Draws,
        written: list[str],
    ) -> None:
        symbol = self._symbols[name]
        alternatives = symbol.cases[case[symbol.selector]]
        place = 0
        if len(alternatives) > 1:
            draws = facts if symbol.is_fact else wording
            draw = draws.get(symbol.drawn_as)
            if draw is None:
                draw = draws[symbol.drawn_as] = self._random()
            place = int(draw * len(alternatives))
        for literal, inner in alternatives[place]:
            written.append(literal)
            if inner in quoted:
                written.append(quoted[inner])
            elif inner:
                self._write(inner, case, quoted, facts, wording, written)


def presence(quoted: Mapping[str, str]) -> dict[str, str]:
    """The cases of the selectors that ask whether a column is given."""
    return {name: "given" if name in quoted else "missing" for name in QUOTED_COLUMNS}


def _compiled(symbol: Symbol) -> Compiled:
    cases = {
        case: [_tokens(text) for text in alternatives]
        for case, alternatives in symbol.cases.items()
    }
    return Compiled(symbol.drawn_as, symbol.is_fact, symbol.selector, cases)


def _tokens(text: str) -> list[Token]:
    parts = [*PLACEHOLDER.split(text), ""]
    return list(zip(parts[::2], parts[1::2], strict=True))


@dataclass(slots=True)
class Person:
    """An invented petitioner."""

    first_name: str
    second_name: str | None
    first_surname: str
    second_surname: str | None
    gender_code: int
    birth_date: str
    document_type_code: int
    document_number: str
    email: str
    phone_masked: str
    person_type_code: int

    @property
    def full_name(self) -> str:
        """Names and surnames as they are written."""
        names = (self.first_name, self.second_name, self.first_surname, self.second_surname)
        return " ".join(name for name in names if name)


class People:
    """Draws people with the names, ages and codes of the project's."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        folder = files("pqrs_kedro").joinpath("reference")
        names = yaml.safe_load(folder.joinpath("names_co.yml").read_text(encoding="utf-8"))
        self._given: dict[bool, list[str]] = {True: names["feminine"], False: names["masculine"]}
        self._surnames: list[str] = names["surnames"]
        self._given_weights = _by_rank(len(names["feminine"]))
        self._surname_weights = _by_rank(len(self._surnames))
        self._age_weights = list(accumulate(personas._weight_by_age().tolist()))
        self._documents = list(personas.DOCUMENT_TYPE_WEIGHTS)
        self._document_weights = list(accumulate(personas.DOCUMENT_TYPE_WEIGHTS.values()))
        self._plain = {name: _plain(name) for group in names.values() for name in group}

    def draw(self, received_day: int) -> Person:
        """An adult on the day on which the petition is received."""
        feminine = self._random() < 0.53
        given = self._given[feminine]
        first = self._weighted(self._given_weights)
        second = self._below(len(given) - 1)
        first_name = given[first]
        first_surname = self._surnames[self._weighted(self._surname_weights)]
        second_surname = self._surnames[self._weighted(self._surname_weights)]
        address = f"{self._plain[first_name]}.{self._plain[first_surname]}{self._below(1000):03d}"
        domain = personas.EMAIL_DOMAINS[self._below(len(personas.EMAIL_DOMAINS))]
        gender = personas.FEMININE if feminine else personas.MASCULINE
        number = personas.FIRST_DOCUMENT_NUMBER + self._below(500_000_000)
        return Person(
            first_name=first_name,
            second_name=given[second + (second >= first)] if self._random() < 0.66 else None,
            first_surname=first_surname,
            second_surname=second_surname if self._random() < 0.92 else None,
            gender_code=gender if self._random() < 0.98 else personas.UNSTATED,
            birth_date=self._birth_date(to_date(received_day)),
            document_type_code=self._documents[self._weighted(self._document_weights)],
            document_number=str(number),
            email=f"{address}@{domain}",
            phone_masked=f"+57 3XX XXX X{self._below(1000):03d}",
            person_type_code=personas.NATURAL if self._random() < 0.97 else personas.LEGAL,
        )

    def _below(self, size: int) -> int:
        return int(self._random() * size)

    def _weighted(self, cumulative: list[int]) -> int:
        return bisect(cumulative, int(self._random() * cumulative[-1]))

    def _birth_date(self, received: date) -> str:
        year = received.year - 18 - self._weighted(self._age_weights)
        leap_day = (received.month, received.day) == (2, 29)
        latest = date(year, 2, 28) if leap_day else received.replace(year=year)
        return (latest - timedelta(days=self._below(365))).isoformat()


def _by_rank(count: int) -> list[int]:
    """Cumulative weights that fall with the rank."""
    return list(accumulate(10_000 // (rank + 8) for rank in range(count)))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().lower()
