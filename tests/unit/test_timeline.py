"""When each status is entered: in order, in office hours, and independent of the requested rate."""

from datetime import date, timedelta

import numpy as np
import pytest
from tests.oracle import calendar as oracle
from tests.unit.scenarios import PROFILES, batch

from pqrs_kedro.domain.calendar import SECONDS_PER_DAY, colombian_calendar, to_date
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.pipelines.synthesis.paths import END
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

FRIDAY = 4
BATCHES = [
    pytest.param((name, seed), id=f"{name}_seed_{seed}") for name in PROFILES for seed in (42, 7)
]


def tickets(case: tuple[str, int]) -> TicketBatch:
    """The tickets of the week before Easter 2026."""
    name, seed = case
    return batch("2026-03-24", 6, profile=name, seed=seed)


def entering(made: TicketBatch, status: str) -> np.ndarray:
    """Local seconds at which the status is entered, of all tickets and times."""
    return made.timeline.entered[made.path == STATUS_CODE[status]]


def second_of_day(seconds: np.ndarray) -> np.ndarray:
    return seconds % SECONDS_PER_DAY


# --- Order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BATCHES)
def test_every_status_is_entered_after_the_one_before(case: tuple[str, int]):
    made = tickets(case)
    assert len(made.day) > 4000
    elapsed = np.diff(made.timeline.entered, axis=1)
    assert (elapsed[made.path[:, 1:] != END] > 0).all()


@pytest.mark.parametrize("case", BATCHES)
def test_instants_are_given_for_the_statuses_of_the_path_only(case: tuple[str, int]):
    made = tickets(case)
    assert (made.timeline.entered[made.path == END] == 0).all()
    assert (made.timeline.entered[:, 0] == made.arrivals.local_second).all()
    assert ((made.timeline.extension_announced > 0) == made.extended).all()


# --- Office hours -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BATCHES)
@pytest.mark.parametrize("status", ["CLASSIFIED", "ASSIGNED", "RESPONDED", "CLOSED", "ARCHIVED"])
def test_what_the_office_does_it_does_in_office_hours(status: str, case: tuple[str, int]):
    entered = entering(tickets(case), status)
    assert colombian_calendar().is_business_day(entered // SECONDS_PER_DAY).all()
    assert (second_of_day(entered) > 8 * 3600).all()
    assert (second_of_day(entered) <= 17 * 3600).all()


def test_citizens_complete_their_petitions_at_any_hour():
    made = tickets(("documento_v1", 42))
    held = made.path[:, :-1] == STATUS_CODE["ON_HOLD"]
    completed = made.timeline.entered[:, 1:][
        held & (made.path[:, 1:] == STATUS_CODE["IN_PROGRESS"])
    ]
    days = completed // SECONDS_PER_DAY
    assert not colombian_calendar().is_business_day(days).all()


def test_an_email_is_radicated_in_office_hours_and_a_webform_at_any_hour():
    made = tickets(("documento_v1", 42))
    radicated = made.timeline.entered[:, 1]
    in_office = colombian_calendar().is_business_day(radicated // SECONDS_PER_DAY)
    in_office &= (second_of_day(radicated) > 8 * 3600) & (second_of_day(radicated) <= 17 * 3600)
    email, webform = made.arrivals.channel == 0, made.arrivals.channel == 1
    assert in_office[email].all()
    assert not in_office[webform].all()


# --- Archiving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BATCHES)
def test_tickets_are_archived_on_fridays_or_the_business_day_after_a_holiday(case: tuple[str, int]):
    moved = set()
    for number in np.unique(entering(tickets(case), "ARCHIVED") // SECONDS_PER_DAY):
        day = to_date(int(number))
        if day.weekday() != FRIDAY:
            moved.add(day)
            friday = day - timedelta(days=(day.weekday() - FRIDAY) % 7)
            assert not oracle.is_business_day(friday)
            assert oracle.add_business_days(friday, 1) == day
    # 1 May 2026 is a Friday and a holiday: its tickets go on Monday.
    assert moved >= {date(2026, 5, 4)}


@pytest.mark.parametrize("case", BATCHES)
def test_tickets_are_archived_at_least_a_day_after_they_are_closed(case: tuple[str, int]):
    made = tickets(case)
    archived = made.path[:, 1:] == STATUS_CODE["ARCHIVED"]
    kept = np.diff(made.timeline.entered, axis=1)[archived]
    assert (kept > 8 * 3600).mean() > 0.999
    assert np.median(kept) > 5 * SECONDS_PER_DAY


# --- Common random numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_another_breach_rate_leaves_arrivals_types_paths_and_persons_alone(name: str):
    low, high = (batch("2026-03-24", 2, profile=name, breach_rate=rate) for rate in (0.02, 0.40))
    assert low.arrivals.channel.tolist() == high.arrivals.channel.tolist()
    assert low.arrivals.local_second.tolist() == high.arrivals.local_second.tolist()
    assert low.type_index.tolist() == high.type_index.tolist()
    assert low.resolution.tolist() == high.resolution.tolist()
    assert low.extended.tolist() == high.extended.tolist()
    assert low.path.tolist() == high.path.tolist()
    assert low.frame.equals(high.frame)


@pytest.mark.parametrize("name", PROFILES)
def test_another_breach_rate_leaves_all_instants_up_to_the_start_of_work_alone(name: str):
    low, high = (batch("2026-03-24", 2, profile=name, breach_rate=rate) for rate in (0.02, 0.40))
    worked = np.cumsum(low.path == STATUS_CODE["IN_PROGRESS"], axis=1)
    starts_work = (worked == 1) & (low.path == STATUS_CODE["IN_PROGRESS"])
    early = (worked == 0) | starts_work
    same = low.timeline.entered == high.timeline.entered
    assert same[early].all()
    assert not same[~early & (low.path != END)].all()


@pytest.mark.parametrize("name", PROFILES)
def test_a_greater_breach_rate_answers_no_ticket_earlier(name: str):
    # Up to the first answer: a hold later begun may end earlier, on another calendar.
    low, high = (batch("2026-03-24", 2, profile=name, breach_rate=rate) for rate in (0.02, 0.40))
    plain = ~(low.path == STATUS_CODE["ON_HOLD"]).any(axis=1)
    first = np.argmax(low.path == STATUS_CODE["RESPONDED"], axis=1)
    rows = np.flatnonzero(plain)
    later = high.timeline.entered[rows, first[rows]] - low.timeline.entered[rows, first[rows]]
    hurried = later < 0
    assert hurried.mean() < 0.1
    assert (later > 0).mean() > 0.5


def test_a_batch_of_one_day_equals_the_days_slice_of_a_longer_one():
    long, alone = batch("2026-03-24", 6), batch("2026-03-26", 1)
    members = long.day == alone.day[0]
    # A batch is as wide as its longest path.
    steps = alone.path.shape[1]
    assert (long.path[members, steps:] == END).all()
    assert long.path[members, :steps].tolist() == alone.path.tolist()
    assert long.timeline.entered[members, :steps].tolist() == alone.timeline.entered.tolist()
    assert long.micros[members, :steps].tolist() == alone.micros.tolist()
    assert (
        long.number[members].tolist()
        == (alone.number + int(long.number[members][0] - alone.number[0])).tolist()
    )
