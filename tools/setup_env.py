"""Makes the project's .venv from its locks, with the standard library only.

usage: setup_env.py run|test

`run` installs requirements.lock, `test` installs requirements-dev.lock, which contains it.
Every file is checked against the hashes of the lock. uv does the work (seconds, where pip takes
a minute or more); when uv cannot be had or fails, pip does. INSTALLER=pip asks for pip.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = str(VENV / "bin" / "python")
RUN_LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-dev.lock"

# What pip calls a setting, and where uv reads the same one: uv does not read pip's files.
UV_NAMES = {
    "index-url": "UV_INDEX_URL",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}


class SetupError(Exception):
    """A set-up that cannot go on; the message is for the person at the terminal."""


def main(arguments: list[str]) -> None:
    """Bring .venv to the state of the lock that is asked for, or leave it when it is there."""
    if arguments not in (["run"], ["test"]):
        raise SetupError("usage: setup_env.py run|test")
    # The test environment is the run environment and more, so it serves for both.
    locks = [TEST_LOCK] if arguments == ["test"] else [RUN_LOCK, TEST_LOCK]
    reusable = venv_is_finished()
    if reusable and any(is_installed(lock) for lock in locks):
        return
    lock = locks[0]
    say(f"installing {lock.name} into .venv (the first time takes a minute or two)")
    # Without its stamp an interrupted set-up cannot pass for a finished one.
    for old in (RUN_LOCK, TEST_LOCK):
        stamp_of(old).unlink(missing_ok=True)
    if not reusable:
        make_venv()
    install(lock)
    shutil.copyfile(lock, stamp_of(lock))


def say(message: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"set-up: {message}\n")
    sys.stderr.flush()


def stamp_of(lock: Path) -> Path:
    """Return the path of the copy that is kept of a lock once all of it is installed."""
    return VENV / f"installed-{lock.name}"


def is_installed(lock: Path) -> bool:
    """Tell whether this very lock was installed to the end."""
    stamp = stamp_of(lock)
    return stamp.is_file() and stamp.read_bytes() == lock.read_bytes()


def venv_is_finished() -> bool:
    """Tell whether .venv was once set up to the end and its Python, which may go away, starts."""
    if not any(stamp_of(lock).is_file() for lock in (RUN_LOCK, TEST_LOCK)):
        return False
    try:
        return subprocess.run([VENV_PYTHON, "-c", ""]).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Make .venv anew with the running Python."""
    if subprocess.run(
        [sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL
    ).returncode:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments: its modules venv and ensurepip "
            "are missing. On Debian and Ubuntu: apt-get install python3-venv"
        )
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode:
        raise SetupError(f"{sys.executable} -m venv {VENV} failed, see above")


def install(lock: Path) -> None:
    """Install a lock with uv, or else with pip."""
    if os.environ.get("INSTALLER", "uv") != "pip":
        if install_with_uv(lock):
            return
        say("uv did not work here, going on with pip")
    if not pip_install(lock):
        raise SetupError(f"{lock.name} could not be installed, see above; nothing was run")


def install_with_uv(lock: Path) -> bool:
    """Install uv alone from the lock, then everything with it; tell whether that worked."""
    with tempfile.TemporaryDirectory() as folder:
        uv_only = Path(folder) / "uv.txt"
        uv_only.write_text(requirement("uv", lock.read_text("utf-8")), "utf-8")
        if not pip_install(uv_only):
            return False
    sync = ["-m", "uv", "pip", "sync", "--require-hashes"]
    # A person sees what is loaded, a log does not.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [VENV_PYTHON, *sync, *quiet, "--python", VENV_PYTHON, str(lock)]
    return subprocess.run(command, env=os.environ | uv_settings()).returncode == 0


def pip_install(requirements: Path) -> bool:
    """Install fully locked requirements with the pip of .venv; tell whether that worked."""
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # --no-deps: a lock is complete, so there is nothing to resolve.
    command = [VENV_PYTHON, *pip, "--require-hashes", "--no-deps", "-r", str(requirements)]
    return subprocess.run(command).returncode == 0


def requirement(name: str, lock: str) -> str:
    """Return the lines of a lock that pin one package: `name==…` and its hashes."""
    lines = lock.splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(i for i, line in enumerate(lines) if i >= start and not line.endswith("\\\n"))
    return "".join(lines[start : end + 1])


def uv_settings() -> dict[str, str]:
    """Translate where pip looks for packages into uv's environment variables.

    What is set for uv already stays as it is.
    """
    command = [VENV_PYTHON, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True).stdout
    found: dict[str, str] = {}
    settings = dict(line.split("=", 1) for line in listing.splitlines() if "=" in line)
    # Later sections outrank earlier ones, as in pip.
    for section in ("global", "install", ":env:"):
        for name, uv_name in UV_NAMES.items():
            if value := settings.get(f"{section}.{name}"):
                found[uv_name] = " ".join(ast.literal_eval(value).split())
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    # pip takes the best version of all indexes; the hashes make that safe.
    found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in found.items() if name not in os.environ}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; the next call starts it again")
        sys.exit(130)
