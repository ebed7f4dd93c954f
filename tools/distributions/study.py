"""The samples of the page, all from seed 42, and what several of its tables and figures use."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from tools.distributions import laws
from tools.distributions.observed import Observed
from tools.distributions.samples import (
    PROFILES,
    base_profile,
    never_late_share,
    parameters,
    tickets,
)

from pqrs_kedro.domain.calendar import colombian_calendar, day_number
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel
from pqrs_kedro.pipelines.synthesis.generator import generate_batch
from pqrs_kedro.pipelines.synthesis.paths import Paths
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

SEED: Final = 42
RATE: Final = 0.095
RATES: Final = (0.02, 0.05, 0.07, 0.095, 0.12, 0.20, 0.30, 0.40)
RATE_DAYS: Final = 25
VARIANT_SEEDS: Final = (1, 7, 42, 99, 2026)
VARIANT_TICKETS: Final = 10_000
FIRST_DAY: Final = "2026-01-01"
_FIRST, _LAST = date(2018, 1, 1), date(2035, 12, 31)
_FILE_DAYS: Final = ("2026-01-13", "2026-01-19")


@dataclass(frozen=True)
class Days:
    """Days with their counts, and their means by the law outside peaks."""

    dates: tuple[date, ...]
    counts: laws.Int
    means: laws.Float
    """The law's mean of an ordinary day; in a peak its level."""
    in_peak: laws.Bool


@dataclass(frozen=True)
class Breach:
    """The realised breach rate of one run."""

    profile: str
    requested: float
    realised: float
    tickets: int
    spread: float
    """Standard deviation that stratified draws have."""


class Study:
    """Everything that is generated for the page, each sample when it is first asked for."""

    @cached_property
    def document(self) -> Observed:
        """180 days of `documento_v1`."""
        return Observed(tickets(FIRST_DAY, 180, seed=SEED))

    @cached_property
    def law(self) -> Observed:
        """60 days of `ley1755`."""
        return Observed(tickets(FIRST_DAY, 60, profile="ley1755", seed=SEED))

    def sample(self, name: str) -> Observed:
        """The sample of a profile."""
        return self.document if name == "documento_v1" else self.law

    @cached_property
    def days(self) -> Days:
        """The days of 2018 to 2035."""
        profile = base_profile("documento_v1")
        model = ArrivalModel(profile, colombian_calendar(), SEED, 1.0)
        numbers = np.arange(day_number(_FIRST), day_number(_LAST) + 1)
        dates = tuple(_FIRST + timedelta(days=n) for n in range(len(numbers)))
        peak = model.in_peak(numbers)
        means = np.where(peak, model.means(numbers), laws.ordinary_means(profile, dates))
        return Days(dates, model.counts(numbers), means, peak)

    @cached_property
    def breaches(self) -> list[Breach]:
        """Runs of 25 days at rates from 2 to 40 %, both profiles."""
        return [
            self._breach(name, rate, SEED + number)
            for name in PROFILES
            for number, rate in enumerate(RATES)
        ]

    def _breach(self, name: str, rate: float, seed: int) -> Breach:
        # Equal seeds would make the deviations alike.
        found = Observed(tickets(FIRST_DAY, RATE_DAYS, profile=name, breach_rate=rate, seed=seed))
        profile, count = base_profile(name), len(found.breached)
        law = laws.breach_law(profile, rate, never_late_share(profile))
        spread = law.deviation(count, found.strata_count)
        return Breach(name, rate, float(found.breached.mean()), count, spread)

    @cached_property
    def variants(self) -> dict[int, Paths]:
        """Paths of 10,000 tickets for some seeds, as arrays of statuses."""
        return {
            seed: tickets("2026-04-13", 10, seed=seed).path[:VARIANT_TICKETS]
            for seed in VARIANT_SEEDS
        }

    @cached_property
    def files(self) -> dict[str, tuple[int, int]]:
        """By channel: petitions, and those with a file, of the raw lines of a week."""
        first, last = (date.fromisoformat(day) for day in _FILE_DAYS)
        scenario = build_scenario(parameters(date_min=first, date_max=last, seed=SEED))
        days = range(day_number(first), day_number(last) + 1)
        lines = generate_batch(scenario, days).lines.texts.series()
        received = lines.filter(lines.str.contains('"status_to":"RECEIVED"', literal=True))
        found: dict[str, tuple[int, int]] = {}
        for line in received:
            event = json.loads(line)
            attached = bool(
                event["payload"].get("attachments") or event["payload"].get("documentos")
            )
            n, k = found.get(event["source"], (0, 0))
            found[event["source"]] = (n + 1, k + attached)
        return found

    def ratio_law(self, name: str) -> laws.RatioLaw:
        """The law of the response ratio at 9.5 %."""
        profile = base_profile(name)
        return laws.ratio_law(profile.response, RATE / (1 - never_late_share(profile)))

    def municipality_counts(self) -> pl.DataFrame:
        """Tickets by municipality: columns dane_code, count."""
        known = self.document.batch.frame["dane_code"].drop_nulls()
        return known.value_counts(name="count").sort("dane_code")
