"""Forecast of the backlog by survival of its cohorts, with error bars from its own past errors.

The backlog of a day is the number of open spells: a ticket opens a spell when it is received or
reopened, and CLOSED ends it. Offices close tickets on business days, so age is counted in these: of
a spell of age a the share S(a + h) / S(a) is still open h business days later, where S is the
Kaplan-Meier curve of the spells seen by then; what arrives in between is the mean of the same
weekdays of the last weeks. The error bars are order statistics of the relative errors that the same
forecast made from earlier days (the ranks of conformal prediction), and their coverage is counted
by back-test: every interval is made of what was known on its day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import ibis
import numpy as np
from ibis import _
from numpy.typing import NDArray

from pqrs_kedro.analysis.run_data import BOGOTA, RunData
from pqrs_kedro.analysis.shown import Judged, Shown, table, together, verdict
from pqrs_kedro.analysis.sla import Rate
from pqrs_kedro.analysis.survival import Spells, kaplan_meier
from pqrs_kedro.domain.calendar import to_date
from pqrs_kedro.report.spanish import NONE, long_date, number, percent

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HORIZONS: Final = (1, 3, 5, 10)
"""Days ahead."""
COVERAGE: Final = 0.8
# Days of history before the first forecast.
_LEAST_DAYS: Final = 10
# Of fewer errors not even the least and the greatest hold the next one in 80 % of cases.
_LEAST_ERRORS: Final = 9
# Of a long run the last days: each takes a survival curve of all spells before it.
_MOST_ORIGINS: Final = 120
# Intervals that were tried before their coverage is judged.
_LEAST_TRIALS: Final = 5
_WEEKS: Final = 4
_STILL_OPEN: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class OpenSpells:
    """One entry per spell: the local day on which it began, and that on which it ended."""

    began: Ints
    ended: Ints
    """A day after all others while the spell is open."""
    first_day: int
    ordinals: Ints
    """Business days up to and including each day of the run's calendar, from `first_day` on."""

    def ordinal(self, days: Ints) -> Ints:
        """Business days of the calendar up to and including each day."""
        return self.ordinals[days - self.first_day]

    def backlog(self, day: int) -> int:
        """Spells open at the end of a day."""
        return int(((self.began <= day) & (self.ended > day)).sum())

    def seen_by(self, day: int) -> "OpenSpells":
        """What was known at the end of a day."""
        known = self.began <= day
        ended = self.ended[known]
        told = np.where(ended <= day, ended, _STILL_OPEN)
        return replace(self, began=self.began[known], ended=told)


def open_spells(run: RunData) -> OpenSpells:
    """The spells of a run, from its status events."""
    return _spells(run, run.query("silver_status_events"))


def _spells(run: RunData, events: ibis.Table) -> OpenSpells:
    moves = events.filter(_.status_to.isin(["RECEIVED", "REOPENED", "CLOSED"]))
    in_ticket = ibis.window(group_by="ticket_id", order_by="event_number")
    pairs = moves.mutate(ended=_.ts.lead().over(in_ticket)).filter(_.status_to != "CLOSED")
    rows = pairs.order_by("ticket_id", "event_number").select("ts", "ended").to_pandas()
    days = [(rows[name] - BOGOTA).to_numpy().astype("datetime64[D]") for name in ("ts", "ended")]
    began, ended = (day.astype(np.int64) for day in days)
    calendar = run.table("dim_business_day", "day", "business_day_ordinal")
    return OpenSpells(
        began=began,
        ended=np.where(np.isnat(days[1]), _STILL_OPEN, ended),
        first_day=int(calendar["day"].to_numpy().astype("datetime64[D]").astype(np.int64)[0]),
        ordinals=calendar["business_day_ordinal"].to_numpy(np.int64),
    )


def forecasts(known: OpenSpells, day: int, horizons: Sequence[int]) -> list[float]:
    """The backlog expected some days after a day, from what is known at its end."""
    survival = _survival(known, day)
    is_open = known.ended == _STILL_OPEN
    began, counts = np.unique(known.began[is_open], return_counts=True)
    arrivals = _weekday_means(known, day)
    expected = []
    for horizon in horizons:
        target = known.ordinal(np.array([day + horizon]))
        coming = np.arange(day + 1, day + horizon + 1)
        alive = survival[known.ordinal(np.array([day])) - known.ordinal(began)]
        later = survival[target - known.ordinal(began)]
        kept = np.divide(later, alive, out=np.zeros_like(alive), where=alive > 0)
        new = arrivals[coming % 7] * survival[target - known.ordinal(coming)]
        expected.append(float((counts * kept).sum() + new.sum()))
    return expected


def _survival(known: OpenSpells, day: int) -> Floats:
    """Share of spells that is open at each age in business days, as known at the end of a day."""
    is_open = known.ended == _STILL_OPEN
    until = known.ordinal(np.where(is_open, day, known.ended))
    ages = until - known.ordinal(known.began)
    curve = kaplan_meier(Spells(ages.astype(np.float64), ~is_open))
    return np.array([curve.at(age) for age in range(int(ages.max()) + max(HORIZONS) + 1)])


def _weekday_means(known: OpenSpells, day: int) -> Floats:
    """Mean spells begun on each weekday of the last weeks; unseen weekdays have the mean of all."""
    first = max(int(known.began.min()), day - 7 * _WEEKS + 1)
    begun = np.bincount(known.began[known.began >= first] - first, minlength=day - first + 1)
    weekday = np.arange(first, day + 1) % 7
    means = [begun[weekday == n].mean() if (weekday == n).any() else np.nan for n in range(7)]
    return np.where(np.isnan(means), begun.mean(), means)


@dataclass(frozen=True)
class BackTest:
    """Forecasts of one horizon from every day, and what came."""

    horizon: int
    origins: Ints
    expected: Floats
    actual: Ints

    @property
    def ratios(self) -> Floats:
        """What came over what was expected."""
        return np.asarray(self.actual / np.maximum(self.expected, 1.0))

    def interval_ratios(self, day: int) -> tuple[float, float] | None:
        """Ranks of the errors that were known at the end of a day; null if they are too few."""
        known = np.sort(self.ratios[self.origins + self.horizon <= day])
        if len(known) < _LEAST_ERRORS:
            return None
        # The next error lies between these two with the probability announced, or a little more.
        rank = int((len(known) + 1) * (1 - COVERAGE) / 2 + 1e-9)
        return float(known[rank - 1]), float(known[-rank])

    def coverage(self) -> Rate:
        """How many intervals, each made of earlier errors only, held what came."""
        hits: list[bool] = []
        for place, day in enumerate(self.origins):
            limits = self.interval_ratios(int(day))
            if limits is not None:
                hits.append(bool(limits[0] <= self.ratios[place] <= limits[1]))
        return Rate(f"{self.horizon}", sum(hits), len(hits))

    @property
    def mean_error_pct(self) -> float | None:
        """Mean absolute error, per cent of what came."""
        if not len(self.origins):
            return None
        errors = np.abs(self.actual - self.expected) / np.maximum(self.actual, 1)
        return float(100 * errors.mean())


@dataclass(frozen=True)
class Outlook:
    """The forecast from the last day, and the back-test of its method."""

    origin: int
    past_days: Ints
    past: Ints
    expected: tuple[float, ...]
    tests: tuple[BackTest, ...]

    def limits(self) -> list[tuple[float, float] | None]:
        """The interval of each horizon; null where there are too few past errors."""
        found = []
        for value, test in zip(self.expected, self.tests, strict=True):
            ratios = test.interval_ratios(self.origin)
            found.append(None if ratios is None else (value * ratios[0], value * ratios[1]))
        return found

    def shown(self) -> Shown:
        """The forecast, and how often intervals made like these have held what came."""
        header = ("Días adelante", "Pronóstico", f"Intervalo del {100 * COVERAGE:.0f} %",
                  "Error medio (prueba retrospectiva)", "Cobertura realizada")  # fmt: skip
        origin = long_date(to_date(self.origin))
        return together(
            table(
                header, self._rows(), f"Backlog pronosticado al cierre del {origin}",
                "silver_status_events",
            ),
            *(verdict(*item) for item in self._verdicts()),
        )  # fmt: skip

    def _rows(self) -> Iterator[list[str | Judged]]:
        for value, limits, test in zip(self.expected, self.limits(), self.tests, strict=True):
            covered = test.coverage()
            bars = NONE if limits is None else " a ".join(number(limit) for limit in limits)
            rate = f"{covered.breached} de {covered.due}" if covered.due else NONE
            yield [
                f"{test.horizon}", number(value), bars, percent(test.mean_error_pct), rate,
            ]  # fmt: skip

    def _verdicts(self) -> Iterator[tuple[bool | None, str]]:
        for test in self.tests:
            covered = test.coverage()
            low, high = covered.limits_pct
            if covered.due < _LEAST_TRIALS:
                yield None, f"{test.horizon} días: muy pocas pruebas para juzgar la cobertura."
                continue
            holds = low <= 100 * COVERAGE <= high
            text = "compatible con" if holds else "INCOMPATIBLE con"
            yield (
                holds,
                (
                    f"{test.horizon} días: cobertura de {percent(covered.pct)} "
                    f"({covered.breached} de {covered.due}; intervalo {percent(low)} a "
                    f"{percent(high)}), {text} el {percent(100 * COVERAGE, 0)} anunciado."
                ),
            )


def outlook(run: RunData) -> Outlook | None:
    """The forecast from the last day of reception that was observed; null for too short a run."""
    spells = open_spells(run)
    days = run.received_days
    if len(days) <= _LEAST_DAYS or not len(spells.began):
        return None
    origins = days[_LEAST_DAYS:][-_MOST_ORIGINS:]
    expected = np.array([forecasts(spells.seen_by(int(d)), int(d), HORIZONS) for d in origins])
    tests = []
    for column, horizon in enumerate(HORIZONS):
        known = origins + horizon <= days[-1]
        actual = [spells.backlog(int(day) + horizon) for day in origins[known]]
        tests.append(
            BackTest(horizon, origins[known], expected[known, column], np.array(actual, np.int64))
        )
    return Outlook(
        origin=int(days[-1]),
        past_days=days,
        past=np.array([spells.backlog(int(day)) for day in days]),
        expected=tuple(expected[-1].tolist()),
        tests=tuple(tests),
    )


def agreement_with_gold(run: RunData) -> Shown:
    """Whether the spells of classified tickets make the backlog that gold has, on every day."""
    typed = run.query("silver_tickets").filter(_.pqrs_type.notnull()).select("ticket_id")
    spells = _spells(run, run.query("silver_status_events").semi_join(typed, "ticket_id"))
    gold = run.query("gold_kpi_backlog_daily").group_by("day")
    rows = gold.aggregate(open_count=_.backlog_count.sum()).order_by("day").to_pandas()
    days = rows["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    same = [
        spells.backlog(int(day)) == int(count)
        for day, count in zip(days, rows["open_count"], strict=True)
    ]
    text = f"{number(sum(same))} de {number(len(same))} días con el mismo backlog que gold."
    return verdict(all(same), text)
