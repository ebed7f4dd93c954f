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

from dataclasses import dataclass, fields, replace

import numpy as np

from pqrs_kedro.domain.calendar import OFFICE_SECONDS, BusinessCalendar
from pqrs_kedro.domain.statuses import STATUS_CODE
from pqrs_kedro.domain.terms import EXTENSION_FACTOR
from pqrs_kedro.parameters import Profile
from pqrs_kedro.pipelines.synthesis.clockwork import (
    LEAST_MONTH,
    MONTHS,
    Facts,
    Run,
    days_of,
    run,
)
from pqrs_kedro.pipelines.synthesis.codes import IN_PROGRESS, RESPONDED
from pqrs_kedro.pipelines.synthesis.segments import (
    HOLD,
    Bool,
    Cases,
    CycleDraws,
    Int,
    Steps,
    drawn_seconds,
    hold_seconds,
    plan_steps,
    rows_of,
)
from pqrs_kedro.pipelines.synthesis.special_terms import TermChanges, add_changes, no_changes


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
    clocks = _Clocks(profile, calendar, cases, draws, steps)
    changes = no_changes(len(cases.path))
    timeline = clocks.run(changes)
    stops = steps.counts & (cases.path == STATUS_CODE[profile.stop_status])
    for window in cases.windows:
        if not window.begins_among(cases.received, timeline.entered):
            continue
        changes, rows = add_changes(changes, window, cases, steps, stops, timeline.entered)
        again = clocks.of(rows).run(rows_of(changes, rows))
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


@dataclass(frozen=True)
class _Clocks:
    """Runs the clocks of some tickets."""

    profile: Profile
    calendar: BusinessCalendar
    cases: Cases
    draws: CycleDraws
    steps: Steps

    def of(self, rows: Int) -> "_Clocks":
        """Of some of the tickets."""
        return replace(
            self,
            cases=rows_of(self.cases, rows),
            draws=rows_of(self.draws, rows),
            steps=rows_of(self.steps, rows),
        )

    def run(self, changes: TermChanges) -> Timeline:
        """Instants of every step, with these changes of terms."""
        found = run(self._facts(changes), days_of(self.calendar))
        return Timeline(
            entered=found.entered,
            extension_announced=self._announcements(found),
            extended_term=EXTENSION_FACTOR * found.legal_term[:, 0],
            stop=found.stop,
            term=found.term,
        )

    def _facts(self, changes: TermChanges) -> Facts:
        cases, draws, steps = self.cases, self.draws, self.steps
        windows = [(window.first_day, window.last_day) for window in cases.windows]
        terms = [window.term for window in cases.windows]
        return Facts(
            path=cases.path,
            kind=steps.kind,
            cycle=steps.cycle,
            counts=steps.counts,
            seconds=drawn_seconds(self.profile, cases, draws, steps),
            holds=self._holds(),
            office_time=draws.office_time,
            ratio=draws.ratio,
            quantile=draws.quantile,
            received=cases.received,
            radication=cases.radication,
            radication_in_office=cases.radication_in_office,
            term=cases.term,
            transferred=cases.transferred,
            extended=cases.extended,
            windows=np.array(windows, dtype=np.int64).reshape(-1, 2),
            window_terms=np.array(terms, dtype=np.int64).reshape(len(terms), len(cases.path)),
            change_step=changes.step,
            change_term=changes.term,
            stop_code=STATUS_CODE[self.profile.stop_status],
            stop_is_closed=self.profile.stop_status == "CLOSED",
        )

    def _holds(self) -> Int:
        """Seconds of each hold, by the days of the month that it begins in."""
        uniform = self.draws.duration[self.steps.kind == HOLD]
        law = self.profile.segments.on_hold
        lengths = range(LEAST_MONTH, LEAST_MONTH + MONTHS)
        return np.stack([hold_seconds(law, uniform, days) for days in lengths], axis=1)

    def _announcements(self, found: Run) -> Int:
        """When extensions are announced.

        In the second half of the way from the first IN_PROGRESS to the first answer or, if that is
        earlier, to nearly the end of the term without pauses: on a day before the due day.
        """
        members = np.flatnonzero(self.cases.extended)
        path, entered = self.cases.path[members], found.entered[members]
        row = np.arange(len(members))
        begun = self.calendar.work_clock(entered[row, np.argmax(path == IN_PROGRESS, axis=1)])
        answered = self.calendar.work_clock(entered[row, np.argmax(path == RESPONDED, axis=1)])
        term = found.legal_term[members, 0] * OFFICE_SECONDS
        # A term of one day has no day before its last.
        day_before = np.maximum(term - OFFICE_SECONDS, 1)
        nearly_due = np.minimum(np.rint(0.95 * term).astype(np.int64), day_before)
        nearly_due += found.first_origin[members]
        span = np.minimum(answered, nearly_due) - begun
        way = np.rint(span * (0.5 + 0.5 * self.draws.announcement[members])).astype(np.int64)
        announced = np.zeros(len(self.cases.path), dtype=np.int64)
        announced[members] = self.calendar.from_work_clock(
            begun + np.clip(way, 1, np.maximum(span - 1, 1))
        )
        return announced
