"""What tests of defects share: the raw objects of small runs as lines, with both ledgers."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import polars as pl
from tests.oracle.curation import parse_instant
from tests.unit.scenarios import base_values

from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.synthesis.generator import generate_objects
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario

Key = tuple[str, date]
Row = dict[str, Any]
WEEK = ("2026-01-07", "2026-01-12")


@dataclass(frozen=True)
class Made:
    """Raw objects, as lines without line feeds, and the rows of the ledgers."""

    objects: dict[Key, list[bytes]]
    rows: list[Row]
    tickets: list[Row]

    def line(self, row: Row) -> bytes:
        """The line that a row of the ledger points at."""
        return self.objects[row["source"], row["day"]][row["line_number"] - 1]

    def line_before(self, row: Row) -> bytes:
        return self.objects[row["source"], row["day"]][row["line_number"] - 2]

    @cached_property
    def events(self) -> dict[str, Row]:
        """The events of a clean run, by event_id."""
        lines = (line for lines in self.objects.values() for line in lines)
        return {event["event_id"]: event | {"line": line}
                for line, event in ((line, json.loads(line)) for line in lines)}  # fmt: skip

    @cached_property
    def by_ticket(self) -> dict[str, list[Row]]:
        """The events of a clean run by ticket, in order."""
        found: dict[str, list[Row]] = {}
        for event in sorted(self.events.values(), key=lambda e: (e["ts"], e["event_id"])):
            found.setdefault(event["ticket_id"], []).append(event)
        return found


@cache
def _made(
    rates: tuple[tuple[str, float], ...] | str,
    dates: tuple[str, str],
    volume_scale: float,
    days_per_chunk: int,
    workers: int,
    until: str | None,
) -> Made:
    values = base_values(date_min=dates[0], date_max=dates[1], volume_scale=volume_scale)
    values["defects"] |= {"profile": rates} if isinstance(rates, str) else {"rates": dict(rates)}
    typed = parse_parameters(values)
    objects: dict[Key, list[bytes]] = {}
    ledgers: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])
    end = None if until is None else date.fromisoformat(until)
    for complete, *parts in generate_objects(
        build_scenario(typed), typed.date_min, typed.date_max, days_per_chunk, workers, end
    ):
        for item in complete:
            content = item.content().to_pybytes()
            assert content.endswith(b"\n")
            lines = content[:-1].split(b"\n")
            assert (item.source, item.day) not in objects
            assert len(lines) == item.rows
            objects[item.source, item.day] = lines
        for ledger, of_ledger in zip(ledgers, parts, strict=True):
            ledger += [pl.from_arrow(part.table()) for part in of_ledger]
    tickets, rows = ([row for rows in ledger for row in rows.to_dicts()] for ledger in ledgers)
    return Made(objects, rows, tickets)


def made(
    rates: dict[str, float] | str,
    dates: tuple[str, str] = WEEK,
    volume_scale: float = 0.05,
    days_per_chunk: int = 4,
    workers: int = 1,
    until: str | None = None,
) -> Made:
    """A run with these rates, or those of a profile; made once per session."""
    key = rates if isinstance(rates, str) else tuple(sorted(rates.items()))
    return _made(key, dates, volume_scale, days_per_chunk, workers, until)


def clean(dates: tuple[str, str] = WEEK, volume_scale: float = 0.05) -> Made:
    """The run without defects."""
    return made("none", dates, volume_scale)


def local(text: str) -> datetime:
    """Local time of an instant as raw lines have it, without a zone."""
    return parse_instant(text).replace(tzinfo=None) - timedelta(hours=5)


def own_key(line: bytes) -> Key:
    """The object to which a clean line belongs."""
    event = json.loads(line)
    return event["source"], local(event["ts"]).date()
