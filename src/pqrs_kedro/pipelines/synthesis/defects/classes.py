"""Every class of defects: its label and the function that befalls an event with it."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pqrs_kedro.pipelines.synthesis.defects import (
    added_lines,
    broken_form,
    changed_texts,
    misplaced_lines,
    wrong_values,
)
from pqrs_kedro.pipelines.synthesis.defects.subject import Edits, Subject

# No edits: the class cannot befall the event.
Befall: TypeAlias = Callable[[Subject], Edits]

_CLASSES: Final[tuple[Befall, ...]] = (
    added_lines.duplicate_line,
    added_lines.duplicate_event_id,
    added_lines.repeated_petition,
    broken_form.truncated_json,
    broken_form.two_objects,
    added_lines.empty_line,
    broken_form.byte_order_mark,
    broken_form.invalid_utf8,
    broken_form.wrong_type,
    broken_form.missing_field,
    broken_form.unknown_field,
    wrong_values.unknown_event_type,
    wrong_values.unknown_channel,
    wrong_values.unknown_type_code,
    wrong_values.dane_without_zero,
    wrong_values.unknown_dane_code,
    wrong_values.impossible_timestamp,
    wrong_values.ambiguous_timestamp,
    broken_form.duplicate_key,
    broken_form.object_for_text,
    changed_texts.nul_in_text,
    wrong_values.other_utc_offset,
    wrong_values.mixed_precision,
    misplaced_lines.wrong_day,
    misplaced_lines.wrong_source,
    wrong_values.forbidden_transition,
    misplaced_lines.out_of_order_lines,
    wrong_values.swapped_instants,
    added_lines.orphan_message,
    wrong_values.negative_size,
    changed_texts.gigantic_text,
    changed_texts.control_characters,
    misplaced_lines.late_arrival,
)
BEFALL: Final[Mapping[str, Befall]] = {befall.__name__: befall for befall in _CLASSES}
