"""What a sweep may be told, and which trials follow from it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.scenarios import base_values

from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.sweep.design import (
    changed_values,
    check_points,
    list_points,
    plain_values,
    point_parameters,
    replicate,
)
from pqrs_kedro.sweep.plan import SweepPlan, grid_option, parse_plan, read_plan
from pqrs_kedro.sweep.solve import check_reach

BASE = plain_values(parse_parameters(base_values()))
DOC = "profiles.documento_v1"
HOLD = f"{DOC}.transitions.IN_PROGRESS.ON_HOLD"
SCALES = {"response.median_scale": [0.9, 1.1]}
SWEEPS = Path(__file__).parents[2] / "sweeps"


def plan_of(**values: Any) -> SweepPlan:
    return parse_plan(values, "plan")


def refusal(**values: Any) -> str:
    """The line with which a plan, or one of its trials, is refused."""

    def check() -> None:
        plan = plan_of(**values)
        check_points(list_points(plan, BASE), BASE, plan.seeds, plan.full)

    with pytest.raises(InvalidInput) as caught:
        check()
    message = str(caught.value)
    assert message.splitlines() == [message]
    return message


# --- Designs ------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_in_order_with_what_is_fixed():
    plan = plan_of(
        grid={"volume_scale": [0.5, 1], **SCALES}, fixed={"date_max": "2026-01-05"}, seeds=3
    )
    points = list_points(plan, BASE)
    assert [tuple(point.changes.values()) for point in points] == [
        ("2026-01-05", 0.5, 0.9),
        ("2026-01-05", 0.5, 1.1),
        ("2026-01-05", 1, 0.9),
        ("2026-01-05", 1, 1.1),
    ]
    trials = replicate(points, 0, 42, plan.seeds)
    assert [(t.number, t.point.number, t.seed) for t in trials[:4]] == [
        (0, 0, 42),
        (1, 0, 43),
        (2, 0, 44),
        (3, 1, 42),
    ]
    # Every point has the same seeds: common random numbers.
    assert {t.seed for t in trials if t.point.number == 3} == {42, 43, 44}


def test_steps_are_values_at_equal_distances():
    plan = plan_of(grid={"response.median_scale": {"first": 0.85, "last": 1.3, "count": 4}})
    assert plan.grid["response.median_scale"] == (0.85, 1.0, 1.15, 1.3)


def test_a_latin_hypercube_has_one_value_in_each_of_equal_cells_and_whole_numbers_where_needed():
    term = f"{DOC}.types.PETICION.term_business_days"
    ranges = {"volume_scale": [0.5, 2.5], term: [10, 50]}
    plan = plan_of(ranges=ranges, samples=20)
    points = list_points(plan, BASE)
    assert points == list_points(plan, BASE)
    scales = sorted(point.changes["volume_scale"] for point in points)
    assert [int((scale - 0.5) / 2.0 * 20) for scale in scales] == list(range(20))
    terms = [point.changes[term] for point in points]
    assert all(isinstance(value, int) for value in terms)
    assert sorted(terms) != terms
    assert len({*terms}) > 15
    assert list_points(plan, BASE | {"seed": 43}) != points


def test_a_probability_of_a_hold_is_changed_alone_and_the_way_on_takes_the_rest():
    ways = changed_values(BASE, {HOLD: 0.3})["profiles"]["documento_v1"]["transitions"]
    assert ways["IN_PROGRESS"] == {"RESPONDED": 0.62, "ON_HOLD": 0.3, "ASSIGNED": 0.08}
    assert BASE["profiles"]["documento_v1"]["transitions"]["IN_PROGRESS"]["RESPONDED"] == 0.78
    both = {HOLD: 0.3, HOLD.replace("ON_HOLD", "RESPONDED"): 0.6}
    given = changed_values(BASE, both)["profiles"]["documento_v1"]["transitions"]["IN_PROGRESS"]
    assert given["RESPONDED"] == 0.6


def test_median_scale_and_breach_rate_replace_each_other():
    scaled = point_parameters(list_points(plan_of(grid=SCALES), BASE)[0], BASE, 5)
    assert (scaled.seed, scaled.breach_rate, scaled.response.median_scale) == (5, None, 0.9)
    rated = point_parameters(list_points(plan_of(grid={"breach_rate": [0.1]}), BASE)[0], BASE, 5)
    assert (rated.breach_rate, rated.response.median_scale) == (0.1, None)


def test_a_path_through_a_name_with_dots_and_a_list_is_found():
    values = {"profiles": {"a.b": {"c": [{"d": 1}]}}, "response": {}}
    assert changed_values(values, {"profiles.a.b.c.0.d": 2})["profiles"] == {
        "a.b": {"c": [{"d": 2}]}
    }


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        pytest.param({"grid": {"volume_scal": [1]}},
                     "volume_scal: unknown parameter; known here: ", id="misspelt"),
        pytest.param({"grid": {f"{DOC}.types.QUEJAS.share": [1]}},
                     f"{DOC}.types.QUEJAS.share: unknown parameter; known here: PETICION, QUEJA",
                     id="misspelt_inside"),
        pytest.param({"grid": {"volume_scale": [1, -1]}},
                     "volume_scale: -1: ", id="impossible_value"),
        pytest.param({"grid": {f"{DOC}.types.QUEJA.term_business_days": [10, 61]}},
                     f"{DOC}.types.QUEJA.term_business_days: 61: ", id="impossible_term"),
        pytest.param({"grid": {HOLD: [0.5, 1.2]}}, f"{HOLD}: 1.2: ", id="impossible_probability"),
        pytest.param({"grid": {f"{DOC}.types.QUEJA.share": [0.3]}},
                     f"{DOC}.types: shares must add up to 1", id="shares"),
        pytest.param({"grid": {"response.median_scale": [1], "breach_rate": [0.1]}},
                     "response.median_scale: 1.0 beside breach_rate 0.1", id="both_ways"),
        pytest.param({"grid": {"seed": [1]}}, "seed: cannot be swept", id="seed"),
        pytest.param({"grid": {"engine.threads": [1]}}, "engine.threads: cannot be swept",
                     id="engine"),
        pytest.param({"grid": {"run_id": ["a"]}}, "run_id: cannot be swept", id="run_id"),
        pytest.param({"grid": SCALES, "fixed": {"date_max": "2025-12-31"}},
                     "date_max: 2025-12-31 is before date_min", id="dates"),
        pytest.param({"grid": SCALES, "fixed": {"defects.profile": "hostile"}},
                     "defects: a trial has no raw lines", id="defects"),
        pytest.param({}, "plan: either grid or ranges", id="nothing_swept"),
        pytest.param({"grid": {"volume_scale": []}}, "plan: grid.volume_scale: ", id="no_values"),
        pytest.param({"grid": {"volume_scale": [1, 1]}},
                     "plan: grid.volume_scale: a value is given twice", id="twice"),
        pytest.param({"ranges": {"volume_scale": [2, 1]}, "samples": 4},
                     "plan: ranges.volume_scale: 2.0 is not less than 1.0", id="range"),
        pytest.param({"ranges": {"volume_scale": [1, 2]}}, "plan: samples: is needed",
                     id="samples"),
        pytest.param({"grid": SCALES, "seeds": 0}, "plan: seeds: 0: ", id="no_seeds"),
        pytest.param({"grid": SCALES, "seed": 3}, "plan: seed: unknown parameter",
                     id="unknown_key"),
        pytest.param({"grid": SCALES, "fixed": {"response.median_scale": 1}},
                     "plan: fixed.response.median_scale: is swept too", id="fixed_and_swept"),
        pytest.param({"grid": {"volume_scale": [1, 2]}, "calibrate": {"rates": [0.1]}},
                     "plan: calibrate: needs a grid of response.median_scale", id="calibrate_what"),
        pytest.param({"grid": SCALES, "seeds": 1, "calibrate": {"rates": [0.1]}},
                     "plan: calibrate: needs two values and two seeds", id="calibrate_one_seed"),
        pytest.param({"grid": SCALES, "calibrate": {"rates": [0.5]}},
                     "plan: calibrate.rates.0: 0.5: ", id="calibrate_rate"),
        pytest.param({"grid": SCALES, "seeds": 1000, "samples": None,
                      "fixed": {}, "full": "perhaps"}, "plan: full: 'perhaps': ", id="full"),
    ],
)  # fmt: skip
def test_a_bad_plan_is_refused_with_the_parameters_path(plan: dict[str, Any], said: str):
    assert refusal(**plan).startswith(said)


def test_a_refused_trial_says_which_one():
    message = refusal(grid={"volume_scale": [1, 1000], **SCALES})
    assert message.endswith("(trial with volume_scale=1000, response.median_scale=0.9)")


def test_a_rate_that_the_grid_cannot_give_is_refused_before_any_trial():
    plan = plan_of(grid=SCALES, calibrate={"rates": [0.08, 0.2]})
    assert plan.calibrate is not None
    with pytest.raises(InvalidInput, match=r"calibrate\.rates: 0\.2: .*gives rates from 0\.0\d+"):
        check_reach(plan, plan.calibrate, BASE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("volume_scale=0.5,1", ("volume_scale", [0.5, 1]), id="numbers"),
        pytest.param("profile=documento_v1,ley1755", ("profile", ["documento_v1", "ley1755"]),
                     id="names"),
        pytest.param("date_max=2026-01-05", ("date_max", ["2026-01-05"]), id="a_date"),
    ],
)  # fmt: skip
def test_a_grid_option_is_a_name_and_its_values(text: str, expected: tuple[str, list[Any]]):
    assert grid_option(text) == expected


@pytest.mark.parametrize("text", ["volume_scale", "=1,2", "volume_scale=", "volume_scale=[1,2"])
def test_a_grid_option_of_another_form_is_refused(text: str):
    with pytest.raises(InvalidInput, match=r"^--grid: "):
        grid_option(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("- 1\n", "must be a mapping", id="a_list"),
        pytest.param("grid: {a: [1]}\ngrid: {b: [1]}\n", "comes twice", id="equal_keys"),
        pytest.param("grid: [\n", "flow", id="no_yaml"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(content: str, said: str, tmp_path: Path):
    (tmp_path / "s.yml").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said):
        read_plan(tmp_path / "s.yml")
    with pytest.raises(InvalidInput, match="No such file"):
        read_plan(tmp_path / "other.yml")


@pytest.mark.parametrize("file", sorted(SWEEPS.glob("*.yml")), ids=lambda file: file.stem)
def test_the_sweeps_of_the_project_can_be_carried_out(file: Path):
    plan = parse_plan(read_plan(file), file.name)
    check_points(list_points(plan, BASE), BASE, plan.seeds, plan.full)
    if plan.calibrate is not None:
        check_reach(plan, plan.calibrate, BASE)
        scales = plan.grid["response.median_scale"]
        assert all(before < after for before, after in pairwise(scales))
