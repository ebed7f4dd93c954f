"""What a sweep is told: a file of overrides, or the options of the command line, typed.

A plan holds nothing but values of parameters, by the path that `--params` would give them, and how
many trials are made of them.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from pqrs_kedro.parameter_model import Misfit, Model
from pqrs_kedro.parameters import BREACH_RATES, InvalidInput, first_problem
from pqrs_kedro.run.profile_file import UniqueKeysLoader

SCALE: Final = "response.median_scale"
UNSEEN_SEEDS: Final = "unseen_seeds"
RESPONSE: Final = "response"
_SETTING: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Beyond it a design is more likely a slip of the pen than meant.
MOST_TRIALS: Final = 100_000


class Steps(Model):
    """Values at equal distances, both ends included."""

    first: float
    last: float
    count: Annotated[int, Field(ge=2, le=1000)]

    def values(self) -> tuple[float, ...]:
        """The values, on a grid of 6 decimals."""
        width = (self.last - self.first) / (self.count - 1)
        return tuple(round(self.first + number * width, 6) for number in range(self.count))


def _listed(value: object) -> object:
    """A list of values as it is; the values of steps."""
    if isinstance(value, Mapping):
        return Steps.model_validate(value).values()
    return value


Values = Annotated[tuple[Any, ...], BeforeValidator(_listed), Field(min_length=1)]


class Check(Model):
    """Trials at the calibrated values, on what the sweep has not seen: seeds, and settings."""

    seeds: Annotated[int, Field(ge=2, le=1000)] = 5
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _named(cls, settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in settings:
            if not _SETTING.fullmatch(name) or name in (RESPONSE, UNSEEN_SEEDS):
                rule = f"a name is small letters, digits, '_', and not {RESPONSE}, {UNSEEN_SEEDS}"
                raise Misfit(rule, name)
        return settings


class Calibration(Model):
    """Breach rates for which `response.median_scale` is to be found."""

    rates: tuple[Annotated[float, Field(ge=BREACH_RATES[0], le=BREACH_RATES[1])], ...] = Field(
        min_length=1
    )
    check: Check = Check()

    @field_validator("rates")
    @classmethod
    def _in_order(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(rates)) < len(rates):
            raise ValueError("a rate is given twice")
        return tuple(sorted(rates))


class SweepPlan(Model):
    """A sweep: `grid` for every combination, or `ranges` for a Latin hypercube of `samples`."""

    title: str = Field(default="", max_length=200)
    fixed: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, Values] = Field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    samples: Annotated[int, Field(ge=2, le=10_000)] | None = None
    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    full: bool = False
    calibrate: Calibration | None = None

    @model_validator(mode="after")
    def _one_design(self) -> Self:
        if bool(self.grid) == bool(self.ranges):
            raise ValueError("either grid or ranges must name a parameter, not both")
        if bool(self.ranges) != (self.samples is not None):
            raise Misfit("is needed with ranges, and with them alone", "samples")
        both = sorted({*self.fixed} & {*self.grid, *self.ranges})
        if both:
            raise Misfit("is swept too", "fixed", both[0])
        for path, (low, high) in self.ranges.items():
            if not low < high:
                raise Misfit(f"{low} is not less than {high}", "ranges", path)
        for path, values in self.grid.items():
            if len({repr(value) for value in values}) < len(values):
                raise Misfit("a value is given twice", "grid", path)
        self._check_calibration()
        return self

    def _check_calibration(self) -> None:
        if self.calibrate is None:
            return
        if [*self.grid] != [SCALE]:
            raise Misfit(f"needs a grid of {SCALE} alone", "calibrate")
        if len(self.grid[SCALE]) < 2 or self.seeds < 2:
            raise Misfit("needs two values and two seeds at least", "calibrate")

    @property
    def swept(self) -> tuple[str, ...]:
        """Paths of the swept parameters."""
        return (*self.grid, *self.ranges)


def parse_plan(values: Mapping[str, Any], source: str) -> SweepPlan:
    """A typed plan.

    Raises:
        InvalidInput: the first problem, as one line with its path.
    """
    try:
        return SweepPlan.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(f"{source}: {first_problem(error, SweepPlan)}") from None


def read_plan(file: Path) -> dict[str, Any]:
    """The content of a sweep file, not yet typed.

    Raises:
        InvalidInput: it cannot be read as a mapping.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), UniqueKeysLoader)  # noqa: S506  (a safe one)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{file}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        known = ", ".join(SweepPlan.model_fields)
        raise InvalidInput(f"{file}: must be a mapping; its keys: {known}")
    return _plain(content)


def _plain(content: Any) -> Any:
    """Content with dates as text, as JSON has them."""
    return json.loads(json.dumps(content, default=str))


def grid_option(text: str) -> tuple[str, list[Any]]:
    """A parameter and its values, from `name=a,b,c`; values as in YAML.

    Raises:
        InvalidInput: it is not of that form.
    """
    path, equals, values = text.partition("=")
    if not path or not equals or not values:
        raise InvalidInput(f"--grid: {text!r} is not of the form name=a,b,c")
    try:
        return path, _plain([yaml.safe_load(value) for value in values.split(",")])
    except yaml.YAMLError:
        raise InvalidInput(f"--grid: {path}: {values!r} are no values") from None
