"""The life-cycle state machine of a ticket: statuses, allowed transitions, loop bounds.

The mandatory path is ADR-0016 section 5; ON_HOLD (the term is paused while the citizen completes
the petition, CPACA art. 17) and REOPENED are the two extra states.
"""

from dataclasses import dataclass
from typing import Final

RECEIVED: Final = "RECEIVED"
RADICATED: Final = "RADICATED"
CLASSIFIED: Final = "CLASSIFIED"
ASSIGNED: Final = "ASSIGNED"
IN_PROGRESS: Final = "IN_PROGRESS"
ON_HOLD: Final = "ON_HOLD"
RESPONDED: Final = "RESPONDED"
CLOSED: Final = "CLOSED"
REOPENED: Final = "REOPENED"
ARCHIVED: Final = "ARCHIVED"

MANDATORY_PATH: Final = (
    RECEIVED,
    RADICATED,
    CLASSIFIED,
    ASSIGNED,
    IN_PROGRESS,
    RESPONDED,
    CLOSED,
    ARCHIVED,
)


@dataclass(frozen=True)
class Status:
    """One row of `dim_status`; `name` is the Spanish name people see."""

    status_id: str
    name: str
    is_terminal: bool = False


STATUSES: Final = (
    Status(RECEIVED, "Recibido"),
    Status(RADICATED, "Radicado"),
    Status(CLASSIFIED, "Clasificado"),
    Status(ASSIGNED, "Asignado"),
    Status(IN_PROGRESS, "En trámite"),
    Status(ON_HOLD, "En espera del ciudadano"),
    Status(RESPONDED, "Respondido"),
    Status(CLOSED, "Cerrado"),
    Status(REOPENED, "Reabierto"),
    Status(ARCHIVED, "Archivado", is_terminal=True),
)
STATUS_IDS: Final = tuple(status.status_id for status in STATUSES)
STATUS_CODE: Final = {status_id: code for code, status_id in enumerate(STATUS_IDS)}

# From each status, where a ticket may go. The order matters: at its bound a branch's probability
# goes to the first-listed target (domain facts, section 4).
TRANSITIONS: Final[dict[str, tuple[str, ...]]] = {
    RECEIVED: (RADICATED,),
    RADICATED: (CLASSIFIED,),
    CLASSIFIED: (ASSIGNED,),
    ASSIGNED: (IN_PROGRESS, CLASSIFIED),
    IN_PROGRESS: (RESPONDED, ON_HOLD, ASSIGNED),
    ON_HOLD: (IN_PROGRESS, RESPONDED),
    RESPONDED: (CLOSED, IN_PROGRESS),
    CLOSED: (ARCHIVED, REOPENED),
    REOPENED: (IN_PROGRESS,),
    ARCHIVED: (),
}
ALLOWED_TRANSITIONS: Final = frozenset(
    (origin, target) for origin, targets in TRANSITIONS.items() for target in targets
)

# How often one ticket may take a loop's arc, at most.
LOOP_BOUNDS: Final[dict[tuple[str, str], int]] = {
    (ASSIGNED, CLASSIFIED): 2,
    (IN_PROGRESS, ON_HOLD): 2,
    (IN_PROGRESS, ASSIGNED): 2,
    (RESPONDED, IN_PROGRESS): 1,
    (CLOSED, REOPENED): 1,
}
# The longest path: the mandatory eight, and every loop as often as its bound allows. A re-routing
# adds CLASSIFIED and ASSIGNED, a hold ON_HOLD and IN_PROGRESS, a hand-back ASSIGNED and
# IN_PROGRESS, a correction IN_PROGRESS and RESPONDED, a reopening four statuses; a hand-back may
# itself be re-routed, but only within the bound already counted.
MAX_PATH_LENGTH: Final = len(MANDATORY_PATH) + 2 * (2 + 2 + 2 + 1) + 4

# Reasons for an answer out of the ordinary, on the RESPONDED event; null means ordinary.
TACIT_WITHDRAWAL: Final = "DESISTIMIENTO_TACITO"  # CPACA art. 17
TRANSFER: Final = "TRASLADO"  # CPACA art. 21
REPEATED: Final = "REITERATIVA"  # CPACA art. 19
EXTENSION: Final = "PRORROGA"  # CPACA art. 14, paragraph
RESOLUTION_CODES: Final = (TACIT_WITHDRAWAL, TRANSFER, REPEATED, EXTENSION)

CLOSED_STATUSES: Final = (CLOSED, ARCHIVED)
