"""From typed parameters to a scenario: the calendar, the daily counts, the calibrated medians."""

from collections.abc import Callable

from pqrs_kedro.parameters import Profile, RunParameters
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel, plan_arrivals
from pqrs_kedro.pipelines.synthesis.calibration import (
    BASELINE_MEDIAN,
    calibrate_median,
    predict_breach_rate,
    scaled_median,
)
from pqrs_kedro.pipelines.synthesis.paths import withdrawal_shares
from pqrs_kedro.pipelines.synthesis.tickets import Scenario


def build_scenario(parameters: RunParameters) -> Scenario:
    """Everything the generator needs, computed once per run."""
    calendar = parameters.business_calendar
    profile = parameters.chosen_profile
    seed, volume_scale = parameters.generation
    model = ArrivalModel(profile, calendar, seed, volume_scale)
    never_late, extension = _shares(profile)
    median = _median(parameters, never_late)
    return Scenario(
        seed=seed,
        profile=profile,
        calendar=calendar,
        arrivals=model,
        plan=plan_arrivals(model, parameters.date_min, parameters.date_max),
        median_by_type=(median,) * len(profile.types),
        extension_probability=extension,
        defect_rates=tuple(parameters.defects.chosen_rates.items()),
    )


def breach_rate_by_scale(profile: Profile) -> Callable[[float], float]:
    """The closed form: the breach rate, in total and of every type, that a median_scale gives."""
    never_late, _ = _shares(profile)

    def predict(scale: float) -> float:
        return predict_breach_rate(profile.response, scale * BASELINE_MEDIAN, never_late)

    return predict


def _median(parameters: RunParameters, never_late_share: float) -> float:
    """The median of the response ratio: the baseline's, scaled, or what the breach rate needs."""
    if parameters.breach_rate is not None:
        law = parameters.chosen_profile.response
        return calibrate_median(law, parameters.breach_rate, never_late_share)
    scale = parameters.response.median_scale
    if scale is None:
        raise ValueError("neither breach_rate nor response.median_scale")
    return scaled_median(scale)


def _shares(profile: Profile) -> tuple[float, float]:
    """Share of tickets that cannot be late, and the extension's probability where eligible.

    A transferred petition cannot be late, nor one whose last cycle ends in a tacit withdrawal;
    neither can be extended. Repeated petitions are never put on hold, so never withdrawn.
    """
    shares = profile.resolutions
    ordinary = 1 - shares.transfer - shares.repeated
    withdrawals = withdrawal_shares(profile)
    never_late = shares.transfer + ordinary * withdrawals.last_cycle
    eligible = ordinary * (1 - withdrawals.ever) * (1 - shares.extension_from_quantile)
    return never_late, min(shares.extension / eligible, 1.0)
