"""Import: files of raw lines from outside become a run of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from rich.console import Console

from pqrs_kedro.domain.calendar import FIRST_RUN_DAY
from pqrs_kedro.lake.store import Store
from pqrs_kedro.parameters import GENERATED, InvalidInput
from pqrs_kedro.parameters_defects import NO_DEFECTS
from pqrs_kedro.run.inspection import Inspection, Rejected
from pqrs_kedro.run.manifest import CommittedRun, find_manifest, read_run
from pqrs_kedro.run.session import RunSession

# What an import finds in its lines, or has no use for.
_NOT_GIVEN: Final = (
    "date_min", "date_max", *GENERATED, "defects", "workers", "days_per_chunk", "external",
)  # fmt: skip


def import_session(
    project: Path,
    files: Sequence[Path],
    declared: str,
    source: str,
    parameters: Mapping[str, Any],
    env: str | None,
) -> RunSession:
    """The session of a run of ingestion to reporting on the lines of files.

    Args:
        project: the project's folder.
        files: in the order in which their lines lie within one raw object.
        declared: what the lines are, `synthetic` or `anonymised`.
        source: channel of all lines, or `auto`.
        parameters: as `--params` gives them.
        env: Kedro environment.

    Raises:
        InvalidInput: a parameter that an import cannot be told.
    """
    wrong = [name for name in parameters if name in _NOT_GIVEN]
    if wrong:
        raise InvalidInput(f"{wrong[0]}: an import takes it from its lines, or has no use for it")
    external = {
        "declared": declared,
        "source": source,
        "files": [str(file.absolute()) for file in files],
    }
    # The dates stand in for those that are found when the lines are read.
    own = {"date_min": FIRST_RUN_DAY.isoformat(), "date_max": FIRST_RUN_DAY.isoformat()}
    nothing = dict.fromkeys(GENERATED) | {"defects": {"profile": NO_DEFECTS}}
    bootstrap_project(project)
    given = {**parameters, **own, **nothing, "external": external}
    session = RunSession.create(project, env=env, runtime_params=given)
    if not isinstance(session, RunSession):
        raise InvalidInput("settings: SESSION_CLASS is not that of this project")
    return session


def import_lines(session: RunSession, store: Store, console: Console) -> dict[str, Any]:
    """Make the run; what became of it, as plain JSON.

    Raises:
        ClickException: the run is refused, fails, or is not accepted.
    """
    session.console = console
    with session:
        session.run(runner=SequentialRunner())
        run = read_run(store, str(session.store["session_id"]))
        facts = facts_of(session.inspection) if session.inspection is not None else {}
        return _facts_of_run(run, store) | facts


def _facts_of_run(run: CommittedRun, store: Store) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "digest": run.manifest["digest"],
        "manifest": store.location(str(find_manifest(store, run.run_id))),
        "rows_by_layer": run.manifest["rows_by_layer"],
    }


def facts_of(found: Inspection) -> dict[str, Any]:
    """What the lines are, as plain JSON."""
    return {
        "declared": found.external.declared,
        "date_min": found.first_day.isoformat(),
        "date_max": found.last_day.isoformat(),
        "files": [file.model_dump(mode="json") for file in found.external.read],
        "lines": found.lines,
        "quarantined_lines": found.quarantined,
        "quarantined": [_rejected(item) for item in found.rejected],
    }


def _rejected(item: Rejected) -> dict[str, Any]:
    return {
        "reason": item.reason,
        "detail": item.detail,
        "lines": item.lines,
        "first": {"file": item.file, "line": item.line},
    }
