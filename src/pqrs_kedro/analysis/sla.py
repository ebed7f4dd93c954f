"""Compliance with the legal term: rates with denominators and intervals, and what goes with them.

The rate of a group is the share of breached tickets among those whose last due day has come by the
end of observation, as docs/metrics.md defines the breach rate: it needs no censoring, since early
closers do not count before their day either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from ibis import _
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from pqrs_kedro.analysis.findings import LEAST, probability
from pqrs_kedro.analysis.run_data import RunData
from pqrs_kedro.analysis.shown import Judged, Shown, table, together, verdict
from pqrs_kedro.analysis.survival import (
    CurveComparison,
    Spells,
    SurvivalCurve,
    compare_curves,
    kaplan_meier,
    watched_days,
)
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.pipelines.reporting.nodes import BREACH_RATE, TOTAL
from pqrs_kedro.report.spanish import CHANNEL_NAMES, NONE, number, percent

# Of the analysis of one run; the tests of fit have a stricter one of their own.
SIGNIFICANCE: Final = 0.05
NO_PLACE: Final = "Sin dato"
WEEKDAYS: Final = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")


@dataclass(frozen=True)
class Rate:
    """Breached tickets of those due, with Wilson's interval of 95 %, per cent."""

    name: str
    breached: int
    due: int

    @property
    def pct(self) -> float | None:
        """The rate; null if no ticket is due."""
        return 100 * self.breached / self.due if self.due else None

    @property
    def limits_pct(self) -> tuple[float, float]:
        """Wilson's limits; all or nothing if no ticket is due."""
        if not self.due:
            return 0.0, 100.0
        low, high = proportion_confint(self.breached, self.due, method="wilson")
        return 100 * float(low), 100 * float(high)

    def cells(self) -> list[str | Judged]:
        """The row of a table."""
        low, high = self.limits_pct
        limits = f"{percent(low)} a {percent(high)}" if self.due else NONE
        within = None if self.pct is None else 100 - self.pct
        counts = [number(self.due), number(self.breached)]
        return [self.name, *counts, percent(self.pct), limits, percent(within)]


@dataclass(frozen=True)
class Dimension:
    """The rates of the groups of one dimension, and whether they differ."""

    name: str
    rates: tuple[Rate, ...]
    p_value: float | None
    """Of the chi-square test of equal rates; null if there is nothing to compare."""

    def shown(self) -> Shown:
        """Rates with denominators and intervals, and the verdict on their differences."""
        header = (self.name, "Vencidos", "Incumplidos", "Tasa", "Intervalo 95 %", "Cumplimiento")
        rows = [rate.cells() for rate in self.rates]
        source = "silver_tickets, dim_geo"
        return together(
            table(header, rows, f"Incumplimiento por {self.name.lower()}", source),
            verdict(None, self._verdict()),
        )

    def _verdict(self) -> str:
        if self.p_value is None:
            return "Sin veredicto: hay menos de dos grupos que comparar."
        p = probability(self.p_value)
        if self.p_value < SIGNIFICANCE:
            return f"Las tasas DIFIEREN entre grupos (ji cuadrado, p {p})."
        return f"Las tasas no se distinguen entre grupos (ji cuadrado, p {p})."


def due_tickets(run: RunData) -> pd.DataFrame:
    """Tickets whose last due day has come, with their groups in every dimension."""
    tickets = run.tickets
    due = tickets[tickets["sla_due_at"] < run.watched_until].copy()
    places = run.table("dim_geo", "geo_id", "region", "department").set_index("geo_id")
    day = pd.to_datetime(due["day"], unit="D")
    return due.assign(
        is_breached=due["is_breached"].fillna(False).astype(bool),
        region=due["geo_id"].map(places["region"]).fillna(NO_PLACE),
        department=due["geo_id"].map(places["department"]).fillna(NO_PLACE),
        weekday=day.dt.day_of_week,
        month=day.dt.strftime("%Y-%m"),
    )


def dimensions(run: RunData, due: pd.DataFrame) -> list[Dimension]:
    """The rates by every dimension, in the order in which they are shown."""
    priorities = run.parameters.chosen_profile.priority
    spoken = {name: name.capitalize() for name in priorities}
    regions, departments, months = (
        {str(name): str(name) for name in sorted(due[column].unique())}
        for column in ("region", "department", "month")
    )
    return [
        by_dimension(due, "Tipo", "pqrs_type", run.type_names),
        by_dimension(due, "Canal", "source_channel", {n: CHANNEL_NAMES[n] for n in CHANNEL_IDS}),
        by_dimension(due, "Prioridad", "priority", spoken),
        by_dimension(due, "Región", "region", regions),
        by_dimension(due, "Departamento", "department", departments),
        by_dimension(due, "Día de recepción", "weekday", dict(enumerate(WEEKDAYS))),
        by_dimension(due, "Mes de recepción", "month", months),
    ]


def by_dimension(
    due: pd.DataFrame, name: str, column: str, names: Mapping[str, str] | Mapping[int, str]
) -> Dimension:
    """The rates of the groups of a column."""
    counted = due.groupby(column)["is_breached"].agg(["sum", "count"])
    counted = counted.reindex(list(names), fill_value=0)
    rates = [
        Rate(label, int(breached), int(count))
        for label, breached, count in zip(
            names.values(), counted["sum"], counted["count"], strict=True
        )
    ]
    return Dimension(name, tuple(rates), _equal_rates(rates))


def _equal_rates(rates: Sequence[Rate]) -> float | None:
    cells = np.array([[item.breached, item.due - item.breached] for item in rates if item.due])
    if len(cells) < 2 or not cells.sum(axis=0).all():
        return None
    return float(stats.chi2_contingency(cells, correction=False).pvalue)


def agreement_with_gold(run: RunData, due: pd.DataFrame) -> Shown:
    """Whether the counts of this notebook are those of the gold tables."""
    summary = run.query("gold_run_summary").filter(_.measure == BREACH_RATE, _.group == TOTAL)
    total = summary.to_pandas().iloc[0]
    cycles = run.query("silver_sla_cycles")
    stopped = cycles.filter(_.stop_day.notnull())
    seen = stopped.aggregate(stopped=_.count(), late=_.is_late.cast("int64").sum())
    gold = run.query("gold_kpi_sla_daily")
    kept = gold.aggregate(stopped=_.stopped_count.sum(), late=_.late_count.sum())
    first, second = seen.to_pandas().iloc[0], kept.to_pandas().iloc[0]
    return together(
        _agrees("Tickets incumplidos", int(due["is_breached"].sum()), int(total["numerator"])),
        _agrees("Tickets vencidos", len(due), int(total["denominator"])),
        _agrees("Ciclos detenidos", int(first["stopped"]), int(second["stopped"])),
        _agrees("Ciclos tarde", int(first["late"]), int(second["late"])),
    )


def _agrees(name: str, silver: int, gold: int) -> Shown:
    if silver == gold:
        return verdict(True, f"{name}: {number(silver)} en silver y en gold.")
    return verdict(False, f"{name}: {number(silver)} en silver, {number(gold)} en gold.")


# --- Survival -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survival:
    """How long tickets stay open, by type; open tickets are censored."""

    curves: Mapping[str, SurvivalCurve]
    comparison: CurveComparison | None

    def shown(self) -> Shown:
        """Medians with limits, the ninetieth percentile, and what is open after 30 days."""
        header = ("Tipo", "Tickets", "Abiertos (censurados)", "Mediana, días", "Intervalo 95 %",
                  "Percentil 90, días", "Abiertos a los 30 días")  # fmt: skip
        rows = [_curve_cells(name, curve) for name, curve in self.curves.items()]
        source = "silver_tickets"
        return together(
            table(header, rows, "Días calendario de la recepción al último cierre", source),
            verdict(None, self._verdict()),
        )

    def _verdict(self) -> str:
        if self.comparison is None:
            return "Sin veredicto: hay menos de dos tipos que comparar."
        p = probability(self.comparison.p_value)
        if self.comparison.p_value < SIGNIFICANCE:
            return f"Los tipos DIFIEREN en el tiempo a cierre (log-rank, p {p})."
        return f"Los tipos no se distinguen en el tiempo a cierre (log-rank, p {p})."


def closing_survival(run: RunData) -> Survival:
    """Kaplan-Meier curves of the time from reception to the last closing."""
    known = run.tickets[run.tickets["pqrs_type"].notna()]
    spells = watched_days(known["created_at"], known["closed_at"], run.watched_until)
    types = known["pqrs_type"].to_numpy(str)
    curves = {
        name: kaplan_meier(spells.where(types == code))
        for code, name in run.type_names.items()
        if (types == code).any()
    }
    return Survival(curves, _comparison(spells, types))


def _comparison(spells: Spells, groups: "np.typing.NDArray[np.str_]") -> CurveComparison | None:
    if len(np.unique(groups)) < 2 or not spells.is_observed.any():
        return None
    return compare_curves(spells, groups)


def _curve_cells(name: str, curve: SurvivalCurve) -> list[str | Judged]:
    low, high = curve.quantile_limits(0.5)
    return [
        name,
        number(curve.cases),
        number(curve.censored),
        number(curve.quantile(0.5), 1),
        f"{number(low, 1)} a {number(high, 1)}",
        number(curve.quantile(0.9), 1),
        percent(100 * curve.at(30)) if curve.longest >= 30 else NONE,
    ]


# --- Drivers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """Breach rates of the tickets with and without a trait, and their difference in points."""

    name: str
    has: Rate
    lacks: Rate
    adjusted_p: float
    """Of Fisher's exact test, after Holm's correction for the number of traits."""

    @property
    def difference(self) -> float:
        """Percentage points that the rate is higher with the trait."""
        return (self.has.pct or 0) - (self.lacks.pct or 0)

    @property
    def limits(self) -> tuple[float, float]:
        """Newcombe's limits of 95 % of the difference, in points."""
        low, high = confint_proportions_2indep(
            self.has.breached, self.has.due, self.lacks.breached, self.lacks.due, method="newcomb"
        )
        return 100 * float(low), 100 * float(high)

    def cells(self) -> list[str | Judged]:
        """The row of a table."""
        low, high = self.limits
        is_clear = self.adjusted_p < SIGNIFICANCE
        effect = "sube" if self.difference > 0 else "baja"
        text = f"{effect}, p {probability(self.adjusted_p)}" if is_clear else "no se distingue"
        return [
            self.name,
            f"{percent(self.has.pct)} de {number(self.has.due)}",
            f"{percent(self.lacks.pct)} de {number(self.lacks.due)}",
            f"{number(self.difference, 1)} ({number(low, 1)} a {number(high, 1)})",
            text,
        ]


def drivers(run: RunData, due: pd.DataFrame) -> list[Driver]:
    """Traits of tickets and how much more often those that have one are breached.

    Differences, not causes: what a trait does is mixed with what it comes with.
    """
    found = []
    for name, trait in _traits(run, due).items():
        has, lacks = (_rate(name, due[trait == side]["is_breached"]) for side in (True, False))
        if min(has.due, lacks.due) >= LEAST:
            cells = [[item.breached, item.due - item.breached] for item in (has, lacks)]
            found.append((name, has, lacks, float(stats.fisher_exact(cells).pvalue)))
    if not found:
        return []
    adjusted = multipletests([item[3] for item in found], method="holm")[1]
    made = [Driver(*item[:3], float(p)) for item, p in zip(found, adjusted, strict=True)]
    return sorted(made, key=lambda item: (-abs(item.difference), item.name))


def drivers_table(found: Sequence[Driver]) -> Shown:
    """The drivers, the greatest difference first."""
    header = ("Rasgo", "Tasa con él", "Tasa sin él", "Diferencia, puntos (95 %)", "Efecto")
    source = "silver_tickets, silver_sla_cycles, dim_geo, dim_business_day"
    return table(header, [item.cells() for item in found], "Rasgos e incumplimiento", source)


def _rate(name: str, breached: "pd.Series[bool]") -> Rate:
    return Rate(name, int(breached.sum()), len(breached))


def _traits(run: RunData, due: pd.DataFrame) -> Mapping[str, "pd.Series[bool]"]:
    cycles = run.query("silver_sla_cycles").group_by("ticket_id")
    last = cycles.aggregate(
        held=_.first_hold_start_day.argmax(_.cycle_number).notnull(),
        held_twice=_.second_hold_start_day.argmax(_.cycle_number).notnull(),
        extended=_.extended_on_day.argmax(_.cycle_number).notnull(),
    ).to_pandas()
    by_ticket = last.set_index("ticket_id").reindex(due["ticket_id"], fill_value=False)
    business = run.table("dim_business_day", "day", "is_business_day")
    open_days = business["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    is_open = pd.Series(business["is_business_day"].to_numpy(bool), index=open_days)
    code = due["resolution_code"]
    own: dict[str, Callable[[], pd.Series[bool]]] = {
        "Reabierto": lambda: due["sla_cycles_count"] > 1,
        "Traslado por competencia": lambda: code == "TRASLADO",
        "Desistimiento tácito": lambda: code == "DESISTIMIENTO_TACITO",
        "Reiterativa": lambda: code == "REITERATIVA",
        "Prioridad alta": lambda: due["priority"] == "ALTA",
        "Municipio desconocido": lambda: due["geo_id"].isna(),
        "Recibido en día no hábil": lambda: ~due["day"].map(is_open),
    }
    held = {"En espera": "held", "Dos esperas": "held_twice", "Prórroga": "extended"}
    return {
        **{name: _aligned(by_ticket[column], due) for name, column in held.items()},
        **{name: made().fillna(False).astype(bool) for name, made in own.items()},
    }


def _aligned(values: "pd.Series[bool]", due: pd.DataFrame) -> "pd.Series[bool]":
    return pd.Series(values.to_numpy(bool), index=due.index)


def interval_rows(found: Sequence[Rate]) -> Iterator[tuple[str, float, float, float]]:
    """Rates as rows of a figure with intervals; groups without due tickets are left out."""
    for rate in found:
        if rate.pct is not None:
            low, high = rate.limits_pct
            yield f"{rate.name} (n = {number(rate.due)})", rate.pct, low, high
