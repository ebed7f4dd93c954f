"""What a notebook says first of the run that it reads."""

from collections.abc import Iterator
from datetime import date

from pqrs_kedro.analysis.run_data import RunData
from pqrs_kedro.analysis.shown import Shown, table
from pqrs_kedro.report.spanish import long_date, number, percent


def run_facts(run: RunData) -> Shown:
    """Identity, inputs and size of the run, from its manifest."""
    header = ("Corrida", run.run_id)
    return table(header, _facts(run), "Qué se pidió y qué hay", "manifest.json", is_text=True)


def _facts(run: RunData) -> Iterator[tuple[str, str]]:
    inputs, asked = run.manifest["inputs"], run.parameters
    yield "Perfil", f"{inputs['profile']}, semilla {inputs['seed']}"
    yield "Recepción", f"del {long_date(asked.date_min)} al {long_date(asked.date_max)}"
    yield "Observación", _observation(asked.observe_until, run.last_day)
    yield "Volumen", f"{number(asked.volume_scale, 2)} veces el del perfil"
    yield "Tasa de incumplimiento solicitada", _rate(asked.breach_rate)
    yield "Defectos inyectados", _defects(str(inputs.get("defect_profile", "none")))
    yield "Tickets curados", number(len(run.tickets))
    yield "Digest", f"{run.manifest['digest'][:16]}…"


def _observation(until: date | None, last_day: date) -> str:
    if until is None:
        return f"completa; el último evento es del {long_date(last_day)}"
    return f"cortada el {long_date(until)}, como en un sistema en marcha"


def _rate(requested: float | None) -> str:
    return (
        "ninguna: se dio response.median_scale" if requested is None else percent(100 * requested)
    )


def _defects(profile: str) -> str:
    return "ninguno" if profile == "none" else profile
