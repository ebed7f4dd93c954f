"""Requested and realised: volume, shares, hours, variants and breach rate of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray
from scipy import stats

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.findings import Finding, by_tests, inside
from pqrs_kedro.analysis.run_data import RunData
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.pipelines.synthesis.arrivals import ArrivalModel
from pqrs_kedro.report.spanish import CHANNEL_NAMES, number, percent

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS: Final = 24
# Of public process logs, measured on 10,000 tickets; on a few hundred they say nothing.
_YARDSTICK_TICKETS: Final = 5_000
_RANKS: Final = 50
_NOT_COMPARABLE: Final = (
    f"las bandas son de ciclos completos y de {number(_YARDSTICK_TICKETS)} tickets o más"
)


@dataclass(frozen=True)
class Volume:
    """Tickets received by day, the mean that the law gives the day, and its band of 95 %."""

    days: Ints
    received: Ints
    means: Floats
    lower: Floats
    upper: Floats
    dispersion: float

    def findings(self) -> list[Finding]:
        """The total, and the spread around the means."""
        variance = float((self.means + self.means**2 / self.dispersion).sum())
        surplus = float(self.received.sum() - self.means.sum())
        count = int(self.received.sum())
        inside_band = int(((self.received >= self.lower) & (self.received <= self.upper)).sum())
        return [
            by_tests(
                "Peticiones recibidas", float(self.means.sum()), float(count), number, count,
                lambda: [checks.normal(surplus, variance**0.5, len(self.days))],
            ),
            by_tests(
                "Días en su banda del 95 % (se prueba la dispersión)", 95.0,
                100 * inside_band / len(self.days), percent, len(self.days),
                lambda: [checks.dispersion(self.received, self.means, self.dispersion)],
            ),
        ]  # fmt: skip


def volume(run: RunData) -> Volume:
    """Received by day against the negative binomial law of the day (docs/generator.md)."""
    days = run.received_days
    means = arrival_model(run).means(days)
    k = run.parameters.chosen_profile.volume.dispersion
    law = stats.nbinom(k, k / (k + means))
    return Volume(
        days=days,
        received=counts_of(run.tickets["day"], days),
        means=means,
        lower=np.asarray(law.ppf(0.025)),
        upper=np.asarray(law.ppf(0.975)),
        dispersion=k,
    )


def arrival_model(run: RunData) -> ArrivalModel:
    """The arrival process that the run was asked for."""
    asked = run.parameters
    return ArrivalModel(asked.chosen_profile, asked.business_calendar, *asked.generation)


def counts_of(values: "pd.Series[int]", keys: Ints) -> Ints:
    """How often each key occurs."""
    counted = values.value_counts()
    return _whole(counted.reindex(keys, fill_value=0))


@dataclass(frozen=True)
class Shares:
    """Tickets of each category, and the share that was requested of each."""

    fact: str
    names: Mapping[str, str]
    counts: Ints
    requested: Floats

    @property
    def realised(self) -> Floats:
        """The share of each category."""
        return np.asarray(self.counts / max(self.counts.sum(), 1))

    def findings(self) -> list[Finding]:
        """One for all categories together, which is tested, and one for each, which is not."""
        total = int(self.counts.sum())
        farthest = int(np.abs(self.realised - self.requested).argmax())
        together = by_tests(
            f"{self.fact}: todas", None, None, percent, total,
            lambda: [checks.multinomial(self.counts, self.requested)],
        )  # fmt: skip
        rows = [
            Finding(
                f"{self.fact}: {name}" + (" (la más distante)" if n == farthest else ""),
                100 * float(self.requested[n]), 100 * float(self.realised[n]), total, percent,
            )
            for n, name in enumerate(self.names.values())
        ]  # fmt: skip
        return [together, *rows]


def channel_shares(run: RunData) -> Shares:
    """Channels: the shares that the weekdays and holidays of the run make, given each day's total.

    Nobody calls on a Sunday: the shares of a short run are not those of the profile.
    """
    days = run.received_days
    received = counts_of(run.tickets["day"], days)
    expected = received @ arrival_model(run).channel_weights(days)
    names = {name: CHANNEL_NAMES[name] for name in CHANNEL_IDS}
    return _shares(run, "Canal", "source_channel", names, expected)


def type_shares(run: RunData) -> Shares:
    """PQRS types against the profile."""
    types = run.parameters.chosen_profile.types
    expected = np.array([kind.share for kind in types.values()])
    return _shares(run, "Tipo", "pqrs_type", run.type_names, expected)


def priority_shares(run: RunData) -> Shares:
    """Priorities against the profile."""
    asked = run.parameters.chosen_profile.priority
    names = {name: name.capitalize() for name in asked}
    return _shares(run, "Prioridad", "priority", names, np.array(list(asked.values())))


def _shares(
    run: RunData, fact: str, column: str, names: Mapping[str, str], expected: Floats
) -> Shares:
    counted = run.tickets[column].value_counts()
    counts = _whole(counted.reindex(list(names), fill_value=0))
    return Shares(fact, names, counts, np.asarray(expected / expected.sum()))


@dataclass(frozen=True)
class Hours:
    """Tickets by hour of the day, and the share requested of each hour; a row per channel."""

    counts: Ints
    requested: Floats

    @property
    def realised(self) -> Floats:
        """The share of each hour within its channel."""
        return np.asarray(self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1))

    def findings(self) -> list[Finding]:
        """One per channel; the numbers shown are those of its busiest hour."""
        return [self._finding(row, name) for row, name in enumerate(CHANNEL_IDS)]

    def _finding(self, row: int, channel: str) -> Finding:
        peak = int(self.requested[row].argmax())
        return by_tests(
            f"{CHANNEL_NAMES[channel]}: 24 horas (se muestra la de las {peak:02d})",
            100 * float(self.requested[row, peak]), 100 * float(self.realised[row, peak]),
            percent, int(self.counts[row].sum()),
            lambda: [checks.multinomial(self.counts[row], self.requested[row])],
        )  # fmt: skip


def hours(run: RunData) -> Hours:
    """Hour of reception by channel."""
    counted = run.tickets.groupby(["source_channel", "hour"]).size()
    keys = pd.MultiIndex.from_product([CHANNEL_IDS, range(HOURS)])
    counts = _whole(counted.reindex(keys, fill_value=0)).reshape(-1, HOURS)
    return Hours(counts, arrival_model(run).hour_weights)


@dataclass(frozen=True)
class Variants:
    """Distinct paths of archived tickets, the most frequent first, and how often each occurs."""

    paths: tuple[tuple[str, ...], ...]
    counts: Ints
    is_comparable: bool
    """Whether the yardsticks of docs/distributions.md apply: complete cycles of enough tickets."""

    @property
    def covered(self) -> Floats:
        """Share of tickets with each variant or a more frequent one."""
        return np.asarray(np.cumsum(self.counts) / self.counts.sum())

    @property
    def repeats(self) -> float:
        """Share of tickets that enter some status more than once."""
        repeated = np.array([len(set(path)) < len(path) for path in self.paths])
        return float(self.counts[repeated].sum() / self.counts.sum())

    @property
    def slope(self) -> float:
        """Of log frequency over log rank, of the first 50 variants."""
        counts = self.counts[:_RANKS]
        fit = stats.linregress(np.log(np.arange(1, len(counts) + 1)), np.log(counts))
        return float(fit.slope)

    def findings(self) -> list[Finding]:
        """The yardsticks of public process logs."""
        if not len(self.counts):
            return []
        silence = None if self.is_comparable else _NOT_COMPARABLE
        shown: list[tuple[str, tuple[float, float], float, Callable[[float], str]]] = [
            ("Variante más frecuente", (50, 70), 100 * float(self.covered[0]), percent),
            ("Cinco más frecuentes", (77, 90), 100 * float(self.covered[:5][-1]), percent),
            ("Variantes que cubren el 80 %", (3, 7), self._for_80, number),
            ("Tickets que repiten un estado", (6, 35), 100 * self.repeats, percent),
            ("Pendiente de rango y frecuencia", (-1.9, -1.6), self.slope, _two_decimals),
        ]
        return [inside(*item, int(self.counts.sum()), silence) for item in shown]

    @property
    def _for_80(self) -> float:
        return float(np.searchsorted(self.covered, 0.8) + 1)


def variants(run: RunData) -> Variants:
    """Paths of the tickets that were seen to the end."""
    events = run.query("silver_status_events")
    paths = events.group_by("ticket_id").aggregate(
        path=_.status_to.group_concat(">", order_by=_.event_number)
    )
    ended = paths.filter(_.path.endswith("ARCHIVED"))
    counted = ended.group_by("path").aggregate(tickets=_.count())
    rows = counted.order_by(ibis.desc("tickets"), "path").to_pandas()
    counts = rows["tickets"].to_numpy(np.int64)
    return Variants(
        paths=tuple(tuple(path.split(">")) for path in rows["path"]),
        counts=counts,
        is_comparable=not run.is_cut and counts.sum() >= _YARDSTICK_TICKETS,
    )


@dataclass(frozen=True)
class BreachRates:
    """Breached tickets of those due, in total and by type, against the requested rate."""

    names: tuple[str, ...]
    breached: Ints
    due: Ints
    requested_pct: float | None
    """Null where the response's level was given instead."""

    def findings(self) -> list[Finding]:
        """Every rate is tested against the request."""
        rows = zip(self.names, self.breached.tolist(), self.due.tolist(), strict=True)
        return [self._finding(*row) for row in rows]

    def _finding(self, name: str, breached: int, due: int) -> Finding:
        rate = 100 * breached / due if due else None
        fact, requested = f"Incumplimiento: {name}", self.requested_pct
        if requested is None:
            return Finding(fact, None, rate, due, percent, silence="no se pidió ninguna tasa")
        return by_tests(
            fact, requested, rate, percent, due,
            lambda: [checks.share(breached, due, requested / 100)],
        )  # fmt: skip


def breach(run: RunData) -> BreachRates:
    """The run's summary of its breach rate, as gold has it."""
    rows = run.query("gold_run_summary").filter(_.measure == BREACH_RATE).to_pandas()
    rows = rows.set_index("group")
    groups = {TOTAL: "todos los tipos", **run.type_names}
    return BreachRates(
        names=tuple(groups.values()),
        breached=rows.loc[list(groups), "numerator"].to_numpy(np.int64),
        due=rows.loc[list(groups), "denominator"].to_numpy(np.int64),
        requested_pct=run.parameters.breach_rate and 100 * run.parameters.breach_rate,
    )


def _whole(counts: "pd.Series[int]") -> Ints:
    return np.asarray(counts.to_numpy(), np.int64)


def _two_decimals(value: float) -> str:
    return number(value, 2)
