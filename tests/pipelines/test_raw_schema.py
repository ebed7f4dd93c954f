"""docs/contracts/raw_event.schema.json: generated lines keep it, and what breaks the contract not.

Lines are held against it by `tests.oracle.json_schema`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.conftest import CHANNELS, Run
from tests.oracle.json_schema import is_valid
from tests.pipelines.test_quarantine import (
    BAD,
    EVENTS,
    FIRST_DAY,
    MISSING,
    as_line,
    events,
    places,
    put_raw,
)

from pqrs_kedro.contracts.raw import PAYLOAD_FIELDS, RAW_EVENT_STRUCTURE, REQUIRED_FIELDS
from pqrs_kedro.contracts.raw_schema import SCHEMA_FILE, document, main, raw_event_schema
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.pipelines.ingestion.nodes import judge_lines
from pqrs_kedro.run.engine import ENGINE

SCHEMA = raw_event_schema()

# What no schema can say: which dates there are, and how a whole number is written.
BEYOND_A_SCHEMA = {
    "ts_on_30_february",
    "ts_before_the_calendar",
    "ts_after_the_calendar",
    "a_turn_before_the_calendar",
    "a_whole_fraction_for_a_term",
}


def is_event(line: bytes) -> bool:
    """Whether a line keeps the contract: the schema, and what its description says in words."""
    try:
        value = json.loads(line.decode(), object_pairs_hook=without_equal_keys)
        json.dumps(value, ensure_ascii=False).encode()
        return is_valid(value, SCHEMA)
    except (ValueError, RecursionError):
        return False


def without_equal_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, if no key is there twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


# The file


def test_the_schema_knows_the_fields_that_ingestion_knows() -> None:
    envelope, shapes = SCHEMA["properties"], SCHEMA["$defs"]
    assert set(envelope) == set(RAW_EVENT_STRUCTURE)
    assert set(envelope) == set(SCHEMA["required"]) >= set(REQUIRED_FIELDS)
    for channel, names in PAYLOAD_FIELDS.items():
        assert set(shapes[f"payload_{channel}"]["properties"]) == names
    of_attributes = [shape["properties"] for n, shape in shapes.items() if n.startswith("attr")]
    assert set().union(*of_attributes) == set(RAW_EVENT_STRUCTURE["attributes"])


def test_the_committed_schema_is_what_the_contracts_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == document(), "run: make docs"


def test_a_schema_just_written_passes_the_check_and_a_stale_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "contracts" / "raw_event.schema.json"
    for content, code in ((None, 1), (document(), 0), (document().replace("UTC", "CET"), 1)):
        if content is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        result = CliRunner().invoke(main, ["--check", "--path", str(path)])
        assert (result.exit_code, result.output.count("\n")) == (code, code)
    assert CliRunner().invoke(main, ["--path", str(path)]).exit_code == 0
    assert path.read_text(encoding="utf-8") == document()


# Lines


def test_every_generated_line_keeps_the_schema(small_run: Run) -> None:
    seen: Counter[str] = Counter()
    for path in small_run.raw_objects():
        for line in path.read_bytes().splitlines():
            assert is_event(line), line
            event = json.loads(line)
            seen[event["source"], event["status_to"] or event["event_type"]] += 1
    # Each channel has every status, its messages and its extensions.
    assert len(seen) >= len(CHANNELS) * 10


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_lines_that_are_broken_below_keep_the_schema_before(channel: str) -> None:
    assert [e for e in events(channel).values() if not is_event(as_line(e))] == []


@pytest.mark.parametrize("name", sorted(BAD.keys() - BEYOND_A_SCHEMA))
def test_a_line_that_ingestion_rejects_for_itself_breaks_the_schema(name: str) -> None:
    assert not is_event(BAD[name].line)


@pytest.mark.parametrize("name", sorted(BEYOND_A_SCHEMA))
def test_what_only_ingestion_can_find_keeps_the_schema(name: str) -> None:
    assert is_event(BAD[name].line)


def altered(event: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The event with one value changed, or taken away."""
    changed: Any = deepcopy(event)
    place = changed
    for name in path[:-1]:
        place = place[name]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return dict(changed)


STRANGE = [MISSING, None, "", "x", 7, -1, True, [], {}, [None], ["x"], {"x": 1}]


def alterations() -> Iterator[dict[str, Any]]:
    for event in EVENTS:
        for path in places(event):
            for value in STRANGE:
                yield altered(event, path, value)


def test_a_name_too_many_or_too_few_breaks_the_schema() -> None:
    for event in EVENTS:
        assert not is_valid({**event, "version": 2}, SCHEMA)
        for name in event:
            assert not is_valid(altered(event, (name,), MISSING), SCHEMA)
            misspelt = {("x" + key if key == name else key): v for key, v in event.items()}
            assert not is_valid(misspelt, SCHEMA)


def test_ingestion_rejects_no_line_that_keeps_the_schema(tmp_path: Path) -> None:
    """Of all events with one strange value: what the schema takes, ingestion takes."""
    valid = [event for event in alterations() if is_valid(event, SCHEMA)]
    kept = Counter(event["source"] for event in valid)
    assert min(kept[channel] for channel in CHANNELS) > 20
    receptions = [event for event in EVENTS if event["status_to"] == "RECEIVED"]
    for channel in CHANNELS:
        lines = [as_line(e) for e in (*receptions, *valid) if e["source"] == channel]
        put_raw(tmp_path, "kept", channel, FIRST_DAY, b"\n".join(lines))
    try:
        judged = map(judge_lines, RawEvents(path=str(tmp_path), run_id="kept").load())
        lines = [
            row
            for part in judged
            for row in part.select("reason", "detail", "line").to_pyarrow().to_pylist()
        ]
        assert len(lines) > len(valid)
        assert [row for row in lines if row["reason"] is not None] == []
    finally:
        ENGINE.close()
