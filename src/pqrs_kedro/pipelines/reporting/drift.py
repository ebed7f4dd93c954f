"""Checks of the tickets against what the profile expects: their number, channels and types.

Thresholds are those of statistical tests with one false alarm in ten thousand. They hold where the
lines were generated from the profile; of imported lines nothing is expected.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

import ibis
import numpy as np
from ibis import _
from scipy import special

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.pipelines.expressions import local_day
from pqrs_kedro.pipelines.reporting.checks import EXAMPLES, WARN, Check, fetch
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel

FALSE_ALARM_RATE: Final = 1e-4
# With so many expected in every group the rate is that of the chi-square law; of five it is twice.
LEAST_EXPECTED: Final = 20
_TICKETS: Final = "silver_tickets"
# Tickets by day of reception, channel and type; null is a ticket without a type yet.
_Counts = Counter[tuple[date, str, str | None]]


def check_drift(tickets: ibis.Table, parameters: RunParameters) -> Iterator[Check]:
    """Volume, shares of channels, shares of types.

    Args:
        tickets: silver_tickets.
        parameters: those of the run, which generated its lines.
    """
    counts = _count(tickets)
    model = ArrivalModel(
        parameters.chosen_profile,
        parameters.business_calendar,
        parameters.generation.seed,
        parameters.generation.volume_scale,
    )
    last = min(parameters.observe_until or parameters.date_max, parameters.date_max)
    days = _days(parameters.date_min, last)
    yield _check_volume(counts, model, days)
    yield _check_channels(counts, model, days)
    yield _check_types(counts, parameters)


def _count(tickets: ibis.Table) -> _Counts:
    keys = {"day": local_day(tickets.created_at)}
    found = tickets.group_by("source_channel", "pqrs_type", **keys).aggregate(tickets=_.count())
    return Counter(
        {
            (row["day"], row["source_channel"], row["pqrs_type"]): row["tickets"]
            for row in fetch(found)
        }
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _by_day(counts: _Counts) -> Counter[date]:
    found: Counter[date] = Counter()
    for (day, _channel, _type), number in counts.items():
        found[day] += number
    return found


def _check_volume(counts: _Counts, model: ArrivalModel, days: list[date]) -> Check:
    """The number of tickets, as per cent above or below its mean.

    A day's number is negative binomial with variance m + m^2/k. The sum is taken for negative
    binomial with the sum of means and variances; the threshold is its farther quantile.
    """
    numbers = np.array([day_number(day) for day in days])
    # The last bits of a mean differ between processors.
    means = np.round(model.means(numbers), 6).tolist()
    mean = round(math.fsum(means), 6)
    excess = math.fsum(one * one for one in means) / model.profile.volume.dispersion
    threshold = round(100 * _farthest(mean, excess) / mean, 6)
    found = _by_day(counts)
    value = round(100 * (sum(found.values()) - mean) / mean, 6)
    passed = abs(value) <= threshold
    off = sorted(zip(days, means, strict=True), key=lambda it: -abs(found[it[0]] - it[1]))
    examples = [
        {"day": str(day), "found": found[day], "expected": round(one, 1)} for day, one in off
    ]
    details = {"tickets": sum(found.values()), "expected": round(mean, 1)}
    missing = round(abs(sum(found.values()) - mean))
    return _drift("volume_drift_pct", passed, value, threshold, details, missing, examples, "%")


def _farthest(mean: float, excess: float) -> float:
    """How far from the mean a sum may be: its negative binomial has variance mean + excess."""
    k, p = mean * mean / excess, round(mean / (mean + excess), 12)
    low, high = (
        math.ceil(round(float(special.nbdtrik(quantile, k, p)), 6))
        for quantile in (FALSE_ALARM_RATE / 2, 1 - FALSE_ALARM_RATE / 2)
    )
    return max(high - mean, mean - low)


def _check_channels(counts: _Counts, model: ArrivalModel, days: list[date]) -> Check:
    """Channels against the weights of each day, given how many tickets that day has."""
    weights = model.channel_weights(np.array([day_number(day) for day in days])).tolist()
    of_day = _by_day(counts)
    expected = {
        channel: math.fsum(
            of_day[day] * shares[number] for day, shares in zip(days, weights, strict=True)
        )
        for number, channel in enumerate(CHANNEL_IDS)
    }
    found: Counter[str] = Counter()
    for (_day, channel, _type), number in counts.items():
        found[channel] += number
    return _check_shares("channel_share_drift", "channel", found, expected)


def _check_types(counts: _Counts, parameters: RunParameters) -> Check:
    """Types against their shares, of tickets received before any that has no type yet.

    How long a classification takes depends on the type, so that those of later days are no fair
    sample.
    """
    end = min((day for day, _channel, kind in counts if kind is None), default=date.max)
    found: Counter[str] = Counter()
    for (day, _channel, kind), number in counts.items():
        if kind is not None and day < end:
            found[kind] += number
    types = parameters.chosen_profile.types
    expected = {code: item.share * sum(found.values()) for code, item in types.items()}
    return _check_shares("type_share_drift", "pqrs_type", found, expected)


def _check_shares(
    name: str, column: str, found: Mapping[str, int], expected: Mapping[str, float]
) -> Check:
    """Pearson's chi-square; null where too few are expected for two groups."""
    groups = _pooled(found, expected)
    details: dict[str, Any] = {
        "tickets": sum(found.values()),
        "groups": len(groups),
        "found": {key: found.get(key, 0) for key in expected},
        "expected": {key: round(mean, 1) for key, mean in expected.items()},
    }
    if len(groups) < 2:
        return _drift(name, True, None, None, details, 0, [], "chi-square")
    value = round(math.fsum((n - mean) ** 2 / mean for n, mean in groups), 6)
    threshold = round(float(special.chdtri(len(groups) - 1, FALSE_ALARM_RATE)), 6)
    off = sorted(expected, key=lambda key: (-abs(found.get(key, 0) - expected[key]), key))
    examples = [
        {column: key, "found": found.get(key, 0), "expected": round(expected[key], 1)}
        for key in off
    ]
    misplaced = round(math.fsum(max(found.get(key, 0) - expected[key], 0) for key in expected))
    passed = value <= threshold
    return _drift(name, passed, value, threshold, details, misplaced, examples, "chi-square")


def _pooled(found: Mapping[str, int], expected: Mapping[str, float]) -> list[tuple[int, float]]:
    """Found and expected of groups of which enough is expected, the rarest put together."""
    groups: list[tuple[int, float]] = []
    number, mean = 0, 0.0
    for key in sorted(expected, key=lambda key: (expected[key], key)):
        number, mean = number + found.get(key, 0), mean + expected[key]
        if mean >= LEAST_EXPECTED:
            groups.append((number, mean))
            number, mean = 0, 0.0
    if mean and groups:
        last_number, last_mean = groups.pop()
        groups.append((last_number + number, last_mean + mean))
    return groups


def _drift(
    name: str,
    passed: bool,
    value: float | None,
    threshold: float | None,
    details: dict[str, Any],
    failed_rows: int,
    examples: list[dict[str, Any]],
    unit: str,
) -> Check:
    told = {
        **details,
        "false_alarm_rate": FALSE_ALARM_RATE,
        "failed_rows": 0 if passed else failed_rows,
        "examples": [] if passed else examples[:EXAMPLES],
    }
    return Check(_TICKETS, name, passed, value, threshold, told, WARN, unit)
