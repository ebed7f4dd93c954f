"""Parameters of data quality: how much dirt passes without a warning."""

from typing import Annotated, TypeAlias

from pydantic import Field

from pqrs_kedro.parameter_model import Model

Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class QualityThresholds(Model):
    """The most that passes without a warning: of dirt in per cent, of silence in business days."""

    quarantined_lines_pct: Percent = 0.0
    repaired_lines_pct: Percent = 0.0
    unknown_fields_pct: Percent = 0.0
    misfiled_lines_pct: Percent = 0.0
    repeated_lines_pct: Percent = 0.0
    quarantined_events_pct: Percent = 0.0
    quarantined_tickets_pct: Percent = 0.0
    unknown_places_pct: Percent = 0.0
    silent_business_days: int = Field(default=3, ge=0)
