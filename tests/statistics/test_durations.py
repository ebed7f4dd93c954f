"""Durations against their laws, each in its own clock; capped and scaled ones transformed alike.

The generator is run with every median and every sigma off by 10 % too: the same checks find it.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from tests.statistics.samples import HALF_YEAR, LAW_RUN, both_profiles, observed
from tools.distributions import durations
from tools.distributions.clock import DAY, OFFICE_DAY
from tools.distributions.observed import Observed
from tools.distributions.samples import base_profile, tickets

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import Lognormal

only_law = pytest.mark.xdist_group(LAW_RUN)


def segments_law(name: str, segment: str) -> Lognormal:
    law: Lognormal = getattr(base_profile(name).segments, segment)
    return law


# --- Lognormal as they are ----------------------------------------------------------------------


@both_profiles
@pytest.mark.parametrize("channel", CHANNEL_IDS)
def test_radication_is_lognormal_by_channel(channel: str, name: str):
    law = base_profile(name).channels[channel].radication
    found = durations.lognormal_checks(durations.radication(observed(name), channel), law)
    assert all(check.passed for check in found)


@both_profiles
def test_reopening_is_lognormal_in_office_time(name: str):
    sample = observed(name)
    values = sample.office(sample.segment("CLOSED", "REOPENED"))
    law = segments_law(name, "closed_to_reopened")
    assert len(values) > 3000
    assert all(check.passed for check in durations.lognormal_checks(values, law))


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
    values = sample.office(durations.after_stop(sample, origin, target))
    assert len(values) > 300
    law = segments_law("ley1755", segment)
    assert all(check.passed for check in durations.lognormal_checks(values, law))


# --- Scaled by the term, and capped -------------------------------------------------------------


@both_profiles
def test_work_after_a_reopening_is_lognormal_scaled_by_the_term_and_capped(name: str):
    sample = observed(name)
    found = sample.segment("REOPENED", "IN_PROGRESS")
    every = np.ones(len(found.ticket), dtype=bool)
    for term, values in durations.by_term(sample, found, every).items():
        law = segments_law(name, "reopened_to_in_progress")
        assert all(check.passed for check in durations.capped_checks(values, law, term)), term


@pytest.mark.xdist_group(HALF_YEAR)
def test_closing_inside_the_clock_is_lognormal_scaled_by_the_term_and_capped():
    law = segments_law("documento_v1", "responded_to_closed")
    for term, values in durations.closings(observed("documento_v1")).items():
        assert values.max() == term * OFFICE_DAY / 4
        assert all(check.passed for check in durations.capped_checks(values, law, term)), term


@both_profiles
@pytest.mark.parametrize("transferred", [False, True], ids=["ordinary", "transferred"])
def test_early_segments_are_scaled_by_the_term_and_capped_in_proportion(
    transferred: bool, name: str
):
    sample = observed(name)
    for term in np.unique(sample.terms).tolist():
        found = durations.early_checks(base_profile(name), sample, term, transferred)
        assert all(check.passed for check in found), (term, found)
        longest = (3 if transferred else term / 4) * OFFICE_DAY
        assert durations.early_seconds(sample, term, transferred).sum(axis=1).max() <= longest


# --- Holds --------------------------------------------------------------------------------------


@both_profiles
def test_completed_holds_are_lognormal_truncated_below_one_month(name: str):
    places = durations.hold_places(base_profile(name), observed(name))
    assert len(places) > 9000
    assert all(check.passed for check in checks.uniform_places(places))


@both_profiles
def test_a_withdrawal_is_declared_at_any_second_of_the_office_day(name: str):
    found = observed(name).segment("ON_HOLD", "RESPONDED")
    second = found.end % DAY - 8 * 3600
    assert checks.uniform((second - 0.5) / OFFICE_DAY).passed


# --- Archiving ----------------------------------------------------------------------------------


@both_profiles
def test_tickets_are_ready_to_be_archived_by_the_lognormal_law(name: str):
    places = durations.archive_places(base_profile(name), observed(name))
    assert all(check.passed for check in checks.uniform_places(places))


@both_profiles
def test_tickets_are_archived_on_fridays_or_the_business_day_after(name: str):
    sample = observed(name)
    day = sample.segment("CLOSED", "ARCHIVED").end // DAY
    friday = day - (day + 3 - 4) % 7
    assert (sample.clock.on_or_after(friday) == day).all()
    assert (day != friday).any()


# --- First replies ------------------------------------------------------------------------------


@both_profiles
@pytest.mark.parametrize("channel", ["email", "webform", "chat"])
def test_first_replies_are_lognormal_and_no_later_than_the_answer(channel: str, name: str):
    law = base_profile(name).channels[channel].first_reply
    assert law is not None
    found = durations.reply_checks(law, observed(name), channel)
    assert all(check.passed for check in found)


@both_profiles
def test_a_call_has_no_reply_of_its_own_and_every_other_ticket_has_one(name: str):
    sample = observed(name)
    counts = np.bincount(sample.batch.arrivals.channel, minlength=4)
    for number, channel in enumerate(CHANNEL_IDS):
        expected = 0 if channel == "call" else counts[number]
        assert len(sample.replies(channel).waited) == expected


# --- A wrong generator is found -----------------------------------------------------------------


@lru_cache(maxsize=2)
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
    profile = base_profile(name)
    by_segment: dict[str, Callable[[], list[Check]]] = {
        "holds": lambda: checks.uniform_places(durations.hold_places(profile, sample)),
        "archiving": lambda: checks.uniform_places(durations.archive_places(profile, sample)),
        "early": lambda: durations.early_checks(profile, sample, 15, False),
        "reopening": lambda: durations.lognormal_checks(
            sample.office(sample.segment("CLOSED", "REOPENED")),
            segments_law(name, "closed_to_reopened"),
        ),
    }
    found = {segment: check() for segment, check in by_segment.items()}
    for channel, facts in profile.channels.items():
        found[f"radication {channel}"] = durations.lognormal_checks(
            durations.radication(sample, channel), facts.radication
        )
        if facts.first_reply is not None:
            reply = durations.reply_checks(facts.first_reply, sample, channel)
            found[f"reply {channel}"] = reply
    if name == "documento_v1":
        law = segments_law(name, "responded_to_closed")
        found["closing"] = durations.capped_checks(durations.closings(sample)[15], law, 15)
    else:
        law = segments_law(name, "in_progress_after_stop")
        again = durations.after_stop(sample, "IN_PROGRESS", "RESPONDED")
        found["after the answer"] = durations.lognormal_checks(sample.office(again), law)
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
