"""When one ticket enters each status (docs/generator.md, sections 4 to 6).

Part of the generator in `row_by_row`. What all tickets share, calendar, laws and probabilities, is
laid out once, in plain lists and dictionaries; after that it is arithmetic of single numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import NormalDist

import numpy as np

from pqrs_kedro.domain.calendar import (
    FIRST_DAY,
    OFFICE_CLOSES,
    OFFICE_OPENS,
    OFFICE_SECONDS,
    SECONDS_PER_DAY,
    BusinessCalendar,
    day_number,
)
from pqrs_kedro.domain.statuses import (
    ARCHIVED,
    ASSIGNED,
    CLASSIFIED,
    CLOSED,
    IN_PROGRESS,
    LOOP_BOUNDS,
    ON_HOLD,
    RADICATED,
    RECEIVED,
    REOPENED,
    REPEATED,
    RESPONDED,
    TRANSFER,
    TRANSITIONS,
)
from pqrs_kedro.domain.terms import (
    COMPLETION_REQUEST_DAYS,
    EXTENSION_FACTOR,
    TRANSFER_DAYS,
    same_date_next_month,
)
from pqrs_kedro.parameters import Lognormal, Profile

UNIT_SECONDS = {
    "minutes": 60,
    "calendar_days": SECONDS_PER_DAY,
    "office_hours": 3600,
    "office_days": OFFICE_SECONDS,
}
CLOSED_ARCS: dict[str | None, tuple[tuple[str, str], ...]] = {
    TRANSFER: ((IN_PROGRESS, ON_HOLD), (RESPONDED, IN_PROGRESS), (CLOSED, REOPENED)),
    REPEATED: ((IN_PROGRESS, ON_HOLD),),
}
FRIDAY = 4
NORMAL = NormalDist()


class OfficeClock:
    """The calendar as plain lists: business days, and the office time at single instants."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._first = day_number(FIRST_DAY)
        self._is_business: list[bool] = calendar.is_business.tolist()
        self._ordinals: list[int] = calendar.ordinals.tolist()
        self._business_days: list[int] = calendar.business_days.tolist()
        days = self._first + np.arange(len(self._is_business))
        self._month_later: list[int] = same_date_next_month(days).tolist()

    def ordinal(self, day: int) -> int:
        """How many business days there are up to and including the day."""
        return self._ordinals[day - self._first]

    def on_or_after(self, day: int) -> int:
        """The day itself if it is a business day, else the next one."""
        return self._business_days[self._ordinals[day - 1 - self._first]]

    def month_later(self, day: int) -> int:
        """The same date of the next month, or that month's last day."""
        return self._month_later[day - self._first]

    def elapsed(self, second: int) -> int:
        """Office seconds elapsed at a local second."""
        day, second_of_day = divmod(second, SECONDS_PER_DAY)
        place = day - self._first
        worked = OFFICE_SECONDS
        if self._is_business[place]:
            worked = min(max(second_of_day - OFFICE_OPENS, 0), OFFICE_SECONDS)
        return (self._ordinals[place] - 1) * OFFICE_SECONDS + worked

    def second(self, elapsed: int) -> int:
        """The local second at which so many office seconds have elapsed."""
        ordinal, second = divmod(elapsed - 1, OFFICE_SECONDS)
        return self._business_days[ordinal] * SECONDS_PER_DAY + OFFICE_OPENS + second + 1

    def after(self, second: int, work: int) -> int:
        """The local second that many office seconds later."""
        return self.second(self.elapsed(second) + work)


class Duration:
    """A lognormal duration in whole seconds."""

    def __init__(self, law: Lognormal) -> None:
        self.in_office = law.unit.startswith("office")
        self._mu, self._sigma = math.log(law.median * UNIT_SECONDS[law.unit]), law.sigma

    def draw(self, rng: Random) -> int:
        """One duration, of at least a second."""
        return max(round(rng.lognormvariate(self._mu, self._sigma)), 1)

    def draw_up_to(self, longest: int, rng: Random) -> int:
        """One duration, drawn anew while it is too long."""
        while (seconds := self.draw(rng)) > longest:
            pass
        return seconds


class LifeModel:
    """What the lives of all tickets share."""

    def __init__(self, profile: Profile, calendar: BusinessCalendar) -> None:
        self.clock = OfficeClock(calendar)
        self.response = profile.response
        self.stops_at_close = profile.stop_status == CLOSED
        self.radication = {
            name: Duration(channel.radication) for name, channel in profile.channels.items()
        }
        laws = profile.segments
        self.early = {
            (RADICATED, CLASSIFIED): Duration(laws.radicated_to_classified),
            (CLASSIFIED, ASSIGNED): Duration(laws.classified_to_assigned),
            (ASSIGNED, IN_PROGRESS): Duration(laws.assigned_to_in_progress),
            (ASSIGNED, CLASSIFIED): Duration(laws.assigned_to_in_progress),
            (REOPENED, IN_PROGRESS): Duration(laws.reopened_to_in_progress),
        }
        self.hold = Duration(laws.on_hold)
        self.close = Duration(laws.responded_to_closed)
        self.correction = Duration(laws.responded_to_in_progress)
        self.after_stop = Duration(laws.in_progress_after_stop)
        self.reopening = Duration(laws.closed_to_reopened)
        self.retention = Duration(laws.closed_to_archived)
        self._branches = {
            status: _branches(status, targets) for status, targets in profile.transitions.items()
        }

    def walk(self, resolution: str | None, rng: Random) -> list[str]:
        """The statuses of one ticket, in order."""
        left = LOOP_BOUNDS | dict.fromkeys(CLOSED_ARCS.get(resolution, ()), 0)
        path = [RECEIVED]
        while path[-1] != ARCHIVED:
            path.append(self._next(path[-1], left, rng))
        return path

    def _next(self, status: str, left: dict[tuple[str, str], int], rng: Random) -> str:
        branches = self._branches.get(status)
        if branches:
            drawn = rng.random()
            for upper, target in branches:
                if drawn < upper:
                    arc = (status, target)
                    if arc not in left:
                        return target
                    if left[arc]:
                        left[arc] -= 1
                        return target
                    break
        return TRANSITIONS[status][0]


def _branches(status: str, probability: dict[str, float]) -> list[tuple[float, str]]:
    """Upper ends of the branches' shares; what is left is the first target's."""
    upper, branches = 0.0, []
    for target in TRANSITIONS[status][1:]:
        upper += probability[target]
        branches.append((upper, target))
    return branches


@dataclass(slots=True)
class Case:
    """A ticket as far as its instants depend on it."""

    channel: str
    received: int
    """Local second since 1970-01-01."""
    path: list[str]
    term: int
    """Business days."""
    resolution: str | None
    extended: bool
    median: float
    """Median of the response ratio."""
    quantiles: tuple[float, float]
    """Of the response ratio in each cycle."""


@dataclass(slots=True)
class Cycle:
    """A cycle of the legal clock: which steps of the path are on it, and what is drawn for them."""

    number: int
    end: int
    """The step at which the clock stops."""
    holds: list[int]
    withdrawn: bool
    early: dict[int, int]
    """Office seconds of each step up to the first IN_PROGRESS."""
    weights: dict[int, int]
    """Sum of the weights up to and including each step that shares the rest of the time."""
    weight_total: int
    close: int
    """Office seconds from RESPONDED to CLOSED inside the clock."""
    answer: int = field(default=0)
    """Grid second at which the answer is meant to be."""


class Life:
    """One ticket's way along its path, on the wall clock and on the cycle's grid."""

    def __init__(self, model: LifeModel, case: Case, rng: Random) -> None:
        self.model, self.case, self.rng, self.clock = model, case, rng, model.clock
        self.now = case.received
        self.origin = self.position = self.early_end = self.first_origin = 0
        self.first_hold = True
        self.entered = [self.now]
        self.cycle: Cycle
        for step in range(1, len(case.path)):
            self._advance(step, case.path[step - 1], case.path[step])
            self.entered.append(self.now)

    def announcement(self) -> int:
        """When the extension is announced: late on the way to the answer, before the due day."""
        path = self.case.path
        begun = self.clock.elapsed(self.entered[path.index(IN_PROGRESS)])
        answered = self.clock.elapsed(self.entered[path.index(RESPONDED)])
        term = self.case.term * OFFICE_SECONDS
        nearly_due = min(round(0.95 * term), max(term - OFFICE_SECONDS, 1))
        span = min(answered, self.first_origin + nearly_due) - begun
        way = round(span * (0.5 + 0.5 * self.rng.random()))
        return self.clock.second(begun + min(max(way, 1), max(span - 1, 1)))

    def _advance(self, step: int, before: str, status: str) -> None:
        if before == RECEIVED:
            self._radicate()
        elif before == ON_HOLD:
            self._end_hold(step, status)
        elif status == REOPENED:
            self._reopen(step)
        elif status == ARCHIVED:
            self._archive()
        elif status == CLOSED:
            self._close()
        elif step in self.cycle.early:
            self._early(step, status)
        elif step in self.cycle.weights:
            self._share(step)
        else:
            law = self.model.correction if before == RESPONDED else self.model.after_stop
            self.now = self.clock.after(self.now, law.draw(self.rng))

    def _radicate(self) -> None:
        law = self.model.radication[self.case.channel]
        seconds = law.draw(self.rng)
        self.now = self.clock.after(self.now, seconds) if law.in_office else self.now + seconds
        self._start_cycle(0, 2)
        self.first_origin = self.origin

    def _reopen(self, step: int) -> None:
        self.now = self.clock.after(self.now, self.model.reopening.draw(self.rng))
        self._start_cycle(1, step + 1)

    def _start_cycle(self, number: int, first: int) -> None:
        self.origin = self.clock.ordinal(self.now // SECONDS_PER_DAY) * OFFICE_SECONDS
        self.position = self.clock.elapsed(self.now) - self.origin
        self.cycle = self._plan(number, first)

    def _plan(self, number: int, first: int) -> Cycle:
        path = self.case.path
        end = path.index(CLOSED if self.model.stops_at_close else RESPONDED, first)
        worked = path.index(IN_PROGRESS, first)
        close = self._close_seconds() if self.model.stops_at_close else 0
        weights: dict[int, int] = {}
        total = 0
        for step in range(worked + 1, end + 1):
            if path[step - 1] != ON_HOLD and path[step] != CLOSED:
                total += max(round(self.rng.lognormvariate(0, 0.8) * 10_000), 1)
                weights[step] = total
        holds = [step for step in range(first, end + 1) if path[step] == ON_HOLD]
        withdrawn = any(path[step + 1] == RESPONDED for step in holds)
        early = self._early_seconds(range(first, worked + 1))
        return Cycle(number, end, holds, withdrawn, early, weights, max(total, 1), close)

    def _cap(self) -> int:
        """A quarter of the term, in office seconds."""
        return round(0.25 * self.case.term * OFFICE_SECONDS)

    def _close_seconds(self) -> int:
        drawn = self.model.close.draw(self.rng)
        return min(max(drawn * self.case.term // 15, 1), self._cap())

    def _early_seconds(self, steps: Sequence[int]) -> dict[int, int]:
        path, term = self.case.path, self.case.term
        laws = [self.model.early[path[step - 1], path[step]] for step in steps]
        seconds = [max(law.draw(self.rng) * term // 15, 1) for law in laws]
        most_days = 3 if self.case.resolution == TRANSFER else 9
        limit, total = min(self._cap(), most_days * OFFICE_SECONDS), sum(seconds)
        if total > limit:
            seconds = [max(part * limit // total, 1) for part in seconds]
        return dict(zip(steps, seconds, strict=True))

    def _move_to(self, position: int) -> None:
        self.position = position
        self.now = self.clock.second(self.origin + position)

    def _early(self, step: int, status: str) -> None:
        self._move_to(self.position + self.cycle.early[step])
        if status == IN_PROGRESS:
            self.early_end = self.position
            self.cycle.answer = self._stop() - self.cycle.close

    def _stop(self) -> int:
        """Where on the grid the cycle's clock stops."""
        cycle, term, early = self.cycle, self.case.term, self.early_end
        quantile = self.case.quantiles[cycle.number]
        if self.case.resolution == TRANSFER:
            latest = min(TRANSFER_DAYS * OFFICE_SECONDS, term * OFFICE_SECONDS - cycle.close)
            return early + 1 + round(quantile * (latest - early - 1)) + cycle.close
        factor = EXTENSION_FACTOR if self.case.extended and cycle.number == 0 else 1
        full = term * factor * OFFICE_SECONDS
        work = math.ceil(0.02 * term * OFFICE_SECONDS) + len(cycle.holds) * OFFICE_SECONDS
        least = early + cycle.close + work
        if cycle.withdrawn:
            return least + round(quantile * max(0.9 * full - least, 0))
        return max(round(self._ratio(quantile) * full), least)

    def _ratio(self, quantile: float) -> float:
        law = self.model.response
        ratio = self.case.median * math.exp(law.sigma * NORMAL.inv_cdf(quantile))
        if 1 < ratio <= law.hurry_until and self.rng.random() < law.hurry_share:
            return 1 - law.hurry_slope * (ratio - 1)
        return ratio

    def _share(self, step: int) -> None:
        cycle, early = self.cycle, self.early_end
        place = early + (cycle.answer - early) * cycle.weights[step] // cycle.weight_total
        if to_begin := [hold for hold in cycle.holds if hold >= step]:
            days = min(-(-cycle.answer // OFFICE_SECONDS), self.case.term + 1) - len(to_begin)
            if self.first_hold:
                days = min(days, COMPLETION_REQUEST_DAYS)
            place = min(place, days * OFFICE_SECONDS - (to_begin[0] - step) * 60)
        self._move_to(max(self.position + 2, place))

    def _end_hold(self, step: int, status: str) -> None:
        began = self.now // SECONDS_PER_DAY
        month_later = self.clock.month_later(began)
        if status == RESPONDED:
            expired = self.clock.on_or_after(month_later)
            self.now = expired * SECONDS_PER_DAY + self._office_time()
        else:
            longest = (month_later - began - 1) * SECONDS_PER_DAY
            self.now += self.model.hold.draw_up_to(longest, self.rng)
        self.first_hold = False
        if step <= self.cycle.end:
            ended = self.now // SECONDS_PER_DAY
            paused = self.clock.ordinal(ended) - self.clock.ordinal(began)
            self.position = -(-self.position // OFFICE_SECONDS) * OFFICE_SECONDS
            self.origin += paused * OFFICE_SECONDS

    def _office_time(self) -> int:
        return OFFICE_OPENS + 1 + int(self.rng.random() * (OFFICE_CLOSES - OFFICE_OPENS))

    def _close(self) -> None:
        if self.model.stops_at_close:
            planned = min(self.position, self.cycle.answer) + self.cycle.close
            self._move_to(max(planned, self.position + 1))
        else:
            self.now = self.clock.after(self.now, self.model.close.draw(self.rng))

    def _archive(self) -> None:
        ready = self.clock.after(self.now, self.model.retention.draw(self.rng))
        day = ready // SECONDS_PER_DAY
        batch_day = self.clock.on_or_after(day + (FRIDAY - (day + 3) % 7) % 7)
        batch = batch_day * SECONDS_PER_DAY + self._office_time()
        self.now = ready if batch_day == day else batch
