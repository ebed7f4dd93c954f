"""Raw bytes as a person can look at them without harm."""

import unicodedata
from typing import Final

_ELLIPSIS: Final = " … "
# Of a shortened text, what is kept of its end.
_TAIL: Final = 24


def readable(line: bytes, most: int | None = None) -> str:
    r"""A line as text: what is no UTF-8 as `\xff`, what is no visible character as its escape.

    Args:
        line: the bytes, whatever they are.
        most: characters to show; of a longer line the beginning and the end. Null shows it all.
    """
    text = line.decode("utf-8", errors="backslashreplace")
    if most is not None and len(text) > most:
        text = text[: most - _TAIL] + _ELLIPSIS + text[-_TAIL:]
    return "".join(
        character if _is_visible(character) else _escaped(character) for character in text
    )


def _is_visible(character: str) -> bool:
    # Control and format characters (C.) move a terminal's cursor, or turn a text's direction.
    return not unicodedata.category(character).startswith(("C", "Zl", "Zp"))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
