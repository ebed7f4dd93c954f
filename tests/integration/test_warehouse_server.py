"""The embedded server: closed to others, found again, stopped cleanly, back after a kill."""

import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.conftest import Project, copy_project, params

from pqrs_kedro.warehouse.connection import URL_VARIABLE, Warehouse, open_warehouse
from pqrs_kedro.warehouse.errors import WarehouseError
from pqrs_kedro.warehouse.placement import place
from pqrs_kedro.warehouse.server import EmbeddedServer

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A project's folder that every user of the system can reach."""
    found = Path(tempfile.mkdtemp(prefix="pqrs-server-"))
    found.chmod(0o755)
    yield found
    EmbeddedServer(place(found)).stop()
    shutil.rmtree(found)


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedServer:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    found = EmbeddedServer(place(folder))
    found.start()
    return found


def postmaster(server: EmbeddedServer) -> psutil.Process:
    pid = (server.placement.folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0]
    return psutil.Process(int(pid))


def test_it_listens_on_the_loopback_address_only(server: EmbeddedServer) -> None:
    listening = [c.laddr.ip for c in postmaster(server).net_connections() if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]
    assert postmaster(server).net_connections(kind="unix") == []


def test_it_wants_the_password_which_only_its_owner_can_read(server: EmbeddedServer) -> None:
    kept = server.placement.folder / "password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    wrong = server.url().replace(kept.read_text(), "wrong")
    with pytest.raises(WarehouseError, match="password authentication failed"):
        Warehouse(wrong.removesuffix("pqrs") + "postgres").connect()
    hashes = "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%'"
    with psycopg.connect(server.url().removesuffix("pqrs") + "postgres") as connection:
        assert connection.execute(hashes).fetchall() == [(1,)]


def test_starting_twice_at_once_gives_one_server(folder: Path, server: EmbeddedServer) -> None:
    server.stop()
    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(lambda _: EmbeddedServer(place(folder)).start(), range(4)))
    assert urls == {server.url()}


def test_it_keeps_its_address_and_data_over_a_stop(folder: Path, server: EmbeddedServer) -> None:
    with open_warehouse(folder).connect() as connection:
        connection.execute("CREATE TABLE kept_over_stop AS SELECT 1 AS one")
    address = server.url()
    assert server.stop()
    assert not server.is_up()
    assert not server.stop()
    with pytest.raises(WarehouseError, match="is not up"):
        server.url()
    assert server.start() == address
    with open_warehouse(folder).connect() as connection:
        assert connection.execute("SELECT one FROM kept_over_stop").fetchall() == [(1,)]


def test_it_recovers_from_a_kill(folder: Path, server: EmbeddedServer) -> None:
    with open_warehouse(folder).connect() as connection:
        connection.execute("CREATE TABLE kept_over_kill AS SELECT 2 AS two")
        connection.execute("SET synchronous_commit = on")
    main = postmaster(server)
    family = [main, *main.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)
    with open_warehouse(folder).connect() as connection:
        assert connection.execute("SELECT two FROM kept_over_kill").fetchall() == [(2,)]


def test_only_the_main_process_killed_is_recovered_from_as_well(
    folder: Path, server: EmbeddedServer
) -> None:
    main = postmaster(server)
    main.send_signal(signal.SIGKILL)
    psutil.wait_procs([main], timeout=10)
    with open_warehouse(folder).connect() as connection:
        assert connection.execute("SELECT count(*) FROM silver_tickets").fetchall() == [(0,)]


def test_a_taken_port_is_left_to_its_owner(folder: Path, server: EmbeddedServer) -> None:
    server.stop()
    port = int((server.placement.folder / "port").read_text())
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        assert f":{port}/" not in server.start()


def test_a_project_in_a_closed_folder_has_a_server_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = EmbeddedServer(place(tmp_path / "project"))
    try:
        with psycopg.connect(server.start().removesuffix("pqrs") + "postgres") as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        server.stop()
        shutil.rmtree(server.placement.folder)


def test_a_run_starts_it_and_a_command_stops_it(folder: Path) -> None:
    project = copy_project(folder / "project")
    assert not (project.data / "warehouse").exists()
    own = {"PQRS_WAREHOUSE_URL": ""}
    option = params(
        date_min="2026-01-10", date_max="2026-01-10", observe_until="2026-01-14",
        volume_scale=0.05, run_id="own",
    )  # fmt: skip
    outcome = project.kedro("run", *option, environment=own)
    assert (outcome.code, outcome.err, outcome.out.count("PASS")) == (0, "", 5)
    (url,) = (line.split()[1] for line in outcome.out.splitlines() if line.startswith("warehouse"))
    assert url != Project(project.path).warehouse_url
    with Warehouse(url).connect() as connection:
        assert connection.execute("SELECT run_id FROM meta.current_run").fetchall() == [("own",)]
    stopped = project.kedro("warehouse", "stop", environment=own)
    assert (stopped.code, stopped.out) == (0, "stopped\n")
    with pytest.raises(WarehouseError, match="cannot be reached"):
        Warehouse(url).connect()
