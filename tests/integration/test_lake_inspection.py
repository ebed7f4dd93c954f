"""`kedro lake show|verify|gc`: what the lake has of a run, and each byte that is not as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ForkedKedro, Outcome, Project, Run, copy_project
from tests.runs import link_run

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.objects_of_run import uncommitted, verify_run

pytestmark = pytest.mark.xdist_group("doc")
PutRun = Callable[[str], Run]
OBJECTS = {
    "raw": "raw/pqrs/source=*/day=*/run_id=mine/events.jsonl",
    "bronze": "bronze/pqrs_events/source=*/day=*/run_id=mine/*.parquet",
    "silver": "silver/messages/month=*/run_id=mine/*.parquet",
    "gold": "gold/kpi_sla/day=*/run_id=mine/*.parquet",
    "ledger": "manifests/day=*/run_id=mine/ground_truth/month=*/*.parquet",
    "log": "logs/day=*/run_id=mine/pipeline.log",
}


def flip(path: Path, position: int) -> None:
    """Change one bit of a file, which other runs may share."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.unlink()
    path.write_bytes(content)


@pytest.fixture
def mine(put_run: PutRun) -> Run:
    return put_run("mine")


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_flipped_bit_is_found_and_named(
    kind: str, place: str, mine: Run, store: FolderStore
) -> None:
    assert verify_run(store, "mine").problems == []
    path = max(mine.lake.glob(OBJECTS[kind]), key=lambda item: item.stat().st_size)
    flip(path, {"first": 0, "middle": path.stat().st_size // 2, "last": -1}[place])
    key = path.relative_to(mine.lake).as_posix()
    assert verify_run(store, "mine").problems == [f"{key}: other bytes than when it was written"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("manifest.json", '"seed": 42', '"seed": 43'),
        ("manifest.json", '"config_hash": "', '"config_hash": "0'),
        ("manifest.json", '"digest": "', '"digest": "0'),
        ("manifest.json", "\n ", "\n  "),
        ("checksums.json", '"sha256": "', '"sha256": "0'),
        ("checksums.json", '"logical_sha256": "', '"logical_sha256": "0'),
        ("checksums.json", "\n ", "\n  "),
    ],
)
def test_a_document_that_was_changed_is_found(
    name: str, old: str, new: str, mine: Run, store: FolderStore
) -> None:
    (path,) = mine.lake.glob(f"manifests/day=*/run_id=mine/{name}")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert verify_run(store, "mine").problems


def test_objects_that_are_gone_or_shorter_are_named(mine: Run, store: FolderStore) -> None:
    gone, shorter, *_ = sorted(mine.lake.glob(OBJECTS["gold"]))
    gone.unlink()
    content = shorter.read_bytes()
    shorter.unlink()
    shorter.write_bytes(content[:-1])
    size = len(content)
    assert verify_run(store, "mine").problems == [
        f"{gone.relative_to(mine.lake).as_posix()}: missing",
        f"{shorter.relative_to(mine.lake).as_posix()}: {size - 1:,} bytes, not {size:,}",
    ]


def test_objects_without_a_manifest_are_found_by_their_run(
    mine: Run, put_run: PutRun, store: FolderStore
) -> None:
    stopped = put_run("stopped")
    assert uncommitted(store) == []
    objects = len(stopped.data_objects())
    for name in ("manifest.json", "checksums.json"):
        next(stopped.lake.glob(f"manifests/day=*/run_id=stopped/{name}")).unlink()
    (found,) = uncommitted(store)
    assert found.run_id == "stopped"
    further = [
        next(stopped.lake.glob(pattern))
        for pattern in ("logs/day=*/run_id=stopped/*", "reports/day=*/run_id=stopped/*")
    ]
    assert found.objects == objects + len(further)
    sizes = [path.stat().st_size for path in (*stopped.data_objects(), *further)]
    assert found.bytes == sum(sizes)
    assert set(found.layers) >= {"raw", "bronze", "silver", "gold", "manifests", "logs"}


# The commands


@pytest.fixture
def kedro(
    tmp_path_factory: pytest.TempPathFactory, documento_run: Run, forked_kedro: ForkedKedro
) -> tuple[Project, Callable[..., Outcome]]:
    project = copy_project(tmp_path_factory.mktemp("inspected") / "project")
    link_run(documento_run, project.lake, "mine")
    return project, lambda *arguments: forked_kedro(project, "lake", *arguments)


def test_the_commands_show_verify_and_find(
    kedro: tuple[Project, Callable[..., Outcome]], documento_run: Run
) -> None:
    project, lake = kedro
    shown = lake("show", "mine")
    assert (shown.code, shown.err) == (0, "")
    manifest = documento_run.document("manifest.json")
    assert f"digest       {manifest['digest']}" in shown.out
    for table, counts in manifest["datasets"].items():
        (line,) = (ln for ln in shown.out.splitlines() if ln.split()[:1] == [table])
        assert line.split()[1:] == [f"{counts[k]:,}" for k in ("objects", "rows", "bytes")]
    assert lake("verify", "mine").code == 0
    path = min(project.lake.glob("gold/kpi_sla/day=*/run_id=mine/*"))
    flip(path, 100)
    wrong = lake("verify", "mine")
    assert wrong.code == 1
    assert wrong.out.startswith(f"wrong  {path.relative_to(project.lake).as_posix()}: ")
    assert lake("gc").out == "0 runs without a manifest, 0 bytes\n"
    (document,) = project.lake.glob("manifests/day=*/run_id=mine/checksums.json")
    document.unlink()
    document.write_text(json.dumps({"objects": []}))
    broken = lake("verify", "mine")
    (line,) = broken.err.splitlines()
    assert (broken.code, line.startswith("Error: ")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "../x"), 2, "run_id: '../x' is not allowed"),
        (("verify", "nobody"), 2, "nobody is not in the lake"),
        (("retain", "mine", "--days", "1"), 1, "a folder has no object lock"),
        (("retain", "mine", "--days", "0"), 2, "--days"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...], code: int, said: str,
    kedro: tuple[Project, Callable[..., Outcome]],
) -> None:  # fmt: skip
    outcome = kedro[1](*arguments)
    assert outcome.code == code
    assert said in outcome.err


def test_a_folder_needs_no_bucket(kedro: tuple[Project, Callable[..., Outcome]]) -> None:
    outcome = kedro[1]("init")
    assert (outcome.code, "is a folder" in outcome.out) == (0, True)
