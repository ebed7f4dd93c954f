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
    Bad,
    as_line,
    events,
    places,
    put_raw,
)
from tests.unit.scenarios import base_values

from pqrs_kedro.contracts.raw_schema import SCHEMA_FILE, document, main, raw_event_schema
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.pipelines.ingestion.nodes import judge_lines
from pqrs_kedro.run.engine import ENGINE

SCHEMA = raw_event_schema()

# What no form of a single line can say: ingestion finds it with the calendar, the territory, the
# run's profile, or the other lines.
BEYOND_A_SCHEMA = {
    "ts_on_30_february",
    "ts_before_the_calendar",
    "ts_after_the_calendar",
    "a_place_that_does_not_exist",
    "a_type_of_another_profile",
    "a_ticket_without_reception",
    "a_turn_before_the_calendar",
    "a_turn_of_the_next_day",
}


def is_event(line: bytes) -> bool:
    """Whether a line keeps the contract: one JSON value in UTF-8 that keeps the schema."""
    try:
        return is_valid(json.loads(line.decode()), SCHEMA)
    except (ValueError, RecursionError):
        return False


# The file


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


@pytest.mark.parametrize("name", BAD.keys() - BEYOND_A_SCHEMA)
def test_a_line_that_ingestion_rejects_for_itself_breaks_the_schema(name: str) -> None:
    bad: Bad = BAD[name]
    if name == "a_lone_surrogate":
        # Python reads it; it is text that no UTF-8 can hold.
        with pytest.raises(UnicodeEncodeError):
            json.dumps(json.loads(bad.line), ensure_ascii=False).encode()
    else:
        assert not is_event(bad.line)


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
        judged = judge_lines(RawEvents(path=str(tmp_path), run_id="kept").load(), base_values())
        rejected = judged.filter(judged.reason.notnull()).select("reason", "detail", "line")
        assert rejected.to_pyarrow().to_pylist() == []
    finally:
        ENGINE.close()
