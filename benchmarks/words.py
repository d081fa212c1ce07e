"""What people write about, as an index of words sees it: few words stand in most mails, and most in few."""

from __future__ import annotations

import random
from itertools import accumulate

_SYLLABLES = ("ba", "do", "fe", "gi", "ko", "la", "me", "ni", "po", "ra", "so", "ti", "vu", "we")
_VOCABULARY = 50_000
_TEXT, _SUBJECT = 60, 4  # words of a text and of a subject, beside those that every one has

EVERYWHERE = "hello"  # in every mail
NOWHERE = "xylophone"


def _word(rank: int) -> str:
    """Frequent words are short."""
    letters = [_SYLLABLES[rank % len(_SYLLABLES)]]
    while rank := rank // len(_SYLLABLES):
        letters.append(_SYLLABLES[rank % len(_SYLLABLES)])
    return "".join(letters)


WORDS = tuple(_word(rank) for rank in range(_VOCABULARY))
# The word of rank n is as frequent as 1/n (Zipf's law).
_WEIGHTS = tuple(accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))


def subject(ticket: int) -> str:
    """What a ticket is about; its order has a number of its own."""
    return " ".join([*_some(random.Random(ticket), _SUBJECT), order(ticket)])


def order(ticket: int) -> str:
    """A word that stands in one ticket."""
    return f"order{ticket}"


def text(number: int) -> list[str]:
    """The words of the mail of this number."""
    return [EVERYWHERE, *_some(random.Random(-number), _TEXT)]


def _some(chance: random.Random, words: int) -> list[str]:
    return chance.choices(WORDS, cum_weights=_WEIGHTS, k=words)
