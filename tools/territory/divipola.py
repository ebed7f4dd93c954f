"""What is known of DIVIPOLA (2024-12-30) besides the packages: departments, types, corrections."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEPARTMENTS: Final = {
    "05": "Antioquia",
    "08": "Atlántico",
    "11": "Bogotá, D.C.",
    "13": "Bolívar",
    "15": "Boyacá",
    "17": "Caldas",
    "18": "Caquetá",
    "19": "Cauca",
    "20": "Cesar",
    "23": "Córdoba",
    "25": "Cundinamarca",
    "27": "Chocó",
    "41": "Huila",
    "44": "La Guajira",
    "47": "Magdalena",
    "50": "Meta",
    "52": "Nariño",
    "54": "Norte de Santander",
    "63": "Quindío",
    "66": "Risaralda",
    "68": "Santander",
    "70": "Sucre",
    "73": "Tolima",
    "76": "Valle del Cauca",
    "81": "Arauca",
    "85": "Casanare",
    "86": "Putumayo",
    "88": "Archipiélago de San Andrés, Providencia y Santa Catalina",
    "91": "Amazonas",
    "94": "Guainía",
    "95": "Guaviare",
    "97": "Vaupés",
    "99": "Vichada",
}

# The capital is the municipality 001, but Bogotá is that of Cundinamarca (Constitution, art. 322).
CAPITAL_ELSEWHERE: Final = {"25": "11001"}

ISLANDS: Final = {"88001"}
NOT_MUNICIPALISED: Final = {
    *("91263", "91405", "91407", "91430", "91460", "91530", "91536", "91669", "91798"),
    *("94883", "94884", "94885", "94886", "94887", "94888", "97511", "97777", "97889"),
}

# Official names, and seats that GeoNames lacks, miscodes or has over 10 km off: kept with the
# reference data, since they are data.
CORRECTIONS: Final = "divipola_corrections.csv"


def type_of(code: str) -> str:
    """Official type of a municipality, by its code."""
    if code in ISLANDS:
        return "Isla"
    return "Área no municipalizada" if code in NOT_MUNICIPALISED else "Municipio"


def capital_of(department: str) -> str:
    """Code of the capital of a department."""
    return CAPITAL_ELSEWHERE.get(department, f"{department}001")


@dataclass(frozen=True)
class Correction:
    """One row of divipola_corrections.csv; no seat where GeoNames has it right."""

    name: str
    seat: tuple[float, float] | None


def read_corrections(reference: Path) -> dict[str, Correction]:
    """Official names and seats by code."""
    text = (reference / CORRECTIONS).read_text(encoding="utf-8")
    return {
        row["dane_code"]: Correction(
            row["name"],
            (float(row["latitude"]), float(row["longitude"])) if row["latitude"] else None,
        )
        for row in csv.DictReader(io.StringIO(text))
    }
