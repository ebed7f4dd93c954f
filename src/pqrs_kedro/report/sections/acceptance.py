"""The five acceptance criteria, with their outcome."""

from typing import Any

from pqrs_kedro.report import spanish
from pqrs_kedro.report.material import Material


def context(material: Material) -> dict[str, Any]:
    """Each criterion with what was found; null where it was not checked."""
    found = {item.number: item for item in material.criteria}
    titles = spanish.CRITERIA | (spanish.CRITERIA_OF_IMPORTS if material.declared else {})
    return {"criteria": [(number, title, found.get(number)) for number, title in titles.items()]}
