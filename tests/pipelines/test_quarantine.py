"""Corrupt raw lines: none is lost, none stops the run, and the good lines around them survive.

The reasons are those of `contracts.columns.QUARANTINE_REASONS`; the documented form of a line is
docs/raw_events.md. One raw object per case, all in one lake, ingested by one real run.
"""

import json
import re
import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conftest import STAGES_AFTER_RAW, copy_project
from tests.oracle import ingestion as oracle
from tests.oracle.builder import RawEvent, ticket_events, write_lake
from tests.oracle.calendar import local_day
from tests.oracle.curation import Rules, assert_same_table, build_silver, files, spoken
from tests.oracle.rejections import curate

from pqrs_kedro.contracts.raw import CANONICAL_PATTERNS
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.pipelines.ingestion.nodes import (
    judge_lines,
    select_bronze_events,
    select_quarantined_lines,
)
from pqrs_kedro.run.engine import ENGINE, EngineSettings

pytestmark = pytest.mark.xdist_group("quarantine")

FIRST_DAY = date(2026, 3, 2)
STORY = """
    2026-03-27 09:00  RECEIVED     +carta.PDF:120
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   PETICION
    2026-04-01 09:00  TERM_EXTENDED  30
    2026-04-06 09:00  RESPONDED    PRORROGA
"""
_tickets = count(1)

MISSING = object()


def events(channel: str = "webform") -> dict[str, RawEvent]:
    """The events of a new ticket, by what happened."""
    lines = ticket_events(STORY, ticket=next(_tickets), channel=channel)
    return {line["status_to"] or line["event_type"]: line for line in lines}


def as_line(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def good() -> bytes:
    return as_line(events()["RECEIVED"])


def changed(path: str, value: Any, *, what: str = "RECEIVED", channel: str = "webform") -> bytes:
    """A good event with one value changed, or taken away."""
    event: Any = deepcopy(events(channel)[what])
    *outer, last = path.split(".")
    place = event
    for name in outer:
        place = place[int(name) if name.isdigit() else name]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return as_line(event)


@dataclass(frozen=True)
class Bad:
    """A line, and why it is rejected."""

    line: bytes
    reason: str
    detail: str | None = None
    channel: str = "webform"


REQUIRED = ("event_id", "event_type", "ts", "source", "ticket_id", "actor_role")

# Lines from which no event can be read.
UNREADABLE: dict[str, Bad] = {
    "truncated_json": Bad(good()[:-40], "invalid_json"),
    "truncated_in_a_multibyte_character": Bad(good().split("í".encode()[1:])[0], "invalid_utf8"),
    "text_after_the_object": Bad(good() + b" x", "invalid_json"),
    "two_objects": Bad(good() + good(), "several_objects"),
    "two_objects_with_spaces_between": Bad(good() + b" \t" + good(), "several_objects"),
    "an_object_and_half_of_another": Bad(good() + good()[:50], "several_objects"),
    "two_objects_with_a_comma_between": Bad(good() + b"," + good(), "invalid_json"),
    "an_object_and_an_array": Bad(good() + b"[]", "invalid_json"),
    "single_quotes": Bad(b"{'event_id': 'x'}", "invalid_json"),
    "text_that_is_no_json": Bad(b"timeout: no answer from the export", "invalid_json"),
    "two_byte_order_marks": Bad(b"\xef\xbb\xbf" * 2 + good(), "invalid_json"),
    "a_byte_order_mark_and_nothing": Bad(b"\xef\xbb\xbf", "invalid_json"),
    "a_byte_order_mark_after_a_space": Bad(b" \xef\xbb\xbf" + good(), "invalid_json"),
    "a_nul_byte_in_a_text": Bad(good().replace(b"Asunto", b"As\0nto"), "invalid_json"),
    "only_a_nul_byte": Bad(b"\0", "invalid_json"),
    "only_a_vertical_tab": Bad(b"\x0b", "invalid_json"),
    "a_lone_surrogate": Bad(good().replace(b"Asunto", rb"\ud800"), "invalid_json"),
    "ten_thousand_open_brackets": Bad(b"[" * 10_000, "invalid_json"),
    "a_lone_surrogate_where_nothing_is_read": Bad(
        good().replace(b"Inventada", rb"\uDC00"), "invalid_json"
    ),
    "a_hundred_arrays_in_each_other": Bad(
        good().replace(b'"Persona"', b"[" * 100 + b"]" * 100), "invalid_json"
    ),
    "not_a_number": Bad(good().replace(b"120", b"NaN"), "invalid_json"),
    "a_number_with_leading_zeros": Bad(good().replace(b"120", b"0120"), "invalid_json"),
    "latin_1": Bad(good().decode().encode("latin-1"), "invalid_utf8"),
    "a_stray_byte_in_a_text": Bad(good().replace(b"Asunto", b"As\xffnto"), "invalid_utf8"),
    "an_overlong_encoding": Bad(good().replace(b"Asunto", b"As\xc0\xafnto"), "invalid_utf8"),
    "utf_16": Bad(good().decode().encode("utf-16"), "invalid_utf8"),
    "a_number": Bad(b"42", "not_an_object"),
    "a_text": Bad(b'"RECEIVED"', "not_an_object"),
    "true": Bad(b"true", "not_an_object"),
    "null": Bad(b"null", "not_an_object"),
    "an_empty_array": Bad(b"[]", "not_an_object"),
    "an_event_in_an_array": Bad(b"[" + good() + b"]", "not_an_object"),
    "an_array_after_spaces": Bad(b"  [1]", "not_an_object"),
}

# Events of which one cannot say what they mean.
AMBIGUOUS: dict[str, Bad] = {
    "a_key_twice": Bad(
        good().replace(b'"ts"', b'"source": "email", "ts"'), "duplicate_key", "source"
    ),
    "a_key_twice_with_the_same_value": Bad(
        good().replace(b'"ts"', b'"source": "webform", "ts"'), "duplicate_key", "source"
    ),
    "a_key_twice_once_escaped": Bad(
        good().replace(b'"ts"', b'"sourc\\u0065": "webform", "ts"'), "duplicate_key", "source"
    ),
    "a_key_twice_in_a_file": Bad(
        good().replace(b'"tamanoKb"', b'"nombre": "b.pdf", "tamanoKb"'), "duplicate_key", "nombre"
    ),
    "an_unread_key_twice": Bad(
        good().replace(b'"anonimo"', b'"codigoPais": 1, "anonimo"'), "duplicate_key", "codigoPais"
    ),
    **{
        f"{what}_for_{path}": Bad(changed(path, value, what=event), "wrong_type", path)
        for what, value in (("a_number", 7), ("true", True), ("an_array", []), ("an_object", {}))
        for path, event in (
            ("event_id", "RECEIVED"),
            ("event_type", "RECEIVED"),
            ("ts", "RECEIVED"),
            ("source", "RECEIVED"),
            ("ticket_id", "RECEIVED"),
            ("actor_role", "RECEIVED"),
            ("external_id", "RADICATED"),
            ("status_from", "RADICATED"),
            ("status_to", "RADICATED"),
            ("attributes.dane_code", "RADICATED"),
            ("attributes.pqrs_type", "CLASSIFIED"),
            ("attributes.priority", "CLASSIFIED"),
            ("attributes.resolution_code", "RESPONDED"),
            ("attributes.cited_external_id", "RESPONDED"),
            ("payload.asunto", "RECEIVED"),
            ("payload.observaciones", "RECEIVED"),
        )
    },
    **{
        f"{name}_for_a_term": Bad(
            changed("attributes.term_business_days", value, what="TERM_EXTENDED"),
            "wrong_type",
            "attributes.term_business_days",
        )
        for name, value in (
            ("a_text", "30"),
            ("a_fraction", 30.5),
            ("a_whole_fraction", 30.0),
            ("true", True),
            ("a_number_of_twenty_digits", 10**19),
            ("a_number_of_five_thousand_digits", int("9" * 4000)),
        )
    },
    "a_text_for_attributes": Bad(changed("attributes", "{}"), "wrong_type", "attributes"),
    "an_array_for_a_payload": Bad(changed("payload", []), "wrong_type", "payload"),
    "an_object_for_documents": Bad(
        changed("payload.documentos", {}), "wrong_type", "payload.documentos"
    ),
    "an_object_for_an_instant_of_a_turn": Bad(
        changed("payload.turns.0.at", {}, channel="chat"), "wrong_type", "payload.turns.at", "chat"
    ),
    "a_turn_that_is_a_text": Bad(
        changed("payload.turns", ["hola"], channel="chat"), "wrong_type", "payload.turns", "chat"
    ),
    "a_file_whose_size_is_a_text": Bad(
        changed("payload.attachments.0.size_kb", "big", channel="email"),
        "wrong_type",
        "payload.attachments.size_kb",
        "email",
    ),
}

# Events that lack what every event must have, or have what none may have.
UNACCEPTABLE: dict[str, Bad] = {
    "an_empty_object": Bad(b"{}", "missing_field", "event_id"),
    "an_object_of_another_kind": Bad(b'{"level": "info"}', "missing_field", "event_id"),
    **{f"no_{n}": Bad(changed(n, MISSING), "missing_field", n) for n in REQUIRED},
    **{f"null_{n}": Bad(changed(n, None), "missing_field", n) for n in REQUIRED},
    **{f"empty_{n}": Bad(changed(n, ""), "missing_field", n) for n in REQUIRED},
    "a_status_event_without_status": Bad(changed("status_to", None), "missing_field", "status_to"),
    "an_unknown_status": Bad(changed("status_to", "LOST"), "unknown_value", "status_to"),
    "an_unknown_status_before": Bad(
        changed("status_from", "LOST", what="CLASSIFIED"), "unknown_value", "status_from"
    ),
    "a_status_in_lower_case": Bad(changed("status_to", "closed"), "unknown_value", "status_to"),
    "an_unknown_kind": Bad(changed("event_type", "NOTE"), "unknown_value", "event_type"),
    "an_unknown_actor": Bad(changed("actor_role", "robot"), "unknown_value", "actor_role"),
    "an_unknown_source": Bad(changed("source", "fax"), "unknown_value", "source"),
    "an_unknown_priority": Bad(
        changed("attributes.priority", "URGENTE", what="CLASSIFIED"),
        "unknown_value",
        "attributes.priority",
    ),
    "an_unknown_resolution": Bad(
        changed("attributes.resolution_code", "OTRA", what="RESPONDED"),
        "unknown_value",
        "attributes.resolution_code",
    ),
    "the_source_of_another_folder": Bad(changed("source", "email"), "invalid_value", "source"),
    "an_event_id_that_is_none": Bad(changed("event_id", "7"), "invalid_value", "event_id"),
    "a_ticket_id_in_capitals": Bad(
        changed("ticket_id", "0195D3A0-0000-7000-8000-00000000000A"), "invalid_value", "ticket_id"
    ),
    "a_ticket_id_with_something_after_it": Bad(
        changed("ticket_id", "0195d3a0-0000-7000-8000-00000000000a "), "invalid_value", "ticket_id"
    ),
    "ts_without_its_zone": Bad(changed("ts", "2026-03-27T14:00:00.000000"), "invalid_value", "ts"),
    "ts_on_30_february": Bad(changed("ts", "2026-02-30T14:00:00.000000Z"), "invalid_value", "ts"),
    "ts_at_25_hours": Bad(changed("ts", "2026-03-27T25:00:00.000000Z"), "invalid_value", "ts"),
    "ts_at_24_hours": Bad(changed("ts", "2026-03-27T24:00:00.000000Z"), "invalid_value", "ts"),
    "ts_in_the_year_0": Bad(changed("ts", "0000-03-27T14:00:00.000000Z"), "invalid_value", "ts"),
    "ts_with_a_line_feed": Bad(
        changed("ts", "2026-03-27T14:00:00.000000Z\n"), "invalid_value", "ts"
    ),
    **{
        f"ts_{name}": Bad(changed("ts", text), "invalid_value", "ts")
        for name, text in (
            ("day_first", "05/02/2026 10:15"),
            ("with_a_space", "2026-03-27 14:00:00.000000Z"),
            ("finer_than_microseconds", "2026-03-27T14:00:00.000000001Z"),
            ("of_ten_digits", "2026-03-27T14:00:00.0000000000Z"),
            ("with_a_point_and_no_digits", "2026-03-27T14:00:00.Z"),
            ("with_an_offset_without_minutes", "2026-03-27T09:00:00.000000-05"),
            ("with_an_offset_that_no_zone_has", "2026-03-27T09:00:00.000000-14:01"),
            ("with_two_zones", "2026-03-27T09:00:00.000000Z-05:00"),
            ("at_25_61", "2026-02-30T25:61:00.000000Z"),
            ("on_30_february_with_an_offset", "2026-02-30T09:00:00.000000-05:00"),
            ("in_arabic_digits", "\u0662\u0660\u0662\u0666-03-27T09:00:00.000000Z"),
            ("before_the_calendar", "2017-01-01T04:59:59.999999Z"),
            ("after_the_calendar", "2040-01-01T05:00:00.000000Z"),
            ("of_the_last_year_there_is", "9999-12-31T23:59:59.999999-05:00"),
        )
    },
    "a_status_on_what_is_no_status_event": Bad(
        changed("status_to", "CLOSED", what="TERM_EXTENDED"), "invalid_value", "status_to"
    ),
    "a_place_of_three_digits": Bad(
        changed("attributes.dane_code", "501", what="RADICATED"),
        "invalid_value",
        "attributes.dane_code",
    ),
    "a_place_in_arabic_digits": Bad(
        changed("attributes.dane_code", "\u0660\u0665\u0660\u0660\u0661", what="RADICATED"),
        "invalid_value",
        "attributes.dane_code",
    ),
}

# Payloads from which no message or file can be made: "a message or file lacks its parts".
BROKEN_PAYLOADS: dict[str, Bad] = {
    name: Bad(changed(path, value, channel=channel), "invalid_value", "payload", channel)
    for name, channel, path, value in (
        ("a_turn_without_text", "chat", "payload.turns.0.text", MISSING),
        ("a_turn_with_null_text", "chat", "payload.turns.0.text", None),
        ("a_turn_of_an_unknown_author", "chat", "payload.turns.1.author", "supervisor"),
        ("a_turn_without_author", "chat", "payload.turns.1.author", MISSING),
        ("a_turn_at_no_instant", "chat", "payload.turns.0.at", "09:00"),
        ("a_turn_before_the_calendar", "chat", "payload.turns.0.at", "1999-03-27T14:00:00.000000Z"),
        ("a_turn_that_is_null", "chat", "payload.turns", [None]),
        ("a_spoken_turn_without_text", "call", "payload.transcript.0.text", MISSING),
        ("a_file_without_name", "email", "payload.attachments.0.file_name", MISSING),
        ("a_file_without_size", "email", "payload.attachments.0.size_kb", MISSING),
        ("a_file_of_negative_size", "email", "payload.attachments.0.size_kb", -1),
        ("a_document_of_negative_size", "webform", "payload.documentos.0.tamanoKb", -1),
        ("a_file_that_is_null", "email", "payload.attachments", [None]),
        ("a_document_without_size", "webform", "payload.documentos.0.tamanoKb", MISSING),
        ("a_document_without_name", "webform", "payload.documentos.0.nombre", MISSING),
    )
}

BAD = {**UNREADABLE, **AMBIGUOUS, **UNACCEPTABLE, **BROKEN_PAYLOADS}


def at(text: str) -> bytes:
    """The reception of 14:00 UTC on 27 March 2026, its instant written in another way."""
    return changed("ts", text)


NOON = "2026-03-27T14:00:00.000000Z"
OFFSET, PRECISION = "other_utc_offset", "mixed_precision"
# Lines that are repaired, the same line as it should be, and the repairs.
REPAIRED: dict[str, tuple[bytes, bytes, list[str]]] = {
    "a_byte_order_mark": (b"\xef\xbb\xbf" + good(), good(), ["byte_order_mark"]),
    "a_place_without_its_zero": (
        changed("attributes.dane_code", "5001", what="RADICATED"),
        changed("attributes.dane_code", "05001", what="RADICATED"),
        ["dane_without_zero"],
    ),
    "an_offset": (at("2026-03-27T09:00:00.000000-05:00"), at(NOON), [OFFSET]),
    "an_offset_over_midnight": (at("2026-03-28T00:30:00.000000+10:30"), at(NOON), [OFFSET]),
    "an_offset_of_nothing": (at("2026-03-27T14:00:00.000000+00:00"), at(NOON), [OFFSET]),
    "the_farthest_offset": (at("2026-03-28T04:00:00.000000+14:00"), at(NOON), [OFFSET]),
    "nanoseconds": (at("2026-03-27T14:00:00.000000000Z"), at(NOON), [PRECISION]),
    "nanoseconds_with_microseconds": (
        at("2026-03-27T14:00:00.123456000Z"),
        at("2026-03-27T14:00:00.123456Z"),
        [PRECISION],
    ),
    "milliseconds": (
        at("2026-03-27T14:00:00.120Z"),
        at("2026-03-27T14:00:00.120000Z"),
        [PRECISION],
    ),
    "seconds": (at("2026-03-27T14:00:00Z"), at(NOON), [PRECISION]),
    "milliseconds_with_an_offset": (
        at("2026-03-27T09:00:00.000-05:00"),
        at(NOON),
        [OFFSET, PRECISION],
    ),
    "nul_in_a_text": (
        changed("payload.observaciones", "a\0b\0"),
        changed("payload.observaciones", "a\ufffdb\ufffd"),
        ["nul_in_text"],
    ),
    "everything_in_one_line": (
        b"\xef\xbb\xbf"
        + changed("ts", "2026-03-27T09:00:00-05:00").replace(b"carta", rb"c\u0000rta"),
        changed("ts", NOON).replace(b"carta", "c\ufffdrta".encode()),
        ["byte_order_mark", OFFSET, PRECISION, "nul_in_text"],
    ),
}
# Lines with fields that no contract knows, and their paths.
UNKNOWN: dict[str, tuple[bytes, list[str]]] = {
    "a_key_more": (changed("version", 2), ["version"]),
    "keys_more_everywhere": (
        good()
        .replace(b'"ts"', b'"z": {"a": 1}, "b": null, "ts"')
        .replace(b'"attributes": {', b'"attributes": {"colour": "red"')
        .replace(b'"anonimo"', b'"subject": "x", "anonimo"')
        .replace(b'"nombre"', b'"hash": "x", "nombre"'),
        ["attributes.colour", "b", "payload.documentos.hash", "payload.subject", "z"],
    ),
    "a_key_of_odd_characters": (good().replace(b'"ts"', b'"a,.\\u00f1": 1, "ts"'), ["a,.ñ"]),
}

BLANK: dict[str, bytes] = {"empty": b"", "spaces": b"   ", "tab": b"\t", "carriage_return": b"\r"}

# Unusual, and nevertheless events.
GOOD: dict[str, bytes] = {
    "spaces_around": b"  " + good() + b" \t",
    "carriage_return_at_the_end": good() + b"\r",
    "escaped_line_feeds": changed("payload.observaciones", "uno\ndos\r\n"),
    "all_planes": changed("payload.observaciones", "ñ 訴 🧾 \u2028 \u0085"),
    "two_megabytes": changed("payload.observaciones", "á" * 1_000_000),
    "keys_in_another_order": as_line(dict(reversed(events()["RECEIVED"].items()))),
    "no_payload": changed("payload", None),
    "no_nullable_keys": changed("external_id", MISSING),
}

# Whole objects: bytes, and for each line the reason it is quarantined for, None for a good line and
# "blank" for a blank one.
FILES: dict[str, tuple[bytes, list[str | None]]] = {
    "an_empty_file": (b"", []),
    "only_a_line_feed": (b"\n", ["blank"]),
    "only_blank_lines": (b"\n  \n\r\n", ["blank"] * 3),
    "a_last_line_without_line_feed": (good() + b"\n" + good(), [None, None]),
    "one_line_without_line_feed": (good(), [None]),
    "a_last_line_cut_off": (good() + b"\n" + good()[:50], [None, "invalid_json"]),
    "blanks_between_and_at_the_end": (
        b"\n" + good() + b"\n\n" + good() + b"\n\n \n",
        ["blank", None, "blank", None, "blank", "blank"],
    ),
    "a_byte_order_mark_before_a_file": (
        b"\xef\xbb\xbf" + good() + b"\n" + good() + b"\n",
        [None, None],
    ),
    "line_ends_of_windows": (good() + b"\r\n" + good() + b"\r\n", [None, None]),
    "line_ends_of_old_macs": (good() + b"\r" + good() + b"\r", ["several_objects"]),
    "a_picture": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        ["invalid_utf8", "invalid_json", "invalid_json"],
    ),
}


def around(line: bytes, channel: str = "webform") -> bytes:
    """The line between two good ones."""
    before, after = (as_line(events(channel)["RECEIVED"]) for _ in range(2))
    return b"\n".join((before, line, after, b""))


OBJECTS: dict[str, tuple[str, bytes]] = {
    **{f"bad {name}": (bad.channel, around(bad.line, bad.channel)) for name, bad in BAD.items()},
    **{f"blank {name}": ("webform", around(line)) for name, line in BLANK.items()},
    **{f"good {name}": ("webform", around(line)) for name, line in GOOD.items()},
    **{f"repaired {name}": ("webform", b"\n".join(pair)) for name, (*pair, _) in REPAIRED.items()},
    **{f"unknown {name}": ("webform", around(line)) for name, (line, _) in UNKNOWN.items()},
    **{f"file {name}": ("webform", content) for name, (content, _) in FILES.items()},
}
DAYS = {name: FIRST_DAY + timedelta(days=n) for n, name in enumerate(OBJECTS)}


def put_raw(lake: Path, run_id: str, channel: str, day: date, content: bytes) -> None:
    folder = lake / f"raw/pqrs/source={channel}/day={day}/run_id={run_id}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_bytes(content)


@dataclass(frozen=True)
class Ingested:
    """What became of every object of the corrupt lake."""

    bronze: dict[str, list[int]]
    """Line numbers of the bronze rows of an object."""
    rows: dict[tuple[str, int], dict[str, Any]]
    """The bronze row of a line of an object."""
    quarantine: dict[str, list[tuple[int, str, str | None, bytes]]]
    """Line number, reason, detail and original bytes of the quarantined lines of an object."""


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    project = copy_project(tmp_path_factory.mktemp("quarantine") / "project")
    for name, (channel, content) in OBJECTS.items():
        put_raw(project.lake, "corrupt", channel, DAYS[name], content)
    run = project.run("ingestion", run_id="corrupt")
    names = {day: name for name, day in DAYS.items()}
    bronze: dict[str, list[int]] = {name: [] for name in OBJECTS}
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for row in run.rows("bronze_pqrs_events"):
        bronze[names[row["day"]]].append(row["line_number"])
        rows[names[row["day"]], row["line_number"]] = row
        assert row["source_object"] == object_key(names[row["day"]])
    quarantine: dict[str, list[tuple[int, str, str | None, bytes]]] = {n: [] for n in OBJECTS}
    for row in run.rows("quarantine_raw_lines"):
        cells = tuple(row[name] for name in ("line_number", "reason", "detail", "line"))
        quarantine[names[row["day"]]].append(cells)
        assert row["source_object"] == object_key(names[row["day"]])
    return Ingested(bronze, rows, quarantine)


def object_key(name: str) -> str:
    return f"raw/pqrs/source={OBJECTS[name][0]}/day={DAYS[name]}/events.jsonl"


def lines_of(content: bytes) -> list[bytes]:
    """Lines as they are numbered: a line feed ends a line and does not begin one."""
    return content.removesuffix(b"\n").split(b"\n") if content else []


def is_blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")


@pytest.mark.parametrize("name", OBJECTS)
def test_no_line_is_lost_and_none_is_made(name: str, ingested: Ingested) -> None:
    lines = lines_of(OBJECTS[name][1])
    quarantined = {number: line for number, _, _, line in ingested.quarantine[name]}
    assert quarantined == {number: lines[number - 1] for number in quarantined}
    numbers = [*ingested.bronze[name], *quarantined]
    expected = [number for number, line in enumerate(lines, start=1) if not is_blank(line)]
    assert sorted(numbers) == expected


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_quarantined_with_its_reason_and_bytes(name: str, ingested: Ingested) -> None:
    bad = BAD[name]
    expected = [(2, bad.reason, bad.detail, bad.line)]
    assert ingested.quarantine[f"bad {name}"] == expected
    assert sorted(ingested.bronze[f"bad {name}"]) == [1, 3]


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_line_counts_as_blank(name: str, ingested: Ingested) -> None:
    assert sorted(ingested.bronze[f"blank {name}"]) == [1, 3]
    assert ingested.quarantine[f"blank {name}"] == []


@pytest.mark.parametrize("name", GOOD)
def test_an_unusual_but_good_line_is_an_event(name: str, ingested: Ingested) -> None:
    assert sorted(ingested.bronze[f"good {name}"]) == [1, 2, 3]
    assert ingested.quarantine[f"good {name}"] == []


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_line_is_the_event_that_it_should_have_been(
    name: str, ingested: Ingested
) -> None:
    own = ("event_id", "ticket_id", "external_id", "line_number")
    found, meant = (ingested.rows[f"repaired {name}", number] for number in (1, 2))
    assert found["repairs"] == REPAIRED[name][2]
    assert meant["repairs"] is None
    same = [column for column in found if column not in (*own, "repairs")]
    assert {c: found[c] for c in same} == {c: meant[c] for c in same}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_fields_are_recorded_and_change_nothing(name: str, ingested: Ingested) -> None:
    assert ingested.rows[f"unknown {name}", 2]["unknown_fields"] == UNKNOWN[name][1]
    assert ingested.rows[f"unknown {name}", 1]["unknown_fields"] is None
    assert sorted(ingested.bronze[f"unknown {name}"]) == [1, 2, 3]


def test_a_line_under_another_day_is_an_event_that_says_so(ingested: Ingested) -> None:
    for (name, _), row in ingested.rows.items():
        assert row["filed_late_days"] == (DAYS[name] - local_day(row["ts"])).days


@pytest.mark.parametrize("name", FILES)
def test_lines_are_numbered_through_a_whole_file(name: str, ingested: Ingested) -> None:
    _, reasons = FILES[name]
    numbered = list(enumerate(reasons, start=1))
    found = sorted((number, reason) for number, reason, _, _ in ingested.quarantine[f"file {name}"])
    assert found == [(n, why) for n, why in numbered if why not in (None, "blank")]
    assert sorted(ingested.bronze[f"file {name}"]) == [n for n, why in numbered if why is None]


# The stages after


DATES = {"date_min": "2026-03-27", "date_max": "2026-03-27"}
DOCUMENTO_TERMS = {"PETICION": 15, "QUEJA": 10, "RECLAMO": 8, "SUGERENCIA": 20}
WHOLE_STORY = """
    2026-03-27 09:00  RECEIVED     +carta.PDF:120
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   QUEJA
    2026-03-30 09:00  ASSIGNED
    2026-03-30 10:00  IN_PROGRESS
    2026-03-31 09:00  RESPONDED
    2026-04-01 09:00  CLOSED
    2026-04-08 09:00  ARCHIVED
"""


@pytest.mark.parametrize(
    "lost",
    [
        ["RADICATED", "CLASSIFIED", "ASSIGNED", "IN_PROGRESS", "RESPONDED", "CLOSED"],
        ["RECEIVED"],
    ],
    ids=["later_lines", "the_reception"],
)
def test_a_corrupt_line_spoils_no_ticket_but_its_own(lost: list[str], tmp_path: Path) -> None:
    """Of the first tickets one line each is cut off; those of the others are whole."""
    project = copy_project(tmp_path / "project")
    tickets = [list(ticket_events(WHOLE_STORY, ticket=n)) for n in range(1, len(lost) + 4)]
    cut = {
        line["event_id"]
        for status, lines in zip(lost, tickets, strict=False)
        for line in lines
        if line["status_to"] == status
    }
    for path in write_lake(project.lake, "spoilt", chain.from_iterable(tickets)):
        lines = path.read_bytes().splitlines()
        kept = [line[:-20] if json.loads(line)["event_id"] in cut else line for line in lines]
        path.write_bytes(b"\n".join([*kept, b""]))
    run = project.run(*STAGES_AFTER_RAW, run_id="spoilt", **DATES)
    assert run.table("quarantine_raw_lines").num_rows == len(lost)
    whole = {line["ticket_id"] for line in chain.from_iterable(tickets[len(lost) :])}
    assert set(run.table("silver_tickets")["ticket_id"].to_pylist()) == whole
    kept = curate(run.lake, run.run_id, DOCUMENTO_TERMS)
    expected = build_silver(kept.events, Rules(DOCUMENTO_TERMS, "CLOSED"))
    for name, frame in expected.items():
        assert_same_table(run.table(name), frame, TABLES[name].primary_key)
    rejected = {(row["ticket_id"], row["reason"]) for row in run.rows("quarantine_silver")}
    reasons = ["no_reception" if status == "RECEIVED" else "broken_chain" for status in lost]
    ids = [lines[0]["ticket_id"] for lines in tickets]
    assert rejected == set(zip(ids, reasons, strict=False))


# Any bytes


@dataclass(frozen=True)
class Judged:
    """The bronze rows and the quarantined lines of one raw object, by line number."""

    bronze: ibis.Table
    rows: dict[int, dict[str, Any]]
    quarantined: dict[int, dict[str, Any]]


class Judge:
    """Loads and judges bytes as the one raw object of a run."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._queries: tuple[ibis.Table, str, str] | None = None

    def __call__(self, content: bytes, source: str = "webform") -> Judged:
        shutil.rmtree(self._lake / "raw", ignore_errors=True)
        put_raw(self._lake, "bytes", source, FIRST_DAY, content)
        (loaded,) = RawEvents(path=str(self._lake), run_id="bytes").load()
        # Compiled once: that takes longer than judging, and every load replaces the same table.
        self._queries = self._queries or self._compiled(loaded)
        bronze, *queries = self._queries
        connection = ENGINE.connect(EngineSettings()).con
        rows, quarantined = (
            {row["line_number"]: row for row in connection.sql(query).to_arrow_table().to_pylist()}
            for query in queries
        )
        return Judged(bronze, rows, quarantined)

    def _compiled(self, loaded: ibis.Table) -> tuple[ibis.Table, str, str]:
        judged = judge_lines(loaded)
        bronze = select_bronze_events(judged)
        return bronze, ibis.to_sql(bronze), ibis.to_sql(select_quarantined_lines(judged))


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    yield Judge(tmp_path_factory.mktemp("bytes"))
    ENGINE.close()


def assert_conserved(content: bytes, judged: Judged) -> None:
    lines = dict(enumerate(lines_of(content), start=1))
    for number, row in judged.quarantined.items():
        assert row["line"] == lines[number]
    numbers = sorted([*judged.rows, *judged.quarantined])
    assert numbers == [number for number, line in lines.items() if not is_blank(line)]


def assert_as_the_oracle_judges(content: bytes, judged: Judged, source: str = "webform") -> None:
    """Every line has the oracle's reason, or is the oracle's event."""
    for number, line in enumerate(lines_of(content), start=1):
        if is_blank(line):
            continue
        expected = oracle.judge(line, source)
        if expected.event is None:
            found = judged.quarantined[number]
            assert (found["reason"], found["detail"] in expected.details) == (expected.reason, True)
        else:
            assert_is_event(judged.rows[number], expected)


def assert_is_event(row: dict[str, Any], expected: oracle.Verdict) -> None:
    event = expected.event or {}
    assert row["ts"].replace(tzinfo=UTC) == event["ts"]
    for name in ("event_id", "event_type", "ticket_id", "external_id", "actor_role"):
        assert row[name] == event[name]
    attributes = event["attributes"] or {}
    for name, path in (("geo_id", "dane_code"), ("pqrs_type", "pqrs_type")):
        assert row[name] == attributes.get(path)
    assert row["term_business_days"] == attributes.get("term_business_days")
    assert frozenset(row["repairs"] or ()) == expected.repairs
    assert row["unknown_fields"] == (sorted(expected.unknown_fields) or None)
    said = [message[3] for message in spoken(event)]
    assert [message["text"] for message in row["messages"] or ()] == said
    assert [tuple(file.values())[::2] for file in row["attachments"] or ()] == files(event)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\0", b"{}"], ids=["empty", "lf", "nul", "object"]
)
def test_a_run_may_consist_of_one_object_without_events(content: bytes, judge: Judge) -> None:
    judged = judge(content)
    assert_conserved(content, judged)
    assert judged.rows == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(REQUIRED), inner),
    max_leaves=6,
)
GOOD_LINE = good()
LINES = st.one_of(
    st.binary(max_size=40),
    JSON.map(as_line),
    st.integers(0, len(GOOD_LINE)).map(lambda end: GOOD_LINE[:end]),
    st.sampled_from(sorted({*BLANK.values(), *(bad.line for bad in BAD.values()), GOOD_LINE})),
)


@settings(max_examples=60)
@given(content=st.binary(max_size=200) | st.lists(LINES, max_size=30).map(b"\n".join))
@example(content=b"\r\n\n\x0b\n\x85\n\xc2\xa0\n")
def test_any_bytes_are_conserved_line_by_line(content: bytes, judge: Judge) -> None:
    judged = judge(content)
    assert_conserved(content, judged)
    assert_as_the_oracle_judges(content, judged)


# Any value in any place of an event


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in items:
        yield (*before, name)
        if isinstance(part, dict | list):
            yield from places(part, (*before, name))


EVENTS = [
    event for channel in ("webform", "chat", "call", "email") for event in events(channel).values()
]
NEAR_MISSES = st.sampled_from(
    [
        "system",
        "agent",
        "bot",
        "MESSAGE",
        "STATUS",
        "TERM_EXTENDED",
        "CLOSED",
        "webform",
        "",
        [],
        {},
    ]
)


def _compact(event: Any) -> bytes:
    """The form of the generator's lines."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


INSTANTS = st.builds(
    "{}T{}{}{}".format,
    st.sampled_from(["2026-03-27", "2026-02-30", "2017-01-01", "2040-01-01", "0001-01-01"]),
    st.sampled_from(["14:00:00", "23:59:59", "24:00:00", "04:59:59"]),
    st.sampled_from(["", ".000", ".123456", ".123456000", ".123456001", ".1", "."]),
    st.sampled_from(["Z", "-05:00", "+14:00", "-14:01", "+05:60", "", "z"]),
)


@st.composite
def altered_events(draw: st.DrawFn) -> bytes:
    """An event in which one value is another one, or gone, in either form of writing."""
    event = deepcopy(draw(st.sampled_from(EVENTS)))
    *outer, last = draw(st.sampled_from(list(places(event))))
    place: Any = event
    for name in outer:
        place = place[name]
    if draw(st.booleans()):
        place[last] = draw(JSON | NEAR_MISSES | INSTANTS)
    else:
        del place[last]
    line = {**event, "source": "webform"} if "source" in event else event
    return _compact(line) if draw(st.booleans()) else as_line(line)


@st.composite
def spoilt_bytes(draw: st.DrawFn) -> bytes:
    """A line of the generator's form with some bytes taken away, put in, or said twice."""
    line = _compact(draw(st.sampled_from(EVENTS)))
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    middle = draw(st.sampled_from([b"", line[first:last] * 2]) | st.binary(max_size=4) | ESCAPES)
    return line[:first] + middle.replace(b"\n", b"") + line[draw(st.sampled_from([first, last])) :]


ESCAPES = st.sampled_from(
    [rb"\u0000", rb"\ud83d\ude00", rb"\ud83d", rb"\u00e1", rb"\x", b'"', b",", b"}{"]
)

_saves = count(1)


@settings(max_examples=30)
@given(lines=st.lists(altered_events() | spoilt_bytes(), min_size=1, max_size=40))
@example(lines=[changed("actor_role", "system")])
@example(lines=[changed("actor_role", "system", what="RESPONDED")])
@example(lines=[_compact({**events()["RECEIVED"], "event_id": "7"})])
def test_an_event_with_any_value_in_it_is_judged_and_kept(
    lines: list[bytes], judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = b"\n".join(lines)
    judged = judge(content)
    assert_conserved(content, judged)
    assert_as_the_oracle_judges(content, judged)
    # Saving holds the rows against the contract of the table.
    lake = tmp_path_factory.getbasetemp() / "altered-lake"
    table = LakeTable(table="bronze_pqrs_events", path=str(lake), run_id=f"save{next(_saves)}")
    table.save(judged.bronze)
    assert sum(item.rows for item in table.objects) == len(judged.rows)


@pytest.mark.parametrize("channel", ["email", "webform", "chat", "call"])
def test_a_line_of_the_generators_form_is_the_same_read_by_either_reader(
    channel: str, judge: Judge
) -> None:
    """Without spaces it fits the pattern, with spaces it is read exactly."""
    lines = list(events(channel).values())
    compact = judge(b"\n".join(map(_compact, lines)), channel)
    spaced = judge(b"\n".join(map(as_line, lines)), channel)
    assert compact.rows == spaced.rows
    assert len(compact.rows) == len(lines)
    patterns = re.compile(CANONICAL_PATTERNS[channel])
    assert [bool(patterns.fullmatch(_compact(line).decode())) for line in lines] == [True] * len(
        lines
    )
    assert not any(patterns.fullmatch(as_line(line).decode()) for line in lines)
