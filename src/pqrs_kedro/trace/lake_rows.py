"""What the lake has of one ticket: rows of its tables, and the raw lines behind them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import ibis
import pyarrow.compute as pc
from ibis import _

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.datasets.engine_table import compute
from pqrs_kedro.datasets.lake_table import LakeTable
from pqrs_kedro.lake.layout import hive_values, logical_key
from pqrs_kedro.lake.objects import read_object
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.curation.survivors import rank_lines
from pqrs_kedro.run.engine import ENGINE, EngineSettings
from pqrs_kedro.run.manifest import CommittedRun

Row = dict[str, Any]
LineKey = tuple[str, int]

_BRONZE: Final = "bronze_pqrs_events"
_LINE: Final = ("source_object", "line_number")
_DENSE: Final = "gold_kpi_volume_daily"
# The silver tables that have rows of a ticket, besides what was rejected.
SILVER: Final = tuple(
    name
    for name, table in TABLES.items()
    if table.layer == "silver" and "ticket_id" in table.columns and name != "quarantine_silver"
)


@dataclass(frozen=True)
class TicketRows:
    """One ticket of a run. What is asked for is read from the lake then, once."""

    store: Store
    run: CommittedRun
    ticket_id: str

    def whole(self, name: str) -> ibis.Table:
        """All rows of a table of the run, lazily."""
        return load_table(self.store, self.run, name)

    def own(self, name: str) -> ibis.Table:
        """The ticket's rows of a table, in the query engine."""
        return computed(f"own_{name}", self.whole(name).filter(_.ticket_id == self.ticket_id))

    @cached_property
    def silver(self) -> Mapping[str, ibis.Table]:
        """The ticket's rows of the tables of SILVER."""
        return {name: self.own(name) for name in SILVER}

    def rows(self, name: str) -> list[Row]:
        """The ticket's rows of a silver table, by key."""
        return plain(self.silver[name].order_by(*TABLES[name].primary_key))

    @cached_property
    def bronze(self) -> ibis.Table:
        """The ticket's accepted lines."""
        return self.own(_BRONZE)

    @cached_property
    def events(self) -> list[Row]:
        """The ticket's accepted lines in the order of its life, repeats after what they repeat."""
        return plain(self.bronze.order_by("ts", "event_id", "day", *_LINE))

    @cached_property
    def repeats(self) -> dict[LineKey, LineKey]:
        """The lines whose event has an earlier line, and which that is."""
        # Lines of one event may even name different tickets.
        same = self.whole(_BRONZE).semi_join(self.bronze, "event_id")
        facts = ("day", "event_id", "ticket_id", "event_type", "ts", "status_to")
        repeated = plain(rank_lines(same.select(*_LINE, *facts)))
        return {line_of(row): (row["first_object"], row["first_number"]) for row in repeated}

    @cached_property
    def rejections(self) -> list[Row]:
        """The ticket's rows of quarantine_silver, the ticket itself first."""
        rows = self.own("quarantine_silver")
        return plain(rows.order_by(rows.scope.desc(), *_LINE))

    @cached_property
    def rejected_lines(self) -> list[Row]:
        """Lines of quarantine_raw_lines that name the ticket, or bear its radicado.

        A line that was cut before both cannot be told to be the ticket's.
        """
        radicados = sorted({row["external_id"] for row in self.events} - {None})
        patterns = [self.ticket_id, *(f'"external_id"\\s*:\\s*"{it}"' for it in radicados)]
        names = (*_LINE, "day", "source", "reason", "detail", "line")
        rows = self.whole("quarantine_raw_lines").select(*names).order_by("day", *_LINE)
        found: list[Row] = []
        for batch in rows.to_pyarrow_batches():
            is_own = pc.match_substring_regex(batch["line"], "|".join(patterns))
            found += batch.filter(is_own).to_pylist()
        return found

    @cached_property
    def days(self) -> tuple[date, date]:
        """First day of reception and last observed day: those of dense gold."""
        keys = self.run.manifest["paths"][_DENSE]
        days = [date.fromisoformat(hive_values(key)["day"]) for key in keys]
        return min(days), max(days)

    def raw_lines(self, wanted: list[LineKey]) -> Iterator[tuple[LineKey, bytes]]:
        """The bytes of raw lines, without their line feed.

        Raises:
            ObjectChanged: a raw object has other bytes than when it was written.
        """
        objects = {logical_key(item.key): item for item in self.run.objects}
        for name in sorted({name for name, __ in wanted}):
            lines = read_object(self.store, objects[name]).split(b"\n")
            for key in sorted(key for key in wanted if key[0] == name):
                yield key, lines[key[1] - 1]


def load_table(store: Store, run: CommittedRun, name: str) -> ibis.Table:
    """All rows of a table of a run, lazily."""
    return LakeTable(table=name, path=store.location(""), run_id=run.run_id).load()


def computed(name: str, rows: ibis.Table) -> ibis.Table:
    """Rows that are asked for several times, computed once in the query engine."""
    return compute(ENGINE.connect(EngineSettings()), name, rows)


def line_of(row: Mapping[str, Any]) -> LineKey:
    """The raw line that a row comes from."""
    return row["source_object"], row["line_number"]


def plain(query: ibis.Table) -> list[Row]:
    """The rows of a small result."""
    found: list[Row] = query.to_pyarrow().to_pylist()
    return found
