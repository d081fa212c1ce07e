"""Which of our own people hears of what happens in a ticket, and under which number a mail of it is granted.

Nobody hears of what he did himself. A number is made from what a mail is about and for whom, and a permit is granted
once for each: so whatever looks, and however often, tells once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from mailgate.model import Agent, Happening

TO_WRITER = frozenset({"not-sent", "refused"})  # he alone hears of it
OF_OURS = frozenset({*TO_WRITER, "undelivered"})  # what speaks of no mail that came


def readers(news: Happening, people: Iterable[Agent]) -> tuple[Agent, ...]:
    """Whom it concerns: who has the ticket, alone; else everybody of its queue; of his own mail, its writer."""
    current = [one for one in people if one.left_at is None and one.added_at <= news.at]
    actor = news.actor.removeprefix("agent:")
    if news.event in TO_WRITER:
        return tuple(one for one in current if one.name == actor)
    holder = tuple(one for one in current if news.assignee and one.name == news.assignee)
    wanted = holder or tuple(one for one in current if not one.queues or news.queue in one.queues)
    return tuple(one for one in wanted if one.name != actor and one.address != news.sender)


def cause(news: Happening, reader: Agent) -> int:
    """The number of the mail to him, below 0. That something was not sent is told once a day."""
    if news.event == "not-sent":
        return _number("not-sent", reader.address, news.at.date().isoformat())
    return _number("news", reader.address, str(news.id))


def digest_cause(reader: Agent, at: datetime) -> int:
    """The number of a digest to him; the hour that it may be sent in is for the gate to say."""
    return _number("news-digest", reader.address, at.isoformat())


def unreachable_cause(reader: Agent, since: datetime) -> int:
    """The number of the notice that mail to him comes back."""
    return _number("unreachable", reader.address, since.isoformat())


def is_late(news: Happening, now: datetime, digest_after_s: int) -> bool:
    """Has it waited so long that a digest tells of it?"""
    return now - news.at >= timedelta(seconds=digest_after_s)


def _number(*names: str) -> int:
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()
    return -1 - (int.from_bytes(digest[:8], "big") >> 1)
