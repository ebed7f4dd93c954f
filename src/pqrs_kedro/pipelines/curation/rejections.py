"""What cannot be curated: tickets whose life cycle is none, and events that belong to no ticket."""

import ibis
from ibis import _

from pqrs_kedro.domain.statuses import ALLOWED_TRANSITIONS, CLASSIFIED, LOOP_BOUNDS, RECEIVED
from pqrs_kedro.pipelines.curation.shards import by_shard
from pqrs_kedro.pipelines.curation.survivors import LINE

_COLUMNS = ["scope", "reason", "detail", "ticket_id", "event_id", *LINE]
_CONFLICTING = "conflicting_duplicate"
# What is named when several things are wrong with a ticket: the first of these, at its first event.
_GRAVITY = (
    "no_reception",
    "unknown_pqrs_type",
    "forbidden_transition",
    "broken_chain",
    "too_many_loops",
)


def reject_tickets(distinct_events: ibis.Table, dim_pqrs_type: ibis.Table) -> list[ibis.Table]:
    """Tickets whose events are no life cycle, with reason and the event that shows it; by shard.

    Key ticket_id. Reasons: there are statuses, but no RECEIVED; a classification has a type that
    the profile does not know; a transition is not of the status machine; a status is not left from
    where the event before it arrived; a loop is taken more often than its bound.
    """

    def reject(events: ibis.Table) -> ibis.Table:
        status = events.filter(_.event_type == "STATUS")
        faults = ibis.union(*_faults(status, dim_pqrs_type))
        by_gravity = ibis.window(group_by="ticket_id", order_by=["gravity", "ts", "event_id"])
        first = faults.mutate(_rank=ibis.row_number().over(by_gravity)).filter(_._rank == 0)
        return first.select("ticket_id", "reason", "detail", "event_id", *LINE, "shard")

    return by_shard(reject, distinct_events)


def _faults(status: ibis.Table, types: ibis.Table) -> list[ibis.Table]:
    """Every event that shows something wrong with its ticket, by what is wrong."""
    chained = status.mutate(
        before=status.status_to.lag().over(
            ibis.window(group_by="ticket_id", order_by=["ts", "event_id"])
        )
    )
    received = status.filter(_.status_to == RECEIVED).select("ticket_id").distinct()
    known = types.select(pqrs_type="type_id")
    classified = status.filter(_.status_to == CLASSIFIED)
    broken = chained.filter(~_.status_from.identical_to(_.before))
    return [
        _fault("no_reception", status.anti_join(received, "ticket_id"), ibis.null("string")),
        _fault("unknown_pqrs_type", classified.anti_join(known, "pqrs_type"), _.pqrs_type),
        _fault("forbidden_transition", status.filter(~_is_allowed(status)), _move(_.status_from)),
        _fault("broken_chain", broken, _said(_.before) + " / " + _move(_.status_from)),
        _fault("too_many_loops", _looping(status), _move(_.status_from)),
    ]


def _fault(reason: str, events: ibis.Table, detail: ibis.Deferred | ibis.Value) -> ibis.Table:
    return events.select(
        "ticket_id",
        "ts",
        "event_id",
        *LINE,
        "shard",
        gravity=ibis.literal(_GRAVITY.index(reason)),
        reason=ibis.literal(reason),
        detail=detail,
    )


def _said(status: ibis.Deferred) -> ibis.Deferred:
    return status.fill_null("-")


def _move(origin: ibis.Deferred) -> ibis.Deferred:
    """A transition as people write it."""
    return _said(origin) + " > " + _.status_to


def _is_allowed(status: ibis.Table) -> ibis.Value:
    origins = [(None, RECEIVED), *sorted(ALLOWED_TRANSITIONS)]
    return ibis.or_(
        *(
            status.status_from.identical_to(ibis.literal(origin, "string"))
            & (status.status_to == target)
            for origin, target in origins
        )
    )


def _looping(status: ibis.Table) -> ibis.Table:
    """Events that take a loop's arc once more than its bound."""
    arc = ["ticket_id", "status_from", "status_to"]
    before = ibis.row_number().over(ibis.window(group_by=arc, order_by=["ts", "event_id"]))
    arcs = [(status.status_from == f) & (status.status_to == t) for f, t in LOOP_BOUNDS]
    bound = ibis.cases(*zip(arcs, LOOP_BOUNDS.values(), strict=True))
    return status.mutate(_before=before, _bound=bound).filter(_._before >= _._bound)


def reject_events(distinct_events: ibis.Table, rejected_tickets: ibis.Table) -> list[ibis.Table]:
    """Events that are not curated, with their reason; key event_id, by shard.

    Reasons besides those of its ticket: no status of the ticket was received; the event, which is
    no status, is before the reception.
    """

    def reject(events: ibis.Table, tickets: ibis.Table) -> ibis.Table:
        of_tickets = tickets.select("ticket_id", of_ticket="reason")
        joined = events.left_join(of_tickets, "ticket_id").drop("ticket_id_right")
        joined = joined.left_join(_receptions(events), "ticket_id").drop("ticket_id_right")
        reason = ibis.cases(
            (joined.of_ticket.notnull(), joined.of_ticket),
            (joined.received_at.isnull(), "orphan_event"),
            (joined.ts < joined.received_at, "before_reception"),
        )
        judged = joined.mutate(reason=reason).filter(_.reason.notnull())
        return judged.select("ticket_id", "event_id", *LINE, "reason", "shard")

    return by_shard(reject, distinct_events, rejected_tickets)


def _receptions(events: ibis.Table) -> ibis.Table:
    received = events.filter(_.status_to == RECEIVED)
    return received.group_by("ticket_id").aggregate(received_at=_.ts.min())


def quarantine_events(
    repeated_lines: ibis.Table, rejected_events: ibis.Table, rejected_tickets: ibis.Table
) -> ibis.Table:
    """quarantine_silver: rejected tickets and events, those of rejected tickets included.

    Added: lines that say something else than the one that counts. A repeated line that says the
    same is in none: its event is told by the line that counts.
    """
    conflicting = repeated_lines.filter(_.is_conflicting).mutate(reason=ibis.literal(_CONFLICTING))
    of_events = {"scope": ibis.literal("event"), "detail": ibis.null("string")}
    rows = (
        conflicting.mutate(**of_events),
        rejected_events.mutate(**of_events),
        rejected_tickets.mutate(scope=ibis.literal("ticket")),
    )
    return ibis.union(*(part.select(*_COLUMNS) for part in rows))
