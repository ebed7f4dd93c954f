"""A committed run as the notebooks read it: through the Kedro catalog, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog
from kedro.utils import find_kedro_project

from pqrs_kedro.parameters import RunParameters, parse_parameters
from pqrs_kedro.run.regenerate import parameters_of


@dataclass(frozen=True)
class RunData:
    """The persisted datasets of one committed run."""

    catalog: DataCatalog

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
    from kedro.framework.startup import bootstrap_project

    project = Path(find_kedro_project(Path.cwd()) or Path.cwd())
    bootstrap_project(project)
    given = {} if run_id is None else {"run_id": run_id}
    session = KedroSession.create(project, env=env, runtime_params=given)
    run = RunData(session.load_context().catalog)
    # An uncommitted run is refused here, not in the middle of the notebook.
    _ = run.manifest
    return run
