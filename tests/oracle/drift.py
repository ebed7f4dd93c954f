"""What a profile expects of a run's tickets, and how far they are from it, in SciPy's terms.

The laws are those of `tools/distributions`, written a second time from the sources. A peak's level
is a draw of the run's seed: of days in a peak alone the mean is the generator's.
"""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from scipy import stats
from tests.oracle.calendar import business_days_between, days_from_to, local_day
from tests.oracle.quality import Load, Values
from tools.distributions import laws

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel

CHANNELS = ("email", "webform", "chat", "call")
ALPHA = 1e-4
Found = tuple[float | None, float | None]


def drift(load: Load, given: RunParameters) -> dict[str, Found]:
    """Value and threshold of each check of drift."""
    tickets = load("silver_tickets")
    received = [local_day(instant.to_pydatetime()) for instant in tickets["created_at"]]
    last = min(given.date_max, given.observe_until or given.date_max)
    days = days_from_to(given.date_min, last)
    of_day = Counter(received)
    channels = {
        channel: sum(
            of_day[day] * laws.channel_shares(given.chosen_profile, day)[number] for day in days
        )
        for number, channel in enumerate(CHANNELS)
    }
    untyped = [
        day for day, kind in zip(received, tickets["pqrs_type"], strict=True) if pd.isna(kind)
    ]
    until = min(untyped, default=date.max)
    typed = [k for day, k in zip(received, tickets["pqrs_type"], strict=True) if day < until]
    types = {code: item.share * len(typed) for code, item in given.chosen_profile.types.items()}
    return {
        "volume_drift_pct": _volume(len(tickets), days, given),
        "channel_share_drift": _shares(Counter(tickets["source_channel"]), channels),
        "type_share_drift": _shares(Counter(typed), types),
    }


def _volume(found: int, days: list[date], given: RunParameters) -> Found:
    profile = given.chosen_profile
    means = laws.ordinary_means(profile, days, given.volume_scale)
    model = ArrivalModel(profile, given.business_calendar, given.seed, given.volume_scale)
    numbers = np.array([day_number(day) for day in days])
    means = np.where(model.in_peak(numbers), model.means(numbers), means)
    mean, excess = means.sum(), (means**2).sum() / profile.volume.dispersion
    law = stats.nbinom(mean**2 / excess, mean / (mean + excess))
    low, high = law.ppf(ALPHA / 2), law.ppf(1 - ALPHA / 2)
    return 100 * (found - mean) / mean, 100 * max(mean - low, high - mean) / mean


def _shares(found: Mapping[str, int], expected: Mapping[str, float]) -> Found:
    """Groups of the rarest are put together until 20 are expected in each."""
    rows = sorted((mean, key, found.get(key, 0)) for key, mean in expected.items())
    groups: list[list[float]] = [[0, 0]]
    for mean, _key, number in rows:
        if groups[-1][0] >= 20:
            groups.append([0, 0])
        groups[-1][0] += mean
        groups[-1][1] += number
    if len(groups) > 1 and groups[-1][0] < 20:
        mean, number = groups.pop()
        groups[-1][0] += mean
        groups[-1][1] += number
    if len(groups) < 2 or groups[0][0] < 20:
        return None, None
    value = math.fsum((number - mean) ** 2 / mean for mean, number in groups)
    return value, float(stats.chi2.isf(ALPHA, len(groups) - 1))


def silence(load: Load, given: RunParameters, last_day: date) -> Values:
    """Business days after the last event of each source."""
    bronze = load("bronze_pqrs_events")
    until = min(given.date_max, last_day)
    values: Values = {}
    for channel in CHANNELS:
        instants = bronze.loc[bronze["source"] == channel, "ts"]
        last = None if instants.empty else local_day(instants.max().to_pydatetime())
        name = ("bronze_pqrs_events", f"silent_days_{channel}")
        values[name] = None if last is None else business_days_between(last, until)
    return values
