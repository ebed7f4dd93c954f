"""Typed parameters of a run: what is allowed, in one place, refused with one clear line."""

import math
import re
from datetime import date
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pqrs_kedro.contracts.columns import PRIORITIES
from pqrs_kedro.domain.calendar import FIRST_RUN_DAY, LAST_RUN_DAY, BusinessCalendar
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import TRANSITIONS
from pqrs_kedro.external import External
from pqrs_kedro.parameter_model import Misfit, Model
from pqrs_kedro.parameters_defects import Defects
from pqrs_kedro.parameters_law import (
    CalendarLaw,
    SpecialTerms,
    TermDays,
    check_types,
    windows_in_order,
)
from pqrs_kedro.parameters_quality import QualityThresholds
from pqrs_kedro.parameters_response import ResponseLevel, check_one_way

RUN_ID_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
RUN_ID_RULE = "1 to 64 characters, letters, digits, '-' or '_', beginning with a letter"
BREACH_RATES = (0.02, 0.40)
# What only a generator is told: imported lines have no answer to it.
GENERATED: Final = ("seed", "breach_rate", "volume_scale")

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class InvalidInput(ValueError):
    """Input that is refused before anything is written; the message is one line for a person."""


def check_run_id(run_id: object, name: str = "run_id") -> str:
    """The id of a run, or of a sweep, if it may become part of a path and of a table name.

    Raises:
        InvalidInput: it is no text of the allowed form.
    """
    if not isinstance(run_id, str) or not RUN_ID_PATTERN.fullmatch(run_id):
        raise InvalidInput(f"{name}: {run_id!r} is not allowed; use {RUN_ID_RULE}")
    return run_id


def _shares(values: dict[str, float], *path: str) -> dict[str, float]:
    total = math.fsum(values.values())
    if not math.isclose(total, 1, abs_tol=1e-9):
        raise Misfit(f"shares must add up to 1, not {total:.6g}", *path)
    return values


def _keys(values: dict[str, Any], expected: tuple[str, ...], *path: str) -> dict[str, Any]:
    wrong = sorted(set(values) ^ set(expected))
    if wrong:
        what = "unknown" if wrong[0] in values else "missing"
        raise Misfit(f"{what}; keys must be {', '.join(expected)}", *path, wrong[0])
    return values


class PqrsType(Model):
    """One PQRS type: Spanish name, share of arrivals, legal term in business days, webform code."""

    name: str = Field(min_length=1)
    share: Probability
    # Under five days two holds do not fit in a term: the breach rate is then met only nearly.
    term_business_days: TermDays
    webform_code: int = Field(ge=1)


class Lognormal(Model):
    """A lognormal duration: median in `unit`, sigma of the logarithm."""

    median: Positive
    sigma: Annotated[float, Field(ge=0, le=3)]
    unit: Literal["minutes", "calendar_days", "office_hours", "office_days"]


class Volume(Model):
    """Arrivals per day: `per_day` is the mean of the ordinary (non-peak) days of 2026."""

    per_day: Positive
    yearly_growth: Annotated[float, Field(gt=-1, le=10)]
    dispersion: Positive
    month: tuple[Positive, ...] = Field(min_length=12, max_length=12)
    holiday: Positive
    after_holiday: Positive


class Peaks(Model):
    """Peak windows: one per `every_days`, of `days` consecutive days, at `per_day` tickets."""

    every_days: int = Field(ge=30)
    days: tuple[int, int]
    per_day: tuple[Positive, Positive]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, (low, high) in (("days", self.days), ("per_day", self.per_day)):
            if not 0 < low <= high:
                raise Misfit("the first value must be positive, the second no less", name)
        if self.days[1] > self.every_days:
            raise Misfit("a window must fit in every_days", "days")
        return self


class ChannelProfile(Model):
    """One channel: share, weekday index (Monday first), weight of each hour of the day."""

    share: Probability
    weekday: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=7, max_length=7)
    hour: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=24, max_length=24)
    attachment_share: Probability
    unknown_geography_share: Probability
    radication: Lognormal
    first_reply: Lognormal | None

    @field_validator("weekday", "hour")
    @classmethod
    def _some_weight(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not any(weights):
            raise ValueError("at least one weight must be greater than 0")
        return weights


class Response(Model):
    """Law of the response ratio x = working time / term (see `pipelines.synthesis.response`)."""

    sigma: Annotated[float, Field(gt=0, le=2)]
    hurry_until: Annotated[float, Field(gt=1, le=3)]
    hurry_share: Probability
    hurry_slope: Annotated[float, Field(gt=0, lt=1)]


def _in_units(law: Lognormal, units: tuple[str, ...]) -> Lognormal:
    if law.unit not in units:
        raise ValueError(f"unit must be {' or '.join(units)} here, not {law.unit}")
    return law


OfficeTime = Annotated[
    Lognormal, AfterValidator(lambda law: _in_units(law, ("office_hours", "office_days")))
]
CalendarTime = Annotated[Lognormal, AfterValidator(lambda law: _in_units(law, ("calendar_days",)))]


class Segments(Model):
    """Durations between statuses that do not depend on the response ratio."""

    radicated_to_classified: OfficeTime
    classified_to_assigned: OfficeTime
    assigned_to_in_progress: OfficeTime
    on_hold: CalendarTime
    responded_to_closed: OfficeTime
    responded_to_in_progress: OfficeTime
    in_progress_after_stop: OfficeTime
    closed_to_reopened: OfficeTime
    reopened_to_in_progress: OfficeTime
    closed_to_archived: OfficeTime


class Resolutions(Model):
    """Shares of tickets answered out of the ordinary by a draw of their own."""

    transfer: Probability
    repeated: Probability
    extension: Probability
    extension_from_quantile: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.transfer + self.repeated + self.extension >= 1:
            raise ValueError("transfer, repeated and extension must add up to less than 1")
        return self


class Profile(Model):
    """One named set of facts about an authority: types, terms, clock, volume, life cycle."""

    stop_status: Literal["CLOSED", "RESPONDED"]
    types: dict[str, PqrsType] = Field(min_length=1)
    priority: dict[str, Probability]
    volume: Volume
    peaks: Peaks
    channels: dict[str, ChannelProfile]
    transitions: dict[str, dict[str, Probability]]
    response: Response
    segments: Segments
    resolutions: Resolutions
    special_terms: tuple[SpecialTerms, ...] = ()

    @field_validator("types")
    @classmethod
    def _type_shares(cls, types: dict[str, PqrsType]) -> dict[str, PqrsType]:
        wrong = [name for name in types if not re.fullmatch(r"[A-Z][A-Z_]{0,31}", name)]
        if wrong:
            rule = "must be capital letters and '_', 32 at most"
            raise Misfit(f"type code {wrong[0]!r} {rule}", wrong[0])
        _shares({name: item.share for name, item in types.items()})
        # A draw takes types in order: one order, so that a file's order decides nothing.
        return dict(sorted(types.items()))

    @field_validator("priority")
    @classmethod
    def _priority_shares(cls, shares: dict[str, float]) -> dict[str, float]:
        _shares(_keys(shares, PRIORITIES))
        return {priority: shares[priority] for priority in PRIORITIES}

    @field_validator("channels")
    @classmethod
    def _channel_shares(cls, channels: dict[str, ChannelProfile]) -> dict[str, ChannelProfile]:
        _shares({name: channel.share for name, channel in _keys(channels, CHANNEL_IDS).items()})
        return channels

    @field_validator("transitions")
    @classmethod
    def _known_transitions(
        cls, transitions: dict[str, dict[str, float]]
    ) -> dict[str, dict[str, float]]:
        branching = tuple(origin for origin, targets in TRANSITIONS.items() if len(targets) > 1)
        for origin, targets in _keys(transitions, branching).items():
            _shares(_keys(targets, TRANSITIONS[origin], origin), origin)
        return transitions

    @field_validator("special_terms")
    @classmethod
    def _terms_of_types(
        cls, windows: tuple[SpecialTerms, ...], info: ValidationInfo
    ) -> tuple[SpecialTerms, ...]:
        types: dict[str, PqrsType] = info.data.get("types", {})
        if types:
            check_types(windows, {code: item.term_business_days for code, item in types.items()})
        return windows_in_order(windows)


class Engine(Model):
    """Resources of the embedded query engine; they never change a result."""

    threads: int | None = Field(default=None, ge=1, le=256)
    memory_limit: str = Field(default="900MB", pattern=r"^[1-9][0-9]*(MB|GB)$")


class Territory(Model):
    """The user's own municipal polygons for dim_geo; null is the project's approximate cells.

    `sha256` pins what the file must come to (`polygons.source`); a run fills it in.
    """

    polygons: str | None = Field(default=None, min_length=1)
    layer: str | None = Field(default=None, min_length=1)
    code_column: str | None = Field(default=None, min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _about_a_file(self) -> Self:
        given = [name for name in ("layer", "code_column", "sha256") if getattr(self, name)]
        if self.polygons is None and given:
            raise ValueError(f"{given[0]} is given without polygons, the file that it is about")
        return self


class Generation(NamedTuple):
    """What a generator is asked for."""

    seed: int
    volume_scale: float


def _whole_number(value: object) -> object:
    # Kedro turns `1e5` into 100000.0 and `true` into True: neither is a seed anyone meant.
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


class RunParameters(Model):
    """Everything a run can be told; the names are those of `--params`."""

    seed: Annotated[int, BeforeValidator(_whole_number), Field(ge=0, lt=2**63)] | None
    date_min: date
    date_max: date
    observe_until: date | None = None
    profile: str
    breach_rate: Annotated[float, Field(ge=BREACH_RATES[0], le=BREACH_RATES[1])] | None
    response: ResponseLevel = ResponseLevel()
    volume_scale: Annotated[float, Field(gt=0, le=100)] | None
    profiles: dict[str, Profile]
    calendar: CalendarLaw = CalendarLaw()
    run_id: str | None = None
    workers: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=64)] = 1
    days_per_chunk: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=31)] = 12
    engine: Engine = Engine()
    territory: Territory = Territory()
    defects: Defects = Defects()
    quality: QualityThresholds = QualityThresholds()
    external: External | None = None

    @field_validator("date_min", "date_max", "observe_until")
    @classmethod
    def _inside_calendar(cls, day: date | None) -> date | None:
        if day is not None and not FIRST_RUN_DAY <= day <= LAST_RUN_DAY:
            raise ValueError(f"outside the calendar, {FIRST_RUN_DAY} to {LAST_RUN_DAY}")
        return day

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.date_max < self.date_min:
            raise ValueError(f"date_max: {self.date_max} is before date_min {self.date_min}")
        if self.observe_until is not None and self.observe_until < self.date_min:
            raise ValueError(
                f"observe_until: {self.observe_until} is before date_min {self.date_min}"
            )
        if self.profile not in self.profiles:
            known = ", ".join(sorted(self.profiles))
            raise ValueError(
                f"profile: {self.profile!r} is not one of {known}, nor the path of a .yml file"
            )
        if self.run_id is not None:
            check_run_id(self.run_id)
        return self

    @model_validator(mode="after")
    def _generates_or_imports(self) -> Self:
        if self.external is None:
            self._check_generated()
        else:
            self._check_imported()
        return self

    def _check_generated(self) -> None:
        for name in Generation._fields:
            if getattr(self, name) is None:
                raise ValueError(f"{name}: None: a run that generates its lines needs it")
        check_one_way(self.breach_rate, self.response)

    def _check_imported(self) -> None:
        given = {name: getattr(self, name) for name in GENERATED}
        for name, value in {**given, "response.median_scale": self.response.median_scale}.items():
            if value is not None:
                raise ValueError(f"{name}: {value!r}: imported lines have none")
        if self.defects.chosen_rates:
            raise ValueError(
                f"defects: {self.defects.profile!r}: imported lines are kept as they are"
            )

    @property
    def generation(self) -> Generation:
        """What the generator is asked for.

        Raises:
            InvalidInput: the run has imported lines.
        """
        if self.seed is None or self.volume_scale is None:
            raise InvalidInput("pipelines: synthesis generates lines, and this run imports them")
        return Generation(self.seed, self.volume_scale)

    @property
    def chosen_profile(self) -> Profile:
        """The profile that `profile` names."""
        return self.profiles[self.profile]

    @property
    def business_calendar(self) -> BusinessCalendar:
        """The calendar of the run: generation, curation and metrics all count with it."""
        return self.calendar.business_calendar

    def data_parameters(self) -> dict[str, Any]:
        """The parameters that can change the data, apart from seed and dates, as plain JSON."""
        if self.territory.polygons is not None and self.territory.sha256 is None:
            raise ValueError("territory.polygons is not read yet: its content can change the data")
        found = {
            "profile": self.chosen_profile.model_dump(mode="json"),
            "breach_rate": self.breach_rate,
            "response": self.response.model_dump(mode="json"),
            "volume_scale": self.volume_scale,
            "observe_until": self.observe_until and self.observe_until.isoformat(),
            # What the polygons are, not the file they lie in.
            "territory": {"sha256": self.territory.sha256},
            "calendar": self.calendar.model_dump(mode="json"),
            # What is injected, not the profile that says so.
            "defects": self.defects.chosen_rates,
            "quality": self.quality.model_dump(mode="json"),
        }
        if self.external is None:
            return found
        # What the lines are and where they lie, not the files that have them.
        kept = {"sha256", "source", "day"}
        files = [file.model_dump(mode="json", include=kept) for file in self.external.read]
        return found | {"external": {"source": self.external.source, "files": files}}


def parse_parameters(values: dict[str, Any]) -> RunParameters:
    """Typed parameters from plain values.

    Raises:
        InvalidInput: the first problem, as one line: field, value, what is allowed.
    """
    if "run_id" in values and values["run_id"] is not None:
        check_run_id(values["run_id"])
    try:
        return RunParameters.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(first_problem(error, RunParameters)) from None


def parse_profile(values: object) -> Profile:
    """One profile from plain values, as a file has them.

    Raises:
        InvalidInput: the first problem, as one line: path inside the profile, value, what is
            allowed.
    """
    if not isinstance(values, dict):
        raise InvalidInput(f"must be a mapping; its keys: {', '.join(Profile.model_fields)}")
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(first_problem(error, Profile)) from None


def first_problem(error: ValidationError, root: type[Model]) -> str:
    """The first problem of values that a model refuses, as one line with its path."""
    problems = error.errors()
    # A misspelt name is missing under its right one too: the misspelling says more.
    unknown = (problem for problem in problems if problem["type"] == "extra_forbidden")
    first = next(unknown, problems[0])
    cause = first.get("ctx", {}).get("error")
    inside = cause.path if isinstance(cause, Misfit) else ()
    path = ".".join(str(part) for part in (*first["loc"], *inside))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown parameter; known here: {', '.join(_known_names(first['loc'], root))}"
    elif first["type"] != "missing" and not isinstance(first["input"], dict | list | tuple):
        message = f"{first['input']!r}: {message}" if path else message
    line = f"{path}: {message}" if path else message
    return " ".join(line.split())


def _known_names(location: tuple[int | str, ...], root: type[Model]) -> list[str]:
    """Names allowed beside the unknown one at `location`."""
    model: Any = root
    for part in location[:-1]:
        model = _model_of(model, str(part))
    return sorted(model.model_fields)


def _model_of(parent: Any, name: str) -> Any:
    """The model of a field, or of the values of a dictionary or a list."""
    fields = getattr(parent, "model_fields", None)
    values = [part for part in get_args(parent) if part is not Ellipsis]
    annotation = fields[name].annotation if fields is not None else values[-1]
    alternatives = [part for part in get_args(annotation) if part is not type(None)]
    is_optional = type(None) in get_args(annotation)
    return alternatives[0] if is_optional else annotation
