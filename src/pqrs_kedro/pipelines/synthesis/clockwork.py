"""The clocks of a ticket: it is moved along its path, step by step, as machine code.

What the numbers mean is told in `timeline`. Only whole numbers are kept; where a share of them is
taken, one product of doubles is rounded, which is the same on every machine.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pqrs_kedro.domain.calendar import (
    OFFICE_CLOSES,
    OFFICE_OPENS,
    OFFICE_SECONDS,
    SECONDS_PER_DAY,
    BusinessCalendar,
)
from pqrs_kedro.domain.terms import (
    COMPLETION_REQUEST_DAYS,
    EXTENSION_FACTOR,
    TRANSFER_DAYS,
    same_date_next_month,
)
from pqrs_kedro.pipelines.synthesis.codes import IN_PROGRESS, ON_HOLD, RESPONDED
from pqrs_kedro.pipelines.synthesis.compiled import compiled, inlined
from pqrs_kedro.pipelines.synthesis.paths import END, Paths
from pqrs_kedro.pipelines.synthesis.segments import (
    AFTER_STOP,
    ARCHIVING,
    CLOSE,
    CORRECTED,
    CYCLES,
    EARLY,
    HOLD,
    RADICATION,
    REOPENING,
    SHARED,
    Bool,
    Float,
    Int,
    Small,
)

LEAST_WORK_SHARE = 0.02
LEAST_MONTH = 28  # days from a date to the same one of the next month: 28 to 31
MONTHS = 4
_GAP = 60  # seconds kept free for every event that must fit before a hold
_FRIDAY = 4
_STEP = 2  # least office seconds between events of a cycle, so that an extension fits between
_NO_LIMIT = np.iinfo(np.int64).max

# The clocks of a ticket. NOW is a local second. Of the grid of the running cycle: its ORIGIN on the
# office clock (holds so far included), the POSITION on it, where the early segments ended, and
# where RESPONDED is meant to be.
_NOW, _ORIGIN, _POSITION, _EARLY_END, _ANSWER, _FIRST_ORIGIN, _HELD, _SIZE = range(8)
# Of each cycle, as planned: holds, those that have begun, weight of its shared steps, the weight so
# far, seconds of its closing, and whether it stops with or after a tacit withdrawal.
_HOLDS, _BEGUN, _WEIGHT, _WEIGHED, _CLOSING, _WITHDRAWN, _PLANNED = range(7)


class Days(NamedTuple):
    """A calendar as it is looked up: one entry per day from `first`, but for `business`."""

    first: int
    ordinal: Int
    is_business: Bool
    business: Int
    """The n-th business day at n - 1."""
    month_later: Int
    """The same date of the next month."""


class Facts(NamedTuple):
    """What is known of the tickets before the clocks run: one row per ticket, unless it says."""

    path: Paths
    kind: Small
    cycle: Small
    counts: Bool
    seconds: Int
    """What each step takes (`segments.drawn_seconds`)."""
    holds: Int
    """Seconds of each hold, by the days of its month from LEAST_MONTH on: shape (holds, MONTHS)."""
    office_time: Float
    ratio: Float
    quantile: Float
    received: Int
    radication: Int
    radication_in_office: Bool
    term: Int
    transferred: Bool
    extended: Bool
    windows: Int
    """First and last day of each window of special terms: shape (windows, 2)."""
    window_terms: Int
    """Terms of each window: shape (windows, tickets)."""
    change_step: Int
    change_term: Int
    stop_code: int
    stop_is_closed: bool


class Run(NamedTuple):
    """What the clocks showed: one row per ticket."""

    entered: Int
    legal_term: Int
    """Term of each cycle in business days, without extension, as it is at the end."""
    first_origin: Int
    stop: Int
    term: Int


@lru_cache(maxsize=16)
def days_of(calendar: BusinessCalendar) -> Days:
    """The tables of a calendar."""
    first = calendar.first_day
    days = np.arange(first, first + len(calendar.is_business))
    return Days(
        first,
        calendar.ordinals,
        calendar.is_business,
        calendar.business_days,
        same_date_next_month(days),
    )


@compiled
def run(facts: Facts, days: Days) -> Run:
    """Move every ticket along its path.

    Raises:
        IndexError: a ticket leaves the calendar.
    """
    tickets, length = facts.path.shape
    entered = np.zeros((tickets, length), dtype=np.int64)
    legal = np.empty((tickets, CYCLES), dtype=np.int64)
    first_origin = np.zeros(tickets, dtype=np.int64)
    stop = np.zeros((tickets, CYCLES), dtype=np.int64)
    term = np.zeros((tickets, CYCLES), dtype=np.int64)
    clocks = np.zeros(_SIZE, dtype=np.int64)
    plan = np.zeros((CYCLES, _PLANNED), dtype=np.int64)
    holds = 0
    for row in range(tickets):
        clocks.fill(0)
        clocks[_NOW] = facts.received[row]
        for cycle in range(CYCLES):
            legal[row, cycle] = facts.term[row]
        _plan_cycles(facts, row, plan)
        entered[row, 0] = clocks[_NOW]
        for step in range(1, length):
            if facts.path[row, step] == END:
                break
            cycle = facts.cycle[row, step]
            if _change_terms(facts, row, step, legal):
                _aim(facts, row, cycle, clocks, plan, legal, term)
            _move(facts, days, row, step, clocks, plan, legal, term, holds)
            holds += facts.kind[row, step] == HOLD
            if facts.counts[row, step] and facts.path[row, step] == facts.stop_code:
                stop[row, cycle] = clocks[_POSITION]
            entered[row, step] = clocks[_NOW]
        first_origin[row] = clocks[_FIRST_ORIGIN]
    return Run(entered, legal, first_origin, stop, term)


@inlined
def _plan_cycles(facts: Facts, row: int, plan: Int) -> None:
    """What the steps of each cycle add up to."""
    plan.fill(0)
    for step in range(1, facts.path.shape[1]):
        of = plan[facts.cycle[row, step]]
        kind, status = facts.kind[row, step], facts.path[row, step]
        if facts.counts[row, step]:
            of[_HOLDS] += status == ON_HOLD
            of[_WITHDRAWN] |= kind == HOLD and status == RESPONDED
        if kind == SHARED:
            of[_WEIGHT] += facts.seconds[row, step]
        elif kind == CLOSE and facts.stop_is_closed:
            of[_CLOSING] += facts.seconds[row, step]


@inlined
def _change_terms(facts: Facts, row: int, step: int, legal: Int) -> bool:
    """From this step on a cycle may have another term: whether one has."""
    changed = False
    for cycle in range(CYCLES):
        if facts.change_step[row, cycle] == step:
            legal[row, cycle] = facts.change_term[row, cycle]
            changed = True
    return changed


@inlined
def _move(
    facts: Facts,
    days: Days,
    row: int,
    step: int,
    clocks: Int,
    plan: Int,
    legal: Int,
    term: Int,
    hold: int,
) -> None:
    """Move a ticket's clocks by one step; a hold is the `hold`-th of all."""
    kind, seconds = facts.kind[row, step], facts.seconds[row, step]
    cycle = facts.cycle[row, step]
    if kind == RADICATION:
        _radicate(facts, days, row, clocks, legal)
    elif kind == EARLY:
        _move_to(days, clocks, clocks[_POSITION] + seconds)
        if facts.path[row, step] == IN_PROGRESS:
            clocks[_EARLY_END] = clocks[_POSITION]
            _aim(facts, row, cycle, clocks, plan, legal, term)
    elif kind == SHARED:
        _share(facts, days, row, step, clocks, plan, legal)
    elif kind == HOLD:
        _hold(facts, days, row, step, clocks, facts.holds[hold])
    elif kind == CLOSE:
        _close(facts, days, seconds, clocks)
    elif kind in (CORRECTED, AFTER_STOP):
        _work(days, clocks, seconds)
    elif kind == REOPENING:
        _work(days, clocks, seconds)
        _start_grid(facts, days, row, 1, clocks, legal)
    elif kind == ARCHIVING:
        _archive(facts, days, row, step, clocks, seconds)


@inlined
def _radicate(facts: Facts, days: Days, row: int, clocks: Int, legal: Int) -> None:
    if facts.radication_in_office[row]:
        _work(days, clocks, facts.radication[row])
    else:
        clocks[_NOW] += facts.radication[row]
    _start_grid(facts, days, row, 0, clocks, legal)
    clocks[_FIRST_ORIGIN] = clocks[_ORIGIN]


@inlined
def _start_grid(facts: Facts, days: Days, row: int, cycle: int, clocks: Int, legal: Int) -> None:
    """Begin the grid of a cycle, and take the term of a window that it begins in."""
    day = clocks[_NOW] // SECONDS_PER_DAY
    clocks[_ORIGIN] = _ordinal(days, day) * OFFICE_SECONDS
    clocks[_POSITION] = _work_clock(days, clocks[_NOW]) - clocks[_ORIGIN]
    for number in range(len(facts.windows)):
        special = facts.window_terms[number, row]
        if facts.windows[number, 0] <= day <= facts.windows[number, 1] and special > 0:
            legal[row, cycle] = special


@inlined
def _aim(facts: Facts, row: int, cycle: int, clocks: Int, plan: Int, legal: Int, term: Int) -> None:
    """Fix where the cycle's answer falls, now that its early segments are known."""
    full = legal[row, cycle] * OFFICE_SECONDS
    if facts.extended[row] and cycle == 0:
        full *= EXTENSION_FACTOR
    term[row, cycle] = full
    early, close, quantile = clocks[_EARLY_END], plan[cycle, _CLOSING], facts.quantile[row, cycle]
    least = _least(legal[row, cycle], early, close, plan[cycle, _HOLDS])
    if facts.transferred[row]:
        clocks[_ANSWER] = _transfer(legal[row, cycle], early, close, quantile)
    elif plan[cycle, _WITHDRAWN]:
        clocks[_ANSWER] = least + _rounded(quantile * max(0.9 * full - least, 0.0)) - close
    else:
        clocks[_ANSWER] = max(_rounded(facts.ratio[row, cycle] * full), least) - close


@compiled
def _least(days: int, early: int, close: int, holds: int) -> int:
    """The earliest position of a stop: work takes a share of the term, each hold a grid day."""
    least_work = int(np.ceil(LEAST_WORK_SHARE * days * OFFICE_SECONDS))
    return early + close + least_work + holds * OFFICE_SECONDS


@compiled
def _transfer(days: int, early: int, close: int, quantile: float) -> int:
    """When a petition is handed on: within five days, and with the time to close it in its term."""
    latest = min(TRANSFER_DAYS * OFFICE_SECONDS, days * OFFICE_SECONDS - close)
    return early + 1 + _rounded(quantile * (latest - early - 1))


@compiled
def _rounded(value: float) -> int:
    return int(np.rint(value))


@inlined
def _share(
    facts: Facts, days: Days, row: int, step: int, clocks: Int, plan: Int, legal: Int
) -> None:
    of, early = plan[facts.cycle[row, step]], clocks[_EARLY_END]
    of[_WEIGHED] += facts.seconds[row, step]
    nominal = early + (clocks[_ANSWER] - early) * of[_WEIGHED] // of[_WEIGHT]
    latest = _latest(facts, row, step, clocks, plan, legal)
    _move_to(days, clocks, max(clocks[_POSITION] + _STEP, min(nominal, latest)))


@inlined
def _latest(facts: Facts, row: int, step: int, clocks: Int, plan: Int, legal: Int) -> int:
    """Last position that leaves the holds still to begin (this step's too) their own days.

    A hold ends its grid day, so every later event needs a later one; a hold must begin within
    the term to pause it, and the ticket's first one within the ten days of CPACA art. 17.
    """
    cycle = facts.cycle[row, step]
    to_begin = plan[cycle, _HOLDS] - plan[cycle, _BEGUN]
    if facts.path[row, step] == ON_HOLD:
        plan[cycle, _BEGUN] += 1
    if to_begin <= 0:
        return _NO_LIMIT
    until_hold = 0
    while facts.path[row, step + until_hold] != ON_HOLD:
        until_hold += 1
    answer_day = -(-clocks[_ANSWER] // OFFICE_SECONDS)
    last = min(answer_day, legal[row, cycle] + 1) - to_begin
    if not clocks[_HELD]:
        last = min(last, COMPLETION_REQUEST_DAYS)
    return last * OFFICE_SECONDS - until_hold * _GAP


@inlined
def _hold(facts: Facts, days: Days, row: int, step: int, clocks: Int, seconds: Int) -> None:
    """End the hold that began at the step before, and shift the grid past the paused days."""
    began = clocks[_NOW] // SECONDS_PER_DAY
    expires = days.month_later[_index(days, began)]
    if facts.path[row, step] == RESPONDED:
        clocks[_NOW] = _on_or_after(days, expires) * SECONDS_PER_DAY + _office(facts, row, step)
    else:
        clocks[_NOW] += seconds[expires - began - LEAST_MONTH]
    clocks[_HELD] = 1
    if facts.counts[row, step]:
        ended = clocks[_NOW] // SECONDS_PER_DAY
        paused = _ordinal(days, ended) - _ordinal(days, began)
        # The hold has used up its own grid day.
        grid_day = -(-clocks[_POSITION] // OFFICE_SECONDS)
        clocks[_POSITION] = grid_day * OFFICE_SECONDS
        clocks[_ORIGIN] += paused * OFFICE_SECONDS


@inlined
def _close(facts: Facts, days: Days, seconds: int, clocks: Int) -> None:
    if facts.stop_is_closed:
        # Measured from the planned answer, so that the stop is the planned one to the second.
        planned = min(clocks[_POSITION], clocks[_ANSWER]) + seconds
        _move_to(days, clocks, max(planned, clocks[_POSITION] + 1))
    else:
        _work(days, clocks, seconds)


@inlined
def _archive(facts: Facts, days: Days, row: int, step: int, clocks: Int, seconds: int) -> None:
    """Archive on the first Friday after the retention time, or the next business day."""
    _work(days, clocks, seconds)
    day = clocks[_NOW] // SECONDS_PER_DAY
    batch_day = _on_or_after(days, day + (_FRIDAY - (day + 3) % 7) % 7)
    if batch_day != day:
        clocks[_NOW] = batch_day * SECONDS_PER_DAY + _office(facts, row, step)


@inlined
def _office(facts: Facts, row: int, step: int) -> int:
    """A second of a day in office hours, as drawn for the step."""
    drawn = facts.office_time[row, step] * (OFFICE_CLOSES - OFFICE_OPENS)
    return OFFICE_OPENS + 1 + int(np.floor(drawn))


@compiled
def _move_to(days: Days, clocks: Int, position: int) -> None:
    """Move to a position on the grid."""
    clocks[_POSITION] = position
    clocks[_NOW] = _from_work_clock(days, clocks[_ORIGIN] + position)


@compiled
def _work(days: Days, clocks: Int, seconds: int) -> None:
    """Move by office seconds."""
    clocks[_NOW] = _from_work_clock(days, _work_clock(days, clocks[_NOW]) + seconds)


# --- The calendar (`BusinessCalendar`), a day at a time ------------------------------------------


@compiled
def _index(days: Days, day: int) -> int:
    index = day - days.first
    if not 0 <= index < len(days.ordinal):
        raise IndexError("a ticket leaves the calendar")
    return index


@compiled
def _ordinal(days: Days, day: int) -> int:
    return days.ordinal[_index(days, day)]


@compiled
def _day_of_ordinal(days: Days, ordinal: int) -> int:
    if not 0 < ordinal <= len(days.business):
        raise IndexError("a ticket leaves the calendar")
    return days.business[ordinal - 1]


@compiled
def _on_or_after(days: Days, day: int) -> int:
    return _day_of_ordinal(days, _ordinal(days, day - 1) + 1)


@compiled
def _work_clock(days: Days, second: int) -> int:
    day, second_of_day = second // SECONDS_PER_DAY, second % SECONDS_PER_DAY
    worked = OFFICE_SECONDS
    if days.is_business[_index(days, day)]:
        worked = min(max(second_of_day - OFFICE_OPENS, 0), OFFICE_SECONDS)
    return (_ordinal(days, day) - 1) * OFFICE_SECONDS + worked


@compiled
def _from_work_clock(days: Days, clock: int) -> int:
    ordinal, second = (clock - 1) // OFFICE_SECONDS, (clock - 1) % OFFICE_SECONDS
    day = _day_of_ordinal(days, ordinal + 1)
    return day * SECONDS_PER_DAY + OFFICE_OPENS + second + 1
