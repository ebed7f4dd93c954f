"""How facts become facets of OpenLineage: who says so, and the fields of tables."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import pyarrow as pa
import sqlalchemy
from openlineage.client.facet_v2 import BaseFacet, schema_dataset

import pqrs_kedro
from pqrs_kedro.contracts.raw_schema import raw_event_schema
from pqrs_kedro.contracts.schema import ARROW_TYPES
from pqrs_kedro.contracts.tables import Table

# Namespace of jobs, and of datasets that have no place of their own.
NAMESPACE: Final = "pqrs_kedro"
# A name of what made the events; that of no host.
PRODUCER: Final = f"urn:pqrs-kedro:{pqrs_kedro.__version__}"

Facet = TypeVar("Facet", bound=BaseFacet)
Fields = list[schema_dataset.SchemaDatasetFacetFields]


def made(kind: type[Facet], **fields: Any) -> Facet:
    """A facet that says who produced it."""
    return kind(producer=PRODUCER, **fields)


def schema_facet(fields: Iterable[schema_dataset.SchemaDatasetFacetFields]) -> Any:
    """The schema facet of some fields."""
    return made(schema_dataset.SchemaDatasetFacet, fields=list(fields))


def contract_fields(table: Table) -> Fields:
    """The columns of a lake table as its contract has them: those of the path, then the stored."""
    columns = [table.column(name) for name in (*table.partitions, *table.columns)]
    return [_field(item.name, ARROW_TYPES[item.type], item.type, item.comment) for item in columns]


def _field(name: str, kind: pa.DataType, shown: str | None = None, comment: str | None = None) -> (
    schema_dataset.SchemaDatasetFacetFields
):  # fmt: skip
    """A field; a list has one field `_element`, as the standard's own integrations write it."""
    parts: Fields | None = None
    if pa.types.is_list(kind):
        shown, parts = "array", [_field("_element", kind.value_type)]
    elif pa.types.is_struct(kind):
        shown, parts = "struct", [_field(part.name, part.type) for part in kind]
    return schema_dataset.SchemaDatasetFacetFields(
        name=name, type=shown or str(kind), description=comment, fields=parts
    )


def raw_fields() -> Fields:
    """The fields of a raw line, by the contract that other systems are given."""
    properties: Mapping[str, Mapping[str, Any]] = raw_event_schema()["properties"]
    return [
        schema_dataset.SchemaDatasetFacetFields(
            name=name, description=said.get("description"), fields=None
        )
        for name, said in properties.items()
    ]


def warehouse_fields(table: sqlalchemy.Table) -> Fields:
    """The columns of a table of the warehouse."""
    return [
        schema_dataset.SchemaDatasetFacetFields(
            name=item.name, type=str(item.type), description=item.comment, fields=None
        )
        for item in table.columns
    ]
