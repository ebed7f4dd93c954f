"""The tickets of a run as the report looks at them, from silver: one row each.

Lateness is that of the breach rate: tickets whose last due day is not after the last observed day,
breached or not. So every group's tickets add up to those of gold_run_summary.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from pqrs_kedro.contracts.columns import UNKNOWN_REGION
from pqrs_kedro.domain.statuses import ARCHIVED, ASSIGNED, IN_PROGRESS, RESPONDED, STATUS_IDS

Frames: TypeAlias = Mapping[str, pd.DataFrame]

# What is read of silver: the columns of each table.
SILVER: Final = {
    "silver_tickets": (
        "ticket_id", "source_channel", "pqrs_type", "created_at", "geo_id", "sla_due_at",
        "closed_at", "first_response_at", "sla_cycles_count", "is_breached",
    ),
    "silver_sla_cycles": ("ticket_id", "extended_on_day", "first_hold_start_day"),
    "silver_status_events": ("ticket_id", "event_number", "ts", "status_from", "status_to"),
    "dim_geo": ("geo_id", "region", "department", "dane_department_code", "municipio",
                "latitude", "longitude", "boundary"),
    "dim_business_day": ("day", "is_business_day"),
}  # fmt: skip
# Colombia has had one offset all year round since 1993.
_OFFSET: Final = timedelta(hours=-5)
_HANDED_BACK: Final = (IN_PROGRESS, ASSIGNED)
_CORRECTED: Final = (RESPONDED, IN_PROGRESS)
_MICROSECONDS_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Lives:
    """What the status events say: a row per ticket, in the order of `ticket_ids`."""

    variants: Counter[tuple[str, ...]]
    """Tickets by their path, of those that have ended."""
    days_in: pd.DataFrame
    """Calendar days spent in each status before it was left; index ticket_id."""
    moves: dict[tuple[str, str], "pd.Index[str]"]
    """Tickets that made the two moves which are loops of their own."""


@dataclass(frozen=True)
class Tickets:
    """All tickets, those whose term has run out, and their lives."""

    rows: pd.DataFrame
    due: pd.DataFrame
    lives: Lives
    watched_until: datetime


def collect_tickets(frames: Frames, last_day: date) -> Tickets:
    """The tickets of a run observed up to the end of `last_day`.

    Added to silver's columns: region, department and its code, breached, hold, extension,
    reopened, handed_back, corrected, received_week (Monday of the local day of reception).
    """
    until = _end_of(last_day)
    lives = _lives(frames["silver_status_events"])
    rows = _located(frames["silver_tickets"], frames["dim_geo"])
    rows = _with_causes(rows, frames["silver_sla_cycles"], lives)
    due = rows[rows["sla_due_at"].notna() & (rows["sla_due_at"] <= pd.Timestamp(until))]
    local = local_days(due["created_at"])
    weekday = pd.to_timedelta(local.dt.day_of_week, unit="D")
    due = due.assign(received_week=(local - weekday).dt.date)
    return Tickets(rows, due, lives, until)


def local_days(instants: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
    """Midnight of the local day of each instant."""
    return (instants.dt.tz_convert(None) + _OFFSET).dt.normalize()


def _end_of(day: date) -> datetime:
    """The last microsecond of a local day."""
    midnight = pd.Timestamp(day, tz="UTC") + timedelta(days=1) - _OFFSET
    return (midnight - timedelta(microseconds=1)).to_pydatetime()


def _located(tickets: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    names = ["geo_id", "region", "department", "dane_department_code"]
    rows = tickets.merge(places[names], on="geo_id", how="left")
    return rows.assign(
        region=rows["region"].fillna(UNKNOWN_REGION),
        breached=rows["is_breached"].fillna(value=False).astype(bool),
    )


def _with_causes(rows: pd.DataFrame, cycles: pd.DataFrame, lives: Lives) -> pd.DataFrame:
    held = cycles.loc[cycles["first_hold_start_day"].notna(), "ticket_id"]
    extended = cycles.loc[cycles["extended_on_day"].notna(), "ticket_id"]
    ids = rows["ticket_id"]
    return rows.assign(
        hold=ids.isin(held),
        extension=ids.isin(extended),
        reopened=rows["sla_cycles_count"] > 1,
        handed_back=ids.isin(lives.moves[_HANDED_BACK]),
        corrected=ids.isin(lives.moves[_CORRECTED]),
    )


def _lives(events: pd.DataFrame) -> Lives:
    events = events.sort_values(["ticket_id", "event_number"], ignore_index=True)
    moves = {
        pair: _movers(events, *pair) for pair in (_HANDED_BACK, _CORRECTED)
    }  # fmt: skip
    return Lives(_variants(events), _days_in(events), moves)


def _movers(events: pd.DataFrame, origin: str, target: str) -> "pd.Index[str]":
    chosen = (events["status_from"] == origin) & (events["status_to"] == target)
    return pd.Index(events.loc[chosen, "ticket_id"].unique())


def _variants(events: pd.DataFrame) -> Counter[tuple[str, ...]]:
    """Paths of the tickets that are archived, by a byte per status."""
    codes = pd.Categorical(events["status_to"], STATUS_IDS).codes
    path = codes.astype(np.uint8).tobytes()
    starts = _starts(events)
    ends = [*starts[1:], len(events)][: len(starts)]
    ended = STATUS_IDS.index(ARCHIVED)
    counted = Counter(
        path[start:end] for start, end in zip(starts, ends, strict=True) if path[end - 1] == ended
    )
    return Counter({tuple(STATUS_IDS[c] for c in key): n for key, n in counted.items()})


def _starts(events: pd.DataFrame) -> list[int]:
    first = events["ticket_id"].ne(events["ticket_id"].shift())
    found: list[int] = np.flatnonzero(first.to_numpy(bool)).tolist()
    return found


def _days_in(events: pd.DataFrame) -> pd.DataFrame:
    """Days in each status that was left; whole microseconds are added, then divided once."""
    left = events["ticket_id"].eq(events["ticket_id"].shift(-1))
    instants = events["ts"].astype("datetime64[us, UTC]").astype("int64")
    spent = (instants.shift(-1) - instants)[left].astype("int64")
    spells = events.loc[left, ["ticket_id", "status_to"]].assign(spent=spent)
    spells["status_to"] = pd.Categorical(spells["status_to"], STATUS_IDS)
    summed = spells.groupby(["ticket_id", "status_to"], observed=True)["spent"].sum()
    return summed.unstack(fill_value=0) / _MICROSECONDS_PER_DAY
