"""Which canned answers may fit a mail: those whose words stand in it. It only proposes; a person chooses and sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import re2
from msgspec import Struct

MOST_CHARS = 20_000  # of a text that are looked at
IN_SUBJECT = 3  # what a hint counts there, where one in the text counts 1: few words say what the mail is about
_WORD: Final = re2.compile(r"[\pL\pM\p{Nd}'’]+")
_UNSPACED: Final = re2.compile(r"[\x{2e80}-\x{9fff}\x{f900}-\x{faff}\x{0e00}-\x{0eff}]")


class Suggestion(Struct, frozen=True):
    """A canned answer by its name, and the words of the mail that speak for it, the strongest first."""

    name: str
    why: tuple[str, ...]


def suggested(subject: str, text: str, hints: Mapping[str, Sequence[str]], most: int) -> tuple[Suggestion, ...]:
    """The best `most` canned answers, best first; of equals in the order of their names. None without a word of it.

    `hints` are the words and phrases, folded, that suggest each; `text` is what the customer wrote himself.
    """
    head, body = _folded(subject), _folded(text[:MOST_CHARS])
    scored: list[tuple[int, str, tuple[str, ...]]] = []
    for name, phrases in hints.items():
        weights = {phrase: IN_SUBJECT * _stands_in(phrase, head) + _stands_in(phrase, body) for phrase in phrases}
        why = tuple(sorted((phrase for phrase in weights if weights[phrase]), key=lambda one: -weights[one]))
        if why:
            scored.append((-sum(weights.values()), name, why))
    return tuple(Suggestion(name, why) for _, name, why in sorted(scored)[:most])


def _folded(text: str) -> str:
    """Its words between single spaces, one before the first and one behind the last."""
    return f" {' '.join(_WORD.findall(text.casefold().replace('’', chr(39))))} "


def _stands_in(phrase: str, words: str) -> bool:
    """Is it there as whole words? Writing without spaces between words has none."""
    wanted = _folded(phrase)
    return wanted.strip() in words if _UNSPACED.search(phrase) else wanted in words
