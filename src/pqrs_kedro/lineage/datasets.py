"""The datasets of a run's lineage: where each lies, what it is, and what the run says of it."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    data_quality_assertions_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.layout import RAW as RAW_PATH
from pqrs_kedro.lake.objects import read_object
from pqrs_kedro.lake.s3 import PREFIX
from pqrs_kedro.lake.store import Store
from pqrs_kedro.lineage.facets import (
    NAMESPACE,
    contract_fields,
    made,
    raw_fields,
    schema_facet,
    warehouse_fields,
)
from pqrs_kedro.run.manifest import RAW, CommittedRun
from pqrs_kedro.warehouse.publish import QUALITY

# A second reading of the raw objects: the same dataset.
_SAME_OBJECTS: Final[Mapping[str, str]] = {"raw_line_counts": RAW}
_EXTERNAL_LINES: Final = "external_lines"
_GIVEN: Final = "Files of the user's own, where the run was given some."
_PASSING: Final = "Handed from node to node while the run goes on; nothing of it is kept."

Facets = dict[str, DatasetFacet]


@dataclass(frozen=True)
class RunDatasets:
    """The datasets of a committed run, by the names that the catalog has for them."""

    store: Store
    run: CommittedRun
    given: frozenset[str]
    """What the pipelines are given from outside."""

    def read(self, name: str, *, ended: bool = False) -> InputDataset:
        """A dataset that a job reads; when it has ended, with what is known of the rows."""
        return InputDataset(
            *self._place(name),
            facets=self._facets(name),
            inputFacets=self._read_facts(name) if ended else None,
        )

    def checked(self, name: str) -> InputDataset:
        """A dataset whose quality a job has checked, with the outcome of every check."""
        dataset = self.read(name, ended=True)
        found = self._assertions.get(_SAME_OBJECTS.get(name, name))
        if found:
            kind = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
            facets = dataset.inputFacets or {}
            dataset.inputFacets = {**facets, "dataQualityAssertions": made(kind, assertions=found)}
        return dataset

    def written(self, name: str, *, ended: bool = False) -> OutputDataset:
        """A dataset that a job writes; when it has ended, with the rows, bytes and files."""
        return OutputDataset(
            *self._place(name),
            facets=self._facets(name),
            outputFacets=self._written_facts(name) if ended else None,
        )

    # --- Where and what ------------------------------------------------------------------------

    @cached_property
    def _root(self) -> tuple[str, str]:
        """The lake's namespace, and what precedes its paths there."""
        place = self.store.location("")
        if not place.startswith(PREFIX):
            return Path(place).absolute().as_uri(), ""
        parts = urlsplit(place)
        folder = parts.path.strip("/")
        return f"{PREFIX}{parts.netloc}", f"{folder}/" if folder else ""

    def _place(self, name: str) -> tuple[str, str]:
        """Namespace and name: the lake and the table's path, else the project and its own name."""
        name = _SAME_OBJECTS.get(name, name)
        if not _is_kept(name):
            return NAMESPACE, name
        namespace, folder = self._root
        return namespace, f"{folder}{RAW_PATH if name == RAW else TABLES[name].path}"

    def _facets(self, name: str) -> Facets:
        name = _SAME_OBJECTS.get(name, name)
        if not _is_kept(name):
            text = _GIVEN if name in self.given else _PASSING
            return {"documentation": _documentation(text)}
        fields = raw_fields() if name == RAW else contract_fields(TABLES[name])
        text = "one row per raw line" if name == RAW else TABLES[name].grain
        namespace, _ = self._root
        return {
            "schema": schema_facet(fields),
            "documentation": _documentation(text),
            "datasetType": made(
                dataset_type_dataset.DatasetTypeDatasetFacet,
                datasetType="FILE" if name == RAW else "TABLE",
            ),
            "dataSource": made(
                datasource_dataset.DatasourceDatasetFacet, name="lake", uri=namespace
            ),
            "version": made(
                dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=self.run.run_id
            ),
        }

    # --- How much, and how good ----------------------------------------------------------------

    def _written_facts(self, name: str) -> dict[str, OutputDatasetFacet] | None:
        counts = self.run.manifest["datasets"].get(name)
        if counts is None:
            return None
        kind = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        return {"outputStatistics": made(kind, **_statistics(counts))}

    def _read_facts(self, name: str) -> dict[str, InputDatasetFacet] | None:
        if name == _EXTERNAL_LINES:
            files = self.run.manifest["sources"]
            counts = {
                "rows": sum(file["lines"] for file in files),
                "bytes": sum(file["bytes"] for file in files),
                "objects": len(files),
            }
        else:
            counts = self.run.manifest["datasets"].get(_SAME_OBJECTS.get(name, name))
        if counts is None:
            return None
        kind = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        return {"inputStatistics": made(kind, **_statistics(counts))}

    @cached_property
    def _assertions(self) -> dict[str, list[data_quality_assertions_dataset.Assertion]]:
        """The run's checks, by the dataset that is checked."""
        keys = set(self.run.manifest["paths"].get(QUALITY, ()))
        found = defaultdict(list)
        for item in sorted(self.run.objects, key=lambda item: item.key):
            if item.key in keys:
                rows = pq.read_table(pa.BufferReader(read_object(self.store, item)))
                for row in rows.to_pylist():
                    found[row["dataset"]].append(_assertion(row))
        return dict(found)


def published_table(table: sqlalchemy.Table) -> OutputDataset:
    """A table of the warehouse. Which server has it is for its readers to say, not for the run."""
    facets: Facets = {
        "schema": schema_facet(warehouse_fields(table)),
        "documentation": _documentation(table.comment or table.name),
    }
    name = f"warehouse.{table.schema or 'public'}.{table.name}"
    return OutputDataset(NAMESPACE, name, facets=facets, outputFacets=None)


def _is_kept(name: str) -> bool:
    return name == RAW or name in TABLES


def _documentation(text: str) -> documentation_dataset.DocumentationDatasetFacet:
    return made(documentation_dataset.DocumentationDatasetFacet, description=text)


def _statistics(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        "rowCount": counts["rows"], "size": counts["bytes"], "fileCount": counts["objects"],
    }  # fmt: skip


def _assertion(row: Mapping[str, Any]) -> data_quality_assertions_dataset.Assertion:
    details = json.loads(row["details_json"])
    return data_quality_assertions_dataset.Assertion(
        assertion=row["check_name"],
        success=row["result"] == "pass",
        severity=details.get("severity"),
        expected=_number(row["threshold"]),
        actual=_number(row["value"]),
        params={"unit": details["unit"]} if "unit" in details else None,
    )


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value)
