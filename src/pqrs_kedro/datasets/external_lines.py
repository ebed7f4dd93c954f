"""Lines of files from outside as a Kedro dataset that is only read."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from kedro.io.core import AbstractDataset, DatasetError

from pqrs_kedro.datasets.lines import CHUNK_BYTES, numbered_lines, object_lines, parse_lines
from pqrs_kedro.external import External, SourceFile
from pqrs_kedro.lake.layout import raw_pattern
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.run.engine import ENGINE, EngineSettings

# The longest line that is read. Whoever forgot the line feeds is told so before memory is full.
MAX_LINE_BYTES: Final = 16 << 20


class ExternalLines(AbstractDataset[NoReturn, ibis.Table]):
    """The lines of the files that a run imports, or of the raw objects of the run it repeats.

    `load` gives a table as `parse_lines` says, with blank lines. Of files, source_object is the
    file's place among them; source and day are null where only the line itself says them.
    """

    def __init__(
        self,
        *,
        path: str,
        external: dict[str, Any] | None = None,
        engine: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._external = None if external is None else External.model_validate(external)
        self._engine = EngineSettings(**(engine or {}))
        self.metadata = metadata
        self.read: list[SourceFile] = []
        """What the files were when they were loaded."""

    def load(self) -> ibis.Table:
        """All lines, parsed.

        Raises:
            DatasetError: there is nothing to import, a line is too long, or a file is not what it
                was when checked.
        """
        if self._external is None:
            raise DatasetError("there is nothing to import: kedro import-raw names the files")
        self.read = []
        connection = ENGINE.connect(self._engine)
        parts = self._parts(self._external)
        found = parse_lines(connection, "external_lines", parts, keep_blank=True)
        for before, now in zip(self._external.read, self.read, strict=False):
            if before != now:
                raise DatasetError(f"{now.name} has changed since it was checked")
        return found

    def _parts(self, external: External) -> Iterator[pa.Table]:
        if external.copy_of is None:
            for number, file in enumerate(external.files):
                yield from self._file(Path(file), f"{number:06d}", external)
        else:
            store = open_store(self._path)
            for key in store.glob(raw_pattern(external.copy_of)):
                yield object_lines(key, store.read(key))

    def _file(self, path: Path, source_object: str, external: External) -> Iterator[pa.Table]:
        """The lines of a file, some at a time; what it was is known after the last."""
        digest, size, lines = hashlib.sha256(), 0, 0
        place = external.place_of(path)
        day = None if place.day is None else place.day.isoformat()
        with path.open("rb") as file:
            for piece in _pieces(file):
                part = numbered_lines(piece, source_object, lines + 1, place.source, day)
                _refuse_long_lines(path, part)
                digest.update(piece)
                size, lines = size + len(piece), lines + len(part)
                yield part
        facts = {"bytes": size, "sha256": digest.hexdigest(), "lines": lines}
        self.read.append(SourceFile.model_validate({"name": path.name, **facts, **place._asdict()}))

    def save(self, data: NoReturn) -> None:
        """Refused: the files are the user's."""
        raise DatasetError("lines from outside are read from their files, never saved")

    def _describe(self) -> dict[str, Any]:
        return {"external": self._external and self._external.model_dump(exclude={"read"})}


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The file in pieces that end with a line, or within one that is too long."""
    while piece := file.read(CHUNK_BYTES):
        yield piece if piece.endswith(b"\n") else piece + file.readline(MAX_LINE_BYTES + 1)


def _refuse_long_lines(path: Path, lines: pa.Table) -> None:
    too_long = pc.greater(pc.binary_length(lines["line"]), MAX_LINE_BYTES)
    if pc.any(too_long).as_py():
        number = lines["line_number"].filter(too_long)[0].as_py()
        raise DatasetError(
            f"{path.name}: line {number} is longer than {MAX_LINE_BYTES >> 20} MiB; every event "
            "has a line of its own"
        )
