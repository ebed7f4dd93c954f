"""JSON as text columns.

Bytes are fixed: key order, spaces and escapes are written here, not left to an encoder.
"""

from collections.abc import Mapping

import polars as pl

NULL = pl.lit("null")


def json_text(value: pl.Expr) -> pl.Expr:
    """A JSON string per row, escaped as RFC 8259 asks; null stays null."""
    wrapped = pl.struct(value.alias("t")).struct.json_encode()
    return wrapped.str.strip_prefix('{"t":').str.strip_suffix("}")


def json_inside(value: pl.Expr) -> pl.Expr:
    """What stands between the quotes of a JSON string, per row; null where there is no text."""
    return pl.when(value.is_not_null()).then(json_text(value).str.slice(1).str.head(-1))


def json_plain(value: pl.Expr) -> pl.Expr:
    """A JSON string per row of text known to need no escapes (codes, numbers, identifiers)."""
    return pl.when(value.is_null()).then(NULL).otherwise(
        pl.concat_str(pl.lit('"'), value, pl.lit('"'))
    )  # fmt: skip


def json_number(value: pl.Expr) -> pl.Expr:
    """A JSON number per row of whole numbers."""
    return value.cast(pl.String).fill_null("null")


def json_object(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    """A JSON object per row of fields that are JSON already, in the order given."""
    return pl.concat_str(*_members(fields), pl.lit("}"))


def json_opening(fields: Mapping[str, pl.Expr], text_field: str) -> pl.Expr:
    """The beginning of a JSON object, up to the text of a further field: `{"a":1,"text":"`."""
    return pl.concat_str(*_members(fields), pl.lit(f',"{text_field}":"'))


def _members(fields: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    parts: list[pl.Expr] = []
    for number, (name, value) in enumerate(fields.items()):
        parts += [pl.lit(f'{"," if number else "{"}"{name}":'), value]
    return parts


def json_array(*items: pl.Expr) -> pl.Expr:
    """A JSON array per row; items that are null in a row are left out."""
    return pl.concat_str(
        pl.lit("["), pl.concat_str(*items, separator=",", ignore_nulls=True), pl.lit("]")
    )
