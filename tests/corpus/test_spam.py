"""Mail that people sorted once, on the half of it that no weight was chosen on."""

from __future__ import annotations

from functools import cache

from benchmarks.corpus import SOURCE, Half, Sorted, sorted_mail
from benchmarks.ranking import Ranking, alone, in_laboratory
from tests.corpora import needs
from tests.fakes.judging import rulebook

SPAM_BEFORE = 0.10  # 95 % of wanted mail stands before 90 % of spam
APART = 5.0  # points, as configurations have it that say nothing else

pytestmark = [needs("index.jsonl"), needs(SOURCE)]


@cache
def kept() -> list[Sorted]:
    return sorted_mail(Half.KEPT)


@cache
def ranked() -> Ranking:
    return alone(kept()[::3], rulebook())


def test_likely_people_stand_before_spam() -> None:
    assert ranked().count(spam=True) > 50
    assert ranked().spam_before() <= SPAM_BEFORE
    assert ranked().held.spam_before() <= SPAM_BEFORE


def test_what_stands_apart_is_spam() -> None:
    assert ranked().held.from_points(APART, spam=True) > 0.6
    assert ranked().held.from_points(APART, spam=False) < 0.02


async def test_no_spam_of_strangers_becomes_a_ticket() -> None:
    spam = [one for one in kept() if one.spam][::6]
    ranking, asked = await in_laboratory(spam)

    assert ranking.count(spam=True) == len(spam)
    assert (ranking.tickets(spam=True), asked) == (0, 0)
