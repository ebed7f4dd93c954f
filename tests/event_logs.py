"""Exported event logs: what a run's tables say they must hold, and what readers find in them.

Expected rows are made by plain loops over silver; events that are no status, which silver does not
have, come from the raw lines. Nothing is taken from the exporter but what is under test.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from tests.conftest import Run
from tests.oracle.curation import parse_instant

from pqrs_kedro.event_log.export import FORMATS, Exported, export_log
from pqrs_kedro.lake.store import FolderStore

Row = dict[str, Any]

# The columns of a case, besides its identifier, and the tables they come from.
TICKET_COLUMNS = (
    "external_id", "source_channel", "pqrs_type", "priority", "geo_id", "current_status",
    "resolution_code", "cited_external_id", "sla_cycles_count", "sla_due_at", "is_breached",
)  # fmt: skip
GEO_COLUMNS = ("municipio", "department", "region")
INSTANTS = ("time:timestamp", "case:sla_due_at")
WHOLE_NUMBERS = (
    "term_business_days", "messages_count", "text_len", "attachments_count",
    "case:sla_cycles_count",
)  # fmt: skip


def export(run: Run, name: str, target: Path, **options: Any) -> Exported:
    return export_log(FolderStore(run.lake), run.run_id, FORMATS[name], target, **options)


def without_nulls(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True)
class Expected:
    """What the log of a run must hold."""

    run: Run

    @cached_property
    def tickets(self) -> list[Row]:
        """Tickets with their facts, by id."""
        geo = {row["geo_id"]: row for row in self.run.rows("dim_geo")}
        tickets = []
        for row in sorted(self.run.rows("silver_tickets"), key=lambda row: row["ticket_id"]):
            place = geo.get(row["geo_id"], {})
            facts = {name: row[name] for name in TICKET_COLUMNS}
            facts |= {name: place.get(name) for name in GEO_COLUMNS}
            tickets.append({"ticket_id": row["ticket_id"], **facts})
        return tickets

    @cached_property
    def messages(self) -> list[Row]:
        return self.run.rows("silver_messages")

    @cached_property
    def attachments(self) -> list[Row]:
        return self.run.rows("silver_attachments")

    @cached_property
    def other_events(self) -> list[Row]:
        """Events that are no status, once each: the first line in its object, objects by name."""
        found: dict[str, Row] = {}
        for path in self.run.raw_objects():
            for text in path.read_bytes().split(b"\n"):
                if text.strip():
                    line = json.loads(text)
                    found.setdefault(line["event_id"], line)
        return [
            {
                "event_id": line["event_id"],
                "ticket_id": line["ticket_id"],
                "activity": line["event_type"],
                "ts": parse_instant(line["ts"]),
                "actor_role": line["actor_role"],
                "term_business_days": line["attributes"].get("term_business_days"),
            }
            for line in found.values()
            if line["event_type"] != "STATUS"
        ]

    @cached_property
    def events(self) -> list[Row]:
        """All events, by ticket and in its order."""
        status = [
            {
                "event_id": row["event_id"],
                "ticket_id": row["ticket_id"],
                "activity": row["status_to"],
                "ts": row["ts"],
                "actor_role": row["actor_role"],
                "status_from": row["status_from"],
                "resolution_code": row["resolution_code"],
            }
            for row in self.run.rows("silver_status_events")
        ]
        order = ("ticket_id", "ts", "event_id")
        return sorted(
            [*status, *self.other_events], key=lambda row: tuple(row[name] for name in order)
        )

    def case_rows(self, texts: bool = False) -> list[Row]:
        """The log of cases, nulls left out."""
        cases = {
            row["ticket_id"]: {
                f"case:{name}": value for name, value in row.items() if name != "ticket_id"
            }
            for row in self.tickets
        }
        spoken, files = by_event(self.messages), by_event(self.attachments)
        rows = []
        for event in self.events:
            if event["activity"] == "MESSAGE":
                continue
            said = sorted(spoken[event["event_id"]], key=in_event)
            row = {
                "case:concept:name": event["ticket_id"],
                "concept:name": event["activity"],
                "time:timestamp": event["ts"],
                "lifecycle:transition": "complete",
                "org:role": event["actor_role"],
                "identity:id": event["event_id"],
                "status_from": event.get("status_from"),
                "resolution_code": event.get("resolution_code"),
                "term_business_days": event.get("term_business_days"),
                "messages_count": len(said),
                "text_len": sum(row["text_len"] for row in said),
                "attachments_count": len(files[event["event_id"]]),
                **cases[event["ticket_id"]],
            }
            if texts and said:
                row["text"] = "\n".join(message["text"] for message in said)
            rows.append(without_nulls(row))
        return rows


def in_event(message: Row) -> int:
    """The ordinal of a message in its event."""
    return int(message["message_id"].rpartition("-m")[2])


def by_event(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["event_id"]].append(row)
    return found


def plain_rows(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame as plain values, nulls and PM4Py's own columns left out."""
    frame = frame[[name for name in frame.columns if not name.startswith("@@")]]
    return [
        {name: _plain(name, value) for name, value in row.items() if not pd.isna(value)}
        for row in frame.to_dict("records")
    ]


def _plain(name: str, value: Any) -> Any:
    if name in INSTANTS:
        return pd.Timestamp(value).to_pydatetime()
    if name in WHOLE_NUMBERS:
        assert value == int(value)
        return int(value)
    return bool(value) if name == "case:is_breached" else value


def read_csv_rows(path: Path) -> list[Row]:
    """The rows of an exported CSV by the standard library, typed by hand, nulls left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: _parsed(name, text) for name, text in row.items() if text != ""}
            for row in csv.DictReader(file)
        ]


def _parsed(name: str, text: str) -> Any:
    if name in INSTANTS:
        return datetime.fromisoformat(text).astimezone(UTC)
    if name in WHOLE_NUMBERS:
        return int(text)
    return {"true": True, "false": False}[text] if name == "case:is_breached" else text


def ocel_values(item: Row, types: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """The attributes of an event or object as plain values, each of its declared type."""
    for attribute in item["attributes"]:
        value, kind = attribute["value"], types[attribute["name"]]
        if kind == "time":
            yield attribute["name"], datetime.fromisoformat(value)
            continue
        assert type(value) is {"string": str, "integer": int, "boolean": bool}[kind]
        yield attribute["name"], value
