"""Ground: the words by which mail is found: cut in one way only, whether they are kept or asked for.

A word is letters and digits, without accents and in one case: "Straße" and "STRASSE" are the same, "Jürgen" is
"jurgen". Scripts that write no spaces between words are cut into single characters, and a row of them is a phrase: so
any part of a Chinese or Thai sentence is found. Nothing else of a text remains, so no text is a question by its signs.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import re2
from msgspec import Struct

LONGEST_WORD: Final = 40  # characters; what is longer is nothing that anybody types
WORDS_MOST: Final = 2000  # of one text
SOUGHT_MOST: Final = 16  # words of a question; what follows is not asked
SHORTEST_BEGINNING: Final = 3  # characters of a last word that is also taken for a beginning

_PLAIN: Final = re2.compile(r"[a-z0-9]+")
_WORD: Final = re2.compile(r"[\pL\pN]+")
_UNSPACED: Final = re2.compile(
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}])"
)
_QUOTES: Final = dict.fromkeys(map(ord, "“”„‟«»"), '"')


class Sought(Struct, frozen=True):
    """What is asked: every phrase must be there, its words next to each other.

    With `beginning` the last word of the last phrase may go on.
    """

    phrases: tuple[tuple[str, ...], ...] = ()
    beginning: bool = False


def words_of(text: str, most: int = WORDS_MOST) -> list[str]:
    """The first words of `text`, in order."""
    plain = text.isascii()
    found = _PLAIN.findall(text.lower()) if plain else _WORD.findall(_UNSPACED.sub(r" \1 ", _folded(text)))
    return [word[:LONGEST_WORD] for word in found[:most]]


def sought(text: str) -> Sought:
    """`text` as somebody typed it. What stands in double quotes is a phrase; so is what no space parts: an address."""
    pieces = text.translate(_QUOTES).split('"')
    phrases: list[tuple[str, ...]] = []
    left = SOUGHT_MOST
    for place, piece in enumerate(pieces):
        for part in [piece] if place % 2 else piece.split():
            if found := tuple(words_of(part, left)):
                phrases.append(found)
                left -= len(found)
    typing = bool(phrases) and len(pieces) % 2 == 1 and text[-1:].isalnum()
    return Sought(tuple(phrases), typing and left > 0 and len(phrases[-1][-1]) >= SHORTEST_BEGINNING)


def _folded(text: str) -> str:
    # Halves of characters, which no encoding can say, are nothing that anybody looks for.
    whole = text.encode("utf-8", "ignore").decode()
    parted = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", whole).casefold()).casefold()
    return "".join(char for char in parted if unicodedata.category(char) != "Mn")
