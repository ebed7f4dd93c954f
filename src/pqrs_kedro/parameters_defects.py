"""Typed parameters of the defects that are put into raw lines on purpose."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from pqrs_kedro.domain.defects import DEFECT_LABELS
from pqrs_kedro.parameter_model import Misfit, Model

NO_DEFECTS = "none"

Rates = dict[str, Annotated[float, Field(ge=0, le=1)]]


def _known_classes(rates: Rates, *path: str) -> Rates:
    """The rates in the order of the classes: a file's order decides nothing."""
    for label in rates:
        if label not in DEFECT_LABELS:
            known = ", ".join(DEFECT_LABELS)
            raise Misfit(f"unknown class of defects; known: {known}", *path, label)
    return {label: rates[label] for label in DEFECT_LABELS if label in rates}


class Defects(Model):
    """Which defects raw lines get, and how often.

    A rate is the share of the events that a class can befall; a class that is not named has none.
    `rates` holds in place of what the profile says.
    """

    profiles: dict[str, Rates] = Field(default_factory=lambda: {NO_DEFECTS: Rates()})
    profile: str = NO_DEFECTS
    rates: Rates = Field(default_factory=dict)

    @field_validator("profiles")
    @classmethod
    def _classes_of_profiles(cls, profiles: dict[str, Rates]) -> dict[str, Rates]:
        return {name: _known_classes(rates, name) for name, rates in profiles.items()}

    @field_validator("rates")
    @classmethod
    def _classes(cls, rates: Rates) -> Rates:
        return _known_classes(rates)

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, profile: str, info: ValidationInfo) -> str:
        profiles = info.data.get("profiles")
        if profiles is not None and profile not in profiles:
            raise ValueError(f"not one of {', '.join(profiles)}")
        return profile

    @property
    def chosen_rates(self) -> dict[str, float]:
        """Rate of every class that is injected, in the order of the classes."""
        rates = self.profiles[self.profile] | self.rates
        return {label: rates[label] for label in DEFECT_LABELS if rates.get(label)}
