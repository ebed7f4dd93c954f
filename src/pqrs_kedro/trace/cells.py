"""The KPI cells that a ticket is counted in, and with what.

The nodes that make gold are run on the rows of the one ticket: what they count is its share of each
cell. Summed over all tickets the counts of these shares are those of gold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import ibis
from ibis import _

from pqrs_kedro.contracts.columns import COLUMNS
from pqrs_kedro.contracts.tables import TABLES, Table
from pqrs_kedro.pipelines.metrics.pipeline import create_pipeline
from pqrs_kedro.pipelines.reporting.nodes import summarise_run
from pqrs_kedro.trace.lake_rows import Row, TicketRows, computed, plain

GOLD: Final = tuple(name for name, table in TABLES.items() if table.layer == "gold")
_DIMENSIONS: Final = tuple(name for name in TABLES if name.startswith("dim_"))


@dataclass(frozen=True)
class Cell:
    """One row of a gold table in which the ticket is counted."""

    table: str
    key: Row
    adds: Row
    """What the ticket adds to counts, and its own hours or days where the table has a mean."""
    values: Row
    """What the row has in gold."""


def find_cells(ticket: TicketRows) -> Iterator[Cell]:
    """Every cell of gold that the ticket is counted in, by table and key."""
    own = _own_gold(ticket)
    for name in GOLD:
        yield from _cells(ticket, TABLES[name], own[name])


def _own_gold(ticket: TicketRows) -> dict[str, ibis.Table]:
    """Gold as it would be if the run had this ticket alone, over the same days."""
    calendar = ticket.whole("dim_business_day")
    days = calendar.filter(_.day.between(*map(ibis.date, ticket.days)))
    known = {name: ticket.whole(name) for name in _DIMENSIONS} | dict(ticket.silver)
    days = days.select("day", "is_business_day", ordinal="business_day_ordinal")
    known["days"] = computed("own_days", days)
    for node in create_pipeline().nodes:
        if not set(node.outputs) <= set(known):
            made = node.run({name: known[name] for name in node.inputs})
            known |= {n: t if n in TABLES else computed(f"own_{n}", t) for n, t in made.items()}
    known["gold_run_summary"] = summarise_run(
        known["silver_tickets"],
        known["gold_kpi_volume_daily"],
        known["dim_pqrs_type"],
        ticket.run.manifest["inputs"]["parameters"]["breach_rate"],
    )
    return known


def _cells(ticket: TicketRows, table: Table, own: ibis.Table) -> Iterator[Cell]:
    key, counts = list(table.primary_key), counts_of(table)
    any_counted = ibis.or_(*(own[name] != 0 for name in counts))
    counted = computed(f"own_{table.name}", own.filter(any_counted))
    of_key = {tuple(row[name] for name in key): row for row in plain(counted)}
    if not of_key:
        return
    whole = {
        tuple(row[name] for name in key): row
        for row in plain(ticket.whole(table.name).semi_join(counted, key))
    }
    values = [name for name in table.columns if name not in key]
    for found in sorted(of_key):
        yield Cell(
            table=table.name,
            key=dict(zip(key, found, strict=True)),
            adds={name: of_key[found][name] for name in values if _is_told(of_key[found], name)},
            values={name: whole[found][name] for name in values},
        )


def counts_of(table: Table) -> list[str]:
    """The columns of a gold table that count something."""
    return [
        name
        for name in table.columns
        if COLUMNS[name].type == "int64" and name not in table.primary_key
    ]


def _is_told(row: dict[str, Any], name: str) -> bool:
    """Whether a value says something of one ticket: no percentage does, no quantile, no zero."""
    if name.endswith("_pct") or name.startswith(("p50_", "p90_")) or row[name] is None:
        return False
    return COLUMNS[name].type != "int64" or row[name] != 0
