"""Defects put into the lines of a batch, and the rows of the ledger that tell of them.

Only the lines that a defect befalls are handled one by one; the others are copied together.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.defects import DEFECT_CLASSES, DefectClass
from pqrs_kedro.pipelines.synthesis.defects.classes import BEFALL
from pqrs_kedro.pipelines.synthesis.defects.subject import CleanBatch, Edit, Subject
from pqrs_kedro.pipelines.synthesis.events import EventTable
from pqrs_kedro.pipelines.synthesis.pieces import Int, Texts, merged
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines

# Columns of the ledger's rows while their line numbers are not known. `number` marks the line, from
# 1; `day` and `own_day` are numbers of the object's day and of that of the event's clean line.
ROWS: Final = pl.Schema(
    {
        "number": pl.Int64,
        "event_id": pl.String,
        "ticket_id": pl.String,
        "label": pl.String,
        "source": pl.String,
        "day": pl.Int64,
        "own_day": pl.Int64,
        "is_added": pl.Boolean,
        "field": pl.String,
        "bronze_outcome": pl.String,
        "bronze_reason": pl.String,
        "effect": pl.String,
        "clean_line": pl.Binary,
    }
)


def with_defects(
    events: EventTable, lines: Lines, rates: Sequence[tuple[str, float]]
) -> tuple[Lines, pl.DataFrame]:
    """The lines of a batch with defects of each class at its rate; without rates, as they are.

    Beside them one row per line that a defect changed, moved or added; columns: ROWS.
    """
    if not rates:
        return lines, ROWS.to_frame()
    batch = CleanBatch(events, lines.in_memory())
    edits, rows = list[Edit](), list[tuple[object, ...]]()
    for item, edit in _edits(batch, dict(rates)):
        edits.append(edit)
        rows.append((len(edits), *_row(batch, item, edit)))
    table = pl.DataFrame(rows, schema=ROWS, orient="row")
    return _edited(batch, edits) if edits else batch.lines, table


def _edits(batch: CleanBatch, rates: dict[str, float]) -> Iterator[tuple[DefectClass, Edit]]:
    """Class by class; within one, ticket by ticket in the order of its events."""
    for item in DEFECT_CLASSES:
        rate = rates.get(item.label, 0.0)
        chosen = batch.tickets.chosen(item.label, rate).tolist() if rate else ()
        for event in chosen:
            if batch.is_free[event]:
                for edit in BEFALL[item.label](Subject(batch, event)):
                    batch.is_free[edit.event] = False
                    if edit.beside is not None:
                        batch.is_free[edit.beside] = False
                    yield item, edit


def _row(batch: CleanBatch, item: DefectClass, edit: Edit) -> tuple[object, ...]:
    clean, place = Subject(batch, edit.event), edit.place
    return (
        edit.event_id or clean.line.text("event_id"),
        edit.ticket_id or clean.line.text("ticket_id"),
        item.label,
        CHANNEL_IDS[place.channel],
        place.day,
        place.day if edit.is_added else clean.place.day,
        edit.is_added,
        edit.field,
        item.outcome,
        item.reason,
        item.effect,
        None if edit.is_added else clean.content,
    )


def _edited(batch: CleanBatch, edits: Sequence[Edit]) -> Lines:
    """The lines, those of the edits in place of their clean ones or beside them.

    A line whose key a clean one has comes behind that.
    """
    clean, new = batch.lines, _new_lines(edits)
    keys = _keys(new)
    of_edits = np.argsort(keys, kind="stable")
    places = np.searchsorted(_keys(clean), keys[of_edits], side="right")
    order = np.insert(np.arange(len(clean)), places, len(clean) + of_edits)
    kept = np.ones(len(clean) + len(new), dtype=bool)
    kept[batch.position[[edit.event for edit in edits if not edit.is_added]]] = False
    order = order[kept[order]]
    day, channel, at, tie, defect = (
        np.concatenate([getattr(part, name) for part in (clean, new)])[order]
        for name in ("day", "channel", "at", "tie", "defect")
    )
    texts = merged([clean.texts, new.texts], order)
    return Lines(day, channel, at, tie, texts, defect)


def _keys(lines: Lines) -> NDArray[np.bytes_]:
    """Texts of bytes that order as lines do: as (day, channel, at, tie)."""
    objects = lines.day * len(CHANNEL_IDS) + lines.channel
    columns = [part.astype(np.uint64) for part in (objects, lines.at, lines.tie)]
    # Stacking makes the order of bytes that of the machine.
    return np.stack(columns, axis=1).astype(">u8").view("S24").ravel()


def _new_lines(edits: Sequence[Edit]) -> Lines:
    """The lines of the edits, numbered from 1."""

    def column(name: str) -> Int:
        return np.array([getattr(edit.place, name) for edit in edits], dtype=np.int64)

    content = pa.array([edit.content + b"\n" for edit in edits], pa.large_binary())
    ties = np.array([edit.place.tie for edit in edits], dtype=np.uint64)
    number = np.arange(1, len(edits) + 1)
    return Lines(
        column("day"), column("channel"), column("at"), ties, Texts.of(content), number
    )  # fmt: skip
