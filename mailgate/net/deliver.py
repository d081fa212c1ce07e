"""One delivery attempt: a mail is taken to its next hop, and what the hop said is handed back as a value.

The order of steps is what makes "at most once" possible: MAIL, RCPT, then the caller commits that the mail is about to
be handed over, then DATA. Knows neither why a mail is sent nor what follows from the answer.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiosmtplib

from mailgate.model import Answer, Due
from mailgate.net.connection import KEEPING, PATIENCE, Connection, Connections, Keeping, Login, Patience, Tls
from mailgate.net.resolver import Names
from mailgate.net.route import SMTP_PORT, Hop, route

REPLY_MAX: Final = 500  # characters of a reply that are kept
HOPS_S: Final = 600.0  # after this long no further hop is tried in the same attempt

BeforeData: TypeAlias = Callable[[], Awaitable[None]]

# addr-spec without comments, as aiosmtplib would mend or cut anything else without a word.
_ADDRESS: Final = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^\s<>()"@,;:\\\x00-\x1f\x7f]+)@[^\s<>()"@,;\\\x00-\x1f\x7f]+'
)


@dataclass(frozen=True, slots=True)
class Relay:
    """The one host that takes all our mail. `host` is a name or an address."""

    host: str
    port: int = SMTP_PORT
    login: Login | None = None


class Courier:
    """Delivers by the relay, or by MX where there is none. Connections are kept and used again.

    `name` is what we call ourselves in EHLO; `trust` replaces the system's certificate authorities where TLS is
    required; `port` is where exchanges listen, for laboratories.
    """

    def __init__(
        self,
        names: Names,
        *,
        name: str,
        relay: Relay | None = None,
        tls: Tls = Tls.OPPORTUNISTIC,
        trust: ssl.SSLContext | None = None,
        patience: Patience = PATIENCE,
        keeping: Keeping = KEEPING,
        port: int = SMTP_PORT,
    ) -> None:
        self._names = names
        self._relay = relay
        self._patience = patience
        self._port = port
        login = relay.login if relay else None
        self._connections = Connections(name, tls=tls, login=login, trust=trust, patience=patience, keeping=keeping)

    async def deliver(self, due: Due, before_data: BeforeData) -> Answer:
        """Try once to hand over `due.raw` (CRLF lines), and say what came of it.

        `before_data` is awaited when the recipient has been accepted and nothing of the text has been written; what it
        raises flies on. The net's trouble never raises: it is an answer of code 0. `handed` says that the text had
        been written when the answer, or the silence, came.
        """
        fault = _own_fault(due)
        if fault:
            return fault
        hops = await self._hops(due)
        if isinstance(hops, Answer):
            return hops
        started = asyncio.get_running_loop().time()
        answer = Answer(0, "4.4.1 no host")
        for hop in hops:
            said = await self._try(hop, due, before_data)
            # Of several troubles, one that a host put in words tells more than a connection that failed.
            answer = said if said.code or not answer.code else answer
            if said.handed or not _may_try_next(said) or asyncio.get_running_loop().time() - started > HOPS_S:
                return said
        return answer

    def destination(self, due: Due) -> str:
        """What is connected to for this mail: the relay, or the domain of its recipient."""
        return self._relay.host if self._relay else due.rcpt_to.rpartition("@")[2].lower()

    async def close(self) -> None:
        """Close every kept connection politely."""
        await self._connections.close()

    async def _hops(self, due: Due) -> tuple[Hop, ...] | Answer:
        if self._relay:
            return (Hop(self._relay.host, self._relay.host, self._relay.port),)
        return await route(self._names, due.rcpt_to.rpartition("@")[2], self._port)

    async def _try(self, hop: Hop, due: Due, before_data: BeforeData) -> Answer:
        kept = self._connections.take(hop)
        if kept:
            answer = await self._converse(kept, due, before_data)
            # A host may close a kept connection at any moment. That is no failed attempt; a fresh one decides.
            if answer.handed or answer.code not in (0, 421):
                return answer
        try:
            fresh = await self._connections.open(hop)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Answer(0, _line(f"4.4.1 {hop.host}: {_words(error)}"))
        return await self._converse(fresh, due, before_data)

    async def _converse(self, connection: Connection, due: Due, before_data: BeforeData) -> Answer:
        usable = False
        try:
            answer = await self._transact(connection, due, before_data)
            usable = True
        except (aiosmtplib.SMTPException, OSError) as error:
            answer = Answer(0, _line(f"4.4.2 {connection.hop.host}: {_words(error)}"), handed=connection.handed)
        finally:
            # Whatever else ended it (the caller's own trouble, cancellation) leaves a reply that nobody waits for.
            if usable:
                self._connections.keep(connection)
            else:
                connection.client.close()
        return answer

    async def _transact(self, connection: Connection, due: Due, before_data: BeforeData) -> Answer:
        refusal = _not_for_this_hop(connection, due)
        if refusal:
            return refusal
        wait, connection.handed = self._patience, False
        if connection.dirty:
            await connection.reset(timeout_s=wait.command_s)
        connection.dirty = True
        for command in _envelope(connection, due):
            reply = await connection.say(*command, timeout_s=wait.command_s)
            if not 200 <= reply.code < 300:
                return _answer(reply)
        await before_data()
        reply = await connection.say(b"DATA", timeout_s=wait.data_start_s)
        if reply.code != 354:
            return _answer(reply)
        reply = await connection.write(_dotted(due.raw), timeout_s=wait.data_end_s)
        connection.dirty = False
        return _answer(reply, handed=True)


def _own_fault(due: Due) -> Answer | None:
    """What must never reach a wire: an address that is none, and line ends that another host could take for ours."""
    if due.mail_from and not _ADDRESS.fullmatch(due.mail_from):
        return Answer(553, "5.1.7 the envelope sender is no address")
    if not _ADDRESS.fullmatch(due.rcpt_to):
        return Answer(553, "5.1.3 the recipient is no address")
    if not due.raw.count(b"\r\n") == due.raw.count(b"\r") == due.raw.count(b"\n"):
        return Answer(554, "5.6.0 the mail has a bare CR or LF")
    return None


def _not_for_this_hop(connection: Connection, due: Due) -> Answer | None:
    if _needs_utf8(due) and not connection.offers("smtputf8"):
        return Answer(550, f"5.6.7 {connection.hop.host} does not take internationalized mail (SMTPUTF8)")
    limit = connection.client.esmtp_extensions.get("size", "")
    if limit.isdecimal() and 0 < int(limit) < len(due.raw):
        return Answer(552, f"5.3.4 {connection.hop.host} takes {limit} bytes, the mail has {len(due.raw)}")
    return None


def _envelope(connection: Connection, due: Due) -> list[list[bytes]]:
    sender = [b"MAIL", b"FROM:<%s>" % due.mail_from.encode()]
    recipient = [b"RCPT", b"TO:<%s>" % due.rcpt_to.encode()]
    if connection.offers("size"):
        sender.append(b"SIZE=%d" % len(due.raw))
    # Where it is not offered, eight-bit text goes as it is: a conversion would break signatures, and hosts pass it on.
    if connection.offers("8bitmime") and not due.raw.isascii():
        sender.append(b"BODY=8BITMIME")
    if _needs_utf8(due):
        sender.append(b"SMTPUTF8")
    if connection.offers("dsn"):
        # RFC 3461: tell us of failure, not of delay, and send back only the header, which holds all we look for.
        sender += [b"RET=HDRS", b"ENVID=%d" % due.outbox_id]
        recipient.append(b"NOTIFY=FAILURE")
    return [sender, recipient]


def _needs_utf8(due: Due) -> bool:
    return due.utf8 or not (due.mail_from.isascii() and due.rcpt_to.isascii())


def _dotted(raw: bytes) -> bytes:
    """RFC 5321 section 4.5.2: leading dots doubled, ended by a line with one dot."""
    text = raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n"
    stuffed = text.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def _may_try_next(said: Answer) -> bool:
    return said.code == 0 or 400 <= said.code < 500


def _answer(reply: aiosmtplib.SMTPResponse, *, handed: bool = False) -> Answer:
    return Answer(reply.code if 200 <= reply.code < 600 else 0, _line(reply.message), handed)


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__


def _line(text: str) -> str:
    """What a stranger's host said, as one printable line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:REPLY_MAX]
