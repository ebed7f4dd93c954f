"""`response.median_scale`: the other way to say how slow answers are, beside `breach_rate`."""

from typing import Any

import pytest
from scipy import optimize, stats
from tests.oracle.walk import never_late_share
from tests.unit.scenarios import PROFILES, base_values, parameters, scenario

from pqrs_kedro.parameters import InvalidInput, parse_parameters
from pqrs_kedro.parameters_response import with_given_way
from pqrs_kedro.pipelines.synthesis.scenario import breach_rate_by_scale


def at_scale(scale: float, **top_level: Any) -> dict[str, Any]:
    return base_values(breach_rate=None, response={"median_scale": scale}, **top_level)


@pytest.mark.parametrize(
    ("breach_rate", "scale", "said"),
    [
        pytest.param(0.095, 1.1, "response.median_scale: 1.1 beside breach_rate 0.095", id="both"),
        pytest.param(None, None, "breach_rate: is needed", id="neither"),
        pytest.param(None, 0.09, "response.median_scale: 0.09: ", id="too_low"),
        pytest.param(None, 11, "response.median_scale: 11: ", id="too_high"),
        pytest.param(None, float("nan"), "response.median_scale: nan: ", id="not_a_number"),
        pytest.param(None, "slow", "response.median_scale: 'slow': ", id="in_words"),
    ],
)
def test_one_way_to_fix_the_median_is_needed_and_no_more(
    breach_rate: float | None, scale: Any, said: str
):
    values = base_values(breach_rate=breach_rate, response={"median_scale": scale})
    with pytest.raises(InvalidInput) as caught:
        parse_parameters(values)
    assert str(caught.value).startswith(said)
    assert str(caught.value).splitlines() == [str(caught.value)]


@pytest.mark.parametrize(
    ("given", "rate", "scale"),
    [
        pytest.param({"response": {"median_scale": 1.1}}, None, 1.1, id="scale"),
        pytest.param({"breach_rate": 0.1}, 0.1, None, id="rate"),
        pytest.param({"seed": 3}, 0.095, None, id="neither"),
    ],
)
def test_what_is_given_takes_the_place_of_what_is_configured(
    given: dict[str, Any], rate: float | None, scale: float | None
):
    typed = parse_parameters(with_given_way(base_values() | given, given))
    assert (typed.breach_rate, typed.response.median_scale) == (rate, scale)


def test_a_given_rate_takes_the_place_of_a_configured_scale():
    configured = at_scale(1.3)
    typed = parse_parameters(
        with_given_way(configured | {"breach_rate": 0.1}, {"breach_rate": 0.1})
    )
    assert (typed.breach_rate, typed.response.median_scale) == (0.1, None)


def test_the_median_is_the_scale_times_the_baseline_for_every_type():
    run = scenario_at(1.25)
    assert run.median_by_type == (round(1.25 * 0.536, 6),) * len(run.profile.types)


def scenario_at(scale: float):
    from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

    return build_scenario(parse_parameters(at_scale(scale)))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("rate", [0.02, 0.07, 0.095, 0.12, 0.4])
def test_the_prediction_is_the_inverse_of_the_calibration(name: str, rate: float):
    """The scale that has the calibrated median is predicted to give the rate that was asked for."""
    run = scenario(profile=name, breach_rate=rate)
    predict = breach_rate_by_scale(run.profile)
    assert predict(run.median_by_type[0] / 0.536) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("name", PROFILES)
def test_the_prediction_is_the_tail_of_the_law_in_scipys_terms(name: str):
    """P(x > 1) of a lognormal of which half the draws in (1, 1.25] hurry, over who can be late."""
    profile = parameters(profile=name).chosen_profile
    never_late = never_late_share(profile.stop_status, 0.06, 0.01)
    drawn = stats.lognorm(s=0.55, scale=1.1 * 0.536)
    tail = 0.5 * drawn.sf(1) + 0.5 * drawn.sf(1.25)
    assert breach_rate_by_scale(profile)(1.1) == pytest.approx((1 - never_late) * tail, abs=1e-9)
    # And the scale for a rate, found by SciPy's root finder on that formula alone.
    root = optimize.brentq(lambda s: _tail(s) * (1 - never_late) - 0.095, 0.5, 2)
    assert root * 0.536 == pytest.approx(scenario(profile=name).median_by_type[0], abs=1e-6)


def _tail(scale: float) -> float:
    drawn = stats.lognorm(s=0.55, scale=scale * 0.536)
    return float(0.5 * drawn.sf(1) + 0.5 * drawn.sf(1.25))
