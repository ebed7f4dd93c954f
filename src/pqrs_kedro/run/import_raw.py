"""Import: files of raw lines from outside become a run of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner

from pqrs_kedro.domain.calendar import FIRST_RUN_DAY
from pqrs_kedro.parameters import GENERATED, InvalidInput
from pqrs_kedro.run.session import RunSession

# What an import finds in its lines, or has no use for.
_NOT_GIVEN: Final = ("date_min", "date_max", *GENERATED, "workers", "days_per_chunk", "external")


def import_raw(
    project: Path,
    files: Sequence[Path],
    declared: str,
    source: str,
    parameters: Mapping[str, Any],
    env: str | None,
) -> str:
    """Run ingestion to reporting on the lines of files; returns the run id.

    Args:
        project: the project's folder.
        files: in the order in which their lines lie within one raw object.
        declared: what the lines are, `synthetic` or `anonymised`.
        source: channel of all lines, or `auto`.
        parameters: as `--params` gives them.
        env: Kedro environment.

    Raises:
        InvalidInput: a parameter that an import cannot be told.
        ClickException: the run is refused, fails, or is not accepted.
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
    nothing = dict.fromkeys(GENERATED)
    bootstrap_project(project)
    given = {**parameters, **own, **nothing, "external": external}
    session = RunSession.create(project, env=env, runtime_params=given)
    with session:
        session.run(runner=SequentialRunner())
        return str(session.store["session_id"])
