"""Configuration with a run id, so that every entry point resolves the catalog.

A run gets its id from the session. `kedro viz`, `kedro catalog`, `ipython` and notebooks start
without one: they see the run that the environment variable PQRS_RUN_ID names, else the last
finished run.
"""

import os
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from pqrs_kedro.lake.store import Store, open_store
from pqrs_kedro.parameters import RunParameters, check_run_id, parse_parameters
from pqrs_kedro.parameters_response import with_given_way
from pqrs_kedro.run.profile_file import with_profile_file
from pqrs_kedro.run.stores import fill_environment, name_warehouse, variable

RUN_ID_VARIABLE = "PQRS_RUN_ID"
# A nested parameter changes alone: `--params engine.threads=1` keeps the memory limit.
MERGE_STRATEGY = {"parameters": "soft", "globals": "soft"}
# No run has this id: a new one always has a time or is given by name.
NO_RUN = "no-run-yet"


class RunConfigLoader(OmegaConfigLoader):
    """Kedro's loader, with `run_id` among the runtime parameters always.

    A `profile` that is the path of a file is put among the `profiles`, for whoever asks: nodes, the
    session, and tools all see the same parameters. A given `response.median_scale` takes the place
    of the configured `breach_rate`, and the other way round.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        given = dict(runtime_params or {})
        if given.get("run_id") is None:
            given["run_id"] = _default_run_id(Path(conf_source).parent, env)
        fill_environment(Path(conf_source).parent)
        OmegaConf.register_resolver("variable", variable, replace=True)
        super().__init__(conf_source=conf_source, env=env, runtime_params=given, **options)
        name_warehouse(Path(conf_source).parent, self["globals"])

    def __getitem__(self, key: str) -> dict[str, Any]:
        """The configuration of a kind; the parameters with the profile of a file."""
        found: dict[str, Any] = super().__getitem__(key)
        if key != "parameters":
            return found
        chosen = with_given_way(found, self.runtime_params)
        return with_profile_file(chosen, Path(self.conf_source).parent)


def project_lake(project: Path, env: str | None = None) -> Store:
    """The lake of a project, as its configuration names it in an environment."""
    return open_store(_loader(project, env)["globals"]["lake_root"], project)


def project_parameters(project: Path, env: str | None = None) -> RunParameters:
    """The parameters of a run that is told nothing.

    Raises:
        InvalidInput: the project's configuration is not allowed.
    """
    return parse_parameters(dict(_loader(project, env)["parameters"]) | {"run_id": None})


def project_globals(project: Path, env: str | None = None) -> dict[str, Any]:
    """Which stores a project has in an environment."""
    return dict(_loader(project, env)["globals"])


def configured_values(project: Path, env: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a run as plain values: those configured, and what it is told beside them.

    Raises:
        InvalidInput: the file of a profile cannot be used.
    """
    return dict(_loader(project, env, given)["parameters"]) | {"run_id": None}


def _loader(project: Path, env: str | None, given: dict[str, Any] | None = None) -> RunConfigLoader:
    return RunConfigLoader(
        project / "conf",
        env,
        given,
        base_env="base",
        default_run_env="local",
        merge_strategy=MERGE_STRATEGY,
    )


def _default_run_id(project: Path, env: str | None) -> str:
    named = os.environ.get(RUN_ID_VARIABLE)
    if named:
        return check_run_id(named)
    pointer = latest_pointer(project, env)
    return pointer.read_text().strip() if pointer.is_file() else NO_RUN


def point_to(pointer: Path, run_id: str) -> None:
    """Let a pointer name a run; it is never half written."""
    draft = pointer.with_suffix(f"{pointer.suffix}.new")
    draft.write_text(f"{run_id}\n")
    draft.replace(pointer)


def latest_pointer(project: Path, env: str | None) -> Path:
    """The file that names the last finished run of an environment."""
    return project / "data" / f"latest_run.{env or 'local'}"
