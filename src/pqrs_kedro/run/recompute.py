"""What comes from a run's raw objects, computed once more in a fresh process to compare with it."""

import tempfile
from typing import Any, Final

from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from loky import ProcessPoolExecutor

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import EngineTable
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.datasets.municipal_polygons import MunicipalPolygons
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.datasets.raw_line_counts import RawLineCounts
from pqrs_kedro.lake.layout import logical_key
from pqrs_kedro.lake.objects import LakeObject
from pqrs_kedro.lake.store import FolderStore, Store
from pqrs_kedro.pipeline_registry import AFTER_RAW, join_stages
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.run.manifest import RAW
from pqrs_kedro.run.regenerate import parameters_of

# Intermediate tables that several nodes read, as in conf/base/catalog_intermediate.yml.
ENGINE_TABLES: Final = (
    "repeated_lines", "distinct_events", "rejected_tickets", "rejected_events", "ordered_events",
    "sla_cycles", "first_responses", "observation", "days", "located_tickets",
)  # fmt: skip


def recompute(store: Store, manifest: dict[str, Any]) -> dict[str, LakeObject]:
    """Counts and hashes of all objects but the raw ones, by logical key.

    They are written to a temporary folder, which is as large as the run and gone afterwards.
    """
    with ProcessPoolExecutor(max_workers=1) as pool:
        return dict(pool.submit(_recompute, store, manifest).result())


def _recompute(store: Store, manifest: dict[str, Any]) -> dict[str, LakeObject]:
    with tempfile.TemporaryDirectory(prefix="pqrs-again-") as folder:
        scratch = FolderStore(folder)
        for key in manifest["paths"][RAW]:
            scratch.create(key, store.read(key))
        pipeline = join_stages(AFTER_RAW)
        catalog = {name: _dataset(name, folder, manifest) for name in sorted(pipeline.datasets())}
        try:
            SequentialRunner().run(pipeline, DataCatalog(datasets=dict(catalog)))
        finally:
            ENGINE.close()
    tables = (data for data in catalog.values() if isinstance(data, LakeTable))
    found = (item for table in tables for item in table.objects)
    return {logical_key(item.key): item for item in found}


def _dataset(name: str, folder: str, manifest: dict[str, Any]) -> AbstractDataset[Any, Any]:
    """A dataset of the pipelines, in a folder of its own or in memory."""
    parameters, run_id = parameters_of(manifest), manifest["run_id"]
    if name in TABLES:
        return LakeTable(table=name, path=folder, run_id=run_id)
    if name in ENGINE_TABLES:
        return EngineTable(table=name)
    if name == RAW:
        return RawEvents(path=folder, run_id=run_id)
    if name == "raw_line_counts":
        return RawLineCounts(path=folder, run_id=run_id)
    if name == "municipal_polygons":
        territory = parameters["territory"]
        return MunicipalPolygons(filepath=territory.pop("polygons"), **territory)
    if name == "parameters":
        return MemoryDataset(parameters)
    if name.startswith("params:"):
        return MemoryDataset(parameters[name.removeprefix("params:")])
    return MemoryDataset(copy_mode="assign")
