"""Shares and rates of the samples, for tables and figures alike: requested, realised, checked."""

from dataclasses import dataclass

import numpy as np
from tools.distributions import laws
from tools.distributions.samples import base_profile
from tools.distributions.study import Study

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.territory import WEIGHT_TOTAL, departments, municipalities


@dataclass(frozen=True)
class Share:
    """A category: its share as requested and as realised, of n tickets."""

    name: str
    requested: float
    realised: float
    n: int
    check: Check


def _shares(names: list[str], requested: list[float], counts: list[int]) -> list[Share]:
    total = sum(counts)
    return [
        Share(name, share, count / total, total, checks.share(count, total, share))
        for name, share, count in zip(names, requested, counts, strict=True)
    ]


def profile_shares(study: Study, name: str, fact: str) -> list[Share]:
    """Shares of channels, types or priorities in the sample of a profile."""
    batch, profile = study.sample(name).batch, base_profile(name)
    if fact == "channel":
        counts = np.bincount(batch.arrivals.channel, minlength=len(CHANNEL_IDS)).tolist()
        return _shares([*CHANNEL_IDS], channel_shares_of_the_days(study, name), counts)
    if fact == "type":
        counts = np.bincount(batch.type_index, minlength=len(profile.types)).tolist()
        return _shares([*profile.types], [t.share for t in profile.types.values()], counts)
    seen = dict(batch.frame["priority"].value_counts().iter_rows())
    names = [*profile.priority]
    return _shares(names, [*profile.priority.values()], [seen[name] for name in names])


def channel_shares_of_the_days(study: Study, name: str) -> list[float]:
    """Channel shares that the weekdays and holidays of a sample make, each day with its total."""
    draws, profile = study.sample(name).batch.draws, base_profile(name)
    by_day = [laws.channel_shares(profile, to_date(day)) for day in draws.days]
    return list(np.average(by_day, axis=0, weights=draws.counts))


def attachment_shares(study: Study) -> list[Share]:
    """Petitions that come with a file, by channel."""
    channels = base_profile("documento_v1").channels
    found = []
    for name in CHANNEL_IDS:
        n, attached = study.files[name]
        share = channels[name].attachment_share
        found.append(Share(name, share, attached / n, n, checks.share(attached, n, share)))
    return found


def unknown_geography_shares(study: Study) -> list[Share]:
    """Tickets whose municipality is not known, by channel."""
    batch, channels = study.document.batch, base_profile("documento_v1").channels
    unknown = batch.frame["dane_code"].is_null().to_numpy()
    found = []
    for number, name in enumerate(CHANNEL_IDS):
        members = unknown[batch.arrivals.channel == number]
        share, n = channels[name].unknown_geography_share, len(members)
        check = checks.share(int(members.sum()), n, share)
        found.append(Share(name, share, float(members.mean()), n, check))
    return found


def department_shares(study: Study) -> list[Share]:
    """Departments, the greatest first."""
    counts = dict(study.municipality_counts().iter_rows())
    codes = municipalities()["dane_code"].to_pylist()
    weights = municipalities()["population_weight_e7"].to_pylist()
    names = departments().select(["department_code", "department"]).to_pylist()
    total = sum(counts.values())
    found = []
    for row in names:
        inside = [n for n, code in enumerate(codes) if code[:2] == row["department_code"]]
        share = sum(weights[n] for n in inside) / WEIGHT_TOTAL
        count = sum(counts.get(codes[n], 0) for n in inside)
        check = checks.share(count, total, share)
        found.append(Share(row["department"], share, count / total, total, check))
    return sorted(found, key=lambda row: -row.requested)


@dataclass(frozen=True)
class Exposure:
    """Tickets of a channel by weekday, Monday first; ordinary days without holidays and peaks."""

    seen: laws.Float
    unit: laws.Float
    """Mean tickets of these days if the channel's index were 1."""
    error: laws.Float
    """Standard deviation of `seen`."""


def channel_exposure(study: Study, channel: int) -> Exposure:
    """What is needed to see a channel's weekday index apart from month and growth."""
    batch, profile = study.document.batch, base_profile("documento_v1")
    k = profile.volume.dispersion
    share = profile.channels[CHANNEL_IDS[channel]].share
    dates = [to_date(day) for day in batch.draws.days]
    means = laws.ordinary_means(profile, dates)
    peak = batch.scenario.arrivals.in_peak(np.array(batch.draws.days))
    counts = np.bincount(
        batch.day[batch.arrivals.channel == channel] - batch.draws.days[0], minlength=len(dates)
    )
    seen, unit, variance = np.zeros(7), np.zeros(7), np.zeros(7)
    for day, mean, is_peak, count in zip(dates, means, peak, counts, strict=True):
        if is_peak or laws.is_holiday(day):
            continue
        weekday = day.weekday()
        seen[weekday] += count
        unit[weekday] += mean * share / laws.weekday_weights(profile, weekday).sum()
        expected = mean * laws.channel_shares(profile, day)[channel]
        variance[weekday] += expected + expected**2 / k
    return Exposure(seen, unit, np.sqrt(variance))
