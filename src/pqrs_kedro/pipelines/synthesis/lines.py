"""The envelope: every event of a batch as one line of JSON (docs/raw_events.md)."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import local_day
from pqrs_kedro.domain.statuses import REPEATED, RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.pipelines.synthesis.codes import CLASSIFIED, RADICATED, RESPONDED
from pqrs_kedro.pipelines.synthesis.contacts import Contacts
from pqrs_kedro.pipelines.synthesis.events import (
    ACTORS,
    EVENT_TYPES,
    TERM_EXTENDED,
    EventTable,
)
from pqrs_kedro.pipelines.synthesis.identifiers import instants
from pqrs_kedro.pipelines.synthesis.json_text import NULL, json_number, json_object, json_plain
from pqrs_kedro.pipelines.synthesis.pieces import ComposedTexts, Int, Numbers, Pieces, Sheet
from pqrs_kedro.pipelines.synthesis.raw_objects import Lines
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

_STATUS_NAMES = (*STATUS_IDS, None)
_NO_ATTRIBUTES = "{}"
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
        _attributes(events, ticket, pieces),
    )
    spoken = contacts.write(sheet, ids, ts)
    silent = np.ones(len(events.row), dtype=bool)
    silent[spoken] = False
    sheet.write(pieces.one_of(["}\n", "null}\n"], silent.astype(np.int64)))
    return pieces.composed(sheet.runs(order))


def _ticket_pieces(batch: TicketBatch) -> pl.DataFrame:
    """JSON that is the same for all events of a ticket, one row per ticket."""
    facts = batch.frame.with_columns(term=pl.Series(batch.timeline.extended_term))
    known = {name: json_plain(pl.col(name)) for name in ("dane_code", "pqrs_type", "priority")}
    named = pl.format('","source":"{}","ticket_id":"{}","external_id":', "source", "ticket_id")
    return facts.select(
        unknown=pl.concat_str(named, NULL),
        known=pl.concat_str(named, json_plain(pl.col("external_id"))),
        cited=json_plain(pl.col("cited_external_id")),
        radicated=json_object({"dane_code": known["dane_code"]}),
        classified=json_object({name: known[name] for name in ("pqrs_type", "priority")}),
        extended=json_object({"term_business_days": json_number(pl.col("term"))}),
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


def _attributes(events: EventTable, ticket: pl.DataFrame, pieces: Pieces) -> Numbers:
    """Attributes of each event, and the key of the payload that follows them."""
    nothing = pieces.literal(_NO_ATTRIBUTES + _PAYLOAD)
    attributes = np.full(len(events.row), nothing, dtype=np.int32)
    for name, members in (
        ("radicated", events.status_to == RADICATED),
        ("classified", events.status_to == CLASSIFIED),
        ("extended", events.kind == TERM_EXTENDED),
    ):
        of_ticket = pieces.column(ticket.select(pl.col(name) + _PAYLOAD).to_series())
        attributes[members] = of_ticket[events.row[members]]
    answers = np.flatnonzero(events.status_to == RESPONDED)
    attributes[answers] = pieces.column(_answers(events, answers, ticket["cited"]))
    return attributes


def _answers(events: EventTable, answers: NDArray[np.int64], cited: pl.Series) -> pl.Series:
    codes = (*RESOLUTION_CODES, None)
    heads = [
        '{"resolution_code":' + (f'"{code}"' if code else "null") + ',"cited_external_id":'
        for code in codes
    ]
    resolution = events.resolution[answers]
    repeated = pl.Series(resolution == codes.index(REPEATED))
    return pl.select(
        pl.concat_str(
            pl.lit(pl.Series(heads).gather(resolution)),
            pl.when(repeated).then(pl.lit(cited.gather(events.row[answers]))).otherwise(NULL),
            pl.lit("}" + _PAYLOAD),
        )
    ).to_series()
