"""Typed parameters of what the law says: which dates are holidays, and terms of some window."""

from datetime import date
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from pqrs_kedro.domain.calendar import (
    FIRST_DAY,
    LAST_DAY,
    BusinessCalendar,
    colombian_calendar,
    national_holidays,
)
from pqrs_kedro.parameter_model import Misfit, Model


def _in_calendar(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"outside the calendar, {FIRST_DAY} to {LAST_DAY}")
    return day


CalendarDay = Annotated[date, AfterValidator(_in_calendar)]
TermDays = Annotated[int, Field(ge=1, le=60)]


class LegalChange(Model):
    """A law that made a date a holiday, by the holiday's Spanish name in PyPI `holidays`."""

    law: str = Field(min_length=1)
    promulgated: date
    first_year: int = Field(ge=FIRST_DAY.year, le=LAST_DAY.year)
    holiday: str

    @field_validator("holiday")
    @classmethod
    def _known_holiday(cls, holiday: str, info: ValidationInfo) -> str:
        year = info.data.get("first_year")
        if year is None:  # which is refused by itself
            return holiday
        names = {n for day, found in national_holidays().items() if day.year == year for n in found}
        if holiday not in names:
            raise ValueError(f"no holiday of {year}; those are {', '.join(sorted(names))}")
        return holiday

    def is_law_on(self, day: date | None) -> bool:
        """Whether the change was promulgated by then; null is now."""
        return day is None or self.promulgated <= day


class CalendarLaw(Model):
    """Which dates are holidays: the law as of a day, and dates of the user's own.

    `as_of` null is the law as it is now; a date knows only the changes promulgated up to that day.
    """

    as_of: date | None = None
    changes: tuple[LegalChange, ...] = ()
    added: tuple[CalendarDay, ...] = ()
    removed: tuple[CalendarDay, ...] = ()

    @field_validator("added", "removed")
    @classmethod
    def _differ_from_the_law(cls, days: tuple[date, ...], info: ValidationInfo) -> tuple[date, ...]:
        """In order of time, so that a file's order decides nothing."""
        ordered = tuple(sorted(days))
        for day, following in pairwise(ordered):
            if day == following:
                raise ValueError(f"{day} is given twice")
        if {"as_of", "changes"} <= info.data.keys():
            holidays = {*_legal_calendar(info.data["as_of"], info.data["changes"]).holidays}
            for day in ordered:
                if (day in holidays) != (info.field_name == "removed"):
                    raise ValueError(
                        f"{day} is {'a holiday already' if day in holidays else 'no holiday'}"
                    )
        return ordered

    @property
    def business_calendar(self) -> BusinessCalendar:
        """The calendar that follows; equal laws share one."""
        return _legal_calendar(self.as_of, self.changes, self.added, self.removed)


def _legal_calendar(
    as_of: date | None,
    changes: tuple[LegalChange, ...],
    added: tuple[date, ...] = (),
    removed: tuple[date, ...] = (),
) -> BusinessCalendar:
    not_yet = tuple(
        (item.holiday, item.first_year) for item in changes if not item.is_law_on(as_of)
    )
    return colombian_calendar(as_of, not_yet, added, removed)


class SpecialTerms(Model):
    """Terms, in business days by type code, that hold in a window of days, not the types' own.

    They apply to SLA cycles that start in the window, and from its first day on to those that are
    open on it.
    """

    source: str = Field(min_length=1)
    first_day: CalendarDay
    last_day: CalendarDay
    terms: dict[str, TermDays] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise Misfit(f"{self.last_day} is before first_day {self.first_day}", "last_day")
        return self


def check_types(windows: tuple[SpecialTerms, ...], ordinary: dict[str, int]) -> None:
    """Refuse terms of unknown types and terms that are shorter than the ordinary ones.

    A shorter one could make a petition overdue by a law that came after its due day.

    Args:
        windows: of one profile.
        ordinary: terms of the profile's types, in business days.
    """
    for number, window in enumerate(windows):
        for code, term in window.terms.items():
            place = (str(number), "terms", code)
            if code not in ordinary:
                raise Misfit(f"no type of the profile; those are {', '.join(ordinary)}", *place)
            if term < ordinary[code]:
                raise Misfit(f"{term} is less than the ordinary term, {ordinary[code]}", *place)


def windows_in_order(windows: tuple[SpecialTerms, ...]) -> tuple[SpecialTerms, ...]:
    """Windows in order of time; those that overlap are refused."""
    ordered = tuple(sorted(windows, key=lambda window: window.first_day))
    for before, after in pairwise(ordered):
        if after.first_day <= before.last_day:
            raise ValueError(
                f"windows must not overlap: {before.first_day} to {before.last_day}, "
                f"{after.first_day} to {after.last_day}"
            )
    return ordered
