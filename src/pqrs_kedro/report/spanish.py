"""Numbers, dates and names as a reader in Colombia writes them."""

from datetime import date
from typing import Final

from pqrs_kedro.domain.channels import CHANNELS
from pqrs_kedro.domain.statuses import STATUSES

NONE: Final = "—"
MONTHS: Final = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
    "octubre", "noviembre", "diciembre",
)  # fmt: skip
CHANNEL_NAMES: Final = {item.channel_id: item.name for item in CHANNELS}
STATUS_NAMES: Final = {item.status_id: item.name for item in STATUSES}

CRITERIA: Final = {
    1: "Existe events.jsonl en raw para al menos un canal y un día",
    2: "Existe manifest.json, con conteos y rutas que coinciden con los objetos",
    3: "Existe bronze en Parquet y silver con esquema estable",
    4: "Postgres contiene meta.etl_runs y al menos tres tablas gold llenas",
    5: "Repetir la corrida con la misma semilla da los mismos conteos y checksums",
}
CRITERIA_OF_IMPORTS: Final = {
    5: "Recalcular desde las mismas líneas da los mismos conteos y checksums",
}
DECLARED: Final = {"synthetic": "sintéticos", "anonymised": "anonimizados"}
LAYERS: Final = {
    "raw": "raw (líneas)",
    "bronze": "bronze",
    "silver": "silver",
    "gold": "gold",
    "quality": "calidad",
    "truth": "verdad (registro)",
}
CHECKS: Final = {
    "primary_key": "La clave primaria es única y nunca es nula",
    "lines_accounted_for": "Cada línea está en bronze, en cuarentena o en blanco, por objeto",
    "quarantined_pct": "Porcentaje de líneas en cuarentena",
    "repaired_pct": "Porcentaje de líneas reparadas",
    "unknown_fields_pct": "Porcentaje de líneas con campos desconocidos",
    "misfiled_pct": "Porcentaje de líneas guardadas bajo otro día",
    "repeated_pct": "Porcentaje de líneas repetidas",
    "quarantined_events_pct": "Porcentaje de eventos en cuarentena",
    "quarantined_tickets_pct": "Porcentaje de tickets en cuarentena",
    "unknown_places_pct": "Porcentaje de tickets con un municipio que no existe",
    "events_accounted_for": "Cada evento aceptado está en silver o en cuarentena",
    "lines_of_bronze": "Cada rechazo de silver es una línea de bronze",
    "rows_from_bronze": "Tantas filas como hay en los eventos de bronze",
    "cycles_of_tickets": "Tantos ciclos como cuentan los tickets",
    "adds_up_to_tickets": "La suma es la de los tickets",
    "counts_the_unclassified": "Tantos sin clasificar como tickets sin tipo",
    "ends_with_the_open_tickets": "El último día tiene los tickets que siguen abiertos",
    "adds_up_to_cycles": "La suma es la de los ciclos detenidos",
    "adds_up_to_events": "La suma es la de los eventos con estado anterior",
    "adds_up_to_backlog": "Las edades suman el backlog de cada día y tipo",
    "follows_from_the_day_before": "Backlog = el del día anterior + entradas menos cierres",
    "dates_in_order": "Recibido ≤ radicado ≤ respondido ≤ cerrado",
    "citizens_write_as_citizens": "Autor ciudadano exactamente cuando el rol es ciudadano",
    "size_is_not_negative": "Ningún tamaño es negativo",
    "late_after_the_due_day": "Tarde exactamente cuando se detuvo después del vencimiento",
    "within_and_late_are_stopped": "Dentro de término + tarde = detenidos",
    "every_day_has_its_rows": "Cada día tiene todas sus filas",
    "allowed_transitions": "Solo transiciones permitidas",
    "unbroken_chain": "El estado de partida es el de llegada del evento anterior",
    "bounded_loops": "Ningún ticket excede el límite de repeticiones",
    "ordinals_count_business_days": "Los ordinales cuentan los días hábiles",
    "types_add_up_to_numerator": "Los incumplimientos por tipo suman el total",
    "types_add_up_to_denominator": "Los tickets vencidos por tipo suman el total",
    "breach_rate_at_least": "Tasa de incumplimiento no menor que la banda (%)",
    "breach_rate_at_most": "Tasa de incumplimiento no mayor que la banda (%)",
    "volume_drift_pct": "Tickets por encima o por debajo de lo que espera el perfil (%)",
    "channel_share_drift": "Canales en la proporción que espera el perfil (ji cuadrado)",
    "type_share_drift": "Tipos en la proporción que espera el perfil (ji cuadrado)",
    "equal_to_earlier_run": "Igual a la corrida anterior con las mismas entradas",
}
# Of data quality.
UNITS: Final = {
    "rows": "filas",
    "objects": "objetos",
    "tickets": "tickets",
    "%": "%",
    "chi-square": "ji cuadrado",
    "business days": "días hábiles",
}
SEVERITIES: Final = {"error": "error", "warn": "advertencia"}
SCOPES: Final = {
    "line": {
        "title": "Líneas que no son eventos",
        "note": "La ingesta no pudo leerlas sin adivinar.",
        "table": "quarantine_raw_lines",
    },
    "ticket": {
        "title": "Tickets que no se pueden curar",
        "note": "Sus eventos no forman un ciclo de vida; la línea es la primera que lo muestra.",
        "table": "quarantine_silver",
    },
    "event": {
        "title": "Eventos que no se curaron",
        "note": "Los de los tickets anteriores y los que por sí mismos no tienen lugar.",
        "table": "quarantine_silver",
    },
}
REASONS: Final = {
    "invalid_utf8": "No es UTF-8",
    "invalid_json": "No es JSON",
    "several_objects": "Varios objetos en una línea",
    "not_an_object": "JSON que no es un objeto",
    "duplicate_key": "Una clave dos veces",
    "wrong_type": "Valor de otro tipo",
    "missing_field": "Falta un campo obligatorio",
    "unknown_value": "Código desconocido",
    "invalid_value": "Valor imposible",
    "conflicting_duplicate": "Repetición que dice otra cosa",
    "orphan_event": "Evento de un ticket que no se recibió",
    "before_reception": "Anterior a la recepción del ticket",
    "no_reception": "Sin recepción",
    "unknown_pqrs_type": "Tipo de PQRS desconocido",
    "forbidden_transition": "Transición no permitida",
    "broken_chain": "Cadena de estados rota",
    "too_many_loops": "Demasiadas repeticiones",
}
_REFERENCE: Final = "reference_"
_SILENT: Final = "silent_days_"


def check_title(name: str) -> str:
    """What a check of data quality asks; its own name if it has no Spanish one."""
    if name.startswith(_REFERENCE):
        return f"Cada {name.removeprefix(_REFERENCE)} existe en su tabla de referencia"
    if name.startswith(_SILENT):
        channel = name.removeprefix(_SILENT)
        return f"Días hábiles desde el último evento de {CHANNEL_NAMES.get(channel, channel)}"
    return CHECKS.get(name, name)


def number(value: float | None, decimals: int = 0) -> str:
    """`1234.56` as `1.234,6`; a dash for nothing."""
    if value is None or value != value:
        return NONE
    text = f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))
    # A negative number that is rounded to nothing has no sign.
    return text.lstrip("-") if not text.strip("-0,.") else text


def exact(value: float | None) -> str:
    """A number with the decimals it has, six at most."""
    if value is None:
        return NONE
    text = number(value, 6)
    return text.rstrip("0").rstrip(",") if "," in text else text


def percent(value: float | None, decimals: int = 1) -> str:
    """`9.41` as `9,4 %`, with a space that does not break."""
    text = number(value, decimals)
    return text if text == NONE else f"{text}\N{NO-BREAK SPACE}%"


def days_of_hours(hours: float | None) -> str:
    """Hours as calendar days: `36` is `1,5 días`."""
    text = number(None if hours is None else hours / 24, 1)
    return text if text == NONE else f"{text}\N{NO-BREAK SPACE}días"


def long_date(day: date) -> str:
    """`24 de febrero de 2026`."""
    return f"{day.day} de {MONTHS[day.month - 1]} de {day.year}"


def short_date(day: date) -> str:
    """`24 feb`."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def dated(day: date) -> str:
    """`24 feb 2026`, for tables."""
    return f"{short_date(day)} {day.year}"
