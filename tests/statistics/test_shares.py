"""Channels, types, priorities, hours and places against their shares, by chi-square.

The generator is run with wrong figures too: the same checks find each of them.
"""

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from tests.statistics.samples import HALF_YEAR, half_year
from tools.distributions import laws
from tools.distributions.observed import Observed
from tools.distributions.samples import base_profile, tickets

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS

pytestmark = pytest.mark.xdist_group(HALF_YEAR)

PROFILE = base_profile("documento_v1")
CHANNELS = [pytest.param(number, id=name) for number, name in enumerate(CHANNEL_IDS)]
UNKNOWN_SHARES = {"email": 0.03, "webform": 0.01, "chat": 0.04, "call": 0.05}


def channel_counts(sample: Observed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, and tickets by day and channel: seen, and expected given each day's total."""
    batch = sample.batch
    days = np.array(batch.draws.days)
    seen = np.zeros((len(days), len(CHANNEL_IDS)))
    np.add.at(seen, (batch.day - days[0], batch.arrivals.channel), 1)
    shares = np.array([laws.channel_shares(PROFILE, to_date(int(day))) for day in days])
    return days, seen, shares * seen.sum(axis=1, keepdims=True)


def check_channels_by_weekday(sample: Observed) -> Check:
    """Each weekday's split over the channels; holidays apart."""
    days, seen, expected = channel_counts(sample)
    kinds = np.array(
        [7 if laws.is_holiday(to_date(int(d))) else to_date(int(d)).weekday() for d in days]
    )
    tables = [
        np.array([t[kinds == kind].sum(axis=0) for kind in range(8)]) for t in (seen, expected)
    ]
    return checks.chi_square(*tables, constraints=8)


def seconds_of_day(sample: Observed, channel: int) -> np.ndarray:
    arrivals = sample.batch.arrivals
    return arrivals.local_second[arrivals.channel == channel] % 86_400


def check_hours(sample: Observed, channel: int) -> Check:
    """A channel's hours of the day against its profile."""
    hours = np.bincount(seconds_of_day(sample, channel) // 3600, minlength=24)
    weights = np.array(PROFILE.channels[CHANNEL_IDS[channel]].hour)
    return checks.multinomial(hours, weights / weights.sum())


def check_types(sample: Observed) -> Check:
    shares = [item.share for item in PROFILE.types.values()]
    return checks.multinomial(np.bincount(sample.batch.type_index, minlength=4), shares)


def check_priorities(sample: Observed) -> Check:
    seen = dict(sample.batch.frame["priority"].value_counts().iter_rows())
    return checks.multinomial(
        [seen[name] for name in PROFILE.priority], [*PROFILE.priority.values()]
    )


# --- Channels -----------------------------------------------------------------------------------


def test_every_weekday_is_split_over_the_channels_by_its_weights():
    assert check_channels_by_weekday(half_year()).passed


def test_no_single_day_is_split_otherwise():
    _, seen, expected = channel_counts(half_year())
    common = expected.min(axis=1) > 5
    assert checks.chi_square(seen[common], expected[common], constraints=common.sum()).passed


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_has_its_weekday_profile(channel: int):
    days, seen, expected = channel_counts(half_year())
    weekdays = (days + 3) % 7
    ordinary = np.array([not laws.is_holiday(to_date(int(day))) for day in days])
    tables = [
        [table[ordinary & (weekdays == day), channel].sum() for day in range(7)]
        for table in (seen, expected)
    ]
    # Totals of the days are given: each weekday's count is binomial around its expectation.
    assert checks.chi_square(*tables, constraints=0).passed


# --- Time of day --------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_has_its_hours_of_the_day(channel: int):
    assert check_hours(half_year(), channel).passed


@pytest.mark.parametrize("channel", CHANNELS)
def test_minutes_and_seconds_are_uniform(channel: int):
    seconds = seconds_of_day(half_year(), channel)
    for values in (seconds % 3600 // 60, seconds % 60):
        assert checks.multinomial(np.bincount(values, minlength=60), np.full(60, 1 / 60)).passed
    assert checks.multinomial(
        np.bincount(seconds % 3600, minlength=3600), np.full(3600, 1 / 3600)
    ).passed


def test_sub_second_digits_are_uniform():
    micros = half_year().batch.micros[:, :2]
    for scale in (1, 1000, 100_000):
        digit = micros.ravel() // scale % 10
        assert checks.multinomial(np.bincount(digit, minlength=10), np.full(10, 0.1)).passed


# --- Types, priorities, topics ------------------------------------------------------------------


def test_types_and_priorities_have_their_shares():
    assert check_types(half_year()).passed
    assert check_priorities(half_year()).passed


def test_topics_are_equally_frequent():
    topics = half_year().batch.frame["topic"].value_counts()["count"].to_numpy()
    assert len(topics) == 13
    assert checks.multinomial(topics, np.full(13, 1 / 13)).passed


FACTS: dict[str, Callable[[Observed], np.ndarray]] = {
    "channel": lambda sample: sample.batch.arrivals.channel,
    "type": lambda sample: sample.batch.type_index,
    "priority": lambda sample: codes(sample, "priority"),
    "topic": lambda sample: codes(sample, "topic"),
    "resolution": lambda sample: sample.batch.resolution,
    "department": lambda sample: departments(sample),
    "reopened": lambda sample: sample.has("REOPENED").astype(int),
    "held": lambda sample: sample.has("ON_HOLD").astype(int),
}


def codes(sample: Observed, column: str) -> np.ndarray:
    return sample.batch.frame[column].rank("dense").to_numpy().astype(int) - 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(a, b, id=f"{a}_and_{b}")
        for number, a in enumerate(FACTS)
        for b in list(FACTS)[number + 1 :]
        # A transferred petition is neither held nor reopened; a reopened one may be held again.
        if len({a, b} & {"resolution", "reopened", "held"}) < 2
    ],
)
def test_facts_of_a_ticket_are_independent(first: str, second: str):
    codes = [FACTS[name](half_year()) for name in (first, second)]
    known = np.minimum(*codes) >= 0
    assert checks.independence(codes[0][known], codes[1][known]).passed


# --- Places -------------------------------------------------------------------------------------


@cache
def weights() -> dict[str, int]:
    """Weight of every municipality, from the reference data as they are on disk."""
    text = files("pqrs_kedro").joinpath("reference", "municipalities.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["dane_code"]: int(row["population_weight_e7"]) for row in rows}


def municipality_counts(sample: Observed) -> dict[str, int]:
    known = sample.batch.frame["dane_code"].drop_nulls()
    return dict(known.value_counts().iter_rows())


def departments(sample: Observed) -> np.ndarray:
    """Number of each ticket's department; -1 where it is not known."""
    known = sorted({code[:2] for code in weights()})
    prefix = sample.batch.frame["dane_code"].str.slice(0, 2).fill_null("")
    return prefix.replace_strict(["", *known], range(-1, len(known))).to_numpy()


def test_more_than_900_municipalities_appear_in_180_days():
    seen = municipality_counts(half_year())
    assert len(seen) > 900
    assert set(seen) <= set(weights())


def test_every_municipality_has_the_share_of_its_weight():
    seen = municipality_counts(half_year())
    shares = np.array(list(weights().values())) / 10_000_000
    assert checks.multinomial([seen.get(code, 0) for code in weights()], shares).passed


def test_every_department_has_the_share_of_its_weight():
    seen, total = municipality_counts(half_year()), sum(municipality_counts(half_year()).values())
    for department in sorted({code[:2] for code in weights()}):
        count = sum(n for code, n in seen.items() if code.startswith(department))
        weight = sum(w for code, w in weights().items() if code.startswith(department))
        assert checks.share(count, total, weight / 10_000_000).passed, department


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_municipality_is_unknown_as_often_as_the_channel_says(channel: int):
    batch = half_year().batch
    unknown = batch.frame["dane_code"].is_null().to_numpy()[batch.arrivals.channel == channel]
    assert checks.share(unknown.sum(), len(unknown), UNKNOWN_SHARES[CHANNEL_IDS[channel]]).passed


def test_five_per_cent_of_webforms_are_anonymous_and_nothing_else_is():
    batch = half_year().batch
    anonymous = batch.frame["anonymous"].to_numpy()
    webform = batch.arrivals.channel == CHANNEL_IDS.index("webform")
    assert checks.share(anonymous[webform].sum(), webform.sum(), 0.05).passed
    assert not anonymous[~webform].any()


# --- A wrong generator is found -----------------------------------------------------------------

WRONG = "profiles.documento_v1"


@cache
def wrong_tickets() -> Observed:
    """Twenty days with figures that are off: hours and weekdays by one, shares by 10 %."""
    channels = PROFILE.channels
    changes = {
        f"{WRONG}.channels.{name}.hour": [*channel.hour[-1:], *channel.hour[:-1]]
        for name, channel in channels.items()
    }
    changes |= {
        f"{WRONG}.channels.webform.weekday": [
            *channels["webform"].weekday[-1:],
            *channels["webform"].weekday[:-1],
        ],
        f"{WRONG}.types.PETICION.share": 0.33,
        f"{WRONG}.types.QUEJA.share": 0.22,
        f"{WRONG}.priority": {"ALTA": 0.11, "MEDIA": 0.49, "BAJA": 0.40},
    }
    return Observed(tickets("2026-01-13", 20, changes))


def test_the_same_checks_reject_figures_that_are_off():
    found = wrong_tickets()
    assert not check_channels_by_weekday(found).passed
    assert not check_types(found).passed
    assert not check_priorities(found).passed
    for channel in range(len(CHANNEL_IDS)):
        assert not check_hours(found, channel).passed
