"""Tables of measured figures: median, range, target and whether it is met."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# Figures of one measurement, by name; the name ends with the unit: `peak memory, MB`.
Figures = dict[str, float]
_WITH_DECIMAL = ("s", "processor s", "times")


@dataclass(frozen=True)
class Target:
    """What a figure should be: below `most`, or from `least` on."""

    most: float = float("inf")
    least: float = 0.0

    def __str__(self) -> str:
        return f">= {self.least:,.0f}" if self.least else f"< {self.most:,g}"

    def is_met(self, value: float) -> bool:
        """Whether the value is within the target."""
        return self.least <= value < self.most


def machine() -> str:
    """What the figures depend on: cores, processor, Python."""
    parts = (f"{os.cpu_count()} cores", _processor(), f"Python {platform.python_version()}")
    return ", ".join(filter(None, parts))


def _processor() -> str:
    """The processor's model, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def load() -> str:
    """How busy the machine is, to be shown beside a measurement; empty where it is not known."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def print_figures(measured: Sequence[Figures], targets: Mapping[str, Target]) -> None:
    """Median and range of every figure over all measurements, and its target."""
    rows: list[tuple[str, ...]] = [("", "median", "least", "most", "target", "met")]
    rows += [
        _row(name, [figures[name] for figures in measured], targets.get(name))
        for name in measured[0]
    ]
    print_rows(rows)


def _row(name: str, values: list[float], target: Target | None) -> tuple[str, ...]:
    shown = (number(name, value) for value in (median(values), min(values), max(values)))
    return (name, *shown, *verdict(target, median(values)))


def number(name: str, value: float) -> str:
    """A figure with the decimals of its unit: one for seconds and ratios, none for the others."""
    unit = name.rpartition(", ")[2]
    return f"{value:,.{1 if unit in _WITH_DECIMAL else 0}f}"


def verdict(target: Target | None, value: float) -> tuple[str, str]:
    """A target and whether the value meets it; nothing where there is none."""
    return (str(target), "yes" if target.is_met(value) else "NO") if target else ("", "")


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """A table in columns: the first to the left, the others to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
