"""Compliance with the legal term: stopped cycles by type, breached tickets by every grouping."""

from typing import Any

from pqrs_kedro.report.figures import sla_figure
from pqrs_kedro.report.figures_breach import groups_figure
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.rates import ENOUGH


def context(material: Material) -> dict[str, Any]:
    """Counts by type, and breach rates by channel, type and region with their limits."""
    return {
        "facts": material.facts,
        "types": material.types,
        "groups": material.breach_by,
        "total": material.breach,
        "enough": ENOUGH,
        "figure": sla_figure(material.facts.types, material.types),
        "groups_figure": (
            groups_figure("groups", material.breach_by, material.breach)
            if material.breach.whole
            else ""
        ),
    }
