"""What another business-day calendar would make of a run: due days and outcomes of its SLA cycles.

The cycles are measured twice from the run's bronze events by the functions that make silver: with
the calendar that the run has in the lake, and with the other one. Nothing else differs between the
two, and nothing is written to the lake.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import ibis
import pyarrow as pa
from ibis import _

from pqrs_kedro.datasets.engine_table import compute
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.domain.calendar import FIRST_DAY, BusinessCalendar
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import InvalidInput, RunParameters, parse_parameters
from pqrs_kedro.parameters_law import LegalChange
from pqrs_kedro.pipelines.curation.nodes import (
    end_observation,
    list_business_days,
    order_events,
)
from pqrs_kedro.pipelines.curation.rejections import reject_events, reject_tickets
from pqrs_kedro.pipelines.curation.sla import measure_sla_cycles
from pqrs_kedro.pipelines.curation.survivors import find_repeated_lines, select_events
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.manifest import CommittedRun, describe_calendar
from pqrs_kedro.run.regenerate import parameters_of

WITHIN, LATE, OVERDUE, NOT_DUE = "within", "late", "overdue", "not due"
_KEY: Final = ("ticket_id", "cycle_number")
_DUE: Final = ("old_is_due", "new_is_due")
# What a calendar decides of a cycle.
_DECIDED: Final = ("due_day", "outcome", "business_days_late")
COLUMNS: Final = (
    "ticket_id",
    "external_id",
    "cycle_number",
    "pqrs_type",
    "start_day",
    "stop_day",
    *(f"{side}_{name}" for name in _DECIDED for side in ("old", "new")),
)


# The tables that the cycles are measured from.
MEASURED: Final = ("bronze_pqrs_events", "dim_pqrs_type", "dim_business_day")


@dataclass(frozen=True)
class Question:
    """What is asked of the other calendar, beside what the run's own has."""

    as_of: date | None = None
    """The law of this day; null: that of the run."""
    added: Sequence[date] = ()
    removed: Sequence[date] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing was asked for."""
        return self.as_of is None and not self.added and not self.removed


@dataclass(frozen=True)
class Breaches:
    """Tickets whose last cycle is late or overdue, of those whose last due day has come."""

    breached: int
    due: int

    @property
    def pct(self) -> float | None:
        """The breach rate, per cent, rounded half up to 6 decimals; null if no ticket is due."""
        if not self.due:
            return None
        return (2 * 100 * self.breached * 10**6 + self.due) // (2 * self.due) / 10**6


@dataclass(frozen=True)
class Impact:
    """A run under two calendars; outcomes are those at the end of the last observed day."""

    run_id: str
    own_calendar: Mapping[str, Any]
    other_calendar: Mapping[str, Any]
    gained: Sequence[date]
    """Days that are business days with the other calendar only."""
    lost: Sequence[date]
    """Days that are business days with the run's own calendar only."""
    cycles: int
    """Cycles that were compared."""
    moved_earlier: int
    moved_later: int
    outcomes: Mapping[tuple[str, str], int]
    """Cycles by old and new outcome, where they differ."""
    before: Breaches
    after: Breaches
    changed: pa.Table
    """One row per cycle in which anything differs (COLUMNS), ordered by ticket and cycle."""

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return {
            "run_id": self.run_id,
            "own_calendar": dict(self.own_calendar),
            "other_calendar": dict(self.other_calendar),
            "business_days_gained": _texts(self.gained),
            "business_days_lost": _texts(self.lost),
            "summary": self._summary(),
            "cycles": list(self.rows()),
        }

    def _summary(self) -> dict[str, Any]:
        return {
            "cycles_compared": self.cycles,
            "cycles_changed": len(self.changed),
            "due_days_moved": self.moved_earlier + self.moved_later,
            "due_days_moved_earlier": self.moved_earlier,
            "due_days_moved_later": self.moved_later,
            "outcomes_changed": [
                {"old": old, "new": new, "cycles": count}
                for (old, new), count in sorted(self.outcomes.items())
            ],
            **{
                f"breach_rate_{name}": {"breached": rate.breached, "due": rate.due, "pct": rate.pct}
                for name, rate in (("before", self.before), ("after", self.after))
            },
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """The changed cycles; days as text."""
        for row in self.changed.to_pylist():
            yield {k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()}


def calendar_impact(
    store: Store, run: CommittedRun, changes: Sequence[LegalChange], question: Question
) -> Impact:
    """Measure the cycles of a run with its own calendar and with another one.

    Args:
        store: the lake of the run.
        run: the run.
        changes: legal changes that are known beside those of the run's parameters.
        question: the other calendar; an open question asks for the other side of the latest legal
            change: the law before it, or, where the run has that, the law as it is now.

    Raises:
        InvalidInput: the other calendar is impossible, or there is no legal change to ask for.
    """
    tables = {
        name: LakeTable(table=name, path=store.location(""), run_id=run.run_id).load()
        for name in MEASURED
    }
    return impact_of(tables, run.manifest, changes, question)


def impact_of(
    tables: Mapping[str, ibis.Table],
    manifest: Mapping[str, Any],
    changes: Sequence[LegalChange],
    question: Question,
) -> Impact:
    """`calendar_impact` of tables that are loaded already, by name (MEASURED)."""
    own_days = tables["dim_business_day"].filter(_.is_business_day).day.to_pyarrow().to_pylist()
    other = _other_parameters(manifest, changes, question, own_days)
    days = business_days_of(other.business_calendar)
    compared = _compare(tables, other)
    return _impact(
        compared,
        run_id=manifest["run_id"],
        own_calendar=manifest["inputs"]["calendar"],
        other_calendar=describe_calendar(other.calendar),
        gained=sorted({*days} - {*own_days}),
        lost=sorted({*own_days} - {*days}),
    )


def business_days_of(calendar: BusinessCalendar) -> list[date]:
    """All business days of a calendar."""
    return [FIRST_DAY + timedelta(days=int(n)) for n in calendar.is_business.nonzero()[0]]


def _other_parameters(
    manifest: Mapping[str, Any],
    known: Sequence[LegalChange],
    question: Question,
    own_days: Sequence[date],
) -> RunParameters:
    """The parameters of the run with the other calendar."""
    values = parameters_of(dict(manifest))
    own = parse_parameters(values).calendar
    changes = tuple(dict.fromkeys((*own.changes, *known)))

    def with_law_of(as_of: date | None) -> RunParameters:
        added, removed = {*question.added}, {*question.removed}
        law = {
            "as_of": as_of,
            "changes": [change.model_dump() for change in changes],
            # To add what the run had removed is to leave it, and the other way round.
            "added": _texts(({*own.added} - removed) | (added - {*own.removed})),
            "removed": _texts(({*own.removed} - added) | (removed - {*own.added})),
        }
        return parse_parameters(values | {"calendar": law})

    if not question.is_open:
        return with_law_of(question.as_of or own.as_of)
    if not changes:
        raise InvalidInput("no legal change is known in calendar.changes: say what is to differ")
    before = with_law_of(max(change.promulgated for change in changes) - timedelta(days=1))
    if business_days_of(before.business_calendar) != own_days:
        return before
    return with_law_of(None)


def _texts(days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days)]


def _compare(tables: Mapping[str, ibis.Table], other: RunParameters) -> ibis.Table:
    """One row per cycle, with what each of the calendars decides; computed once."""
    connection = ENGINE.connect(EngineSettings())

    def computed(name: str, table: ibis.Table | pa.Table | list[ibis.Table]) -> ibis.Table:
        return compute(connection, name, table)

    bronze, types = tables["bronze_pqrs_events"], tables["dim_pqrs_type"]
    repeated = computed("repeated_lines", find_repeated_lines(bronze))
    distinct = computed("distinct_events", select_events(bronze, repeated))
    rejected_tickets = computed("rejected_tickets", reject_tickets(distinct, types))
    rejected = computed("rejected_events", reject_events(distinct, rejected_tickets))
    events = computed("ordered_events", order_events(distinct, rejected))
    sides = {
        "old": tables["dim_business_day"],
        "new": computed("other_business_day", list_business_days(other.business_calendar)),
    }
    until = None if other.observe_until is None else other.observe_until.isoformat()
    observation = end_observation(events, until)
    cycles = {}
    for side, days in sides.items():
        measured = measure_sla_cycles(events, types, days, other.chosen_profile, observation)
        cycles[side] = _decided(computed(f"{side}_cycles", measured), side)
    radicados = events.group_by("ticket_id").aggregate(
        external_id=_.external_id.argmax(_.event_number, where=_.external_id.notnull())
    )
    other = cycles["new"].drop("pqrs_type", "start_day", "stop_day")
    joined = cycles["old"].join(other, list(_KEY)).join(radicados, "ticket_id")
    last = joined.cycle_number.max().over(ibis.window(group_by="ticket_id"))
    shown = joined.select(*COLUMNS, *_DUE, is_last=joined.cycle_number == last)
    return computed("compared_cycles", shown)


def _decided(cycles: ibis.Table, side: str) -> ibis.Table:
    """Due day, outcome and business days late of each cycle, as of the last observed day."""
    outcome = ibis.cases(
        (cycles.is_late, LATE),
        (cycles.stop_day.notnull(), WITHIN),
        (cycles.due_day <= cycles.last_day, OVERDUE),
        else_=NOT_DUE,
    )
    days_overdue = ibis.greatest(cycles.last_ordinal - cycles.due_ordinal, 0)
    decided = {
        f"{side}_due_day": cycles.due_day,
        f"{side}_is_due": cycles.due_day <= cycles.last_day,
        f"{side}_outcome": outcome,
        f"{side}_business_days_late": ibis.coalesce(cycles.business_days_late, days_overdue),
    }
    return cycles.select(*_KEY, "pqrs_type", "start_day", "stop_day", **decided)


def _impact(compared: ibis.Table, **facts: Any) -> Impact:
    """The sums over all cycles, and the cycles in which anything differs."""
    outcomes = ["old_outcome", "new_outcome"]
    kinds = compared.group_by([*outcomes, *_DUE, "is_last"]).aggregate(
        earlier=(_.new_due_day < _.old_due_day).sum(),
        later=(_.new_due_day > _.old_due_day).sum(),
        cycles=_.count(),
    )
    counted = kinds.to_pyarrow().to_pylist()
    directions: Counter[tuple[str, str]] = Counter()
    for kind in counted:
        if kind["old_outcome"] != kind["new_outcome"]:
            directions[kind["old_outcome"], kind["new_outcome"]] += kind["cycles"]
    differs = [compared[f"old_{name}"] != compared[f"new_{name}"] for name in _DECIDED]
    changed = compared.filter(differs[0] | differs[1] | differs[2]).select(*COLUMNS)
    return Impact(
        **facts,
        cycles=sum(kind["cycles"] for kind in counted),
        moved_earlier=sum(int(kind["earlier"] or 0) for kind in counted),
        moved_later=sum(int(kind["later"] or 0) for kind in counted),
        outcomes=dict(directions),
        before=_breaches(counted, "old"),
        after=_breaches(counted, "new"),
        changed=changed.order_by(*_KEY).to_pyarrow(),
    )


def _breaches(counted: Sequence[Mapping[str, Any]], side: str) -> Breaches:
    due = [kind for kind in counted if kind["is_last"] and kind[f"{side}_is_due"]]
    breached = [kind["cycles"] for kind in due if kind[f"{side}_outcome"] in (LATE, OVERDUE)]
    return Breaches(sum(breached), sum(kind["cycles"] for kind in due))
