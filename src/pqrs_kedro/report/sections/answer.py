"""The first screen: where tickets are late, what goes with it, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from pqrs_kedro.report.figures_breach import trend_figure
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.rates import ENOUGH, Group, Rate, worst
from pqrs_kedro.report.sections.causes import breach_by_week, drivers, stages
from pqrs_kedro.report.spanish import STATUS_NAMES

# Causes that the first screen names, and weeks in a row that are no chance.
_SHOWN: Final = 2
_ROW: Final = 2


@dataclass(frozen=True)
class Since:
    """The last unbroken row of weeks above the run's rate; null dates if there is none."""

    first: date | None
    last: date | None
    weeks: int
    goes_on: bool


def context(material: Material) -> dict[str, Any]:
    """Where, why and since when, with the trend by week."""
    weeks = breach_by_week(material.tickets.due)
    found = drivers(material.tickets.due)
    judged = any(rate.whole >= ENOUGH for rate in weeks.values())
    return {
        "breach": material.breach,
        "where": where(material),
        "main": [item for item in found if item.stands_out][:_SHOWN],
        "stage": next((item for item in stages(material) if item.extra_days > 0), None),
        "since": since_when(weeks, material.breach),
        "figure": trend_figure(weeks, material.breach) if judged else "",
        "overdue": int(material.facts.overdue.iloc[-1]),
        "last_observed": material.facts.days[-1],
        "status_names": STATUS_NAMES,
        "requested": material.facts.breach.requested_pct,
        "enough": ENOUGH,
    }


def where(material: Material) -> list[tuple[str, Group, bool]]:
    """The worst channel, type and region, and whether it stands out from the total."""
    found = ((title, worst(groups)) for title, groups in material.breach_by.items())
    return [(title, group, group.rate.is_above(material.breach)) for title, group in found if group]


def since_when(weeks: Mapping[date, Rate], total: Rate) -> Since:
    """The last row of two or more judged weeks whose whole intervals lie above the total.

    One week alone may be chance: of fifty, one is above for nothing.
    """
    judged = [(day, rate.is_above(total)) for day, rate in weeks.items() if rate.whole >= ENOUGH]
    rows = [list(row) for high, row in groupby(judged, key=lambda week: week[1]) if high]
    long = [row for row in rows if len(row) >= _ROW]
    if not long:
        return Since(None, None, 0, goes_on=False)
    first, last = long[-1][0][0], long[-1][-1][0]
    return Since(first, last, len(long[-1]), goes_on=last == judged[-1][0])
