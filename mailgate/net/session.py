"""A session on its socket: reads lines and messages, keeps the clocks, writes replies, hands finished mail to the door.

How it goes: what a client says is answered where it arrives, in `data_received`, without a task and without a wait.
Only three things take time: the greeting, a handshake, and the door at the end of a message. While one of them is under
way (`_waits`), what comes is kept unread; whoever ends the wait calls `_go_on`.

aiosmtpd's `SMTP` keeps the life of the connection: its streams, its timer, the task that greets, its end. Its command
loop, address parser and line-by-line DATA are not used: they answer 500 with the text of an exception, take lines that
end in a bare line feed, give one reply where LMTP wants several, and cost most of the time. What is said stands in
`dialogue`, what a message is in `data`.

A mail that has been handed to the door is on its own: the client may hang up, the acceptance still ends in a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from math import inf
from operator import itemgetter
from typing import Final, cast

from aiosmtpd.smtp import SMTP
from msgspec.structs import replace

from mailgate.errors import TryAgain
from mailgate.log import Event
from mailgate.model import Arrival, Peer, Reply, Role
from mailgate.net import proxy, replies
from mailgate.net.data import Incoming, Message
from mailgate.net.dialogue import Dialogue, Transaction
from mailgate.net.inbox import Inbox
from mailgate.net.site import Acceptance, Site


class _NoHooks:
    """aiosmtpd looks for hooks and commands by reflection, anew for each connection; ours stand in a table."""

    def __dir__(self) -> list[str]:
        return []


SHORTEST_TIMER_S: Final = 0.001  # what an event loop can tell from no time at all

_NO_HOOKS: Final = _NoHooks()


class Session(_NoHooks, SMTP, asyncio.BufferedProtocol):
    """One connection, from its first byte to its last.

    It is both kinds of protocol: asyncio then reads into a buffer of ours, where else it would take a fresh 256 KiB
    from the system, and give it back, for every line. uvloop has such a buffer itself, and calls `data_received`.
    """

    # aiosmtpd's class has so many attributes that Python would be slower to find ours among them.
    __slots__ = (
        *("_clogged", "_deadline_s", "_dialogue", "_draining", "_inbox", "_incoming", "_incoming_since_s", "_ip"),
        *("_late", "_over", "_recipients", "_rings_s", "_settled_ip", "_site", "_transaction", "_unsent", "_waits"),
        *("_wire", "gone"),
    )

    _wire: asyncio.Transport  # where bytes come and go
    _dialogue: Dialogue  # from the greeting on
    _transaction: Transaction  # of the message that comes in, and of the one that was last handed to the door
    _recipients: tuple[str, ...]  # likewise, each once

    def __init__(self, site: Site, ip: str) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(_NO_HOOKS, hostname=site.name, timeout=site.bounds.command_wait_s, loop=loop)
        self._site = site
        self._ip = ip
        self._settled_ip = None if site.proxies else ip
        self._inbox = Inbox(loop)
        self._incoming: Incoming | None = None
        self._incoming_since_s = 0.0
        self._unsent: list[bytes] = []
        self._deadline_s = self._rings_s = loop.time() + site.bounds.command_wait_s
        self._late: Reply | None = None
        self._waits = True
        self._clogged = False  # the client does not read what it is told
        self._draining = False
        self._over = False
        self.gone: asyncio.Future[None] = loop.create_future()

    # ── The life of the connection ────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._attach(transport)
        self._site.sessions.add(self)
        super().connection_made(transport)

    def _attach(self, transport: asyncio.BaseTransport) -> None:
        # Said to the type checker alone: the transports of uvloop are none of asyncio's classes.
        self._wire = cast("asyncio.Transport", transport)
        self._inbox.attach(self._wire)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._site.landing

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._site.landing[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        try:
            if self._incoming is None:
                self._inbox.feed(data)
            elif (behind := self._incoming.take(data)) is not None:
                self._inbox.feed(behind)
                self._hand_over(self._incoming.message())
            self._go_on()
        # Broad, because a fault of ours must end this session alone, with a word that lets the client come again.
        except Exception:
            self._fail()

    def eof_received(self) -> bool | None:
        # Not aiosmtpd's own, which gives up at once: who has said all he had to say still wants the answers.
        self._inbox.end()
        self._go_on()
        return super(SMTP, self).eof_received()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._clogged = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self._clogged = False
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        super().connection_lost(error)
        self._site.sessions.discard(self)
        self._site.crowd.leave(self._settled_ip)
        self.gone.set_result(None)

    def drain(self) -> None:
        """Leave after the next mail, or as soon as the client falls quiet: who is in the middle of one may bring it."""
        self._draining = True
        if self._is_listening and self._incoming is None:
            self._expect_command()

    def abort(self) -> None:
        """Hang up at once."""
        if self.transport is not None:
            self._wire.abort()

    def _fail(self) -> None:
        self._site.log.exception(Event.SESSION_FAILED)
        self._part(replies.NO_ANSWER)

    def _part(self, last: Reply | None) -> None:
        """Say a last word, out of turn, and hang up; hang up for good when that has not been read for a while."""
        if self.transport is None or self._wire.is_closing():
            return
        if last is not None:
            self._say(last)
        self._over = True
        self._flush()
        self._wire.close()
        self._expect(self.loop.time() + self._site.bounds.linger_s, None)

    # ── The clocks ────────────────────────────────────────────────────────────────────────────────────────────────

    def _expect(self, deadline_s: float, late: Reply | None) -> None:
        """Hang up with this reply when that time comes; what was expected before counts no more.

        The one timer stays where it is unless it would fire too late: fired early, it sets itself again. So a command
        costs no timer, and no look at the clock.
        """
        self._deadline_s, self._late = deadline_s, late
        if deadline_s < self._rings_s:
            self._ring_at(deadline_s)

    def _ring_at(self, moment_s: float) -> None:
        self._rings_s = moment_s
        self._reset_timeout(max(moment_s - self.loop.time(), SHORTEST_TIMER_S))

    def _timeout_cb(self) -> None:
        self._rings_s = inf  # no timer is set now
        if self.loop.time() < self._deadline_s:
            self._ring_at(self._deadline_s)
        elif self._wire.is_closing():
            self.abort()
        else:
            self._part(self._late)

    def _expect_command(self) -> None:
        # One clock for the whole line: a command that drips in is as late as one that never comes.
        bounds, transaction = self._site.bounds, self._dialogue.transaction
        if self._draining:
            self._expect(self.loop.time() + bounds.farewell_s, replies.SHUTTING_DOWN)
            return
        command_s = self.loop.time() + bounds.command_wait_s
        if transaction is None or command_s <= transaction.began_s + bounds.transaction_s:
            self._expect(command_s, replies.COMMAND_LATE)
        else:
            self._expect(transaction.began_s + bounds.transaction_s, replies.TRANSACTION_LATE)

    def _expect_block(self, incoming: Incoming) -> None:
        bounds = self._site.bounds
        clocks = (
            (self.loop.time() + bounds.data_block_wait_s, replies.BLOCK_LATE),
            (self._incoming_since_s + bounds.data_allowance_s(incoming.received_bytes), replies.DATA_SLOW),
            (self._transaction.began_s + bounds.transaction_s, replies.TRANSACTION_LATE),
        )
        self._expect(*min(clocks, key=itemgetter(0)))

    # ── The conversation ──────────────────────────────────────────────────────────────────────────────────────────

    async def _handle_client(self) -> None:
        await self._meanwhile(self._begin())

    async def _meanwhile(self, work: Coroutine[None, None, None]) -> None:
        """Do what takes time; then what came meanwhile is answered."""
        try:
            await work
        except (EOFError, OSError, proxy.HeaderError):
            self._site.log.debug(Event.SESSION_BROKEN_OFF)
            self._part(None)
        except Exception:
            self._fail()
        else:
            self._waits = False
            self._go_on(anew=True)

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
        if not self._over:
            self._say(replies.OUT_OF_STEP if self._inbox.buffer else self._dialogue.greeting)

    async def _client(self) -> Peer | None:
        """Who is there; None where that is one too many."""
        site = self._site
        direct = Peer(self._ip, known=site.bind.role is Role.EDGE, protocol=site.bind.protocol, role=site.bind.role)
        if not site.proxies:
            return direct
        self._expect(self.loop.time() + site.bounds.proxy_wait_s, None)
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

    def _go_on(self, *, anew: bool = False) -> None:
        """Answer all that has come and can be answered now, then wait for more; `anew`: with a new clock in any case.

        Replies to a group of commands leave together (RFC 2920 section 3.2).
        """
        try:
            inbox = self._inbox
            # The usual end of this is an empty inbox, and nothing is quicker to see.
            while inbox.buffer and self._incoming is None and self._is_listening and (line := inbox.line()) is not None:
                self._turn(line)
            anew = anew or bool(self._unsent)
            self._flush()
            if self._over:
                self._part(None)
            elif not (self._waits or self._clogged):
                self._listen(anew=anew)
        # As in `data_received`.
        except Exception:
            self._fail()

    @property
    def _is_listening(self) -> bool:
        return not (self._waits or self._over or self._clogged)

    def _listen(self, *, anew: bool) -> None:
        if self._inbox.ended:
            self._site.log.debug(Event.SESSION_BROKEN_OFF)
            self._part(None)
            return
        if self._incoming is not None:
            self._expect_block(self._incoming)
        elif anew:
            self._expect_command()
        self._inbox.resume()

    def _turn(self, line: bytes) -> None:
        try:
            reply = self._dialogue.answer(line, followed=bool(self._inbox.buffer), now_s=self.loop.time())
        except Exception as trouble:
            reply = self._excuse(trouble)
        self._say(reply)
        if reply is replies.GO_AHEAD:
            self._transaction = self._dialogue.finish()
            self._incoming, self._incoming_since_s = Incoming(self._site.bounds.size_bytes), self.loop.time()
        elif reply is replies.READY_FOR_TLS:
            self._waits = True
            # From here on nothing said in clear is read, so nothing said in clear can be taken for a command.
            self._inbox.pause()
            self._handler_coroutine = self.loop.create_task(self._meanwhile(self._secure()))

    def _excuse(self, trouble: Exception) -> Reply:
        if isinstance(trouble, TryAgain):
            return Reply(trouble.code, trouble.public)
        # Whatever breaks behind the door is our trouble: the client may come again, and learns nothing of it.
        self._site.log.exception(Event.COMMAND_FAILED)
        return replies.TRY_AGAIN

    def _say(self, reply: Reply) -> None:
        if reply.code >= 400:
            self._site.refused[reply.code] += 1
        self._unsent.append(replies.render(reply))
        if reply.close:
            self._over = True

    def _flush(self) -> None:
        if self._unsent:
            self._wire.write(b"".join(self._unsent))
            self._unsent.clear()

    async def _secure(self) -> None:
        site = self._site
        assert site.tls_context is not None
        self._expect(self.loop.time() + site.bounds.handshake_wait_s, None)
        await self._writer.start_tls(site.tls_context, ssl_handshake_timeout=site.bounds.handshake_wait_s)
        self.transport = self._writer.transport
        self._attach(self.transport)
        self._dialogue.secured()

    # ── A message ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _hand_over(self, message: Message) -> None:
        """The final dot has come."""
        self._incoming = None
        recipients = self._recipients = tuple(dict.fromkeys(self._transaction.recipients))
        if message.too_big or message.smuggled:
            self._conclude([replies.TOO_BIG if message.too_big else replies.SMUGGLED] * len(recipients))
            return
        transaction, site = self._transaction, self._site
        self._waits = True
        self._expect(self.loop.time() + site.bounds.answer_wait_s, replies.NO_ANSWER)
        notes = transaction.notes + message.notes
        arrival = Arrival(transaction.mail_from, recipients, message.raw, transaction.peer, site.clock(), notes)
        # Heard, not awaited: when this session ends because the client has gone, the task goes on.
        site.start(arrival, self._accepted)

    def _accepted(self, task: Acceptance) -> None:
        answers = self._site.finish(task, len(self._recipients))
        if not self._over:
            self._waits = False
            self._conclude(answers)
            self._go_on()

    def _conclude(self, answers: Sequence[Reply]) -> None:
        """Give the replies to the final dot: one, or in LMTP one for each recipient in order (RFC 2033 section 4.2)."""
        if any(answer.code < 400 for answer in answers):
            self._dialogue.delivered()
        by_recipient = dict(zip(self._recipients, answers, strict=True))
        for recipient in self._transaction.recipients[: None if self._dialogue.is_lmtp else 1]:
            self._say(by_recipient[recipient])
        if self._draining and not self._over:
            self._say(replies.SHUTTING_DOWN)
