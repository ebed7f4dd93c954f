"""Parameters of data quality: how much dirt passes without a warning."""

from typing import Annotated, TypeAlias

from pydantic import Field

from pqrs_kedro.parameter_model import Model

Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]


class QualityThresholds(Model):
    """The most that passes, in per cent; what a run makes itself has nothing of it."""

    quarantined_lines_pct: Percent = 0.0
    repaired_lines_pct: Percent = 0.0
    unknown_fields_pct: Percent = 0.0
    misfiled_lines_pct: Percent = 0.0
    repeated_lines_pct: Percent = 0.0
    quarantined_events_pct: Percent = 0.0
    quarantined_tickets_pct: Percent = 0.0
    unknown_places_pct: Percent = 0.0
