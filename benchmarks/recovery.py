"""What became of every defective line, against the ledger, and against the run without defects.

Two runs of one seed are compared in their lakes, one with defects and one with none. Written from
docs/defects.md; of the project only the contracts' names are used. Tests and
`benchmarks.defects` share it.

A line is *as the ledger says* if ingestion made of it what the ledger says: accepted, repaired with
the repair of its class, quarantined for its reason, blank. A ticket is recovered if every row of
silver that it has is that of the clean run, in every column but those that say where a line came
from. A line is *wrong* if

* ingestion made something else of it; or
* its effect is *recovered*, no other defect harms its ticket, and the ticket differs; or
* its effect is *altered* or *lost*, and the ticket equals that of the clean run; or
* it must be rejected by curation and is not, or for another reason.

Several defects of one ticket may leave a chain of statuses that is whole: two lines that ingestion
rejects, and the instants of those between them exchanged. Nothing in the lines tells, so such a
ticket must not be rejected for its chain; that it is whole is found here from the lines left.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.defects import DEFECT_LABELS

ENTITIES: Final = tuple(
    name
    for name, table in TABLES.items()
    if name.startswith("silver_") and "ticket_id" in table.columns
)
_LINE: Final = ("source_object", "line_number")
# A class that ingestion repairs has its name in `repairs`; what curation rejects has a reason.
_TICKET_REASONS: Final = {
    "unknown_type_code": "unknown_pqrs_type",
    "forbidden_transition": "forbidden_transition",
    "swapped_instants": "broken_chain",
}
_EVENT_REASONS: Final = {
    "duplicate_event_id": "conflicting_duplicate",
    "orphan_message": "orphan_event",
}


@dataclass(frozen=True)
class Fate:
    """What became of the lines of one class; lines."""

    label: str
    injected: int
    recovered: int
    altered: int
    quarantined: int
    wrong: int


@dataclass(frozen=True)
class Verdict:
    """All classes, and what was rejected or changed although no defect is why."""

    fates: tuple[Fate, ...]
    false_quarantine: int
    """Raw lines, events and tickets in a quarantine where the ledger names no reason."""
    excepted: frozenset[str]
    """Tickets that the ledger says are altered or lost."""
    differing: frozenset[str]
    """Tickets whose silver is not that of the clean run."""
    whole: frozenset[str]
    """Tickets with exchanged instants of which other defects leave a whole chain of statuses."""

    @property
    def is_exact(self) -> bool:
        """Whether everything is as the ledger says."""
        nothing_wrong = all(fate.wrong == 0 for fate in self.fates)
        return nothing_wrong and not self.false_quarantine and self.excepted == self.differing


def judge(lake: Path, dirty: str, clean: str) -> Verdict:
    """Judge a run with defects by its ledger and by the run of the same seed without."""
    with duckdb.connect() as database:
        for name in (*ENTITIES, "bronze_pqrs_events", "quarantine_raw_lines", "quarantine_silver"):
            _view(database, lake, name, dirty, f"dirty_{name}")
            _view(database, lake, name, clean, f"clean_{name}")
        _view(database, lake, "ground_truth_defects", dirty, "ledger")
        database.execute(_DIFFERING.format(tables=" UNION ".join(map(_differences, ENTITIES))))
        database.execute(_LINES)
        database.execute(_WHOLE)
        for column, reasons in (("of_ticket", _TICKET_REASONS), ("of_event", _EVENT_REASONS)):
            pairs = ", ".join(f"'{label}': '{reason}'" for label, reason in reasons.items())
            database.execute(f"CREATE MACRO {column}(label) AS (MAP {{{pairs}}}[label])")
        database.execute(_JUDGED)
        found = {row[0]: Fate(*row) for row in database.execute(_FATES).fetchall()}
        (false,) = database.execute(_FALSE).fetchone() or (0,)
        return Verdict(
            tuple(found.get(label, Fate(label, 0, 0, 0, 0, 0)) for label in DEFECT_LABELS),
            int(false),
            _tickets(database, "SELECT DISTINCT ticket_id FROM ledger WHERE effect <> 'recovered'"),
            _tickets(database, "FROM differing"),
            _tickets(database, "SELECT ticket_id FROM judged WHERE is_whole"),
        )


def _view(
    database: duckdb.DuckDBPyConnection, lake: Path, name: str, run_id: str, view: str
) -> None:
    """The rows of a table of one run; of a table without objects none."""
    table = TABLES[name]
    hive = "".join(f"/{part}=*" for part in table.partitions)
    of_run = table.layer == "truth"
    pattern = (
        f"manifests/day=*/run_id={run_id}/{name}{hive}/part-*.parquet"
        if of_run
        else f"{table.path}{hive}/run_id={run_id}/part-*.parquet"
    )
    if not any(lake.glob(pattern)):
        columns = ", ".join(f"NULL AS {column}" for column in (*table.partitions, *table.columns))
        database.execute(f"CREATE VIEW {view} AS SELECT {columns} WHERE false")
        return
    files = f"{lake}/{pattern}".replace("'", "''")
    # Paths of a lake of the ledger have `day=` twice: there, the rows say all.
    is_hive = "false" if of_run else "true, hive_types_autocast = false"
    database.execute(
        f"CREATE VIEW {view} AS FROM read_parquet('{files}', hive_partitioning = {is_hive})"
    )


def _differences(name: str) -> str:
    """Tickets of which one run has a row that the other has not."""
    table = TABLES[name]
    shown = ", ".join(c for c in (*table.partitions, *table.columns) if c not in _LINE)
    sides = [f"SELECT {shown} FROM {side}_{name}" for side in ("dirty", "clean")]  # noqa: S608
    return " UNION ".join(
        f"SELECT ticket_id FROM ({one} EXCEPT ALL {other})"  # noqa: S608
        for one, other in (sides, sides[::-1])
    )


def _tickets(database: duckdb.DuckDBPyConnection, query: str) -> frozenset[str]:
    return frozenset(row[0] for row in database.execute(query).fetchall())


_DIFFERING: Final = "CREATE TABLE differing AS SELECT DISTINCT ticket_id FROM ({tables})"
# What ingestion made of the line of each row of the ledger.
_LINES: Final = """
CREATE TABLE lines AS
SELECT l.*, 'raw/pqrs/source=' || l.source || '/day=' || l.day || '/events.jsonl' AS source_object,
       q.reason AS found_reason,
       b.line_number IS NOT NULL AS is_accepted,
       coalesce(b.repairs, []) AS repairs, b.status_to AS found_status
FROM ledger l
LEFT JOIN dirty_quarantine_raw_lines q
  ON (q.source, q.day::DATE, q.line_number) = (l.source, l.day, l.line_number)
LEFT JOIN dirty_bronze_pqrs_events b
  ON (b.source, b.day::DATE, b.line_number) = (l.source, l.day, l.line_number)
"""
# Tickets of which each status that is left leaves the one before it.
_WHOLE: Final = """
CREATE TABLE whole AS
WITH statuses AS (
    SELECT DISTINCT ticket_id, event_id, ts, status_from, status_to FROM dirty_bronze_pqrs_events
    WHERE event_type = 'STATUS' AND ticket_id IN (SELECT ticket_id FROM ledger)
), moves AS (
    SELECT ticket_id, status_from,
           lag(status_to) OVER (PARTITION BY ticket_id ORDER BY ts, event_id) AS before
    FROM statuses
)
SELECT ticket_id, bool_and(status_from IS NOT DISTINCT FROM before) AS is_whole
FROM moves GROUP BY ALL
"""
_JUDGED: Final = """
CREATE TABLE judged AS
WITH harmed AS (
    SELECT ticket_id, count(*) FILTER (effect <> 'recovered') AS harms FROM ledger GROUP BY ALL
), tickets AS (
    SELECT ticket_id, any_value(reason) AS reason FROM dirty_quarantine_silver
    WHERE scope = 'ticket' GROUP BY ALL
), events AS (
    SELECT source_object, line_number, any_value(reason) AS reason FROM dirty_quarantine_silver
    WHERE scope = 'event' GROUP BY ALL
)
SELECT ticket_id, label, effect, bronze_outcome,
       label = 'swapped_instants' AND w.is_whole AS is_whole,
       CASE bronze_outcome
         WHEN 'quarantined' THEN NOT is_accepted AND found_reason = bronze_reason
         WHEN 'blank' THEN NOT is_accepted AND found_reason IS NULL
         WHEN 'repaired' THEN is_accepted AND list_contains(repairs, label)
         WHEN 'accepted' THEN is_accepted AND found_reason IS NULL AND len(repairs) = 0
         ELSE line_number IS NULL
       END AS is_read_right,
       (ticket_id IN (FROM differing)) = (coalesce(harms, 0) > 0) AS is_silver_right,
       CASE
         WHEN of_ticket(label) IS NOT NULL AND harms = 1 + (label = 'swapped_instants')::INT
           -- A forged CLASSIFIED has no type, which is looked at before the transitions.
           THEN t.reason IS NOT DISTINCT FROM of_ticket(label)
             OR (label, found_status, t.reason)
                = ('forbidden_transition', 'CLASSIFIED', 'unknown_pqrs_type')
         WHEN label = 'swapped_instants' AND w.is_whole
           THEN t.reason IS DISTINCT FROM 'broken_chain'
         WHEN of_ticket(label) IS NOT NULL THEN t.reason IS NOT NULL
         WHEN of_event(label) IS NOT NULL AND t.reason IS NULL
           THEN e.reason IS NOT DISTINCT FROM of_event(label)
         ELSE true
       END AS is_rejected_right
FROM lines
LEFT JOIN harmed USING (ticket_id)
LEFT JOIN whole w USING (ticket_id)
LEFT JOIN tickets t USING (ticket_id)
LEFT JOIN events e USING (source_object, line_number)
"""
_FATES: Final = """
WITH told AS (
    SELECT *, is_read_right AND is_silver_right AND is_rejected_right AS is_right FROM judged
)
SELECT label, count(*),
       count(*) FILTER (is_right AND effect = 'recovered' AND of_event(label) IS NULL),
       count(*) FILTER (is_right AND effect = 'altered'),
       count(*) FILTER (is_right AND (effect = 'lost' OR effect = 'recovered'
                                      AND of_event(label) IS NOT NULL)),
       count(*) FILTER (NOT is_right)
FROM told GROUP BY label
"""
# In a quarantine without being in the ledger as lost, or as a copy or orphan that belongs there.
_FALSE: Final = """
SELECT (
    SELECT count(*) FROM dirty_quarantine_raw_lines q
    WHERE NOT EXISTS (
        FROM ledger l WHERE l.bronze_outcome = 'quarantined'
        AND (q.source, q.day::DATE, q.line_number) = (l.source, l.day, l.line_number))
) + (
    SELECT count(*) FROM dirty_quarantine_silver q
    WHERE NOT EXISTS (FROM ledger l WHERE l.effect = 'lost' AND l.ticket_id = q.ticket_id)
    AND NOT EXISTS (
        FROM lines l WHERE of_event(l.label) = q.reason AND q.scope = 'event'
        AND (q.source_object, q.line_number) = (l.source_object, l.line_number))
)
"""
