"""Programs of Debian that answer a person's mail by themselves, each behind a Postfix that is wired to the daemon.

    async with behind(vacation(), folder, mode="guarded") as both:
        await both.writes(1)             # Anna writes; wait until all that follows has ended by itself
        await both.told()                # how many automatic mails she was sent, how many answers came back

Mail of Anna's goes through Postfix to the daemon. What the daemon sends goes through Postfix to the program, and what
that answers through Postfix to the daemon again. All is on loopback and counts as proven: only marks, threads and the
send gate can end it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix
from tests.scenarios.quiet import automatic, quiet
from tests.scenarios.sender import deliver, letter

ANNA, DESK = "anna@peer.test", "support@g.test"
ACCOUNT = "nobody"  # whose programs run for Anna: one that every Debian has
# No answer is too quick to be a person's: a robot that waits a little would not be told from one.
PATIENT = "[replies]\nconfirm_min_s = 0\n"

_NO_MARKS = "/^(auto-submitted|precedence|x-.*|mailgate-trace|references|in-reply-to|thread-.*|list-.*):/ IGNORE\n"
_PLACES = "SELECT state, kind FROM journal LEFT JOIN message ON message.journal_id = journal.id ORDER BY journal.id"


@dataclass(frozen=True)
class Hand:
    """How Postfix hands Anna's mail over: to `command`, run as ACCOUNT, or else by `transport`."""

    command: str = ""
    transport: str = "answering:"
    idle: Callable[[], bool] = lambda: True  # nothing waits there any more
    moved: Callable[[], object] = lambda: None  # differs once a mail went through


# Starts a program in a folder of its own; its answers leave by the exchange, which is not running yet.
Responder = Callable[[Path, "Exchange"], AbstractContextManager[Hand]]


class Exchange(Postfix):
    """A Postfix to which also the programs that it runs can give mail, as on any machine that has only one."""

    def __init__(self, *, strips: bool) -> None:
        """`strips`: every mail loses what marks it as automatic, or as one of a thread, whoever sent it."""
        super().__init__(port=free_port(), main={})
        self._main |= {
            "relay_domains": "g.test peer.test",
            "default_transport": "error:nobody should be written to but these two",
            "command_directory": f"{self.folder}/bin",
            "myorigin": "peer.test",
            "header_checks": f"regexp:{self.folder}/etc/header_checks" if strips else "",
            "canonical_maps": f"inline:{{ {{{ACCOUNT}@peer.test = {ANNA}}} }}",
        }

    def wire(self, daemon_port: int, hand: Hand) -> Self:
        """Before it starts: where the mail for either side goes."""
        routes = {"g.test": f"lmtp:inet:[127.0.0.1]:{daemon_port}", "peer.test": hand.transport}
        self._main["transport_maps"] = "inline:{" + " ".join(f"{{{a} = {b}}}" for a, b in routes.items()) + "}"
        self._master += "smtp unix - - n - - smtp\n"
        if hand.command:
            self._master += f"answering unix - n n - - pipe\n  flags=Rh user={ACCOUNT} argv={hand.command}\n"
        return self

    def __enter__(self) -> Self:
        _own_commands(self.folder / "bin")
        super().__enter__()
        for place in ("maildrop", "public"):
            (self.folder / "queue" / place).chmod(0o1777)
        return self

    def _configure(self, etc: Path) -> None:
        super()._configure(etc)
        (etc / "header_checks").write_text(_NO_MARKS)

    def delivered(self, domain: str) -> Counter[str]:
        """What became of the mails to a domain: how many were sent, bounced or deferred."""
        return Counter(re.findall(rf" to=<[^>]*@{re.escape(domain)}>,.* status=(\w+)", self.log()))


def _own_commands(folder: Path) -> None:
    """Postfix's commands, with a postdrop that is not set-gid: such a one only serves the machine's own Postfix."""
    folder.mkdir()
    for command in Path("/usr/sbin").glob("post*"):
        (folder / command.name).symlink_to(command)
    (folder / "postdrop").unlink()
    shutil.copyfile("/usr/sbin/postdrop", folder / "postdrop")
    (folder / "postdrop").chmod(0o755)


# ── The scene ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """What the two sides said to each other, and where the daemon put what came."""

    automatic: int  # mails of the daemon's, each to Anna
    answers: int  # mails of the program's
    places: Counter[tuple[str, str]]  # state and kind of all that came, Anna's own letters too


@dataclass
class Both:
    """The daemon and the program, with Postfix between them."""

    daemon: Daemon
    postfix: Exchange
    hand: Hand
    written: int = 0

    async def writes(self, number: int) -> None:
        """A letter of Anna's own that opens a conversation; wait until nothing moves any more."""
        self.written += 1
        reply = await deliver(self.postfix.port, letter(number, DESK, author=ANNA))
        assert reply.code == 250, f"{reply}\n{self.postfix.log()[-4000:]}"
        try:
            await quiet(
                [self.daemon],
                idle=lambda: self.postfix.queued() == 0 and self.hand.idle(),
                moved=lambda: (self.postfix.log(), self.hand.moved()),
            )
        except TimeoutError as error:
            raise AssertionError(self.postfix.log()[-4000:]) from error

    async def told(self) -> Told:
        """The sum of it. Raises AssertionError where the ledger does not know of all that left."""
        left = automatic(await self.daemon.ledger())
        assert self.postfix.delivered("peer.test") == Counter(sent=left), self.postfix.log()
        came = self.postfix.delivered("g.test")
        return Told(left, came.total() - self.written, Counter(self.daemon.rows(_PLACES)))


@contextlib.asynccontextmanager
async def behind(
    responder: Responder, folder: Path, *, mode: str, strips: bool = False, extra: str = ""
) -> AsyncIterator[Both]:
    """Everything running; `mode` is how the desk receives strangers, `extra` more of its configuration.

    Where Postfix `strips`, nobody can see of any mail that it is automatic.
    """
    postfix = Exchange(strips=strips)
    home = folder / "home"
    home.mkdir()
    for place in (folder, home):
        place.chmod(0o755)
    shutil.chown(home, ACCOUNT)
    daemon = Daemon(folder, relay=f"127.0.0.1:{postfix.port}", mailboxes={DESK: mode}, extra=f"{extra}\n{ASSUME_PASS}")
    with responder(home, postfix) as hand:
        async with daemon:
            with postfix.wire(daemon.lmtp_port, hand):
                yield Both(daemon, postfix, hand)
