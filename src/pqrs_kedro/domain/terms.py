"""Legal terms and SLA arithmetic on the business-day calendar (CPACA arts. 14 and 17).

The scalar definitions are those of the metrics reference; everything here is vectorised over
cycles. Days are day numbers (see `calendar`).
"""

import numpy as np
from numpy.typing import ArrayLike

from pqrs_kedro.domain.calendar import BusinessCalendar, Days

# CPACA art. 14 paragraph: the new term may be at most twice the original.
EXTENSION_FACTOR = 2
# CPACA art. 17: the authority asks for completion within 10 days of receipt.
COMPLETION_REQUEST_DAYS = 10
# CPACA art. 21: a petition is transferred to the competent authority within 5 days.
TRANSFER_DAYS = 5


def paused_days(calendar: BusinessCalendar, hold_start: ArrayLike, hold_end: ArrayLike) -> Days:
    """Business days d with hold start day < d <= hold end day (CPACA art. 17)."""
    return calendar.ordinal(hold_end) - calendar.ordinal(hold_start)


def due_day(
    calendar: BusinessCalendar, start_day: ArrayLike, term: ArrayLike, paused: ArrayLike = 0
) -> Days:
    """The (term + paused)-th business day after the start day (Ley 4 de 1913 art. 62)."""
    days = np.asarray(term, dtype=np.int64) + np.asarray(paused, dtype=np.int64)
    return calendar.add_business_days(start_day, days)


def business_days_late(calendar: BusinessCalendar, due: ArrayLike, stop: ArrayLike) -> Days:
    """Business days d with due day < d <= stop day; 0 when the stop is not after the due day."""
    return np.maximum(calendar.ordinal(stop) - calendar.ordinal(due), 0)


def same_date_next_month(days: ArrayLike) -> Days:
    """The same date of the next month, or that month's last day when it has no such date."""
    dates = np.asarray(days, dtype="datetime64[D]")
    months = dates.astype("datetime64[M]")
    day_of_month = (dates - months.astype("datetime64[D]")).astype(np.int64)
    last = ((months + 2).astype("datetime64[D]") - (months + 1).astype("datetime64[D]")).astype(
        np.int64
    ) - 1
    following = (months + 1).astype("datetime64[D]").astype(np.int64)
    return np.asarray(following + np.minimum(day_of_month, last), dtype=np.int64)
