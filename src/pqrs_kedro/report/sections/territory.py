"""Where petitions come from: departments per 10,000 inhabitants, municipalities as points."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.report.figures_map import (
    BLUES,
    INSULAR,
    ORANGES,
    Choropleth,
    Point,
    map_figure,
)
from pqrs_kedro.report.material import Material
from pqrs_kedro.report.rates import ENOUGH, Rate, rate_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# Fewer tickets than these are not shown: so few could point at persons, and their rate is chance.
FEWEST_OF_DEPARTMENT: Final = 10
FEWEST_OF_MUNICIPALITY: Final = 5
# What the eye does not see at the size of a page: degrees.
_SIMPLIFIED: Final = 0.04
_GRID: Final = 1e-4
_ENLARGED: Final = 0.12


@dataclass(frozen=True)
class Department:
    """A department: tickets, inhabitants of its seats, and the breach rate."""

    code: str
    name: str
    tickets: int
    inhabitants: int
    rate: Rate
    is_hidden: bool

    @property
    def per_10000(self) -> float | None:
        """Tickets per 10,000 inhabitants; null where they are too few to show."""
        return None if self.is_hidden else 10_000 * self.tickets / self.inhabitants

    @property
    def breach_pct(self) -> float | None:
        """The breach rate; null where the department is hidden or too few tickets are due."""
        return None if self.is_hidden or self.rate.whole < ENOUGH else self.rate.pct


def context(material: Material) -> dict[str, Any]:
    """Departments and the map; without boundaries in dim_geo there is no map."""
    found = departments(material)
    points, rest = municipal_points(material)
    drawable = material.places["boundary"].notna().all()
    return {
        "departments": sorted(found, key=lambda item: (item.is_hidden, -(item.per_10000 or 0))),
        "unknown": int(material.tickets.rows["department"].isna().sum()),
        "points": points,
        "not_drawn": rest,
        "fewest": FEWEST_OF_DEPARTMENT,
        "fewest_of_municipality": FEWEST_OF_MUNICIPALITY,
        "enough": ENOUGH,
        "hidden": sum(item.is_hidden for item in found),
        "figure": _figure(material.places, found, points) if drawable else "",
    }


def departments(material: Material) -> list[Department]:
    """All departments by code, the small numbers hidden."""
    known = municipalities().select(["dane_code", "population"]).to_pandas()
    people = known.groupby(known["dane_code"].str[:2])["population"].sum()
    places = material.places.drop_duplicates("dane_department_code").set_index(
        "dane_department_code"
    )["department"]
    counts = material.tickets.rows["dane_department_code"].value_counts()
    tickets = {str(code): int(counts.get(code, 0)) for code in sorted(places.index)}
    hidden = small_numbers(tickets)
    due = dict(list(material.tickets.due.groupby("dane_department_code")["breached"]))
    return [
        Department(code, str(places[code]), count, int(people[code]),
                   rate_of(due[code]) if code in due else Rate(0, 0), code in hidden)
        for code, count in tickets.items()
    ]  # fmt: skip


def small_numbers(tickets: dict[str, int]) -> set[str]:
    """The departments that are hidden: those of few tickets.

    If it is a single one, the next smallest too: the total less the others would give it away.
    """
    ordered = sorted(tickets, key=lambda code: (tickets[code], code))
    hidden = [code for code in ordered if tickets[code] < FEWEST_OF_DEPARTMENT]
    return set(ordered[:2]) if len(hidden) == 1 else set(hidden)


def municipal_points(material: Material) -> tuple[list[Point], int]:
    """Municipalities with enough tickets, and how many others have some."""
    counts = Counter(material.tickets.rows["geo_id"].dropna())
    columns = (material.places[name] for name in ("geo_id", "longitude", "latitude"))
    points = [
        Point(longitude, latitude, counts[code])
        for code, longitude, latitude in zip(*columns, strict=True)
        if counts[code] >= FEWEST_OF_MUNICIPALITY
    ]
    return points, len(counts) - len(points)


def outlines(places: pd.DataFrame) -> "dict[str, BaseGeometry]":
    """Departments as the union of their municipalities in dim_geo, simplified for a page."""
    import shapely

    shapes = shapely.from_wkb(places["boundary"].to_numpy())
    codes = places["dane_department_code"].to_numpy()
    found = {}
    for code in sorted(set(codes)):
        whole = shapely.union_all(shapes[codes == code], grid_size=_GRID)
        if code == INSULAR:
            # Islands of 20 km would be specks.
            whole = shapely.buffer(whole, _ENLARGED)
        found[str(code)] = shapely.simplify(whole, _SIMPLIFIED)
    return found


def _figure(places: pd.DataFrame, found: list[Department], points: list[Point]) -> Any:
    rates = {item.code: item.per_10000 for item in found}
    breaches = {item.code: item.breach_pct for item in found}
    maps = [
        Choropleth("Peticiones por 10.000 habitantes", rates, BLUES, 1,
                   f"menos de {FEWEST_OF_DEPARTMENT} peticiones"),
        Choropleth("% incumplido", breaches, ORANGES, 1, f"menos de {ENOUGH} vencidos"),
    ]  # fmt: skip
    return map_figure(outlines(places), maps, points)
