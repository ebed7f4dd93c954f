"""Tickets to look at: batches of the generator with the parameters of conf/base, some changed."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from omegaconf import OmegaConf

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import Profile, RunParameters, parse_parameters
from pqrs_kedro.pipelines.synthesis.paths import withdrawal_shares
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch, build_batch

PROFILES: Final = ("documento_v1", "ley1755")
_YEAR: Final = timedelta(days=365)
_CONF: Final = Path(__file__).resolve().parents[2] / "conf" / "base"


@cache
def _base() -> dict[str, Any]:
    files = [
        OmegaConf.load(_CONF / f"{name}.yml") for name in ("parameters", "parameters_profiles")
    ]
    values = OmegaConf.to_container(OmegaConf.merge(*files), resolve=True)
    return cast(dict[str, Any], values)


def parameters(changes: Mapping[str, Any] | None = None, **top_level: Any) -> RunParameters:
    """The parameters of conf/base.

    Args:
        changes: values to replace, by dotted path (`profiles.ley1755.response.sigma`).
        top_level: values to replace by name (`seed=7`).
    """
    values = deepcopy(_base()) | top_level
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        here = values
        for name in parents:
            here = here[name]
        here[last] = value
    return parse_parameters(values)


def base_profile(name: str) -> Profile:
    """A profile of conf/base."""
    return parameters(profile=name).chosen_profile


def never_late_share(profile: Profile) -> float:
    """Probability that a ticket cannot be late: transferred, or withdrawn in its last cycle."""
    shares = profile.resolutions
    ordinary = 1 - shares.transfer - shares.repeated
    return shares.transfer + ordinary * withdrawal_shares(profile).last_cycle


def tickets(
    first: str, days: int, changes: Mapping[str, Any] | None = None, **top_level: Any
) -> TicketBatch:
    """All tickets received on some consecutive days, with paths and timelines, without texts."""
    start = date.fromisoformat(first)
    last = start + timedelta(days=days - 1)
    run = build_scenario(parameters(changes, date_min=start, date_max=last, **top_level))
    return build_batch(run, range(day_number(start), day_number(last) + 1))


def tickets_in_number(count: int, first: str, **top_level: Any) -> TicketBatch:
    """At least so many tickets: those of as many whole days as that takes, a year at most."""
    start = date.fromisoformat(first)
    run = build_scenario(parameters(date_min=start, date_max=start + _YEAR, **top_level))
    day = day_number(start)
    days = range(day, day + _YEAR.days)
    received = np.cumsum([run.plan.count(number) for number in days])
    return build_batch(run, days[: int(np.searchsorted(received, count)) + 1])
