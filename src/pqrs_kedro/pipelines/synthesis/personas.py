"""Invented people, recognisably so: no contact or document of theirs can belong to anyone.

Each attribute has its own draw, taken with integer arithmetic only, so a person is a pure function
of a row of draws and the received day, and a new attribute leaves the others as they were.
"""

import unicodedata
from enum import IntEnum
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Draws = NDArray[np.uint64]


class _Draw(IntEnum):
    """The column of each attribute's draw. New ones go to the end."""

    GENDER = 0
    GENDER_STATED = 1
    FIRST_NAME = 2
    SECOND_NAME = 3
    HAS_SECOND_NAME = 4
    FIRST_SURNAME = 5
    SECOND_SURNAME = 6
    HAS_SECOND_SURNAME = 7
    AGE_YEARS = 8
    BIRTHDAY = 9
    DOCUMENT_TYPE = 10
    DOCUMENT_NUMBER = 11
    EMAIL_DOMAIN = 12
    EMAIL_NUMBER = 13
    PHONE = 14
    PERSON_TYPE = 15


PERSONA_DRAWS = len(_Draw)

# Codes in the manner of the SDQS web form, whose own code tables are not among our sources.
MASCULINE, FEMININE, UNSTATED = 1, 2, 3
NATURAL, LEGAL = 1, 2
# Cédula de ciudadanía, cédula de extranjería, permiso por protección temporal: weights in percent.
DOCUMENT_TYPE_WEIGHTS = {1: 94, 2: 4, 3: 2}

# Ten digits from 95: issued cédulas stay below about 1,300,000,000, foreigners' documents are
# shorter, and a firm's tax number (NIT) written with its check digit begins with 8 or 90, so none
# of these numbers has been given to anybody.
FIRST_DOCUMENT_NUMBER = 9_500_000_000
_DOCUMENT_NUMBERS = 500_000_000

# Reserved for examples by RFC 2606: nobody can receive mail there.
EMAIL_DOMAINS = (
    "example.com",
    "example.org",
    "example.net",
    "correo.example",
    "buzon.example",
    "mensajes.example",
)

# Adults per thousand by first year of age of a band, in the shape of Colombia's pyramid [assume].
_AGE_BANDS = {
    18: 46,
    20: 112,
    25: 116,
    30: 113,
    35: 104,
    40: 94,
    45: 83,
    50: 77,
    55: 73,
    60: 61,
    65: 47,
    70: 33,
    75: 22,
    80: 12,
    85: 7,
}
_FIRST_AGE_YEARS, _LAST_AGE_YEARS = 18, 90
_DAYS_WITHIN_AGE = 365  # a birthday 0 to 364 days ago never adds a year


def personas(draws: Draws, received_day: Integers) -> pl.DataFrame:
    """Invented adults, one row per row of `draws`.

    Args:
        draws: shape (rows, PERSONA_DRAWS).
        received_day: shape (rows,), days since 1970-01-01; ages are 18 to 90 whole years then.

    Columns: `first_name`, `second_name` (null for about a third), `first_surname`, `second_surname`
    (null for about one in twelve), `full_name`, `gender_code` (1 masculine, 2 feminine, 3 not
    stated), `birth_date` (ISO text), `document_type_code` (1 cédula de ciudadanía, 2 cédula de
    extranjería, 3 permiso por protección temporal), `document_number`, `email`, `phone_masked`,
    `person_type_code` (1 natural person, 2 legal person for which this one writes).
    """
    if draws.shape != (len(received_day), PERSONA_DRAWS):
        raise ValueError(f"draws of shape {draws.shape} for {len(received_day)} rows")
    feminine = _below(draws, _Draw.GENDER, 100) < 53
    names = _names(draws, feminine)
    stated = _below(draws, _Draw.GENDER_STATED, 100) < 98
    natural = _below(draws, _Draw.PERSON_TYPE, 100) < 97
    return names.with_columns(
        full_name=_full_name(names),
        gender_code=np.where(stated, np.where(feminine, FEMININE, MASCULINE), UNSTATED),
        birth_date=_birth_date(draws, received_day),
        document_type_code=_document_type(draws),
        document_number=_document_number(draws),
        email=_email(draws, names),
        phone_masked=_phone(draws),
        person_type_code=np.where(natural, NATURAL, LEGAL),
    )


def _below(draws: Draws, column: _Draw, size: int) -> Integers:
    """Integers from 0 to size - 1, uniform to within size / 2^32."""
    high = draws[:, column] >> np.uint64(32)
    return ((high * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def _weighted(draws: Draws, column: _Draw, weights: Integers) -> Integers:
    cumulative = np.cumsum(weights)
    found = np.searchsorted(cumulative, _below(draws, column, int(cumulative[-1])), side="right")
    return found.astype(np.int64)


def _names(draws: Draws, feminine: NDArray[np.bool_]) -> pl.DataFrame:
    given, surnames = _given_names(), _surnames()
    half = len(given) // 2  # masculine names, then as many feminine ones
    offset = np.where(feminine, half, 0)
    first = _weighted(draws, _Draw.FIRST_NAME, _rank_weights(half))
    # Any of the others: nobody is called Juan Juan.
    second = _below(draws, _Draw.SECOND_NAME, half - 1)
    second += second >= first
    surname_weights = _rank_weights(len(surnames))
    first_surname = _weighted(draws, _Draw.FIRST_SURNAME, surname_weights)
    second_surname = _weighted(draws, _Draw.SECOND_SURNAME, surname_weights)
    has_second_name = _below(draws, _Draw.HAS_SECOND_NAME, 100) < 66
    has_second_surname = _below(draws, _Draw.HAS_SECOND_SURNAME, 100) < 92
    return pl.DataFrame(
        {
            "first_name": given.gather(first + offset),
            "second_name": _where(has_second_name, given.gather(second + offset)),
            "first_surname": surnames.gather(first_surname),
            "second_surname": _where(has_second_surname, surnames.gather(second_surname)),
        }
    )


def _where(present: NDArray[np.bool_], column: pl.Series) -> pl.Series:
    return column.zip_with(pl.Series(present), pl.Series([None], dtype=pl.String))


def _rank_weights(count: int) -> Integers:
    """Weights that fall with the rank as frequencies of names do (Zipf, flattened)."""
    return 10_000 // (np.arange(count, dtype=np.int64) + 8)


@cache
def _reference() -> dict[str, list[str]]:
    text = files("pqrs_kedro").joinpath("reference", "names_co.yml").read_text(encoding="utf-8")
    names: dict[str, list[str]] = yaml.safe_load(text)
    if len(names["masculine"]) != len(names["feminine"]):
        raise ValueError("names_co.yml: the lists of given names must be equally long")
    return names


def _given_names() -> pl.Series:
    names = _reference()
    return pl.Series([*names["masculine"], *names["feminine"]], dtype=pl.String)


def _surnames() -> pl.Series:
    return pl.Series(_reference()["surnames"], dtype=pl.String)


def _full_name(names: pl.DataFrame) -> pl.Series:
    return names.select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True)).to_series()


def _birth_date(draws: Draws, received_day: Integers) -> pl.Series:
    """Born so that the whole years of age on the received day are those drawn."""
    age_years = _FIRST_AGE_YEARS + _weighted(draws, _Draw.AGE_YEARS, _weight_by_age())
    latest = _years_before(received_day, age_years)
    days_since_birthday = _below(draws, _Draw.BIRTHDAY, _DAYS_WITHIN_AGE)
    return pl.Series((latest - days_since_birthday).astype("datetime64[D]")).dt.to_string("%F")


def _weight_by_age() -> Integers:
    """Weights of each age from 18 to 90, those of a band shared equally by its years."""
    first_ages = np.array(list(_AGE_BANDS))
    years = np.diff(first_ages, append=_LAST_AGE_YEARS + 1)
    return np.repeat(np.array(list(_AGE_BANDS.values())) * 60 // years, years)


def _years_before(day: Integers, years: Integers) -> NDArray[np.datetime64]:
    """The same date some years earlier; 29 February becomes the 28th in a common year."""
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    target = month - 12 * years
    last = (target + 1).astype("datetime64[D]") - 1
    earlier: NDArray[np.datetime64] = np.minimum(
        target.astype("datetime64[D]") + (date - month), last
    )
    return earlier


def _document_type(draws: Draws) -> Integers:
    weights = np.array(list(DOCUMENT_TYPE_WEIGHTS.values()))
    return np.array(list(DOCUMENT_TYPE_WEIGHTS))[_weighted(draws, _Draw.DOCUMENT_TYPE, weights)]


def _document_number(draws: Draws) -> pl.Series:
    offset = _below(draws, _Draw.DOCUMENT_NUMBER, _DOCUMENT_NUMBERS)
    return pl.Series(FIRST_DOCUMENT_NUMBER + offset).cast(pl.String)


def _email(draws: Draws, names: pl.DataFrame) -> pl.Series:
    domains = pl.Series(EMAIL_DOMAINS).gather(_below(draws, _Draw.EMAIL_DOMAIN, len(EMAIL_DOMAINS)))
    number = pl.Series(_below(draws, _Draw.EMAIL_NUMBER, 1000)).cast(pl.String).str.zfill(3)
    first, surname = _address_part(names["first_name"]), _address_part(names["first_surname"])
    return pl.select(
        pl.concat_str(pl.concat_str(first, surname, separator="."), number, pl.lit("@"), domains)
    ).to_series()


def _address_part(names: pl.Series) -> pl.Series:
    """Names in lower case without accents, as an address may hold them."""
    return names.replace_strict(_plain_names(), return_dtype=pl.String)


@cache
def _plain_names() -> dict[str, str]:
    every = [name for names in _reference().values() for name in names]
    return {
        name: unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().lower()
        for name in every
    }


def _phone(draws: Draws) -> pl.Series:
    """A mobile number with six of its ten digits masked, so that it cannot be dialled."""
    visible = pl.Series(_below(draws, _Draw.PHONE, 1000)).cast(pl.String).str.zfill(3)
    return pl.select(pl.concat_str(pl.lit("+57 3XX XXX X"), visible)).to_series()
