"""A sender as RFC 5321 section 4.5.4 wants it: it keeps a mail until it hears 250, and tries again until it does.

It speaks the wire itself, one connection for many mails, and remembers what it was told about each.
"""

from __future__ import annotations

import asyncio
import email
import random
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate, parseaddr
from pathlib import Path
from types import TracebackType
from typing import Self

REPLY_S = 60.0
RETRY_S = 0.05  # between two calls to a daemon that is down
LETTERS_A_CALL = 5


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail with its envelope. `raw` has CRLF lines."""

    message_id: str
    mail_from: str
    rcpt_to: str
    raw: bytes


def letter(
    number: int, rcpt_to: str, *, author: str = "", text: str = "My printer is on fire.", fields: str = ""
) -> Letter:
    """A mail that a person could have written, unlike any other; its address too, unless `author` is given."""
    author, message_id = author or f"person@p{number}.test", f"<letter-{number}@p{number}.test>"
    words = _words(number)
    raw = (
        f"From: Pat Person <{author}>\r\nTo: {rcpt_to}\r\nSubject: Printer {words}\r\nMessage-ID: {message_id}\r\n"
        f"Date: {_today()}\r\n{fields}\r\n{text}\r\nIt says: {words}.\r\n"
    )
    return Letter(message_id, author, rcpt_to, raw.encode())


def answer(number: int, received: bytes) -> Letter:
    """What the receiver of a mail of ours writes back, as a mail program would address and thread it."""
    fields = email.message_from_bytes(received)
    _, author = parseaddr(fields["To"])
    _, rcpt_to = parseaddr(fields["Reply-To"] or fields["From"])
    return letter(number, rcpt_to, author=author, fields=f"In-Reply-To: {fields['Message-ID']}\r\n")


def _today() -> str:
    """The beginning of this day: the same letter again is the same bytes, and what is old gets no answer."""
    return formatdate(time.time() // 86_400 * 86_400)


def _words(number: int) -> str:
    """Some words that no other letter has: the same text from many senders would be a swarm."""
    chance = random.Random(number)
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=6)) for _ in range(5))


class HangUpError(Exception):
    """The far side went away, or told us to: no word about the mail that was under way."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: its code, and the text of its last line."""

    code: int
    text: str


class Client:
    """One connection, opened on entry. Every method sends a command and returns the reply to it."""

    def __init__(self, address: int | Path, *, lmtp: bool = False, our_ip: str = "127.0.0.1") -> None:
        """`address` is a loopback port, or the path of a unix socket; `our_ip` is where we call from."""
        self._address = address
        self._our_ip = our_ip
        self._hello = "LHLO" if lmtp else "EHLO"

    async def __aenter__(self) -> Self:
        try:
            if isinstance(self._address, Path):
                self._reader, self._writer = await asyncio.open_unix_connection(self._address)
            else:
                self._reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", self._address, local_addr=(self._our_ip, 0)
                )
        except OSError as error:
            raise HangUpError from error
        try:
            await self.reply()
            await self.say(f"{self._hello} client.test")
        except BaseException:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def say(self, line: str) -> Reply:
        """Send one command."""
        self.write(line.encode() + b"\r\n")
        return await self.reply()

    def write(self, some: bytes) -> None:
        """Send bytes and expect nothing."""
        self._writer.write(some)

    async def reply(self) -> Reply:
        """The next reply. Raises HangUpError where there is none, or it is 421 (RFC 5321 section 3.8)."""
        try:
            async with asyncio.timeout(REPLY_S):
                line = await self._reader.readline()
                while line[3:4] == b"-":
                    line = await self._reader.readline()
        except ConnectionError as error:
            raise HangUpError from error
        if not line.endswith(b"\n") or line.startswith(b"421"):
            raise HangUpError
        return Reply(int(line[:3]), line[4:].decode().rstrip("\r\n"))

    async def envelope(self, mail_from: str, *rcpt_to: str) -> list[Reply]:
        """RSET, MAIL, RCPT …, DATA; the replies to all but the first."""
        await self.say("RSET")
        lines = [f"MAIL FROM:<{mail_from}>", *(f"RCPT TO:<{address}>" for address in rcpt_to), "DATA"]
        return [await self.say(line) for line in lines]

    async def send(self, mail: Letter) -> Reply:
        """One mail; the reply that decided: that to its end, or the first that refused."""
        replies = await self.envelope(mail.mail_from, mail.rcpt_to)
        refused = next((reply for reply in replies if reply.code >= 400), None)
        if refused:
            return refused
        self.write(wire(mail.raw))
        return await self.reply()


def wire(raw: bytes) -> bytes:
    """`raw` as it stands after DATA, its end included (RFC 5321 section 4.5.2)."""
    return raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"


async def deliver(port: int, mail: Letter) -> Reply:
    """Send one mail on a connection of its own."""
    async with Client(port) as client:
        return await client.send(mail)


class Sender:
    """Takes letters from a source and delivers each, over several connections, through any number of crashes.

    Each connection comes from another network, as those of many strangers do, and carries a few letters.
    """

    def __init__(
        self, port: int, source: Callable[[], Letter | None], *, connections: int = 8, pause_s: float = 0.0
    ) -> None:
        """`source` gives the next letter to send, None when there are no more; `pause_s` is between two of them."""
        self.accepted: dict[str, str] = {}  # Message-ID: the text of its 250
        self.refused: list[Reply] = []  # permanently, which no mail here deserves
        self.retries = 0
        self._calls = 0
        self._port = port
        self._source = source
        self._connections = connections
        self._pause_s = pause_s

    async def run(self) -> None:
        """Deliver until the source is empty and every letter has its 250."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._carry())

    async def _carry(self) -> None:
        waiting = self._source()
        while waiting:
            try:
                async with Client(self._port, our_ip=self._next_network()) as client:
                    for _ in range(LETTERS_A_CALL):
                        waiting = waiting and await self._attempt(client, waiting)
                        await asyncio.sleep(self._pause_s)
            # Down, or killed under our hands: come again, as a queue would, only sooner.
            except HangUpError:
                self.retries += 1
                await asyncio.sleep(RETRY_S)

    def _next_network(self) -> str:
        self._calls += 1
        high, low = divmod(self._calls, 250)
        return f"127.{1 + high % 250}.{low}.1"

    async def _attempt(self, client: Client, mail: Letter) -> Letter | None:
        """Send it once; what to send next."""
        reply = await client.send(mail)
        if reply.code < 400:
            self.accepted[mail.message_id] = reply.text
            return self._source()
        if reply.code >= 500:
            self.refused.append(reply)
            return self._source()
        self.retries += 1
        await asyncio.sleep(RETRY_S)
        return mail
