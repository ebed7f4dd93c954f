"""Tables of arrivals: days, shares, hours, territory."""

import numpy as np
from scipy import stats
from tools.distributions import laws
from tools.distributions.markdown import (
    Row,
    markdown,
    percent,
    probability,
    share_rows,
    verdict,
    within,
)
from tools.distributions.rows import (
    attachment_shares,
    department_shares,
    profile_shares,
    unknown_geography_shares,
)
from tools.distributions.samples import PROFILES, base_profile
from tools.distributions.study import Study

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.channels import CHANNEL_IDS

_BAND = 0.3
_KEY = 3


def arrivals_table(study: Study) -> str:
    """Means, dispersion, band and peaks of the days of 2018 to 2035."""
    header = ("Fact", "Source", "Requested", "Realised", "Days", "Verdict")
    rows = [*_mean_rows(study), *_dispersion_rows(study), _band_row(study), *_peak_rows(study)]
    return markdown(header, rows)


def _ordinary(study: Study) -> tuple[laws.Int, laws.Float, float]:
    """Counts and means of the days outside peaks, and the profile's k."""
    days = study.days
    k = base_profile("documento_v1").volume.dispersion
    return days.counts[~days.in_peak], days.means[~days.in_peak], k


def _mean_rows(study: Study) -> list[Row]:
    counts, means, k = _ordinary(study)
    profile = base_profile("documento_v1")
    year = [day for day in study.days.dates if day.year == laws.REFERENCE_YEAR]
    mean = float(laws.ordinary_means(profile, year).mean())
    error = float(np.sqrt((means + means**2 / k).sum()))
    check = checks.normal(float((counts - means).sum()), error, len(counts))
    return [
        ("the law's mean of 2026 without peaks", "[doc]", "1,150", f"{mean:,.1f}", f"{len(year)}",
         within([mean], 1149.9, 1150.1)),
        ("tickets over the law's mean, without peaks", "[doc] [assume]", "1",
         f"{counts.sum() / means.sum():.4f}", f"{len(counts):,}", verdict(check)),
    ]  # fmt: skip


def _dispersion_rows(study: Study) -> list[Row]:
    counts, means, k = _ordinary(study)
    n, squares = f"{len(counts):,}", (counts - means) ** 2
    grid = range(50, 101)
    fits = [stats.nbinom.logpmf(counts, x, x / (x + means)).sum() for x in grid]
    best = grid[int(np.argmax(fits))]
    # The curvature of the likelihood gives k a standard error of about k sqrt(2 / n).
    fit = checks.normal(best - k, k * float(np.sqrt(2 / len(counts))), len(counts))
    poisson = checks.dispersion(counts, means, np.inf)
    return [
        ("squared deviations over m + m²/70", "[obs] NYC 311", "1",
         f"{(squares / (means + means**2 / k)).mean():.3f}", n,
         verdict(checks.dispersion(counts, means, k))),
        ("k that fits best", "[obs] NYC 311", f"{k:g}", f"{best}", n, verdict(fit)),
        ("distribution of the counts", "[obs] NYC 311", "negative binomial", "", n,
         verdict(checks.uniform(_places(counts, means, k)))),
        ("squared deviations over m: were it Poisson, 1", "", "not 1",
         f"{(squares / means).mean():.1f}", n, f"Poisson rejected, {probability(poisson.p)}"),
    ]  # fmt: skip


def _places(counts: laws.Int, means: laws.Float, k: float) -> laws.Float:
    """Places of counts in their law, spread evenly over each of its steps."""
    random = np.random.Generator(np.random.Philox(key=_KEY))
    law = laws.daily_count(means, k)
    below = law.cdf(counts - 1)
    return np.asarray(below + random.random(len(counts)) * (law.cdf(counts) - below))


def _band_row(study: Study) -> Row:
    counts, means, k = _ordinary(study)
    law = laws.daily_count(means, k)
    low, high = np.ceil((1 - _BAND) * means), np.floor((1 + _BAND) * means)
    expected = float((law.cdf(high) - law.cdf(low - 1)).mean())
    inside = int((np.abs(counts / means - 1) <= _BAND).sum())
    check: Check = checks.share(inside, len(counts), expected)
    return ("days within 30 % of their mean", "[doc]", percent(expected),
            percent(inside / len(counts)), f"{len(counts):,}", verdict(check))  # fmt: skip


def _peak_rows(study: Study) -> list[Row]:
    days, peaks = study.days, base_profile("documento_v1").peaks
    level = days.means[days.in_peak]
    turns = np.flatnonzero(np.diff(days.in_peak.astype(int))).reshape(-1, 2)
    length = turns[:, 1] - turns[:, 0]
    expected = len(days.dates) / peaks.every_days
    low, high = peaks.per_day
    return [
        ("peak windows, one in every 90 days", "[doc]", f"{expected:.1f}", f"{len(length)}",
         f"{len(days.dates):,}", within([len(length)], expected - 1, expected + 1)),
        ("days of a window", "[doc]", "5 to 10", f"{length.min()} to {length.max()}",
         f"{length.sum()}", within(length.tolist(), *peaks.days)),
        ("level of a peak day", "[doc]", "U(3,000, 4,000)",
         f"{level.min():,.0f} to {level.max():,.0f}", f"{len(level)}",
         verdict(checks.uniform((level - low) / (high - low)))),
    ]  # fmt: skip


def shares_table(study: Study) -> str:
    """Shares of channels, types, priorities, files and unknown places."""
    rows: list[Row] = []
    for name in PROFILES:
        for fact in ("channel", "type", "priority"):
            rows += share_rows(f"{name}: {fact}", profile_shares(study, name, fact))
    rows += share_rows("petition with a file:", attachment_shares(study))
    rows += share_rows("municipality unknown:", unknown_geography_shares(study))
    return markdown(("Share", "Requested", "Realised", "Tickets", "Verdict"), rows)


def hours_table(study: Study) -> str:
    """Chi-square tests of each channel's hours, minutes and seconds."""
    arrivals, profile = study.document.batch.arrivals, base_profile("documento_v1")
    sixtieth, rows = np.full(60, 1 / 60), []
    for number, name in enumerate(CHANNEL_IDS):
        local = arrivals.local_second[arrivals.channel == number] % 86_400
        weights = np.array(profile.channels[name].hour)
        hour = checks.multinomial(np.bincount(local // 3600, minlength=24), weights / weights.sum())
        minute, second = (
            checks.multinomial(np.bincount(value, minlength=60), sixtieth)
            for value in (local % 3600 // 60, local % 60)
        )
        rows.append((name, f"{len(local):,}", verdict(hour), verdict(minute), verdict(second)))
    header = ("Channel", "Tickets", "Hour by profile", "Minute uniform", "Second uniform")
    return markdown(header, rows)


def territory_table(study: Study) -> str:
    """Municipalities that appear, then departments by the size of their share."""
    found, seen = department_shares(study), len(study.municipality_counts())
    head = ("municipalities that appear in 180 days", "more than 900", f"{seen:,}",
            f"{found[0].n:,}", within([seen], 901, 1122))  # fmt: skip
    header = ("Department", "Weight", "Realised", "Tickets", "Verdict")
    return markdown(header, [head, *share_rows("", found)])
