"""What a person wrote in a reply, apart from quotes, signatures and notices; knows no mail program by name.

How it works: every line gets a letter for what it is (lines.py, notices.py), and a mail is the word of these letters.
What to hide is then a short list of shapes in that word: text above a quote, text below one, answers between quotes.
When in doubt words stay, and a mail that would have none left is shown whole: nothing is lost, only folded away.

`te*b` reads: a line of text, perhaps empty ones, and a line that introduces a quote. The order of the steps matters,
since each reads what the former left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2
from msgspec import Struct

from mailgate.mail.quotes import Quotes
from mailgate.mail.reply.legal import mark_notices, mark_sent
from mailgate.mail.reply.lines import Kind, kinds

MOST_LINES = 50_000  # looked at one by one; what follows counts as one long line
MOST_AFTERWORDS = 6  # lines below a quote that count as left over from it where new text stands above
LONGEST_GREETING = 60  # characters of the only line above a quote that does not count as an answer

_TEXT_BELOW: Final = re2.compile(r"^e*b[^t]*?[bqehs]*(t[et]*)$")
_UNQUOTED_BELOW: Final = re2.compile(r"te*b[^q]*$")
_QUOTE_AND_AFTERWORDS: Final = re2.compile(r"te*b[eqbh]*([te]*)$")
_QUOTE_BELOW: Final = re2.compile(r"te*[qbe]+$")
_HEADER_BELOW: Final = re2.compile(r"t[eqb]*h")
_PLAIN: Final = Kind.TEXT + Kind.EMPTY
_BELOW: Final = (Kind.QUOTED, Kind.INTRODUCING, Kind.EMPTY)
_OLD: Final = (Kind.INTRODUCING, Kind.QUOTED, Kind.FIELD)
_OLD_ALONE: Final = frozenset((Kind.INTRODUCING, Kind.FIELD))


class Reply(Struct, frozen=True):
    """A text parted in two; lines keep their order, blank ones around are left out.

    `text` is what to show: the new words, with those quoted lines that they answer. It is the whole text where nothing
    would be left. `own` is what the writer wrote in it, without any quote: "" for a mail that only quotes.
    `hidden` is all that `text` leaves out.
    """

    text: str
    own: str
    hidden: str


def reply_of(text: str, quotes: Quotes, marker: str = "", sent: str = "") -> Reply:
    """Part the new words of `text` (`\\n` lines) from the old ones.

    `marker` is how a line begins that only our own mail carries. `sent` is the text of the mail that was answered,
    where it is at hand: its lines are old even where no program quoted them.
    """
    lines = text.split("\n", MOST_LINES)
    found = kinds(lines, quotes, marker)
    mark_notices(lines, found, quotes)
    if sent:
        mark_sent(lines, found, sent)
    word = "".join(found)
    if not word.strip(_PLAIN):
        whole = text.strip("\n")
        return Reply(whole, whole, "")
    kept = _new(_Kept(range(len(lines)), word), lines, quotes)
    if Kind.TEXT not in kept.kinds:
        return Reply(text.strip("\n"), "", "")
    shown = set(kept.places)
    own = (lines[place] for place, kind in zip(kept.places, kept.kinds, strict=True) if kind != Kind.QUOTED)
    hidden = (line for place, line in enumerate(lines) if place not in shown)
    return Reply(_joined(lines[place] for place in kept.places), _joined(own), _joined(hidden))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The lines that are shown, by their places in the text, and a letter for each."""

    places: Sequence[int]
    kinds: str

    def part(self, start: int, end: int) -> _Kept:
        return _Kept(self.places[start:end], self.kinds[start:end])

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, str]]) -> _Kept:
        return cls([place for place, _ in pairs], "".join(kind for _, kind in pairs))

    def without_kinds(self, unwanted: Iterable[str]) -> _Kept:
        if not any(kind in self.kinds for kind in unwanted):
            return self
        pairs = zip(self.places, self.kinds, strict=True)
        return _Kept.of([(place, kind) for place, kind in pairs if kind not in unwanted])


def _new(kept: _Kept, lines: Sequence[str], quotes: Quotes) -> _Kept:
    """What is left when the old lines are taken away."""
    kept = _unsigned(kept)
    kept = _from_below(kept)
    kept = _above_old(kept, lines, quotes)
    kept = kept.without_kinds(_OLD_ALONE)
    # A quote at the end answers nothing, and nothing answers it.
    if Kind.TEXT in kept.kinds:
        kept = kept.part(0, len(kept.kinds.rstrip("eq")))
    return kept


def _unsigned(kept: _Kept) -> _Kept:
    """Without lines that sign, and without what stands below a rule, down to the end or to the next old line."""
    if Kind.RULE not in kept.kinds and Kind.SIGNING not in kept.kinds:
        return kept
    pairs: list[tuple[int, str]] = []
    signing = False
    for place, kind in zip(kept.places, kept.kinds, strict=True):
        signing = kind == Kind.RULE or (signing and kind not in _OLD)
        if not signing and kind != Kind.SIGNING:
            pairs.append((place, kind))
    return _Kept.of(pairs)


def _from_below(kept: _Kept) -> _Kept:
    """Only the text below, where the mail begins with a quote that was introduced: it was answered at its end."""
    below = _TEXT_BELOW.search(kept.kinds) if kept.kinds.lstrip(Kind.EMPTY)[:1] == Kind.INTRODUCING else None
    return kept.part(below.start(1), len(kept.kinds)) if below else kept


def _above_old(kept: _Kept, lines: Sequence[str], quotes: Quotes) -> _Kept:
    """Only the text above, where what is below is an old mail as a whole."""
    if Kind.INTRODUCING in kept.kinds and (unquoted := _UNQUOTED_BELOW.search(kept.kinds)):
        kept = kept.part(0, unquoted.start() + 1)
    after = _QUOTE_AND_AFTERWORDS.search(kept.kinds) if Kind.INTRODUCING in kept.kinds else None
    if after and after[1].count(Kind.TEXT) <= MOST_AFTERWORDS and not _announces(kept, after, lines, quotes):
        kept = kept.part(0, after.start() + 1)
    if kept.kinds[-1:] in _BELOW and (below := _QUOTE_BELOW.search(kept.kinds)):
        kept = kept.part(0, below.start() + 1)
    if Kind.FIELD in kept.kinds and (header := _HEADER_BELOW.search(kept.kinds)):
        kept = kept.part(0, header.start() + 1)
    return kept


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).strip("\n")


def _announces(kept: _Kept, after: Any, lines: Sequence[str], quotes: Quotes) -> bool:
    """Is the text above only a greeting, or does it say that the answer stands below?"""
    if not after[1]:
        return False
    above = [lines[place] for place in kept.places[: after.start() + 1] if lines[place].strip()]
    if len(above) == 1 and len(above[0]) <= LONGEST_GREETING and above[0].rstrip().endswith((",", "，", ":")):
        return True
    return quotes.inline is not None and bool(quotes.inline.search("\n".join(above)))
