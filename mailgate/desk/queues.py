"""People: what a person of ours may do with mail on its way, and with automatic mail as a whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from mailgate import letters
from mailgate.context import Context
from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import admission, breaker
from mailgate.judge.canonical import domain_of
from mailgate.model import Breaker, BreakerState, Broken, Scope, Sending
from mailgate.store import conduct, errands, journal, locks, outbox, record, restored

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Queues(Acts):
    """Try mail again or call it back; stop automatic mail or let it leave; see whether mail arrives.

    `on_accepted` is called when a mail may wait in the journal.
    """

    def __init__(
        self,
        context: Context,
        *,
        on_outgoing: Callable[[], None] = lambda: None,
        on_accepted: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(context, on_outgoing=on_outgoing)
        self.on_accepted = on_accepted

    async def send_test(self, to: str, subject: str, text: str, patience: timedelta) -> Sending:
        """Send a mail that belongs to no ticket, to see whether it arrives; it is tried for as long as `patience`.

        From the mailbox it goes to, where that is ours, else from the first.

        Raises:
            NotAllowed: `to` is no address.
        """
        key_of(to)
        mailbox = admission.mailbox_of(to, self.gateway) or self.gateway.mailboxes[0]
        now = self.clock()
        sending = letters.test_mail(
            to, mailbox.address, subject, text, self.gateway, mint=self.mint, now=now, give_up_at=now + patience
        )
        await self.database.write(lambda conn: record.apply(conn, [sending], now))
        self.on_outgoing()
        return sending

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

    async def retry_errand(self, errand_id: int) -> None:
        """Hand a mail on now that waits for it, or that was given up."""
        if not await self.database.write(lambda conn: errands.retry(conn, errand_id, self.clock())):
            raise NotFound(f"no errand {errand_id} that can be tried again")

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


def _breaker_key(scope: Scope, key: str) -> str:
    """The name of what a breaker stands for, as it is looked up."""
    match scope:
        case Scope.ALL:
            return ""
        case Scope.ADDRESS:
            return key_of(key)
        case Scope.DOMAIN:
            domain = domain_of(f"x@{key}")
            if not domain:
                raise NotAllowed(f"{key!r} is no domain")
            return domain
        case Scope.MAILBOX:
            return key
