"""Finds the words that introduce a quote ("On 1 May, Joe wrote:"), over one line or several. Knows no other lines."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from mailgate.mail.quotes import Quotes

MOST_LINES = 5  # that programs break such words into
LONGEST = 400  # characters
LONGEST_NAME = 200  # of an introduction that has no date, only a name

_SIGNS = " \t-*_=>|\u2014\u200e\u200f\u202a\u202b\u202c"
# A time, a year or a day in figures, in any script's figures, or an address.
_DATED = re2.compile(
    r"\p{Nd}{1,2}[:.h]\p{Nd}{2}|(?:^|\P{Nd})(?:1[349]|2[05]|[\x{660}-\x{669}\x{6f0}-\x{6f9}]{2})\p{Nd}{2}(?:$|\P{Nd})"
    r"|\p{Nd}{1,2}[./-]\p{Nd}{1,2}|[年日월일]|@"
)
_FIGURE = re2.compile(r"\p{Nd}|@")
# ISO 8601's order of year, month and day, as Gmail and Asian mail programs write it.
_DATE_FIRST = re2.compile(r"^\p{Nd}{4} ?[-/.年년] ?\p{Nd}{1,2} ?[-/.月월] ?\p{Nd}{1,2}")
_ADDRESS_LAST = re2.compile(r"<[^<>]*@[^<>]*(?:>.{0,12}[:：]|>)?$")
_GMAIL_ZONE = re2.compile(r"^[\d-]{10} \d\d:\d\d GMT[+-]\d\d:\d\d \P{Nd}{2,60}$")
# In a language that needs no word for writing: a clock, and an address and a colon at the end.
_WHO_AND_WHEN = re2.compile(r"\p{Nd}{1,2}[:.]\p{Nd}{2}.*[<(\[][^<>()\[\]]*@[^<>()\[\]]*[>)\]] ?[:：]$")
_ENDS = (":", "：")


def introduction(lines: Sequence[str], kinds: Sequence[str], end: int, quotes: Quotes) -> int | None:
    """The line where the introduction begins whose last line is `end`; None where those words introduce nothing.

    `lines` are stripped; `kinds` says what is known of each: `q` is quoted, `t` text, `e` empty.
    """
    quoted = kinds[end] == "q"
    followed = _is_followed_by_quote(kinds, end)
    text = ""
    for start in range(end, max(end - MOST_LINES, -1), -1):
        line = lines[start]
        if start < end and not _goes_on(lines, kinds, start):
            return None
        text = f"{line} {text}" if text else line
        if len(text) > LONGEST:
            return None
        if not line or line[0] == "<" or (line[0] == ">" and not quoted):
            continue  # the middle of an address cannot be where it begins
        if start > 0 and lines[start - 1].endswith(("<", "(")):
            continue
        plain = text.strip(_SIGNS)
        begins = start == 0 or kinds[start - 1] != "t" or lines[start - 1].endswith(_ENDS)
        if plain and _introduces(plain, quotes, begins=begins, followed=followed or quoted):
            return start - _is_led_above(lines, kinds, start, quotes)
    return None


def _is_led_above(lines: Sequence[str], kinds: Sequence[str], start: int, quotes: Quotes) -> bool:
    """Did it begin one line earlier still, with a date that the line broke after?"""
    above = lines[start - 1] if start > 0 and kinds[start - 1] == "t" else ""
    return above.endswith(",") and _is_led(above, quotes.leads) and bool(_FIGURE.search(above))


def _goes_on(lines: Sequence[str], kinds: Sequence[str], at: int) -> bool:
    """Can the introduction have begun in the line `at` or above, when it goes on below?"""
    if kinds[at] == "e":
        # An address set on lines of its own, as HTML made into text has it.
        return lines[at + 1][:1] in ("<", ">")
    return kinds[at] in ("t", "h") or (kinds[at] == "q" == kinds[at + 1])


def _is_followed_by_quote(kinds: Sequence[str], end: int) -> bool:
    after = next((kind for kind in kinds[end + 1 : end + 1 + MOST_LINES] if kind != "e"), "")
    return after == "q"


def _introduces(text: str, quotes: Quotes, *, begins: bool, followed: bool) -> bool:
    ends = text.endswith(_ENDS)
    if begins and (_is_dated_first(text, told=ends or followed) or (ends and _WHO_AND_WHEN.search(text))):
        return True
    if not (ends or followed or "@" in text):
        return False
    dated = bool(_DATED.search(text))
    if quotes.wrote is None or not quotes.wrote.search(text):
        # In a language that nobody told us: who and when, a colon, and then the quote.
        return begins and ends and followed and dated and "@" in text
    if not followed and quotes.by_oneself is not None and quotes.by_oneself.search(text):
        return False
    if _is_led(text, quotes.leads) and (dated or (followed and _FIGURE.search(text))):
        return True
    return begins and (dated or (followed and ends and len(text) < LONGEST_NAME))


def _is_dated_first(text: str, *, told: bool) -> bool:
    """Does a date begin the text, and somebody's name or address end it? A line of a log is `told` by neither sign."""
    if not text[0].isdigit() or not _DATE_FIRST.search(text):
        return False
    return bool(_GMAIL_ZONE.search(text) or (told and _ADDRESS_LAST.search(text)))


def _is_led(text: str, leads: tuple[str, ...]) -> bool:
    folded = text[:40].casefold()
    if not folded.startswith(leads):
        return False
    return any(folded.startswith(lead) and _ends_word(folded[len(lead) : len(lead) + 1]) for lead in leads)


def _ends_word(letter: str) -> bool:
    """Does a word end before `letter`? Writing without spaces (Thai and beyond) ends words anywhere."""
    return letter in ("", " ", ",", "\u00a0") or letter.isdigit() or letter >= "\u0e00"
