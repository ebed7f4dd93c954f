"""How many tickets arrive on each day, by which channel and at which second.

The mean of an ordinary day is base x growth x weekday x month x holiday x volume_scale; inside a
peak window it is replaced by a uniform draw between the profile's limits. The day's total is
negative binomial (variance m + m^2/k: public service logs are overdispersed, so Poisson is wrong),
and it is split over the channels by that day's channel weights. Peak windows are anchored to the
absolute calendar, so that a slice of a year equals the year's slice.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pqrs_kedro.domain.calendar import BusinessCalendar, Days, day_number
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import Profile
from pqrs_kedro.pipelines.synthesis.draws import DayDraws, choose, raw_block, to_uniform

REFERENCE_YEAR = 2026
_WEEKEND_WEEKDAY = 6


@dataclass(frozen=True)
class ArrivalModel:
    """The arrival process of a profile at a scale, for one seed."""

    profile: Profile
    calendar: BusinessCalendar
    seed: int
    volume_scale: float

    def ordinary_means(self, days: Days) -> NDArray[np.float64]:
        """Mean tickets of each day outside peaks."""
        base = self.profile.volume.per_day / self._reference_mean
        return base * self.volume_scale * self._shape(days)

    def means(self, days: Days) -> NDArray[np.float64]:
        """Mean tickets of each day: ordinary, or the peak's level inside a peak window."""
        low, high = self.profile.peaks.per_day
        level = np.array(
            [low + (high - low) * self._day_uniform("peak/level", day) for day in days]
        )
        return np.where(self.in_peak(days), level * self.volume_scale, self.ordinary_means(days))

    def counts(self, days: Days) -> Days:
        """Tickets received on each day: negative binomial around the day's mean."""
        # Rounding puts the quantile's argument on a decimal grid: the last bits of the mean differ
        # between processors, and must not move a count.
        means = np.round(self.means(days), 6)
        k = self.profile.volume.dispersion
        uniform = np.array([self._day_uniform("arrivals/count", day) for day in days])
        return _negative_binomial(uniform, k, np.round(k / (k + means), 12))

    def in_peak(self, days: Days) -> NDArray[np.bool_]:
        """Whether each day lies in a peak window."""
        period = self.profile.peaks.every_days
        flags = np.zeros(len(days), dtype=bool)
        for number in np.unique(np.asarray(days) // period):
            first, last = self._peak_window(int(number))
            flags |= (days >= first) & (days <= last)
        return flags

    def _peak_window(self, period_number: int) -> tuple[int, int]:
        """First and last day of the one window of a period."""
        period = self.profile.peaks.every_days
        shortest, longest = self.profile.peaks.days
        place, length = raw_block(self.seed, "peak/window", period_number, 2)
        days = shortest + int(length) % (longest - shortest + 1)
        first = period_number * period + int(place) % (period - days + 1)
        return first, first + days - 1

    def _day_uniform(self, stream: str, day: int) -> float:
        return float(to_uniform(raw_block(self.seed, stream, int(day), 1))[0])

    @cached_property
    def _reference_mean(self) -> float:
        """Mean of the shape over the reference year, which `per_day` is the mean of."""
        year = range(
            day_number(date(REFERENCE_YEAR, 1, 1)), day_number(date(REFERENCE_YEAR + 1, 1, 1))
        )
        return float(np.mean(self._shape(np.array(year))))

    def _shape(self, days: Days) -> NDArray[np.float64]:
        """Growth x weekday x month x holiday of each day."""
        volume = self.profile.volume
        dates = np.asarray(days, dtype="datetime64[D]")
        month = (dates.astype("datetime64[M]").astype(np.int64) % 12).astype(np.int64)
        months = np.array(volume.month) / np.mean(volume.month)
        elapsed = np.asarray(days) - day_number(date(REFERENCE_YEAR, 1, 1))
        growth = (1 + volume.yearly_growth) ** (elapsed / 365)
        weekday = self._weekday_weights[(np.asarray(days) + 3) % 7].sum(axis=1)
        return np.asarray(growth * weekday * months[month] * self._holiday_factor(days))

    def _holiday_factor(self, days: Days) -> NDArray[np.float64]:
        volume = self.profile.volume
        holiday = self.calendar.is_holiday_day(days)
        previous_business_day = self.calendar.day_of_ordinal(self.calendar.ordinal(days - 1))
        holidays_between = self.calendar.holiday_count(days - 1) - self.calendar.holiday_count(
            previous_business_day
        )
        after = self.calendar.is_business_day(days) & (holidays_between > 0)
        return np.where(holiday, volume.holiday, np.where(after, volume.after_holiday, 1.0))

    @cached_property
    def _weekday_weights(self) -> NDArray[np.float64]:
        """Share x weekday index, shape (7 weekdays, channels); each index has mean 1."""
        channels = [self.profile.channels[name] for name in CHANNEL_IDS]
        weekday = np.array([channel.weekday for channel in channels]).T
        return np.array([channel.share for channel in channels]) * weekday / weekday.mean(axis=0)

    def channel_weights(self, days: Days) -> NDArray[np.float64]:
        """Share of each channel on each day, shape (days, channels); holidays are as Sundays."""
        weekday = np.where(
            self.calendar.is_holiday_day(days), _WEEKEND_WEEKDAY, (np.asarray(days) + 3) % 7
        )
        weights = self._weekday_weights[weekday]
        # In a peak tickets arrive even on a weekday on which every channel is closed otherwise.
        shares = np.array([self.profile.channels[name].share for name in CHANNEL_IDS])
        weights = np.where(weights.any(axis=1, keepdims=True), weights, shares)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    @cached_property
    def hour_weights(self) -> NDArray[np.float64]:
        """Share of each hour of the day, shape (channels, 24)."""
        hours = np.array([self.profile.channels[name].hour for name in CHANNEL_IDS])
        return np.asarray(hours / hours.sum(axis=1, keepdims=True))


def _negative_binomial(
    uniform: NDArray[np.float64], k: float, probability: NDArray[np.float64]
) -> Days:
    """Least counts whose distribution function reaches each draw (mean k (1 - p) / p)."""
    # scipy.stats would do the same, but takes two seconds to import in every worker. The
    # continuous inverse may lie a hair above a whole number, hence the step back.
    counts = np.zeros(len(uniform), dtype=np.int64)
    some = probability < 1
    u, p = uniform[some], probability[some]
    upper = np.ceil(special.nbdtrik(u, k, p))
    lower = np.maximum(upper - 1, 0)
    enough = special.betainc(k, lower + 1, p) >= u
    counts[some] = np.where(enough, lower, upper).astype(np.int64)
    return counts


@dataclass(frozen=True)
class Arrivals:
    """Tickets of some days in order of reception: channel index and local second of each."""

    channel: NDArray[np.int64]
    local_second: Days


def draw_arrivals(model: ArrivalModel, draws: DayDraws) -> Arrivals:
    """Channel and reception time of every ticket; the index within a day follows the time."""
    days = np.array(draws.days, dtype=np.int64)
    row = np.repeat(np.arange(len(days)), draws.counts)
    channel = _choose_by_row(draws.uniform("arrivals/channel"), model.channel_weights(days), row)
    hour = _choose_by_row(draws.uniform("arrivals/hour"), model.hour_weights, channel)
    second = (draws.raw("arrivals/second") % np.uint64(3600)).astype(np.int64)
    local = days[row] * 86_400 + hour * 3600 + second
    order = np.lexsort((draws.raw("arrivals/tie"), local, row))
    return Arrivals(channel[order], local[order])


def _choose_by_row(
    uniform: NDArray[np.float64], weights: NDArray[np.float64], row: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A category per draw, by the weights of its row."""
    chosen = np.empty(len(uniform), dtype=np.int64)
    # The grid keeps a category's edge from moving with a processor's last bit.
    cumulative = np.round(np.cumsum(weights, axis=1), 12)
    cumulative[:, -1] = 1.0
    for number in np.unique(row):
        members = row == number
        chosen[members] = choose(uniform[members], cumulative[number])
    return chosen


@dataclass(frozen=True)
class ArrivalPlan:
    """Tickets received on each day from 1 January of the year before the run to its last day.

    Daily counts are cheap, so the run knows those before its first day too: the radicado's
    consecutive and the petitions that repeated ones cite do not depend on the run's date range.
    """

    first_day: int
    counts: Days

    def count(self, day: int) -> int:
        """Tickets received on a day."""
        return int(self.counts[day - self.first_day])

    @cached_property
    def _before(self) -> Days:
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    def number_before(self, days: Days) -> Days:
        """Tickets received from `first_day` to the day before each day."""
        return self._before[np.asarray(days) - self.first_day]

    def day_of_number(self, numbers: Days) -> Days:
        """Day of reception of the tickets with these running numbers, from 0."""
        return np.searchsorted(self._before, numbers, side="right") - 1 + self.first_day

    def consecutive(self, days: Days, numbers: Days) -> Days:
        """Consecutive since 1 January, from 1, of tickets by day and running number."""
        years = np.asarray(days, dtype="datetime64[D]").astype("datetime64[Y]")
        january = years.astype("datetime64[D]").astype(np.int64)
        return numbers - self.number_before(january) + 1


def plan_arrivals(model: ArrivalModel, first: date, last: date) -> ArrivalPlan:
    """Daily counts from 1 January of the year before `first` to `last`."""
    days = np.arange(day_number(date(first.year - 1, 1, 1)), day_number(last) + 1)
    return ArrivalPlan(int(days[0]), model.counts(days))
