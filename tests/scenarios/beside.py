"""The daemon behind a mail server of its own, set up by what `mailgate setup` prints, with a world outside of both.

async with beside(folder, world, setup="postfix", listener=LMTP, server=make) as both:
    await both.says("support@g.test")
    await both.arrived(1)
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from tests.fakes.dns import NameServer
from tests.fakes.sink import Sink, Taken
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import PROGRAM, Daemon, mailgate
from tests.scenarios.ports import free_port

OUTSIDE = "127.0.0.2"  # whoever calls from there is a stranger to the mail server; 127.0.0.1 is its own network
CUSTOMER = "anna@customer.test"
DESK = "support@g.test"
SIZE_BYTES = 65_536
DELIVERY_S = 60.0

LMTP = '[[listener]]\nbind = "127.0.0.1:{port}"\nprotocol = "lmtp"\n'
LMTP_SOCKET = '[[listener]]\nbind = "unix:{folder}/lmtp"\nprotocol = "lmtp"\n'
SMTP = '[[listener]]\nbind = "127.0.0.1:{port}"\n'

_CONFIG = """\
[gateway]
name = "mx.g.test"
key_file = "mailgate.keys"
[[mailbox]]
address = "{desk}"
mode = "off"
[store]
url = "sqlite:///mailgate.db"
reserve_bytes = 0
[dns]
resolvers = ["{dns}"]
[wire]
size_bytes = {size}
"""


class Server(Protocol):
    """A mail server that runs."""

    port: int

    def administer(self, script: str) -> None:
        """Run a shell script as its administrator would. Raises RuntimeError where it fails."""

    def log(self) -> str:
        """All that it logged."""

    def flush(self) -> None:
        """Have it try again at once what it has deferred."""


@dataclass
class Beside:
    """The mail server, the daemon behind it, and the world outside."""

    server: Server
    daemon: Daemon
    world: Sink

    async def says(
        self, to: str, *, mail_from: str = CUSTOMER, fields: tuple[str, ...] = (), body: str = "Help!"
    ) -> str:
        """A mail from outside by swaks; the conversation as it shows it."""
        headers = [word for field in (f"From: {mail_from or CUSTOMER}", *fields) for word in ("--header", field)]
        route = ["--server", "127.0.0.1", "--port", str(self.server.port), "--local-interface", OUTSIDE]
        letter = ["--from", mail_from or "<>", "--to", to, "--helo", "client.customer.test", *headers, "--body", body]
        process = await asyncio.create_subprocess_exec(
            "swaks", *route, *letter, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        shown, _ = await process.communicate()
        return shown.decode()

    async def delivers(self, to: str, *, fields: tuple[str, ...] = (), body: str = "Help!") -> None:
        """A mail from outside that must be taken."""
        shown = await self.says(to, fields=fields, body=body)
        assert re.search(r"^<-  250 .*\n -> QUIT", shown, re.MULTILINE), shown[-2000:]

    async def arrived(self, number: int) -> list[tuple[str, str]]:
        """Wait until so many mails are judged; the recipient of each, and its place."""
        query = "SELECT rcpt_to, state FROM journal ORDER BY id"
        try:
            await wait_until(lambda: len(self.daemon.rows(query)) >= number, deadline_s=DELIVERY_S)
        except TimeoutError as error:
            raise AssertionError(self.server.log()[-4000:]) from error
        await self.daemon.settled()
        return [(to, state) for to, state in self.daemon.rows(query)]

    async def got(self, number: int = 1) -> Taken:
        """The mail of this number that left for the world."""
        try:
            await wait_until(lambda: len(self.world.mails) >= number, deadline_s=DELIVERY_S)
        except TimeoutError as error:
            raise AssertionError(self.server.log()[-4000:]) from error
        return self.world.mails[number - 1]

    async def answered(self) -> Taken:
        """An agent answers the first ticket; his mail as the world got it."""
        answer = self.daemon.folder / "answer.txt"
        answer.write_text("Have you tried turning it off and on?\n")
        await self.daemon.command("tickets", "reply", "1", str(answer))
        return await self.got()

    async def bounced(self, letter: Taken) -> str:
        """The customer's mail server cannot deliver a mail of ours, and says so as RFC 3464 has it."""
        report = (
            "A report.\n--b\n\nNo such person.\n--b\nContent-Type: message/delivery-status\n\n"
            f"Reporting-MTA: dns; mx.customer.test\n\nFinal-Recipient: rfc822; {CUSTOMER}\n"
            "Action: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\n"
            f"Message-ID: {letter.fields['Message-ID']}\n\n--b--\n"
        )
        fields = ('Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "MIME-Version: 1.0")
        return await self.says(letter.mail_from, mail_from="", fields=fields, body=report)

    async def check(self, *words: str) -> tuple[int, str]:
        """`mailgate check`: its exit code, and what it printed."""
        command = (PROGRAM, "--config", self.daemon.config, "check", "--no-dns", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        printed, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, printed.decode()


def reply_address(letter: Taken) -> str:
    """Where the answer to a mail of ours goes."""
    _, address = parseaddr(letter.fields["Reply-To"])
    assert re.fullmatch(r"support\+r1[0-9a-z]{40}@g\.test", address)
    return address


def configuration(listener: str, *, dns: str = "127.0.0.1:1", size_bytes: int = SIZE_BYTES) -> str:
    """A whole configuration but for its way out."""
    return _CONFIG.format(desk=DESK, dns=dns, size=size_bytes) + listener


def printed(setup: str, config: Path, *words: str) -> str:
    """What `mailgate setup` prints."""
    code, script, errors = mailgate("--config", str(config), "setup", setup, *words)
    assert code == 0, errors
    return script


@contextlib.asynccontextmanager
async def beside(
    folder: Path,
    world: Sink,
    *,
    setup: str,
    listener: str,
    server: Callable[[int], AbstractContextManager[Server]],
    shared: bool = False,
    bounce_domain: str = "",
) -> AsyncIterator[Beside]:
    """As an operator does it: ask, change the configuration as told, start, ask again, and run what is printed.

    `listener` is what he has before he asks; `server` makes the mail server at a port.
    """
    zone = NameServer({})
    dns = await zone.start()
    port, server_port = free_port(), free_port()
    before = listener.format(port=port, folder=folder)
    bind = tomllib.loads(before)["listener"][0]["bind"]
    words = ("--listener", bind, *(("--shared", "g.test") if shared else ()))
    outbound = f'[outbound]\nrelay = "127.0.0.1:{server_port}"\ntls = "none"\nbounce_domain = "{bounce_domain}"\n'

    draft = folder / "draft.toml"
    draft.write_text(configuration(before, dns=dns) + outbound)
    told = _told(printed(setup, draft, *words))
    try:
        async with Daemon(folder, relay="", whole=configuration(told or before, dns=dns) + outbound) as daemon:
            script = printed(setup, daemon.config, *words)
            assert "WARNING" not in script
            with server(server_port) as running:
                running.administer(script)
                yield Beside(running, daemon, world)
    finally:
        zone.transport.close()


def _told(text: str) -> str:
    """The tables that the printed lines want in config.toml, without the comment signs."""
    return "".join(f"{line}\n" for line in re.findall(r"^#     (.*)$", text, re.MULTILINE))
