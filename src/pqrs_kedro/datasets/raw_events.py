"""The raw layer of one run as a Kedro dataset: JSON Lines objects in, numbered lines out.

Saving takes complete raw objects, list by list, and creates each one. Loading splits and reads them
(`lines`).
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final, Protocol

import ibis
import pyarrow as pa
from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import JSONPreview

from pqrs_kedro.datasets.lines import object_lines, parse_lines
from pqrs_kedro.lake.ahead import emptied, in_order, read_in_order
from pqrs_kedro.lake.layout import raw_key, raw_pattern
from pqrs_kedro.lake.objects import LakeObject, put
from pqrs_kedro.lake.store import Content, open_store
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.memory import give_back

# Objects whose lines are in the engine together: each time, a query is compiled.
_PART_BYTES: Final = 192 << 20


class RawObject(Protocol):
    """What is saved: the lines of one source and local day."""

    @property
    def source(self) -> str:
        """Intake channel of all lines."""

    @property
    def day(self) -> date:
        """Local day under which they lie."""

    @property
    def rows(self) -> int:
        """How many lines there are."""

    def content(self) -> Content:
        """The object's bytes."""


class RawEvents(AbstractDataset[list[RawObject], Iterator[ibis.Table]]):
    """Raw objects of a run.

    `load` gives the run in parts of whole objects, one after the other. Each is an Ibis table,
    which the next replaces, with one row per line that is not blank, as `parse_lines` says.
    """

    def __init__(
        self,
        *,
        path: str,
        run_id: str,
        engine: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._engine = EngineSettings(**(engine or {}))
        self.metadata = metadata
        self.objects: list[LakeObject] = []
        self.saved = False

    def save(self, data: list[RawObject]) -> None:
        """Create some of the run's objects; called once for each list the generator yields.

        The list is empty afterwards (`emptied`).
        """
        store = open_store(self._path)
        self.saved = True

        def write(item: RawObject) -> LakeObject:
            key = raw_key(item.source, item.day, self._run_id)
            return put(store, key, item.content(), item.rows)

        self.objects.extend(in_order(write, emptied(data), store.in_flight))

    def load(self) -> Iterator[ibis.Table]:
        """All lines of the run, parsed; a run without lines has one part without rows."""
        connection = ENGINE.connect(self._engine)
        for keys in self._parts():
            yield parse_lines(connection, "raw_lines", self._lines(keys))
            give_back()

    def _parts(self) -> Iterator[list[str]]:
        """The keys of the run's objects, so many at a time as fit in a part."""
        store = open_store(self._path)
        keys = store.glob(raw_pattern(self._run_id))
        if not keys and not self.saved:
            raise DatasetError(
                f"run {self._run_id} has no raw objects in {store.location('')}: "
                "run the synthesis pipeline with this run_id first"
            )
        part: list[str] = []
        size = 0
        for key in keys:
            part.append(key)
            size += store.size(key)
            if size >= _PART_BYTES:
                yield part
                part, size = [], 0
        if part or not keys:
            yield part

    def _lines(self, keys: list[str]) -> Iterator[pa.Table]:
        """The lines of one object after the other."""
        for key, content in zip(keys, read_in_order(open_store(self._path), keys), strict=True):
            yield object_lines(key, content)

    def _exists(self) -> bool:
        return bool(open_store(self._path).glob(raw_pattern(self._run_id)))

    def _describe(self) -> dict[str, Any]:
        pattern = f"{self._path}/{raw_pattern(self._run_id)}"
        return {"path": self._path, "run_id": self._run_id, "filepath": pattern}

    def preview(self, nrows: int = 5) -> JSONPreview:
        """The first lines of the run's first object, for Kedro-Viz."""
        store = open_store(self._path)
        keys = store.glob(raw_pattern(self._run_id))
        lines = store.read(keys[0]).split(b"\n")[:nrows] if keys else []
        return JSONPreview(json.dumps([_shown(line) for line in lines if line]))


def _shown(line: bytes) -> Any:
    """The line's JSON, or its text where it has none."""
    try:
        return json.loads(line)
    except ValueError:
        return line.decode(errors="replace")
