"""docs/distributions.md: the text of page.md with its tables, and the figures it shows."""

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Final

from tools.distributions import (
    figures_arrivals,
    figures_lives,
    figures_places,
    tables_arrivals,
    tables_lives,
)
from tools.distributions.study import Study

COMMAND: Final = "make docs"
TEXT: Final = Path(__file__).with_name("page.md")
FIGURES: Final[dict[str, Callable[[Study], bytes]]] = {
    "arrivals_year.svg": figures_arrivals.arrivals_year,
    "dispersion.svg": figures_arrivals.dispersion,
    "shares.svg": figures_arrivals.shares,
    "hours.svg": figures_arrivals.hours,
    "weekdays.svg": figures_arrivals.weekdays,
    "segment_durations.svg": figures_lives.segment_durations,
    "response_ratio.svg": figures_lives.response_ratio,
    "breach.svg": figures_lives.breach,
    "first_replies.svg": figures_lives.first_replies,
    "variant_ranks.svg": figures_lives.variant_ranks,
    "departments.svg": figures_places.department_figure,
    "map.png": figures_places.map_figure,
}
TABLES: Final[dict[str, Callable[[Study], str]]] = {
    "arrivals_table": tables_arrivals.arrivals_table,
    "shares_table": tables_arrivals.shares_table,
    "hours_table": tables_arrivals.hours_table,
    "territory_table": tables_arrivals.territory_table,
    "durations_table": tables_lives.durations_table,
    "ratio_table": tables_lives.ratio_table,
    "breach_table": tables_lives.breach_table,
    "cases_table": tables_lives.cases_table,
    "replies_table": tables_lives.replies_table,
    "variants_table": tables_lives.variants_table,
}


def page(study: Study) -> str:
    """The whole document."""
    text = Template(TEXT.read_text(encoding="utf-8"))
    return text.substitute({name: table(study) for name, table in TABLES.items()})


def problems(docs: Path, expected: str) -> list[str]:
    """What of the page in a folder is not as expected: its text, or a figure that is missing."""
    found = [
        f"figures/{name} is missing" for name in FIGURES if not (docs / "figures" / name).is_file()
    ]
    written = docs / "distributions.md"
    if not written.is_file() or written.read_text(encoding="utf-8") != expected:
        found.append("distributions.md is not what the generator gives")
    return found


def write(docs: Path, study: Study) -> None:
    """Write the page and its figures."""
    (docs / "figures").mkdir(parents=True, exist_ok=True)
    (docs / "distributions.md").write_text(page(study), encoding="utf-8", newline="\n")
    for name, draw in FIGURES.items():
        (docs / "figures" / name).write_bytes(draw(study))
