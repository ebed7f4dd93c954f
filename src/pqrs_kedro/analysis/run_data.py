"""A committed run as the notebooks read it: through the Kedro catalog, and nothing else."""

import atexit
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.io import CatalogProtocol
from numpy.typing import NDArray

from pqrs_kedro.command_line import open_project
from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.parameters import RunParameters, parse_parameters
from pqrs_kedro.run.engine import ENGINE
from pqrs_kedro.run.regenerate import parameters_of

# Local time is that of America/Bogota: UTC-5, all year round.
BOGOTA: Final = pd.Timedelta(hours=5)
TICKET_COLUMNS: Final = (
    "ticket_id",
    "source_channel",
    "pqrs_type",
    "priority",
    "created_at",
    "radicated_at",
    "closed_at",
    "sla_due_at",
    "is_breached",
    "sla_cycles_count",
    "resolution_code",
    "geo_id",
)


@dataclass(frozen=True)
class RunData:
    """The persisted datasets of one committed run."""

    catalog: CatalogProtocol[Any, Any]

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """What the run was asked for and what came out."""
        manifest: Mapping[str, Any] = self.catalog.load("run_manifest")
        return manifest

    @cached_property
    def parameters(self) -> RunParameters:
        """The parameters of the run."""
        return parse_parameters(parameters_of(dict(self.manifest)))

    @property
    def run_id(self) -> str:
        """The run."""
        return str(self.manifest["run_id"])

    @cached_property
    def last_day(self) -> date:
        """The last observed local day."""
        days = self.query("gold_kpi_volume_daily").day.max().to_pyarrow()
        last: date = days.as_py()
        return last

    @cached_property
    def tickets(self) -> pd.DataFrame:
        """One row per curated ticket; added are the local day (a number) and hour of reception."""
        rows = self.table("silver_tickets", *TICKET_COLUMNS)
        local = rows["created_at"] - BOGOTA
        return rows.assign(
            day=local.to_numpy().astype("datetime64[D]").astype(np.int64),
            hour=local.dt.hour.astype(np.int64),
        )

    @property
    def is_cut(self) -> bool:
        """Whether observation ended before the life cycles did."""
        return self.parameters.observe_until is not None

    @property
    def watched_until(self) -> pd.Timestamp:
        """The last instant observed, UTC without a zone."""
        return pd.Timestamp(self.last_day) + pd.Timedelta(days=1) + BOGOTA

    @cached_property
    def received_days(self) -> NDArray[np.int64]:
        """Numbers of the local days on which tickets were received and observed."""
        last = min(self.parameters.date_max, self.last_day)
        return np.arange(day_number(self.parameters.date_min), day_number(last) + 1)

    @property
    def type_names(self) -> dict[str, str]:
        """Spanish names of the PQRS types, by code."""
        return {code: kind.name for code, kind in self.parameters.chosen_profile.types.items()}

    def query(self, name: str) -> ibis.Table:
        """A table of the run, lazily; instants are UTC without a zone."""
        return self.catalog.load(name)

    def table(self, name: str, *columns: str) -> pd.DataFrame:
        """Some columns of a table, or all, in the order of those columns."""
        rows = self.query(name)
        rows = rows.select(*columns) if columns else rows
        return rows.order_by(*rows.columns).to_pandas()


def open_run(run_id: str | None = None, env: str | None = None) -> RunData:
    """A committed run of the project in or above the working folder.

    Args:
        run_id: the run; null is the last committed one.
        env: the Kedro environment, such as `rustfs`; null is the default.

    Raises:
        DatasetError: the run is not committed.
    """
    # The engine's scratch folder goes with the process.
    atexit.register(ENGINE.close)
    project = open_project()
    given = {} if run_id is None else {"run_id": run_id}
    session = KedroSession.create(project, env=env, runtime_params=given)
    run = RunData(session.load_context().catalog)
    # An uncommitted run is refused here, not in the middle of the notebook.
    _ = run.manifest
    return run
