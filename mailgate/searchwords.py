"""Ground: the words by which mail is found: cut in one way only, whether they are kept or asked for.

A word is letters and digits, without accents and in one case: "Straße" and "STRASSE" are the same, "Jürgen" is
"jurgen". Scripts that write no spaces between words are cut into single characters, and a row of them is a phrase: so
any part of a Chinese or Thai sentence is found. Nothing else of a text remains, so no text is a question by its signs.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from msgspec import Struct

LONGEST_WORD: Final = 40  # characters; what is longer is nothing that anybody types
WORDS_MOST: Final = 2000  # of one text
SOUGHT_MOST: Final = 16  # words of a question; what follows is not asked
SHORTEST_BEGINNING: Final = 3  # characters of a last word that is also taken for a beginning

_PLAIN: Final = {code: chr(code) if chr(code).isalnum() else " " for code in range(128)}
# Thai to Tibetan, Myanmar, Khmer, kana and bopomofo, and the characters of China in all their blocks.
_UNSPACED: Final = (
    *((0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x312F)),
    *((0x31A0, 0x31FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
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
    parted = text.lower().translate(_PLAIN) if text.isascii() else _parted(text)
    return [word[:LONGEST_WORD] for word in parted.split(None, most)[:most]]


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


def _parted(text: str) -> str:
    """`text` without accents and in one case, with spaces for all that is no part of a word."""
    # Halves of characters, which no encoding can say, are nothing that anybody looks for.
    whole = text.encode("utf-8", "ignore").decode()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", whole).casefold()).casefold()
    return folded.translate({ord(char): _kept(char) for char in set(folded)})


def _kept(char: str) -> str:
    if unicodedata.category(char) == "Mn":
        return ""
    if not char.isalnum():
        return " "
    return f" {char} " if any(first <= ord(char) <= last for first, last in _UNSPACED) else char
