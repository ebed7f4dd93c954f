"""Execution of a notebook about a committed run, by papermill in a kernel of its own."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from pqrs_kedro.datasets.kept_notebook import ExecutedNotebook
from pqrs_kedro.pipelines.notebooks.page import notebook_page

# Long runs of many years; a cell that takes longer hangs.
_SECONDS_PER_CELL: Final = 1800
# Wall-clock facts, and places of this machine.
_FORGOTTEN: Final = ("papermill", "execution")
# On loopback, but whoever else is on the machine could listen.
_ENCRYPTED: Final = Config({"KernelManager": {"transport_encryption": "required"}})
_QUIET_LOGGING: Final = "version: 1\ndisable_existing_loggers: false\nroot: {level: ERROR}\n"


class NotebookFailed(RuntimeError):
    """A cell of a notebook raised; the message names the cell and the error."""


def execute_notebook(source: str, run_manifest: Mapping[str, Any], *read: Any) -> ExecutedNotebook:
    """Execute a notebook with the run's id and keep what it shows, as a notebook and as a page.

    The tables that it reads are inputs of the node, so that their absence is noticed before a
    kernel starts; the notebook itself reads them through the catalog, in a process of its own, in
    the working folder: that of the project.

    Args:
        source: the notebook without outputs, as JSON.
        run_manifest: the manifest of the run.
        read: the tables that the notebook reads.

    Raises:
        NotebookFailed: a cell raised.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pqrs-notebook-") as name,
        _kernel_environment(Path(name)) as folder,
    ):
        executed = _executed(source, str(run_manifest["run_id"]), folder)
    _forget(executed)
    page = notebook_page(executed, run_manifest)
    text: str = nbformat.writes(executed)  # type: ignore[no-untyped-call]
    return ExecutedNotebook(text.encode(), page.encode())


def _executed(source: str, run_id: str, folder: Path) -> NotebookNode:
    given = folder / "given.ipynb"
    given.write_text(source, encoding="utf-8")
    try:
        return papermill.execute_notebook(
            given,
            None,
            parameters={"run_id": run_id, "env": os.environ.get("KEDRO_ENV")},
            kernel_name="python3",
            cwd=Path.cwd(),
            progress_bar=False,
            execution_timeout=_SECONDS_PER_CELL,
            config=_ENCRYPTED,
        )
    except PapermillExecutionError as error:
        cells = nbformat.reads(source, as_version=4).cells  # type: ignore[no-untyped-call]
        failed = next((cell.id for cell in cells if cell.source == error.source), "parameters")
        raise NotebookFailed(f"cell {failed!r} raised {error.ename}: {error.evalue}") from error


@contextmanager
def _kernel_environment(folder: Path) -> Iterator[Path]:
    """What the kernel inherits: a quiet Kedro, and no settings or history of a person's Jupyter."""
    logging = folder / "logging.yml"
    logging.write_text(_QUIET_LOGGING, encoding="utf-8")
    own = {
        "KEDRO_LOGGING_CONFIG": str(logging),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        # Without it the debugger warns about modules frozen into the interpreter.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield folder
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _forget(notebook: NotebookNode) -> None:
    """Take out what differs between two executions."""
    for part in (notebook, *notebook.cells):
        for name in _FORGOTTEN:
            part.metadata.pop(name, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        # Papermill's own cell has a random id.
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.id = "injected-parameters"
