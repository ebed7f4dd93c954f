"""The envelope: every event of a batch as one line of JSON (docs/raw_events.md).

A line is put together from few long pieces: what is the same for all events of a ticket, or for all
events that enter one status, is JSON before it meets the single event.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import local_day
from pqrs_kedro.domain.statuses import REPEATED, RESOLUTION_CODES, STATUS_IDS
from pqrs_kedro.pipelines.synthesis.codes import CLASSIFIED, RADICATED, RESPONDED
from pqrs_kedro.pipelines.synthesis.contacts import event_payloads
from pqrs_kedro.pipelines.synthesis.events import (
    ACTORS,
    EVENT_TYPES,
    TERM_EXTENDED,
    EventTable,
    batch_events,
    is_radicado_known,
)
from pqrs_kedro.pipelines.synthesis.identifiers import instants
from pqrs_kedro.pipelines.synthesis.payloads import NULL, json_number, json_object, json_plain
from pqrs_kedro.pipelines.synthesis.tickets import TicketBatch

_STATUS_NAMES = (*STATUS_IDS, None)


def raw_lines(batch: TicketBatch) -> pl.DataFrame:
    """One row per event: channel (index), day (number), at (microseconds), tie, line.

    `line` ends with its line feed; (at, tie) orders as (ts, event_id) do.
    """
    events = batch_events(batch)
    ticket = _ticket_pieces(batch)[events.row]
    pieces = ticket.with_columns(
        event_id=events.event_id,
        ts=instants(events.at),
        known=pl.Series(is_radicado_known(events)),
        head=_by_combination(_head, events.kind),
        moves=_by_combination(_moves, events.actor, events.status_from, events.status_to),
        attributes=_attributes(events, ticket),
        payload=event_payloads(events),
    )
    return pieces.select(
        channel=pl.Series(batch.arrivals.channel[events.row]),
        day=pl.Series(local_day(events.at)),
        at=pl.Series(events.at),
        tie=pl.Series(events.bits),
        line=_line(),
    )


def _line() -> pl.Expr:
    return pl.concat_str(
        pl.lit('{"event_id":"'),
        "event_id",
        "head",
        "ts",
        "ticket",
        pl.when("known").then("external_id").otherwise(NULL),
        "moves",
        "attributes",
        pl.lit(',"payload":'),
        pl.col("payload").fill_null("null"),
        pl.lit("}\n"),
    )


def _ticket_pieces(batch: TicketBatch) -> pl.DataFrame:
    """JSON that is the same for all events of a ticket, one row per ticket."""
    facts = batch.frame.with_columns(term=pl.Series(batch.timeline.extended_term))
    known = {name: json_plain(pl.col(name)) for name in ("dane_code", "pqrs_type", "priority")}
    return facts.select(
        ticket=pl.format('","source":"{}","ticket_id":"{}","external_id":', "source", "ticket_id"),
        external_id=json_plain(pl.col("external_id")),
        cited=json_plain(pl.col("cited_external_id")),
        radicated=json_object({"dane_code": known["dane_code"]}),
        classified=json_object({name: known[name] for name in ("pqrs_type", "priority")}),
        extended=json_object({"term_business_days": json_number(pl.col("term"))}),
    )


def _by_combination(text: object, *codes: NDArray[np.int64]) -> pl.Series:
    """Texts of events by a combination of few codes: made once for each combination."""
    width = len(_STATUS_NAMES) + 1
    combined = np.zeros(len(codes[0]), dtype=np.int64)
    for code in codes:
        combined = combined * width + (code + 1)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    made = [text(*(int(code[place]) for code in codes)) for place in first]  # type: ignore[operator]
    return pl.Series(made, dtype=pl.String).gather(inverse)


def _head(kind: int) -> str:
    return f'","event_type":"{EVENT_TYPES[kind]}","ts":"'


def _moves(actor: int, status_from: int, status_to: int) -> str:
    names = (ACTORS[actor], _STATUS_NAMES[status_from], _STATUS_NAMES[status_to])
    shown = ["null" if name is None else f'"{name}"' for name in names]
    return f',"actor_role":{shown[0]},"status_from":{shown[1]},"status_to":{shown[2]},"attributes":'


def _attributes(events: EventTable, ticket: pl.DataFrame) -> pl.Series:
    status = pl.Series(events.status_to)
    codes = (*RESOLUTION_CODES, None)
    answers = [
        '{"resolution_code":' + (f'"{code}"' if code else "null") + ',"cited_external_id":'
        for code in codes
    ]
    resolution = events.resolution
    answer = pl.concat_str(
        pl.lit(pl.Series(answers).gather(resolution)),
        pl.when(pl.Series(resolution == codes.index(REPEATED))).then("cited").otherwise(NULL),
        pl.lit("}"),
    )
    return ticket.select(
        pl.when(status == RADICATED)
        .then("radicated")
        .when(status == CLASSIFIED)
        .then("classified")
        .when(status == RESPONDED)
        .then(answer)
        .when(pl.Series(events.kind == TERM_EXTENDED))
        .then("extended")
        .otherwise(pl.lit("{}"))
    ).to_series()
