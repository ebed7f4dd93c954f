"""Servers of the integration tests: started once per test session, or named by the environment.

* S3: `moto` in server mode, in memory; PQRS_TEST_S3_ENDPOINT, PQRS_TEST_S3_ACCESS_KEY and
  PQRS_TEST_S3_SECRET_KEY name another, such as a real RustFS.
* Postgres with PostGIS: Debian's, as a user that is not root; PQRS_TEST_POSTGIS_URL names another
  (a superuser's URL; each test makes a database there and drops it).
* pgbouncer: Debian's, in front of that Postgres.

A server that cannot be had fails the test with one line that says what to do; nothing is skipped.
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from pqrs_kedro.warehouse.placement import Placement
from pqrs_kedro.warehouse.server import EmbeddedServer

# Folder of the session's servers, shared by all pytest workers.
FOLDER = "PQRS_TEST_SERVERS"
_DEBIAN = Path("/usr/lib/postgresql")
# They outlive the test that asked for them.
_started: list["subprocess.Popen[bytes]"] = []


@dataclass(frozen=True)
class S3Server:
    """Where an S3 server is, and keys that it takes."""

    endpoint: str
    access_key: str
    secret_key: str

    def environment(self, bucket: str) -> dict[str, str]:
        """The project's variables for a lake in a bucket."""
        return {
            "PQRS_S3_ENDPOINT": self.endpoint,
            "PQRS_S3_ACCESS_KEY": self.access_key,
            "PQRS_S3_SECRET_KEY": self.secret_key,
            "PQRS_LAKE_ROOT": f"s3://{bucket}",
        }


def s3_server() -> S3Server:
    """The S3 server of the test session."""
    if endpoint := os.environ.get("PQRS_TEST_S3_ENDPOINT"):
        keys = (os.environ[f"PQRS_TEST_S3_{half}_KEY"] for half in ("ACCESS", "SECRET"))
        return S3Server(endpoint, *keys)
    port = _once("s3", start_moto)["port"]
    return S3Server(f"http://127.0.0.1:{port}", "test-key", "test-secret")


def start_moto(environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Start a moto server; its process and port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p",
         str(port)],
        env=os.environ | (environment or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    _started.append(process)
    _wait(port, process)
    return {"pid": process.pid, "port": port}


def postgis_server() -> str:
    """URL of the Postgres with PostGIS of the test session, of its superuser, without database."""
    if url := os.environ.get("PQRS_TEST_POSTGIS_URL"):
        return url.rpartition("/")[0]
    folder = _folder() / "postgis"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    user = "postgres" if os.geteuid() == 0 else None
    return EmbeddedServer(Placement(folder, debian_programs(), user)).start().rpartition("/")[0]


def debian_programs() -> Path:
    """The programs of a Postgres that has PostGIS."""
    for control in sorted(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        programs = _DEBIAN / control.parts[4] / "bin"
        if (programs / "initdb").exists():
            return programs
    pytest.fail(
        "no Postgres with PostGIS here: apt-get install postgresql-15-postgis-3 "
        "postgresql-15-postgis-3-scripts, or name a server in PQRS_TEST_POSTGIS_URL",
        pytrace=False,
    )


def program(name: str, package: str) -> str:
    """A program of this machine."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install {package}", pytrace=False)
    return found


def pooler() -> str:
    """URL of a pgbouncer in transaction mode before `postgis_server`, without database."""
    server = urlsplit(postgis_server())
    port = _once("pgbouncer", lambda: _start_pgbouncer(server))["port"]
    return f"postgresql://{server.username}:{server.password}@127.0.0.1:{port}"


def _start_pgbouncer(server: Any) -> dict[str, Any]:
    folder, port = _folder() / "pgbouncer", free_port()
    folder.mkdir()
    (folder / "users.txt").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        * = host={server.hostname} port={server.port or 5432}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {folder / "users.txt"}
        pool_mode = transaction
        # Few: whoever relied on a session of his own would notice.
        default_pool_size = 4
        server_idle_timeout = 1
        """
    )
    options: dict[str, Any] = {}
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "postgres")
        options = {"user": "postgres"}
    process = subprocess.Popen(
        [program("pgbouncer", "pgbouncer"), str(folder / "pgbouncer.ini")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **options,
    )  # fmt: skip
    _started.append(process)
    _wait(port, process)
    return {"pid": process.pid, "port": port}


def stop_servers(folder: Path) -> None:
    """Stop what was started in a folder."""
    if (folder / "postgis" / "pgdata").exists():
        user = "postgres" if os.geteuid() == 0 else None
        EmbeddedServer(Placement(folder / "postgis", debian_programs(), user)).stop()
    for state in folder.glob("*.json"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(json.loads(state.read_text())["pid"]).kill()
    for process in _started:
        process.wait()


def stop_started(pid: int) -> None:
    """Stop a server that this process started for one test."""
    (process,) = (item for item in _started if item.pid == pid)
    process.kill()
    process.wait()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def _once(name: str, start: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the first worker to ask for it started; the others wait."""
    state = _folder() / f"{name}.json"
    with _locked(name):
        if not state.exists():
            state.write_text(json.dumps(start()))
        found: dict[str, Any] = json.loads(state.read_text())
        return found


@contextmanager
def _locked(name: str) -> Iterator[None]:
    with (_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"{process.args} does not answer")
