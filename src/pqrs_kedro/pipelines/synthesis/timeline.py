"""When each status of a ticket is entered: the response ratio turned into instants.

Two clocks run. The wall clock counts seconds; the office clock counts the seconds of 08:00-17:00 on
business days. Inside an SLA cycle events sit on the cycle's *grid*: office seconds since the end of
the start day, holds left out, so that grid day k, (k - 1, k] x 9 h, is the k-th business day that
counts. A cycle's stop at grid second X is late exactly when X > term x 9 h, whatever the calendar
and the holds did. Everything is whole seconds; sub-second digits come from integer draws, since
exp() may differ in its last bit between processors.

Within a cycle: the early segments (to the first IN_PROGRESS) and, where the clock stops at CLOSED,
RESPONDED to CLOSED are lognormal, each sum capped at a quarter of the term; X is the drawn ratio
times the term, or what those segments and the holds need at least; the rest is shared among the
other segments in proportion to lognormal weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.domain.calendar import (
    OFFICE_CLOSES,
    OFFICE_OPENS,
    OFFICE_SECONDS,
    SECONDS_PER_DAY,
    BusinessCalendar,
)
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.domain.terms import (
    COMPLETION_REQUEST_DAYS,
    EXTENSION_FACTOR,
    TRANSFER_DAYS,
    same_date_next_month,
)
from pqrs_kedro.parameters import Lognormal, Profile
from pqrs_kedro.pipelines.synthesis.paths import END, Paths

Int = NDArray[np.int64]
Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

UNIT_SECONDS = {
    "minutes": 60,
    "calendar_days": SECONDS_PER_DAY,
    "office_hours": 3600,
    "office_days": OFFICE_SECONDS,
}
CAP_SHARE = 0.25
LEAST_WORK_SHARE = 0.02
REFERENCE_TERM = 15  # the early segments' medians are those of a 15-day term
TRANSFER_EARLY_DAYS = 3
WEIGHT_SIGMA = 0.8
_WEIGHT_GRID = 10_000
_GAP = 60  # seconds kept free for every event that must fit before a hold
_FRIDAY = 4
_NO_POSITION = -1
_NO_LIMIT = np.iinfo(np.int64).max

RECEIVED = STATUS_CODE["RECEIVED"]
RADICATED = STATUS_CODE["RADICATED"]
CLASSIFIED = STATUS_CODE["CLASSIFIED"]
ASSIGNED = STATUS_CODE["ASSIGNED"]
IN_PROGRESS = STATUS_CODE["IN_PROGRESS"]
ON_HOLD = STATUS_CODE["ON_HOLD"]
RESPONDED = STATUS_CODE["RESPONDED"]
CLOSED = STATUS_CODE["CLOSED"]
REOPENED = STATUS_CODE["REOPENED"]
ARCHIVED = STATUS_CODE["ARCHIVED"]

CYCLES = 2  # one, and one more at most by reopening


@dataclass(frozen=True)
class CycleDraws:
    """What is drawn per ticket and cycle: arrays of shape (tickets, CYCLES) unless it says."""

    ratio: Float
    """Response ratio x of the cycle, relative to the term that applies in it."""
    quantile: Float
    """Quantile of the ratio, used where the ratio itself does not apply (transfer, withdrawal)."""
    duration: Float
    """Uniform draws, one per step of the path: shape (tickets, MAX_PATH_LENGTH)."""
    office_time: Float
    """Uniform draws for a time of day in office hours, one per step."""
    announcement: Float
    """Uniform draw per ticket for the moment of an extension, shape (tickets,)."""


@dataclass(frozen=True)
class Cases:
    """Facts of the tickets: path, reception, term and how the answer is out of the ordinary."""

    path: Paths
    received: Int
    """Local second of reception."""
    radication: Int
    """Seconds from reception to radication, on the clock of `radication_in_office`."""
    radication_in_office: Bool
    term: Int
    """Business days of the ticket's type."""
    transferred: Bool
    extended: Bool


@dataclass(frozen=True)
class Timeline:
    """Instants as local seconds since 1970-01-01; 0 where there is none."""

    entered: Int
    """When each status of the path is entered, shape (tickets, MAX_PATH_LENGTH)."""
    extension_announced: Int
    """When the extension is announced, shape (tickets,)."""


def lognormal_seconds(law: Lognormal, uniform: Float) -> Int:
    """Whole seconds, at least one, at the given quantiles of the law."""
    z = special.ndtri(uniform)
    seconds = law.median * UNIT_SECONDS[law.unit] * np.exp(law.sigma * z)
    return np.maximum(np.rint(seconds).astype(np.int64), 1)


def build_timeline(
    profile: Profile, calendar: BusinessCalendar, cases: Cases, draws: CycleDraws
) -> Timeline:
    """Instants of every status of every ticket, in the order of the path."""
    plan = _plan_steps(profile, cases.path)
    targets = _grid_targets(profile, calendar, cases, draws, plan)
    return _Clockwork(profile, calendar, cases, draws, plan, targets).run()


@dataclass(frozen=True)
class _Steps:
    """What happens between status j - 1 and status j; arrays of shape (tickets, path length)."""

    cycle: Int
    early: Bool
    hold: Bool
    close: Bool
    shared: Bool
    counts: Bool
    """The step ends on the cycle's grid: inside the cycle and not after its stop."""


def _plan_steps(profile: Profile, path: Paths) -> _Steps:
    before = np.roll(path, 1, axis=1)
    before[:, 0] = END
    present = path != END
    cycle = np.cumsum(path == REOPENED, axis=1)
    stop_is_closed = profile.stop_status == "CLOSED"
    radicated = np.cumsum(before == RADICATED, axis=1) > 0
    started = (radicated & (cycle == 0)) | ((cycle > 0) & (path != REOPENED))
    worked = _seen_in_cycle(before == IN_PROGRESS, cycle)
    answered = _seen_in_cycle(before == RESPONDED, cycle)
    # A reopening's own step leaves CLOSED too, but is the first of the next cycle.
    closed = _seen_in_cycle((before == CLOSED) & (path != REOPENED), cycle)
    running = started & present & ~closed & (stop_is_closed | ~answered)
    hold = (before == ON_HOLD) & present
    close = (path == CLOSED) & (before == RESPONDED)
    early = running & ~worked
    return _Steps(
        cycle=cycle,
        early=early,
        hold=hold,
        close=close,
        shared=running & ~early & ~hold & ~close,
        counts=running,
    )


def _seen_in_cycle(flag: Bool, cycle: Int) -> Bool:
    """Whether the flag has been set at or before each step, within the step's cycle."""
    return _running_sum(flag, cycle) > 0


def _running_sum(values: NDArray[np.generic], cycle: Int) -> Int:
    """Sums up to and including each step, starting anew with each cycle."""
    sums = [np.cumsum(values * (cycle == number), axis=1) for number in range(CYCLES)]
    return np.where(cycle == 0, *sums).astype(np.int64)


@dataclass(frozen=True)
class _Targets:
    """Drawn durations and grid positions of the steps, before the clocks run."""

    early: Int
    """Office seconds of each early step, capped."""
    weight: Int
    """Cumulative weight of the shared steps within the cycle, up to and including each."""
    weight_total: Int
    """Weight of all shared steps of the cycle, per ticket and cycle."""
    close: Int
    """Office seconds from RESPONDED to CLOSED."""
    holds: Int
    """Holds inside each cycle, shape (tickets, CYCLES)."""
    holds_after: Int
    """Holds of the cycle that begin after each step."""
    withdrawn: Bool
    """The cycle stops with or after a tacit withdrawal, shape (tickets, CYCLES)."""


def _grid_targets(
    profile: Profile,
    calendar: BusinessCalendar,
    cases: Cases,
    draws: CycleDraws,
    steps: _Steps,
) -> _Targets:
    path, cycle = cases.path, steps.cycle
    holding = steps.counts & (path == ON_HOLD)
    holds = _per_cycle(holding, cycle)
    seen = _running_sum(holding, cycle)
    weights = np.where(steps.shared, _weights(draws.duration), 0)
    withdrawal = steps.counts & steps.hold & (path == RESPONDED)
    return _Targets(
        early=_early_durations(profile, cases, draws, steps),
        weight=_running_sum(weights, cycle),
        weight_total=np.maximum(_per_cycle(weights, cycle), 1),
        close=_close_durations(profile, cases, draws),
        holds=holds,
        holds_after=np.take_along_axis(holds, np.minimum(cycle, CYCLES - 1), axis=1) - seen,
        withdrawn=_per_cycle(withdrawal, cycle) > 0,
    )


def _per_cycle(values: NDArray[np.generic], cycle: Int) -> Int:
    """Sums over the steps of each cycle, shape (tickets, CYCLES)."""
    return np.stack(
        [np.sum(values * (cycle == number), axis=1) for number in range(CYCLES)], axis=1
    ).astype(np.int64)


def _weights(uniform: Float) -> Int:
    weights = np.exp(WEIGHT_SIGMA * special.ndtri(uniform))
    return np.maximum(np.rint(weights * _WEIGHT_GRID).astype(np.int64), 1)


def _cap(cases: Cases) -> Int:
    """A quarter of the term, in office seconds."""
    return np.rint(CAP_SHARE * cases.term * OFFICE_SECONDS).astype(np.int64)


def _early_durations(profile: Profile, cases: Cases, draws: CycleDraws, steps: _Steps) -> Int:
    laws = profile.segments
    path = cases.path
    drawn = np.zeros(path.shape, dtype=np.int64)
    before = np.roll(path, 1, axis=1)
    for origin, target, law in (
        (RADICATED, CLASSIFIED, laws.radicated_to_classified),
        (CLASSIFIED, ASSIGNED, laws.classified_to_assigned),
        (ASSIGNED, IN_PROGRESS, laws.assigned_to_in_progress),
        (ASSIGNED, CLASSIFIED, laws.assigned_to_in_progress),
        (REOPENED, IN_PROGRESS, laws.reopened_to_in_progress),
    ):
        members = steps.early & (before == origin) & (path == target)
        drawn[members] = lognormal_seconds(law, draws.duration[members])
    scaled = np.maximum(drawn * cases.term[:, None] // REFERENCE_TERM, steps.early)
    limit = np.where(cases.transferred, TRANSFER_EARLY_DAYS * OFFICE_SECONDS, _NO_LIMIT)
    limit = np.minimum(_cap(cases), limit)
    return _capped(scaled, steps.cycle, limit)


def _capped(durations: Int, cycle: Int, limit: Int) -> Int:
    """Durations shrunk in proportion where their sum in a cycle exceeds the limit."""
    sums = np.take_along_axis(_per_cycle(durations, cycle), np.minimum(cycle, CYCLES - 1), axis=1)
    shrunk = np.maximum(durations * limit[:, None] // np.maximum(sums, 1), durations > 0)
    return np.where(sums > limit[:, None], shrunk, durations)


def _close_durations(profile: Profile, cases: Cases, draws: CycleDraws) -> Int:
    drawn = lognormal_seconds(profile.segments.responded_to_closed, draws.duration)
    if profile.stop_status != "CLOSED":
        return drawn
    scaled = np.maximum(drawn * cases.term[:, None] // REFERENCE_TERM, 1)
    return np.minimum(scaled, _cap(cases)[:, None])


class _Clockwork:
    """Moves all tickets along their paths, one step at a time, keeping both clocks."""

    def __init__(
        self,
        profile: Profile,
        calendar: BusinessCalendar,
        cases: Cases,
        draws: CycleDraws,
        steps: _Steps,
        targets: _Targets,
    ) -> None:
        tickets, length = cases.path.shape
        self.profile, self.calendar, self.cases = profile, calendar, cases
        self.draws, self.steps, self.targets = draws, steps, targets
        self.entered = np.zeros((tickets, length), dtype=np.int64)
        self.now = cases.received.copy()
        # Grid of the running cycle: its origin on the office clock (holds so far included), the
        # position on it, where the early segments ended, and where RESPONDED is meant to be.
        self.origin = np.zeros(tickets, dtype=np.int64)
        self.position = np.zeros(tickets, dtype=np.int64)
        self.early_end = np.zeros(tickets, dtype=np.int64)
        self.answer = np.zeros(tickets, dtype=np.int64)
        self.extension_at = np.zeros(tickets, dtype=np.int64)
        self.extension_position = np.full(tickets, _NO_POSITION)
        self.hold_start = np.zeros(tickets, dtype=np.int64)
        self.first_hold = np.ones(tickets, dtype=bool)

    def run(self) -> Timeline:
        """Instants of every step."""
        path = self.cases.path
        self.entered[:, 0] = self.now
        for step in range(1, path.shape[1]):
            if not (path[:, step] != END).any():
                break
            self._advance(step)
            self.entered[:, step] = np.where(path[:, step] != END, self.now, 0)
        announced = np.where(self.cases.extended, self.extension_at, 0)
        return Timeline(self.entered, announced)

    def _advance(self, step: int) -> None:
        path, steps = self.cases.path, self.steps
        status, before = path[:, step], path[:, step - 1]
        self._radicate(np.flatnonzero((before == RECEIVED) & (status != END)))
        self._early(np.flatnonzero(steps.early[:, step]), step)
        self._share(np.flatnonzero(steps.shared[:, step]), step)
        self._hold(np.flatnonzero(steps.hold[:, step]), step)
        self._close(np.flatnonzero(steps.close[:, step]), step)
        self._after_stop(step)
        self._reopen(np.flatnonzero(status == REOPENED), step)
        self._archive(np.flatnonzero(status == ARCHIVED), step)

    def _work(self, members: Int, seconds: Int) -> Int:
        """The instants that many office seconds from now."""
        return self.calendar.from_work_clock(self.calendar.work_clock(self.now[members]) + seconds)

    def _start_grid(self, members: Int) -> None:
        days = self.now[members] // SECONDS_PER_DAY
        self.origin[members] = self.calendar.ordinal(days) * OFFICE_SECONDS
        self.position[members] = self.calendar.work_clock(self.now[members]) - self.origin[members]

    def _move_to(self, members: Int, position: Int) -> None:
        self.position[members] = position
        self.now[members] = self.calendar.from_work_clock(self.origin[members] + position)

    def _radicate(self, members: Int) -> None:
        seconds = self.cases.radication[members]
        in_office = self.cases.radication_in_office[members]
        worked = self._work(members, seconds)
        self.now[members] = np.where(in_office, worked, self.now[members] + seconds)
        self._start_grid(members)

    def _early(self, members: Int, step: int) -> None:
        self._move_to(members, self.position[members] + self.targets.early[members, step])
        done = members[self.cases.path[members, step] == IN_PROGRESS]
        self.early_end[done] = self.position[done]
        self._aim(done, step)

    def _aim(self, members: Int, step: int) -> None:
        """Fix where the cycle's answer falls, now that its early segments are known."""
        cycle = self.steps.cycle[members, step]
        term = self.cases.term[members]
        extended = self.cases.extended[members] & (cycle == 0)
        full = term * np.where(extended, EXTENSION_FACTOR, 1) * OFFICE_SECONDS
        close = self._close_of_cycle(members, cycle)
        early = self.early_end[members]
        least_work = np.ceil(LEAST_WORK_SHARE * term * OFFICE_SECONDS).astype(np.int64)
        least = early + close + least_work + self.targets.holds[members, cycle] * OFFICE_SECONDS
        drawn = np.rint(self.draws.ratio[members, cycle] * full).astype(np.int64)
        quantile = self.draws.quantile[members, cycle]
        stop = np.maximum(drawn, least)
        in_term = least + np.rint(quantile * np.maximum(0.9 * full - least, 0)).astype(np.int64)
        stop = np.where(self.targets.withdrawn[members, cycle], in_term, stop)
        transfer = early + 1 + np.rint(
            quantile * (TRANSFER_DAYS * OFFICE_SECONDS - early - 1)
        ).astype(np.int64)  # fmt: skip
        stop = np.where(self.cases.transferred[members], transfer + close, stop)
        self.answer[members] = stop - close
        self._plan_extension(members[extended])

    def _close_of_cycle(self, members: Int, cycle: Int) -> Int:
        """Office seconds of the cycle's RESPONDED to CLOSED where they are inside its clock."""
        if self.profile.stop_status != "CLOSED":
            return np.zeros(len(members), dtype=np.int64)
        inside = self.steps.close[members] & (self.steps.cycle[members] == cycle[:, None])
        return np.asarray((self.targets.close[members] * inside).sum(axis=1))

    def _plan_extension(self, members: Int) -> None:
        """Announce in the second half of the way to the answer or to the first due day."""
        latest = np.minimum(
            np.rint(0.95 * self.cases.term[members] * OFFICE_SECONDS).astype(np.int64),
            self.answer[members],
        )
        early = self.early_end[members]
        fraction = 0.5 + 0.5 * self.draws.announcement[members]
        position = early + np.rint((latest - early) * fraction).astype(np.int64)
        self.extension_position[members] = np.maximum(position, early + 1)
        self._announce(members)

    def _announce(self, members: Int) -> None:
        """Turn the extension's grid position into an instant, with the holds known so far."""
        self.extension_at[members] = self.calendar.from_work_clock(
            self.origin[members] + self.extension_position[members]
        )

    def _share(self, members: Int, step: int) -> None:
        cycle = self.steps.cycle[members, step]
        early, answer = self.early_end[members], self.answer[members]
        weight = self.targets.weight[members, step]
        nominal = early + (answer - early) * weight // self.targets.weight_total[members, cycle]
        latest = self._latest(members, step)
        earliest = self.position[members] + 1
        self._move_to(members, np.maximum(earliest, np.minimum(nominal, latest)))

    def _latest(self, members: Int, step: int) -> Int:
        """Last position that leaves the holds still to begin (this step's too) their own days.

        A hold ends its grid day, so every later event needs a later one; a hold must begin within
        the term to pause it, and the ticket's first one within the ten days of CPACA art. 17.
        """
        path, steps, targets = self.cases.path[members], self.steps, self.targets
        begins = path[:, step] == ON_HOLD
        to_begin = targets.holds_after[members, step] + begins
        answer_day = -(-self.answer[members] // OFFICE_SECONDS)
        days = np.minimum(answer_day, self.cases.term[members] + 1) - to_begin
        days = np.where(self.first_hold[members], np.minimum(days, COMPLETION_REQUEST_DAYS), days)
        same_cycle = steps.cycle[members] == steps.cycle[members, step][:, None]
        ahead = same_cycle & (np.arange(path.shape[1]) >= step) & (path == ON_HOLD)
        until_hold = np.argmax(ahead, axis=1) - step
        latest = days * OFFICE_SECONDS - until_hold * _GAP
        return np.where(to_begin > 0, latest, _NO_LIMIT)

    def _hold(self, members: Int, step: int) -> None:
        """End the hold that began at the step before."""
        began = self.now[members] // SECONDS_PER_DAY
        month_later = same_date_next_month(began)
        withdrawn = self.cases.path[members, step] == RESPONDED
        office = OFFICE_OPENS + 1 + np.floor(
            self.draws.office_time[members, step] * (OFFICE_CLOSES - OFFICE_OPENS)
        ).astype(np.int64)  # fmt: skip
        expired = self.calendar.on_or_after(month_later) * SECONDS_PER_DAY + office
        seconds = self._hold_seconds(self.draws.duration[members, step], month_later - began)
        self.now[members] = np.where(withdrawn, expired, self.now[members] + seconds)
        self.first_hold[members] = False
        counted = members[self.steps.counts[members, step]]
        self._pause(counted, began[self.steps.counts[members, step]])

    def _hold_seconds(self, uniform: Float, month_days: Int) -> Int:
        """A hold's length: lognormal, truncated so that it ends on an earlier day than a month."""
        law = self.profile.segments.on_hold
        longest = (month_days - 1) * SECONDS_PER_DAY
        median = law.median * UNIT_SECONDS[law.unit]
        reach = special.ndtr(np.log(longest / median) / law.sigma)
        return np.minimum(lognormal_seconds(law, uniform * np.round(reach, 9)), longest)

    def _pause(self, members: Int, began: Int) -> None:
        """Shift the grid past the paused business days; the hold has used up its own grid day."""
        ended = self.now[members] // SECONDS_PER_DAY
        paused = self.calendar.ordinal(ended) - self.calendar.ordinal(began)
        grid_day = -(-self.position[members] // OFFICE_SECONDS)
        self.position[members] = grid_day * OFFICE_SECONDS
        self.origin[members] += paused * OFFICE_SECONDS
        self._announce(members[self.extension_position[members] > grid_day * OFFICE_SECONDS])

    def _close(self, members: Int, step: int) -> None:
        seconds = self.targets.close[members, step]
        if self.profile.stop_status == "CLOSED":
            # Measured from the planned answer, so that the stop is the planned one to the second.
            planned = np.minimum(self.position[members], self.answer[members]) + seconds
            self._move_to(members, np.maximum(planned, self.position[members] + 1))
        else:
            self.now[members] = self._work(members, seconds)

    def _after_stop(self, step: int) -> None:
        """Steps between an answer that stopped the clock and CLOSED: a correction of the answer."""
        path, steps = self.cases.path, self.steps
        status = path[:, step]
        in_work = np.isin(status, (IN_PROGRESS, RESPONDED, ON_HOLD, ASSIGNED, CLASSIFIED))
        members = np.flatnonzero(in_work & ~steps.counts[:, step] & ~steps.hold[:, step])
        laws = self.profile.segments
        corrected = path[members, step - 1] == RESPONDED
        uniform = self.draws.duration[members, step]
        seconds = np.where(
            corrected,
            lognormal_seconds(laws.responded_to_in_progress, uniform),
            lognormal_seconds(laws.in_progress_after_stop, uniform),
        )
        self.now[members] = self._work(members, seconds)

    def _reopen(self, members: Int, step: int) -> None:
        law = self.profile.segments.closed_to_reopened
        seconds = lognormal_seconds(law, self.draws.duration[members, step])
        self.now[members] = self._work(members, seconds)
        self.extension_position[members] = _NO_POSITION
        self._start_grid(members)

    def _archive(self, members: Int, step: int) -> None:
        """Archive on the first Friday after the retention time, or the next business day."""
        law = self.profile.segments.closed_to_archived
        ready = self._work(members, lognormal_seconds(law, self.draws.duration[members, step]))
        day = ready // SECONDS_PER_DAY
        friday = day + (_FRIDAY - (day + 3) % 7) % 7
        batch_day = self.calendar.on_or_after(friday)
        office = OFFICE_OPENS + 1 + np.floor(
            self.draws.office_time[members, step] * (OFFICE_CLOSES - OFFICE_OPENS)
        ).astype(np.int64)  # fmt: skip
        batch = batch_day * SECONDS_PER_DAY + office
        self.now[members] = np.where(batch_day == day, ready, batch)
