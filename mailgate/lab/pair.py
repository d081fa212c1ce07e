"""Two gateways that answer each other: what one sends, the other gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from mailgate.lab.account import Account, account_of
from mailgate.lab.letters import Post, plain, stripped, written_by
from mailgate.lab.play import DESK
from mailgate.lab.promise import promised
from mailgate.model import Key, Keys
from mailgate.testing import Lab, Sent

OTHER = "support@h.test"
_OTHERS_KEYS = Keys("otherlab", "1", {"1": b"the other laboratory's key, of a gateway of its own"[:32]})
_OTHERS_DESK: dict[str, Any] = {
    "gateway": {"name": "mx.h.test"},
    "mailbox": [{"address": OTHER, "queue": "support", "mode": "open"}],
}


class Pair:
    """Two gateways, each with a key of its own, and the way between them. With `strips` a relay on it leaves nothing
    of a mail by which a gateway could know another."""

    name = "two gateways"
    does = "acknowledge each other's mail, with no agent on either side"

    def __init__(self, *, strips: bool, holds: timedelta = timedelta(minutes=30)) -> None:
        self.labs = (Lab(overrides=DESK), Lab(overrides=_OTHERS_DESK, keys=_OTHERS_KEYS))
        self._strips, self.holds = strips, holds
        self._number = 0
        if strips:
            self.name, self.does = f"{self.name}, stripped", f"{self.does}, through a relay that strips every mark"

    async def __aenter__(self) -> Self:
        for lab in self.labs:
            await lab.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lab in self.labs:
            await lab.__aexit__(kind, error, trace)

    def carried(self, sent: Sent) -> Post:
        """A mail of one gateway as the other gets it."""
        self._number += 1
        post = Post(sent.raw, sent.mail_from, sent.rcpt_to)
        if not self._strips:
            return post
        # Beyond the relay it goes to the plain address that the first mail came from.
        author, to = written_by(sent.raw), sent.rcpt_to
        return Post(plain(author, self._number, to), author, to)


async def play_pair(
    pair: Pair, *, days: float, most_mails: int, tell: Callable[[int], None] = lambda mails: None
) -> tuple[Account, Account]:
    """Let somebody write to the first in the name of the second, and carry all that follows; an account of each."""
    begun, (first, second) = time.perf_counter(), pair.labs
    start, mails = first.now, [0, 0]
    moving = [(0, stripped(OTHER, 4097, Post(b"", OTHER)))]
    while moving and sum(mails) < most_mails and first.now - start <= timedelta(days=days):
        arrived, moving = moving, []
        for side, post in arrived:
            lab, mails[side] = pair.labs[side], mails[side] + 1
            seen = len(lab.sent)
            await lab.receive(post.raw, mail_from=post.mail_from, rcpt_to=[post.rcpt_to])
            await lab.settle()
            moving += [(1 - side, pair.carried(sent)) for sent in lab.sent[seen:]]
            tell(1)
        for lab in (first, second):
            lab.advance(pair.holds)
    took_s, days_played = time.perf_counter() - begun, (first.now - start) / timedelta(days=1)
    accounts = [_account(pair, lab, mails[side], days_played, took_s) for side, lab in enumerate(pair.labs)]
    return accounts[0], accounts[1]


def _account(pair: Pair, lab: Lab, mails: int, days: float, took_s: float) -> Account:
    stopped, breaker = account_of(lab, {sent.cause for sent in lab.sent if sent.cause is not None})
    side = "first" if lab is pair.labs[0] else "second"
    return Account(
        peer=f"{pair.name}: the {side}",
        does=pair.does,
        days=days,
        mails=mails,
        sent=tuple(lab.sent),
        promised=promised(lab.context.book().limits, Key.ADDRESS, days),
        stopped=stopped,
        ledger=lab.ledger(),
        breaker=breaker,
        took_s=took_s,
    )
