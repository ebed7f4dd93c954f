"""What the report shows of data quality beside the run's own checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Example:
    """One line in quarantine, or behind what is; `line` may be its beginning only."""

    source_object: str
    line_number: int
    detail: str | None
    line: bytes
    size: int
    """Bytes of the whole line."""


@dataclass(frozen=True)
class Reason:
    """Everything in quarantine for one reason."""

    scope: str
    """`line`, `ticket` or `event`."""
    reason: str
    count: int
    examples: Sequence[Example]


@dataclass(frozen=True)
class QualityOfRun:
    """The checks of a run that ended before, or of this one."""

    run_id: str
    checks: pd.DataFrame


@dataclass(frozen=True)
class Evidence:
    """Earlier runs, and what is in quarantine."""

    history: Sequence[QualityOfRun] = ()
    """Runs by the time they ended; the run of the report is the last."""
    quarantine: Sequence[Reason] = ()
