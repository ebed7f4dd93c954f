"""The DANE codes of a user's polygons: five digits, known, one row each."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.polygons.files import refusal

if TYPE_CHECKING:
    import pandas as pd

_FORM: Final = re.compile(r"[0-9]{5}")
# How many codes a message lists.
_EXAMPLES: Final = 5


def dane_codes(file: Path, values: "pd.Series[Any]") -> tuple[list[str], bool]:
    """The codes as text of five digits, in the order of the rows.

    Whole numbers get the leading zero back that a number cannot hold: 5001 is 05001. Texts are
    taken as they are.

    Returns:
        the codes, and whether they were numbers.

    Raises:
        InvalidInput: a code is missing, of another form, not in DIVIPOLA, or there twice.
    """
    from pandas.api.types import is_float_dtype, is_integer_dtype

    are_numbers = bool(is_integer_dtype(values) or is_float_dtype(values))
    column = str(values.name)
    missing = values.isna().to_numpy().nonzero()[0]
    if len(missing):
        raise refusal(file, f"has no code in column {column!r} of row {missing[0] + 1}")
    codes = [_padded(value) if are_numbers else str(value) for value in values.tolist()]
    wrong = [code for code in codes if not _FORM.fullmatch(code)]
    if wrong:
        raise refusal(
            file,
            f"has the code {wrong[0]!r} in column {column!r}; codes are five digits, as '05001'",
        )
    _check_known(file, codes)
    _check_once(file, codes)
    return codes, are_numbers


def _padded(number: float) -> str:
    return f"{int(number):05d}" if float(number).is_integer() else str(number)


def _check_known(file: Path, codes: Sequence[str]) -> None:
    known = set(municipalities()["dane_code"].to_pylist())
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise refusal(
            file,
            f"has codes that are not among the {len(known):,} of DIVIPOLA at 2024-12-30: "
            f"{_listed(unknown)}; leave these rows out",
        )


def _check_once(file: Path, codes: Sequence[str]) -> None:
    several = [code for code, count in Counter(codes).items() if count > 1]
    if several:
        raise refusal(
            file,
            f"has several rows of one code: {_listed(several)}; join their polygons in one row",
        )


def _listed(codes: Sequence[str]) -> str:
    more = len(codes) - _EXAMPLES
    return ", ".join(codes[:_EXAMPLES]) + (f" and {more:,} more" if more > 0 else "")
