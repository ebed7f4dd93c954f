"""One trial: the life cycles of a run's tickets, and their SLA metrics, without raw lines.

Executed is the project's own code: `build_scenario` and `build_batch` of synthesis, which make
every ticket with its path and instants; `measure_sla_cycles` and `last_cycles` of curation, and
`count_backlog` of metrics, which read status events and extensions. Left out is what these numbers
do not depend on: texts, persons, raw lines, their reading back, Parquet and Postgres. An ordinary
run with the same parameters has the same numbers in silver and gold (docs/sweeps.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pqrs_kedro.contracts.columns import UNKNOWN_REGION
from pqrs_kedro.domain.calendar import SECONDS_PER_DAY, day_number, local_day
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.domain.statuses import STATUS_IDS
from pqrs_kedro.domain.territory import draw_municipalities, municipalities
from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.pipelines.curation.nodes import end_observation, last_cycles, list_business_days
from pqrs_kedro.pipelines.curation.sla import measure_sla_cycles
from pqrs_kedro.pipelines.metrics.days import list_days
from pqrs_kedro.pipelines.metrics.nodes import count_backlog
from pqrs_kedro.pipelines.synthesis.codes import CLASSIFIED, RADICATED, REOPENED
from pqrs_kedro.pipelines.synthesis.events import extension_events
from pqrs_kedro.pipelines.synthesis.paths import END
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.tickets import (
    TicketBatch,
    build_batch,
    is_place_known,
    to_utc_microseconds,
)
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.sweep.measures import Measured, MeasuredTables, measure

Int = NDArray[np.int64]

# A worker has one core; the trials of all workers share the machine's memory.
_ENGINE: Final = EngineSettings(threads=1)


def run_trial(parameters: RunParameters) -> list[Measured]:
    """The numbers of a run of these parameters; nothing is written.

    The engine's connection stays open for the next trial of the process.
    """
    connection = ENGINE.connect(_ENGINE)
    made = _TrialTables(connection, parameters)
    types = parameters.chosen_profile.types
    return measure(made.measured(), types, parameters.date_min, parameters.date_max)


@dataclass(frozen=True)
class _TrialTables:
    """The tables of one trial in the engine; the next trial replaces them."""

    connection: ibis.BaseBackend
    parameters: RunParameters

    def measured(self) -> MeasuredTables:
        """Tickets, cycles and backlog, by the nodes of curation and metrics."""
        events, facts = self._generated()
        profile, until = self.parameters.chosen_profile, self._until()
        terms = [item.term_business_days for item in profile.types.values()]
        types = self._table("types", pa.table({"type_id": [*profile.types],
                                               "sla_business_days": terms}))  # fmt: skip
        calendar = list_business_days(self.parameters.business_calendar)
        business_days = self._table("business_days", calendar)
        observation = self._table("observation", end_observation(events, until))
        # A trial's rows are narrow: one shard takes them all.
        sharded = events.mutate(shard=ibis.literal(0))
        (query,) = measure_sla_cycles(sharded, types, business_days, profile, observation)
        cycles = self._table("cycles", query)
        last = last_cycles(cycles, observation)
        tickets = self._table("tickets", facts.left_join(last, "ticket_id").drop("ticket_id_right"))
        first = self.parameters.date_min.isoformat()
        days = self._table("days", list_days(events, events, business_days, first, until))
        # Of silver_status_events, which says nothing of a type.
        statuses = events.filter(events.event_type == "STATUS").select(
            "ticket_id", "ts", "status_to"
        )
        backlog = self._table("backlog", count_backlog(tickets, statuses, days, types))
        return MeasuredTables(tickets, cycles, backlog)

    def _table(self, name: str, rows: ibis.Table | pa.Table) -> ibis.Table:
        """Rows computed once, under a name of the trial."""
        return self.connection.create_table(f"trial_{name}", rows, temp=True, overwrite=True)

    def _until(self) -> str | None:
        until = self.parameters.observe_until
        return None if until is None else until.isoformat()

    def _generated(self) -> tuple[ibis.Table, ibis.Table]:
        """Status events and extensions in the order of their ticket, and facts of the tickets."""
        parts, first = [], 0
        last_day = day_number(self.parameters.observe_until or date.max)
        for batch in _batches(self.parameters):
            parts.append((_events(batch, first, last_day), _facts(batch, first, last_day)))
            first += len(batch.day)
        events, facts = (pa.concat_tables(tables) for tables in zip(*parts, strict=True))
        return self._table("events", events), self._table("facts", facts)


def _batches(parameters: RunParameters) -> Iterator[TicketBatch]:
    """All tickets that are received and observed, some days at a time."""
    scenario = build_scenario(parameters)
    last = min(parameters.date_max, parameters.observe_until or parameters.date_max)
    days = range(day_number(parameters.date_min), day_number(last) + 1)
    for start in range(days.start, days.stop, parameters.days_per_chunk):
        yield build_batch(scenario, range(start, min(start + parameters.days_per_chunk, days.stop)))


def _events(batch: TicketBatch, first_ticket: int, last_day: int) -> pa.Table:
    """Status events and extensions up to the last observed day, with what SLA cycles need.

    A path is in order of time, to the second, so an event's place in it is its number.
    """
    row, step = np.nonzero(batch.path != END)
    at = to_utc_microseconds(batch.timeline.entered[row, step]) + batch.micros[row, step]
    cycle = (np.cumsum(batch.path == REOPENED, axis=1) + 1)[row, step]
    statuses = _event_columns(batch, first_ticket, row, at, "STATUS") | {
        "event_number": step + 1,
        "cycle_number": cycle,
        "status_to": _labels(STATUS_IDS, batch.path[row, step]),
    }
    _, row, _, _, _, announced, _ = extension_events(batch)
    none = np.zeros(len(row), dtype=np.int64)
    extensions = _event_columns(batch, first_ticket, row, announced, "TERM_EXTENDED") | {
        "event_number": none,
        "cycle_number": none + 1,
        "status_to": pa.nulls(len(row), pa.string()),
    }
    seen = [local_day(instants) <= last_day for instants in (at, announced)]
    parts = [pa.table(part) for part in (statuses, extensions)]
    return pa.concat_tables(
        [part.filter(pa.array(mask)) for part, mask in zip(parts, seen, strict=True)]
    )


def _event_columns(
    batch: TicketBatch, first_ticket: int, row: Int, at: Int, kind: str
) -> dict[str, pa.Array | Int]:
    types = tuple(batch.scenario.profile.types)
    return {
        "ticket_id": row + first_ticket,
        "ts": pa.array(at).cast(pa.timestamp("us")),
        "event_type": pa.repeat(kind, len(row)),
        "pqrs_type": _labels(types, batch.type_index[row]),
    }


def _facts(batch: TicketBatch, first_ticket: int, last_day: int) -> pa.Table:
    """Channel, type and region of each ticket, as far as they have been observed."""
    entered_day = batch.timeline.entered // SECONDS_PER_DAY
    # Every path begins with reception, radication and classification, in that order.
    radicated, classified = (
        entered_day[np.arange(len(batch.day)), np.argmax(batch.path == status, axis=1)] <= last_day
        for status in (RADICATED, CLASSIFIED)
    )
    places = municipalities()["region"].take(
        pa.array(draw_municipalities(batch.draws.raw("ticket/municipality")))
    )
    known = pa.array(is_place_known(batch) & radicated)
    types = _labels(tuple(batch.scenario.profile.types), batch.type_index)
    return pa.table(
        {
            "ticket_id": np.arange(first_ticket, first_ticket + len(batch.day)),
            "source_channel": _labels(CHANNEL_IDS, batch.arrivals.channel),
            "pqrs_type": _where(pa.array(classified), types, None),
            "region": _where(known, places, UNKNOWN_REGION),
        }
    )


def _where(known: pa.Array, values: pa.Array, otherwise: str | None) -> pa.Array:
    return pc.if_else(known, values, pa.scalar(otherwise, pa.string()))


def _labels(names: tuple[str, ...], index: NDArray[np.integer]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(names)).cast(
        pa.string()
    )
