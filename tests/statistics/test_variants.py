"""Paths against the bounded walk of the domain facts, and against public process logs."""

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from tests.oracle.walk import BOUNDS, FORBIDDEN, PROBABILITIES, Path, possible
from tests.statistics.samples import HALF_YEAR, half_year
from tools.distributions.observed import Observed, variants, yardsticks
from tools.distributions.samples import tickets

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.pipelines.synthesis.paths import END, ORDINARY, REPEATED_PETITION, TRANSFERRED

SEEDS = (1, 7, 42, 99, 2026, 31_337)
RESOLUTIONS = [
    pytest.param(ORDINARY, id="ordinary"),
    pytest.param(TRANSFERRED, id="transferred"),
    pytest.param(REPEATED_PETITION, id="repeated"),
]


def counted_paths(sample: Observed, resolution: int | None = None) -> Counter[Path]:
    """How often each path occurs."""
    chosen = sample.batch.path
    if resolution is not None:
        chosen = chosen[sample.batch.resolution == resolution]
    rows, counts = variants(chosen)
    paths = [tuple(STATUS_IDS[code] for code in row if code != END) for row in rows.tolist()]
    return Counter(dict(zip(paths, counts.tolist(), strict=True)))


# --- Yardsticks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_thousand_tickets_look_like_a_public_process_log(seed: int):
    made = tickets("2026-04-13", 10, seed=seed)
    assert len(made.path) > 10_000
    found = yardsticks(made.path[:10_000])
    assert 0.50 <= found.top_1 <= 0.70
    assert 0.77 <= found.top_5 <= 0.90
    assert 3 <= found.for_80 <= 7
    assert 0.06 <= found.repeats <= 0.35
    assert -1.9 <= found.slope <= -1.6
    assert found.singletons > 20


# --- Probabilities ------------------------------------------------------------------------------


@pytest.mark.xdist_group(HALF_YEAR)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_path_is_as_frequent_as_the_walk_makes_it(resolution: int):
    seen, probability = counted_paths(half_year(), resolution), possible(resolution)
    assert seen.keys() <= probability.keys()
    paths = list(probability)
    check = checks.multinomial([seen[p] for p in paths], [probability[p] for p in paths])
    assert check.passed, check


Branch = tuple[str, tuple[int, ...]]


@cache
def branches(resolution: int) -> dict[Branch, Counter[str]]:
    """Where tickets went from each status, by how often they had taken each bounded arc."""
    found: dict[Branch, Counter[str]] = {}
    for path, count in counted_paths(half_year(), resolution).items():
        taken = Counter[tuple[str, str]]()
        for origin, target in pairwise(path):
            state = tuple(taken[arc] for arc in BOUNDS)
            found.setdefault((origin, state), Counter())[target] += count
            taken[origin, target] += 1
    return found


def check_branch(branch: Branch, targets: Counter[str], resolution: int) -> Check:
    """Targets against the profile; at its bound an arc's probability goes to the first target."""
    origin, taken = branch
    shares = dict(PROBABILITIES[origin])
    first = next(iter(shares))
    for target in list(shares)[1:]:
        arc = (origin, target)
        used = dict(zip(BOUNDS, taken, strict=True)).get(arc, 0)
        if arc in FORBIDDEN[resolution] or used >= BOUNDS.get(arc, 99):
            shares[first] += shares.pop(target)
    assert targets.keys() <= shares.keys(), branch
    return checks.multinomial([targets[name] for name in shares], list(shares.values()))


@pytest.mark.xdist_group(HALF_YEAR)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_transitions_have_their_probabilities_whatever_was_taken_before(resolution: int):
    tested = 0
    for branch, targets in branches(resolution).items():
        if sum(targets.values()) >= 200 and len(PROBABILITIES[branch[0]]) > 1:
            check = check_branch(branch, targets, resolution)
            tested += 1
            assert check.p > checks.LEVEL or len(targets) == 1, (branch, targets, check)
    assert tested >= 4


@pytest.mark.xdist_group(HALF_YEAR)
def test_the_same_test_rejects_a_probability_that_is_off_by_10_per_cent():
    root = "profiles.documento_v1.transitions"
    changes = {
        f"{root}.ASSIGNED": {"IN_PROGRESS": 0.912, "CLASSIFIED": 0.088},
        f"{root}.IN_PROGRESS": {"RESPONDED": 0.766, "ON_HOLD": 0.154, "ASSIGNED": 0.08},
        f"{root}.ON_HOLD": {"IN_PROGRESS": 0.82, "RESPONDED": 0.18},
        f"{root}.RESPONDED": {"CLOSED": 0.945, "IN_PROGRESS": 0.055},
        f"{root}.CLOSED": {"ARCHIVED": 0.945, "REOPENED": 0.055},
    }
    wrong = Observed(tickets("2026-01-01", 40, changes))
    none_taken = Counter[str]()
    for path, count in counted_paths(wrong, ORDINARY).items():
        first_steps = {pair[0]: pair for pair in reversed(list(pairwise(path)))}
        none_taken.update({pair: count for pair in first_steps.values()})
    for origin in ("ASSIGNED", "IN_PROGRESS", "ON_HOLD", "RESPONDED", "CLOSED"):
        targets = Counter({to: n for (start, to), n in none_taken.items() if start == origin})
        check = check_branch((origin, (0,) * len(BOUNDS)), targets, ORDINARY)
        assert not check.passed, (origin, check)
