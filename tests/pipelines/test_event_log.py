"""Exported event logs hold what silver holds, and PM4Py reads them."""

import json
import re
from collections import Counter
from datetime import datetime
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pandas as pd
import pytest
from tests.conftest import ROOT, CommandRun, Run
from tests.event_logs import (
    FORMATS,
    Expected,
    Row,
    export,
    ocel_values,
    plain_rows,
    read_csv_rows,
    without_nulls,
)

import pqrs_kedro.event_log.log as slicing
from pqrs_kedro.domain.statuses import ALLOWED_TRANSITIONS, ARCHIVED, RECEIVED, STATUS_IDS

XES = "{http://www.xes-standard.org/}"


@pytest.fixture
def expected(small_run: Run, kept: dict[str, Any]) -> Expected:
    """What the log of each of the finished runs must hold."""
    found: Expected = kept.setdefault(small_run.run_id, Expected(small_run))
    return found


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return {}


def exported(run: Run, name: str, kept: dict[str, Any], folder: pytest.TempPathFactory) -> Path:
    """The log of a run, exported once."""
    key = f"{run.run_id}.{name}"
    if key not in kept:
        target = folder.mktemp("export") / f"log{FORMATS[name].suffix}"
        kept[key] = export(run, name, target)
    path: Path = kept[key].path
    return path


@pytest.fixture
def xes(small_run: Run, kept: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(small_run, "xes", kept, tmp_path_factory)


@pytest.fixture
def ocel(small_run: Run, kept: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(small_run, "ocel", kept, tmp_path_factory)


@pytest.fixture
def table(small_run: Run, kept: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(small_run, "csv", kept, tmp_path_factory)


@cache
def read_xes(path: Path) -> pd.DataFrame:
    import pm4py

    log: pd.DataFrame = pm4py.read_xes(str(path))
    return log


@cache
def read_ocel(path: Path) -> Any:
    import pm4py

    return pm4py.read_ocel2(str(path))


# XES


def test_pm4py_finds_every_cell_of_silver_in_xes(xes: Path, expected: Expected) -> None:
    assert plain_rows(read_xes(xes)) == expected.case_rows()


def test_xes_declares_what_it_uses_in_the_order_of_the_standard(xes: Path) -> None:
    log = ElementTree.parse(xes).getroot()
    assert log.tag == f"{XES}log"
    parts = [name for name, _ in groupby(child.tag.removeprefix(XES) for child in log)]
    assert parts == ["extension", "global", "classifier", "string", "trace"]
    prefixes = {item.get("prefix") for item in log.findall(f"{XES}extension")}
    named = {item.get("key", "") for item in log.iter() if item.get("key")}
    assert {key.partition(":")[0] for key in named if ":" in key} == prefixes
    for classifier in log.findall(f"{XES}classifier"):
        (scope,) = log.findall(f"{XES}global[@scope='event']")
        keys = set(classifier.get("keys", "").split())
        assert keys <= {item.get("key") for item in scope}


@pytest.mark.parametrize(("scope", "path"), [("trace", "trace"), ("event", "trace/event")])
def test_every_trace_and_event_has_the_global_attributes(scope: str, path: str, xes: Path) -> None:
    log = ElementTree.parse(xes).getroot()
    (declared,) = log.findall(f"{XES}global[@scope='{scope}']")
    wanted = {(item.tag, item.get("key")) for item in declared}
    items = log.findall("/".join(f"{XES}{part}" for part in path.split("/")))
    assert items
    for item in items:
        attributes = [child for child in item if child.tag != f"{XES}event"]
        assert wanted <= {(child.tag, child.get("key")) for child in attributes}
        keys = [child.get("key") for child in attributes]
        assert len(keys) == len(set(keys))


def test_xes_values_are_of_the_type_of_their_element(xes: Path) -> None:
    for item in ElementTree.parse(xes).getroot().iter():
        kind, value = item.tag.removeprefix(XES), item.get("value", "")
        if kind == "date":
            # Six digits and an offset: no reader rounds it or takes it for local time.
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", value)
            datetime.fromisoformat(value)
        elif kind == "id":
            assert str(UUID(value)) == value
        elif kind == "boolean":
            assert value in ("true", "false")
        elif kind == "int":
            assert str(int(value)) == value


# CSV


def test_pm4py_finds_every_cell_of_silver_in_csv(table: Path, expected: Expected) -> None:
    import pm4py

    codes = ("case:external_id", "case:geo_id", "case:cited_external_id")
    frame = pd.read_csv(table, dtype=dict.fromkeys(codes, "str"))
    log = pm4py.format_dataframe(
        frame,
        case_id="case:concept:name",
        activity_key="concept:name",
        timestamp_key="time:timestamp",
    )
    assert plain_rows(log) == expected.case_rows()


def test_csv_is_plain_for_any_other_reader(table: Path, expected: Expected) -> None:
    assert read_csv_rows(table) == expected.case_rows()
    content = table.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    (head, first) = content.decode().split("\n")[:2]
    assert head.startswith("case:concept:name,concept:name,time:timestamp,")
    assert re.search(r",\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00,complete,", first)


# OCEL


def test_pm4py_finds_every_event_and_object_in_ocel(ocel: Path, expected: Expected) -> None:
    log = read_ocel(ocel)
    events = zip(
        log.events["ocel:eid"], log.events["ocel:activity"], log.events["ocel:timestamp"],
        log.events["actor_role"], strict=True,
    )  # fmt: skip
    assert Counter(events) == Counter(
        (row["event_id"], row["activity"], row["ts"], row["actor_role"]) for row in expected.events
    )
    objects = zip(log.objects["ocel:oid"], log.objects["ocel:type"], strict=True)
    assert Counter(objects) == Counter(
        [(row["ticket_id"], "ticket") for row in expected.tickets]
        + [(row["message_id"], "message") for row in expected.messages]
        + [(row["attachment_id"], "attachment") for row in expected.attachments]
    )
    assert len(log.object_changes) == 0


def test_pm4py_finds_every_relation_in_ocel(ocel: Path, expected: Expected) -> None:
    log = read_ocel(ocel)
    columns = ("ocel:eid", "ocel:oid", "ocel:qualifier")
    found = zip(*(log.relations[name] for name in columns), strict=True)
    assert Counter(found) == Counter(
        [(row["event_id"], row["ticket_id"], "concerns") for row in expected.events]
        + [(row["event_id"], row["message_id"], "sends") for row in expected.messages]
        + [(row["event_id"], row["attachment_id"], "attaches") for row in expected.attachments]
    )
    pairs = zip(log.o2o["ocel:oid"], log.o2o["ocel:oid_2"], log.o2o["ocel:qualifier"], strict=True)
    numbers = {row["external_id"]: row["ticket_id"] for row in expected.tickets}
    cited = [
        (row["ticket_id"], numbers[row["cited_external_id"]], "repeats")
        for row in expected.tickets
        if row["cited_external_id"] in numbers and row["cited_external_id"] is not None
    ]
    assert Counter(pairs) == Counter(
        cited
        + [(row["message_id"], row["ticket_id"], "part of") for row in expected.messages]
        + [(row["attachment_id"], row["ticket_id"], "part of") for row in expected.attachments]
    )


def test_ocel_attributes_are_declared_and_equal_silver(ocel: Path, expected: Expected) -> None:
    log = json.loads(ocel.read_bytes())
    event_types = declared(log["eventTypes"])
    object_types = declared(log["objectTypes"])
    assert set(event_types) == {*STATUS_IDS, "TERM_EXTENDED", "MESSAGE"}
    found = {
        item["id"]: dict(ocel_values(item, event_types[item["type"]])) for item in log["events"]
    }
    facts = ("actor_role", "status_from", "resolution_code", "term_business_days")
    assert found == {row["event_id"]: picked(row, facts) for row in expected.events}
    values = {
        item["id"]: dict(ocel_values(item, object_types[item["type"]])) for item in log["objects"]
    }
    spoken = ("ts", "role", "author_kind", "text_len")
    files = ("ts", "file_name", "file_type", "size_kb")
    assert values == (
        {row["ticket_id"]: without(row, "ticket_id") for row in expected.tickets}
        | {row["message_id"]: picked(row, spoken) for row in expected.messages}
        | {row["attachment_id"]: picked(row, files) for row in expected.attachments}
    )


def test_ocel_has_the_structure_of_the_standard(ocel: Path) -> None:
    log = json.loads(ocel.read_bytes())
    assert set(log) == {"eventTypes", "objectTypes", "events", "objects"}
    for item in (*log["eventTypes"], *log["objectTypes"]):
        assert set(item) == {"name", "attributes"}
        assert all(set(attribute) == {"name", "type"} for attribute in item["attributes"])
    known = {item["id"] for item in log["objects"]}
    assert len(known) == len(log["objects"])
    assert len({item["id"] for item in log["events"]}) == len(log["events"])
    for item in log["events"]:
        assert set(item) == {"id", "type", "time", "attributes", "relationships"}
        assert datetime.fromisoformat(item["time"]).utcoffset() is not None
        assert all(set(attribute) == {"name", "value"} for attribute in item["attributes"])
    for item in log["objects"]:
        assert set(item) == {"id", "type", "attributes", "relationships"}
        for attribute in item["attributes"]:
            assert set(attribute) == {"name", "value", "time"}
            assert attribute["time"] == "1970-01-01T00:00:00Z"
    for item in (*log["events"], *log["objects"]):
        targets = [(link["objectId"], link["qualifier"]) for link in item["relationships"]]
        assert {target for target, _ in targets} <= known
        assert len(set(targets)) == len(targets)


def declared(types: list[Row]) -> dict[str, dict[str, str]]:
    return {
        item["name"]: {attribute["name"]: attribute["type"] for attribute in item["attributes"]}
        for item in types
    }


def picked(row: Row, names: tuple[str, ...]) -> Row:
    return without_nulls({name: row.get(name) for name in names})


def without(row: Row, name: str) -> Row:
    return without_nulls({key: value for key, value in row.items() if key != name})


# The process


def test_every_trace_is_a_path_of_the_life_cycle(xes: Path, small_run: Run) -> None:
    log = read_xes(xes)
    log = log[log["concept:name"] != "TERM_EXTENDED"]
    traces = log.groupby("case:concept:name", sort=False)["concept:name"].agg(list)
    assert len(traces) == len(small_run.rows("silver_tickets"))
    for trace in traces:
        assert (trace[0], trace[-1]) == (RECEIVED, ARCHIVED)
        assert set(pairwise(trace)) <= ALLOWED_TRANSITIONS


def test_the_directly_follows_graph_is_that_of_silver_and_gold(xes: Path, small_run: Run) -> None:
    import pm4py

    log = read_xes(xes)
    graph, first, last = pm4py.discover_dfg(log[log["concept:name"] != "TERM_EXTENDED"])
    events = small_run.table("silver_status_events").to_pandas()
    events = events.sort_values(["ticket_id", "ts", "event_id"])
    events["next"] = events.groupby("ticket_id")["status_to"].shift(-1)
    assert graph == events.groupby(["status_to", "next"]).size().to_dict()
    gold = small_run.table("gold_status_transitions_daily").to_pandas()
    assert graph == gold.groupby(["status_from", "status_to"])["transitions_count"].sum().to_dict()
    tickets = events["ticket_id"].nunique()
    assert (first, last) == ({RECEIVED: tickets}, {ARCHIVED: tickets})


def test_the_extensions_are_events_of_their_own(xes: Path, expected: Expected) -> None:
    announced = [row for row in expected.other_events if row["activity"] == "TERM_EXTENDED"]
    assert announced
    log = read_xes(xes)
    assert sum(log["concept:name"] == "TERM_EXTENDED") == len(announced)


def test_ocel_flattened_on_the_ticket_is_the_log_of_cases(ocel: Path, xes: Path) -> None:
    import pm4py

    flat = pm4py.ocel_flattening(read_ocel(ocel), "ticket")
    columns = ["case:concept:name", "concept:name", "time:timestamp"]
    found = flat.loc[flat["concept:name"] != "MESSAGE", columns]
    cases = read_xes(xes)[columns]
    assert Counter(found.itertuples(index=False)) == Counter(cases.itertuples(index=False))


# All formats


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_reported_is_what_was_written(
    name: str,
    small_run: Run,
    expected: Expected,
    kept: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = exported(small_run, name, kept, tmp_path_factory)
    report = kept[f"{small_run.run_id}.{name}"]
    assert report.bytes == path.stat().st_size
    messages, files = len(expected.messages), len(expected.attachments)
    counts = {"traces": len(expected.tickets), "events": len(expected.case_rows())}
    if name == "ocel":
        counts["events"] = len(expected.events)
        counts["objects"] = len(expected.tickets) + messages + files
        content = path.read_text(encoding="utf-8")
        counts["relations"] = content.count('"qualifier":')
    assert report.counts == counts


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize("name", FORMATS)
def test_equal_data_gives_equal_bytes_whatever_the_run_and_the_slices(
    name: str,
    documento_run: Run,
    elsewhere_run: CommandRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other run has another id, workers and memory; its log is written in many parts."""
    one = export(documento_run, name, tmp_path / "one", with_texts=True).path.read_bytes()
    monkeypatch.setattr(slicing, "SLICE_TICKETS", 7)
    other = export(elsewhere_run.run, name, tmp_path / "other", with_texts=True).path.read_bytes()
    assert other == one


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize("name", FORMATS)
def test_a_compressed_log_is_the_log_compressed(
    name: str, documento_run: Run, kept: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import gzip

    plain = exported(documento_run, name, kept, tmp_path_factory)
    folder = tmp_path_factory.mktemp("packed")
    first, second = (
        export(documento_run, name, folder / f"{n}{plain.name}.gz").path for n in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()) == plain.read_bytes()


@pytest.mark.xdist_group("doc")
def test_pm4py_reads_compressed_logs(documento_run: Run, tmp_path: Path) -> None:
    expected = Expected(documento_run)
    xes = export(documento_run, "xes", tmp_path / "log.xes.gz").path
    assert len(read_xes(xes)) == len(expected.case_rows())
    ocel = export(documento_run, "ocel", tmp_path / "log.ocel.json.gz").path
    assert len(read_ocel(ocel).events) == len(expected.events)


def test_the_project_itself_never_imports_pm4py() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) pm4py", path.read_text(encoding="utf-8"), re.M)
