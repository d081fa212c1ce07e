"""People: what a person of ours may do.

Each act is one function, one transaction, and one line in the history with its actor. Faces change the store only
through here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mailgate import floods, letters
from mailgate.acts import Acts
from mailgate.context import Context
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import admission, answer, breaker, confirm, trust
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.governor import SILENT_STANDINGS
from mailgate.judge.release import release
from mailgate.model import (
    Acquaintance,
    Breaker,
    BreakerState,
    Broken,
    Effect,
    HeldMail,
    Level,
    Met,
    Scope,
    Sending,
    TicketChange,
    TicketState,
)
from mailgate.store import conduct, conversation, journal, locks, outbox, record, restored

if TYPE_CHECKING:
    from sqlalchemy import Connection


A_DAY = timedelta(days=1)


class Desk(Acts):
    """All acts of people on tickets, held mail, senders and the queues."""

    def __init__(
        self,
        context: Context,
        *,
        on_outgoing: Callable[[], None] = lambda: None,
        on_accepted: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(context, on_outgoing)
        self.on_accepted = on_accepted

    # ── Tickets ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def reply(self, number: int, text: str, agent: str) -> Sending:
        """Answer the requester of a ticket. He is trusted from then on: whom we write to, we listen to.

        Raises:
            NotFound: no such ticket.
            NotAllowed: the text is empty, or the ticket has nobody to write to.
        """
        if not text.strip():
            raise NotAllowed("an answer needs text")
        sent = await self.database.write(lambda conn: self._reply(conn, number, text, agent))
        self.on_outgoing()
        return sent

    async def note(self, number: int, text: str, agent: str) -> None:
        """Write a note that only agents see."""
        await self._change(number, "noted", agent, text)

    async def assign(self, number: int, assignee: str, agent: str) -> None:
        """Give the ticket to somebody; "" to nobody."""
        await self._change(number, "assigned", agent, assignee)

    async def close(self, number: int, agent: str, *, spam: bool = False) -> None:
        """Close the ticket as solved, or as spam. A human follow-up within the reopening time wakes it again.

        That somebody was there to be helped earns his address a little credit, once a day; spam counts against him.
        """
        await self.database.write(lambda conn: self._close(conn, number, agent, spam=spam))

    async def reopen(self, number: int, agent: str) -> None:
        """Open the ticket again."""
        await self._change(number, "reopened-by-agent", agent, "", TicketState.OPEN)

    async def split(self, number: int, agent: str) -> list[int]:
        """Give each mail of a flood ticket but the first a ticket of its own; their numbers, in order of arrival.

        Raises:
            NotFound: no such ticket.
            NotAllowed: it took no flood, or has only one mail left.
        """
        actor, mint = f"agent:{agent}", self.mint
        return await self.database.write(
            lambda conn: floods.split(conn, self._conversation(conn, number), actor, mint=mint, now=self.clock())
        )

    # ── Held mail ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def accept(self, held_id: int, agent: str) -> int:
        """Let a held mail in, with all others of its sender, and trust him; or a parked one, by itself. Its ticket.

        Raises:
            NotFound: no held or parked mail of this id.
        """
        number = await self.database.write(lambda conn: self._accept(conn, held_id, agent))
        self.on_outgoing()
        return number

    async def spam(self, held_id: int, agent: str) -> None:
        """Judge a held mail spam: it stays kept and can be accepted later."""

        def work(conn: Connection) -> None:
            mail, now = self._held(conn, held_id), self.clock()
            history = self._history(conn, mail.address)
            record.apply(conn, confirm.judged_spam(self._held(conn, held_id), history, now, agent), now)

        await self.database.write(work)

    # ── Senders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def trust(self, address: str, agent: str) -> int:
        """Trust an address and let in what is held of it; how many mails that released."""
        released = await self.database.write(lambda conn: self._trust(conn, _key(address), agent))
        self.on_outgoing()
        return released

    async def block(self, address: str, agent: str) -> None:
        """Want nothing of an address in view. Its mail is kept as spam, and nothing is ever sent to it by machine."""

        def work(conn: Connection) -> None:
            key, now = _key(address), self.clock()
            record.apply(conn, confirm.blocked(key, self._history(conn, key), now, agent), now)

        await self.database.write(work)

    async def clear(self, address: str, agent: str) -> Acquaintance:
        """Forget that an address is a machine's, undeliverable or blocked; how it stands then. It earns no credit.

        Raises:
            NotFound: nothing of that is held against it.
        """

        def work(conn: Connection) -> Acquaintance:
            key, now = _key(address), self.clock()
            known = self._history(conn, key).acquaintance(key, now)
            if known.standing not in SILENT_STANDINGS:
                raise NotFound(f"nothing is held against {key}: it is {known.standing}")
            cleared = trust.cleared(known, now)
            record.apply(conn, [Met(cleared)], now)
            return cleared

        return await self.database.write(work)

    # ── The way there and back ────────────────────────────────────────────────────────────────────────────────────────

    async def send_test(self, to: str, subject: str, text: str, patience: timedelta) -> Sending:
        """Send a mail that belongs to no ticket, to see whether it arrives; it is tried for as long as `patience`.

        From the mailbox it goes to, where that is ours, else from the first.

        Raises:
            NotAllowed: `to` is no address.
        """
        _key(to)
        mailbox = admission.mailbox_of(to, self.gateway) or self.gateway.mailboxes[0]
        now = self.clock()
        sending = letters.test_mail(
            to, mailbox.address, subject, text, self.gateway, mint=self.mint, now=now, give_up_at=now + patience
        )
        await self.database.write(lambda conn: record.apply(conn, [sending], now))
        self.on_outgoing()
        return sending

    # ── Queues ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def unshunt(self, journal_id: int) -> None:
        """Try a mail again that was set aside.

        Raises:
            NotFound: nothing of this id is set aside.
        """
        if not await self.database.write(lambda conn: journal.unshunt(conn, journal_id, self.clock())):
            raise NotFound(f"no shunted mail {journal_id}")
        self.on_accepted()

    async def retry_outbox(self, outbox_id: int) -> None:
        """Try a waiting or failed mail of a person now. An automatic mail that has ended is never sent again."""
        if not await self.database.write(lambda conn: outbox.retry(conn, outbox_id, self.clock())):
            raise NotFound(f"no outgoing mail {outbox_id} that can be tried again")
        self.on_outgoing()

    async def cancel_outbox(self, outbox_id: int) -> None:
        """Send a waiting mail no more."""
        if not await self.database.write(lambda conn: outbox.cancel(conn, outbox_id, self.clock())):
            raise NotFound(f"no outgoing mail {outbox_id} that still waits")

    async def stop(self, scope: Scope, key: str, agent: str) -> Breaker:
        """Stop automatic mail of all, or to an address or a domain, or from a mailbox, until a person resets it."""

        def work(conn: Connection) -> Breaker:
            # Whoever grants a permit meanwhile does so before, and his mail is called back; or after, and is refused.
            locks.spending(conn)
            now = self.clock()
            stands = breaker.stopped(scope, _breaker_key(scope, key), now, f"agent:{agent}")
            record.apply(conn, [Broken(stands)], now)
            return stands

        return await self.database.write(work)

    async def reset(self, scope: Scope, key: str, agent: str) -> Breaker:
        """Let automatic mail pass a breaker again.

        Raises:
            NotFound: nothing is held back there.
        """

        def work(conn: Connection) -> Breaker:
            now, name = self.clock(), _breaker_key(scope, key)
            before = conduct.breakers(conn, {name}).get((scope, name))
            if breaker.state(before, now) is BreakerState.CLOSED:
                raise NotFound(f"automatic mail is not stopped for {scope} {name}".rstrip())
            stands = breaker.closed(scope, name, now, f"agent:{agent}")
            record.apply(conn, [Broken(stands)], now)
            return stands

        return await self.database.write(work)

    async def resume(self) -> None:
        """Let automatic mail leave again before its time, after the database was restored or the clock jumped."""
        if not await self.database.write(restored.speak_again):
            raise NotAllowed(
                "automatic mail is not held back: neither was the database restored of late, nor did the clock jump"
            )

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, conn: Connection, held_id: int, agent: str) -> int:
        now = self.clock()
        mail = conversation.parked(conn, held_id)
        if mail:
            return self._accept_alone(conn, mail, agent, now)
        mail = self._held(conn, held_id)
        if not mail.address:
            return self._accept_alone(conn, mail, agent, now)
        history = self._history(conn, mail.address)
        done = confirm.vouched(mail.address, history, now, f"agent:{agent}")
        numbers = self._write(conn, done, now)
        return numbers[conversation.ticket_of(conn, mail.message_id)]

    def _accept_alone(self, conn: Connection, mail: HeldMail, agent: str, now: datetime) -> int:
        """A machine's mail, or one without a single author, is let in by itself: there is nobody to trust."""
        effects, placed = release([mail], now, f"agent:{agent}", self.mint)
        return record.apply(conn, effects, now)[placed[0][1]]

    def _trust(self, conn: Connection, key: str, agent: str) -> int:
        now = self.clock()
        history = self._history(conn, key)
        waiting = len(history.held(key))
        self._write(conn, confirm.vouched(key, history, now, f"agent:{agent}"), now)
        return waiting

    def _reply(self, conn: Connection, number: int, text: str, agent: str) -> Sending:
        found, now, book = self._conversation(conn, number), self.clock(), self.book()
        if not found.requester:
            raise NotAllowed(f"ticket #{number} has nobody to answer: its mail names no single author")
        history = self._history(conn, canonical(found.requester))
        done = confirm.written_to(canonical(found.requester), history, now, f"agent:{agent}")
        sending = letters.agent_reply(found, text, self.gateway, book, mint=self.mint, now=now)
        change = TicketChange(self.mint.new_id(), found.ticket_id, now, "replied", f"agent:{agent}", sending.identity)
        record.apply(conn, [*done.effects, change, sending], now)
        return sending

    def _close(self, conn: Connection, number: int, agent: str, *, spam: bool) -> None:
        found, now = self._conversation(conn, number), self.clock()
        event = "closed-as-spam" if spam else "closed"
        change = TicketChange(self.mint.new_id(), found.ticket_id, now, event, f"agent:{agent}", "", TicketState.CLOSED)
        effects: list[Effect] = [change]
        key = canonical(found.requester)
        if key and found.state is TicketState.OPEN:
            history = self._history(conn, key)
            known = history.acquaintance(key, now)
            if spam and found.bound is not Level.A0:
                effects.append(confirm.suspected(key, history, now))
            elif not spam and not found.flood and not conversation.closed_since(conn, key, now - A_DAY):
                effects.append(answer.closed_as_solved(known, history))
        record.apply(conn, effects, now)

    async def _change(self, number: int, event: str, agent: str, detail: str, state: TicketState | None = None) -> None:
        def work(conn: Connection) -> None:
            found, now = self._conversation(conn, number), self.clock()
            change = TicketChange(self.mint.new_id(), found.ticket_id, now, event, f"agent:{agent}", detail, state)
            record.apply(conn, [change], now)

        await self.database.write(work)

    def _held(self, conn: Connection, held_id: int) -> HeldMail:
        mail = conversation.held(conn, held_id)
        if mail is None:
            raise NotFound(f"no held mail {held_id}")
        return mail

    def _conversation(self, conn: Connection, number: int) -> conversation.Conversation:
        found = conversation.of_ticket(conn, number)
        if found is None:
            raise NotFound(f"no ticket #{number}")
        return found


def _breaker_key(scope: Scope, key: str) -> str:
    """The name of what a breaker stands for, as it is looked up."""
    match scope:
        case Scope.ALL:
            return ""
        case Scope.ADDRESS:
            return _key(key)
        case Scope.DOMAIN:
            domain = domain_of(f"x@{key}")
            if not domain:
                raise NotAllowed(f"{key!r} is no domain")
            return domain
        case Scope.MAILBOX:
            return key


def _key(address: str) -> str:
    key = canonical(address)
    if not key:
        raise NotAllowed(f"{address!r} is no address")
    return key
