"""Silver held against the ledger: whether the pipelines recovered what the generator decided.

Where a run has an end of observation, the ledger's instants say what can be known by then. A fact
that is not settled yet counts as unobserved if silver has of it what can be seen so far; everything
else must be equal. Tickets whose raw lines a defect has altered or taken away are not compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import ibis

from pqrs_kedro.datasets.ground_truth import GroundTruth
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.domain.defects import RECOVERED
from pqrs_kedro.domain.statuses import CLASSIFIED, RADICATED, REOPENED, RESPONDED
from pqrs_kedro.external import EXTERNAL
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.expressions import end_of_local_day
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.run.manifest import DEFECT_LEDGER, LEDGER, CommittedRun, RunNotFound

Tables: TypeAlias = Mapping[str, ibis.Table]
# Of a row with both sides: whether the fact is settled, and whether silver has what it can have.
Rule: TypeAlias = Callable[[ibis.Table], tuple[ibis.Value, ibis.Value]]

SOURCES: Final = ("silver_tickets", "silver_status_events", "silver_sla_cycles")
# Tickets that a field's disagreement names, the first by ticket_id.
EXAMPLES: Final = 3


@dataclass(frozen=True)
class FieldAgreement:
    """Tickets of which one fact is recovered, not settled yet, or not what was decided.

    Excused tickets are those that defects keep from being recovered: no fact of theirs is compared.
    """

    field: str
    agree: int
    unobserved: int
    differ: int
    excused: int
    examples: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def validate_truth(store: Store, run: CommittedRun) -> list[FieldAgreement]:
    """Hold a committed run's silver against its ledger, field by field.

    Raises:
        RunNotFound: the run has no ledger.
    """
    if LEDGER not in run.manifest["paths"]:
        imported = run.manifest["origin"] == EXTERNAL
        why = "its lines were imported" if imported else "it was made before there was one"
        raise RunNotFound(f"run {run.run_id} has no ledger: {why}")
    place: dict[str, Any] = {"path": store.location(""), "run_id": run.run_id}
    inputs = run.manifest["inputs"]["parameters"]
    until = inputs["observe_until"] and date.fromisoformat(inputs["observe_until"])
    ledgers = [GroundTruth(table=name, **place) for name in (LEDGER, DEFECT_LEDGER)]
    for ledger in ledgers:
        # A run without tickets, or without defects, has a ledger without objects.
        ledger.saved = True
    try:
        tickets, defects = (ledger.load() for ledger in ledgers)
        silver = {name: LakeTable(table=name, **place).load() for name in SOURCES}
        stop_status = inputs["profile"]["stop_status"]
        return compare_truth(tickets, defects, silver, stop_status, until)
    finally:
        ENGINE.close()


def compare_truth(
    ledger: ibis.Table,
    defects: ibis.Table,
    silver: Tables,
    stop_status: str,
    observe_until: date | None,
) -> list[FieldAgreement]:
    """Agreement of each field; `silver` has the tables of SOURCES.

    `ticket_id` counts the tickets of both sides and those that one side lacks; the other fields
    are compared where both sides have the ticket.
    """
    decided = _observed_so_far(ledger, stop_status, observe_until)
    recovered = _recovered(silver)
    joined = decided.outer_join(recovered, decided.ticket_id == recovered.found_ticket_id)
    every = joined.mutate(either_id=ibis.coalesce(joined.ticket_id, joined.found_ticket_id))
    harmed = defects.filter(defects.effect != RECOVERED).select(either_id="ticket_id").distinct()
    rows = every.anti_join(harmed, "either_id").cache()
    excused = _count(every.semi_join(harmed, "either_id"))
    both = rows.filter(rows.ticket_id.notnull() & rows.found_ticket_id.notnull())
    return [_presence(rows, excused), *_agreements(both, excused)]


def _count(rows: ibis.Table) -> int:
    return int(rows.count().to_pyarrow().as_py())


def _observed_so_far(
    ledger: ibis.Table, stop_status: str, observe_until: date | None
) -> ibis.Table:
    """The ledger with what can be seen of it at the end of observation.

    Added: seen (the statuses entered by then, joined), rest (what of the variant follows),
    is_complete, is_extended; is_…_seen of extension, reopening, first_stop and second_stop.
    """
    seen, extended = ledger.variant, ledger.extended_at.notnull()
    if observe_until is not None:
        end = end_of_local_day(ibis.date(observe_until))
        entered = ledger.status_instants.filter(lambda at: at.cast("timestamp(6)") <= end)
        seen = ledger.variant.split(">")[: entered.length()].join(">")
        extended = (ledger.extended_at <= end).fill_null(False)
    rows = ledger.mutate(
        seen=seen, is_extension_seen=extended, is_extended=ledger.extended_at.notnull()
    )
    return rows.mutate(
        rest=rows.variant.substr(rows.seen.length()),
        is_complete=rows.seen == rows.variant,
        is_reopening_seen=rows.seen.contains(REOPENED),
        is_first_stop_seen=rows.seen.contains(stop_status),
        is_second_stop_seen=rows.seen.re_search(f"{REOPENED}.*{stop_status}"),
    )


def _recovered(silver: Tables) -> ibis.Table:
    """What the pipelines know of each ticket; one row per ticket, its columns are found_<fact>."""
    events, cycles = silver["silver_status_events"], silver["silver_sla_cycles"]
    paths = events.group_by("ticket_id").aggregate(
        variant=events.status_to.group_concat(sep=">", order_by=events.event_number)
    )
    late = {
        f"is_{name}_cycle_late": cycles.is_late.any(where=cycles.cycle_number == number)
        for number, name in ((1, "first"), (2, "second"))
    }
    is_extended = cycles.extended_on_day.notnull() & (cycles.cycle_number == 1)
    judged = cycles.group_by("ticket_id").aggregate(is_extended=is_extended.any(), **late)
    tickets = silver["silver_tickets"]
    for part in (paths, judged):
        tickets = tickets.left_join(part, "ticket_id").drop("ticket_id_right")
    facts = tickets.mutate(
        is_extended=tickets.is_extended.fill_null(False),
        is_reopened=tickets.sla_cycles_count > 1,
        is_last_cycle_late=tickets.is_breached,
    )
    return facts.select("ticket_id", *_RULES).rename("found_{name}")


# --- When a fact is settled, and what silver can have of it by then ----------------------------


def _known_from_the_start(name: str) -> Rule:
    return lambda t: (ibis.literal(True), t[f"found_{name}"].identical_to(t[name]))


def _known_once(name: str, seen: Callable[[ibis.Table], ibis.Value]) -> Rule:
    """Null until something is seen; then what was decided."""

    def rule(t: ibis.Table) -> tuple[ibis.Value, ibis.Value]:
        settled, found = seen(t), t[f"found_{name}"]
        return settled, ibis.ifelse(settled, found.identical_to(t[name]), found.isnull())

    return rule


def _true_once(name: str, seen: str) -> Rule:
    """False until it happens; that it does not is settled when the path is complete."""
    return lambda t: (t[seen] | t.is_complete, t[f"found_{name}"] == t[seen])


def _path(t: ibis.Table) -> tuple[ibis.Value, ibis.Value]:
    return t.is_complete, t.found_variant == t.seen


def _last_answer(t: ibis.Table) -> tuple[ibis.Value, ibis.Value]:
    """While another answer follows, an earlier one's code may stand there."""
    settled = ~t.rest.contains(RESPONDED)
    answered, found = t.seen.contains(RESPONDED), t.found_resolution_code
    return settled, ibis.ifelse(
        settled, found.identical_to(t.resolution_code), answered | found.isnull()
    )


def _breach(t: ibis.Table) -> tuple[ibis.Value, ibis.Value]:
    """Judged once the last cycle so far has stopped; until then it may be overdue, never within."""
    stopped = ibis.ifelse(t.is_reopening_seen, t.is_second_stop_seen, t.is_first_stop_seen)
    late = ibis.ifelse(t.is_reopening_seen, t.is_second_cycle_late, t.is_first_cycle_late)
    found = t.found_is_last_cycle_late
    fits = ibis.ifelse(stopped, found.identical_to(late), found.fill_null(True))
    return stopped & (t.is_reopening_seen == t.is_reopened), fits


_RULES: Final[dict[str, Rule]] = {
    "external_id": _known_once("external_id", lambda t: t.seen.contains(RADICATED)),
    "created_at": _known_from_the_start("created_at"),
    "source_channel": _known_from_the_start("source_channel"),
    "pqrs_type": _known_once("pqrs_type", lambda t: t.seen.contains(CLASSIFIED)),
    "priority": _known_once("priority", lambda t: t.seen.contains(CLASSIFIED)),
    "geo_id": _known_once("geo_id", lambda t: t.seen.contains(RADICATED)),
    "variant": _path,
    "resolution_code": _last_answer,
    "is_reopened": _true_once("is_reopened", "is_reopening_seen"),
    "is_extended": _true_once("is_extended", "is_extension_seen"),
    "is_first_cycle_late": _known_once("is_first_cycle_late", lambda t: t.is_first_stop_seen),
    "is_second_cycle_late": _known_once(
        "is_second_cycle_late", lambda t: t.is_second_stop_seen | t.is_complete
    ),
    "is_last_cycle_late": _breach,
}


# --- Counting -----------------------------------------------------------------------------------


def _presence(rows: ibis.Table, excused: int) -> FieldAgreement:
    one_sided = rows.ticket_id.isnull() | rows.found_ticket_id.isnull()
    lacks = ibis.ifelse(rows.ticket_id.isnull(), "ledger", "silver")
    examples = rows.filter(one_sided).select(ticket_id=rows.either_id, lacking_in=lacks)
    differ = _count(examples)
    shown = _first(examples) if differ else ()
    return FieldAgreement("ticket_id", _count(rows) - differ, 0, differ, excused, shown)


def _agreements(both: ibis.Table, excused: int) -> list[FieldAgreement]:
    """All rules, counted in one query."""
    counted = {}
    for name in _RULES:
        settled, fits = _judged(both, name)
        counted[f"{name}/agree"] = (settled & fits).sum()
        counted[f"{name}/unobserved"] = (~settled & fits).sum()
        counted[f"{name}/differ"] = (~fits).sum()
    (counts,) = both.aggregate(**counted).to_pyarrow().to_pylist()
    kinds = ("agree", "unobserved", "differ")
    found = {name: {k: int(counts[f"{name}/{k}"] or 0) for k in kinds} for name in _RULES}
    return [
        FieldAgreement(
            name,
            **numbers,
            excused=excused,
            examples=_examples(both, name) if numbers["differ"] else (),
        )
        for name, numbers in found.items()
    ]


def _judged(both: ibis.Table, name: str) -> tuple[ibis.Value, ibis.Value]:
    """What the rule of a field says; what it cannot say, for a null, is not as it should be."""
    settled, fits = _RULES[name](both)
    return settled, fits.fill_null(False)


def _examples(both: ibis.Table, name: str) -> tuple[dict[str, Any], ...]:
    _settled, fits = _judged(both, name)
    sides = {"decided": both[name], "recovered": both[f"found_{name}"]}
    shown = {side: value.cast("string") for side, value in sides.items()}
    return _first(both.filter(~fits).select("ticket_id", **shown))


def _first(rows: ibis.Table) -> tuple[dict[str, Any], ...]:
    return tuple(rows.order_by("ticket_id").limit(EXAMPLES).to_pyarrow().to_pylist())
