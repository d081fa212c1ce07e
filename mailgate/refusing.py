"""Mail in: a mail that its sender's own server brings may be refused by a rule, before it is accepted.

Asked only where there is such a rule, and only where a refusal is honest: the client speaks for himself, so that his
server tells whoever wrote, and nothing of ours is sent. One answer stands for all recipients of a transaction, so each
of them has to be refused; where one is not, the mail comes in for all, and is held as spam for the others.

Whatever goes wrong here, or takes too long, lets the mail in. What was found out goes on with it to the judge.
"""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.errors import TryAgain
from mailgate.judge import admission, refusal, trust, verdict
from mailgate.judge.refusal import Refusal
from mailgate.log import Event, Log
from mailgate.meter import Meter
from mailgate.model import Accepted, Arrival, Case, Gateway, Protocol, Reply, Role
from mailgate.store import agents, queries, rule_counts

if TYPE_CHECKING:
    from mailgate.origins import Origins
    from mailgate.rulebook import Rulebook
    from mailgate.store.database import Database

# Long enough for a slow name server; a sender who waits longer for the answer to his mail sends it again (RFC 1047).
ASKED_WITHIN_S = 5.0
CASES_MOST = 256  # that are kept for the judge: more than come in while he is at one batch
BYTES_MOST = 16 << 20  # of their mails together


class Heard:
    """What was found out of mails at the door, until the judge asks; the oldest go first where it is too much."""

    def __init__(self, cases_most: int = CASES_MOST, bytes_most: int = BYTES_MOST) -> None:
        self._cases_most = cases_most
        self._bytes_most = bytes_most
        self._cases: dict[int, Case] = {}  # by the identity of their bytes, which lie in memory once
        self._left: dict[int, int] = {}  # how many of the recipients of each are still to be asked for
        self._bytes = 0

    def keep(self, case: Case, recipients: int) -> None:
        """Remember it for so many mails that are accepted with these very bytes."""
        raw = case.accepted.raw
        self.forget(raw)
        self._cases[id(raw)], self._left[id(raw)] = case, recipients
        self._bytes += len(raw)
        while len(self._cases) > self._cases_most or self._bytes > self._bytes_most:
            self.forget(next(iter(self._cases.values())).accepted.raw)

    def forget(self, raw: bytes) -> None:
        """Nobody will ask for it any more."""
        if self._left.pop(id(raw), 0):
            del self._cases[id(raw)]
            self._bytes -= len(raw)

    def take(self, accepted: Accepted, gateway: Gateway, rules: str) -> Case | None:
        """The case of a mail as it was heard at the door, by the `rules` of this version; None where it was not."""
        raw = accepted.raw
        found = self._cases.get(id(raw))
        if found is None or found.rules != rules or _session(found.accepted) != _session(accepted):
            return None
        self._left[id(raw)] -= 1
        if not self._left[id(raw)]:
            del self._cases[id(raw)], self._left[id(raw)]
            self._bytes -= len(raw)
        return of_recipient(found, accepted, gateway)


def of_recipient(case: Case, accepted: Accepted, gateway: Gateway) -> Case:
    """The case as it is for another recipient of the same transaction, none of whom has a signed address."""
    mailbox = admission.mailbox_of(accepted.rcpt_to, gateway) or gateway.mailboxes[0]
    return replace(case, accepted=accepted, mailbox=mailbox)


class Reader(typing.Protocol):
    """What reads mail, authenticates it, and remembers it for the judge."""

    database: Database
    gateway: Gateway
    book: Callable[[], Rulebook]
    log: Log
    meter: Meter
    heard: Heard

    async def prepare(self, accepted: Accepted) -> Case:
        """Read a mail and find out who it is from."""


class Refusing:
    """Asks the rules that refuse."""

    def __init__(self, intake: Reader, origins: Origins | None = None) -> None:
        """`intake` reads mail and authenticates it; `origins` knows clients who bring what others accepted."""
        self.intake = intake
        self.origins = origins
        self._asked: tuple[str, bool] = ("", False)  # the version of the rules, and whether one of them refuses

    async def refusal(self, arrival: Arrival) -> Reply | None:
        """The refusal of a finished mail for all its recipients; None where it comes in."""
        book = self.intake.book()
        if not (self._refuses(book) and self._speaks_for_himself(arrival)):
            return None
        try:
            async with asyncio.timeout(ASKED_WITHIN_S):
                found = await self._ask(arrival, book)
        except (TimeoutError, TryAgain):
            return None
        # Broad, because a mail that does this to us is no reason to refuse it: the judge will meet it again.
        except Exception:
            self.intake.log.exception(Event.REFUSAL_NOT_ASKED)
            return None
        if found is None:
            return None
        self.intake.heard.forget(arrival.raw)
        self.intake.meter.refused(found.rule)
        self.intake.log.info(Event.MAIL_REFUSED, rule=found.rule, place=found.place, recipients=len(arrival.recipients))
        return found.reply

    def _refuses(self, book: Rulebook) -> bool:
        if self._asked[0] != book.version:
            self._asked = (book.version, refusal.asks(book.signals.rules))
        return self._asked[1]

    def _speaks_for_himself(self, arrival: Arrival) -> bool:
        """Behind a queue a refusal would become a bounce to whoever stands there as the sender."""
        peer = arrival.peer
        direct = peer.role is Role.EDGE and peer.protocol is Protocol.SMTP and peer.via is None
        exempt = any(
            admission.is_service(one) or admission.recipient_token(one, self.intake.gateway)
            for one in arrival.recipients
        )
        return direct and not exempt and not (self.origins and self.origins.is_ours(peer))

    async def _ask(self, arrival: Arrival, book: Rulebook) -> Refusal | None:
        mails = [_as_accepted(arrival, recipient) for recipient in arrival.recipients]
        case = await self.intake.prepare(mails[0])
        if not case.forwarded:
            self.intake.heard.keep(case, len(mails))
        found: Refusal | None = None
        for mail in mails:
            to = of_recipient(case, mail, self.intake.gateway)
            refused = refusal.refusal(to, book.signals, book.limits.shared, self.intake.gateway)
            if refused is None:
                return None
            found = found or refused
        assert found is not None, "a mail has a recipient"
        if await self._is_known(case, found):
            return None
        await self.intake.database.together(rule_counts.refused, (arrival.at.date(), found.rule))
        return found

    async def _is_known(self, case: Case, found: Refusal) -> bool:
        """Is it of our own people; or, where points count, of whom we trust or an answer? These may have fewer."""
        sender = verdict.sender_of(case)
        agent = await self.intake.database.read(lambda conn: agents.one(conn, sender)) if sender else None
        if agent and agent.left_at is None:
            return True
        if not found.by_points:
            return False
        if case.mail.in_reply_to or case.mail.references:
            return True
        known = await self.intake.database.read(lambda conn: queries.acquaintance(conn, sender))
        return known is not None and trust.current(known, case.accepted.at).trust is not None


def _as_accepted(arrival: Arrival, recipient: str) -> Accepted:
    return Accepted(0, "", arrival.at, arrival.mail_from, recipient, arrival.peer, arrival.raw, arrival.notes)


def _session(accepted: Accepted) -> tuple[object, ...]:
    """What is the same for all recipients of a transaction, and for no other one."""
    return accepted.mail_from, accepted.peer, accepted.at, accepted.notes
