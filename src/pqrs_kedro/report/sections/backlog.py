"""Backlog by type, and how old it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pqrs_kedro.contracts.columns import AGE_BUCKETS
from pqrs_kedro.report.facts import Facts
from pqrs_kedro.report.figures import backlog_figure
from pqrs_kedro.report.material import Material

AGE_NAMES: Final = {
    bucket: f"{bucket.replace('-', ' a ').replace('>', 'más de ')} días hábiles"
    for bucket in AGE_BUCKETS
}
# Light is young: ColorBrewer's yellow to brown.
_AGES: Final = ("#fed98e", "#fe9929", "#d95f0e", "#993404", "#4d1a02")


@dataclass(frozen=True)
class Ageing:
    """The open tickets of a day by age, per type and in all."""

    day: date
    rows: dict[str, list[int]]
    total: list[int]
    overdue: int


def context(material: Material) -> dict[str, Any]:
    """Backlog and age by day, and the ages on the day of the greatest backlog and on the last."""
    facts = material.facts
    # A whole run ends with no open ticket, of which there is nothing to say.
    days = [facts.peak_day]
    if facts.open_by_day.iloc[-1] and facts.days[-1] != facts.peak_day:
        days.append(facts.days[-1])
    drawn = len(facts.backlog_without_tail)
    ages = facts.ageing.pivot_table(
        index="day", columns="age_bucket", values="backlog_count", aggfunc="sum"
    ).sort_index()
    return {
        "facts": facts,
        "ageings": [ageing_on(facts, day, material.types) for day in days],
        "ages": AGE_NAMES,
        "types": material.types,
        "figure": backlog_figure(facts.backlog_without_tail, material.types),
        "age_figure": backlog_figure(ages.iloc[:drawn], AGE_NAMES, "ageing", _AGES),
    }


def ageing_on(facts: Facts, day: date, types: Iterable[str]) -> Ageing:
    """The ages at the end of a day."""
    rows = facts.ageing[facts.ageing["day"] == day]
    counts = rows.pivot_table(
        index="pqrs_type", columns="age_bucket", values="backlog_count", aggfunc="sum"
    ).reindex(index=(codes := list(types)), columns=list(AGE_BUCKETS), fill_value=0)
    by_type = dict(zip(codes, counts.astype("int64").to_numpy().tolist(), strict=True))
    total = counts.sum().astype("int64").tolist()
    return Ageing(day, by_type, total, int(facts.overdue[day]))
