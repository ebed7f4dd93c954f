"""What a parameter may not change, line by line: the breach rate, the run's dates.

Chunks, processes and objects: `tests/unit/test_raw_objects.py`; whole runs, in other places and on
other processors: `tests/pipelines/test_determinism.py`.
"""

import json
import re
from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from tools.distributions.samples import PROFILES, parameters

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.pipelines.synthesis.generator import generate_batch
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

RATES = (0.02, 0.095, 0.4)
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
# An event's id tells its instant, and so do the names that e-mails and calls take from it.
MOVING = re.compile(f"{UUID}|{INSTANT}")
Line = dict[str, Any]


@cache
def lines(first: str, last: str, **changes: Any) -> dict[str, list[str]]:
    """Raw lines of the tickets received on some days, by ticket, in their order."""
    run = parameters(date_min=first, date_max=last, **changes)
    days = range(day_number(run.date_min), day_number(run.date_max) + 1)
    made = generate_batch(build_scenario(run), days).lines.frame().sort("at", "tie")
    found = defaultdict(list)
    for line in made["line"].to_list():
        found[json.loads(line)["ticket_id"]].append(line)
    return dict(found)


@cache
def at_rate(name: str, rate: float) -> dict[str, list[str]]:
    """Some 700 tickets at a breach rate."""
    return lines("2026-03-24", "2026-03-25", profile=name, breach_rate=rate, volume_scale=0.25)


def up_to_work(ticket: list[str]) -> list[str]:
    """The status lines up to the first IN_PROGRESS."""
    statuses = [line for line in ticket if '"event_type":"STATUS"' in line]
    place = next(n for n, line in enumerate(statuses) if '"status_to":"IN_PROGRESS"' in line)
    return statuses[: place + 1]


def without_times(ticket: list[str]) -> list[str]:
    """All lines, what tells an instant left out; replies and extensions find their own place."""
    return sorted(MOVING.sub("", line) for line in ticket)


def pairs(name: str) -> list[tuple[list[str], list[str]]]:
    base = at_rate(name, RATES[1])
    others = [at_rate(name, rate) for rate in (RATES[0], RATES[2])]
    assert all(other.keys() == base.keys() for other in others)
    assert len(base) > 500
    return [(base[ticket], other[ticket]) for other in others for ticket in base]


both_profiles = pytest.mark.parametrize(
    "name", [pytest.param(p, id=p, marks=pytest.mark.xdist_group(f"rates_{p}")) for p in PROFILES]
)


@both_profiles
def test_another_breach_rate_leaves_every_byte_up_to_the_start_of_work(name: str):
    for base, other in pairs(name):
        assert up_to_work(base) == up_to_work(other)


@both_profiles
def test_another_breach_rate_leaves_all_of_a_ticket_but_instants(name: str):
    """Texts, paths, files, people, attributes, the number of lines, and what each of them says."""
    for base, other in pairs(name):
        assert without_times(base) == without_times(other)


@both_profiles
def test_another_breach_rate_moves_the_answers(name: str):
    moved = [base[-1] != other[-1] for base, other in pairs(name)]
    assert sum(moved) > len(moved) / 2


@both_profiles
def test_a_day_in_the_middle_of_a_run_has_the_same_lines_alone(name: str):
    both = at_rate(name, RATES[1])
    alone = lines("2026-03-25", "2026-03-25", profile=name, breach_rate=RATES[1], volume_scale=0.25)
    assert 200 < len(alone) < len(both)
    assert alone == {ticket: both[ticket] for ticket in alone}
