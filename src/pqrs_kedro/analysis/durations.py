"""Lognormal segments of the life cycle, requested and realised, whatever of them was observed.

A segment that is cut off by the end of observation is not seen at all: short ones are seen more
often than long ones. Each duration is therefore placed in its law *given that it could be seen*,
F(duration) / F(limit), which is uniform exactly if the law is right. The limit is the time that
was left to observe, and the segment's own limit where the generator has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray
from scipy import optimize, stats

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.findings import Finding, by_tests
from pqrs_kedro.analysis.run_data import BOGOTA, RunData
from pqrs_kedro.domain.calendar import OFFICE_OPENS, OFFICE_SECONDS, SECONDS_PER_DAY
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import Lognormal
from pqrs_kedro.pipelines.synthesis.segments import CAP_SHARE, REFERENCE_TERM, UNIT_SECONDS
from pqrs_kedro.report.spanish import CHANNEL_NAMES, STATUS_NAMES, number

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNITS: Final = {
    "minutes": "minutos",
    "calendar_days": "días calendario",
    "office_hours": "horas de oficina",
    "office_days": "días de oficina",
}
# The golden ratio's fractions fill (0, 1) evenly, in whatever number; no random draw is needed.
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class OfficeClock:
    """Office seconds, 08:00-17:00 on the business days of the run's own calendar."""

    first_day: int
    ordinals: Ints
    """Business days up to and including each day, from `first_day` on."""

    @classmethod
    def of(cls, days: pd.DataFrame) -> "OfficeClock":
        """The clock of `dim_business_day`, whose days have no gaps."""
        numbers = days["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
        return cls(int(numbers[0]), days["business_day_ordinal"].to_numpy(np.int64))

    def elapsed(self, instants: "pd.Series[pd.Timestamp]") -> Floats:
        """Office seconds up to instants in UTC, whole ones."""
        local = (instants - BOGOTA).to_numpy().astype("datetime64[s]").astype(np.int64)
        days, second = np.divmod(local, SECONDS_PER_DAY)
        before, now = (self.ordinals[days - self.first_day - back] for back in (1, 0))
        today = np.clip(second - OFFICE_OPENS, 0, OFFICE_SECONDS) * (now - before)
        return np.asarray(before * OFFICE_SECONDS + today, np.float64)


@dataclass(frozen=True)
class Segment:
    """Observed durations of one segment, in seconds of its clock, each with its own limit."""

    name: str
    law: Lognormal
    seconds: Floats
    limits: Floats
    factors: Floats
    """What each duration's law is stretched by: legal terms differ."""
    is_rounded_down: bool = False

    @property
    def unit(self) -> str:
        """The unit of the law, in Spanish."""
        return UNITS[self.law.unit]

    @property
    def values(self) -> Floats:
        """Durations in the law's unit."""
        return np.asarray(self.seconds / UNIT_SECONDS[self.law.unit])

    def share_by(self, seconds: float) -> float:
        """Share of these cases that the law puts at or below a duration."""
        reached = self._cdf(np.full(len(self.seconds), seconds))
        return float(np.minimum(reached / self._cdf(self.limits), 1).mean())

    def places(self) -> Floats:
        """Where each duration lies in its own law: uniform if the law is right."""
        low = self.seconds - (0.0 if self.is_rounded_down else 0.5)
        start, end = self._cdf(np.maximum(low, 0)), self._cdf(low + 1)
        # A whole second stands for all durations that are rounded to it.
        within = (np.arange(len(low)) * _GOLDEN) % 1
        return np.clip((start + within * (end - start)) / self._cdf(self.limits), 0, 1)

    def finding(self) -> Finding:
        """Medians, and the test of the whole law."""
        count = len(self.seconds)
        asked = seen = None
        if count:
            scale = UNIT_SECONDS[self.law.unit]
            # At the law's own median at least half is reached: limits only shorten.
            top = self.law.median * scale * float(self.factors.max())
            middle = optimize.brentq(lambda s: self.share_by(s) - 0.5, 0, top + 1, xtol=0.01)
            asked, seen = middle / scale, float(np.median(self.seconds)) / scale
        fact = f"{self.name}, mediana en {self.unit}"
        return by_tests(fact, asked, seen, _two_decimals, count, self._checks)

    def _checks(self) -> list[checks.Check]:
        return checks.uniform_places(self.places())

    def _cdf(self, seconds: Floats) -> Floats:
        scale = self.law.median * UNIT_SECONDS[self.law.unit] * self.factors
        return np.asarray(stats.lognorm.cdf(seconds, s=self.law.sigma, scale=scale))


def segments(run: RunData) -> list[Segment]:
    """The segments whose law is that of the profile, as far as they were observed."""
    clock = OfficeClock.of(run.table("dim_business_day", "day", "business_day_ordinal"))
    steps = _steps(run)
    profile = run.parameters.chosen_profile
    stages = profile.segments
    found = list(_radication(run, steps, clock))
    hold = _measured(run, _named("ON_HOLD", "IN_PROGRESS"), stages.on_hold, steps, clock)
    found.append(_below(hold, _one_month(steps)))
    found.append(_closing(run, steps, clock))
    reopened = _named("CLOSED", "REOPENED")
    found.append(_measured(run, reopened, stages.closed_to_reopened, steps, clock))
    return [item.segment() for item in found]


@dataclass(frozen=True)
class _Measured:
    """A segment under construction, with the rows of `steps` that it is made of."""

    made: Segment
    chosen: NDArray[np.bool_]

    def where(self, keep: NDArray[np.bool_]) -> "_Measured":
        rows = keep[self.chosen]
        made = self.made
        kept = replace(
            made, seconds=made.seconds[rows], limits=made.limits[rows], factors=made.factors[rows]
        )
        return _Measured(kept, self.chosen & keep)

    def segment(self) -> Segment:
        return self.made


def _steps(run: RunData) -> pd.DataFrame:
    """One row per status transition: when its status began and ended, and the ticket's facts."""
    events = run.query("silver_status_events")
    in_ticket = ibis.window(group_by="ticket_id", order_by="event_number")
    steps = events.mutate(began=_.ts.lag().over(in_ticket)).filter(_.status_from.notnull())
    tickets = run.query("silver_tickets").select("ticket_id", "source_channel", "pqrs_type")
    wanted = ["ticket_id", "event_number", "status_from", "status_to", "began", "ts"]
    joined = steps.select(*wanted).join(tickets, "ticket_id")
    return joined.order_by("ticket_id", "event_number").to_pandas()


def _named(origin: str, target: str) -> tuple[str, str]:
    return origin, target


def _measured(
    run: RunData, step: tuple[str, str], law: Lognormal, steps: pd.DataFrame, clock: OfficeClock
) -> _Measured:
    """Durations of a transition on the clock of its law, and the time there was to see them."""
    origin, target = step
    chosen = ((steps["status_from"] == origin) & (steps["status_to"] == target)).to_numpy(bool)
    rows = steps[chosen]
    end = pd.Series(run.watched_until, index=rows.index)
    if law.unit.startswith("office"):
        began = clock.elapsed(rows["began"])
        seconds, limits = clock.elapsed(rows["ts"]) - began, clock.elapsed(end) - began
    else:
        seconds, limits = (_wall(rows["began"], stop) for stop in (rows["ts"], end))
    if not run.is_cut:
        limits = np.full(len(rows), np.inf)
    name = f"{STATUS_NAMES[origin]} → {STATUS_NAMES[target]}"
    made = Segment(name, law, seconds, np.maximum(limits, seconds), np.ones(len(rows)))
    return _Measured(made, chosen)


def _wall(start: "pd.Series[pd.Timestamp]", end: "pd.Series[pd.Timestamp]") -> Floats:
    return np.asarray((end - start).dt.total_seconds().round().to_numpy(), np.float64)


def _radication(run: RunData, steps: pd.DataFrame, clock: OfficeClock) -> Iterator[_Measured]:
    for channel in CHANNEL_IDS:
        law = run.parameters.chosen_profile.channels[channel].radication
        found = _measured(run, _named("RECEIVED", "RADICATED"), law, steps, clock)
        found = found.where((steps["source_channel"] == channel).to_numpy(bool))
        name = f"{found.made.name}, {CHANNEL_NAMES[channel].lower()}"
        yield replace(found, made=replace(found.made, name=name))


def _one_month(steps: pd.DataFrame) -> Floats:
    """Seconds of the longest hold that is answered, which ends within the month (CPACA art. 17)."""
    day = (steps["began"] - BOGOTA).dt.normalize()
    days = (day + pd.DateOffset(months=1) - day).dt.days - 1
    return np.asarray(days.to_numpy() * SECONDS_PER_DAY, np.float64)


def _closing(run: RunData, steps: pd.DataFrame, clock: OfficeClock) -> _Measured:
    """RESPONDED to CLOSED of tickets never held, whose answer nothing has pushed.

    Where CLOSED stops the legal clock the law is stretched by term / 15 and capped at a quarter of
    the term: only what is below the cap follows it.
    """
    profile = run.parameters.chosen_profile
    law = profile.segments.responded_to_closed
    found = _measured(run, _named("RESPONDED", "CLOSED"), law, steps, clock)
    held = steps.loc[steps["status_to"] == "ON_HOLD", "ticket_id"]
    found = found.where(~steps["ticket_id"].isin(held).to_numpy(bool))
    if profile.stop_status != "CLOSED":
        return found
    terms = {code: kind.term_business_days for code, kind in profile.types.items()}
    days = steps["pqrs_type"].map(terms).fillna(REFERENCE_TERM).to_numpy(np.float64)
    stretched = replace(
        found.made, factors=days[found.chosen] / REFERENCE_TERM, is_rounded_down=True
    )
    capped = _below(replace(found, made=stretched), np.rint(CAP_SHARE * days * OFFICE_SECONDS))
    return replace(capped, made=replace(capped.made, name=f"{capped.made.name}, bajo su tope"))


def _below(found: _Measured, limit: Floats) -> _Measured:
    """Only durations below the limits (one per row of `steps`), which then bound their law."""
    bounds = limit[found.chosen]
    bounded = replace(found.made, limits=np.minimum(found.made.limits, bounds))
    keep = found.chosen.copy()
    keep[found.chosen] = found.made.seconds < bounds
    return replace(found, made=bounded).where(keep)


def _two_decimals(value: float) -> str:
    return number(value, 2)
