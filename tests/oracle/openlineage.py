"""What an OpenLineage event must look like, by the words of the standard (spec 2-0-2).

The core of the standard, and of each facet what it requires: written by hand, so that what the
client library lets pass is judged by something else. A facet that is not listed is an error.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jsonschema

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NAMED: Schema = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": _TEXT, "name": _TEXT},
}
_RUN: Schema = {
    "type": "object",
    "required": ["runId"],
    "properties": {"runId": {"type": "string", "format": "uuid"}},
}
_TIME: Schema = {"type": "string", "format": "date-time"}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_FIELD: Schema = {"$ref": "#/$defs/field"}
_STATISTICS = _object("", rowCount=_COUNT, size=_COUNT, fileCount=_COUNT)
_DOCUMENTATION = _object("description", description=_TEXT)

# By where a facet may be: its key, the name of its schema, and what that requires.
FACETS: dict[str, dict[str, tuple[str, Schema]]] = {
    "run": {
        "parent": ("ParentRunFacet", _object("run job", run=_RUN, job=_NAMED)),
        "nominalTime": (
            "NominalTimeRunFacet",
            _object("nominalStartTime", nominalStartTime=_TIME, nominalEndTime=_TIME),
        ),
        "processing_engine": ("ProcessingEngineRunFacet", _object("version", version=_TEXT)),
        "tags": (
            "TagsRunFacet",
            _object("", tags=_list(_object("key value", key=_TEXT, value=_TEXT))),
        ),
        "executionParameters": (
            "ExecutionParametersRunFacet",
            _object("", parameters=_list(_object("key", key=_TEXT, value={"type": "string"}))),
        ),
    },
    "job": {
        "documentation": ("DocumentationJobFacet", _DOCUMENTATION),
        "jobType": (
            "JobTypeJobFacet",
            _object(
                "processingType integration",
                processingType={"enum": ["BATCH", "STREAMING", "SERVICE"]},
                integration=_TEXT,
            ),
        ),
    },
    "dataset": {
        "schema": ("SchemaDatasetFacet", _object("", fields=_list(_FIELD))),
        "documentation": ("DocumentationDatasetFacet", _DOCUMENTATION),
        "datasetType": ("DatasetTypeDatasetFacet", _object("datasetType", datasetType=_TEXT)),
        "dataSource": ("DatasourceDatasetFacet", _object("", name=_TEXT, uri=_TEXT)),
        "version": ("DatasetVersionDatasetFacet", _object("datasetVersion", datasetVersion=_TEXT)),
    },
    "input": {
        "inputStatistics": ("InputStatisticsInputDatasetFacet", _STATISTICS),
        "dataQualityAssertions": (
            "DataQualityAssertionsDatasetFacet",
            _object(
                "assertions",
                assertions=_list(
                    _object("assertion success", assertion=_TEXT, success={"type": "boolean"})
                ),
            ),
        ),
    },
    "output": {"outputStatistics": ("OutputStatisticsOutputDatasetFacet", _STATISTICS)},
}


def _facets(kind: str) -> Schema:
    base = {"required": ["_producer", "_schemaURL"]}
    properties = {
        key: {"allOf": [base, said], "properties": {"_schemaURL": {"pattern": f"{name}$"}}}
        for key, (name, said) in FACETS[kind].items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _dataset(kind: str) -> Schema:
    own = {"facets": _facets("dataset"), f"{kind}Facets": _facets(kind)}
    return {"allOf": [_NAMED, {"properties": own}]}


_EVENT: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "field": _object(
            "name", name=_TEXT, type=_TEXT, description=_TEXT, fields=_list(_FIELD)
        )
    },
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "job"],
    "properties": {
        "eventTime": _TIME,
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"enum": [
            f"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/{kind}"
            for kind in ("RunEvent", "JobEvent")
        ]},
        "job": {"allOf": [_NAMED, {"properties": {"facets": _facets("job")}}]},
        "run": {"allOf": [_RUN, {"properties": {"facets": _facets("run")}}]},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "inputs": _list(_dataset("input")),
        "outputs": _list(_dataset("output")),
    },
    # An event of a run, or of a job that no run is claimed of.
    "if": {"properties": {"schemaURL": {"pattern": "RunEvent$"}}},
    "then": {"required": ["run", "eventType"]},
    "else": {"not": {"anyOf": [{"required": ["run"]}, {"required": ["eventType"]}]}},
}  # fmt: skip

_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return datetime.fromisoformat(str(value)).utcoffset() is not None


@_FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return str(UUID(str(value))) == value


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return bool(urlsplit(str(value)).scheme)


VALIDATOR = jsonschema.Draft202012Validator(_EVENT, format_checker=_FORMATS)


def problems(event: Any) -> list[str]:
    """What is wrong with an event."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(event)]
