"""Findings: a fact that was requested, what was realised of it, and the verdict of a test."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pqrs_kedro.analysis.checks import LEVEL, Check
from pqrs_kedro.analysis.shown import Judged, Shown, table, together, verdict
from pqrs_kedro.report.spanish import NONE, number

# A test of fewer observations would agree with almost anything.
LEAST: Final = 30
Form = Callable[[float], str]


@dataclass(frozen=True)
class Finding:
    """One fact, requested and realised, in the unit of `form`; null where there is no number."""

    fact: str
    requested: float | None
    realised: float | None
    observations: int
    form: Form
    p_value: float | None = None
    """Of the test; null where nothing was tested."""
    is_inside: bool | None = None
    """Whether the realised value lies within `limits`, where there are any."""
    limits: tuple[float, float] | None = None
    silence: str | None = None
    """Why nothing can be said, if so."""

    @property
    def holds(self) -> bool | None:
        """Whether what was realised agrees with the request; null if it cannot be said."""
        if self.observations < LEAST or self.silence is not None:
            return None
        if self.p_value is not None:
            return self.p_value > LEVEL
        return self.is_inside

    @property
    def judged(self) -> Judged:
        """The verdict in words."""
        if self.silence is not None:
            return Judged(f"sin veredicto: {self.silence}", None)
        if self.observations < LEAST:
            return Judged(f"sin veredicto: menos de {LEAST} observaciones", None)
        if self.p_value is not None:
            text = "concuerda" if self.holds else "NO CONCUERDA"
            return Judged(f"{text}, p {probability(self.p_value)}", self.holds)
        if self.is_inside is None:
            return Judged("sin prueba propia", None)
        return Judged("dentro de la banda" if self.is_inside else "FUERA DE LA BANDA", self.holds)

    def cells(self) -> list[str | Judged]:
        """The row of a table."""
        asked = NONE if self.requested is None else self.form(self.requested)
        if self.limits is not None:
            asked = " a ".join(self.form(limit) for limit in self.limits)
        seen = NONE if self.realised is None else self.form(self.realised)
        return [self.fact, self.judged, asked, seen, number(self.observations)]


def by_tests(
    fact: str,
    requested: float | None,
    realised: float | None,
    form: Form,
    observations: int,
    checks: Callable[[], Sequence[Check]],
) -> Finding:
    """A finding judged by tests: the least p-value times their number (Bonferroni).

    Tests are made only of enough observations.
    """
    if observations < LEAST:
        return Finding(fact, requested, realised, observations, form)
    found = checks()
    p_value = min(1.0, min(check.p for check in found) * len(found))
    return Finding(fact, requested, realised, observations, form, p_value)


def inside(
    fact: str,
    limits: tuple[float, float],
    realised: float,
    form: Form,
    observations: int,
    silence: str | None = None,
) -> Finding:
    """A finding judged by limits, unless a reason for silence is given."""
    low, high = limits
    return Finding(
        fact, None, realised, observations, form,
        is_inside=low <= realised <= high, limits=limits, silence=silence,
    )  # fmt: skip


def findings_table(found: Iterable[Finding], caption: str, source: str) -> Shown:
    """Findings with their verdicts."""
    header = ("Hecho", "Veredicto", "Solicitado", "Realizado", "Observaciones")
    return table(header, [item.cells() for item in found], caption, source)


def summary(groups: Iterable[Sequence[Finding]]) -> Shown:
    """How many findings agree, and those that do not, by name."""
    found = [item for group in groups for item in group]
    failed = [item for item in found if item.holds is False]
    judged = sum(item.holds is not None for item in found)
    text = f"{number(judged - len(failed))} de {number(judged)} hechos juzgados concuerdan"
    silent = len(found) - judged
    if silent:
        text += f"; de {number(silent)} no se puede decir nada"
    lines = [verdict(not failed if judged else None, f"{text}.")]
    lines += [verdict(False, f"{item.fact}: {item.judged.text}.") for item in failed]
    return together(*lines)


def probability(p: float) -> str:
    """`= 0,32`, or `< 0,0001`."""
    if p < LEVEL:
        return f"< {number(LEVEL, 4)}"
    return f"= {number(p, 2 if p >= 0.01 else 4)}"
