"""What every section of the report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from pqrs_kedro.contracts.columns import REGIONS, UNKNOWN_REGION
from pqrs_kedro.report.evidence import Evidence
from pqrs_kedro.report.facts import Facts
from pqrs_kedro.report.rates import Group, Rate, rate_of, rates_by
from pqrs_kedro.report.spanish import CHANNEL_NAMES, DECLARED
from pqrs_kedro.report.tickets import Tickets


@dataclass(frozen=True)
class Accepted:
    """One acceptance criterion: its number, whether it holds, and what was found."""

    number: int
    holds: bool
    finding: str


@dataclass(frozen=True)
class Material:
    """A committed run: its manifest, its gold as facts, its tickets, its criteria, its evidence."""

    manifest: Mapping[str, Any]
    facts: Facts
    tickets: Tickets
    places: pd.DataFrame
    """dim_geo."""
    business_days: frozenset[date]
    criteria: Sequence[Accepted]
    evidence: Evidence

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the run."""
        found: Mapping[str, Any] = self.manifest["inputs"]["parameters"]
        return found

    @property
    def first(self) -> date:
        """First day of reception."""
        return date.fromisoformat(self.manifest["inputs"]["date_min"])

    @property
    def last(self) -> date:
        """Last day of reception."""
        return date.fromisoformat(self.manifest["inputs"]["date_max"])

    @property
    def until(self) -> date | None:
        """The end of observation, where the run has one."""
        given = self.parameters.get("observe_until")
        return date.fromisoformat(given) if given else None

    @property
    def declared(self) -> str | None:
        """What imported lines are declared to be; null of generated ones."""
        return DECLARED[self.manifest["declared"]] if "declared" in self.manifest else None

    @cached_property
    def types(self) -> dict[str, str]:
        """Names of the PQRS types, in the order of their codes."""
        types = self.parameters["profile"]["types"]
        return {code: item["name"] for code, item in sorted(types.items())}

    @cached_property
    def breach(self) -> Rate:
        """Breached tickets of those whose last due day has been observed."""
        return rate_of(self.tickets.due["breached"])

    @cached_property
    def breach_by(self) -> dict[str, list[Group]]:
        """The breach rate by channel, type and region; groups without due tickets are left out."""
        regions = {name: name for name in (*REGIONS, UNKNOWN_REGION)}
        return {
            "Canal": self._groups("source_channel", CHANNEL_NAMES),
            "Tipo": self._groups("pqrs_type", self.types),
            "Región": self._groups("region", regions),
        }

    def _groups(self, column: str, names: Mapping[str, str]) -> list[Group]:
        rates = rates_by(self.tickets.due, column, "breached")
        return [Group(code, names[code], rates[code]) for code in names if code in rates]
