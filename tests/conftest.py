"""Working copies of the project, runs of it, and the small finished runs that many tests read.

A `Project` is a copy with data of its own. It runs in this process (`run`), or as the command line:
as a fork of a process that has imported Kedro already (`forked_kedro`), or, where start-up, signals
or the environment of Python itself matter, in a process from scratch (`start`, `kedro`). Finished
runs are made once per test session, whatever the number of pytest workers, and are only read: a
test that wants to change one takes a copy.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from numpy._core import _multiarray_umath as numpy_kernels
from tests.oracle.builder import RawEvent, ticket_events, write_lake
from tests.oracle.curation import read_events
from tests.oracle.metrics import Run as OracleRun
from tests.oracle.rejections import curate
from tests.servers import FOLDER, stop_servers

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.warehouse.connection import URL_VARIABLE
from pqrs_kedro.warehouse.placement import place
from pqrs_kedro.warehouse.server import EmbeddedServer

if TYPE_CHECKING:
    from pqrs_kedro.run.session import RunSession

ROOT = Path(__file__).resolve().parents[1]
STAGES_AFTER_RAW = ("ingestion", "curation", "metrics", "reporting")
CHANNELS = ("email", "webform", "chat", "call")
# Of a working copy: its configuration of defects.
CLEAN_LINES = "conf/local/parameters_defects.yml"

# In CI the same examples every time; at a desk new ones, and those that failed before.
hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


# The server of the whole test session; each project has a database of its own in it.
_SERVER_VARIABLE = "PQRS_TEST_SERVER"


def pytest_configure(config: pytest.Config) -> None:
    if _SERVER_VARIABLE not in os.environ:
        # Not pytest's own temporary folder: it is closed to the user that root's server runs as.
        folder = Path(tempfile.mkdtemp(prefix="pqrs-test-"))
        folder.chmod(0o755)
        server = EmbeddedServer(place(folder))
        os.environ[_SERVER_VARIABLE] = server.start()
        os.environ[FOLDER] = str(folder)

        def stop() -> None:
            server.stop()
            stop_servers(folder)
            del os.environ[_SERVER_VARIABLE], os.environ[FOLDER]
            shutil.rmtree(folder)

        config.add_cleanup(stop)
    # ibis 12.0 with duckdb 1.5, where a table is written in batches.
    message = r"fetch_record_batch\(\) is deprecated:DeprecationWarning:ibis\.backends\.duckdb"
    config.addinivalue_line("filterwarnings", f"ignore:{message}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # xdist 3.8 writes a test's group into an attribute that pytest 9.2 does not read any more.
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        group = "_".join(sorted({str(m.args[0]) for m in item.iter_markers("xdist_group")}))
        if group and hasattr(item, "_id") and not item.nodeid.endswith(f"@{group}"):
            path, _, name = item.nodeid.partition("::")
            item._id = type(item._id)(path=path, names=(f"{name}@{group}",))


# Projects


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, and the text on standard output and standard error."""

    code: int
    out: str
    err: str


# Serves one command after the other: each in a fork, which ends as `kedro` does.
_FORKER = """
import gc, inspect, json, os, sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import kedro.framework.cli.cli as command_line
import pqrs_kedro.cli
import pqrs_kedro.report.page
import pqrs_kedro.settings

# Finds the file of every module, as Kedro's settings will do in each fork: half of its time.
inspect.stack()
# A fork would copy every page whose objects its collector visits: 0.8 seconds of its 1.3.
gc.collect()
gc.freeze()
for request in sys.stdin:
    folder, arguments, environment, out, err = json.loads(request)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update(environment)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["kedro", *arguments]
        command_line.main()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Project:
    """A working copy of the project."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def lake(self) -> Path:
        return self.data / "lake"

    @property
    def warehouse_url(self) -> str:
        """A database of the project's own on the server of the test session."""
        server = os.environ[_SERVER_VARIABLE].rpartition("/")[0]
        name = f"project_{hashlib.sha256(str(self.path).encode()).hexdigest()[:16]}"
        made_before = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with suppress(*made_before), psycopg.connect(f"{server}/postgres", autocommit=True) as one:
            one.execute(f"CREATE DATABASE {name}")
        return f"{server}/{name}"

    def files(self) -> list[str]:
        """Every file under data/."""
        found = (p for p in self.data.rglob("*") if p.is_file())
        return sorted(p.relative_to(self.data).as_posix() for p in found)

    def environment(self, changed: Mapping[str, str] | None = None) -> dict[str, str]:
        """This process's environment without what would name another project or run."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KEDRO_", "PQRS_"))}
        own = {"PYTHONPATH": str(self.path / "src"), URL_VARIABLE: self.warehouse_url}
        return {**kept, **own, **(changed or {})}

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """`python -m kedro` in a process of its own, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.path,
            env=self.environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def kedro(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Outcome:
        """`python -m kedro` in a process of its own."""
        return ended(self.start(*arguments, environment=environment))

    @contextmanager
    def session(
        self, *, kedro_env: str | None = None, warehouse_url: str | None = None, **parameters: Any
    ) -> Iterator["RunSession"]:
        """A session in this process, with `--params`; the import path is put back afterwards."""
        # Imported here, so that unit tests need not wait for Kedro.
        from kedro.framework.startup import bootstrap_project

        from pqrs_kedro.run.engine import ENGINE
        from pqrs_kedro.run.session import RunSession

        path, environment = list(sys.path), dict(os.environ)
        os.environ[URL_VARIABLE] = warehouse_url or self.warehouse_url
        bootstrap_project(self.path)
        try:
            with RunSession.create(self.path, env=kedro_env, runtime_params=parameters) as session:
                yield session
        finally:
            ENGINE.close()
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(environment)

    def run(self, *pipelines: str, **parameters: Any) -> "Run":
        """Run some pipelines, or all, in this process."""
        with self.session(**parameters) as session:
            session.run(pipeline_names=list(pipelines) or None)
            return Run(self, session.session_id)


def ended(process: subprocess.Popen[str], timeout: float = 300) -> Outcome:
    """Wait for a process; one that does not end in time is killed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Outcome(process.returncode, out, err)


class ForkedKedro:
    """The command line without its start-up: a process that has imported Kedro, forked per command.

    Importing Kedro takes several seconds, a refused command next to nothing, a small run six.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-c", _FORKER],
            cwd=ROOT,
            env=Project(ROOT).environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, project: Project, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Outcome:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        out, err = self._folder / "out", self._folder / "err"
        own = {URL_VARIABLE: project.warehouse_url, **(environment or {})}
        request = json.dumps([str(project.path), arguments, own, str(out), str(err)])
        self._server.stdin.write(request + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return Outcome(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def stop(self) -> None:
        self._server.communicate()


@pytest.fixture(scope="session")
def forked_kedro(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedKedro]:
    """Runs `kedro` commands in a project, one after the other."""
    server = ForkedKedro(tmp_path_factory.mktemp("forked-kedro"))
    yield server
    server.stop()


def params(**parameters: object) -> tuple[str, str]:
    """The `--params` option of a command; what is nested has a dotted name there."""
    told = _dotted(parameters).items()
    return "--params", ",".join(f"{name}={value}" for name, value in told)


def _dotted(values: Mapping[str, object], path: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = value
    return found


def copy_project(folder: Path) -> Project:
    """A working copy without data, whose raw lines are clean.

    What is proved of the generator and the pipelines is proved on clean lines; tests of defects say
    which, and `test_default_run.py` runs what a user gets.
    """
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy2(ROOT / name, folder)
    for name in ("src", "conf", "notebooks"):
        # Compiled modules and loops come along; one that is being written has a name of its own.
        leave_out = shutil.ignore_patterns("local", "*.pyc.*", "*.tmp.*")
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    (folder / "conf/local").mkdir()
    clean = yaml.safe_dump({"defects": {"profile": "none"}})
    for file in (CLEAN_LINES, CLEAN_LINES.replace("local", "rustfs")):
        (folder / file).write_text(clean, encoding="utf-8")
    return Project(folder)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[], Project]:
    """Makes working copies of the project."""
    return lambda: copy_project(tmp_path / f"project-{len(list(tmp_path.iterdir()))}")


# Runs


@dataclass(frozen=True)
class Run:
    """What a run left in the lake of its project."""

    project: Project
    run_id: str

    @property
    def lake(self) -> Path:
        return self.project.lake

    @property
    def is_committed(self) -> bool:
        return bool(list(self.lake.glob(f"manifests/day=*/run_id={self.run_id}/manifest.json")))

    def document(self, name: str) -> dict[str, Any]:
        """`manifest.json` or `checksums.json`."""
        (path,) = self.lake.glob(f"manifests/day=*/run_id={self.run_id}/{name}")
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    @property
    def digest(self) -> str:
        return str(self.document("manifest.json")["digest"])

    def raw_objects(self) -> list[Path]:
        return sorted(self.lake.glob(f"raw/pqrs/source=*/day=*/run_id={self.run_id}/events.jsonl"))

    def data_objects(self) -> list[Path]:
        """All data objects: no documents of the run, nor what a killed writer left hidden."""
        found = self.lake.rglob(f"run_id={self.run_id}/[!.]*")
        documents = ("manifests", "logs", "reports")
        data = [p for p in found if p.relative_to(self.lake).parts[0] not in documents]
        return sorted([*data, *self.ledger_objects()])

    def ledger_objects(self, name: str = "ground_truth*") -> list[Path]:
        """The objects of the ledgers, which lie beside the manifest."""
        folder = f"manifests/day=*/run_id={self.run_id}/{name}"
        return sorted(self.lake.glob(f"{folder}/month=*/part-*.parquet"))

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every data object, by its key without the run."""
        return {
            logical(path.relative_to(self.lake)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.data_objects()
        }

    def table(self, name: str) -> pa.Table:
        """All rows of a table, with the partition columns of the path."""
        table = TABLES[name]
        hive = "".join(f"/{part}=*" for part in table.partitions)
        pattern = f"{table.path}{hive}/run_id={self.run_id}/part-*.parquet"
        of_run = table.layer == "truth"
        found = self.ledger_objects(name) if of_run else self.lake.glob(pattern)
        parts = [_with_partitions(path, table.partitions) for path in sorted(found)]
        if not parts:
            return pa.table({column: [] for column in (*table.partitions, *table.columns)})
        return pa.concat_tables(parts)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, as plain values."""
        rows: list[dict[str, Any]] = self.table(name).to_pylist()
        return rows


def _with_partitions(path: Path, partitions: tuple[str, ...]) -> pa.Table:
    # ParquetFile, not read_table: that would take run_id from the path for a column.
    rows = pq.ParquetFile(path).read()
    for part in path.parts:
        name, _, value = part.partition("=")
        if value and name in partitions:
            cell = date.fromisoformat(value) if name == "day" else value
            rows = rows.append_column(name, pa.repeat(pa.scalar(cell), len(rows)))
    return rows


def logical(key: Path) -> str:
    """A key without its run, and without the day on which that started."""
    of_run = ("run_id=", "day=") if key.parts[0] == "manifests" else ("run_id=",)
    return "/".join(part for part in key.parts if not part.startswith(of_run))


# Runs made once per test session


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker to ask for it makes; the others wait."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


# Received over a weekend and the holiday of Monday 12 January (Epiphany).
DOCUMENTO: dict[str, Any] = {
    "profile": "documento_v1",
    "date_min": "2026-01-08",
    "date_max": "2026-01-12",
    "volume_scale": 0.1,
}
# Received over New Year.
LEY1755: dict[str, Any] = {
    **DOCUMENTO,
    "profile": "ley1755",
    "date_min": "2025-12-30",
    "date_max": "2026-01-03",
}


@pytest.fixture(scope="session")
def documento_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of documento_v1: some 500 tickets of five days. To be read only."""

    def make(folder: Path) -> None:
        copy_project(folder).run(run_id="d0c-run", **DOCUMENTO)

    return Run(Project(_once(tmp_path_factory, "documento", make)), "d0c-run")


@pytest.fixture(scope="session")
def ley1755_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of ley1755: some 500 tickets of five days. To be read only."""

    def make(folder: Path) -> None:
        copy_project(folder).run(run_id="l3y-run", **LEY1755)

    return Run(Project(_once(tmp_path_factory, "ley1755", make)), "l3y-run")


# The same tickets as a live system sees them: on the last day but one of reception, with tickets
# that are not radicated or not classified yet, and weeks later, on a Sunday.
SNAPSHOTS: dict[str, dict[str, Any]] = {
    "documento": {**DOCUMENTO, "observe_until": "2026-01-11"},
    "ley1755": {**LEY1755, "observe_until": "2026-01-18"},
}


def _snapshot_run(factory: pytest.TempPathFactory, name: str) -> Run:
    def make(folder: Path) -> None:
        copy_project(folder).run(run_id="snap-run", **SNAPSHOTS[name])

    return Run(Project(_once(factory, f"snapshot-{name}", make)), "snap-run")


@pytest.fixture(scope="session")
def documento_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of `documento_run` with an end of observation. To be read only."""
    return _snapshot_run(tmp_path_factory, "documento")


@pytest.fixture(scope="session")
def ley1755_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of `ley1755_run` with an end of observation. To be read only."""
    return _snapshot_run(tmp_path_factory, "ley1755")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("documento_run", id="documento_v1", marks=pytest.mark.xdist_group("doc")),
        pytest.param("ley1755_run", id="ley1755", marks=pytest.mark.xdist_group("ley")),
    ],
)
def small_run(request: pytest.FixtureRequest) -> Run:
    """Each of the finished runs. To be read only."""
    run: Run = request.getfixturevalue(request.param)
    return run


@dataclass(frozen=True)
class CommandRun:
    """A run that the command line made, and what the command printed."""

    run: Run
    outcome: Outcome


@pytest.fixture(scope="session")
def elsewhere_run(tmp_path_factory: pytest.TempPathFactory) -> CommandRun:
    """The run of `documento_run` by the command line, with everything else different."""
    environment = {
        "TZ": "Pacific/Auckland",
        "PYTHONHASHSEED": "4711",
        "LC_ALL": "C",
    }
    option = params(
        run_id="elsewhere",
        workers=2,
        days_per_chunk=1,
        **{"engine.threads": 1, "engine.memory_limit": "300MB"},
        **DOCUMENTO,
    )

    def make(folder: Path) -> None:
        project = copy_project(folder)
        outcome = project.kedro("run", *option, environment=environment)
        printed = {"code": outcome.code, "out": outcome.out, "err": outcome.err}
        (folder / "outcome.json").write_text(json.dumps(printed), encoding="utf-8")

    folder = _once(tmp_path_factory, "elsewhere", make)
    outcome = Outcome(**json.loads((folder / "outcome.json").read_text(encoding="utf-8")))
    return CommandRun(Run(Project(folder), "elsewhere"), outcome)


@dataclass(frozen=True)
class ContinuedRun:
    """A run in two parts: the command of the first, what it left, and the whole."""

    run: Run
    first: Outcome
    files_after_first: list[str]
    disabled: str


@pytest.fixture(scope="session")
def continued_run(tmp_path_factory: pytest.TempPathFactory) -> ContinuedRun:
    """The run of `documento_run`: its synthesis alone without NumPy's wide kernels, then the rest.

    NumPy's features are switched off before it is imported, hence in a process of its own.
    """
    found = [f for f in numpy_kernels.__cpu_dispatch__ if numpy_kernels.__cpu_features__[f]]
    disabled = " ".join(found)
    option = params(run_id="continued", **DOCUMENTO)

    def make(folder: Path) -> None:
        project = copy_project(folder)
        outcome = project.kedro(
            "run",
            "--pipelines",
            "synthesis",
            *option,
            environment={"NPY_DISABLE_CPU_FEATURES": disabled},
        )
        left = {"code": outcome.code, "out": outcome.out, "err": outcome.err}
        content = {"first": left, "files": project.files()}
        (folder / "first.json").write_text(json.dumps(content), encoding="utf-8")
        project.run(run_id="continued", **DOCUMENTO)

    folder = _once(tmp_path_factory, "continued", make)
    content = json.loads((folder / "first.json").read_text(encoding="utf-8"))
    run = Run(Project(folder), "continued")
    return ContinuedRun(run, Outcome(**content["first"]), content["files"], disabled)


# Hand-made tickets

# A ticket of type BREVE (three business days) radicated on Friday 27 March: its days are 30 and 31
# March and 1 April. Monday 23 March, 2 and 3 April and 1 May are holidays.
_BREVE = """
    2026-03-27 09:00  RECEIVED     +carta.PDF:120 +foto.final.jpeg:8
    2026-03-27 09:10  RADICATED    05001
    2026-03-27 10:00  CLASSIFIED   BREVE
    2026-03-27 11:00  ASSIGNED
    2026-03-27 12:00  IN_PROGRESS
"""
# The same over the last days: due on Friday 15 May, the last observed day.
_LATEST = """
    2026-05-12 09:00  RECEIVED
    2026-05-12 09:10  RADICATED    54001
    2026-05-12 10:00  CLASSIFIED   BREVE
"""
_PETICION = _BREVE.replace("BREVE", "PETICION")
LAST_OBSERVED_DAY = date(2026, 5, 15)

STORIES: dict[str, str] = {
    "the_whole_path_and_the_last_observed_day": """
        2026-04-24 08:00  RECEIVED
        2026-04-24 16:59  RADICATED    88001
        2026-04-27 08:00  CLASSIFIED   PETICION
        2026-04-27 09:00  ASSIGNED
        2026-04-28 09:00  IN_PROGRESS
        2026-04-29 11:00  MESSAGE      +respuesta_parcial.docx:33
        2026-05-06 09:00  RESPONDED
        2026-05-07 09:00  CLOSED
        2026-05-15 10:00  ARCHIVED
    """,
    "received_on_a_saturday_and_closed_in_the_last_microsecond": """
        2026-03-28 10:00  RECEIVED
        2026-03-28 10:05  RADICATED
        2026-03-28 11:00  CLASSIFIED  BREVE
        2026-04-01 23:59:59.999999  CLOSED
    """,
    "late_by_0_business_days_on_a_holiday": _BREVE + "2026-04-02 00:00  CLOSED",
    "due_on_friday_stopped_on_saturday": """
        2026-03-24 09:00  RECEIVED
        2026-03-24 09:10  RADICATED    08001
        2026-03-24 10:00  CLASSIFIED  BREVE
        2026-03-28 08:30  RESPONDED
        2026-03-28 09:00  CLOSED
    """,
    "due_on_friday_stopped_on_friday": """
        2026-03-24 09:00  RECEIVED
        2026-03-24 09:10  RADICATED    08001
        2026-03-24 10:00  CLASSIFIED  BREVE
        2026-03-27 23:30  RESPONDED
        2026-03-27 23:40  CLOSED
    """,
    "fifteen_business_days_over_easter": _PETICION + "2026-04-21 16:00  CLOSED",
    "hold_over_a_weekend_and_holidays": _BREVE
    + """
        2026-03-31 09:00  ON_HOLD
        2026-04-06 09:00  IN_PROGRESS
        2026-04-07 09:00  RESPONDED
        2026-04-07 10:00  CLOSED
    """,
    "hold_after_the_due_day": _BREVE
    + """
        2026-04-06 09:00  ON_HOLD
        2026-04-07 09:00  IN_PROGRESS
        2026-04-08 08:00  RESPONDED
        2026-04-08 09:00  CLOSED
    """,
    "hold_from_the_due_day_on": _BREVE
    + """
        2026-04-01 09:00  ON_HOLD
        2026-04-07 09:00  IN_PROGRESS
        2026-04-08 09:00  RESPONDED
        2026-04-09 09:00  CLOSED
    """,
    "two_holds_the_second_on_the_due_day_that_the_first_made": _BREVE
    + """
        2026-03-30 09:00  ON_HOLD
        2026-03-31 09:00  IN_PROGRESS
        2026-04-06 09:00  ON_HOLD
        2026-04-08 09:00  RESPONDED    DESISTIMIENTO_TACITO
        2026-04-08 10:00  CLOSED
    """,
    "two_holds_the_second_after_the_due_day": _BREVE
    + """
        2026-03-30 09:00  ON_HOLD
        2026-03-31 09:00  IN_PROGRESS
        2026-04-07 09:00  ON_HOLD
        2026-04-08 09:00  IN_PROGRESS
        2026-04-09 09:00  RESPONDED
        2026-04-09 10:00  CLOSED
    """,
    "hold_within_one_day": _BREVE
    + """
        2026-03-31 09:00  ON_HOLD
        2026-03-31 12:00  IN_PROGRESS
        2026-04-01 09:00  RESPONDED
        2026-04-06 10:00  CLOSED
    """,
    "extension_on_the_due_day": _BREVE
    + """
        2026-04-01 17:00  TERM_EXTENDED  6
        2026-04-08 08:00  RESPONDED      PRORROGA
        2026-04-08 09:00  CLOSED
    """,
    "extension_one_day_too_late": _BREVE
    + """
        2026-04-02 09:00  TERM_EXTENDED  6
        2026-04-08 08:00  RESPONDED
        2026-04-08 09:00  CLOSED
    """,
    "extension_in_time_because_of_an_earlier_hold": _BREVE
    + """
        2026-03-30 09:00  ON_HOLD
        2026-03-31 09:00  IN_PROGRESS
        2026-04-06 09:00  TERM_EXTENDED  6
        2026-04-09 08:00  RESPONDED
        2026-04-09 09:00  CLOSED
    """,
    "extension_judged_without_the_days_a_hold_will_still_add": _BREVE
    + """
        2026-04-01 09:00  ON_HOLD
        2026-04-02 09:00  TERM_EXTENDED  6
        2026-04-07 09:00  IN_PROGRESS
        2026-04-07 16:00  RESPONDED
        2026-04-07 17:00  CLOSED
    """,
    "hold_within_the_extended_term": _BREVE
    + """
        2026-04-01 09:00  TERM_EXTENDED  6
        2026-04-06 09:00  ON_HOLD
        2026-04-08 09:00  IN_PROGRESS
        2026-04-10 17:00  CLOSED
    """,
    "a_second_extension_adds_nothing": _BREVE
    + """
        2026-03-30 09:00  TERM_EXTENDED  6
        2026-03-31 09:00  TERM_EXTENDED  12
        2026-04-08 17:00  CLOSED
    """,
    "extension_too_late_then_nothing_more": _BREVE + "2026-04-06 09:00  TERM_EXTENDED  6",
    "reopened_on_a_saturday_after_an_extension": _BREVE
    + """
        2026-03-30 09:00  TERM_EXTENDED  6
        2026-03-31 09:00  RESPONDED
        2026-03-31 10:00  CLOSED
        2026-04-04 10:00  REOPENED
        2026-04-06 09:00  IN_PROGRESS
        2026-04-10 09:00  RESPONDED
        2026-04-10 10:00  CLOSED
        2026-04-10 11:00  ARCHIVED
    """,
    "closed_reopened_and_closed_in_one_day_with_holds_in_both_cycles": _BREVE
    + """
        2026-03-30 09:00  ON_HOLD
        2026-03-31 09:00  IN_PROGRESS
        2026-04-06 08:00  RESPONDED
        2026-04-06 09:00  CLOSED
        2026-04-06 10:00  REOPENED
        2026-04-06 11:00  IN_PROGRESS
        2026-04-06 12:00  RESPONDED
        2026-04-06 13:00  IN_PROGRESS
        2026-04-07 09:00  ON_HOLD
        2026-04-09 09:00  IN_PROGRESS
        2026-04-15 09:00  RESPONDED
        2026-04-15 10:00  CLOSED
    """,
    "reopened_and_still_open": _BREVE
    + """
        2026-03-31 09:00  RESPONDED
        2026-03-31 10:00  CLOSED
        2026-05-14 10:00  REOPENED
    """,
    "answered_twice_with_a_hold_between": _BREVE
    + """
        2026-03-30 09:00  RESPONDED
        2026-03-30 10:00  IN_PROGRESS
        2026-03-31 09:00  ON_HOLD
        2026-04-06 09:00  IN_PROGRESS
        2026-04-07 09:00  RESPONDED
        2026-04-07 10:00  CLOSED
    """,
    "classified_again_and_cited": _BREVE
    + """
        2026-03-28 09:00  ASSIGNED
        2026-03-28 10:00  CLASSIFIED  PETICION
        2026-03-30 09:00  RESPONDED   REITERATIVA
        2026-03-30 10:00  CLOSED
    """,
    "unknown_geography": """
        2026-03-29 08:00  RECEIVED
        2026-03-29 08:01  RADICATED
        2026-03-30 08:00  CLASSIFIED  PETICION
        2026-03-30 09:00  RESPONDED   TRASLADO
        2026-04-05 09:00  CLOSED
    """,
    "two_events_at_one_instant": _BREVE
    + """
        2026-03-31 09:00  RESPONDED
        2026-03-31 09:00  CLOSED
        2026-03-31 09:00  ARCHIVED
    """,
    "over_the_turn_of_a_local_month": """
        2026-03-31 23:59:59.999999  RECEIVED  +sin_extension:1
        2026-04-01 00:00  RADICATED   97001
        2026-04-01 00:00:00.000001  CLASSIFIED  BREVE
        2026-04-30 23:59  RESPONDED
        2026-05-01 00:00  CLOSED
    """,
    "open_and_long_overdue": _BREVE,
    "open_and_long_overdue_of_the_other_type": _PETICION + "2026-04-01 09:00 MESSAGE",
    "open_and_due_on_the_last_day": _LATEST,
    "open_and_not_due": _LATEST.replace("BREVE", "PETICION"),
    "open_on_hold_and_so_not_due": _LATEST + "2026-05-13 09:00  ON_HOLD",
    "open_on_hold_from_the_due_day_on": _LATEST + "2026-05-15 09:00  ON_HOLD",
    "open_on_hold_since_after_the_due_day": _BREVE + "2026-04-06 09:00  ON_HOLD",
    "open_on_hold_for_weeks_and_due_again_each_day": _BREVE + "2026-04-01 09:00  ON_HOLD",
    "open_with_an_extension": _LATEST + "2026-05-15 09:00  TERM_EXTENDED  6",
    "answered_but_not_closed": _LATEST + "2026-05-14 09:00  RESPONDED",
    "received_only": "2026-05-13 22:00  RECEIVED",
    "radicated_only": "2026-05-13 22:00  RECEIVED\n2026-05-14 08:00  RADICATED  11001",
}


def story_lines() -> list[RawEvent]:
    """The raw events of all stories, over all channels."""
    return [
        line
        for number, story in enumerate(STORIES.values(), start=1)
        for line in ticket_events(
            story,
            ticket=number,
            channel=CHANNELS[number % len(CHANNELS)],
            priority=("ALTA", "MEDIA", "BAJA")[number % 3],
            cited_external_id="20251000000072" if "REITERATIVA" in story else None,
            whole=True,
        )
    ]


STORY_TYPES: dict[str, dict[str, Any]] = {
    "BREVE": {"name": "Breve", "share": 0.5, "term_business_days": 3, "webform_code": 1},
    "PETICION": {"name": "Petición", "share": 0.5, "term_business_days": 15, "webform_code": 2},
}
STORY_DATES = {"date_min": "2026-03-20", "date_max": "2026-05-13"}


def base_profiles() -> dict[str, Any]:
    """The profiles of conf/base as they are written; only `documento_v1` is written out in full."""
    text = (ROOT / "conf/base/parameters_profiles.yml").read_text(encoding="utf-8")
    profiles: dict[str, Any] = yaml.safe_load(text)["profiles"]
    return profiles


def _run_stories(folder: Path, stop_status: str) -> None:
    """Everything after the raw layer, on the stories; one line in five is in its object twice."""
    project = copy_project(folder)
    profile = {**base_profiles()["documento_v1"], "stop_status": stop_status, "types": STORY_TYPES}
    settings = yaml.safe_dump({"profiles": {"stories": profile}}, allow_unicode=True)
    (project.path / "conf/local/parameters_stories.yml").write_text(settings, encoding="utf-8")
    for path in write_lake(project.lake, "stories", story_lines()):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines, b"\n", *lines[::5]]))
    project.run(*STAGES_AFTER_RAW, run_id="stories", profile="stories", **STORY_DATES)


@pytest.fixture(scope="session")
def stories_stopped_by_closed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the stories whose clock stops at CLOSED. To be read only."""
    folder = _once(tmp_path_factory, "stories-closed", lambda f: _run_stories(f, "CLOSED"))
    return Run(Project(folder), "stories")


@pytest.fixture(scope="session")
def stories_stopped_by_responded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the stories whose clock stops at RESPONDED. To be read only."""
    folder = _once(tmp_path_factory, "stories-responded", lambda f: _run_stories(f, "RESPONDED"))
    return Run(Project(folder), "stories")


# The oracle's view

# Natural regions by department code (domain facts, section 7).
REGIONS = {
    "Caribe": "08 13 20 23 44 47 70",
    "Insular": "88",
    "Pacífica": "19 27 52 76",
    "Orinoquía": "50 81 85 99",
    "Amazonía": "18 86 91 94 95 97",
    "Andina": "05 11 15 17 25 41 54 63 66 68 73",
}
_REGION_BY_PREFIX = {code: region for region, codes in REGIONS.items() for code in codes.split()}


@dataclass(frozen=True)
class Observed:
    """A run, and what the oracle knows of it from its raw events alone."""

    run: Run
    oracle: OracleRun
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the run was told beyond conf/base."""

    @cached_property
    def requested_pct(self) -> dict[str, float]:
        """The breach rate asked for, in total and of every type."""
        return dict.fromkeys(("total", *self.oracle.types), 9.5)


def _oracle(
    events: list[Any],
    date_min: str,
    profile: Mapping[str, Any],
    observe_until: str | None = None,
) -> OracleRun:
    terms = {code: item["term_business_days"] for code, item in profile["types"].items()}
    stop = profile["stop_status"]
    windows = [
        (window["first_day"], window["last_day"], window["terms"])
        for window in profile.get("special_terms", ())
    ]
    first = date.fromisoformat(date_min)
    until = observe_until and date.fromisoformat(observe_until)
    return OracleRun(
        events, first, terms, CHANNELS, _REGION_BY_PREFIX, stop, until or None, windows
    )


def _observe_run(run: Run, given: Mapping[str, Any]) -> Observed:
    events = read_events(run.lake, run.run_id)
    profile = base_profiles()[given["profile"]]
    oracle = _oracle(events, given["date_min"], profile, given.get("observe_until"))
    return Observed(run, oracle, given)


def _observe_stories(run: Run, stop_status: str) -> Observed:
    profile = {"stop_status": stop_status, "types": STORY_TYPES}
    events = curate(run.lake, run.run_id, STORY_TYPES).events
    profiles = {"stories": {**base_profiles()["documento_v1"], **profile}}
    given = {**STORY_DATES, "profile": "stories", "profiles": profiles}
    return Observed(run, _oracle(events, STORY_DATES["date_min"], profile), given)


@pytest.fixture(scope="session")
def observed_documento(documento_run: Run) -> Observed:
    return _observe_run(documento_run, DOCUMENTO)


@pytest.fixture(scope="session")
def observed_ley1755(ley1755_run: Run) -> Observed:
    return _observe_run(ley1755_run, LEY1755)


@pytest.fixture(scope="session")
def observed_documento_snapshot(documento_snapshot: Run) -> Observed:
    return _observe_run(documento_snapshot, SNAPSHOTS["documento"])


@pytest.fixture(scope="session")
def observed_ley1755_snapshot(ley1755_snapshot: Run) -> Observed:
    return _observe_run(ley1755_snapshot, SNAPSHOTS["ley1755"])


@pytest.fixture(scope="session")
def observed_stories_closed(stories_stopped_by_closed: Run) -> Observed:
    return _observe_stories(stories_stopped_by_closed, "CLOSED")


@pytest.fixture(scope="session")
def observed_stories_responded(stories_stopped_by_responded: Run) -> Observed:
    return _observe_stories(stories_stopped_by_responded, "RESPONDED")


def observed_param(name: str, group: str) -> Any:
    """A run that the oracle recomputes, as a parameter: its fixture's name without `observed_`."""
    return pytest.param(f"observed_{name}", id=name, marks=pytest.mark.xdist_group(group))


# The generated ones.
OBSERVED_GENERATED = (
    observed_param("documento", "doc"),
    observed_param("ley1755", "ley"),
    observed_param("documento_snapshot", "snapshots"),
    observed_param("ley1755_snapshot", "snapshots"),
)


@pytest.fixture(
    scope="session",
    params=[
        *OBSERVED_GENERATED,
        observed_param("stories_closed", "stories"),
        observed_param("stories_responded", "stories"),
    ],
)
def observed(request: pytest.FixtureRequest) -> Observed:
    """Each run that the oracle recomputes: generated ones, whole and observed up to a day, and the
    hand-made tickets twice.
    """
    found: Observed = request.getfixturevalue(request.param)
    return found
