"""Silver from events alone: tickets, messages, status events, attachments; and the dimensions.

Nothing is taken over from the generator. Order within a ticket is (ts, event_id).
"""

from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.calendar import FIRST_DAY, BusinessCalendar, day_number
from pqrs_kedro.domain.channels import CHANNELS
from pqrs_kedro.domain.statuses import (
    CLASSIFIED,
    CLOSED,
    CLOSED_STATUSES,
    RADICATED,
    RECEIVED,
    RESPONDED,
    STATUSES,
)
from pqrs_kedro.domain.territory import municipal_geometry, municipalities
from pqrs_kedro.parameters import Profile, parse_parameters
from pqrs_kedro.pipelines.curation.shards import by_shard
from pqrs_kedro.pipelines.curation.survivors import LINE
from pqrs_kedro.pipelines.expressions import (
    end_of_local_day,
    last_observed_day,
    local_month,
)


def choose_profile(parameters: dict[str, Any]) -> Profile:
    """The profile whose types, terms and stop status the run is curated by."""
    return parse_parameters(parameters).chosen_profile


def choose_calendar(parameters: dict[str, Any]) -> BusinessCalendar:
    """The business-day calendar that the run's petitions were made with and are counted by."""
    return parse_parameters(parameters).business_calendar


def list_dimensions(
    profile: Profile, business_calendar: BusinessCalendar, municipal_polygons: pa.Table
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table, pa.Table]:
    """dim_channel, dim_pqrs_type, dim_status, dim_geo, dim_business_day.

    A municipality that the user has a polygon of gets it for its boundary; the others keep their
    approximate cell.
    """
    types = [
        {"type_id": code, "name": item.name, "sla_business_days": item.term_business_days}
        for code, item in profile.types.items()
    ]
    channels = [{"channel_id": item.channel_id, "name": item.name} for item in CHANNELS]
    statuses = [
        {"status_id": item.status_id, "name": item.name, "is_terminal": item.is_terminal}
        for item in STATUSES
    ]
    return (
        _dimension("dim_channel", channels),
        _dimension("dim_pqrs_type", types),
        _dimension("dim_status", statuses),
        _dim_geo(municipal_polygons),
        list_business_days(business_calendar),
    )


def _dimension(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(TABLES[name]))


def _dim_geo(polygons: pa.Table) -> pa.Table:
    places, shapes = municipalities(), municipal_geometry()
    own = pc.index_in(places["dane_code"], polygons["dane_code"])
    columns = {
        "geo_id": places["dane_code"],
        "region": places["region"],
        "municipio": places["name"],
        "department": places["department"],
        "dane_department_code": places["department_code"],
        "dane_municipality_code": places["dane_code"],
        "latitude": places["latitude"],
        "longitude": places["longitude"],
        "geometry_kind": pc.if_else(own.is_valid(), "user", shapes["geometry_kind"]),
        "location": shapes["location"],
        "boundary": pc.coalesce(polygons["boundary"].take(own), shapes["boundary"]),
    }
    return pa.table(columns, schema=arrow_schema(TABLES["dim_geo"]))


def list_business_days(calendar: BusinessCalendar) -> pa.Table:
    """dim_business_day: every day of the calendar, with its ordinal."""
    first = day_number(FIRST_DAY)
    days = range(first, first + len(calendar.ordinals))
    columns = {
        "day": pa.array(days, pa.int32()).cast(pa.date32()),
        "is_business_day": pa.array(calendar.is_business),
        "business_day_ordinal": pa.array(calendar.ordinals),
    }
    return pa.table(columns, schema=arrow_schema(TABLES["dim_business_day"]))


def order_events(distinct_events: ibis.Table, rejected_events: ibis.Table) -> list[ibis.Table]:
    """The events that are curated, in the order of their ticket; by shard.

    Added: event_number, from 1 in each ticket; cycle_number, 1 and one more from each REOPENED on.
    """
    in_order = ibis.window(group_by="ticket_id", order_by=["ts", "event_id"])
    up_to_here = ibis.window(
        group_by="ticket_id", order_by=["ts", "event_id"], preceding=None, following=0
    )
    reopened = (_.status_to == "REOPENED").fill_null(False).cast("int64")

    def order(events: ibis.Table, rejected: ibis.Table) -> ibis.Table:
        return events.anti_join(rejected, LINE).mutate(
            event_number=ibis.row_number().over(in_order).cast("int64") + 1,
            cycle_number=reopened.sum().over(up_to_here).cast("int64") + 1,
        )

    return by_shard(order, distinct_events, rejected_events)


def end_observation(ordered_events: ibis.Table, observe_until: str | None) -> ibis.Table:
    """One row, last_day: the last observed local day, which all of curation counts up to."""
    return last_observed_day(observe_until, ordered_events)


def curate_status_events(ordered_events: ibis.Table) -> ibis.Table:
    """One row per status transition; key event_id."""
    status = ordered_events.filter(_.event_type == "STATUS")
    return status.mutate(month=local_month(status.ts))


def curate_messages(
    bronze_pqrs_events: ibis.Table, repeated_lines: ibis.Table, rejected_events: ibis.Table
) -> ibis.Table:
    """One row per message; key message_id = event_id and ordinal in the event.

    Added: role (a bot speaks in role agent), text_len in Unicode characters.
    """
    speaking = bronze_pqrs_events.filter(_.messages.notnull())
    events = _curated(speaking, repeated_lines, rejected_events)
    spoken = events.select("event_id", "ticket_id", *LINE, "messages").unnest(
        "messages", offset="ordinal"
    )
    message = spoken.messages
    return spoken.select(
        "event_id",
        "ticket_id",
        *LINE,
        message_id=_numbered(spoken, "-m"),
        ts=message.ts.cast("timestamp(6)"),
        role=ibis.ifelse(message.author_kind == "citizen", "citizen", "agent"),
        text=message.text,
        text_len=message.text.length().cast("int64"),
        author_kind=message.author_kind,
        subject=message.subject,
    ).mutate(month=local_month(_.ts))


def curate_attachments(
    bronze_pqrs_events: ibis.Table, repeated_lines: ibis.Table, rejected_events: ibis.Table
) -> ibis.Table:
    """One row per attached file; key attachment_id = event_id and ordinal in the event."""
    with_files = bronze_pqrs_events.filter(_.attachments.length() > 0)
    events = _curated(with_files, repeated_lines, rejected_events)
    attached = events.select("event_id", "ticket_id", "ts", *LINE, "source", "attachments").unnest(
        "attachments", offset="ordinal"
    )
    file = attached.attachments
    return attached.select(
        "event_id",
        "ticket_id",
        "ts",
        *LINE,
        attachment_id=_numbered(attached, "-a"),
        file_type=file.file_type,
        size_kb=file.size_kb,
        source_channel=attached.source,
        file_name=file.file_name,
        month=local_month(attached.ts),
    )


def _curated(bronze: ibis.Table, *left_out: ibis.Table) -> ibis.Table:
    """The bronze rows that stand for a curated event, one each."""
    # What is left out is little and held in memory, so that texts stream by.
    return bronze.anti_join(ibis.union(*(rows.select(*LINE) for rows in left_out)), LINE)


def _numbered(rows: ibis.Table, infix: str) -> ibis.Value:
    number = (rows.ordinal + 1).cast("string")
    padded = ibis.ifelse(number.length() < 2, ibis.literal("0").concat(number), number)
    return rows.event_id.concat(infix, padded)


def curate_sla_cycles(sla_cycles: ibis.Table) -> ibis.Table:
    """One row per ticket and SLA cycle; key ticket_id, cycle_number."""
    return sla_cycles.drop("shard")


def time_first_responses(silver_messages: ibis.Table, ordered_events: ibis.Table) -> ibis.Table:
    """When a human agent first wrote to each ticket; key ticket_id.

    Rows of a shard lie together.
    """
    human = silver_messages.filter(_.author_kind == "agent")
    first = human.group_by("ticket_id").aggregate(first_response_at=_.ts.min())
    received = ordered_events.filter(_.status_to == RECEIVED).select("ticket_id", "shard")
    return first.join(received, "ticket_id").order_by("shard")


def curate_tickets(
    ordered_events: ibis.Table,
    first_responses: ibis.Table,
    sla_cycles: ibis.Table,
    observation: ibis.Table,
    dim_geo: ibis.Table,
) -> list[ibis.Table]:
    """One row per ticket; key ticket_id, by shard.

    Transformations include: channel, instant and raw line of RECEIVED; instants of the first
    RADICATED and of the last RESPONDED and CLOSED; facts of the last RADICATED, CLASSIFIED and
    RESPONDED event, a municipality that dim_geo does not have apart; first message of a human
    agent; due instant and breach of the last SLA cycle.
    """

    def curate(events: ibis.Table, responses: ibis.Table, cycles: ibis.Table) -> ibis.Table:
        tickets = _ticket_facts(events)
        for part in (
            _places(events, dim_geo),
            _last(events, CLASSIFIED, ["pqrs_type", "priority"]),
            _last(events, RESPONDED, ["resolution_code", "cited_external_id"]),
            responses.drop("shard"),
            last_cycles(cycles, observation),
        ):
            tickets = tickets.left_join(part, "ticket_id").drop("ticket_id_right")
        closed = tickets.current_status.isin(CLOSED_STATUSES)
        return tickets.mutate(
            month=local_month(tickets.created_at),
            closed_at=ibis.cases((closed, tickets.closed_at)),
            sla_cycles_count=tickets.sla_cycles_count.fill_null(0),
        )

    return by_shard(curate, ordered_events, first_responses, sla_cycles)


def _ticket_facts(events: ibis.Table) -> ibis.Table:
    status = events.status_to
    # A curated ticket has been received once.
    received = status == RECEIVED
    return events.group_by("ticket_id").aggregate(
        external_id=events.external_id.argmax(
            events.event_number, where=events.external_id.notnull()
        ),
        source_channel=events.source.max(where=received),
        created_at=events.ts.max(where=received),
        radicated_at=events.ts.min(where=status == RADICATED),
        current_status=status.argmax(events.event_number, where=status.notnull()),
        responded_at=events.ts.max(where=status == RESPONDED),
        closed_at=events.ts.max(where=status == CLOSED),
        **{name: events[name].max(where=received) for name in LINE},
    )


def _places(events: ibis.Table, dim_geo: ibis.Table) -> ibis.Table:
    """Each ticket's municipality; a code that is none of them as unknown_dane_code."""
    given = _last(events, RADICATED, ["geo_id"])
    known = dim_geo.select(known_id="geo_id")
    joined = given.left_join(known, given.geo_id == known.known_id)
    unknown = ibis.cases((joined.known_id.isnull(), joined.geo_id))
    return joined.select("ticket_id", geo_id=joined.known_id, unknown_dane_code=unknown)


def _last(events: ibis.Table, status: str, columns: list[str]) -> ibis.Table:
    """Columns of each ticket's last event that entered a status."""
    entered = events.filter(events.status_to == status)
    latest_first = ibis.window(group_by="ticket_id", order_by=ibis.desc("event_number"))
    ranked = entered.mutate(_rank=ibis.row_number().over(latest_first))
    return ranked.filter(_._rank == 0).select("ticket_id", *columns)


def last_cycles(cycles: ibis.Table, observation: ibis.Table) -> ibis.Table:
    """Due instant and breach of each ticket's last cycle, and how many cycles it has."""
    latest_first = ibis.window(group_by="ticket_id", order_by=ibis.desc("cycle_number"))
    ranked = cycles.mutate(_rank=ibis.row_number().over(latest_first))
    last = ranked.filter(_._rank == 0).cross_join(observation)
    overdue = ibis.cases((last.due_day <= last.last_day, True))
    return last.select(
        "ticket_id",
        sla_cycles_count=last.cycle_number,
        sla_due_at=end_of_local_day(last.due_day),
        is_breached=ibis.coalesce(last.is_late, overdue),
    )
