"""The report of a committed run, read from the lake and kept in it beside the run's log."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from pqrs_kedro.contracts.schema import arrow_schema
from pqrs_kedro.contracts.tables import TABLES, Table
from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.layout import hive_values, report_key
from pqrs_kedro.lake.objects import put_next
from pqrs_kedro.lake.parquet import stored_rows
from pqrs_kedro.lake.store import Store
from pqrs_kedro.pipelines.reporting.checks import as_table
from pqrs_kedro.run.acceptance import Criterion
from pqrs_kedro.run.manifest import CommittedRun, read_run
from pqrs_kedro.run.quality_evidence import read_evidence
from pqrs_kedro.run.quality_gate import QUALITY
from pqrs_kedro.run.repetition import check_repetition

if TYPE_CHECKING:
    import pandas as pd

# Gold has an object per day: many small reads, which wait more than they work.
_READERS: Final = 16


def keep_report(store: Store, run_id: str, criteria: Sequence[Criterion]) -> str:
    """Make the report of a committed run and keep it in the lake; returns its key.

    The report is no data object: neither the digest nor the checksums know of it. One that is there
    already and equal stays; if it is different, because a criterion has another finding by now, the
    new one gets the next number: `report-2.html`. Nothing is overwritten.

    Raises:
        RunNotFound: the run has no manifest.
    """
    run = read_run(store, run_id)
    day = date.fromisoformat(hive_values(run.manifest_path)["day"])
    content = report_page(store, run, criteria).encode()
    return put_next(store, lambda version: {report_key(day, run_id, version): content})[0]


def report_page(store: Store, run: CommittedRun, criteria: Sequence[Criterion]) -> str:
    """The report of a run, as HTML."""
    # Matplotlib and pandas take a second to import; a run that makes no report need not wait.
    from pqrs_kedro.report.material import Accepted
    from pqrs_kedro.report.page import render_page

    frames = report_frames(store, run)
    accepted = [Accepted(item.number, item.holds, item.finding) for item in criteria]
    return render_page(frames, run.manifest, accepted, read_evidence(store, run))


def report_frames(store: Store, run: CommittedRun) -> "dict[str, pd.DataFrame]":
    """What the report reads of a run: gold and its checks whole, some columns of silver.

    To its checks come those of a repetition, which know the runs before it.
    """
    import pandas as pd

    from pqrs_kedro.report.facts import SOURCES
    from pqrs_kedro.report.tickets import SILVER

    frames = {name: _frame(store, run, TABLES[name]) for name in SOURCES}
    repeated = as_table(check_repetition(store, run)).to_pandas()
    frames[QUALITY] = pd.concat([frames[QUALITY], repeated], ignore_index=True)
    return frames | {
        name: _frame(store, run, TABLES[name], columns) for name, columns in SILVER.items()
    }


def _frame(
    store: Store, run: CommittedRun, table: Table, columns: Sequence[str] = ()
) -> "pd.DataFrame":
    """All rows of a table of the run, with the day that is in their path; or some columns."""

    def rows(key: str) -> pa.Table:
        found = stored_rows(table, key, store.read(key))
        return found.select(columns) if columns else found

    keys = run.manifest["paths"].get(table.name, ())
    sizes = {item.key: item.bytes for item in run.objects}
    parts = list(in_order(rows, keys, _READERS, lambda key: sizes.get(key, 0), store.alone_from))
    rows_of_table = pa.concat_tables(parts) if parts else _none(table)
    return (rows_of_table.select(columns) if columns else rows_of_table).to_pandas()


def _none(table: Table) -> pa.Table:
    rows = arrow_schema(table).empty_table()
    for name in table.partitions:
        rows = rows.append_column(name, pa.array([], pa.date32()))
    return rows
