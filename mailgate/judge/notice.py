"""What our own people are told at once, and when the digest is due. Of a notice itself nobody is ever told.

Every notice has a number that is made from what it is about, and a permit is granted once for each number: so it is
told once, however many processes look and however often they start.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from mailgate.judge import breaker
from mailgate.judge.canonical import canonical, untagged
from mailgate.judge.limits import Report
from mailgate.model import Breaker, BreakerState, Loop, News, Notify

BY_MAIL = "mail"  # the actor of a breaker that no person moved


class Shunted(Struct, frozen=True):
    """Mail that was set aside within the same few minutes: journal ids, newest first."""

    mails: tuple[int, ...]


class Notice(Struct, frozen=True):
    """One thing worth a mail to our own people. `cause` is below 0, where no journal id ever is."""

    cause: int
    about: Breaker | Loop | Shunted


def worth(news: News, now: datetime, numbers: Report, staff: str) -> list[Notice]:
    """What deserves a notice. `staff` is the canonical address that gets them: what it does itself is no news to it."""
    return [*_opened(news, now), *_loops(news, numbers, staff), *_shunted(news, now, numbers, staff)]


def digest_moment(notify: Notify, now: datetime) -> datetime | None:
    """The newest moment, in UTC, at which a digest was due; None where none ever is."""
    today = now.astimezone(notify.zone).date()
    moments = (
        datetime.combine(day, at, notify.zone).astimezone(UTC)
        for day in (today - timedelta(days=1), today)
        for at in notify.digest_at
    )
    return max((moment for moment in moments if moment <= now), default=None)


def digest_cause(moment: datetime) -> int:
    """The number of the digest of this moment."""
    return _cause("digest", moment.isoformat())


def late_cause(moment: datetime) -> int:
    """The number of the warning of this moment: who waits longer than he was promised."""
    return _cause("late", moment.isoformat())


def _opened(news: News, now: datetime) -> Iterator[Notice]:
    for one in news.breakers:
        stops = breaker.state(one, now) in (BreakerState.OPEN, BreakerState.LATCHED)
        if stops and one.actor == BY_MAIL:
            yield Notice(_cause("breaker", one.scope, one.key, one.since.isoformat()), one)


def _loops(news: News, numbers: Report, staff: str) -> Iterator[Notice]:
    """Each address once a day; who was convicted is told as that."""
    told: set[str] = set()
    for loop in sorted(news.loops, key=lambda one: not one.convicted):
        worth_it = loop.convicted or loop.count >= numbers.withheld_per_day
        if worth_it and loop.address not in told and loop.address != staff:
            told.add(loop.address)
            yield Notice(_cause("loop", loop.address, loop.at.date().isoformat()), loop)


def _shunted(news: News, now: datetime, numbers: Report, staff: str) -> Iterator[Notice]:
    """What was set aside within the same span of the clock is told together, once that span is over.

    Reports, and what our own people's machines answer, are not told of: they may be about a notice.
    """
    spans: dict[int, list[int]] = defaultdict(list)
    wait_s = numbers.shunted_wait_s
    for journal_id, at, mail_from in news.shunted:
        if mail_from and canonical(untagged(mail_from)) != staff:
            spans[int(at.timestamp()) // wait_s].append(journal_id)
    for span, mails in sorted(spans.items()):
        if (span + 1) * wait_s <= now.timestamp():
            yield Notice(_cause("shunted", str(span)), Shunted(tuple(sorted(mails, reverse=True))))


def _cause(*names: str) -> int:
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()
    return -1 - (int.from_bytes(digest[:8], "big") >> 1)
