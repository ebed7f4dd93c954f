"""Bytes that are set aside in temporary files, and read when they are wanted.

They are read, not mapped: mapped pages count as memory of the process. Many pieces share a file,
since each open file takes one of the few descriptors that a process may have.
"""

import os
import tempfile
import weakref
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

# A file goes when nothing in it is wanted any more, so large ones hold the disk for longer.
FILE_BYTES: Final = 256 << 20


class _TemporaryFile:
    """A file without a name, which goes with the last object that refers to it."""

    def __init__(self) -> None:
        self.descriptor, name = tempfile.mkstemp(prefix="pqrs-lines-")
        # Nothing is left behind, however the process ends.
        os.unlink(name)  # noqa: PTH108  (mkstemp gives a text)
        self.size = 0
        weakref.finalize(self, os.close, self.descriptor)

    def append(self, content: pa.Buffer) -> int:
        """Write bytes at the end; returns where they begin."""
        start, rest = self.size, memoryview(content)
        while rest:
            written = os.pwrite(self.descriptor, rest, self.size)
            rest, self.size = rest[written:], self.size + written
        return start


@dataclass(frozen=True)
class Spilled:
    """Some bytes of a temporary file."""

    file: _TemporaryFile
    start: int
    size: int

    def slice(self, offset: int, length: int) -> "Spilled":
        """A part of the bytes; nothing is read."""
        return Spilled(self.file, self.start + offset, length)

    def read(self) -> pa.Buffer:
        """The bytes, in memory."""
        parts, place, end = list[bytes](), self.start, self.start + self.size
        while place < end:
            parts.append(os.pread(self.file.descriptor, end - place, place))
            if not parts[-1]:
                raise OSError(f"a temporary file of lines ends at {place}, before {end}")
            place += len(parts[-1])
        # All of it in one piece, as a rule, which `join` does not copy.
        return pa.py_buffer(b"".join(parts))


class Spill:
    """Sets bytes aside, in one file after the other."""

    def __init__(self) -> None:
        self._file: _TemporaryFile | None = None

    def put(self, content: pa.Buffer) -> Spilled:
        """Write bytes to a temporary file."""
        if self._file is None or self._file.size >= FILE_BYTES:
            self._file = _TemporaryFile()
        return Spilled(self._file, self._file.append(content), content.size)
