"""SMTP connections to next hops: opened under a TLS policy, kept while they may be of use. Knows no mail."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiosmtplib

from mailgate.net.route import Hop

IMPLICIT_TLS_PORT: Final = 465  # RFC 8314 section 3.3


class Tls(StrEnum):
    """How a connection is protected."""

    OPPORTUNISTIC = "opportunistic"  # RFC 7435: encrypted where it can be, to whomever; never a reason not to deliver
    REQUIRED = "required"  # encrypted, to a host whose certificate shows its name; otherwise not at all
    NONE = "none"  # in clear, for a relay on this machine


@dataclass(frozen=True, slots=True)
class Login:
    """How we prove ourselves to a relay."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take: the least that RFC 5321 section 4.5.3.2 allows, where it names one."""

    connect_s: float = 60.0  # up to and including the greeting; some hosts greet late on purpose
    command_s: float = 300.0
    data_start_s: float = 120.0
    data_end_s: float = 600.0  # giving up here while the host still works is how duplicates are made, RFC 1047
    quit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many idle connections stay open, and for how long."""

    idle_max: int = 20
    idle_s: float = 30.0
    uses_max: int = 100


PATIENCE: Final = Patience()
KEEPING: Final = Keeping()


class NoTls(aiosmtplib.SMTPException):
    """The host offers no STARTTLS, or the handshake failed."""


class Connection:
    """One open session with a next hop."""

    def __init__(self, client: aiosmtplib.SMTP, hop: Hop) -> None:
        self.client = client
        self.hop = hop
        self.uses = 0
        self.dirty = False  # a transaction was left half done: RSET before the next
        self.handed = False  # of the present transaction: the text has been written, at least in part

    def offers(self, extension: str) -> bool:
        """Did the host name this extension in its answer to EHLO?"""
        return extension in self.client.esmtp_extensions

    async def say(self, *words: bytes, timeout_s: float) -> aiosmtplib.SMTPResponse:
        """One command and its reply."""
        return await self.client.execute_command(*words, timeout=timeout_s)

    async def reset(self, *, timeout_s: float) -> None:
        """Forget a transaction that was left half done. A host that will not is as good as gone."""
        reply = await self.say(b"RSET", timeout_s=timeout_s)
        if reply.code != 250:
            raise aiosmtplib.SMTPServerDisconnected(f"RSET: {reply.code} {reply.message}")
        self.dirty = False

    async def write(self, text: bytes, *, timeout_s: float) -> aiosmtplib.SMTPResponse:
        """The text of a mail, dots doubled and ended. From here on it may have arrived."""
        protocol = self.client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self.handed = True
        protocol.write(text)
        return await protocol.read_response(timeout=timeout_s)


class Connections:
    """Opens connections and keeps a bounded number of idle ones, by hop. The TLS policy is one for all."""

    def __init__(
        self,
        name: str,
        *,
        tls: Tls = Tls.OPPORTUNISTIC,
        login: Login | None = None,
        trust: ssl.SSLContext | None = None,
        patience: Patience = PATIENCE,
        keeping: Keeping = KEEPING,
    ) -> None:
        self._name = name
        # A password is given only to a host that has proven its name, or where the operator asked for no TLS at all.
        self._tls = Tls.REQUIRED if login and tls is Tls.OPPORTUNISTIC else tls
        self._login = login
        self._context = _context(self._tls, trust)
        self._patience = patience
        self._keeping = keeping
        self._idle: deque[tuple[Connection, asyncio.TimerHandle]] = deque()  # the longest idle first
        self._parting: set[asyncio.Task[None]] = set()

    def take(self, hop: Hop) -> Connection | None:
        """An idle connection to `hop` that is not known to be dead."""
        for entry in reversed(self._idle):
            connection, timer = entry
            if connection.hop == hop and connection.client.is_connected:
                self._idle.remove(entry)
                timer.cancel()
                return connection
        return None

    async def open(self, hop: Hop) -> Connection:
        """A new connection, greeted, protected and logged in. Raises SMTPException or OSError where that fails."""
        try:
            return await self._open(hop, encrypt=self._tls is not Tls.NONE)
        except NoTls:
            if self._tls is not Tls.OPPORTUNISTIC:
                raise
            return await self._open(hop, encrypt=False)

    def keep(self, connection: Connection) -> None:
        """Put back a connection after use."""
        connection.uses += 1
        if not connection.client.is_connected:
            return
        if connection.uses >= self._keeping.uses_max:
            self._part(connection)
            return
        timer = asyncio.get_running_loop().call_later(self._keeping.idle_s, self._expire, connection)
        self._idle.append((connection, timer))
        if len(self._idle) > self._keeping.idle_max:
            self._expire(self._idle[0][0])

    async def close(self) -> None:
        """Take leave of every idle host."""
        while self._idle:
            self._expire(self._idle[0][0])
        await asyncio.gather(*self._parting)

    def _expire(self, connection: Connection) -> None:
        entry = next(entry for entry in self._idle if entry[0] is connection)
        self._idle.remove(entry)
        entry[1].cancel()
        self._part(connection)

    def _part(self, connection: Connection) -> None:
        task = asyncio.create_task(self._quit(connection.client))
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def _quit(self, client: aiosmtplib.SMTP) -> None:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.execute_command(b"QUIT", timeout=self._patience.quit_s)
        client.close()

    async def _open(self, hop: Hop, *, encrypt: bool) -> Connection:
        implicit = encrypt and hop.port == IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=hop.address,
            port=hop.port,
            local_hostname=self._name,
            timeout=self._patience.command_s,
            use_tls=implicit,
            start_tls=False,
            tls_context=self._context,
        )
        ready = False
        try:
            await client.connect(timeout=self._patience.connect_s)
            await _greet(client)
            if encrypt and not implicit:
                await self._encrypt(client, hop)
            if self._login:
                await client.login(self._login.user, self._login.password)
            ready = True
        finally:
            if not ready:
                client.close()
        return Connection(client, hop)

    async def _encrypt(self, client: aiosmtplib.SMTP, hop: Hop) -> None:
        if not client.supports_extension("starttls"):
            if self._tls is Tls.REQUIRED:
                raise NoTls("TLS is required, but not offered")
            return
        try:
            await client.starttls(server_hostname=hop.host.rstrip("."), timeout=self._patience.connect_s)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NoTls(f"TLS failed: {error}") from error
        await _greet(client)


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        # RFC 5321 section 3.2: a host that does not know EHLO is asked with HELO. It offers nothing then.
        if not client.is_connected:
            raise
        await client.helo()


def _context(tls: Tls, trust: ssl.SSLContext | None) -> ssl.SSLContext | None:
    if tls is Tls.NONE:
        return None
    if tls is Tls.REQUIRED:
        return trust or ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
