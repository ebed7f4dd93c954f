"""Every check of data quality, those that fail first."""

from typing import Any

from pqrs_kedro.report.material import Material


def context(material: Material) -> dict[str, Any]:
    """The checks."""
    return {
        "checks": material.facts.quality.to_dict("records"),
        "failed": material.facts.failed.to_dict("records"),
    }
