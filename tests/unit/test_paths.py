"""Paths through the status machine: allowed, bounded, as probable as the profile says.

The machine is written down a second time in `tests.oracle.walk`, and its 8,681 possible paths are
enumerated there one by one.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from tests.oracle.walk import WITHDRAWAL, Path, is_withdrawn, possible
from tests.unit.scenarios import batch, profile

from pqrs_kedro.domain.statuses import MANDATORY_PATH, MAX_PATH_LENGTH, STATUS_IDS
from pqrs_kedro.pipelines.synthesis.paths import (
    END,
    ORDINARY,
    REPEATED_PETITION,
    TRANSFERRED,
    Paths,
    has_withdrawal,
    walk,
    withdrawal_shares,
)

RESOLUTIONS = [
    pytest.param(ORDINARY, id="ordinary"),
    pytest.param(TRANSFERRED, id="transferred"),
    pytest.param(REPEATED_PETITION, id="repeated"),
]


def texts(paths: Paths) -> list[Path]:
    return [tuple(STATUS_IDS[code] for code in row if code != END) for row in paths]


def walked(uniform: np.ndarray, resolution: int) -> list[Path]:
    kinds = np.full(len(uniform), resolution)
    return texts(walk(profile().transitions, uniform, kinds))


def random_draws(tickets: int, key: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=key)).random((tickets, MAX_PATH_LENGTH))


def contains_in_order(path: Path, wanted: Path) -> bool:
    rest = iter(path)
    return all(status in rest for status in wanted)


# --- Every path ---------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_walked_path_is_a_possible_one(resolution: int):
    paths = set(walked(random_draws(20_000, key=resolution), resolution))
    assert paths <= possible(resolution).keys()
    assert len(paths) > 4


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_possible_path_has_the_mandatory_statuses_in_order(resolution: int):
    for path in possible(resolution):
        assert path[0] == "RECEIVED"
        assert path[-1] == "ARCHIVED"
        assert contains_in_order(path, MANDATORY_PATH)


def test_the_longest_possible_path_just_fits():
    assert max(len(path) for path in possible(ORDINARY)) == MAX_PATH_LENGTH


def test_the_probabilities_of_all_paths_add_up_to_one():
    assert sum(possible(ORDINARY).values()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_paths_are_as_frequent_as_their_probability(resolution: int):
    tickets = 60_000
    seen = Counter(walked(random_draws(tickets, key=90 + resolution), resolution))
    likely = {path: share for path, share in possible(resolution).items() if share > 1e-3}
    assert len(likely) > 4
    for path, share in likely.items():
        five_sigma = 5 * np.sqrt(tickets * share * (1 - share))
        assert abs(seen[path] - tickets * share) < five_sigma, path


# --- Adversarial draws --------------------------------------------------------------------------

EDGES = sorted(
    {0.08, 0.14, 0.22, 0.15, 0.05, 0.5} | {0.14 + 0.08, 0.08 - 1e-17, 1e-300, 2**-54, 1 - 2**-53}
)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(2**-54, id="every_first_loop"),
        pytest.param(0.04, id="every_loop"),
        pytest.param(0.1, id="every_hold_and_withdrawal"),
        pytest.param(0.2, id="every_handing_back"),
        pytest.param(1 - 2**-53, id="no_loop"),
    ],
)
def test_a_walk_with_the_same_draw_at_each_step_ends_within_the_bounds(
    draw: float, resolution: int
):
    (path,) = walked(np.full((1, MAX_PATH_LENGTH), draw), resolution)
    assert path in possible(resolution)


def test_draws_exist_that_walk_the_longest_path():
    longest = max(possible(ORDINARY), key=len)
    draw_of = {
        ("IN_PROGRESS", "ON_HOLD"): 0.01,
        ("IN_PROGRESS", "ASSIGNED"): 0.2,
        ("ASSIGNED", "CLASSIFIED"): 0.01,
        ("RESPONDED", "IN_PROGRESS"): 0.01,
        ("CLOSED", "REOPENED"): 0.01,
    }
    draws = [0.99, *(draw_of.get(arc, 0.99) for arc in pairwise(longest))]
    assert walked(np.array([draws]), ORDINARY) == [longest]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_walks_with_draws_on_the_edges_of_the_branches_stay_within_the_bounds(resolution: int):
    random = np.random.Generator(np.random.Philox(key=3))
    draws = random.choice(EDGES, (20_000, MAX_PATH_LENGTH))
    assert set(walked(draws, resolution)) <= possible(resolution).keys()


def test_a_draw_on_an_edge_takes_the_next_branch_and_leaves_the_loop_before_untouched():
    to_hold, edge, on = 0.01, 0.14, 0.99
    draws = np.full((1, MAX_PATH_LENGTH), on)
    # RECEIVED to IN_PROGRESS, twice handed back on the edge of ON_HOLD, then on hold twice.
    draws[0, 5:13] = [edge, on, edge, on, to_hold, on, to_hold, on]
    (path,) = walked(draws, ORDINARY)
    handed_back, held = ("ASSIGNED", "IN_PROGRESS"), ("ON_HOLD", "IN_PROGRESS")
    assert path[5:13] == handed_back + handed_back + held + held


def test_a_path_does_not_depend_on_the_tickets_around():
    draws, kinds = random_draws(3000, key=5), np.arange(3000) % 3
    whole = walk(profile().transitions, draws, kinds)
    part = walk(profile().transitions, draws[700:900], kinds[700:900])
    assert (whole[700:900] == part).all()


def test_nothing_follows_the_end_of_a_path():
    paths = walk(profile().transitions, random_draws(3000, key=6), np.zeros(3000, dtype=np.int64))
    ended = np.cumsum(paths == END, axis=1) > 0
    assert (paths[ended] == END).all()


# --- Withdrawals --------------------------------------------------------------------------------


def has_any_withdrawal(path: Path) -> bool:
    return WITHDRAWAL in pairwise(path)


@pytest.mark.parametrize("name", ["documento_v1", "ley1755"])
def test_the_shares_of_withdrawals_are_those_of_all_possible_paths(name: str):
    facts = profile(name)
    last_cycle = sum(
        p for path, p in possible(ORDINARY).items() if is_withdrawn(path, facts.stop_status)
    )
    ever = sum(p for path, p in possible(ORDINARY).items() if has_any_withdrawal(path))
    shares = withdrawal_shares(facts)
    assert shares.last_cycle == pytest.approx(last_cycle, abs=1e-12)
    assert shares.ever == pytest.approx(ever, abs=1e-12)


@pytest.mark.parametrize("name", ["documento_v1", "ley1755"])
def test_the_shares_of_withdrawals_are_those_of_a_simulation(name: str):
    facts, tickets = profile(name), 100_000
    paths = texts(walk(facts.transitions, random_draws(tickets, 17), np.zeros(tickets, np.int64)))
    seen = Counter(paths)
    shares = withdrawal_shares(facts)
    for expected, count in (
        (shares.last_cycle, sum(n for p, n in seen.items() if is_withdrawn(p, facts.stop_status))),
        (shares.ever, sum(n for p, n in seen.items() if has_any_withdrawal(p))),
    ):
        five_sigma = 5 * np.sqrt(expected * (1 - expected) / tickets)
        assert abs(count / tickets - expected) < five_sigma


def test_the_clock_that_stops_earlier_counts_fewer_withdrawals():
    document, law = (withdrawal_shares(profile(name)) for name in ("documento_v1", "ley1755"))
    assert law.last_cycle < document.last_cycle < document.ever == law.ever


def test_a_ticket_has_a_withdrawal_where_an_answer_follows_a_hold():
    draws = random_draws(5000, key=8)
    paths = walk(profile().transitions, draws, np.zeros(5000, dtype=np.int64))
    assert has_withdrawal(paths).tolist() == [has_any_withdrawal(path) for path in texts(paths)]


# --- Realism ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [42, 7])
def test_ten_thousand_tickets_look_like_a_public_process_log(seed: int):
    paths = texts(batch("2026-04-13", 14, seed=seed).path)[:10_000]
    assert len(paths) == 10_000
    frequency = [count for _, count in Counter(paths).most_common()]
    covered = np.cumsum(frequency)
    repeats = sum(len(set(path)) < len(path) for path in paths)
    top_50 = np.log(frequency[:50])
    slope = np.polyfit(np.log(np.arange(1, 51)), top_50, 1)[0]
    assert 5000 <= covered[0] <= 7000
    assert 7700 <= covered[4] <= 9000
    assert 3 <= np.searchsorted(covered, 8000) + 1 <= 7
    assert 600 <= repeats <= 3500
    assert -1.9 <= slope <= -1.6
    assert frequency.count(1) > 20  # a long tail of singletons
