"""The same seed gives the same bytes, whatever the place, the process and its resources.

And a parameter changes what it is about, and nothing else.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.conftest import (
    DOCUMENTO,
    CommandRun,
    ContinuedRun,
    ForkedKedro,
    Project,
    Run,
    copy_project,
    params,
)
from tests.oracle.curation import Event, by_ticket, read_events

MakeProject = Callable[[], Project]


def without_run(document: dict[str, Any]) -> dict[str, Any]:
    """What of a manifest may not depend on the run's id and time."""
    names = ("fingerprint", "digest", "inputs", "versions", "rows_by_layer", "datasets")
    return {name: document[name] for name in names}


# Elsewhere


@pytest.mark.xdist_group("elsewhere")
def test_another_time_zone_locale_and_number_of_workers_give_the_same_objects(
    elsewhere_run: CommandRun, documento_run: Run
) -> None:
    assert elsewhere_run.outcome.code == 0
    assert elsewhere_run.run.hashes() == documento_run.hashes()


@pytest.mark.xdist_group("elsewhere")
def test_digest_fingerprint_and_counts_are_the_same_elsewhere(
    elsewhere_run: CommandRun, documento_run: Run
) -> None:
    here, there = (
        without_run(run.document("manifest.json")) for run in (documento_run, elsewhere_run.run)
    )
    assert there == here


@pytest.mark.xdist_group("continued")
def test_a_processor_without_wide_kernels_gives_the_same_objects(
    continued_run: ContinuedRun, documento_run: Run
) -> None:
    """On a machine that has none of NumPy's optional kernels there is nothing to switch off."""
    assert continued_run.run.hashes() == documento_run.hashes()
    assert continued_run.run.digest == documento_run.digest


def test_checksums_and_manifest_say_what_is_in_the_lake(small_run: Run) -> None:
    listed = small_run.document("checksums.json")
    found = small_run.hashes()
    assert {item["key"]: item["sha256"] for item in listed["objects"]} == {
        path.relative_to(small_run.lake).as_posix(): found[key]
        for path, key in zip(small_run.data_objects(), found, strict=True)
    }
    assert listed["digest"] == small_run.digest


def test_no_data_object_names_its_run_or_its_time(small_run: Run) -> None:
    """Nor may it: the digests of two runs could not be equal."""
    manifest = small_run.document("manifest.json")
    for path in small_run.data_objects():
        content = path.read_bytes()
        assert small_run.run_id.encode() not in content
        assert manifest["started_at"][:16].encode() not in content


# Again


@pytest.mark.xdist_group("elsewhere")
def test_a_committed_run_id_is_refused_and_its_data_left_alone(
    elsewhere_run: CommandRun, forked_kedro: ForkedKedro
) -> None:
    run = elsewhere_run.run
    before = run.project.files()
    again = forked_kedro(run.project, "run", *params(run_id=run.run_id, **DOCUMENTO))
    assert again.code == 2
    assert f"'{run.run_id}' is a committed run" in again.err
    assert run.project.files() == before


# Other parameters


@pytest.fixture(scope="module")
def events(documento_run: Run) -> list[Event]:
    return read_events(documento_run.lake, documento_run.run_id)


def ids(found: Iterable[Event]) -> set[str]:
    return {event.ticket_id for event in found}


@pytest.mark.xdist_group("doc")
def test_another_seed_gives_other_tickets(
    make_project: MakeProject, documento_run: Run, events: list[Event]
) -> None:
    other = make_project().run("synthesis", run_id="other", seed=43, **DOCUMENTO)
    mine, theirs = documento_run.hashes(), other.hashes()
    assert not {mine[key] for key in theirs if key in mine} & set(theirs.values())
    assert not ids(events) & ids(read_events(other.lake, other.run_id))


@pytest.fixture(scope="module")
def later_events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The events of the run with a breach rate of 30 %."""
    project = copy_project(tmp_path_factory.mktemp("later") / "project")
    run = project.run("synthesis", run_id="later", breach_rate=0.3, **DOCUMENTO)
    return read_events(run.lake, run.run_id)


@pytest.mark.xdist_group("doc")
def test_another_breach_rate_leaves_arrivals_types_and_paths_alone(
    events: list[Event], later_events: list[Event]
) -> None:
    later, before = by_ticket(later_events), by_ticket(events)
    assert later.keys() == before.keys()
    for ticket, mine in before.items():
        theirs = later[ticket]
        # Reception whole: id, instant, channel and payload.
        assert theirs[0] == mine[0]
        assert path(theirs) == path(mine)
        for name in ("pqrs_type", "priority", "dane_code", "resolution_code"):
            assert facts(theirs, name) == facts(mine, name)
    moved = sum(later[ticket][-1].ts != mine[-1].ts for ticket, mine in before.items())
    assert moved > len(before) / 2


@pytest.mark.xdist_group("doc")
def test_another_breach_rate_leaves_the_texts_alone(
    events: list[Event], later_events: list[Event]
) -> None:
    later, before = by_ticket(later_events), by_ticket(events)
    for ticket, mine in before.items():
        theirs = texts(later[ticket])
        assert {moment: theirs[moment] for moment in texts(mine)} == texts(mine)


@pytest.mark.xdist_group("doc")
def test_another_breach_rate_leaves_the_number_of_messages_alone(
    events: list[Event], later_events: list[Event]
) -> None:
    later, before = by_ticket(later_events), by_ticket(events)
    more = [t for t, mine in before.items() if texts(later[t]).keys() != texts(mine).keys()]
    assert more == []


def path(found: Iterable[Event]) -> list[str]:
    return [event.status_to for event in found if event.status_to]


def texts(found: Iterable[Event]) -> dict[tuple[str | None, int], list[str]]:
    """What was written or said, by the status entered (null: none) and how often it was by then."""
    said: dict[tuple[str | None, int], list[str]] = {}
    for event in found:
        payload = event.payload or {}
        turns = payload.get("turns") or payload.get("transcript") or []
        written = [payload[name] for name in ("body", "observaciones") if payload.get(name)]
        if turns or written:
            number = sum(status == event.status_to for status, _ in said)
            said[event.status_to, number] = [*written, *(turn["text"] for turn in turns)]
    return said


def facts(found: Iterable[Event], name: str) -> list[Any]:
    return [event.attributes[name] for event in found if name in event.attributes]


@pytest.mark.xdist_group("doc")
def test_the_lines_of_a_ticket_are_the_same_in_a_shorter_run(
    make_project: MakeProject, documento_run: Run
) -> None:
    dates = {**DOCUMENTO, "date_min": "2026-01-09", "date_max": "2026-01-10"}
    short = make_project().run("synthesis", run_id="short", days_per_chunk=1, **dates)
    lines, whole = (lines_by_ticket(run) for run in (short, documento_run))
    assert 0 < len(lines) < len(whole)
    assert lines == {ticket: whole[ticket] for ticket in lines}


def lines_by_ticket(run: Run) -> dict[str, list[str]]:
    """The raw lines of each ticket, as they are written."""
    lines = defaultdict(list)
    for path in run.raw_objects():
        for line in path.read_text(encoding="utf-8").splitlines():
            start = line.index('"ticket_id":"') + len('"ticket_id":"')
            lines[line[start : start + 36]].append(line)
    return lines
