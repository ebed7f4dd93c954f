"""A raw line as bytes, and how a part of it is replaced.

Lines come from the generator, so their form is known: the keys of the envelope come first, each key
once, and texts have no quotation mark nor backslash but that of a line feed. What is not replaced
stays byte for byte.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

_TEXT: Final = re.compile(rb'"(body|observaciones|text)":"([^"]*)"')
_LISTS: Final = re.compile(rb'"(turns|transcript)":\[')
_SIZE: Final = re.compile(rb'"(size_kb|tamanoKb)":(\d+)')
_PAYLOAD: Final = b'"payload":'


@cache
def _member(key: str) -> re.Pattern[bytes]:
    return re.compile(rb'"%b":("[^"]*"|[^,}\]]+)' % key.encode())


class Part(NamedTuple):
    """A part of a line: where it begins and ends, and the path of the field that it is of."""

    start: int
    end: int
    path: str


@dataclass(frozen=True)
class RawLine:
    """A clean line, without its line feed."""

    content: bytes

    def value(self, key: str) -> bytes:
        """The JSON of a field of the envelope or the attributes; empty if the line has none."""
        found = _member(key).search(self.content)
        return found[1] if found else b""

    def text(self, key: str) -> str:
        """The text of a field of the envelope or the attributes; empty if it is null or absent."""
        value = self.value(key)
        return value[1:-1].decode() if value.startswith(b'"') else ""

    def with_value(self, key: str, json: bytes) -> bytes:
        """The line with other JSON in a field of the envelope or the attributes."""
        found = _member(key).search(self.content)
        if found is None:
            raise ValueError(f"a line has no {key}: {self.content[:80]!r}...")
        return self.with_part(found.start(1), found.end(1), json)

    def without(self, key: str) -> bytes:
        """The line without a field of the envelope, which is not its last."""
        return self.content.replace(b'"%b":%b,' % (key.encode(), self.value(key)), b"", 1)

    def with_last(self, json: bytes) -> bytes:
        """The line with a further member of the envelope at its end."""
        return b"%b,%b}" % (self.content[:-1], json)

    def with_part(self, start: int, end: int, content: bytes) -> bytes:
        """The line with other bytes from `start` to `end`."""
        return self.content[:start] + content + self.content[end:]

    @property
    def spoken(self) -> Part | None:
        """The first text of the payload, without its quotation marks; null if nothing is said."""
        found = _TEXT.search(self.content, self.content.index(_PAYLOAD))
        if found is None:
            return None
        key, turns = found[1].decode(), _LISTS.search(self.content)
        path = f"payload.{turns[1].decode()}[0].{key}" if turns else f"payload.{key}"
        return Part(found.start(2), found.end(2), path)

    @property
    def first_size(self) -> Part | None:
        """The size of the first attachment; null if there is none."""
        found = _SIZE.search(self.content)
        if found is None:
            return None
        files = "documentos" if found[1] == b"tamanoKb" else "attachments"
        return Part(found.start(2), found.end(2), f"payload.{files}[0].{found[1].decode()}")
