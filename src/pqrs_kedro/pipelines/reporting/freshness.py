"""Checks that no source has fallen silent before the end of observation."""

from collections.abc import Iterator
from datetime import date
from typing import Final

import ibis
from ibis import _

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.expressions import local_day
from pqrs_kedro.pipelines.reporting.checks import WARN, Check, Tables, fetch

_BRONZE: Final = "bronze_pqrs_events"


def check_freshness(tables: Tables, date_max: date, most: int) -> Iterator[Check]:
    """Business days after the last event of each source, up to the last day that is looked at.

    That is the last observed day, or, where it is earlier, the last day of reception: after it
    nothing new need come. A source without any event has no last one, and passes.

    Args:
        tables: the tables of the run, by name.
        date_max: last day of reception.
        most: business days of silence that pass.
    """
    bronze, volume = tables[_BRONZE], tables["gold_kpi_volume_daily"]
    last_by_source = {
        row["source"]: row["last_day"]
        for row in fetch(bronze.group_by("source").aggregate(last_day=local_day(_.ts).max()))
    }
    (observed,) = fetch(volume.aggregate(last_day=_.day.max()))
    until = min(observed["last_day"] or date_max, date_max)
    days = [until, *last_by_source.values()]
    calendar = tables["dim_business_day"]
    ordinals = {
        row["day"]: row["business_day_ordinal"]
        for row in fetch(calendar.filter(calendar.day.isin([ibis.date(day) for day in days])))
    }
    for source in CHANNEL_IDS:
        last = last_by_source.get(source)
        silent = None
        # A calendar with a gap in it fails a check of its own.
        if last in ordinals and until in ordinals:
            silent = max(ordinals[until] - ordinals[last], 0)
        yield _fresh(source, last, until, silent, most)


def _fresh(source: str, last: date | None, until: date, silent: int | None, most: int) -> Check:
    passed = silent is None or silent <= most
    last_day = None if last is None else str(last)
    details = {
        "last_event_day": last_day,
        "looked_at_until": str(until),
        "failed_rows": int(not passed),
        "examples": [] if passed else [{"source": source, "last_event_day": last_day}],
    }
    name = f"silent_days_{source}"
    return Check(_BRONZE, name, passed, silent, most, details, WARN, "business days")
