"""Transfers, repetitions, extensions, withdrawals, holds: their shares, and the days the law gives.

Business days are counted by NumPy's own functions (`tools.distributions.clock`).
"""

import hashlib
from functools import cache

import numpy as np
import polars as pl
import pytest
from tests.statistics.samples import both_profiles, observed
from tools.distributions.clock import DAY, same_date_next_month
from tools.distributions.observed import Observed
from tools.distributions.samples import PROFILES, tickets

from pqrs_kedro.analysis import checks
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.pipelines.synthesis.events import batch_events
from pqrs_kedro.pipelines.synthesis.paths import END, ORDINARY, REPEATED_PETITION, TRANSFERRED
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch


def entered_first(sample: Observed, status: str) -> np.ndarray:
    """Local second at which each ticket first enters a status it has."""
    batch = sample.batch
    place = np.argmax(batch.path == STATUS_CODE[status], axis=1)
    return batch.timeline.entered[np.arange(len(place)), place]


# --- Shares -------------------------------------------------------------------------------------


@both_profiles
def test_six_per_cent_are_transferred_and_one_per_cent_repeated(name: str):
    resolution = observed(name).batch.resolution
    for kind, share in ((TRANSFERRED, 0.06), (REPEATED_PETITION, 0.01)):
        assert checks.share((resolution == kind).sum(), len(resolution), share).passed


@both_profiles
def test_four_per_cent_are_extended_all_of_them_ordinary(name: str):
    sample = observed(name)
    extended = sample.batch.timeline.extension_announced > 0
    # Stratified quantiles decide who can be extended: the spread is below the binomial one.
    assert checks.share(extended.sum(), len(extended), 0.04).passed
    assert (sample.batch.resolution[extended] == ORDINARY).all()
    assert not sample.withdrawn[extended].any()
    assert (extended == sample.batch.extended).all()


# --- Transfers, CPACA art. 21 -------------------------------------------------------------------


@both_profiles
def test_a_transfer_is_answered_within_five_business_days(name: str):
    sample = observed(name)
    transferred = sample.batch.resolution == TRANSFERRED
    days = [entered_first(sample, s)[transferred] // DAY for s in ("RADICATED", "RESPONDED")]
    taken = sample.clock.between(*days)
    assert set(taken) == {*range(taken.min(), 6)}
    assert taken.min() <= 1


@both_profiles
def test_transfers_and_withdrawals_are_never_late(name: str):
    sample = observed(name)
    cycles = sample.cycles
    special = (sample.batch.resolution[cycles.ticket] == TRANSFERRED) | cycles.withdrawn
    assert special.sum() > 5000
    assert not cycles.is_late[special].any()


# --- Repetitions, CPACA art. 19 -----------------------------------------------------------------


def cited_by_its_key(batch: TicketBatch, row: int, counts: dict[int, int]) -> tuple[int, int]:
    """Day, and place in it, of the ticket cited: one of those of the sixty days before.

    Derived again from the ticket's own coordinates: seed, stream, day, index within the day.
    """
    day = int(batch.day[row])
    index = row - int(np.argmax(batch.day == day))
    name = f"pqrs_kedro\0{batch.scenario.seed}\0ticket/cited"
    key = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype="<u8")
    philox = np.random.Philox(key=key, counter=[0, 0, day, 0])
    window = range(day - 60, day)
    number = int(philox.random_raw(index + 1)[index]) % sum(counts[d] for d in window)
    for earlier in window:
        if number < counts[earlier]:
            return earlier, number
        number -= counts[earlier]
    raise AssertionError(row)


@cache
def with_the_past(name: str) -> tuple[TicketBatch, TicketBatch]:
    """A short run, and one of the same tickets and those of 61 days before."""
    scale = {"profile": name, "volume_scale": 0.4}
    return tickets("2026-03-02", 7, **scale), tickets("2025-12-30", 69, **scale)


@pytest.mark.parametrize("name", PROFILES)
def test_a_repetition_cites_an_earlier_ticket_whether_or_not_it_is_in_the_run(name: str):
    short, long = with_the_past(name)
    counts = dict(zip(long.draws.days, long.draws.counts, strict=True))
    starts = {int(day): int(np.argmax(long.day == day)) for day in np.unique(long.day)}
    external_id = long.frame["external_id"]
    cited = short.frame["cited_external_id"]
    repeated = np.flatnonzero(short.resolution == REPEATED_PETITION)
    assert (cited.is_not_null().to_numpy() == (short.resolution == REPEATED_PETITION)).all()
    before_the_run = 0
    for row in repeated.tolist():
        day, place = cited_by_its_key(short, row, counts)
        assert cited[row] == external_id[starts[day] + place]
        before_the_run += day < short.draws.days[0]
    assert len(repeated) > 15
    assert before_the_run > 10


@pytest.mark.parametrize("name", PROFILES)
def test_a_repetition_cites_the_same_ticket_in_a_longer_run(name: str):
    short, long = with_the_past(name)
    same = long.frame.filter(pl.Series(long.day >= short.draws.days[0]))
    columns = ["ticket_id", "external_id", "cited_external_id"]
    assert same.select(columns).equals(short.frame.select(columns))


# --- Extensions, CPACA art. 14 ------------------------------------------------------------------


@both_profiles
def test_an_extension_is_announced_before_the_first_due_day_and_before_the_answer(name: str):
    sample = observed(name)
    batch, clock = sample.batch, sample.clock
    extended = np.flatnonzero(batch.timeline.extension_announced > 0)
    announced = batch.timeline.extension_announced[extended]
    radicated = entered_first(sample, "RADICATED")[extended] // DAY
    # Without the days that holds add, the first due day is earliest.
    assert (announced // DAY < clock.after(radicated, sample.terms[extended])).all()
    assert (announced < entered_first(sample, "RESPONDED")[extended]).all()
    assert (announced > entered_first(sample, "IN_PROGRESS")[extended]).all()
    assert clock.is_business_day(announced // DAY).all()


@both_profiles
def test_extensions_come_from_the_slow_three_tenths_of_the_tickets(name: str):
    sample = observed(name)
    cycles = sample.cycles
    extended = sample.batch.timeline.extension_announced[cycles.ticket] > 0
    first = extended & (cycles.number == 0) & (cycles.holds == 0)
    median = sample.batch.scenario.median_by_type[0]
    least = median * np.exp(0.55 * 0.5244005)  # the 70 % quantile of the ratio
    assert sample.ratios[first].min() > least - 1e-4
    assert sample.ratios[first].min() < least + 0.01


# --- Holds and withdrawals, CPACA art. 17 -------------------------------------------------------


@both_profiles
def test_a_withdrawal_ends_the_same_date_next_month_moved_to_a_business_day(name: str):
    sample = observed(name)
    found = sample.segment("ON_HOLD", "RESPONDED")
    expected = sample.clock.on_or_after(same_date_next_month(found.start // DAY))
    assert len(found.ticket) > 1500
    assert (found.end // DAY == expected).all()
    assert (expected != same_date_next_month(found.start // DAY)).any()


@both_profiles
def test_all_other_holds_end_on_a_day_before_that(name: str):
    found = observed(name).segment("ON_HOLD", "IN_PROGRESS")
    assert (found.end // DAY < same_date_next_month(found.start // DAY)).all()


@both_profiles
def test_the_first_hold_begins_within_ten_business_days_of_radication(name: str):
    sample = observed(name)
    held = np.flatnonzero(sample.has("ON_HOLD"))
    path = sample.batch.path[held]
    place = np.argmax(path == STATUS_CODE["ON_HOLD"], axis=1)
    answered = np.argmax(path == STATUS_CODE["RESPONDED"], axis=1)
    if sample.batch.scenario.profile.stop_status == "CLOSED":
        answered = np.argmax(path == STATUS_CODE["CLOSED"], axis=1)
    # A hold after the clock has stopped asks for nothing that the term depends on.
    in_term = held[place < answered]
    days = [entered_first(sample, s)[in_term] // DAY for s in ("RADICATED", "ON_HOLD")]
    waited = sample.clock.between(*days)
    assert len(in_term) > 8000
    assert waited.max() == 10
    assert waited.min() <= 1


@both_profiles
def test_holds_of_a_running_clock_begin_within_the_term(name: str):
    cycles = observed(name).cycles
    assert (cycles.last_hold_day <= cycles.due_day).all()


# --- Order and hours ----------------------------------------------------------------------------


@both_profiles
def test_no_status_is_entered_before_the_one_that_leads_to_it(name: str):
    batch = observed(name).batch
    elapsed = np.diff(batch.timeline.entered, axis=1)
    assert (elapsed[batch.path[:, 1:] != END] >= 1).all()


@both_profiles
def test_events_are_in_order_to_the_microsecond(name: str):
    events = batch_events(observed(name).batch)
    status = events.step < events.batch.path.shape[1]
    row, step, at = events.row[status], events.step[status], events.at[status]
    order = np.lexsort((step, row))
    follows = row[order][1:] == row[order][:-1]
    assert (np.diff(at[order])[follows] > 0).all()
    received = np.zeros(len(events.batch.day), dtype=np.int64)
    received[row[step == 0]] = at[step == 0]
    assert (events.at >= received[events.row]).all()


@both_profiles
def test_the_office_works_on_business_days_in_office_hours_only(name: str):
    sample = observed(name)
    batch = sample.batch
    by_office = ("CLASSIFIED", "ASSIGNED", "RESPONDED", "CLOSED", "ARCHIVED", "ON_HOLD", "REOPENED")
    instants = batch.timeline.entered[np.isin(batch.path, [STATUS_CODE[s] for s in by_office])]
    second = instants % DAY
    assert ((second > 8 * 3600) & (second <= 17 * 3600)).all()
    assert sample.clock.is_business_day(instants // DAY).all()


@both_profiles
def test_work_begins_in_office_hours_unless_the_citizen_ends_a_hold(name: str):
    sample = observed(name)
    for origin in ("ASSIGNED", "RESPONDED", "REOPENED"):
        end = sample.segment(origin, "IN_PROGRESS").end
        assert sample.clock.is_business_day(end // DAY).all()
        assert ((end % DAY > 8 * 3600) & (end % DAY <= 17 * 3600)).all()
    completed = sample.segment("ON_HOLD", "IN_PROGRESS").end
    assert not sample.clock.is_business_day(completed // DAY).all()


@both_profiles
def test_the_first_human_reply_is_no_later_than_the_answer(name: str):
    sample = observed(name)
    for channel in ("email", "webform", "chat"):
        replies = sample.replies(channel)
        assert (replies.waited >= 0).all()
        assert (replies.waited <= replies.latest).all()
