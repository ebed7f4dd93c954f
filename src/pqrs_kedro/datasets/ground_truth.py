"""A ledger of the truth as a Kedro dataset: parts in, Parquet objects beside the manifest out."""

from datetime import UTC, date, datetime

from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.lake.ahead import emptied
from pqrs_kedro.lake.layout import object_key
from pqrs_kedro.lake.objects import start_day
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.pipelines.synthesis.truth import TruthPart


class GroundTruth(LakeTable):
    """What the generator decided of each ticket of one run, or of each defective line.

    `save` takes complete parts, list by list, and creates an object for each. `load` is that of any
    lake table; no node may use it.
    """

    started_on: date | None = None
    """The run's start day, told by its recorder; where nobody tells, the rule of `start_day`."""

    def save(self, data: list[TruthPart]) -> None:  # type: ignore[override]
        """Create some of the run's objects; called once for each list the generator yields.

        The list is empty afterwards (`emptied`).
        """
        store = open_store(self._path)
        self.saved = True
        day = self.started_on or start_day(store, self._run_id, datetime.now(UTC))
        parts = (
            (object_key(self._table, {"month": part.month}, self._run_id, part.number, day),
             part.table())
            for part in emptied(data)
        )  # fmt: skip
        self.objects.extend(self._write(store, parts))
