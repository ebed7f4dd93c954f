"""Durations against their laws, each in its own clock; capped and scaled ones transformed alike.

The generator is run with every median and every sigma off by 10 % too: the same checks find it.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from tests.oracle.walk import never_late_share
from tests.statistics.samples import HALF_YEAR, LAW_RUN, observed
from tools.distributions import checks, laws
from tools.distributions.checks import Check
from tools.distributions.clock import DAY, OFFICE_DAY, same_date_next_month
from tools.distributions.observed import Observed, Segment
from tools.distributions.samples import PROFILES, base_profile, tickets

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.parameters import Lognormal
from pqrs_kedro.pipelines.synthesis.paths import TRANSFERRED

GROUPS = {"documento_v1": HALF_YEAR, "ley1755": LAW_RUN}
both_profiles = pytest.mark.parametrize(
    "name", [pytest.param(p, id=p, marks=pytest.mark.xdist_group(GROUPS[p])) for p in PROFILES]
)
only_law = pytest.mark.xdist_group(LAW_RUN)
EARLY = ("RADICATED", "CLASSIFIED", "ASSIGNED", "IN_PROGRESS")
SIMULATED = 250_000


def segments_law(name: str, segment: str) -> Lognormal:
    law: Lognormal = getattr(base_profile(name).segments, segment)
    return law


def lognormal_checks(values: np.ndarray, law: Lognormal) -> list[Check]:
    """Distribution, mean and standard deviation of the logarithms."""
    continuous = laws.seconds_law(law)
    return [
        checks.whole_seconds(values, continuous.cdf),
        *checks.log_moments(values, continuous.median(), law.sigma),
    ]


# --- Lognormal as they are ----------------------------------------------------------------------


def radication(sample: Observed, channel: str) -> np.ndarray:
    """RECEIVED to RADICATED: office seconds of an e-mail, seconds of the wall clock of others."""
    found = sample.segment("RECEIVED", "RADICATED")
    elapsed = sample.office(found) if channel == "email" else found.end - found.start
    return elapsed[sample.batch.arrivals.channel[found.ticket] == CHANNEL_IDS.index(channel)]


@both_profiles
@pytest.mark.parametrize("channel", CHANNEL_IDS)
def test_radication_is_lognormal_by_channel(channel: str, name: str):
    law = base_profile(name).channels[channel].radication
    assert all(c.passed for c in lognormal_checks(radication(observed(name), channel), law))


@both_profiles
def test_reopening_is_lognormal_in_office_time(name: str):
    sample = observed(name)
    values = sample.office(sample.segment("CLOSED", "REOPENED"))
    law = segments_law(name, "closed_to_reopened")
    assert len(values) > 3000
    assert all(check.passed for check in lognormal_checks(values, law))


def after_stop(sample: Observed, origin: str, target: str) -> Segment:
    """Steps between the first answer of a cycle and its CLOSED, which `ley1755` does not count."""
    path = sample.batch.path
    answered = np.cumsum(path == STATUS_CODE["RESPONDED"], axis=1)
    reopened = np.cumsum(path == STATUS_CODE["REOPENED"], axis=1)
    before = np.where(reopened > 0, (answered * (reopened == 0)).max(axis=1, keepdims=True), 0)
    found = sample.segment(origin, target)
    seen = (answered - before)[found.ticket, found.step - 1] > 0
    return Segment(*(part[seen] for part in (found.ticket, found.step, found.start, found.end)))


@only_law
@pytest.mark.parametrize(
    ("origin", "target", "segment"),
    [
        ("RESPONDED", "CLOSED", "responded_to_closed"),
        ("RESPONDED", "IN_PROGRESS", "responded_to_in_progress"),
        ("IN_PROGRESS", "RESPONDED", "in_progress_after_stop"),
        ("IN_PROGRESS", "ON_HOLD", "in_progress_after_stop"),
    ],
)
def test_what_follows_a_legal_answer_is_lognormal_in_office_time(
    origin: str, target: str, segment: str
):
    sample = observed("ley1755")
    values = sample.office(after_stop(sample, origin, target))
    assert len(values) > 300
    law = segments_law("ley1755", segment)
    assert all(check.passed for check in lognormal_checks(values, law))


# --- Scaled by the term, and capped -------------------------------------------------------------


def capped_checks(values: np.ndarray, law: Lognormal, term: int) -> list[Check]:
    """min(X term / 15, term / 4): the law below the cap, and the share at it."""
    cap = round(laws.CAP * term * OFFICE_DAY)
    scaled = laws.seconds_law(law, term / laws.REFERENCE_TERM)
    below = values[values < cap]
    assert values.max() <= cap
    # A second less than the cap is where rounding down may put the cap's own neighbours.
    limit = scaled.cdf(cap)
    return [
        *checks.uniform_places(np.minimum(scaled.cdf(below + 1.0) / limit, 1.0)),
        checks.share(int((values >= cap).sum()), len(values), 1 - limit),
    ]


def by_term(sample: Observed, found: Segment, keep: np.ndarray) -> dict[int, np.ndarray]:
    values, terms = sample.office(found)[keep], sample.terms[found.ticket][keep]
    return {int(term): values[terms == term] for term in np.unique(terms)}


@both_profiles
def test_work_after_a_reopening_is_lognormal_scaled_by_the_term_and_capped(name: str):
    sample = observed(name)
    found = sample.segment("REOPENED", "IN_PROGRESS")
    for term, values in by_term(sample, found, np.ones(len(found.ticket), dtype=bool)).items():
        law = segments_law(name, "reopened_to_in_progress")
        assert all(check.passed for check in capped_checks(values, law, term)), term


def closings(sample: Observed) -> dict[int, np.ndarray]:
    """RESPONDED to CLOSED by term, of tickets never held (a hold may push the answer)."""
    found = sample.segment("RESPONDED", "CLOSED")
    return by_term(sample, found, ~sample.has("ON_HOLD")[found.ticket])


@pytest.mark.xdist_group(HALF_YEAR)
def test_closing_inside_the_clock_is_lognormal_scaled_by_the_term_and_capped():
    law = segments_law("documento_v1", "responded_to_closed")
    for term, values in closings(observed("documento_v1")).items():
        assert all(check.passed for check in capped_checks(values, law, term)), term


def early_seconds(sample: Observed, term: int, transferred: bool) -> np.ndarray:
    """Office seconds of the three steps of tickets that went to IN_PROGRESS directly."""
    path, batch = sample.batch.path[:, 1:5], sample.batch
    direct = (path == [STATUS_CODE[status] for status in EARLY]).all(axis=1)
    direct &= (sample.terms == term) & ((batch.resolution == TRANSFERRED) == transferred)
    entered = batch.timeline.entered[direct, 1:5]
    clocked = sample.clock.office_seconds(entered.ravel()).reshape(entered.shape)
    return np.diff(clocked, axis=1)


def early_checks(name: str, sample: Observed, term: int, transferred: bool) -> list[Check]:
    """Each step, the sum where it is not capped, and the share of sums that are."""
    cap_days = laws.CAP * term
    if transferred:
        cap_days = min(cap_days, laws.TRANSFER_EARLY_DAYS)
    simulated = laws.simulate_early(base_profile(name), term, SIMULATED, cap_days, key=term)
    seen = early_seconds(sample, term, transferred)
    total, cap = seen.sum(axis=1), cap_days * OFFICE_DAY
    assert total.max() <= cap
    # Three parts rounded down lose less than three seconds.
    capped = total > cap - 3
    error = np.sqrt(simulated.capped.mean() * (1 - simulated.capped.mean()) / len(total))
    surplus = capped.mean() - simulated.capped.mean()
    return [
        *(checks.same_law(seen[:, n], simulated.segments[:, n]) for n in range(3)),
        checks.same_law(total[~capped], simulated.total[~simulated.capped]),
        checks.normal(surplus, error * np.sqrt(1 + len(total) / SIMULATED), len(total)),
    ]


@both_profiles
@pytest.mark.parametrize("transferred", [False, True], ids=["ordinary", "transferred"])
def test_early_segments_are_scaled_by_the_term_and_capped_in_proportion(
    transferred: bool, name: str
):
    sample = observed(name)
    for term in np.unique(sample.terms):
        found = early_checks(name, sample, int(term), transferred)
        assert all(check.passed for check in found), (term, found)


# --- Holds --------------------------------------------------------------------------------------


def hold_scores(name: str, sample: Observed) -> np.ndarray:
    """Places of completed holds in the law truncated below one month of their own start."""
    found = sample.segment("ON_HOLD", "IN_PROGRESS")
    began = found.start // DAY
    longest = (same_date_next_month(began) - began - 1) * DAY
    law = laws.seconds_law(segments_law(name, "on_hold"))
    assert (found.end - found.start <= longest).all()
    return law.cdf(found.end - found.start) / law.cdf(longest)


@both_profiles
def test_completed_holds_are_lognormal_truncated_below_one_month(name: str):
    scores = hold_scores(name, observed(name))
    assert len(scores) > 9000
    assert all(check.passed for check in checks.uniform_places(scores))


@both_profiles
def test_a_withdrawal_is_declared_at_any_second_of_the_office_day(name: str):
    found = observed(name).segment("ON_HOLD", "RESPONDED")
    second = found.end % DAY - 8 * 3600
    assert checks.uniform((second - 0.5) / OFFICE_DAY).passed


# --- Archiving ----------------------------------------------------------------------------------


def archive_scores(name: str, sample: Observed) -> np.ndarray:
    """Places in the law of the time to archiving, of which the week alone is seen.

    A ticket archived in the batch of Friday f was ready after the Friday before f and by f: its
    place is drawn between the law's values at both.
    """
    clock, found = sample.clock, sample.segment("CLOSED", "ARCHIVED")
    # The batch's Friday is the last one up to the archiving day, the holiday or not.
    day = found.end // DAY
    friday = day - (day + 3 - 4) % 7
    begun = clock.office_seconds(found.start)
    law = laws.seconds_law(segments_law(name, "closed_to_archived"))
    upper, lower = (
        law.cdf(np.maximum(clock.office_seconds((limit + 1) * DAY) - begun + 0.5, 0))
        for limit in (friday, friday - 7)
    )
    random = np.random.Generator(np.random.Philox(key=4))
    return lower + random.random(len(lower)) * (upper - lower)


@both_profiles
def test_tickets_are_ready_to_be_archived_by_the_lognormal_law(name: str):
    places = archive_scores(name, observed(name))
    assert all(check.passed for check in checks.uniform_places(places))


@both_profiles
def test_tickets_are_archived_on_fridays_or_the_business_day_after(name: str):
    sample = observed(name)
    day = sample.segment("CLOSED", "ARCHIVED").end // DAY
    friday = day - (day + 3 - 4) % 7
    assert (sample.clock.on_or_after(friday) == day).all()
    assert (day != friday).any()


# --- First replies ------------------------------------------------------------------------------


def reply_checks(name: str, sample: Observed, channel: str) -> list[Check]:
    """min(Y, time of the answer): Y below the answer by its law, and as often above it."""
    law = base_profile(name).channels[channel].first_reply
    assert law is not None
    continuous, replies = laws.seconds_law(law), sample.replies(channel)
    assert (replies.waited <= replies.latest).all()
    # In a chat a person follows the bot: 80 seconds at least.
    least = 80 if channel == "chat" else 0
    below = continuous.cdf(least + 0.5) if least else 0.0
    free = (replies.waited < replies.latest) & (replies.waited > least)
    reach = continuous.cdf(np.maximum(replies.latest - 0.5, least + 0.5))
    place = (continuous.cdf(replies.waited[free]) - below) / (reach[free] - below)
    error = np.sqrt(((reach - below) * (1 - reach + below)).sum())
    return [
        *checks.uniform_places(place),
        checks.normal(float(free.sum() - (reach - below).sum()), error, len(reach)),
    ]


@both_profiles
@pytest.mark.parametrize("channel", ["email", "webform", "chat"])
def test_first_replies_are_lognormal_and_no_later_than_the_answer(channel: str, name: str):
    assert all(check.passed for check in reply_checks(name, observed(name), channel))


@both_profiles
def test_a_call_has_no_reply_of_its_own_and_every_other_ticket_has_one(name: str):
    sample = observed(name)
    counts = np.bincount(sample.batch.arrivals.channel, minlength=4)
    for number, channel in enumerate(CHANNEL_IDS):
        expected = 0 if channel == "call" else counts[number]
        assert len(sample.replies(channel).waited) == expected


# --- Response ratio -----------------------------------------------------------------------------


@cache
def ratio_law(name: str, rate: float = 0.095) -> laws.RatioLaw:
    """The law whose lateness makes up for the tickets that cannot be late."""
    profile = base_profile(name)
    never_late = never_late_share(profile.stop_status, 0.06, 0.01)
    return laws.ratio_law(profile.response, rate / (1 - never_late))


def plain_first_cycles(sample: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Cycles, and tickets, of first cycles whose ratio is the drawn one: no hold, no transfer."""
    cycles = sample.cycles
    plain = (cycles.number == 0) & (cycles.holds == 0)
    plain &= sample.batch.resolution[cycles.ticket] != TRANSFERRED
    return np.flatnonzero(plain), cycles.ticket[plain]


def ratio_checks(name: str, sample: Observed) -> list[Check]:
    """max(X, what early steps and closing need): the law above that, and how often it is so."""
    law = ratio_law(name)
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


@both_profiles
def test_the_response_ratio_has_the_lognormal_law_with_the_hurried_ones_moved(name: str):
    found = ratio_checks(name, observed(name))
    assert all(check.passed for check in found), found


@both_profiles
def test_just_before_the_due_day_there_is_the_bump_of_those_who_hurry(name: str):
    sample, law = observed(name), ratio_law(name)
    cycle, _ = plain_first_cycles(sample)
    ratio = sample.ratios[cycle]
    for low, high in ((0.925, 1.0), (1.0, 1.25)):
        probability = float(law.cdf(np.array(high)) - law.cdf(np.array(low)))
        unhurried = float(law.drawn.cdf(high) - law.drawn.cdf(low))
        seen = int(((ratio > low) & (ratio <= high)).sum())
        assert checks.share(seen, len(ratio), probability).p > 0.01
        assert not checks.share(seen, len(ratio), unhurried).passed


def cells(name: str, sample: Observed, cycle_number: int) -> tuple[np.ndarray, np.ndarray]:
    """Group (day and stratum), and cell in it, of the cycles whose quantile can be told.

    Not told: ratios at their floor; and of (.925, 1], where a ratio may be a hurried one.
    """
    cycles, batch, law = sample.cycles, sample.batch, ratio_law(name)
    group = (batch.day - batch.day[0]) * 64 + sample.strata
    size = np.bincount(group)[group]
    plain = (cycles.number == cycle_number) & (cycles.holds == 0) & ~cycles.withdrawn
    plain &= batch.resolution[cycles.ticket] != TRANSFERRED
    ratio = sample.ratios
    plain &= ((ratio > 0.77) & (ratio <= 0.925)) | (ratio > 1)
    ticket = cycles.ticket[plain]
    place = law.drawn.cdf(ratio[plain]) * size[ticket]
    # Rounding to seconds may carry a draw over the edge of its cell: leave those out.
    inner = np.abs(place - np.rint(place)) > 0.05
    return group[ticket][inner], np.floor(place[inner]).astype(int)


def repeated_cells(group: np.ndarray, cell: np.ndarray) -> int:
    return len(cell) - len(set(zip(group.tolist(), cell.tolist(), strict=True)))


@both_profiles
@pytest.mark.parametrize("cycle_number", [0, 1])
def test_no_two_tickets_of_a_day_and_stratum_are_in_one_cell_of_the_quantile(
    cycle_number: int, name: str
):
    group, cell = cells(name, observed(name), cycle_number)
    assert len(cell) > (10_000 if cycle_number == 0 else 300)
    assert repeated_cells(group, cell) == 0


@both_profiles
def test_draws_that_are_not_stratified_share_cells(name: str):
    group, _ = cells(name, observed(name), 0)
    random = np.random.Generator(np.random.Philox(key=6))
    size = np.bincount(group)[group]
    independent = np.floor(random.random(len(group)) * size).astype(int)
    assert repeated_cells(group, independent) > len(group) / 10


# --- A wrong generator is found -----------------------------------------------------------------


@cache
def tickets_off_by(name: str, fact: str, factor: float) -> Observed:
    """Thirty days with every median or every sigma off by the factor given."""
    root, profile = f"profiles.{name}", base_profile(name)
    changes = {}
    for segment in type(profile.segments).model_fields:
        value = getattr(getattr(profile.segments, segment), fact)
        changes[f"{root}.segments.{segment}.{fact}"] = factor * value
    for channel, facts in profile.channels.items():
        for law in ("radication", "first_reply"):
            if getattr(facts, law) is not None:
                path = f"{root}.channels.{channel}.{law}.{fact}"
                changes[path] = factor * getattr(getattr(facts, law), fact)
    return Observed(tickets("2026-01-13", 30, changes, profile=name))


def duration_checks(name: str, sample: Observed) -> dict[str, list[Check]]:
    """All checks of durations of a sample."""
    by_segment: dict[str, Callable[[], list[Check]]] = {
        "holds": lambda: checks.uniform_places(hold_scores(name, sample)),
        "archiving": lambda: checks.uniform_places(archive_scores(name, sample)),
        "early": lambda: early_checks(name, sample, 15, False),
        "reopening": lambda: lognormal_checks(
            sample.office(sample.segment("CLOSED", "REOPENED")),
            segments_law(name, "closed_to_reopened"),
        ),
    }
    found = {segment: check() for segment, check in by_segment.items()}
    for channel, facts in base_profile(name).channels.items():
        found[f"radication {channel}"] = lognormal_checks(
            radication(sample, channel), facts.radication
        )
        if facts.first_reply is not None:
            found[f"reply {channel}"] = reply_checks(name, sample, channel)
    if name == "documento_v1":
        law = segments_law(name, "responded_to_closed")
        found["closing"] = capped_checks(closings(sample)[15], law, 15)
    else:
        law = segments_law(name, "in_progress_after_stop")
        again = after_stop(sample, "IN_PROGRESS", "RESPONDED")
        found["after the answer"] = lognormal_checks(sample.office(again), law)
    return found


@both_profiles
@pytest.mark.parametrize(
    ("fact", "factor"),
    [
        pytest.param("median", 1.1, id="medians_10_pct_more"),
        pytest.param("sigma", 1.1, id="sigmas_10_pct_more"),
        pytest.param("sigma", 0.9, id="sigmas_10_pct_less"),
    ],
)
def test_the_same_checks_reject_a_law_that_is_off_by_10_per_cent(
    fact: str, factor: float, name: str
):
    wrong = duration_checks(name, tickets_off_by(name, fact, factor))
    assert [segment for segment, made in wrong.items() if all(c.passed for c in made)] == []
    sound = duration_checks(name, tickets_off_by(name, "median", 1.0))
    assert [segment for segment, made in sound.items() if not all(c.passed for c in made)] == []


@both_profiles
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_same_checks_reject_a_response_ratio_that_spreads_otherwise(factor: float, name: str):
    sigma = factor * base_profile(name).response.sigma
    changes = {f"profiles.{name}.response.sigma": sigma}
    wrong = Observed(tickets("2026-01-13", 10, changes, profile=name))
    assert not all(check.passed for check in ratio_checks(name, wrong))
