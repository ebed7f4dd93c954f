"""Finished runs put into other lakes."""

import os
from pathlib import Path

from tests.conftest import Run


def link_run(run: Run, lake: Path, run_id: str, layers: tuple[str, ...] = ()) -> None:
    """A run's objects in another lake under another id, as that run would have written them."""
    files = (path for path in run.lake.rglob("*.*") if path.is_file())
    for path in files:
        parts = path.relative_to(run.lake).parts
        if f"run_id={run.run_id}" not in parts or (layers and parts[0] not in layers):
            continue
        key = Path(*(f"run_id={run_id}" if p.startswith("run_id=") else p for p in parts))
        target = lake / key
        target.parent.mkdir(parents=True, exist_ok=True)
        if parts[0] == "manifests" and path.suffix == ".json":
            text = path.read_text(encoding="utf-8").replace(run.run_id, run_id)
            target.write_text(text, encoding="utf-8")
        else:
            os.link(path, target)
