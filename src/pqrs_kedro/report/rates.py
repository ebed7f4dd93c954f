"""Shares with their denominators and 95 % confidence limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

import pandas as pd

# The 97.5 % quantile of the normal distribution.
_Z: Final = 1.959963984540054
# Groups smaller than this are shown, and never named as the worst.
ENOUGH: Final = 30


@dataclass(frozen=True)
class Rate:
    """A share: so many of so many."""

    part: int
    whole: int

    @property
    def pct(self) -> float | None:
        """The share per cent; null of nothing."""
        return 100 * self.part / self.whole if self.whole else None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Wilson's score interval, per cent; null of nothing.

        It keeps its level for few cases and for shares near 0 and 1, and never leaves 0 to 100.
        Source: Wilson 1927; Brown, Cai and DasGupta 2001.
        """
        if not self.whole:
            return None
        n, p, zz = self.whole, self.part / self.whole, _Z * _Z
        middle = (p + zz / (2 * n)) / (1 + zz / n)
        half = _Z * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
        return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)

    def is_above(self, other: "Rate") -> bool:
        """The whole interval lies above the other share, and there are enough cases."""
        if self.limits is None or other.pct is None or self.whole < ENOUGH:
            return False
        return self.limits[0] > other.pct


@dataclass(frozen=True)
class Group:
    """The breach rate of one group of tickets."""

    code: str
    name: str
    rate: Rate


def rate_of(flags: "pd.Series[bool]") -> Rate:
    """How many are true, of all."""
    return Rate(int(flags.sum()), len(flags))


def rates_by(rows: pd.DataFrame, column: str, flag: str) -> dict[str, Rate]:
    """The share of `flag` in each value of a column."""
    found = rows.groupby(column, sort=True, observed=True)[flag].agg(["sum", "count"])
    return {str(name): Rate(int(part), int(whole))
            for name, part, whole in found.itertuples()}  # fmt: skip


def worst(groups: Iterable[Group]) -> Group | None:
    """The group of the highest rate among those with enough cases; the first of equals."""
    known = [group for group in groups if group.rate.whole >= ENOUGH]
    return max(known, key=lambda group: group.rate.pct or 0.0, default=None)
