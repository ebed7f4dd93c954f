"""Lines of files from outside as a Kedro dataset that is only read."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import ibis
import pyarrow as pa
from kedro.io.core import AbstractDataset, DatasetError

from pqrs_kedro.datasets.lines import CHUNK_BYTES, numbered_lines, object_lines, parse_lines
from pqrs_kedro.external import External, SourceFile
from pqrs_kedro.lake.layout import raw_pattern
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.run.engine import ENGINE, EngineSettings


class ExternalLines(AbstractDataset[NoReturn, ibis.Table]):
    """The lines of the files that a run imports, or of the raw objects of the run it repeats.

    `load` gives a table like that of `RawEvents`, in which source_object is the file's place among
    the files; source and day are null where only the line itself says them.
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
            DatasetError: there is nothing to import, or a file is not what it was when checked.
        """
        if self._external is None:
            raise DatasetError("there is nothing to import: kedro import-raw names the files")
        self.read = []
        found = parse_lines(
            ENGINE.connect(self._engine), "external_lines", self._parts(self._external)
        )
        for before, now in zip(self._external.read, self.read, strict=False):
            if before != now:
                raise DatasetError(f"{now.name} has changed since it was checked")
        return found

    def _parts(self, external: External) -> Iterator[pa.Table]:
        if external.copy_of is None:
            source = None if external.source == "auto" else external.source
            for number, file in enumerate(external.files):
                yield from self._file(Path(file), f"{number:06d}", source)
        else:
            store = open_store(self._path)
            for key in store.glob(raw_pattern(external.copy_of)):
                yield object_lines(key, store.read(key))

    def _file(self, path: Path, source_object: str, source: str | None) -> Iterator[pa.Table]:
        digest, size, lines = hashlib.sha256(), 0, 0
        for piece in _pieces(path):
            part = numbered_lines(piece, source_object, lines + 1, source)
            digest.update(piece)
            size, lines = size + len(piece), lines + len(part)
            yield part
        self.read.append(
            SourceFile(name=path.name, bytes=size, sha256=digest.hexdigest(), lines=lines)
        )

    def save(self, data: NoReturn) -> None:
        """Refused: the files are the user's."""
        raise DatasetError("lines from outside are read from their files, never saved")

    def _describe(self) -> dict[str, Any]:
        return {"external": self._external and self._external.model_dump(exclude={"read"})}


def _pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces that end with a line."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece + file.readline()
