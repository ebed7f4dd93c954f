"""Raw objects do not depend on how they are made: chunks, processes, and the dates of the run."""

import json
import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import polars as pl
import pytest
from tests.oracle.calendar import local_day
from tests.oracle.curation import parse_instant
from tests.unit.scenarios import base_values, scenario

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.synthesis import generator
from pqrs_kedro.pipelines.synthesis.generator import generate_batch, generate_objects
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import build_batch
from pqrs_kedro.run.identity import config_hash

Objects = dict[tuple[str, date], bytes]


@cache
def objects(
    first: str,
    last: str,
    days_per_chunk: int = 4,
    workers: int = 1,
    volume_scale: float = 0.05,
    observe_until: str | None = None,
) -> Objects:
    """Content of the raw objects of a run, by source and local day."""
    run = scenario(date_min=first, date_max=last, volume_scale=volume_scale)
    days = (date.fromisoformat(first), date.fromisoformat(last))
    found: Objects = {}
    until = observe_until and date.fromisoformat(observe_until)
    for complete, *_ in generate_objects(run, *days, days_per_chunk, workers, until or None):
        for item in complete:
            # A second object of the same key would overwrite the first.
            assert (item.source, item.day) not in found
            content = item.content().to_pybytes()
            found[item.source, item.day] = content
            assert content.count(b"\n") == item.rows > 0
    return found


def lines_by_ticket(raw: Objects) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for content in raw.values():
        for line in content.splitlines(keepends=True):
            found.setdefault(json.loads(line)["ticket_id"], []).append(line)
    return {ticket: sorted(lines) for ticket, lines in found.items()}


def received_on(lines: Sequence[bytes]) -> date:
    return min(local_day(parse_instant(json.loads(line)["ts"])) for line in lines)


WEEK = ("2026-01-07", "2026-01-12")
NEW_YEAR = ("2025-12-30", "2026-01-03")
AFTER_NEW_YEAR = ("2026-01-02", "2026-01-03")


# --- Objects ------------------------------------------------------------------------------------


def test_an_object_has_the_lines_of_its_source_and_local_day_in_order():
    for (source, day), content in objects(*WEEK).items():
        lines = [json.loads(line) for line in content.splitlines()]
        assert {line["source"] for line in lines} == {source}
        assert {local_day(parse_instant(line["ts"])) for line in lines} == {day}
        order = [(line["ts"], line["event_id"]) for line in lines]
        assert order == sorted(order)


def test_every_ticket_of_the_dates_is_there_with_its_whole_life():
    found = lines_by_ticket(objects(*WEEK))
    plan = scenario(date_min=WEEK[0], date_max=WEEK[1], volume_scale=0.05).plan
    days = range(day_number(date(2026, 1, 7)), day_number(date(2026, 1, 13)))
    assert len(found) == sum(plan.count(day) for day in days) > 200
    for lines in found.values():
        entered = [json.loads(line)["status_to"] for line in lines]
        assert {"RECEIVED", "ARCHIVED"} <= set(entered)


# --- Chunks and processes -----------------------------------------------------------------------


@pytest.mark.parametrize("days_per_chunk", [1, 6])
def test_the_size_of_chunks_changes_no_byte(days_per_chunk: int):
    assert objects(*WEEK, days_per_chunk=days_per_chunk) == objects(*WEEK)


def test_two_processes_change_no_byte():
    assert objects(*WEEK, days_per_chunk=3, workers=2) == objects(*WEEK)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("most", [1, 7, 40])
def test_days_cut_into_parts_change_no_byte(
    most: int, workers: int, monkeypatch: pytest.MonkeyPatch
):
    expected = objects(*WEEK)
    monkeypatch.setattr(generator, "_CHUNK_TICKETS", most)
    monkeypatch.setattr(generator, "_PART_TICKETS", most)
    dates = (date(2026, 1, 7), date(2026, 1, 12))
    run = scenario(date_min=WEEK[0], date_max=WEEK[1], volume_scale=0.05)
    assert max(run.plan.count(day_number(day)) for day in dates) > most
    # Not the one that is kept.
    assert objects.__wrapped__(*WEEK, workers=workers) == expected


def test_parts_of_a_day_are_about_equal_and_no_larger_than_they_may_be():
    day = day_number(date(2026, 1, 7))
    whole = build_batch(scenario(volume_scale=0.05), [day])
    for most in (1, 2, 7, len(whole.day) - 1, len(whole.day), 10_000):
        parts = list(whole.parts(most))
        sizes = [len(part.day) for part in parts]
        assert sum(sizes) == len(whole.day)
        assert len(sizes) == -(-len(whole.day) // most)
        assert max(sizes) <= most
        assert max(sizes) - min(sizes) <= 1
        tickets = pl.concat([part.frame for part in parts])
        assert tickets.equals(whole.frame)


# --- The run's dates ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        pytest.param(("2026-01-08", "2026-01-09"), WEEK, id="inside_a_run"),
        pytest.param(("2026-01-07", "2026-01-07"), WEEK, id="first_day_alone"),
        pytest.param(("2026-01-12", "2026-01-12"), WEEK, id="last_day_alone"),
        pytest.param(AFTER_NEW_YEAR, NEW_YEAR, id="over_new_year"),
    ],
)
def test_tickets_of_a_slice_of_dates_have_the_same_lines_in_a_longer_run(
    part: tuple[str, str], whole: tuple[str, str]
):
    volume = 0.3 if whole == NEW_YEAR else 0.05
    few = lines_by_ticket(objects(*part, volume_scale=volume))
    many = lines_by_ticket(objects(*whole, volume_scale=volume))
    first, last = (date.fromisoformat(text) for text in part)
    inside = {t: lines for t, lines in many.items() if first <= received_on(lines) <= last}
    assert few == inside
    assert len(few) < len(many)


def test_a_repeated_petition_cites_the_same_ticket_in_runs_of_other_years():
    cited = []
    for dates in (AFTER_NEW_YEAR, NEW_YEAR):
        lines = b"".join(objects(*dates, volume_scale=0.3).values()).splitlines()
        answers = [json.loads(line) for line in lines if b"REITERATIVA" in line]
        cited.append({a["external_id"]: a["attributes"]["cited_external_id"] for a in answers})
    assert cited[0].items() <= cited[1].items()
    assert len(cited[0]) >= 2


def test_january_equals_january_of_a_longer_run():
    january = objects("2026-01-01", "2026-01-31", days_per_chunk=31, volume_scale=0.02)
    longer = objects("2026-01-01", "2026-02-10", days_per_chunk=14, volume_scale=0.02)
    end = date(2026, 1, 31)
    inside = {key: content for key, content in january.items() if key[1] <= end}
    assert inside == {key: content for key, content in longer.items() if key[1] <= end}
    assert len(inside) > 80
    for key, content in january.items():
        assert set(content.splitlines()) <= set(longer[key].splitlines())


# --- The end of observation ---------------------------------------------------------------------


@pytest.mark.parametrize("until", ["2026-01-07", "2026-01-09", "2026-01-12", "2026-02-01"])
@pytest.mark.parametrize("days_per_chunk", [1, 6])
def test_objects_up_to_the_end_of_observation_are_the_same_and_later_ones_are_not_there(
    until: str, days_per_chunk: int
):
    whole = objects(*WEEK)
    end = date.fromisoformat(until)
    observed = objects(*WEEK, days_per_chunk=days_per_chunk, observe_until=until)
    assert observed == {key: content for key, content in whole.items() if key[1] <= end}
    assert 0 < len(observed) < len(whole)


def test_no_line_of_a_day_tells_of_a_later_one():
    """Instants of turns, calls and sessions never lie after the local day of their line."""
    instants = re.compile(rb'"(\d{4}-\d\d-\d\dT[\d:.]+Z)"')
    for (_, day), content in objects(*WEEK, volume_scale=0.2).items():
        told = {local_day(parse_instant(text.decode())) for text in instants.findall(content)}
        assert max(told) == day


# --- Few tickets, or none -----------------------------------------------------------------------


def test_days_without_a_ticket_are_skipped_in_chunks_of_any_size():
    run = scenario(date_min="2026-01-02", date_max="2026-01-06", volume_scale=0.002)
    first = day_number(date(2026, 1, 2))
    assert 0 in [run.plan.count(day) for day in range(first, first + 5)]
    made = objects("2026-01-02", "2026-01-06", days_per_chunk=1, volume_scale=0.002)
    found = lines_by_ticket(made)
    assert 0 < len(found) < 30
    assert made == objects("2026-01-02", "2026-01-06", days_per_chunk=7, volume_scale=0.002)


def test_a_run_without_any_ticket_has_no_objects():
    assert objects("2026-01-02", "2026-01-03", volume_scale=1e-9) == {}


# --- What decides the data ----------------------------------------------------------------------


def lines_and_hash(values: dict[str, Any]) -> tuple[list[str], str]:
    typed = parse_parameters(values)
    day = day_number(typed.date_min)
    made = generate_batch(build_scenario(typed), [day, day + 1])
    return made.lines.texts.series().to_list(), config_hash(typed)


def test_another_seed_gives_other_lines_of_the_same_kind():
    here, there = (
        lines_by_ticket(
            {
                ("", date.min): "".join(
                    lines_and_hash(base_values(seed=s, volume_scale=0.02))[0]
                ).encode()
            }
        )
        for s in (1, 2)
    )
    assert here.keys().isdisjoint(there)


@pytest.mark.parametrize("facts", ["types", "priority"])
def test_equal_configuration_hashes_mean_equal_lines(facts: str):
    # Draws take categories in order: it decides nothing, or it is part of the hash.
    values = base_values(volume_scale=0.02)
    lines, identity = lines_and_hash(values)
    profile = values["profiles"]["documento_v1"]
    profile[facts] = dict(reversed(profile[facts].items()))
    other_lines, other_identity = lines_and_hash(values)
    assert (other_identity == identity) is (other_lines == lines)
