"""Tickets in shards, so that what is computed of tickets takes bounded memory at any volume.

A window, or an aggregate of texts, holds what it has seen of its groups; the engine cannot spill
all of it. Nodes that need such give one query per shard, and the dataset runs one after the other.
"""

from collections.abc import Callable
from typing import Final

import ibis
from ibis import _

# Events of one shard, about: 300 bytes each are a tenth of the engine's memory.
EVENTS_PER_SHARD: Final = 500_000


def shard_of(events: ibis.Table, rows: int) -> ibis.Value:
    """The shard of each event's ticket, from 0, where there are so many rows.

    Which one it is changes no result.
    """
    shards = 1 + rows // EVENTS_PER_SHARD
    # The remainder of a negative hash is negative.
    return (events.ticket_id.hash() % shards + shards) % shards


def by_shard(
    compute: Callable[..., ibis.Table], sharded: ibis.Table, *others: ibis.Table
) -> list[ibis.Table]:
    """One query per shard.

    Args:
        compute: what is asked of the tables, each with the rows of one shard.
        sharded: the table whose shards there are; without rows, of one empty shard.
        others: further tables with a column shard.
    """
    found = sharded.select("shard").distinct().to_pyarrow()["shard"].to_pylist()
    return [
        compute(*(table.filter(_.shard == shard) for table in (sharded, *others)))
        for shard in sorted(found) or [0]
    ]
