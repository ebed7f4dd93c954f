"""The classes of defects that raw lines can have: what must become of each (docs/defects.md)."""

from dataclasses import dataclass
from typing import Final

ACCEPTED: Final = "accepted"
REPAIRED: Final = "repaired"
QUARANTINED: Final = "quarantined"
BLANK: Final = "blank"
UNOBSERVED: Final = "unobserved"
"""The line lies in an object of a day after the end of observation: it is not there."""
BRONZE_OUTCOMES: Final = (ACCEPTED, REPAIRED, QUARANTINED, BLANK, UNOBSERVED)

RECOVERED: Final = "recovered"
ALTERED: Final = "altered"
LOST: Final = "lost"
EFFECTS: Final = (RECOVERED, ALTERED, LOST)


@dataclass(frozen=True)
class DefectClass:
    """One class: what ingestion makes of its line, and what is left of the ticket in silver."""

    label: str
    outcome: str
    effect: str
    reason: str | None = None
    """Reason of the quarantine of raw lines; null where the line is not put there."""


def _quarantined(label: str, reason: str) -> DefectClass:
    return DefectClass(label, QUARANTINED, LOST, reason)


# An event has at most one defect: that of the first class in this order that chooses it.
DEFECT_CLASSES: Final = (
    DefectClass("duplicate_line", ACCEPTED, RECOVERED),
    DefectClass("duplicate_event_id", ACCEPTED, RECOVERED),
    DefectClass("repeated_petition", ACCEPTED, RECOVERED),
    _quarantined("truncated_json", "invalid_json"),
    _quarantined("two_objects", "several_objects"),
    DefectClass("empty_line", BLANK, RECOVERED),
    DefectClass("byte_order_mark", REPAIRED, RECOVERED),
    _quarantined("invalid_utf8", "invalid_utf8"),
    _quarantined("wrong_type", "wrong_type"),
    _quarantined("missing_field", "missing_field"),
    DefectClass("unknown_field", ACCEPTED, RECOVERED),
    _quarantined("unknown_event_type", "unknown_value"),
    _quarantined("unknown_channel", "unknown_value"),
    DefectClass("unknown_type_code", ACCEPTED, LOST),
    DefectClass("dane_without_zero", REPAIRED, RECOVERED),
    DefectClass("unknown_dane_code", ACCEPTED, ALTERED),
    _quarantined("impossible_timestamp", "invalid_value"),
    _quarantined("ambiguous_timestamp", "invalid_value"),
    _quarantined("duplicate_key", "duplicate_key"),
    _quarantined("object_for_text", "wrong_type"),
    DefectClass("nul_in_text", REPAIRED, ALTERED),
    DefectClass("other_utc_offset", REPAIRED, RECOVERED),
    DefectClass("mixed_precision", REPAIRED, RECOVERED),
    DefectClass("wrong_day", ACCEPTED, RECOVERED),
    _quarantined("wrong_source", "invalid_value"),
    DefectClass("forbidden_transition", ACCEPTED, LOST),
    DefectClass("out_of_order_lines", ACCEPTED, RECOVERED),
    DefectClass("swapped_instants", ACCEPTED, LOST),
    DefectClass("orphan_message", ACCEPTED, RECOVERED),
    _quarantined("negative_size", "invalid_value"),
    DefectClass("gigantic_text", ACCEPTED, ALTERED),
    DefectClass("control_characters", ACCEPTED, ALTERED),
    DefectClass("late_arrival", ACCEPTED, RECOVERED),
)
DEFECT_LABELS: Final = tuple(item.label for item in DEFECT_CLASSES)
