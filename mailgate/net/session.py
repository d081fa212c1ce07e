"""A session on its socket: reads lines and messages, keeps the clocks, writes replies, hands finished mail to the door.

aiosmtpd's `SMTP` keeps the life of the connection: its streams, its task, its end. Its command loop, address parser and
line-by-line DATA are not used: they answer 500 with the text of an exception, take lines that end in a bare line feed,
give one reply where LMTP wants several, and cost most of the time. What is said stands in `dialogue`, what a message is
in `data`; here are only the waits.

A mail that has been handed to the door is on its own: the client may hang up, the acceptance still ends in a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Final

from aiosmtpd.smtp import SMTP

from mailgate.errors import TryAgain
from mailgate.log import Event
from mailgate.model import Arrival, Peer, Reply, Role
from mailgate.net import proxy, replies
from mailgate.net.data import Incoming, Message
from mailgate.net.dialogue import Dialogue, Transaction
from mailgate.net.inbox import Inbox
from mailgate.net.site import Site


class _NoHooks:
    """aiosmtpd looks for hooks and commands by reflection, anew for each connection; ours stand in a table."""

    def __dir__(self) -> list[str]:
        return []


_NO_HOOKS: Final = _NoHooks()


class Session(_NoHooks, SMTP):
    """One connection, from its first byte to its last."""

    def __init__(self, site: Site, ip: str) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(_NO_HOOKS, hostname=site.name, timeout=site.bounds.command_wait_s, loop=loop)
        self._site = site
        self._ip = ip
        self._settled_ip = None if site.proxies else ip
        self._inbox = Inbox(loop)
        self._unsent: list[bytes] = []
        self._deadline_s = loop.time() + site.bounds.command_wait_s
        self._late: Reply | None = None
        self._busy = False
        self._draining = False
        self._over = False
        self.gone: asyncio.Future[None] = loop.create_future()

    # ── The life of the connection ────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._inbox.attach(transport)
        self._site.sessions.add(self)
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self._handler_coroutine.add_done_callback(self._ended)

    def data_received(self, data: bytes) -> None:
        self._inbox.feed(data)

    def eof_received(self) -> bool | None:
        # Not aiosmtpd's own, which gives up at once: who has said all he had to say still wants the answers.
        self._inbox.end()
        return super(SMTP, self).eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._site.sessions.discard(self)
        self._site.crowd.leave(self._settled_ip)
        self.gone.set_result(None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._site.log.error(Event.SESSION_FAILED, exc_info=error)
        self._part(None if error is None else replies.NO_ANSWER)

    def drain(self) -> None:
        """Leave as soon as it can be done without losing a mail that is on its way."""
        self._draining = True
        if not self._busy:
            self._part(replies.SHUTTING_DOWN)

    def abort(self) -> None:
        """Hang up at once."""
        if self.transport is not None:
            self._writer.transport.abort()

    def _part(self, last: Reply | None) -> None:
        """Say a last word, out of turn, and hang up; hang up for good when that has not been read for a while."""
        if self.transport is None or self._writer.transport.is_closing():
            return
        if last is not None:
            self._say(last)
        self._writer.write(b"".join(self._unsent))
        self._unsent.clear()
        self._writer.transport.close()
        self._expect((self.loop.time() + self._site.bounds.linger_s, None))

    # ── The clocks ────────────────────────────────────────────────────────────────────────────────────────────────

    def _expect(self, *clocks: tuple[float, Reply | None]) -> None:
        """Hang up with its reply when the first of these times comes; what was expected before counts no more.

        The one timer stays where it is unless it would fire too late: fired early, it sets itself again. So a command
        costs no timer.
        """
        self._deadline_s, self._late = min(clocks, key=_time)
        now_s, timer = self.loop.time(), self._timeout_handle
        if timer is None or not now_s < timer.when() <= self._deadline_s:
            self._reset_timeout(max(self._deadline_s - now_s, 0.001))

    def _timeout_cb(self) -> None:
        remaining_s = self._deadline_s - self.loop.time()
        if remaining_s > 0:
            self._reset_timeout(remaining_s)
        elif self._writer.transport.is_closing():
            self.abort()
        else:
            self._part(self._late)

    def _expect_command(self) -> None:
        bounds, transaction = self._site.bounds, self._dialogue.transaction
        command = (self.loop.time() + bounds.command_wait_s, replies.COMMAND_LATE)
        if transaction is None:
            self._expect(command)
        else:
            self._expect(command, (transaction.began_s + bounds.transaction_s, replies.TRANSACTION_LATE))

    def _expect_block(self, began_s: float, received_bytes: int, transaction_began_s: float) -> None:
        bounds = self._site.bounds
        self._expect(
            (self.loop.time() + bounds.data_block_wait_s, replies.BLOCK_LATE),
            (began_s + bounds.data_allowance_s(received_bytes), replies.DATA_SLOW),
            (transaction_began_s + bounds.transaction_s, replies.TRANSACTION_LATE),
        )

    # ── The conversation ──────────────────────────────────────────────────────────────────────────────────────────

    async def _handle_client(self) -> None:
        try:
            await self._begin()
            while not self._over:
                await self._turn()
            await self._flush()
        except (EOFError, OSError, proxy.HeaderError):
            self._site.log.debug(Event.SESSION_BROKEN_OFF)

    async def _begin(self) -> None:
        site = self._site
        peer = await self._client()
        if peer is None:
            return
        self._dialogue = Dialogue(
            site.bind,
            site.bounds,
            site.door,
            site.name,
            peer,
            trusted=site.trusts(self._ip),
            tls_offered=site.tls_context is not None,
        )
        # Robots that send mail often speak at once; our own MTA does not.
        await asyncio.sleep(site.bounds.greeting_pause_s if peer.ip and peer.role is Role.EDGE else 0)
        self._say(replies.OUT_OF_STEP if self._inbox.buffer else self._dialogue.greeting)

    async def _client(self) -> Peer | None:
        """Who is there; None where that is one too many."""
        site = self._site
        direct = Peer(self._ip, known=site.bind.role is Role.EDGE, protocol=site.bind.protocol, role=site.bind.role)
        if not site.proxies:
            return direct
        self._expect((self.loop.time() + site.bounds.proxy_wait_s, None))
        while (header := proxy.proxy_header(self._inbox.buffer)) is None:
            await self._inbox.more()
        del self._inbox.buffer[: header.length]
        peer = replace(direct, ip=header.ip or self._ip, known=bool(header.ip))
        refusal = site.settle(peer.ip)
        if refusal is not None:
            self._say(refusal)
            return None
        self._settled_ip = peer.ip
        return peer

    async def _turn(self) -> None:
        reply = self._answer(self._inbox.line() or await self._next_line())
        self._say(reply)
        if reply is replies.GO_AHEAD:
            await self._undisturbed(self._receive())
        elif reply is replies.READY_FOR_TLS:
            await self._undisturbed(self._secure())

    async def _next_line(self) -> bytes:
        # Replies to a group of commands leave together (RFC 2920 section 3.2).
        await self._flush()
        # One clock for the whole line: a command that drips in is as late as one that never comes.
        self._expect_command()
        while (line := self._inbox.line()) is None:
            await self._inbox.more()
        return line

    def _answer(self, line: bytes) -> Reply:
        try:
            return self._dialogue.answer(line, followed=bool(self._inbox.buffer), now_s=self.loop.time())
        except TryAgain as trouble:
            return Reply(trouble.code, trouble.public)
        except Exception:
            # Whatever breaks behind the door is our trouble: the client may come again, and learns nothing of it.
            self._site.log.exception(Event.COMMAND_FAILED)
            return replies.TRY_AGAIN

    def _say(self, reply: Reply) -> None:
        if reply.code >= 400:
            self._site.refused[reply.code] += 1
        self._unsent.append(replies.render(reply))
        self._over = self._over or reply.close

    async def _flush(self) -> None:
        if self._unsent:
            self._writer.write(b"".join(self._unsent))
            self._unsent.clear()
            await self._writer.drain()

    async def _undisturbed(self, work: Coroutine[None, None, None]) -> None:
        """Finish this even while the listener drains."""
        self._busy = True
        await work
        self._busy = False
        if self._draining and not self._over:
            self._say(replies.SHUTTING_DOWN)

    async def _secure(self) -> None:
        site = self._site
        assert site.tls_context is not None
        # From here on nothing said in clear is read, so nothing said in clear can be taken for a command.
        self._inbox.pause()
        await self._flush()
        self._expect((self.loop.time() + site.bounds.handshake_wait_s, None))
        await self._writer.start_tls(site.tls_context, ssl_handshake_timeout=site.bounds.handshake_wait_s)
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._inbox.attach(transport)
        self._dialogue.secured()

    # ── A message ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _receive(self) -> None:
        await self._flush()
        incoming, began_s = Incoming(self._site.bounds.size_bytes), self.loop.time()
        transaction = self._dialogue.finish()
        while not incoming.take(self._inbox.buffer):
            self._expect_block(began_s, incoming.received_bytes, transaction.began_s)
            await self._inbox.more()
        for reply in await self._verdict(transaction, incoming.message()):
            self._say(reply)

    async def _verdict(self, transaction: Transaction, message: Message) -> Sequence[Reply]:
        """The replies to the final dot: one, or in LMTP one for each recipient in order (RFC 2033 section 4.2)."""
        recipients = tuple(dict.fromkeys(transaction.recipients))
        if message.too_big or message.smuggled:
            answers: Sequence[Reply] = [replies.TOO_BIG if message.too_big else replies.SMUGGLED] * len(recipients)
        else:
            answers = await self._accept(transaction, recipients, message)
        if any(answer.code < 400 for answer in answers):
            self._dialogue.delivered()
        by_recipient = dict(zip(recipients, answers, strict=True))
        return [
            by_recipient[recipient] for recipient in transaction.recipients[: None if self._dialogue.is_lmtp else 1]
        ]

    async def _accept(self, transaction: Transaction, recipients: tuple[str, ...], message: Message) -> Sequence[Reply]:
        self._expect((self.loop.time() + self._site.bounds.answer_wait_s, replies.NO_ANSWER))
        arrival = Arrival(
            transaction.mail_from,
            recipients,
            message.raw,
            transaction.peer,
            self._site.clock(),
            transaction.notes + message.notes,
        )
        task = self._site.start(arrival)
        # Waited for, not awaited: when this session is cancelled because the client has gone, the task goes on.
        await asyncio.wait((task,))
        return _answers(task, len(recipients))


def _answers(task: asyncio.Task[Sequence[Reply]], count: int) -> Sequence[Reply]:
    """What the door has said. Its errors have been logged; the client hears only that it may try again."""
    if task.cancelled():
        return [replies.SHUTTING_DOWN] * count
    match task.exception():
        case None:
            return task.result()
        case TryAgain() as trouble:
            return [Reply(trouble.code, trouble.public)] * count
        case _:
            return [replies.TRY_AGAIN] * count


def _time(clock: tuple[float, Reply | None]) -> float:
    return clock[0]
