"""A Postfix of our own beside any other: its files in one folder, on loopback only, never sending anything out.

    with Postfix(port=free_port(), main={"transport_maps": "static:discard:"}) as postfix:
        ...                          # smtpd listens on the port
        postfix.log()                # all that it logged

It starts as root, as Postfix does; its daemons then run as `postfix`, so the folder is one that everybody may enter.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 20.0
LOOK_S = 0.02

# Everything else stands at Postfix's own defaults, the durable queue above all.
_MAIN = {
    "compatibility_level": "3.6",
    "myhostname": "relay.test",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "disable_dns_lookups": "yes",
}

# The services that take mail, queue it, and hand it on by LMTP or throw it away. None can send by SMTP.
_MASTER = """\
{port}    inet  n - n - -     smtpd
cleanup   unix  n - n - 0     cleanup
qmgr      unix  n - n 300 1   qmgr
rewrite   unix  - - n - -     trivial-rewrite
bounce    unix  - - n - 0     bounce
defer     unix  - - n - 0     bounce
trace     unix  - - n - 0     bounce
error     unix  - - n - -     error
retry     unix  - - n - -     error
discard   unix  - - n - -     discard
lmtp      unix  - - n - -     lmtp
proxymap  unix  - - n - -     proxymap
pickup    unix  n - n 60 1    pickup
flush     unix  n - n - 0     flush
showq     unix  n - n - -     showq
anvil     unix  - - n - 1     anvil
postlog   unix-dgram n - n - 1 postlogd
"""


def missing() -> str:
    """Why Postfix cannot be run here, naming the package; "" where it can."""
    if not shutil.which("postfix"):
        return "needs the package postfix"
    return "" if os.geteuid() == 0 else "Postfix starts only as root"


class Postfix:
    """One private instance, running while the context is open."""

    def __init__(self, *, port: int, main: Mapping[str, str], master: str = "") -> None:
        """`main` and `master` are added to main.cf and master.cf."""
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self._main = {**_MAIN, **self._folders(), **main}
        self._master = _MASTER.format(port=port) + master

    def __enter__(self) -> Self:
        # Postfix insists on a short path that its own user may walk.
        self.folder.chmod(0o755)
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        self._configure(self.folder / "etc")
        try:
            self._run("start")
            self._wait("the master daemon", lambda: "daemon started" in self.log())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("abort", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """All that it logged."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def queued(self) -> int:
        """How many mails its queue holds, whatever state they are in."""
        folders = [self.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))

    def drained(self, *, deadline_s: float) -> None:
        """Wait until its queue is empty."""
        self._wait("an empty queue", lambda: self.queued() == 0, deadline_s)

    def deliveries(self) -> dict[str, str]:
        """What became of each recipient so far: sent, bounced or deferred."""
        return dict(re.findall(r" to=<([^>]*)>,.* status=(\w+)", self.log()))

    def flush(self) -> None:
        """Have it try again at once what it has deferred."""
        self._run("flush")

    def _configure(self, etc: Path) -> None:
        """Write main.cf and master.cf."""
        lines = [f"{key} = {value}\n" for key, value in self._main.items()]
        (etc / "main.cf").write_text("".join(lines))
        (etc / "master.cf").write_text(self._master)

    def _folders(self) -> dict[str, str]:
        return {
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "maillog_file": f"{self.folder}/log",
            "maillog_file_prefixes": str(self.folder),
        }

    def _run(self, word: str, *, check: bool = True) -> None:
        command = ["postfix", "-c", str(self.folder / "etc"), word]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"postfix {word}: {done.stdout}{done.stderr}{self.log()}")

    def _wait(self, what: str, condition: Callable[[], bool], deadline_s: float = START_S) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {deadline_s:g} s\n{self.log()[-4000:]}")
            time.sleep(LOOK_S)
