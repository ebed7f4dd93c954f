"""The embedded Postgres: made, started, found again, and stopped.

It listens on the loopback address only, without a Unix socket, and asks for a password that lies in
its folder. It stays up after a run, so that other programs can read what the run published.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pqrs_kedro.warehouse.errors import WarehouseError
from pqrs_kedro.warehouse.placement import Placement

ROLE: Final = "pqrs"
DATABASE: Final = "pqrs"
HOST: Final = "127.0.0.1"
_START_ATTEMPTS: Final = 10
# Everything comes from the lake: a commit that is lost with the machine is published again. With
# minimal WAL, rows copied into a table of the same transaction are not logged.
_SETTINGS: Final = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
wal_level = minimal
max_wal_senders = 0
synchronous_commit = off
max_wal_size = '2GB'
checkpoint_timeout = '15min'
shared_buffers = '128MB'
maintenance_work_mem = '128MB'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True)
class EmbeddedServer:
    """The Postgres of one project."""

    placement: Placement

    @property
    def _data(self) -> Path:
        return self.placement.folder / "pgdata"

    @property
    def _log(self) -> Path:
        return self._data / "server.log"

    def url(self) -> str:
        """Where any client reaches the database.

        Raises:
            WarehouseError: the server is not up.
        """
        if not self.is_up():
            raise WarehouseError("the embedded warehouse is not up")
        # Line 4 of the file that a running server keeps.
        port = (self._data / "postmaster.pid").read_text().splitlines()[3].strip()
        password = (self.placement.folder / "password").read_text().strip()
        return f"postgresql://{ROLE}:{password}@{HOST}:{port}/{DATABASE}"

    def is_up(self) -> bool:
        """Whether the server runs."""
        if not (self._data / "PG_VERSION").exists():
            return False
        return self._program("pg_ctl", "status", "-D", str(self._data)).returncode == 0

    def start(self) -> str:
        """Make the server where there is none, start it where it is down, and give its URL.

        Raises:
            WarehouseError: it does not come up; the message has the last line of its log.
        """
        with self._locked():
            if not self.is_up():
                if not self._data.exists():
                    self._initialise()
                self._bring_up()
            return self.url()

    def stop(self) -> bool:
        """Stop the server cleanly; false if it was not up."""
        with self._locked():
            if not self.is_up():
                return False
            done = self._program("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w")
            if done.returncode:
                raise WarehouseError(f"the warehouse does not stop: {done.stderr.strip()}")
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts or stops the server."""
        with (self.placement.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        folder = self.placement.folder
        password = secrets.token_urlsafe(24)
        kept = folder / "password"
        kept.unlink(missing_ok=True)
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        # A folder of the server's user, in which initdb may write; complete, it gets its name.
        draft = folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        (draft / "password").write_text(password)
        for path in (draft, draft / "password"):
            self._give(path)
        done = self._program(
            "initdb", "--pgdata", str(draft / "pgdata"), "--username", ROLE,
            "--pwfile", str(draft / "password"), "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--locale", "C", "--no-instructions",
        )  # fmt: skip
        if done.returncode:
            raise WarehouseError(f"Postgres cannot be set up in {folder}: {_last(done.stderr)}")
        with (draft / "pgdata" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        (draft / "pgdata").rename(self._data)
        shutil.rmtree(draft)

    def _give(self, path: Path) -> None:
        if self.placement.user is not None:
            shutil.chown(path, self.placement.user)

    def _bring_up(self) -> None:
        for attempt in range(_START_ATTEMPTS):
            port = self._free_port()
            done = self._program(
                "pg_ctl", "start", "-D", str(self._data), "-l", str(self._log),
                "-o", f"-p {port}", "-w", "-t", "60",
            )  # fmt: skip
            if done.returncode == 0:
                return
            # After a kill, processes of the former server may need a moment to end.
            time.sleep(0.2 * (attempt + 1))
        raise WarehouseError(f"Postgres does not start: {self._last_log_line()} (log: {self._log})")

    def _last_log_line(self) -> str:
        try:
            return _last(self._log.read_text(errors="replace"))
        except OSError:
            return "no log"

    def _free_port(self) -> int:
        """The port of last time, so that addresses given to other programs stay good; else any."""
        kept = self.placement.folder / "port"
        wanted = int(kept.read_text()) if kept.exists() else 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError:
                    continue
                found = int(probe.getsockname()[1])
                kept.write_text(str(found))
                return found
        raise WarehouseError(f"no free port on {HOST}")

    def _program(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of Postgres's programs as the server's user, apart from this terminal."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        user: dict[str, Any] = {}
        if self.placement.user is not None:
            user = {"user": self.placement.user, "group": _group(self.placement.user)}
            user["extra_groups"] = []
        return subprocess.run(
            [str(self.placement.programs / name), *arguments],
            cwd="/",
            env=kept | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
            **user,
        )


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
