"""Durations of generated tickets, and their checks against the laws of a profile.

The profile is that of the law; the sample may come from another one, whose figures are off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from tools.distributions import laws
from tools.distributions.clock import DAY, OFFICE_DAY, same_date_next_month
from tools.distributions.observed import Bool, Float, Int, Observed, Segment

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.parameters import Lognormal, Profile
from pqrs_kedro.pipelines.synthesis.paths import TRANSFERRED

_EARLY: Final = ("RADICATED", "CLASSIFIED", "ASSIGNED", "IN_PROGRESS")
_SIMULATED: Final = 250_000
_FRIDAY: Final = 4
CHAT_LEAST: Final = 80
"""Seconds: in a chat a person follows the bot."""


def lognormal_checks(values: Int, law: Lognormal) -> list[Check]:
    """Distribution, mean and standard deviation of the logarithms."""
    continuous = laws.seconds_law(law)
    return [
        checks.whole_seconds(values, continuous.cdf),
        *checks.log_moments(values, continuous.median(), law.sigma),
    ]


def radication(sample: Observed, channel: str) -> Int:
    """RECEIVED to RADICATED: office seconds of an e-mail, seconds of the wall clock of others."""
    found = sample.segment("RECEIVED", "RADICATED")
    elapsed = sample.office(found) if channel == "email" else found.end - found.start
    return elapsed[sample.batch.arrivals.channel[found.ticket] == CHANNEL_IDS.index(channel)]


def after_stop(sample: Observed, origin: str, target: str) -> Segment:
    """Steps between the first answer of a cycle and its CLOSED, which `ley1755` does not count."""
    path = sample.batch.path
    answered = np.cumsum(path == STATUS_CODE["RESPONDED"], axis=1)
    reopened = np.cumsum(path == STATUS_CODE["REOPENED"], axis=1)
    before = np.where(reopened > 0, (answered * (reopened == 0)).max(axis=1, keepdims=True), 0)
    found = sample.segment(origin, target)
    seen = (answered - before)[found.ticket, found.step - 1] > 0
    return Segment(*(part[seen] for part in (found.ticket, found.step, found.start, found.end)))


def by_term(sample: Observed, found: Segment, keep: Bool) -> dict[int, Int]:
    """Office seconds of the steps to keep, by the term of the ticket's type."""
    values, terms = sample.office(found)[keep], sample.terms[found.ticket][keep]
    return {int(term): values[terms == term] for term in np.unique(terms)}


def closings(sample: Observed) -> dict[int, Int]:
    """RESPONDED to CLOSED by term, of tickets never held (a hold may push the answer)."""
    found = sample.segment("RESPONDED", "CLOSED")
    return by_term(sample, found, ~sample.has("ON_HOLD")[found.ticket])


def capped_checks(values: Int, law: Lognormal, term: int) -> list[Check]:
    """min(X term / 15, term / 4): the law below the cap, and the share at it."""
    cap = round(laws.CAP * term * OFFICE_DAY)
    scaled = laws.seconds_law(law, term / laws.REFERENCE_TERM)
    below = values[values < cap]
    # A second less than the cap is where rounding down may put the cap's own neighbours.
    limit = scaled.cdf(cap)
    return [
        *checks.uniform_places(np.minimum(scaled.cdf(below + 1.0) / limit, 1.0)),
        checks.share(int((values >= cap).sum()), len(values), 1 - limit),
    ]


def early_seconds(sample: Observed, term: int, transferred: bool) -> Int:
    """Office seconds of the three steps of tickets that went to IN_PROGRESS directly."""
    path, batch = sample.batch.path[:, 1:5], sample.batch
    direct = (path == [STATUS_CODE[status] for status in _EARLY]).all(axis=1)
    direct &= (sample.terms == term) & ((batch.resolution == TRANSFERRED) == transferred)
    entered = batch.timeline.entered[direct, 1:5]
    clocked = sample.clock.office_seconds(entered.ravel()).reshape(entered.shape)
    return np.diff(clocked, axis=1)


def early_checks(profile: Profile, sample: Observed, term: int, transferred: bool) -> list[Check]:
    """Each step, the sum where it is not capped, and the share of sums that are."""
    cap_days = laws.CAP * term
    if transferred:
        cap_days = min(cap_days, laws.TRANSFER_EARLY_DAYS)
    simulated = laws.simulate_early(profile, term, _SIMULATED, cap_days, key=term)
    seen = early_seconds(sample, term, transferred)
    total, cap = seen.sum(axis=1), cap_days * OFFICE_DAY
    # Three parts rounded down lose less than three seconds.
    capped = total > cap - 3
    error = np.sqrt(simulated.capped.mean() * (1 - simulated.capped.mean()) / len(total))
    surplus = capped.mean() - simulated.capped.mean()
    return [
        *(checks.same_law(seen[:, n], simulated.segments[:, n]) for n in range(3)),
        checks.same_law(total[~capped], simulated.total[~simulated.capped]),
        checks.normal(surplus, error * np.sqrt(1 + len(total) / _SIMULATED), len(total)),
    ]


def hold_places(profile: Profile, sample: Observed) -> Float:
    """Places of completed holds in the law truncated below one month of their own start."""
    found = sample.segment("ON_HOLD", "IN_PROGRESS")
    began = found.start // DAY
    longest = (same_date_next_month(began) - began - 1) * DAY
    law = laws.seconds_law(profile.segments.on_hold)
    return np.asarray(law.cdf(found.end - found.start) / law.cdf(longest))


def archive_places(profile: Profile, sample: Observed) -> Float:
    """Places in the law of the time to archiving, of which the week alone is seen.

    A ticket archived in the batch of Friday f was ready after the Friday before f and by f: its
    place is drawn between the law's values at both.
    """
    clock, found = sample.clock, sample.segment("CLOSED", "ARCHIVED")
    # The batch's Friday is the last one up to the archiving day, the holiday or not.
    day = found.end // DAY
    friday = day - (day + 3 - _FRIDAY) % 7
    begun = clock.office_seconds(found.start)
    law = laws.seconds_law(profile.segments.closed_to_archived)
    upper, lower = (
        law.cdf(np.maximum(clock.office_seconds((limit + 1) * DAY) - begun + 0.5, 0))
        for limit in (friday, friday - 7)
    )
    random = np.random.Generator(np.random.Philox(key=4))
    return np.asarray(lower + random.random(len(lower)) * (upper - lower))


def reply_checks(law: Lognormal, sample: Observed, channel: str) -> list[Check]:
    """min(Y, time of the answer): Y below the answer by its law, and as often above it."""
    continuous, replies = laws.seconds_law(law), sample.replies(channel)
    least = CHAT_LEAST if channel == "chat" else 0
    below = continuous.cdf(least + 0.5) if least else 0.0
    free = (replies.waited < replies.latest) & (replies.waited > least)
    reach = continuous.cdf(np.maximum(replies.latest - 0.5, least + 0.5))
    place = (continuous.cdf(replies.waited[free]) - below) / (reach[free] - below)
    error = np.sqrt(((reach - below) * (1 - reach + below)).sum())
    return [
        *checks.uniform_places(place),
        checks.normal(float(free.sum() - (reach - below).sum()), error, len(reach)),
    ]


def plain_first_cycles(sample: Observed) -> tuple[Int, Int]:
    """Cycles, and tickets, of first cycles whose ratio is the drawn one: no hold, no transfer."""
    cycles = sample.cycles
    plain = (cycles.number == 0) & (cycles.holds == 0)
    plain &= sample.batch.resolution[cycles.ticket] != TRANSFERRED
    return np.flatnonzero(plain), cycles.ticket[plain]


def ratio_checks(law: laws.RatioLaw, sample: Observed) -> list[Check]:
    """max(X, what early steps and closing need): the law above that, and how often it is so."""
    cycle, ticket = plain_first_cycles(sample)
    floor, ratio = sample.floors()[ticket], sample.ratios[cycle]
    # Whole seconds move a ratio by less than 1 / (8 x 32,400).
    above = ratio > floor + 1e-5
    below = law.cdf(floor)
    place = (law.cdf(ratio[above]) - below[above]) / (1 - below[above])
    error = np.sqrt((below * (1 - below)).sum())
    return [
        checks.uniform(place),
        checks.normal(float((~above).sum() - below.sum()), error, len(below)),
    ]


def hold_cdf(profile: Profile, sample: Observed) -> Callable[[Float], Float]:
    """Distribution function of completed holds: truncated below the month of each one's start."""
    began = sample.segment("ON_HOLD", "IN_PROGRESS").start // DAY
    longest, count = np.unique(same_date_next_month(began) - began - 1, return_counts=True)
    law = laws.seconds_law(profile.segments.on_hold)

    def cdf(seconds: Float) -> Float:
        truncated = [np.minimum(law.cdf(seconds) / law.cdf(days * DAY), 1) for days in longest]
        return np.average(truncated, axis=0, weights=count)

    return cdf


@dataclass(frozen=True)
class Batches:
    """Tickets archived with the first, second, ... Friday on or after the day they were closed."""

    seen: Float
    expected: Float


def friday_batches(profile: Profile, sample: Observed, number: int) -> Batches:
    """Archived tickets by Friday, and how many the law of the time to archiving puts there."""
    clock, found = sample.clock, sample.segment("CLOSED", "ARCHIVED")
    day = found.start // DAY
    first = day + (_FRIDAY - (day + 3) % 7) % 7
    begun = clock.office_seconds(found.start)
    law = laws.seconds_law(profile.segments.closed_to_archived)
    ready = [
        law.cdf(np.maximum(clock.office_seconds((first + 7 * n + 1) * DAY) - begun + 0.5, 0)).sum()
        for n in range(number)
    ]
    archived = found.end // DAY
    week = (archived - (archived + 3 - _FRIDAY) % 7 - first) // 7
    seen = np.bincount(week, minlength=number)[:number]
    return Batches(seen.astype(float), np.diff(ready, prepend=0.0))
