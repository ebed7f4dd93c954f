"""Volume by day and channel, with its peaks and what the calendar does to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from pqrs_kedro.report.figures import volume_figure
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.spanish import CHANNEL_NAMES

# A peak is a day of more than so many times the median of the days of its kind.
PEAK: Final = 2
# Fewer days say nothing of what is usual.
_ENOUGH_DAYS: Final = 14
BUSINESS, AFTER, SATURDAY, SUNDAY, HOLIDAY = (
    "Hábil", "Hábil tras festivo", "Sábado", "Domingo", "Festivo entre semana",
)  # fmt: skip
_SATURDAY: Final = 5


@dataclass(frozen=True)
class Kind:
    """The ordinary days of one kind: how many, and their tickets."""

    name: str
    days: int
    tickets: int

    @property
    def mean(self) -> float:
        """Tickets a day."""
        return self.tickets / self.days


@dataclass(frozen=True)
class Peak:
    """Consecutive days of a peak."""

    first: date
    last: date
    tickets: int

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def context(material: Material) -> dict[str, Any]:
    """The volume by day, its peaks, and the means of the kinds of days without them."""
    days: list[date] = list(material.facts.volume.index)
    totals = dict(zip(days, map(int, material.facts.volume.sum(axis=1)), strict=True))
    kinds = {day: kind_of(day, material.business_days) for day in totals}
    peaks = peak_days(totals, kinds)
    listed = kinds_of_days(totals, kinds, peaks)
    usual = next((kind.mean for kind in listed if kind.name == BUSINESS), None)
    free = [day for day, kind in kinds.items() if kind in (SATURDAY, SUNDAY, HOLIDAY)]
    return {
        "facts": material.facts,
        "kinds": listed,
        "usual": usual,
        "peaks": joined_peaks(peaks, totals),
        "enough": len(totals) >= _ENOUGH_DAYS,
        "enough_days": _ENOUGH_DAYS,
        "channels": [(name, int(material.facts.volume[code].sum()))
                     for code, name in CHANNEL_NAMES.items() if code in material.facts.volume],
        "total": sum(totals.values()),
        "figure": volume_figure(material.facts.volume, CHANNEL_NAMES, free, peaks),
    }  # fmt: skip


def kind_of(day: date, business_days: frozenset[date]) -> str:
    """What kind of day it is: a business day after a holiday of Monday to Friday is one apart."""
    if day.weekday() >= _SATURDAY:
        return SATURDAY if day.weekday() == _SATURDAY else SUNDAY
    if day not in business_days:
        return HOLIDAY
    before = day - timedelta(days=1)
    while before not in business_days and before.weekday() >= _SATURDAY:
        before -= timedelta(days=1)
    return BUSINESS if before in business_days else AFTER


def peak_days(totals: dict[date, int], kinds: dict[date, str]) -> list[date]:
    """Days of more than twice the median of the business days, or of the other days."""
    if len(totals) < _ENOUGH_DAYS:
        return []
    works = {day: kinds[day] in (BUSINESS, AFTER) for day in totals}
    usual = {
        flag: median([totals[day] for day in totals if works[day] is flag])
        for flag in set(works.values())
    }
    return [day for day, count in totals.items() if count > PEAK * usual[works[day]]]


def joined_peaks(days: Sequence[date], totals: dict[date, int]) -> list[Peak]:
    """Consecutive peak days as one peak."""
    peaks: list[Peak] = []
    for day in days:
        if peaks and peaks[-1].last == day - timedelta(days=1):
            start, tickets = peaks[-1].first, peaks.pop().tickets
        else:
            start, tickets = day, 0
        peaks.append(Peak(start, day, tickets + totals[day]))
    return peaks


def kinds_of_days(
    totals: dict[date, int], kinds: dict[date, str], peaks: Sequence[date]
) -> list[Kind]:
    """The kinds that occur outside peaks."""
    found = []
    for name in (BUSINESS, AFTER, SATURDAY, SUNDAY, HOLIDAY):
        days = [day for day, kind in kinds.items() if kind == name and day not in peaks]
        if days:
            found.append(Kind(name, len(days), sum(totals[day] for day in days)))
    return found
