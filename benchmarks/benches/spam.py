"""How well mail that waits for people is sorted, on mail that people sorted once: no weight was chosen on this half."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.corpus import Half, Sorted, sorted_mail
from benchmarks.promise import AtMost
from benchmarks.ranking import Ranking, every_other, in_laboratory

NOBODY, HALF_KNOWN = "nobody is known", "half of the people are known"
SPAM_BEFORE = 0.10  # 95 % of ham stands before 90 % of spam
_QUICK = 10  # every so many-th mail


def figures(ranking: Ranking) -> dict[str, float]:
    """What is said of one ranking."""
    return {
        "spam_tickets": ranking.tickets(spam=True),
        "spam_before": ranking.spam_before(),
        "held_spam_before": ranking.held.spam_before(),
        "spam_apart": ranking.held.from_points(5.0, spam=True),
        "ham_apart": ranking.held.from_points(5.0, spam=False),
    }


async def _measure(mails: Sequence[Sorted], known: frozenset[str]) -> Found:
    ranking, _ = await in_laboratory(mails, known=known)
    return Found(figures(ranking), len(mails))


@asynccontextmanager
async def _ranked(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = sorted_mail(Half.KEPT)[:: _QUICK if quick else 1]
    yield [
        Contestant(NOBODY, partial(_measure, mails, frozenset())),
        Contestant(HALF_KNOWN, partial(_measure, mails, frozenset(every_other(mails)))),
    ]


SPAM = Bench(
    "spam",
    "the mail of SpamAssassin's public corpus, held by a guarded mailbox; shares of spam and of wanted mail (ham)",
    _ranked,
    (
        AtMost(SPAM_BEFORE, "spam_before", NOBODY),
        AtMost(SPAM_BEFORE, "held_spam_before", NOBODY),
        AtMost(0.5, "spam_tickets", NOBODY),
        AtMost(0.5, "spam_tickets", HALF_KNOWN),
    ),
    repeats=1,
)
