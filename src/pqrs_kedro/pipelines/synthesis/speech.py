"""What is said about a ticket: texts of one kind for some tickets or events of a batch."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pqrs_kedro.domain.statuses import REPEATED, RESOLUTION_CODES
from pqrs_kedro.pipelines.synthesis.json_text import json_inside
from pqrs_kedro.pipelines.synthesis.pieces import Int, Pieces, Runs
from pqrs_kedro.pipelines.synthesis.text_grammar import RESOLUTIONS
from pqrs_kedro.pipelines.synthesis.texts import (
    DRAWS_PER_TEXT,
    Situation,
    quoted_column,
    speak,
    topic_codes,
    type_codes,
)
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

_ORDINARY = 0
# Place in RESOLUTIONS by place in RESOLUTION_CODES; the last is that of ordinary answers.
_SPOKEN_RESOLUTION = np.array([*map(RESOLUTIONS.index, RESOLUTION_CODES), _ORDINARY])


class Speech:
    """The texts of a batch of tickets, as runs of pieces that are JSON already.

    The first draw of a text decides its facts and is the same for all texts of a ticket.
    """

    def __init__(self, batch: TicketBatch, pieces: Pieces) -> None:
        frame = batch.frame
        self._draws, self._pieces = batch.draws, pieces
        self._facts = batch.draws.raw("text/facts")
        self._wording = dict[str, NDArray[np.uint64]]()
        self._pqrs_type = type_codes(frame["pqrs_type"])
        self._topic = topic_codes(frame["topic"])
        named = pl.when(~pl.col("anonymous")).then(pl.col("full_name"))
        quoted = frame.select(
            "external_id",
            "cited_external_id",
            municipio=json_inside(pl.col("municipio")),
            citizen_name=json_inside(named),
        )
        self._quoted = {name: quoted_column(pieces, quoted[name]) for name in quoted.columns}

    def subjects(self) -> Runs:
        """The subject of every ticket."""
        rows = np.arange(len(self._facts))
        known = np.ones(len(rows), dtype=bool)
        return self._speak("subject", rows, known, np.full(len(rows), _ORDINARY))

    def petition(self, kind: str, row: Int) -> Runs:
        """A text of the petition, before there is a radicado; the tickets are those of `row`."""
        repeated = self._quoted["cited_external_id"][row] >= 0
        resolution = np.where(repeated, RESOLUTIONS.index(REPEATED), _ORDINARY)
        return self._speak(kind, row, np.zeros(len(row), dtype=bool), resolution)

    def later(
        self, kind: str, row: Int, step: Int, knows_radicado: NDArray[np.bool_], resolution: Int
    ) -> Runs:
        """A text of an event after the petition.

        Args:
            kind: kind of text.
            row: the event's ticket.
            step: the event's place in the path: the same kind is worded anew at each.
            knows_radicado: whether the radicado has been given by then.
            resolution: place in RESOLUTION_CODES of the event's answer, one past the end for none.
        """
        return self._speak(kind, row, knows_radicado, _SPOKEN_RESOLUTION[resolution], step)

    def _speak(
        self,
        kind: str,
        row: Int,
        knows_radicado: NDArray[np.bool_],
        resolution: Int,
        step: Int | None = None,
    ) -> Runs:
        if kind not in self._wording:
            self._wording[kind] = self._draws.raw(f"text/{kind}", DRAWS_PER_TEXT)
        draws = self._wording[kind][row]
        draws[:, 0] = self._facts[row]
        if step is not None:
            draws[:, 1:] = _vary(draws[:, 1:], step)
        quoted = {name: numbers[row] for name, numbers in self._quoted.items()}
        quoted["external_id"] = np.where(knows_radicado, quoted["external_id"], np.int32(-1))
        situation = Situation(self._pqrs_type[row], self._topic[row], resolution, quoted)
        return speak(kind, situation, draws, self._pieces)


def _vary(bits: NDArray[np.uint64], step: Int) -> NDArray[np.uint64]:
    """Other draws for each step of a ticket: the finaliser of SplitMix64 (Steele et al. 2014)."""
    mixed = bits + step.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
