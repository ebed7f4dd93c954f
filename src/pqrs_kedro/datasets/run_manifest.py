"""The manifest of a committed run as a Kedro dataset: what was asked for, and what came out."""

import json
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import JSONPreview

from pqrs_kedro.lake.store import open_store
from pqrs_kedro.run.manifest import find_manifest


class RunManifest(AbstractDataset[NoReturn, dict[str, Any]]):
    """`manifest.json` of one run; only the commit of the run writes it."""

    def __init__(self, *, path: str, run_id: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = path
        self._run_id = run_id
        self.metadata = metadata

    def save(self, data: NoReturn) -> None:
        """Not allowed: a manifest is written once, by the commit of its run."""
        raise DatasetError("run_manifest is only read: the commit of a run writes it")

    def load(self) -> dict[str, Any]:
        """The manifest."""
        store = open_store(self._path)
        key = find_manifest(store, self._run_id)
        if key is None:
            raise DatasetError(
                f"run_manifest: run {self._run_id} has no manifest in {store.location('')}: "
                "it is not committed"
            )
        manifest: dict[str, Any] = json.loads(store.read(key))
        return manifest

    def _exists(self) -> bool:
        return find_manifest(open_store(self._path), self._run_id) is not None

    def _describe(self) -> dict[str, Any]:
        return {
            "path": self._path,
            "run_id": self._run_id,
            "filepath": f"{self._path}/manifests/day=*/run_id={self._run_id}/manifest.json",
        }

    def preview(self) -> JSONPreview:
        """The identities and inputs of the run, for Kedro-Viz."""
        shown = ("run_id", "fingerprint", "digest", "inputs", "rows_by_layer")
        content = {name: self.load()[name] for name in shown} if self._exists() else {}
        return JSONPreview(json.dumps(content, ensure_ascii=False))
