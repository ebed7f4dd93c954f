"""Lines from outside become a run: what they say is found again, and no line is lost.

The raw lines of a finished run are written to three files in no order, with broken lines among
them, and imported by the command line. What comes out is held against the run they came from. The
raw objects of others are imported as they lie, and every table is that of the run, byte by byte.
"""

import hashlib
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from kedro.io.core import DatasetError
from tests.conftest import CHANNELS, ForkedKedro, Outcome, Project, Run, copy_project
from tests.integration.conftest import change_messages
from tests.oracle.builder import ticket_events
from tests.oracle.openlineage import problems
from tests.pipelines.test_lineage import assert_edges_of, completed, lineage_of
from tests.pipelines.test_quarantine import (
    STORY,
    as_line,
    changed,
    is_blank,
    lines_of,
    put_raw,
)
from tests.pipelines.test_run_behaviour import assert_refused, failed
from tests.runs import link_run
from tests.unit.scenarios import base_values

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.external_lines import ExternalLines
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.pipeline_registry import EXTERNAL_STAGES
from pqrs_kedro.run.acceptance import check_acceptance
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.run.inspection import Inspection, inspect_lines
from pqrs_kedro.run.purge import find_remains
from pqrs_kedro.run.reproduce import reproduce
from pqrs_kedro.warehouse.connection import open_warehouse

pytestmark = pytest.mark.xdist_group("doc")

MakeProject = Callable[[], Project]

ORPHAN = as_line(list(ticket_events(STORY, ticket=77, channel="chat"))[2])
GIANT = changed("payload.body", "á" * 2_500_000, channel="email", what="TERM_EXTENDED")
NO_TIME = as_line({"event_id": "x", "source": "call", "ts": "yesterday"})
NO_SOURCE = as_line({"event_id": "y", "ts": "2026-01-09T15:00:00.000000Z", "source": "fax"})
MARK = b"\xef\xbb\xbf"
# Lines that are put among the good ones, and why they are rejected; null for blank ones.
BROKEN: dict[bytes, str | None] = {
    b'{"event_id": "cut o': "invalid_json",
    b"\xff\xfe no text": "invalid_utf8",
    b"[1, 2]": "not_an_object",
    NO_TIME: "missing_field",
    NO_SOURCE: "missing_field",
    b"  \t": None,
    b"": None,
}
# Lines that are events, and belong to no ticket: why silver has no row of them.
ASTRAY = {ORPHAN: "no_reception", GIANT: "orphan_event"}


@dataclass(frozen=True)
class Imported:
    """A run of lines from outside, and the run that they came from."""

    run: Run
    original: Run
    files: tuple[Path, ...]
    outcome: Outcome

    @cached_property
    def hashes(self) -> tuple[dict[str, str], dict[str, str]]:
        """Of the objects of both runs."""
        return self.run.hashes(), self.original.hashes()

    def lines(self) -> list[bytes]:
        """All lines of the files, in their order."""
        return [line for file in self.files for line in lines_of(file.read_bytes())]


@pytest.fixture(scope="module")
def imported(
    tmp_path_factory: pytest.TempPathFactory, documento_run: Run, forked_kedro: ForkedKedro
) -> Imported:
    folder = tmp_path_factory.mktemp("import")
    files = write_files(folder, documento_run)
    project = copy_project(folder / "project")
    # An attempt that was stopped has left an object: it is taken as it is.
    (source, day), lines = next(iter(expected_objects(files).items()))
    put_raw(project.lake, "outside", source, date.fromisoformat(day), b"\n".join([*lines, b""]))
    options = ("--declare", "synthetic", "--run-id", "outside")
    outcome = forked_kedro(project, "import-raw", *options, *map(str, files))
    return Imported(Run(project, "outside"), documento_run, files, outcome)


def write_files(folder: Path, original: Run) -> tuple[Path, ...]:
    """Its lines in three files, shuffled; broken ones in the first, one line twice in the second.

    The first file begins with a line that says neither source nor day. The second has a byte order
    mark, and lines that end with CR LF; the third ends without a line feed.
    """
    lines = [line for path in original.raw_objects() for line in lines_of(path.read_bytes())]
    chance = random.Random(7)
    chance.shuffle(lines)
    third = len(lines) // 3
    parts = [lines[:third], lines[third : 2 * third], lines[2 * third :]]
    for line in (*BROKEN, *ASTRAY):
        parts[0].insert(chance.randrange(1, len(parts[0])), line)
    parts[0].insert(0, b"no event")
    parts[1].insert(chance.randrange(len(parts[1])), lines[0])
    files = tuple(folder / f"part-{number}.jsonl" for number in range(3))
    forms = ((b"", b"\n", b"\n"), (MARK, b"\r\n", b"\r\n"), (b"", b"\n", b""))
    for file, part, (mark, end, last) in zip(files, parts, forms, strict=True):
        file.write_bytes(mark + end.join(part) + last)
    return files


def own_place(line: bytes) -> tuple[str | None, date | None]:
    """The source and local day that a line says by itself."""
    try:
        event = json.loads(line)
        source = event["source"] if event.get("source") in CHANNELS else None
    except (ValueError, AttributeError, TypeError):
        return None, None
    try:
        instant = datetime.strptime(event["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return source, None
    return source, (instant - timedelta(hours=5)).date()


def expected_objects(files: Iterable[Path]) -> dict[tuple[str, str], list[bytes]]:
    """Where each line must lie: its own source and day, else the first that its file has."""
    objects: dict[tuple[str, str], list[bytes]] = {}
    for file in files:
        lines = lines_of(file.read_bytes())
        found = [own_place(line) for line in lines]
        first_source = next(source for source, _ in found if source)
        first_day = next(day for _, day in found if day)
        for line, (source, day) in zip(lines, found, strict=True):
            place = source or first_source, str(day or first_day)
            objects.setdefault(place, []).append(line)
    return objects


# The lines


def test_every_line_lies_where_it_belongs_with_its_bytes_in_the_order_of_the_files(
    imported: Imported,
) -> None:
    assert imported.outcome.code == 0, imported.outcome
    found = {}
    for path in imported.run.raw_objects():
        source, day = (part.partition("=")[2] for part in path.parts[-4:-2])
        content = path.read_bytes()
        assert content.endswith(b"\n")
        found[source, day] = lines_of(content)
    assert found == expected_objects(imported.files)
    assert sum(map(len, found.values())) == len(imported.lines())


def test_lines_are_conserved_in_every_object(imported: Imported) -> None:
    bronze = Counter(imported.run.table("bronze_pqrs_events")["source_object"].to_pylist())
    rejected = Counter(imported.run.table("quarantine_raw_lines")["source_object"].to_pylist())
    for path in imported.run.raw_objects():
        key = path.relative_to(imported.run.lake).as_posix().replace("/run_id=outside", "")
        lines = lines_of(path.read_bytes())
        blank = sum(map(is_blank, lines))
        assert bronze[key] + rejected[key] + blank == len(lines), key
    assert rejected.total() == sum(reason is not None for reason in BROKEN.values()) + 1


def test_broken_lines_are_quarantined_with_object_line_number_reason_and_bytes(
    imported: Imported,
) -> None:
    rows = imported.run.rows("quarantine_raw_lines")
    reasons = {line: why for line, why in BROKEN.items() if why} | {b"no event": "invalid_json"}
    assert {row["line"]: row["reason"] for row in rows} == reasons
    for row in rows:
        folder, name = row["source_object"].rsplit("/", 1)
        content = (imported.run.lake / folder / "run_id=outside" / name).read_bytes()
        assert lines_of(content)[row["line_number"] - 1] == row["line"]


def test_the_command_says_how_many_lines_are_quarantined_and_why(imported: Imported) -> None:
    out, first = imported.outcome.out, imported.files[0]
    assert re.search(rf"^quarantined +{sum(map(bool, BROKEN.values())) + 1} lines$", out, re.M)
    lines = lines_of(first.read_bytes())
    for line, why in BROKEN.items():
        if why in ("invalid_utf8", "not_an_object"):
            assert f"{why}: 1, first {first}, line {lines.index(line) + 1}\n" in out
    assert f"invalid_json: 2, first {first}, line 1\n" in out
    assert f"{len(imported.lines()):,} lines from outside, declared synthetic" in (
        imported.outcome.out
    )


# What comes from them


TRACED = [n for n, t in TABLES.items() if t.layer == "silver" and "line_number" in t.columns]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, table in TABLES.items()
        if table.layer in ("silver", "gold") and name not in (*TRACED, "gold_run_summary")
    ],
)
def test_silver_and_gold_are_those_of_the_original_run(name: str, imported: Imported) -> None:
    """Broken lines and a line that comes twice change nothing: the objects have the same bytes."""
    path = f"{TABLES[name].path}/"
    found, expected = (
        {key: digest for key, digest in hashes.items() if key.startswith(path)}
        for hashes in imported.hashes
    )
    assert found == expected
    assert expected


@pytest.mark.parametrize("name", [name for name in TRACED if name != "quarantine_silver"])
def test_rows_that_name_their_line_are_those_of_the_original_run_but_for_it(
    name: str, imported: Imported
) -> None:
    def rows(run: Run) -> list[tuple[object, ...]]:
        table = run.table(name).drop_columns(["source_object", "line_number"])
        return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)

    assert rows(imported.run) == rows(imported.original)


def test_events_without_their_ticket_are_found_in_quarantine(imported: Imported) -> None:
    """The ticket of which nothing but a status is there is in it as well."""
    lines = {json.loads(line)["event_id"]: why for line, why in ASTRAY.items()}
    rows = imported.run.rows("quarantine_silver")
    events = {row["event_id"]: row["reason"] for row in rows if row["scope"] == "event"}
    assert events == lines
    tickets = [row["reason"] for row in rows if row["scope"] == "ticket"]
    assert (tickets, len(rows)) == (["no_reception"], 3)


def test_no_breach_rate_was_requested(imported: Imported) -> None:
    expected = [row | {"requested_pct": None} for row in imported.original.rows("gold_run_summary")]
    assert imported.run.rows("gold_run_summary") == expected


def test_quality_asks_what_can_be_asked_of_lines_from_outside(imported: Imported) -> None:
    def checks(run: Run) -> dict[tuple[str, str], tuple[str, float | None]]:
        rows = run.rows("data_quality")
        return {(row["dataset"], row["check_name"]): (row["result"], row["value"]) for row in rows}

    expected, found = checks(imported.original), checks(imported.run)
    for bound in ("breach_rate_at_least", "breach_rate_at_most"):
        assert expected.pop(("gold_run_summary", bound))[0] == "pass"
    # Nor is a volume, or a share of channels and types, that a profile had promised.
    for share in ("volume_drift_pct", "channel_share_drift", "type_share_drift"):
        assert expected.pop(("silver_tickets", share))[0] == "pass"
    for what_is_dirty in (
        ("quarantine_raw_lines", "quarantined_pct"),
        ("bronze_pqrs_events", "repaired_pct"),
        ("bronze_pqrs_events", "repeated_pct"),
        ("quarantine_silver", "quarantined_events_pct"),
        ("quarantine_silver", "quarantined_tickets_pct"),
    ):
        # Some lines of thousands: it is counted, and no more than what a wild file may have.
        assert expected.pop(what_is_dirty) == ("pass", 0)
        result, value = found.pop(what_is_dirty)
        assert (result, bool(value)) == ("pass", True), what_is_dirty
    assert {key: result for key, (result, _) in found.items()} == {
        key: result for key, (result, _) in expected.items()
    }


def test_the_manifest_says_what_was_imported(imported: Imported) -> None:
    manifest = imported.run.document("manifest.json")
    assert (manifest["origin"], manifest["declared"]) == ("external", "synthetic")
    assert manifest["sources"] == [
        {
            "name": file.name,
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "lines": len(lines_of(file.read_bytes())),
            "source": None,
            "day": None,
        }
        for file in imported.files
    ]
    received = [
        own_place(line)[1]
        for line in imported.lines()
        if b'"status_to":"RECEIVED"' in line.replace(b": ", b":")
    ]
    inputs = manifest["inputs"]
    assert (inputs["seed"], inputs["parameters"]["breach_rate"]) == (None, None)
    days = [str(day) for day in received if day]
    assert (inputs["date_min"], inputs["date_max"]) == (min(days), max(days))
    assert manifest["rows_by_layer"]["truth"] == 0
    assert "ground_truth" not in manifest["datasets"]
    assert str(imported.files[0].parent) not in json.dumps(manifest)


def test_the_run_is_accepted_published_and_reported(imported: Imported) -> None:
    out, project = imported.outcome.out, imported.run.project
    assert out.count("PASS") == 5
    assert "the same raw lines give the same counts and checksums: identical to self-check" in out
    with open_warehouse(project.path, project.warehouse_url).connect() as connection:
        (row,) = connection.execute("SELECT seed, origin, status FROM meta.etl_runs").fetchall()
        assert row == (None, "external", "completed")
        (count,) = connection.execute("SELECT count(*) FROM silver_tickets_current").fetchall()
        assert count == (imported.original.table("silver_tickets").num_rows,)
    (report,) = imported.run.lake.glob("reports/day=*/run_id=outside/report.html")
    page = report.read_text(encoding="utf-8")
    assert "Datos importados, declarados sintéticos" in page
    for said_of_generated in ("Todos los datos son sintéticos", "semilla", "solicitada"):
        assert said_of_generated not in page


def test_there_is_no_truth_to_hold_it_against(
    imported: Imported, forked_kedro: ForkedKedro
) -> None:
    refused = forked_kedro(imported.run.project, "truth", "outside")
    assert_refused(refused, "its lines were imported")


# Again


def test_a_repetition_takes_the_raw_objects_and_gives_the_same_run(imported: Imported) -> None:
    project = imported.run.project
    with project.session():
        result = reproduce(project.path, FolderStore(project.lake), "outside", None)
    assert result.differences == []
    assert result.changed_inputs == []
    names = ("fingerprint", "digest", "origin", "declared", "sources")
    original, repetition = result.original.manifest, result.repetition.manifest
    assert {name: repetition[name] for name in names} == {name: original[name] for name in names}
    # A purge of the one says that the other has the same lines.
    warehouse = open_warehouse(project.path, project.warehouse_url)
    remains = find_remains(project.path, FolderStore(project.lake), "outside", warehouse)
    assert remains.twins == (result.repetition.run_id,)


def test_results_that_do_not_come_from_the_lines_are_not_accepted(
    imported: Imported, make_project: MakeProject
) -> None:
    """Hashes and counts fit each other; only computing again can tell."""
    project = make_project()
    link_run(imported.run, project.lake, "forged")
    change_messages(Run(project, "forged"), lambda texts: [f"{text}." for text in texts])
    warehouse = open_warehouse(project.path, project.warehouse_url)
    criteria = check_acceptance(FolderStore(project.lake), "forged", warehouse)
    assert 5 in failed({item.number: item for item in criteria})
    assert "silver/messages" in criteria[4].finding


# What is refused


def test_the_lineage_begins_with_the_intake_of_the_files(
    imported: Imported, tmp_path: Path
) -> None:
    run = imported.run
    events = lineage_of(run, tmp_path / "lineage.jsonl")
    assert [found for event in events for found in problems(event)] == []
    assert_edges_of(EXTERNAL_STAGES, events, run.lake)
    assert events[0]["job"]["name"] == "import-raw"
    (intake,) = (e for e in completed(events) if e["job"]["name"] == "intake.file_raw_lines")
    (source,) = intake["inputs"]
    read = source["inputFacets"]["inputStatistics"]
    assert read["fileCount"] == len(imported.files)
    assert read["size"] == sum(file.stat().st_size for file in imported.files)
    assert [item["name"] for item in intake["outputs"]] == ["raw/pqrs"]
    assert not any("truth" in str(item["name"]) for e in events for item in e["outputs"])


@pytest.fixture(scope="module")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without data, and it stays so."""
    return copy_project(tmp_path_factory.mktemp("refused") / "project")


GOOD = [as_line(event) for event in ticket_events(STORY, ticket=1, channel="email")]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of many kinds."""
    folder = tmp_path_factory.mktemp("outside")
    good = b"\n".join(GOOD)
    contents = {
        "good.jsonl": good,
        "empty.jsonl": b"",
        "blank.jsonl": b"\n \n\r\n",
        "table.csv": b"event_id,ts\n1,2\n",
        "list.json": b"[" + GOOD[0] + b"]",
        "pretty.json": json.dumps(json.loads(GOOD[0]), indent=1).encode(),
        "long.jsonl": b"\n".join([GOOD[0], b"x" * ((16 << 20) + 1), GOOD[1]]),
        "wide.jsonl": good.decode().encode("utf-16"),
        "other.jsonl": b'{"level": "info"}\n{"level": "debug"}\n',
        "later.jsonl": b"\n".join(GOOD[1:]),
        "future.jsonl": good.replace(b"2026-", b"2037-"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / "good.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "good.jsonl")
    return folder


DECLARED = ("--declare", "anonymised")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(("{}/good.jsonl",), "--declare", id="undeclared"),
        pytest.param(("--declare", "real", "{}/good.jsonl"), "'real'", id="declared_otherwise"),
        pytest.param((*DECLARED, "{}/nothing.jsonl"), "no such file", id="no_file"),
        pytest.param((*DECLARED, "{}/good.jsonl", "{}/good.zip"), "line 1: invalid_utf8", id="zip"),
        pytest.param((*DECLARED, "--params", "seed=7", "{}/good.jsonl"), "seed", id="a_seed"),
        pytest.param(
            (*DECLARED, "--params", "profile=ley9999", "{}/good.jsonl"), "ley9999", id="no_profile"
        ),
        pytest.param((*DECLARED, "--run-id", "../x", "{}/good.jsonl"), "run_id", id="no_run_id"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_one_line_and_nothing_is_written(
    arguments: tuple[str, ...],
    named: str,
    outside: Path,
    empty_project: Project,
    forked_kedro: ForkedKedro,
) -> None:
    given = [part.format(outside) for part in arguments]
    assert_refused(forked_kedro(empty_project, "import-raw", *given), named)
    assert empty_project.files() == []


def inspected(
    project: Project, *files: Path, source: str = "auto", observe_until: str | None = None
) -> Inspection:
    """What a look at files finds."""
    names = [str(file) for file in files]
    external = {"declared": "synthetic", "files": names, "source": source}
    nothing: dict[str, Any] = {
        "seed": None, "breach_rate": None, "volume_scale": None, "date_min": "2017-01-01",
        "date_max": "2017-01-01", "run_id": "looked", "observe_until": observe_until,
    }  # fmt: skip
    typed = parse_parameters(base_values(**nothing, external=external))
    assert typed.external is not None
    return inspect_lines(typed, typed.external, FolderStore(project.lake))


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        pytest.param(["."], {}, "is a folder", id="a_folder"),
        pytest.param(["empty.jsonl"], {}, "is empty", id="an_empty_file"),
        pytest.param(["blank.jsonl"], {}, "only blank lines", id="only_blank_lines"),
        pytest.param(["table.csv"], {}, "line 1: invalid_json", id="a_csv"),
        pytest.param(["list.json"], {}, "line 1: not_an_object", id="a_json_list"),
        pytest.param(["pretty.json"], {}, "line 1: invalid_json", id="json_on_many_lines"),
        pytest.param(
            ["long.jsonl"], {}, "long.jsonl: line 2 is longer than 16 MiB", id="a_line_too_long"
        ),
        pytest.param(["wide.jsonl"], {}, "byte order mark of UTF-16", id="utf_16"),
        pytest.param(["other.jsonl"], {}, "line 1: missing_field event_id", id="other_objects"),
        pytest.param(["good.jsonl", "table.csv"], {}, "table.csv: none of its 2", id="one_of_two"),
        pytest.param(["later.jsonl"], {}, "no line says", id="nothing_received"),
        pytest.param(["future.jsonl"], {}, "2035-12-31", id="received_after_the_calendar"),
        pytest.param(
            ["good.jsonl"], {"source": "chat"}, "line 1: invalid_value source", id="other_source"
        ),
        pytest.param(
            ["good.jsonl"],
            {"observe_until": "2026-04-05"},
            "observe_until: 2026-04-05 is before the last event, which is of 2026-04-06",
            id="observed_until_before_the_last_event",
        ),
    ],
)
def test_files_that_hold_no_run_are_refused_with_what_is_wrong(
    names: list[str], options: dict[str, Any], said: str, outside: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        inspected(Project(tmp_path), *(outside / name for name in names), **options)
    (line,) = str(refusal.value).splitlines()
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_after_it_was_looked_at_stops_the_run(tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_bytes(b"\n".join(GOOD))
    found = inspected(Project(tmp_path), file).external
    lines = ExternalLines(path=str(tmp_path), external=found.model_dump())
    try:
        assert lines.load().count().to_pyarrow().as_py() == len(GOOD)
        file.write_bytes(b"\n".join(GOOD[:-1]))
        with pytest.raises(DatasetError, match=r"good\.jsonl has changed since it was checked"):
            lines.load()
    finally:
        ENGINE.close()


def test_lines_of_another_source_than_the_given_one_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    of_chat = [as_line(event) for event in ticket_events(STORY, ticket=2, channel="chat")]
    file.write_bytes(b"\n".join([*GOOD, *of_chat]))
    assert inspected(Project(tmp_path), file).rejected == []
    (rejected,) = inspected(Project(tmp_path), file, source="email").rejected
    assert (rejected.reason, rejected.detail) == ("invalid_value", "source")
    assert (rejected.lines, rejected.line) == (len(of_chat), len(GOOD) + 1)


def test_a_run_id_with_raw_objects_of_other_lines_is_refused(tmp_path: Path) -> None:
    file, project = tmp_path / "good.jsonl", Project(tmp_path)
    file.write_bytes(b"\n".join(GOOD))
    own = project.lake / "raw/pqrs/source=email/day=2026-03-27/run_id=looked/events.jsonl"
    other = project.lake / "raw/pqrs/source=email/day=2026-03-28/run_id=looked/events.jsonl"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"")
    assert inspected(project, file).first_day == date(2026, 3, 27)
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    with pytest.raises(InvalidInput, match="day=2026-03-28"):
        inspected(project, file)
