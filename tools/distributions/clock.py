"""The business-day and the office clock by NumPy's own business-day functions.

A second implementation beside `domain.calendar`: the two share the list of holidays only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Int = NDArray[np.int64]

DAY: Final = 86_400
OFFICE_DAY: Final = 9 * 3600
_OPENS: Final = 8 * 3600
_ORIGIN: Final = np.datetime64("2010-01-01")


def as_dates(days: Any) -> NDArray[np.datetime64]:
    """Dates of day numbers since 1970-01-01."""
    return np.asarray(days, dtype=np.int64).astype("datetime64[D]")


def same_date_next_month(days: Int) -> Int:
    """The same date of the next month, or that month's last day, as pandas counts months."""
    moved = pd.DatetimeIndex(as_dates(days)) + pd.DateOffset(months=1)
    return moved.to_numpy().astype("datetime64[D]").astype(np.int64)


@dataclass(frozen=True)
class Clock:
    """Counts business days and the office's seconds, 08:00-17:00 on business days."""

    holidays: tuple[date, ...]

    @classmethod
    def of(cls, holidays: Iterable[date]) -> "Clock":
        """The clock of a list of holidays."""
        return cls(tuple(sorted(holidays)))

    @cached_property
    def _calendar(self) -> np.busdaycalendar:
        return np.busdaycalendar(holidays=np.array(self.holidays, dtype="datetime64[D]"))

    def is_business_day(self, days: Int) -> NDArray[np.bool_]:
        """Monday to Friday and no holiday."""
        return np.asarray(np.is_busday(as_dates(days), busdaycal=self._calendar))

    def between(self, first: Int, last: Int) -> Int:
        """Business days d with first < d <= last."""
        ends = as_dates(np.asarray(first) + 1), as_dates(np.asarray(last) + 1)
        return np.busday_count(*ends, busdaycal=self._calendar).astype(np.int64)

    def after(self, days: Int, count: Int) -> Int:
        """The `count`-th business day after each day."""
        moved = np.busday_offset(
            as_dates(days), count, roll="backward", busdaycal=self._calendar
        )  # fmt: skip
        return np.asarray(moved).astype(np.int64)

    def on_or_after(self, days: Int) -> Int:
        """Each day itself if it is a business day, else the next one."""
        moved = np.busday_offset(as_dates(days), 0, roll="forward", busdaycal=self._calendar)
        return np.asarray(moved).astype(np.int64)

    def office_seconds(self, seconds: Int) -> Int:
        """Office seconds elapsed at local instants, since a day long ago."""
        days, second = np.divmod(np.asarray(seconds, dtype=np.int64), DAY)
        whole = np.busday_count(_ORIGIN, as_dates(days), busdaycal=self._calendar)
        today = np.where(self.is_business_day(days), np.clip(second - _OPENS, 0, OFFICE_DAY), 0)
        return whole.astype(np.int64) * OFFICE_DAY + today
