"""Event logs of dirty data: hostile texts, repeated lines, rows in any order, nothing at all."""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.conftest import (
    STAGES_AFTER_RAW,
    STORY_DATES,
    STORY_TYPES,
    Project,
    Run,
    base_profiles,
    copy_project,
)
from tests.event_logs import Expected, Row, export, plain_rows, read_csv_rows
from tests.oracle.builder import RawEvent, ticket_events, write_lake

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.event_log.export import FORMATS
from pqrs_kedro.event_log.stage import NotInRun
from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import table_pattern
from pqrs_kedro.lake.parquet import parquet_bytes

XES = "{http://www.xes-standard.org/}"
REPLACEMENT = "\ufffd"
# XML 1.0, section 2.2: what is no character.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Markup, quotes, separators, every kind of line end, control characters, non-characters, emoji.
HOSTILE = (
    " <b>\"Señor\" & 'Cía'</b> &amp; &#10; ]]> <!-- ,;|\t\n\r\n\r\u0085\u2028"
    + "".join(map(chr, (*range(0x01, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)))
    + "\0\ufffe\uffff\ufeff 👩🏽‍⚖️ =1+1 \\n {} {0} null "
)
# Ingestion replaces NUL.
CURATED = HOSTILE.replace("\0", "\ufffd")
TURNS = 105


def hostile_lines() -> Iterator[RawEvent]:
    """Three tickets: hostile texts and a citation, an extension, and a long chat."""
    story = """
        2026-03-27 09:00  RECEIVED     +a"<&>'.pdf:120
        2026-03-27 09:10  RADICATED    05001
        2026-03-27 10:00  CLASSIFIED   PETICION
        2026-03-27 11:00  ASSIGNED
        2026-03-27 12:00  IN_PROGRESS
        2026-03-30 09:00  MESSAGE
        2026-03-30 10:00  TERM_EXTENDED  30
        2026-03-31 09:00  RESPONDED    REITERATIVA
        2026-03-31 10:00  CLOSED
        2026-03-31 11:00  ARCHIVED
    """
    for ticket, channel in ((1, "email"), (2, "webform"), (3, "chat")):
        cited = f"2026100{ticket - 1:06d}2"
        for event in ticket_events(story, ticket=ticket, channel=channel, cited_external_id=cited):
            payload = event["payload"] or {}
            for name in ("subject", "body", "asunto", "observaciones"):
                if name in payload:
                    payload[name] = HOSTILE
            if payload.get("turns") and event["status_to"] == "RECEIVED":
                first = payload["turns"][0]
                payload["turns"] = [{**first, "text": f"turn {n}"} for n in range(1, TURNS + 1)]
            yield event


def repeated_lines(lines: list[RawEvent]) -> Iterator[RawEvent]:
    """Lines whose event is told already: of another day and term, and of another type."""
    (extension, *_) = (line for line in lines if line["event_type"] == "TERM_EXTENDED")
    yield extension
    later = {**extension, "ts": extension["ts"].replace("2026-03-30", "2026-04-06")}
    yield {**later, "attributes": {"term_business_days": 99}}
    (radicated, *_) = (line for line in lines if line["status_to"] == "RADICATED")
    disguised = {"event_type": "TERM_EXTENDED", "status_from": None, "status_to": None}
    yield {**radicated, **disguised, "ts": later["ts"], "attributes": {"term_business_days": 77}}


def commit_by_hand(run: Run, tables: dict[str, pa.Table] | None = None) -> None:
    """Checksums and a manifest for what is in the lake; `tables` are put in place of theirs."""
    paths: dict[str, list[str]] = {}
    objects: list[Row] = []
    for table in TABLES.values():
        keys = sorted(run.lake.glob(table_pattern(table, run.run_id)))
        if table.name in (tables or {}):
            for path in keys[1:]:
                path.unlink()
            rows = (tables or {})[table.name].select(list(table.columns))
            keys[0].write_bytes(parquet_bytes(rows.cast(arrow_schema(table))))
            keys = keys[:1]
        paths[table.name] = [path.relative_to(run.lake).as_posix() for path in keys]
        for key in paths[table.name]:
            content = (run.lake / key).read_bytes()
            objects.append({"key": key, "rows": pq.read_metadata(run.lake / key).num_rows,
                            "bytes": len(content), "sha256": sha256_hex(content)})  # fmt: skip
    manifest = {"run_id": run.run_id, "origin": "by hand", "digest": "0" * 64, "paths": paths}
    folder = run.lake / f"manifests/day=2026-03-27/run_id={run.run_id}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checksums.json").write_text(json.dumps({"objects": objects}))
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A committed run of hostile lines, some of them repeated. To be read only."""
    project = copy_project(tmp_path_factory.mktemp("hostile") / "project")
    profile = {**base_profiles()["documento_v1"], "types": STORY_TYPES}
    settings = json.dumps({"profiles": {"stories": profile}})
    (project.path / "conf/local/parameters_stories.yml").write_text(settings, encoding="utf-8")
    lines = list(hostile_lines())
    write_lake(project.lake, "hostile", [*lines, *repeated_lines(lines)])
    project.run(*STAGES_AFTER_RAW, run_id="hostile", profile="stories", **STORY_DATES)
    run = Run(project, "hostile")
    commit_by_hand(run)
    return run


@pytest.mark.xdist_group("hostile")
def test_xes_keeps_every_character_that_xml_has(hostile_run: Run, tmp_path: Path) -> None:
    """What it has not becomes U+FFFD; PM4Py and the standard library read the same."""
    import pm4py

    path = export(hostile_run, "xes", tmp_path / "log.xes", with_texts=True).path
    expected = Expected(hostile_run).case_rows(texts=True)
    for row in expected:
        if "text" in row:
            row["text"] = NOT_XML.sub(REPLACEMENT, row["text"])
    assert any(NOT_XML.sub(REPLACEMENT, HOSTILE) == row.get("text") for row in expected)
    assert plain_rows(pm4py.read_xes(str(path))) == expected
    events = ElementTree.parse(path).getroot().iter(f"{XES}event")
    texts = [item.get("value") for event in events for item in event if item.get("key") == "text"]
    assert texts == [row["text"] for row in expected if "text" in row]


@pytest.mark.xdist_group("hostile")
def test_csv_keeps_every_character_but_nul(hostile_run: Run, tmp_path: Path) -> None:
    path = export(hostile_run, "csv", tmp_path / "log.csv", with_texts=True).path
    expected = Expected(hostile_run).case_rows(texts=True)
    for row in expected:
        if "text" in row:
            row["text"] = row["text"].replace("\0", REPLACEMENT)
    assert any(HOSTILE.replace("\0", REPLACEMENT) == row.get("text") for row in expected)
    assert read_csv_rows(path) == expected


@pytest.mark.xdist_group("hostile")
def test_ocel_keeps_every_character(hostile_run: Run, tmp_path: Path) -> None:
    path = export(hostile_run, "ocel", tmp_path / "log.ocel.json", with_texts=True).path
    found = {
        item["id"]: {attribute["name"]: attribute["value"] for attribute in item["attributes"]}
        for item in json.loads(path.read_bytes())["objects"]
    }
    expected = Expected(hostile_run)
    letters = [row for row in expected.messages if row["subject"] is not None]
    assert {row["text"] for row in letters} == {row["subject"] for row in letters} == {CURATED}
    for row in expected.messages:
        assert found[row["message_id"]]["text"] == row["text"]
        assert found[row["message_id"]].get("subject") == row["subject"]
    names = {found[row["attachment_id"]]["file_name"] for row in expected.attachments}
    assert names == {"a\"<&>'.pdf"}


@pytest.mark.xdist_group("hostile")
def test_pm4py_reads_hostile_ocel_with_its_citations(hostile_run: Run, tmp_path: Path) -> None:
    import pm4py

    path = export(hostile_run, "ocel", tmp_path / "log.ocel.json", with_texts=True).path
    log = pm4py.read_ocel2(str(path))
    tickets = {row["external_id"]: row["ticket_id"] for row in Expected(hostile_run).tickets}
    pairs = zip(log.o2o["ocel:oid"], log.o2o["ocel:oid_2"], log.o2o["ocel:qualifier"], strict=True)
    repeats = {(one, other) for one, other, qualifier in pairs if qualifier == "repeats"}
    # The first ticket cites a number that is not in the run.
    assert repeats == {
        (tickets[f"2026100{n:06d}2"], tickets[f"2026100{n - 1:06d}2"]) for n in (2, 3)
    }
    assert CURATED in set(log.objects["text"].dropna())


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("name", FORMATS)
def test_texts_are_left_out_unless_asked_for(name: str, hostile_run: Run, tmp_path: Path) -> None:
    content = export(hostile_run, name, tmp_path / "log").path.read_text(encoding="utf-8")
    assert "Señor" not in content
    assert "turn 1" not in content


@pytest.mark.xdist_group("hostile")
def test_texts_of_an_event_follow_each_other_in_order(hostile_run: Run, tmp_path: Path) -> None:
    """The hundredth message comes after the ninety-ninth."""
    rows = read_csv_rows(export(hostile_run, "csv", tmp_path / "log", with_texts=True).path)
    (chat,) = (row["text"] for row in rows if row.get("text", "").startswith("turn 1\n"))
    assert chat.split("\n") == [f"turn {n}" for n in range(1, TURNS + 1)]


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("name", FORMATS)
def test_an_event_that_was_told_twice_is_there_once(
    name: str, hostile_run: Run, tmp_path: Path
) -> None:
    """The first line counts: no term of 99 days, and no extension instead of a radication."""
    written = export(hostile_run, name, tmp_path / "log")
    expected = Expected(hostile_run)
    activities = Counter(row["activity"] for row in expected.events)
    assert activities["TERM_EXTENDED"] == activities["RADICATED"] == 3
    events = list(read_events(name, written.path))
    assert Counter(event_id for event_id, _ in events) == Counter(
        row["event_id"] for row in expected.events if name == "ocel" or row["activity"] != "MESSAGE"
    )
    assert [int(term) for _, term in events if term] == [30, 30, 30]


def read_events(name: str, path: Path) -> Iterator[tuple[str, Any]]:
    """The id of every event of a log, and the term it announces."""
    if name == "csv":
        for row in read_csv_rows(path):
            yield row["identity:id"], row.get("term_business_days")
    elif name == "xes":
        for event in ElementTree.parse(path).getroot().iter(f"{XES}event"):
            values = {item.get("key"): item.get("value") for item in event}
            yield str(values["identity:id"]), values.get("term_business_days")
    else:
        for item in json.loads(path.read_bytes())["events"]:
            facts = {attribute["name"]: attribute["value"] for attribute in item["attributes"]}
            yield item["id"], facts.get("term_business_days")


@pytest.fixture
def copied_run(hostile_run: Run, tmp_path: Path) -> Run:
    """A copy of the hostile run, to be changed."""
    shutil.copytree(hostile_run.project.data, tmp_path / "project/data")
    return Run(Project(tmp_path / "project"), hostile_run.run_id)


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("name", FORMATS)
def test_a_ticket_that_is_not_in_silver_is_not_in_the_log(
    name: str, copied_run: Run, tmp_path: Path
) -> None:
    """Bronze still has its extension and its message."""
    # Not the first: what is before the first ticket of a slice is not looked at anyway.
    lost = sorted(row["ticket_id"] for row in copied_run.rows("silver_tickets"))[1]
    tables = ("silver_tickets", "silver_status_events", "silver_messages", "silver_attachments")
    kept = {
        table: copied_run.table(table).filter(pc.field("ticket_id") != lost) for table in tables
    }
    commit_by_hand(copied_run, kept)
    written = export(copied_run, name, tmp_path / "log")
    assert lost not in written.path.read_text(encoding="utf-8")
    assert written.counts["traces"] == 2


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_stored_rows_does_not_matter(
    name: str, hostile_run: Run, copied_run: Run, tmp_path: Path
) -> None:
    one = export(hostile_run, name, tmp_path / "one", with_texts=True).path.read_bytes()
    backwards = {
        table: pa.concat_tables([copied_run.table(table)])[::-1]
        for table in ("silver_tickets", "silver_messages", "silver_status_events", "dim_geo")
    }
    commit_by_hand(copied_run, backwards)
    assert export(copied_run, name, tmp_path / "two", with_texts=True).path.read_bytes() == one


@pytest.mark.xdist_group("hostile")
def test_a_run_without_tickets_has_an_empty_log(copied_run: Run, tmp_path: Path) -> None:
    tables = ("silver_tickets", "silver_status_events", "silver_messages", "silver_attachments")
    nothing = {table: copied_run.table(table)[:0] for table in (*tables, "bronze_pqrs_events")}
    commit_by_hand(copied_run, nothing)
    written = {name: export(copied_run, name, tmp_path / name) for name in FORMATS}
    assert all(set(item.counts.values()) == {0} for item in written.values())
    assert not ElementTree.parse(written["xes"].path).getroot().findall(f"{XES}trace")
    log = json.loads(written["ocel"].path.read_bytes())
    assert (log["events"], log["objects"]) == ([], [])
    assert len(log["objectTypes"]) == 3
    with written["csv"].path.open(encoding="utf-8", newline="") as file:
        (head,) = csv.reader(file)
    assert head[:3] == ["case:concept:name", "concept:name", "time:timestamp"]


@pytest.mark.xdist_group("hostile")
def test_a_run_that_lacks_a_table_is_named(copied_run: Run, tmp_path: Path) -> None:
    (path,) = copied_run.lake.glob("manifests/*/*/manifest.json")
    manifest = json.loads(path.read_text())
    del manifest["paths"]["silver_messages"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(NotInRun, match="hostile has no silver_messages"):
        export(copied_run, "xes", tmp_path / "log.xes")
