"""The envelope: every event of a batch as one line of JSON (docs/raw_events.md)."""

import json
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import local_day
from pqrs_kedro.domain.statuses import REPEATED, RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.domain.territory import municipalities
from pqrs_kedro.pipelines.synthesis.codes import CLASSIFIED, RADICATED, RESPONDED
from pqrs_kedro.pipelines.synthesis.contacts import Contacts
from pqrs_kedro.pipelines.synthesis.events import (
    ACTORS,
    EVENT_TYPES,
    TERM_EXTENDED,
    EventTable,
)
from pqrs_kedro.pipelines.synthesis.identifiers import instants
from pqrs_kedro.pipelines.synthesis.json_text import NULL, json_plain
from pqrs_kedro.pipelines.synthesis.pieces import (
    ComposedTexts,
    Int,
    Numbers,
    Pieces,
    Sheet,
    text_array,
)
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

_STATUS_NAMES = (*STATUS_IDS, None)
_PAYLOAD = ',"payload":'


def raw_lines(events: EventTable) -> Lines:
    """The line of every event of a batch."""
    order = events.line_order
    at = events.at[order]
    return Lines(
        day=local_day(at),
        channel=events.batch.arrivals.channel[events.row[order]],
        at=at,
        tie=events.bits[order],
        texts=_texts(events, order),
        defect=np.zeros(len(order), dtype=np.int64),
    )


def _texts(events: EventTable, order: Int) -> ComposedTexts:
    pieces, sheet = Pieces(), Sheet(len(events.row))
    # First, while there are few pieces: it gathers texts of its own.
    contacts = Contacts(events, pieces)
    ids, ts = pieces.column(events.event_id), pieces.column(instants(events.at))
    ticket = _ticket_pieces(events.batch)
    sheet.write(
        pieces.literal('{"event_id":"'),
        ids,
        pieces.one_of([_head(kind) for kind in range(len(EVENT_TYPES))], events.kind),
        ts,
        _tickets(events, ticket, contacts.knows_radicado, pieces),
        _moves(events, pieces),
        _attributes(events, pieces),
    )
    spoken = contacts.write(sheet, ids, ts)
    silent = np.ones(len(events.row), dtype=bool)
    silent[spoken] = False
    sheet.write(pieces.one_of(["}\n", "null}\n"], silent.astype(np.int64)))
    return pieces.composed(sheet.runs(order))


def _ticket_pieces(batch: TicketBatch) -> pl.DataFrame:
    """JSON that is the same for all events of a ticket, one row per ticket."""
    named = pl.format('","source":"{}","ticket_id":"{}","external_id":', "source", "ticket_id")
    return batch.frame.select(
        unknown=pl.concat_str(named, NULL),
        known=pl.concat_str(named, json_plain(pl.col("external_id"))),
    )


def _tickets(
    events: EventTable, ticket: pl.DataFrame, knows_radicado: NDArray[np.bool_], pieces: Pieces
) -> Numbers:
    """Source, identifier and, once it is known, radicado of each event's ticket."""
    known, unknown = pieces.column(ticket["known"]), pieces.column(ticket["unknown"])
    return np.where(knows_radicado, known[events.row], unknown[events.row])


def _head(kind: int) -> str:
    return f'","event_type":"{EVENT_TYPES[kind]}","ts":"'


def _moves(events: EventTable, pieces: Pieces) -> Numbers:
    """Actor and statuses of each event: few combinations, each written once."""
    width = len(_STATUS_NAMES)
    # END is -1 and takes the last name, null.
    moves = (events.actor * width + events.status_from % width) * width + events.status_to % width
    numbers = np.zeros(len(ACTORS) * width * width, dtype=np.int32)
    for move in np.flatnonzero(np.bincount(moves)):
        numbers[move] = pieces.literal(_move(int(move)))
    return numbers[moves]


def _move(move: int) -> str:
    actor, status_from, status_to = np.unravel_index(
        move, (len(ACTORS), len(_STATUS_NAMES), len(_STATUS_NAMES))
    )
    names = (ACTORS[actor], _STATUS_NAMES[status_from], _STATUS_NAMES[status_to])
    shown = ["null" if name is None else f'"{name}"' for name in names]
    return f',"actor_role":{shown[0]},"status_from":{shown[1]},"status_to":{shown[2]},"attributes":'


def _attributes(events: EventTable, pieces: Pieces) -> Numbers:
    """Attributes of each event, and the key of the payload that follows them."""
    batch = events.batch
    attributes = np.full(len(events.row), pieces.literal(_attribute()), dtype=np.int32)
    place = np.where(batch.municipality < 0, len(_places()) - 1, batch.municipality)
    for members, of_tickets in (
        (events.status_to == RADICATED, pieces.shared(_places()) + place),
        (events.status_to == CLASSIFIED, _classified(batch, pieces)),
        (events.kind == TERM_EXTENDED, _extended(batch, pieces)),
    ):
        attributes[members] = of_tickets[events.row[members]]
    answers = np.flatnonzero(events.status_to == RESPONDED)
    attributes[answers] = _answers(events, answers, pieces)
    return attributes


def _attribute(**members: str | int | None) -> str:
    """JSON of attributes that need no escapes, and the key of the payload."""
    return json.dumps(members, separators=(",", ":")) + _PAYLOAD


@cache
def _places() -> pa.Array:
    """Attributes by row of the territory's table; the last one is of a place not known."""
    codes = municipalities()["dane_code"].to_pylist()
    return text_array([_attribute(dane_code=code) for code in (*codes, None)])


def _classified(batch: TicketBatch, pieces: Pieces) -> Numbers:
    profile = batch.scenario.profile
    texts = [
        _attribute(pqrs_type=name, priority=priority)
        for name in profile.types
        for priority in profile.priority
    ]
    return pieces.one_of(texts, batch.type_index * len(profile.priority) + batch.priority)


def _extended(batch: TicketBatch, pieces: Pieces) -> Numbers:
    terms, index = np.unique(batch.timeline.extended_term, return_inverse=True)
    return pieces.one_of([_attribute(term_business_days=int(term)) for term in terms], index)


def _answers(events: EventTable, answers: Int, pieces: Pieces) -> Numbers:
    """Resolution code and cited radicado of answers: only a repeated petition's cites one."""
    codes = (*RESOLUTION_CODES, None)
    resolution, row = events.resolution[answers], events.row[answers]
    texts = [_attribute(resolution_code=code, cited_external_id=None) for code in codes]
    numbers = pieces.one_of(texts, resolution)
    repeated = np.flatnonzero(resolution == codes.index(REPEATED))
    cited = events.batch.frame["cited_external_id"].gather(row[repeated]).to_list()
    texts = [_attribute(resolution_code=REPEATED, cited_external_id=number) for number in cited]
    numbers[repeated] = pieces.column(text_array(texts))
    return numbers
