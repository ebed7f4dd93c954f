"""The same raw events as the project's, row by row: the baseline that its speed is compared with.

Plain Python: one ticket after the other, one dictionary per event, one line of JSON at a time. The
model, the fields and the lake's layout are the project's (docs/generator.md, docs/raw_events.md);
daily counts, calibrated medians and reference data are taken from it. It is written as one would
write it for speed without columns: laws, shares and grammar are laid out once, draws come from
`random.Random`, and lines wait in memory until they are sorted. It differs in what depends on a
whole day, quantiles of the response ratio are not stratified, and has no windows of special terms,
which the dates of the benchmark do not touch.

`tests/unit/test_row_by_row.py` compares keys, sizes, counts and life lengths with the project's.
"""

import json
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from random import Random

import numpy as np
import orjson
from benchmarks.row_payloads import SECOND, Event, Json, Payloads, Ticket, instant, local_day
from benchmarks.row_texts import Grammar, People, presence
from benchmarks.row_timeline import Case, Duration, Life, LifeModel

from pqrs_kedro.domain.calendar import UTC_OFFSET_SECONDS, day_number, to_date
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import (
    ARCHIVED,
    CLASSIFIED,
    EXTENSION,
    IN_PROGRESS,
    ON_HOLD,
    RADICATED,
    RECEIVED,
    REOPENED,
    REPEATED,
    RESPONDED,
    TACIT_WITHDRAWAL,
    TRANSFER,
)
from pqrs_kedro.domain.terms import EXTENSION_FACTOR
from pqrs_kedro.domain.territory import WEIGHT_TOTAL, municipalities
from pqrs_kedro.lake.layout import raw_key
from pqrs_kedro.lake.objects import LakeObject, put
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.pipelines.synthesis.payloads import PLATFORMS
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.texts import TOPICS


def plain_json(event: Json) -> bytes:
    """An event as JSON by the standard library."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


ENCODERS: dict[str, Callable[[Json], bytes]] = {"orjson": orjson.dumps, "json": plain_json}
# Instant, identifier and line of an event: what an object is sorted by, and what it holds.
Row = tuple[str, str, bytes]


def write_row_by_row(
    parameters: RunParameters, lake: str, run_id: str, encoder: str = "orjson"
) -> list[LakeObject]:
    """Generate a run's raw objects and create them, with their hashes, in a lake."""
    store = open_store(lake)
    return [
        put(
            store,
            raw_key(source, to_date(day), run_id),
            b"".join(line for _, _, line in sorted(rows)),
            len(rows),
        )
        for (source, day), rows in RowByRow(parameters, encoder).objects().items()
    ]


class RowByRow:
    """Generates the tickets of a run, one after the other.

    Args:
        parameters: the run's.
        encoder: one of ENCODERS.
    """

    def __init__(self, parameters: RunParameters, encoder: str = "orjson") -> None:
        self._encode = ENCODERS[encoder]
        rng = Random(parameters.seed)  # noqa: S311  (invented data, no secret)
        self._rng, self._random = rng, rng.random
        self._scenario = scenario = build_scenario(parameters)
        self._profile = profile = scenario.profile
        self._days = range(day_number(parameters.date_min), day_number(parameters.date_max) + 1)
        self._model = LifeModel(profile, scenario.calendar)
        self._grammar, self._people = Grammar(rng), People(rng)
        self._payloads = Payloads(profile, self._grammar, rng)
        self._types, self._priorities = list(profile.types), list(profile.priority)
        self._type_shares = list(accumulate(item.share for item in profile.types.values()))
        self._priority_shares = list(accumulate(profile.priority.values()))
        self._hours = [list(accumulate(of)) for of in scenario.arrivals.hour_weights.tolist()]
        table = municipalities()
        self._dane_codes, self._places = table["dane_code"].to_pylist(), table["name"].to_pylist()
        self._place_weights = list(accumulate(table["population_weight_e7"].to_pylist()))
        self._first_reply = {
            name: Duration(channel.first_reply)
            for name, channel in profile.channels.items()
            if channel.first_reply
        }

    def objects(self) -> dict[tuple[str, int], list[Row]]:
        """The events of each source and local day, in no order."""
        found: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for ticket in self._tickets():
            for event in self._events(ticket):
                line = self._encode(self._event_json(ticket, event)) + b"\n"
                found[ticket.source, local_day(event.at)].append((event.ts, event.event_id, line))
        return found

    # --- Tickets -------------------------------------------------------------------------------

    def _tickets(self) -> Iterator[Ticket]:
        plan = self._scenario.plan
        for day in self._days:
            today = np.array([day])
            first = int(plan.consecutive(today, plan.number_before(today))[0])
            for index, (second, channel) in enumerate(self._arrivals(day, plan.count(day))):
                yield self._ticket(day, second, channel, _radicado(day, first + index))

    def _arrivals(self, day: int, count: int) -> list[tuple[int, int]]:
        """Local second and channel of each ticket of a day, in order."""
        weights = self._scenario.arrivals.channel_weights(np.array([day]))[0].tolist()
        channels = list(accumulate(weights))
        found = []
        for _ in range(count):
            channel = self._pick(channels)
            second = (day * 24 + self._pick(self._hours[channel])) * 3600
            found.append((second + int(self._random() * 3600), channel))
        return sorted(found)

    def _pick(self, cumulative: Sequence[float]) -> int:
        """A category by cumulative shares."""
        return min(bisect(cumulative, self._random()), len(cumulative) - 1)

    def _ticket(self, day: int, second: int, channel: int, radicado: str) -> Ticket:
        random, source = self._random, CHANNEL_IDS[channel]
        type_index = self._pick(self._type_shares)
        pqrs_type = self._types[type_index]
        topic = TOPICS[int(random() * len(TOPICS))]
        case = self._case(source, second, type_index)
        person = self._people.draw(day)
        anonymous = source == "webform" and random() < 0.05
        place = bisect(self._place_weights, int(random() * WEIGHT_TOTAL))
        unknown = random() < self._profile.channels[source].unknown_geography_share
        cited = self._cited(day) if case.resolution == REPEATED else None
        given = {
            "external_id": radicado,
            "cited_external_id": cited,
            "municipio": None if unknown else self._places[place],
            "citizen_name": None if anonymous else person.full_name,
        }
        quoted = {name: text for name, text in given.items() if text is not None}
        return Ticket(
            source=source,
            radicado=radicado,
            cited=cited,
            pqrs_type=pqrs_type,
            webform_code=self._profile.types[pqrs_type].webform_code,
            priority=self._priorities[self._pick(self._priority_shares)],
            topic=topic,
            dane_code=None if unknown else self._dane_codes[place],
            person=person,
            anonymous=anonymous,
            case=case,
            life=Life(self._model, case, self._rng),
            facts={},
            cases={
                "": "",
                "pqrs_type": pqrs_type,
                "topic": topic.topic_id,
                "matter": self._grammar.draw_matter(pqrs_type, topic.topic_id),
                **presence(quoted),
            },
            quoted=quoted,
            platform=PLATFORMS[int(random() * len(PLATFORMS))],
            confidence=(70 + int(random() * 29)) / 100,
        )

    def _case(self, source: str, second: int, type_index: int) -> Case:
        shares, drawn = self._profile.resolutions, self._random()
        resolution = None
        if drawn < shares.transfer:
            resolution = TRANSFER
        elif drawn < shares.transfer + shares.repeated:
            resolution = REPEATED
        path = self._model.walk(resolution, self._rng)
        quantiles = (self._random(), self._random())
        extended = (
            resolution is None
            and (ON_HOLD, RESPONDED) not in pairwise(path)
            and quantiles[0] >= shares.extension_from_quantile
            and self._random() < self._scenario.extension_probability
        )
        term = self._profile.types[self._types[type_index]].term_business_days
        median = self._scenario.median_by_type[type_index]
        return Case(source, second, path, term, resolution, extended, median, quantiles)

    def _cited(self, day: int) -> str | None:
        """The radicado of a ticket of the sixty days before; null if there is none."""
        plan = self._scenario.plan
        first, last = plan.number_before(np.array([max(day - 60, plan.first_day), day])).tolist()
        if first == last:
            return None
        number = np.array([self._rng.randrange(first, last)])
        cited_day = plan.day_of_number(number)
        return _radicado(int(cited_day[0]), int(plan.consecutive(cited_day, number)[0]))

    # --- Events --------------------------------------------------------------------------------

    def _events(self, ticket: Ticket) -> list[Event]:
        """All events of a ticket: statuses, first reply, extension."""
        case, life = ticket.case, ticket.life
        events, before, reopened = [], None, False
        for status, second in zip(case.path, life.entered, strict=True):
            reopened = reopened or status == REOPENED
            event = self._event("STATUS", second, _actor(before, status), before, status)
            if status == RESPONDED:
                event.resolution = _resolution(case, before, reopened)
            events.append(event)
            before = status
        ticket.ticket_id = self._uuid7(events[0].at)
        ticket.first_event_id, ticket.radicated_at = events[0].event_id, events[1].at
        if law := self._first_reply.get(ticket.source):
            events.append(self._event("MESSAGE", self._reply(ticket, law), "agent"))
        if case.extended:
            events.append(self._event("TERM_EXTENDED", life.announcement(), "agent"))
        return events

    def _reply(self, ticket: Ticket, law: Duration) -> int:
        """When a person first replies, no later than the answer."""
        case, seconds = ticket.case, law.draw(self._rng)
        if law.in_office:
            reply = self._model.clock.after(case.received, seconds)
        else:
            reply = case.received + max(seconds, 80)
        return min(reply, ticket.life.entered[case.path.index(RESPONDED)] - 1)

    def _event(
        self,
        kind: str,
        second: int,
        actor: str,
        status_from: str | None = None,
        status_to: str | None = None,
    ) -> Event:
        at = self._instant(second)
        return Event(kind, at, instant(at), self._uuid7(at), actor, status_from, status_to)

    def _instant(self, second: int) -> int:
        """Microseconds UTC of a local second, with digits below it."""
        return (second - UTC_OFFSET_SECONDS) * SECOND + int(self._random() * SECOND)

    def _uuid7(self, at: int) -> str:
        millis, micros = divmod(at, 1000)
        low = 2 << 62 | self._rng.getrandbits(62)
        digits = f"{(millis << 16 | 0x7000 | micros) << 64 | low:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _event_json(self, ticket: Ticket, event: Event) -> Json:
        return {
            "event_id": event.event_id,
            "event_type": event.kind,
            "ts": event.ts,
            "source": ticket.source,
            "ticket_id": ticket.ticket_id,
            "external_id": ticket.radicado if event.at >= ticket.radicated_at else None,
            "actor_role": event.actor,
            "status_from": event.status_from,
            "status_to": event.status_to,
            "attributes": _attributes(ticket, event),
            "payload": self._payloads.payload(ticket, event),
        }


def _radicado(day: int, consecutive: int) -> str:
    number = (to_date(day).year * 1000 + 100) * 1_000_000 + consecutive
    return f"{number}2"


def _actor(before: str | None, status: str) -> str:
    if status in (RECEIVED, REOPENED) or (before, status) == (ON_HOLD, IN_PROGRESS):
        return "citizen"
    return "system" if status in (RADICATED, ARCHIVED) else "agent"


def _resolution(case: Case, before: str | None, reopened: bool) -> str | None:
    """The resolution code of an answer."""
    if before == ON_HOLD:
        return TACIT_WITHDRAWAL
    if case.resolution == TRANSFER:
        return TRANSFER
    if reopened:
        return None
    return EXTENSION if case.extended else case.resolution


def _attributes(ticket: Ticket, event: Event) -> Json:
    if event.kind == "TERM_EXTENDED":
        return {"term_business_days": EXTENSION_FACTOR * ticket.case.term}
    if event.status_to == RADICATED:
        return {"dane_code": ticket.dane_code}
    if event.status_to == CLASSIFIED:
        return {"pqrs_type": ticket.pqrs_type, "priority": ticket.priority}
    if event.status_to == RESPONDED:
        cited = ticket.cited if event.resolution == REPEATED else None
        return {"resolution_code": event.resolution, "cited_external_id": cited}
    return {}
