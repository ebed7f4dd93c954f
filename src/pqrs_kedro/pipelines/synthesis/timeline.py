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
other segments in proportion to lognormal weights. The term is the one that applies to the cycle
(`special_terms`); the early segments and the closing are measured by the ordinary one in any case.
"""

from dataclasses import dataclass, fields

import numpy as np
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
from pqrs_kedro.parameters import Profile
from pqrs_kedro.pipelines.synthesis.codes import (
    ARCHIVED,
    ASSIGNED,
    CLASSIFIED,
    IN_PROGRESS,
    ON_HOLD,
    RECEIVED,
    REOPENED,
    RESPONDED,
)
from pqrs_kedro.pipelines.synthesis.paths import END
from pqrs_kedro.pipelines.synthesis.segments import (
    CYCLES,
    UNIT_SECONDS,
    Bool,
    Cases,
    CycleDraws,
    Float,
    Int,
    Steps,
    Targets,
    lognormal_seconds,
    plan_steps,
    plan_targets,
    rows_of,
)
from pqrs_kedro.pipelines.synthesis.special_terms import TermChanges, add_changes, no_changes

LEAST_WORK_SHARE = 0.02
_GAP = 60  # seconds kept free for every event that must fit before a hold
_FRIDAY = 4
_STEP = 2  # least office seconds between events of a cycle, so that an extension fits between
_NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Timeline:
    """Instants as local seconds since 1970-01-01; 0 where there is none."""

    entered: Int
    """When each status of the path is entered, shape (tickets, MAX_PATH_LENGTH)."""
    extension_announced: Int
    """When the extension is announced, shape (tickets,)."""
    extended_term: Int
    """The term that is announced, in business days, shape (tickets,)."""
    stop: Int
    """Grid second of each cycle's stop, shape (tickets, CYCLES)."""
    term: Int
    """Office seconds of each cycle's full term, shape (tickets, CYCLES); 0 for no cycle."""

    @property
    def is_late(self) -> Bool:
        """Whether each cycle stops after its term, shape (tickets, CYCLES)."""
        return np.asarray(self.stop > self.term)


def build_timeline(
    profile: Profile, calendar: BusinessCalendar, cases: Cases, draws: CycleDraws
) -> Timeline:
    """Instants of every status of every ticket, in the order of the path."""
    steps = plan_steps(profile, cases.path)
    targets = plan_targets(profile, cases, draws, steps)
    changes = no_changes(len(cases.path))
    timeline = _Clockwork(profile, calendar, cases, draws, steps, targets, changes).run()
    stops = steps.counts & (cases.path == STATUS_CODE[profile.stop_status])
    for window in cases.windows:
        if not window.begins_among(cases.received, timeline.entered):
            continue
        changes, rows = add_changes(changes, window, cases, steps, stops, timeline.entered)
        again = _Clockwork(
            profile,
            calendar,
            rows_of(cases, rows),
            rows_of(draws, rows),
            rows_of(steps, rows),
            rows_of(targets, rows),
            rows_of(changes, rows),
        ).run()
        timeline = _put_in(timeline, again, rows, changes)
    return timeline


def _put_in(timeline: Timeline, again: Timeline, rows: Int, changes: TermChanges) -> Timeline:
    """The timeline with some tickets built again; what had been announced by then stays."""
    is_later = timeline.extension_announced[rows] >= changes.second[rows, 0]
    found = {}
    for field in fields(Timeline):
        values, anew = getattr(timeline, field.name).copy(), getattr(again, field.name)
        if field.name in ("extension_announced", "extended_term"):
            anew = np.where(is_later, anew, values[rows])
        values[rows] = anew
        found[field.name] = values
    return Timeline(**found)


class _Clockwork:
    """Moves all tickets along their paths, one step at a time, keeping both clocks."""

    def __init__(
        self,
        profile: Profile,
        calendar: BusinessCalendar,
        cases: Cases,
        draws: CycleDraws,
        steps: Steps,
        targets: Targets,
        changes: TermChanges,
    ) -> None:
        tickets, length = cases.path.shape
        self.profile, self.calendar, self.cases = profile, calendar, cases
        self.stop_code = STATUS_CODE[profile.stop_status]
        self.draws, self.steps, self.targets = draws, steps, targets
        # The term of each cycle in business days, without extension, and when it changes.
        self.legal_term = np.repeat(cases.term[:, None], CYCLES, axis=1)
        self.changes = changes
        self.changing_steps = set(np.unique(changes.step).tolist())
        self.entered = np.zeros((tickets, length), dtype=np.int64)
        self.now = cases.received.copy()
        # Grid of the running cycle: its origin on the office clock (holds so far included), the
        # position on it, where the early segments ended, and where RESPONDED is meant to be.
        self.origin = np.zeros(tickets, dtype=np.int64)
        self.position = np.zeros(tickets, dtype=np.int64)
        self.early_end = np.zeros(tickets, dtype=np.int64)
        self.answer = np.zeros(tickets, dtype=np.int64)
        self.first_origin = np.zeros(tickets, dtype=np.int64)
        self.hold_start = np.zeros(tickets, dtype=np.int64)
        self.first_hold = np.ones(tickets, dtype=bool)
        # Of each cycle: the position at which it stopped, and its full term.
        self.stop = np.zeros((tickets, CYCLES), dtype=np.int64)
        self.term = np.zeros((tickets, CYCLES), dtype=np.int64)

    def run(self) -> Timeline:
        """Instants of every step."""
        path = self.cases.path
        self.entered[:, 0] = self.now
        for step in range(1, path.shape[1]):
            if not (path[:, step] != END).any():
                break
            self._advance(step)
            self.entered[:, step] = np.where(path[:, step] != END, self.now, 0)
        return Timeline(
            entered=self.entered,
            extension_announced=self._announcements(),
            extended_term=EXTENSION_FACTOR * self.legal_term[:, 0],
            stop=self.stop,
            term=self.term,
        )

    def _announcements(self) -> Int:
        """When extensions are announced.

        In the second half of the way from the first IN_PROGRESS to the first answer or, if that is
        earlier, to nearly the end of the term without pauses: on a day before the due day.
        """
        members = np.flatnonzero(self.cases.extended)
        path, entered = self.cases.path[members], self.entered[members]
        row = np.arange(len(members))
        begun = self.calendar.work_clock(entered[row, np.argmax(path == IN_PROGRESS, axis=1)])
        answered = self.calendar.work_clock(entered[row, np.argmax(path == RESPONDED, axis=1)])
        term = self.legal_term[members, 0] * OFFICE_SECONDS
        # A term of one day has no day before its last.
        day_before = np.maximum(term - OFFICE_SECONDS, 1)
        nearly_due = np.minimum(np.rint(0.95 * term).astype(np.int64), day_before)
        nearly_due += self.first_origin[members]
        span = np.minimum(answered, nearly_due) - begun
        way = np.rint(span * (0.5 + 0.5 * self.draws.announcement[members])).astype(np.int64)
        announced = np.zeros(len(self.now), dtype=np.int64)
        announced[members] = self.calendar.from_work_clock(
            begun + np.clip(way, 1, np.maximum(span - 1, 1))
        )
        return announced

    def _advance(self, step: int) -> None:
        path, steps = self.cases.path, self.steps
        status, before = path[:, step], path[:, step - 1]
        if step in self.changing_steps:
            self._change_term(step)
        self._radicate(np.flatnonzero((before == RECEIVED) & (status != END)))
        self._early(np.flatnonzero(steps.early[:, step]), step)
        self._share(np.flatnonzero(steps.shared[:, step]), step)
        self._hold(np.flatnonzero(steps.hold[:, step]), step)
        self._close(np.flatnonzero(steps.close[:, step]), step)
        self._note_stops(np.flatnonzero(steps.counts[:, step] & (status == self.stop_code)), step)
        self._after_stop(step)
        self._reopen(np.flatnonzero(status == REOPENED), step)
        self._archive(np.flatnonzero(status == ARCHIVED), step)

    def _work(self, members: Int, seconds: Int) -> Int:
        """The instants that many office seconds from now."""
        return self.calendar.from_work_clock(self.calendar.work_clock(self.now[members]) + seconds)

    def _start_grid(self, members: Int, cycle: int) -> None:
        days = self.now[members] // SECONDS_PER_DAY
        self.origin[members] = self.calendar.ordinal(days) * OFFICE_SECONDS
        self.position[members] = self.calendar.work_clock(self.now[members]) - self.origin[members]
        for window in self.cases.windows:
            starts_in = members[window.holds_on(self.now)[members]]
            self.legal_term[starts_in, cycle] = window.term[starts_in]

    def _change_term(self, step: int) -> None:
        """From this step on the cycle has another term: its answer is aimed at anew."""
        members, cycle = np.nonzero(self.changes.step == step)
        self.legal_term[members, cycle] = self.changes.term[members, cycle]
        self._aim(members, step)

    def _move_to(self, members: Int, position: Int) -> None:
        self.position[members] = position
        self.now[members] = self.calendar.from_work_clock(self.origin[members] + position)

    def _radicate(self, members: Int) -> None:
        seconds = self.cases.radication[members]
        in_office = self.cases.radication_in_office[members]
        worked = self._work(members, seconds)
        self.now[members] = np.where(in_office, worked, self.now[members] + seconds)
        self._start_grid(members, cycle=0)
        self.first_origin[members] = self.origin[members]

    def _early(self, members: Int, step: int) -> None:
        self._move_to(members, self.position[members] + self.targets.early[members, step])
        done = members[self.cases.path[members, step] == IN_PROGRESS]
        self.early_end[done] = self.position[done]
        self._aim(done, step)

    def _aim(self, members: Int, step: int) -> None:
        """Fix where the cycle's answer falls, now that its early segments are known."""
        cycle = self.steps.cycle[members, step]
        term = self.legal_term[members, cycle]
        extended = self.cases.extended[members] & (cycle == 0)
        full = term * np.where(extended, EXTENSION_FACTOR, 1) * OFFICE_SECONDS
        self.term[members, cycle] = full
        close = self._close_of_cycle(members, cycle)
        early = self.early_end[members]
        least_work = np.ceil(LEAST_WORK_SHARE * term * OFFICE_SECONDS).astype(np.int64)
        least = early + close + least_work + self.targets.holds[members, cycle] * OFFICE_SECONDS
        drawn = np.rint(self.draws.ratio[members, cycle] * full).astype(np.int64)
        quantile = self.draws.quantile[members, cycle]
        stop = np.maximum(drawn, least)
        in_term = least + np.rint(quantile * np.maximum(0.9 * full - least, 0)).astype(np.int64)
        stop = np.where(self.targets.withdrawn[members, cycle], in_term, stop)
        # Within five days, and with the time to close it within the term.
        latest = np.minimum(TRANSFER_DAYS * OFFICE_SECONDS, term * OFFICE_SECONDS - close)
        transfer = early + 1 + np.rint(quantile * (latest - early - 1)).astype(np.int64)
        stop = np.where(self.cases.transferred[members], transfer + close, stop)
        self.answer[members] = stop - close

    def _close_of_cycle(self, members: Int, cycle: Int) -> Int:
        """Office seconds of the cycle's RESPONDED to CLOSED where they are inside its clock."""
        if self.profile.stop_status != "CLOSED":
            return np.zeros(len(members), dtype=np.int64)
        inside = self.steps.close[members] & (self.steps.cycle[members] == cycle[:, None])
        return np.asarray((self.targets.close[members] * inside).sum(axis=1))

    def _share(self, members: Int, step: int) -> None:
        cycle = self.steps.cycle[members, step]
        early, answer = self.early_end[members], self.answer[members]
        weight = self.targets.weight[members, step]
        nominal = early + (answer - early) * weight // self.targets.weight_total[members, cycle]
        latest = self._latest(members, step)
        earliest = self.position[members] + _STEP
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
        term = self.legal_term[members, steps.cycle[members, step]]
        days = np.minimum(answer_day, term + 1) - to_begin
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

    def _close(self, members: Int, step: int) -> None:
        seconds = self.targets.close[members, step]
        if self.profile.stop_status == "CLOSED":
            # Measured from the planned answer, so that the stop is the planned one to the second.
            planned = np.minimum(self.position[members], self.answer[members]) + seconds
            self._move_to(members, np.maximum(planned, self.position[members] + 1))
        else:
            self.now[members] = self._work(members, seconds)

    def _note_stops(self, members: Int, step: int) -> None:
        self.stop[members, self.steps.cycle[members, step]] = self.position[members]

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
        self._start_grid(members, cycle=1)

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
