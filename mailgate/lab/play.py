"""Lets an evil peer and the gateway write to each other, mail by mail, for as long as wanted."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from mailgate.lab.account import Account, account_of
from mailgate.lab.letters import MAILBOX, Post
from mailgate.lab.peer import Peer
from mailgate.lab.promise import promised
from mailgate.testing import Lab

AT_ONCE = 200  # mails of one moment that are handed in together
# `open` answers whom it never met, so that whatever a peer can get, it gets.
DESK: dict[str, Any] = {"mailbox": [{"address": MAILBOX, "queue": "support", "mode": "open"}]}


async def play(
    lab: Lab, peer: Peer, *, days: float, most_mails: int, tell: Callable[[int], None] = lambda mails: None
) -> Account:
    """Play until nobody has anything more to say, or `days` are over, or the peer has sent `most_mails`.

    `tell` is told how many mails went in, now and then.
    """
    begun, start, before = time.perf_counter(), lab.now, len(lab.sent)
    course = _Course(peer, start, start + timedelta(days=days), most_mails)
    for at, posts in course.moments():
        lab.advance(at - lab.now)
        seen = len(lab.sent)
        await lab.receive_many([_transaction(post) for post in posts])
        await lab.settle()
        for sent in lab.sent[seen:]:
            course.queue(peer.receives(sent), lab.now)
        tell(len(posts))
    left = tuple(lab.sent[before:])
    days_played = (lab.now - start) / timedelta(days=1)
    stopped, breaker = account_of(lab, {sent.cause for sent in left if sent.cause is not None})
    return Account(
        peer=peer.name,
        does=peer.does,
        days=days_played,
        mails=course.mails,
        sent=left,
        promised=promised(lab.context.book().limits, peer.key, days_played),
        stopped=stopped,
        ledger=lab.ledger(),
        breaker=breaker,
        took_s=time.perf_counter() - begun,
    )


class _Course:
    """What is still to come, in the order of time. What a peer sends of itself is asked for one by one: it may be
    without end."""

    def __init__(self, peer: Peer, start: datetime, end: datetime, most_mails: int) -> None:
        self._own: Iterator[Post] = iter(peer.begins())
        self._start, self._end, self._most = start, end, most_mails
        self._order = count()
        self._waiting: list[tuple[datetime, int, bool, Post]] = []
        self.mails = 0
        self._ask()

    def queue(self, posts: Iterable[Post], now: datetime) -> None:
        """Remember what a peer answers."""
        for post in posts:
            heapq.heappush(self._waiting, (now + post.after, next(self._order), False, post))

    def moments(self) -> Iterator[tuple[datetime, list[Post]]]:
        """The moments at which mail comes, each with its mail."""
        while self._waiting and self.mails < self._most and self._waiting[0][0] < self._end:
            at = self._waiting[0][0]
            posts: list[Post] = []
            while self._waiting and self._waiting[0][0] == at and len(posts) < min(AT_ONCE, self._most - self.mails):
                _, _, own, post = heapq.heappop(self._waiting)
                posts.append(post)
                if own:
                    self._ask()
            self.mails += len(posts)
            yield at, posts

    def _ask(self) -> None:
        post = next(self._own, None)
        if post is not None:
            heapq.heappush(self._waiting, (self._start + post.after, next(self._order), True, post))


def _transaction(post: Post) -> dict[str, Any]:
    return {
        "raw": post.raw,
        "mail_from": post.mail_from,
        "rcpt_to": [post.rcpt_to],
        "auth": post.auth,
        "peer": post.peer,
    }
