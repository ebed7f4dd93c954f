"""What a ticket is, before its events: arrivals with type, place, person, path and timeline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pqrs_kedro.domain.calendar import (
    UTC_OFFSET_SECONDS,
    BusinessCalendar,
    day_number,
)
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import MANDATORY_PATH, MAX_PATH_LENGTH
from pqrs_kedro.domain.territory import draw_municipalities, municipalities
from pqrs_kedro.parameters import Profile
from pqrs_kedro.pipelines.synthesis.arrivals import (
    ArrivalModel,
    ArrivalPlan,
    Arrivals,
    draw_arrivals,
)
from pqrs_kedro.pipelines.synthesis.codes import REOPENED
from pqrs_kedro.pipelines.synthesis.draws import DayDraws, TicketDraws, choose
from pqrs_kedro.pipelines.synthesis.identifiers import radicado, uuid7
from pqrs_kedro.pipelines.synthesis.paths import (
    END,
    ORDINARY,
    REPEATED_PETITION,
    TRANSFERRED,
    Paths,
    has_withdrawal,
    walk,
)
from pqrs_kedro.pipelines.synthesis.personas import PERSONA_DRAWS, personas
from pqrs_kedro.pipelines.synthesis.response import response_ratio
from pqrs_kedro.pipelines.synthesis.segments import (
    CYCLES,
    Cases,
    CycleDraws,
    SpecialWindow,
    lognormal_seconds,
)
from pqrs_kedro.pipelines.synthesis.texts import TOPICS
from pqrs_kedro.pipelines.synthesis.timeline import Timeline, build_timeline

# A repeated petition cites one of the tickets received in this many days before it.
CITED_WITHIN_DAYS = 60
ANONYMOUS_SHARE = 0.05  # of webform petitions [assume]

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
_Table = TypeVar("_Table", Arrivals, Timeline)


@dataclass(frozen=True)
class Scenario:
    """Everything the generator needs; two equal scenarios generate equal bytes."""

    seed: int
    profile: Profile
    calendar: BusinessCalendar
    arrivals: ArrivalModel
    plan: ArrivalPlan
    median_by_type: tuple[float, ...]
    """Median response ratio of each type, in the profile's order."""
    extension_probability: float
    """Of an ordinary ticket from the profile's quantile on, without a withdrawal."""
    defect_rates: tuple[tuple[str, float], ...] = ()
    """Classes of defects that are put into raw lines, with their rates."""


@dataclass(frozen=True)
class TicketBatch:
    """The tickets of some reception days; arrays have one row per ticket, days in order."""

    scenario: Scenario
    draws: TicketDraws
    day: Int
    arrivals: Arrivals
    type_index: Int
    path: Paths
    resolution: Int
    extended: Bool
    timeline: Timeline
    received_at: Int
    """Instant of reception, microseconds UTC."""
    micros: Int
    """Sub-second digits of every event, shaped as `path`."""

    @cached_property
    def number(self) -> Int:
        """Running number of each ticket since the plan's first day."""
        counts = np.array(self.draws.counts)
        index = np.arange(len(self.day)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.scenario.plan.number_before(self.day) + self.draws.first + index

    @cached_property
    def priority(self) -> Int:
        """Place of each ticket's priority in those of the profile."""
        shares = _cumulative([*self.scenario.profile.priority.values()])
        return choose(self.draws.uniform("ticket/priority"), shares)

    @cached_property
    def municipality(self) -> Int:
        """Row of each petitioner's municipality in the territory's table; -1 where not known."""
        drawn = draw_municipalities(self.draws.raw("ticket/municipality"))
        return np.where(is_place_known(self), drawn, -1)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Facts of the tickets that events and texts speak of, one row per ticket."""
        return _ticket_frame(self)

    def parts(self, most: int) -> Iterator["TicketBatch"]:
        """The batch in parts of no more than `most` tickets, about equal; of one day.

        Facts of all a day's tickets are little; their events and lines are much.
        """
        count = len(self.day)
        number = -(-count // most)
        edges = [count * place // number for place in range(number + 1)]
        return (self._part(start, end) for start, end in pairwise(edges))

    def _part(self, start: int, end: int) -> "TicketBatch":
        rows = slice(start, end)
        columns = ("day", "type_index", "path", "resolution", "extended", "received_at", "micros")
        return replace(
            self,
            draws=self.draws.of_tickets(start, end),
            arrivals=_rows_of(self.arrivals, rows),
            timeline=_rows_of(self.timeline, rows),
            **{name: getattr(self, name)[rows] for name in columns},
        )


def _rows_of(table: _Table, rows: slice) -> _Table:
    """Some rows of a dataclass whose fields are arrays with one row per ticket."""
    return replace(table, **{item.name: getattr(table, item.name)[rows] for item in fields(table)})


def build_batch(scenario: Scenario, days: Sequence[int]) -> TicketBatch:
    """All tickets received on `days`, with their paths and timelines."""
    counts = tuple(scenario.plan.count(day) for day in days)
    draws = DayDraws(scenario.seed, tuple(days), counts)
    arrivals = draw_arrivals(scenario.arrivals, draws)
    type_index = _draw_types(scenario.profile, draws)
    resolution = _draw_resolution(scenario.profile, draws)
    path = _walked(scenario.profile, draws, resolution)
    quantile = _quantiles(draws, path, type_index, resolution)
    extended = _draw_extensions(scenario, draws, path, resolution, quantile[:, 0])
    cases = _cases(scenario.profile, draws, arrivals, type_index, path, resolution, extended)
    timeline = build_timeline(
        scenario.profile,
        scenario.calendar,
        cases,
        _cycle_draws(scenario, draws, type_index, quantile, path.shape[1]),
    )
    micros = (draws.raw("event/micro", path.shape[1]) % np.uint64(1_000_000)).astype(np.int64)
    return TicketBatch(
        scenario=scenario,
        draws=draws,
        day=np.repeat(np.array(days, dtype=np.int64), counts),
        arrivals=arrivals,
        type_index=type_index,
        path=path,
        resolution=resolution,
        extended=extended,
        timeline=timeline,
        received_at=to_utc_microseconds(arrivals.local_second) + micros[:, 0],
        micros=micros,
    )


def to_utc_microseconds(local_seconds: Int) -> Int:
    """Instants in microseconds UTC of local seconds since 1970-01-01."""
    return (local_seconds - UTC_OFFSET_SECONDS) * 1_000_000


def _cumulative(shares: Sequence[float]) -> NDArray[np.float64]:
    edges = np.round(np.cumsum(shares), 12)
    edges[-1] = 1.0
    return edges


def _walked(profile: Profile, draws: DayDraws, resolution: Int) -> Paths:
    """The path of every ticket, as wide as the longest of them: most bounds are never reached."""
    path = walk(profile.transitions, draws.uniform("path", MAX_PATH_LENGTH), resolution)
    steps = max(int((path != END).any(axis=0).sum()), len(MANDATORY_PATH))
    return np.ascontiguousarray(path[:, :steps])


def _draw_types(profile: Profile, draws: DayDraws) -> Int:
    shares = [item.share for item in profile.types.values()]
    return choose(draws.uniform("ticket/type"), _cumulative(shares))


def _draw_resolution(profile: Profile, draws: DayDraws) -> Int:
    shares = profile.resolutions
    uniform = draws.uniform("ticket/resolution")
    repeated = (uniform >= shares.transfer) & (uniform < shares.transfer + shares.repeated)
    drawn = np.where(repeated, REPEATED_PETITION, ORDINARY)
    return np.where(uniform < shares.transfer, TRANSFERRED, drawn).astype(np.int64)


def _quantiles(
    draws: DayDraws, path: Paths, type_index: Int, resolution: Int
) -> NDArray[np.float64]:
    """Quantile of the response ratio per ticket and cycle, stratified within the day.

    Strata are the type, and whether the cycle is the ticket's last and whether its ratio counts:
    a run of a few days is then on the requested breach rate too.
    """
    reopened = (path == REOPENED).any(axis=1)
    special = has_withdrawal(path) | (resolution == TRANSFERRED)
    strata = type_index * 4 + reopened * 2 + special
    columns = [draws.stratified(f"response/quantile/{cycle}", strata) for cycle in range(CYCLES)]
    return np.stack(columns, axis=1)


def _draw_extensions(
    scenario: Scenario,
    draws: DayDraws,
    path: Paths,
    resolution: Int,
    quantile: NDArray[np.float64],
) -> Bool:
    eligible = (resolution == ORDINARY) & ~has_withdrawal(path)
    eligible &= quantile >= scenario.profile.resolutions.extension_from_quantile
    return np.asarray(
        eligible & (draws.uniform("ticket/extension") < scenario.extension_probability)
    )


def _cases(
    profile: Profile,
    draws: DayDraws,
    arrivals: Arrivals,
    type_index: Int,
    path: Paths,
    resolution: Int,
    extended: Bool,
) -> Cases:
    terms = np.array([item.term_business_days for item in profile.types.values()])
    radication = np.zeros(len(type_index), dtype=np.int64)
    in_office = np.zeros(len(type_index), dtype=bool)
    uniform = draws.uniform("ticket/radication")
    for number, channel in enumerate(CHANNEL_IDS):
        members = arrivals.channel == number
        law = profile.channels[channel].radication
        radication[members] = lognormal_seconds(law, uniform[members])
        in_office[members] = law.unit.startswith("office")
    return Cases(
        path=path,
        received=arrivals.local_second,
        radication=radication,
        radication_in_office=in_office,
        term=terms[type_index],
        transferred=resolution == TRANSFERRED,
        extended=extended,
        windows=_special_windows(profile, type_index),
    )


def _special_windows(profile: Profile, type_index: Int) -> tuple[SpecialWindow, ...]:
    """The profile's windows of special terms, as they are for each ticket's type."""
    return tuple(
        SpecialWindow(
            first_day=day_number(window.first_day),
            last_day=day_number(window.last_day),
            term=np.array([window.terms.get(code, 0) for code in profile.types])[type_index],
        )
        for window in profile.special_terms
    )


def _cycle_draws(
    scenario: Scenario,
    draws: DayDraws,
    type_index: Int,
    quantile: NDArray[np.float64],
    steps: int,
) -> CycleDraws:
    median = np.array(scenario.median_by_type)[type_index]
    hurry = draws.uniform("response/hurry", CYCLES)
    law = scenario.profile.response
    ratio = [
        response_ratio(law, median, quantile[:, cycle], hurry[:, cycle]) for cycle in range(CYCLES)
    ]
    return CycleDraws(
        ratio=np.stack(ratio, axis=1),
        quantile=quantile,
        duration=draws.uniform("segment/duration", steps),
        office_time=draws.uniform("segment/office_time", steps),
        announcement=draws.uniform("ticket/announcement"),
    )


def _ticket_frame(batch: TicketBatch) -> pl.DataFrame:
    draws, profile = batch.draws, batch.scenario.profile
    types = profile.types
    topic = (draws.raw("ticket/topic") % np.uint64(len(TOPICS))).astype(np.int64)
    facts = pl.DataFrame(
        {
            "ticket_id": pl.Series(uuid7(batch.received_at, draws.raw("ticket/id"))),
            "external_id": _external_ids(batch.scenario.plan, batch.day, batch.number),
            "cited_external_id": _cited_external_ids(batch),
            "source": _labels(CHANNEL_IDS, batch.arrivals.channel),
            "pqrs_type": _labels([*types], batch.type_index),
            "webform_type": np.array([item.webform_code for item in types.values()])[
                batch.type_index
            ],
            "priority": _labels([*profile.priority], batch.priority),
            "topic": _labels([item.topic_id for item in TOPICS], topic),
            "dependency": _labels([item.dependency_code for item in TOPICS], topic),
            "webform_topic": np.array([item.webform_code for item in TOPICS])[topic],
        }
    )
    people = personas(draws.raw("ticket/person", PERSONA_DRAWS), batch.day)
    return facts.hstack(_places(batch)).hstack(people).with_columns(_anonymous(batch))


def _labels(labels: Sequence[str], index: Int) -> pl.Series:
    return pl.Series(labels, dtype=pl.String).gather(index)


def _external_ids(plan: ArrivalPlan, days: Int, numbers: Int) -> pl.Series:
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return radicado(years, plan.consecutive(days, numbers))


def _cited_external_ids(batch: TicketBatch) -> pl.Series:
    """Radicado of an earlier ticket for repeated petitions; null for the others."""
    plan = batch.scenario.plan
    first = plan.number_before(np.maximum(batch.day - CITED_WITHIN_DAYS, plan.first_day))
    before = plan.number_before(batch.day)
    choice = batch.draws.raw("ticket/cited") % np.maximum(before - first, 1).astype(np.uint64)
    number = first + choice.astype(np.int64)
    cited = _external_ids(plan, plan.day_of_number(number), number)
    known = (batch.resolution == REPEATED_PETITION) & (before > first)
    return pl.select(pl.when(pl.Series(known)).then(cited)).to_series()


def _places(batch: TicketBatch) -> pl.DataFrame:
    """DANE code and name of the petitioner's municipality; null where it is not known."""
    known, rows = pl.Series(batch.municipality >= 0), np.maximum(batch.municipality, 0)
    codes, names = (
        pl.Series(municipalities()[name]).gather(rows) for name in ("dane_code", "name")
    )
    return pl.select(dane_code=pl.when(known).then(codes), municipio=pl.when(known).then(names))


def is_place_known(batch: TicketBatch) -> Bool:
    """Whether each petitioner's municipality is known."""
    shares = np.array(
        [batch.scenario.profile.channels[name].unknown_geography_share for name in CHANNEL_IDS]
    )
    unknown = batch.draws.uniform("ticket/geography_known") < shares[batch.arrivals.channel]
    return np.asarray(~unknown)


def _anonymous(batch: TicketBatch) -> pl.Series:
    webform = batch.arrivals.channel == CHANNEL_IDS.index("webform")
    drawn = batch.draws.uniform("ticket/anonymous") < ANONYMOUS_SHARE
    return pl.Series("anonymous", webform & drawn)
