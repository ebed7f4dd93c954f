"""Identity of the run, and how to make it again."""

from typing import Any

from pqrs_kedro.report import spanish
from pqrs_kedro.report.material import Material


def context(material: Material) -> dict[str, Any]:
    """The manifest, its dates, and names of the layers."""
    return {
        "manifest": material.manifest,
        "first": material.first,
        "last": material.last,
        "until": material.until,
        "declared": material.declared,
        "layers": spanish.LAYERS,
    }
