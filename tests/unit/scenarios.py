"""What unit tests of the generator share: the parameters of conf/base, and batches of tickets."""

from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import Profile, RunParameters, parse_parameters
from pqrs_kedro.parameters_defects import NO_DEFECTS
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import Scenario, TicketBatch, build_batch

CONF = Path(__file__).parents[2] / "conf" / "base"
FILES = ("parameters", "parameters_calendar", "parameters_defects", "parameters_profiles")
PROFILES = ("documento_v1", "ley1755")


@cache
def _base() -> dict[str, Any]:
    files = [OmegaConf.load(CONF / f"{name}.yml") for name in FILES]
    merged = OmegaConf.to_container(OmegaConf.merge(*files), resolve=True)
    assert isinstance(merged, dict)
    # What is proved of the generator is proved on clean lines.
    merged["defects"]["profile"] = NO_DEFECTS
    return merged  # type: ignore[return-value]


def base_values(**top_level: Any) -> dict[str, Any]:
    """A fresh copy of the values of conf/base without defects, some replaced."""
    return deepcopy(_base()) | top_level


def values_with(path: str, value: Any) -> dict[str, Any]:
    """The values of conf/base with one replaced or added at a dotted path."""
    values = base_values()
    *parents, last = path.split(".")
    here = values
    for name in parents:
        here = here[name]
    here[last] = value
    return values


def parameters(**top_level: Any) -> RunParameters:
    return parse_parameters(base_values(**top_level))


def profile(name: str = "documento_v1") -> Profile:
    return parameters(profile=name).chosen_profile


@cache
def scenario(**top_level: Any) -> Scenario:
    """The scenario of conf/base, some top-level values replaced; made once per session."""
    return build_scenario(parameters(**top_level))


@cache
def batch(first: str, days: int, **top_level: Any) -> TicketBatch:
    """The tickets received on some consecutive days; made once per session."""
    start = day_number(date.fromisoformat(first))
    last = date.fromordinal(date.fromisoformat(first).toordinal() + days - 1).isoformat()
    run = scenario(date_min=first, date_max=last, **top_level)
    return build_batch(run, range(start, start + days))
