"""Typed parameters of how slow answers are: two ways to say it, of which a run takes one."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from pqrs_kedro.parameter_model import Misfit, Model

# Beyond them the breach rate is next to nothing, or next to all.
MEDIAN_SCALES: Final = (0.1, 10.0)


class ResponseLevel(Model):
    """The median of the response ratio, as a factor on the baseline; null: see `breach_rate`."""

    median_scale: Annotated[float, Field(ge=MEDIAN_SCALES[0], le=MEDIAN_SCALES[1])] | None = None


def check_one_way(breach_rate: float | None, level: ResponseLevel) -> None:
    """Refuse both ways to fix the median at once, and neither."""
    if breach_rate is None and level.median_scale is None:
        raise Misfit("is needed, unless response.median_scale is given", "breach_rate")
    if breach_rate is not None and level.median_scale is not None:
        raise Misfit(
            f"{level.median_scale} beside breach_rate {breach_rate}: one follows from the other; "
            "set breach_rate to null or leave this out",
            "response",
            "median_scale",
        )


def with_given_way(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without the configured way to fix the median, where the other one was given.

    Args:
        values: all parameters, what was given included.
        given: what the run is told beside its configuration.
    """
    level = given.get("response")
    scale = level.get("median_scale") if isinstance(level, Mapping) else None
    rate = given.get("breach_rate")
    if scale is not None and "breach_rate" not in given:
        return {**values, "breach_rate": None}
    if rate is not None and level is None:
        return {**values, "response": {"median_scale": None}}
    return dict(values)
