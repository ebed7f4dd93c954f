"""An executed notebook of a run as a Kedro dataset: kept in the lake, beside the run's report."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import HTMLPreview

from pqrs_kedro.lake.layout import hive_values, notebook_key
from pqrs_kedro.lake.objects import put_next
from pqrs_kedro.lake.store import open_store
from pqrs_kedro.run.manifest import find_manifest

_FIGURE: Final = re.compile(r"<figure>.*?</figure>", re.DOTALL)
# Each figure is there twice; the style sheet of the page, which a preview lacks, shows one.
_NARROW: Final = re.compile(r'<svg class="narrow".*?</svg>', re.DOTALL)
_NOT_EXECUTED: Final = "<p>Not executed for this run: kedro run --pipelines=notebooks</p>"


@dataclass(frozen=True)
class ExecutedNotebook:
    """What an execution left, without its times: equal runs and equal code give equal bytes."""

    ipynb: bytes
    html: bytes


class KeptNotebook(AbstractDataset[ExecutedNotebook, ExecutedNotebook]):
    """One notebook of one run, as `.ipynb` and as self-contained `.html`.

    Neither is a data object: digest and checksums do not know of them. Equal files stay as they
    are; files that differ, because the code does by now, get the next number. Nothing is
    overwritten.
    """

    def __init__(
        self, *, name: str, path: str, run_id: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._name = name
        self._path = path
        self._run_id = run_id
        self.metadata = metadata
        self.keys: tuple[str, ...] = ()

    def save(self, data: ExecutedNotebook) -> None:
        """Keep both files under the same number."""
        store = open_store(self._path)
        manifest = find_manifest(store, self._run_id)
        if manifest is None:
            raise DatasetError(f"{self._name}: run {self._run_id} is not committed")
        day = date.fromisoformat(hive_values(manifest)["day"])

        def keys(version: int) -> dict[str, bytes]:
            return {
                notebook_key(day, self._run_id, self._name, form, version): content
                for form, content in (("ipynb", data.ipynb), ("html", data.html))
            }

        self.keys = put_next(store, keys)

    def load(self) -> ExecutedNotebook:
        """The files kept first."""
        store = open_store(self._path)
        found = [store.glob(self._pattern(form)) for form in ("ipynb", "html")]
        if not all(found):
            raise DatasetError(f"{self._name}: not executed for run {self._run_id}")
        return ExecutedNotebook(*(store.read(keys[0]) for keys in found))

    def _pattern(self, form: str) -> str:
        return f"reports/day=*/run_id={self._run_id}/{self._name}.{form}"

    def _exists(self) -> bool:
        return bool(open_store(self._path).glob(self._pattern("html")))

    def _describe(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "path": self._path,
            "run_id": self._run_id,
            "filepath": f"{self._path}/{self._pattern('html')}",
        }

    def preview(self) -> HTMLPreview:
        """The figures of the notebook with their captions, for Kedro-Viz."""
        if not self._exists():
            return HTMLPreview(_NOT_EXECUTED)
        return HTMLPreview("\n".join(_figures(json.loads(self.load().ipynb))))


def _figures(notebook: dict[str, Any]) -> Iterator[str]:
    """Every figure that the cells of a notebook show, in its wide form."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            shown = "".join(output.get("data", {}).get("text/html", ()))
            yield from (_NARROW.sub("", figure) for figure in _FIGURE.findall(shown))
