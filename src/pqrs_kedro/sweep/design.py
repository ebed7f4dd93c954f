"""From a plan to trials: every combination of values with every seed, refused as a whole or not.

Trials with equal seeds share their random numbers, whatever else they change: a seed gives the same
arrivals, types, paths and quantiles at every point, so that differences are the parameter's.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from pqrs_kedro.domain.statuses import TRANSITIONS
from pqrs_kedro.parameters import InvalidInput, RunParameters, parse_parameters
from pqrs_kedro.parameters_response import with_given_way
from pqrs_kedro.sweep.plan import MOST_TRIALS, RESPONSE, SweepPlan

# They change no number of a trial, or are the sweep's own.
NOT_SWEPT: Final = {
    "seed": "replications have seeds of their own: see seeds",
    "run_id": "a trial has no run of its own",
    "workers": "it changes no result",
    "days_per_chunk": "it changes no result",
    "engine": "it changes no result",
    "quality": "it changes no result of a trial",
    "territory": "it changes no result of a trial",
}
_DECIMALS: Final = 6


@dataclass(frozen=True)
class Point:
    """One combination of parameters."""

    number: int
    setting: str
    changes: Mapping[str, Any]
    """Values by path, of what the point changes."""


@dataclass(frozen=True)
class Trial:
    """One point with one seed."""

    number: int
    point: Point
    seed: int


def list_points(plan: SweepPlan, base: Mapping[str, Any]) -> list[Point]:
    """The combinations of a plan, in a fixed order."""
    combined = _combinations(plan) if plan.grid else _latin_hypercube(plan, base)
    changes = [{**plan.fixed, **values} for values in combined]
    return [Point(number, RESPONSE, values) for number, values in enumerate(changes)]


def _combinations(plan: SweepPlan) -> Iterator[dict[str, Any]]:
    for values in product(*plan.grid.values()):
        yield dict(zip(plan.grid, values, strict=True))


def _latin_hypercube(plan: SweepPlan, base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Values of which every parameter's are spread evenly; whole numbers where it takes them."""
    # SciPy's statistics take a second to import; a grid does without.
    from scipy.stats import qmc

    sampler = qmc.LatinHypercube(len(plan.ranges), rng=int(base["seed"]))
    low, high = zip(*plan.ranges.values(), strict=True)
    for row in qmc.scale(sampler.random(plan.samples), low, high):
        yield {
            path: _like(_value_at(base, path), float(value))
            for path, value in zip(plan.ranges, row, strict=True)
        }


def _like(example: object, value: float) -> float | int:
    whole = isinstance(example, int) and not isinstance(example, bool)
    return round(value) if whole else round(value, _DECIMALS)


def replicate(points: list[Point], first_trial: int, first_seed: int, seeds: int) -> list[Trial]:
    """Every point with every seed, point by point."""
    pairs = product(points, range(first_seed, first_seed + seeds))
    return [Trial(first_trial + n, point, seed) for n, (point, seed) in enumerate(pairs)]


def check_points(points: list[Point], base: Mapping[str, Any], seeds: int, full: bool) -> None:
    """Refuse points whose parameters are not allowed.

    Raises:
        InvalidInput: the first problem, with the parameter's path and the point that has it.
    """
    if len(points) * seeds > MOST_TRIALS:
        raise InvalidInput(f"{len(points) * seeds:,} trials are more than {MOST_TRIALS:,}")
    for point in points:
        try:
            typed = point_parameters(point, base, int(base["seed"]))
        except InvalidInput as problem:
            raise InvalidInput(f"{problem} (trial with {described(point)})") from None
        if typed.defects.chosen_rates and not full:
            raise InvalidInput(
                "defects: a trial has no raw lines to put them into; sweep with --full, or set "
                "defects.profile to none"
            )


def described(point: Point) -> str:
    """The point's changes as a person writes them."""
    return ", ".join(f"{path}={value}" for path, value in point.changes.items())


def point_parameters(point: Point, base: Mapping[str, Any], seed: int) -> RunParameters:
    """The typed parameters of a trial.

    Raises:
        InvalidInput: a path leads nowhere, or a value is not allowed.
    """
    return parse_parameters(changed_values(base, point.changes) | {"seed": seed})


def changed_values(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values with some replaced, by path.

    Of the ways on from a status, the first takes what the others leave: a probability of a hold is
    changed alone. `response.median_scale` and `breach_rate` replace each other.
    """
    values: dict[str, Any] = deepcopy(dict(base))
    given: dict[str, Any] = {}
    for path, value in changes.items():
        top = path.partition(".")[0]
        if top in NOT_SWEPT:
            raise InvalidInput(f"{path}: cannot be swept; {NOT_SWEPT[top]}")
        *parents, last = _steps(values, path)
        _inside(values, parents)[last] = deepcopy(value)
        _inside(given, parents, make=True)[last] = value
    for origin in {tuple(_steps(values, path)[:-1]) for path in changes}:
        _give_the_rest(values, _inside(given, [*origin], make=True), origin)
    return with_given_way(values, given)


def _give_the_rest(
    values: dict[str, Any], given: Mapping[str, Any], steps: tuple[Any, ...]
) -> None:
    """Let the first way on from a status take what is left of 1, unless it was given too."""
    if len(steps) != 4 or (steps[0], steps[2]) != ("profiles", "transitions"):
        return
    ways, (first, *others) = _inside(values, list(steps)), TRANSITIONS[steps[3]]
    numbers = [ways.get(name) for name in others]
    if first in given or not all(isinstance(number, int | float) for number in numbers):
        return
    rest = round(1 - sum(numbers), 12)
    # What is impossible is refused for what was given, not for what follows from it.
    ways[first] = rest if rest >= 0 else ways[first]


def _steps(values: Mapping[str, Any], path: str) -> list[Any]:
    """The keys that a path leads through; a key, such as a profile's name, may contain dots.

    Raises:
        InvalidInput: it leads to no parameter; what is known there.
    """
    here: Any = values
    steps, rest = list[Any](), path
    while rest:
        key = _first_key(here, rest)
        if key is None:
            known = ", ".join(map(str, _keys(here))) or "nothing"
            raise InvalidInput(f"{path}: unknown parameter; known here: {known}")
        here = here[key]
        steps.append(key)
        rest = rest[len(str(key)) + 1 :]
    return steps


def _first_key(here: Any, rest: str) -> Any:
    fitting = [key for key in _keys(here) if rest == str(key) or rest.startswith(f"{key}.")]
    return max(fitting, key=lambda key: len(str(key)), default=None)


def _keys(here: Any) -> list[Any]:
    if isinstance(here, list):
        return [*range(len(here))]
    return [*here] if isinstance(here, dict) else []


def _inside(values: Any, parents: list[Any], make: bool = False) -> Any:
    for key in parents:
        values = values.setdefault(key, {}) if make else values[key]
    return values


def _value_at(values: Mapping[str, Any], path: str) -> Any:
    return _inside(values, _steps(values, path))


def plain_values(parameters: RunParameters) -> dict[str, Any]:
    """What a sweep starts from, as plain JSON: everything that a trial's numbers can depend on."""
    own = {"run_id", "workers", "days_per_chunk", "engine", "territory"}
    return parameters.model_dump(mode="json", exclude=own)
