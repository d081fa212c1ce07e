"""What each line of a mail is: new, quoted, introducing a quote, signing. Says nothing of which of them are kept.

Lines are looked up and not compared: each costs a few set and dictionary look-ups, and only those that could introduce
a quote are read more closely, a bounded number of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mailgate.mail.quotes import INDEXED_CHARS, Quotes
from mailgate.mail.reply.attribution import introduction

# Blanks and the invisible signs by which the direction of writing is set, which stand around words from the right.
EDGES: Final = " \t\r\f\v\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u3000\ufeff"
RULE_SIGNS: Final = "-_=+~#*,\u2014\u2013\u2500\u2501\u1427"
RULES_ALONE: Final = frozenset("\u2014\u1427")  # a rule even if it is but one
_PARTING: Final = "-_*\u2014\u2013\u2500\u2501"  # rules that part a signature off
_SEPARATING: Final = "-*"  # of these, those that as often stand between paragraphs
_OPENING: Final = "*_-[(<\u2014 "  # before a line that signs
_ARMOUR: Final = "-----BEGIN PGP SIGNATURE-----"
MOST_INTRODUCTIONS = 1000  # looked for in one mail
LONGEST_LINE = 1000  # characters; a longer one is text
LONGEST_FIELD = 40  # characters of a field's name
LONGEST_SUPERCITE = 15
MOST_BLANK = 3  # lines between a quote and what introduces it
LONGEST_DEVICE = 200
MOST_DEVICE_WORDS = 10
MOST_SHORT_WORDS = 4
MOST_FOLDED = 3  # lines that a field above a copied mail may go on for
LEAST_FIELDS = 3
MOST_SIGNATURE_LINES = 6  # below a rule that is no `-- `
LEAST_SENTENCE_WORDS = 4
LEAST_WRAPPED = 60  # characters of a quoted line that may have been broken


class Kind(StrEnum):
    """One letter for each line, so that a whole mail can be read as one word."""

    EMPTY = "e"
    TEXT = "t"
    QUOTED = "q"
    INTRODUCING = "b"
    FIELD = "h"
    RULE = "d"
    SIGNING = "s"


def kinds(lines: Sequence[str], quotes: Quotes, marker: str = "") -> list[Kind]:
    """What each of `lines` is. `marker` is how a line begins that only our own mail carries; "" knows none."""
    bare = [line.strip() if line.isascii() else line.strip(EDGES) for line in lines]
    found = [Kind.EMPTY if not line else Kind.QUOTED if line[0] == ">" else Kind.TEXT for line in bare]
    remarkable = _remarkable(bare, quotes)
    for index in remarkable:
        found[index] = _kind(bare[index], quotes)
    if remarkable:
        _keep_code(bare, found, remarkable)
        _mark_supercites(bare, found, remarkable)
        _mark_introductions(bare, found, remarkable, quotes)
    if marker:
        _mark_ours(bare, found, marker)
    if Kind.FIELD in found:
        _mark_fields(bare, found, quotes)
    if _ARMOUR in bare:
        _mark_armour(bare, found)
    if Kind.QUOTED in found:
        _mark_wraps(bare, found)
    if Kind.RULE in found:
        _mark_rules(bare, found)
    return found


def field_of(line: str, quotes: Quotes) -> str:
    """Which field of a header the line begins with: "subject" for `Betreff: x`; "" for none. `line` is stripped."""
    colon = line.find(":", 1, LONGEST_FIELD)
    if colon < 0 and not line.isascii():
        colon = line.find("：", 1, LONGEST_FIELD)
    return quotes.fields.get(line[:colon].strip("*_| \u00a0").casefold(), "") if colon > 0 else ""


def _remarkable(bare: list[str], quotes: Quotes) -> list[int]:
    """The lines that need a closer look. Most do not: their first and last letters tell what they are."""
    starts, ends = quotes.remarkable_starts, quotes.remarkable_ends
    return [
        index
        for index, line in enumerate(bare)
        if line
        and (
            not line[0].isalpha()
            or ":" in line
            or ">" in line
            or line[:INDEXED_CHARS] in starts
            or line[-INDEXED_CHARS:] in ends
            or "：" in line
            or line in RULES_ALONE
        )
        and not (line[0] == ">" and index and bare[index - 1][:1] == ">" and len(line) > LONGEST_SUPERCITE)
    ]


def _kind(line: str, quotes: Quotes) -> Kind:
    """What a stripped line is by itself."""
    if not line:
        return Kind.EMPTY
    first = line[0]
    if first == ">" or (first == "|" and (line[-1] != "|" or line == "|")):
        return Kind.QUOTED
    if len(line) > LONGEST_LINE:
        return Kind.TEXT
    if not first.isalnum() or first in RULES_ALONE:
        if _is_rule(line):
            return Kind.RULE
        if line.strip(RULE_SIGNS + EDGES + ":<>[].").casefold() in quotes.originals:
            return Kind.INTRODUCING
    if line[-1] == ":" and line[:-1].casefold() in quotes.originals:
        return Kind.INTRODUCING
    if field_of(line, quotes):
        return Kind.FIELD
    return Kind.SIGNING if _is_of_device(line, quotes) else Kind.TEXT


def _is_rule(line: str) -> bool:
    return not line.strip(RULE_SIGNS + " ") and (len(line) > 1 or line in RULES_ALONE)


def _is_of_device(line: str, quotes: Quotes) -> bool:
    if len(line) > LONGEST_DEVICE:
        return False
    if line[0] in _OPENING:
        line = line.lstrip(_OPENING) or line
    first, last = line[:INDEXED_CHARS].casefold(), line[-INDEXED_CHARS:].casefold()
    starts, short_starts, ends = (
        quotes.devices.get(first, ()),
        quotes.devices_short.get(first, ()),
        quotes.device_ends.get(last, ()),
    )
    if not (starts or short_starts or ends):
        return False
    plain = line.casefold().replace("[", "", 1)  # a link, as HTML made into text has it
    words = len(plain.split())
    if plain.startswith(starts) and words <= MOST_DEVICE_WORDS:
        return True
    return words <= MOST_SHORT_WORDS and (plain.startswith(short_starts) or plain.endswith(ends))


def _keep_code(bare: list[str], found: list[Kind], remarkable: list[int]) -> None:
    """What stands between two fences of code is text, whatever it looks like."""
    fences = [index for index in remarkable if bare[index].startswith("```")]
    for opening, closing in zip(fences[::2], fences[1::2], strict=False):
        found[opening : closing + 1] = [Kind.TEXT] * (closing + 1 - opening)


def _mark_supercites(bare: list[str], found: list[Kind], remarkable: list[int]) -> None:
    """Lines quoted by a name ("Joe> ") count where another such line or an introduction stands before or after."""
    named = ((index, _supercite(bare[index])) for index in remarkable if found[index] is Kind.TEXT)
    names = {index: name for index, name in named if name}
    for index, name in names.items():
        above = next((at for at in range(index - 1, max(index - 1 - MOST_BLANK, -1), -1) if bare[at]), index)
        if name in (names.get(index + 1), names.get(index - 1)) or bare[above].endswith(":"):
            found[index] = Kind.QUOTED


def _supercite(line: str) -> str:
    end = line.find(">", 1, LONGEST_SUPERCITE)
    return line[:end] if end > 0 and line[:end].isalpha() and line[end + 1 : end + 2] in ("", " ", ">") else ""


def _mark_ours(bare: list[str], found: list[Kind], marker: str) -> None:
    for index, line in enumerate(bare):
        if line.startswith(marker):
            found[index] = Kind.SIGNING


def _mark_introductions(bare: list[str], found: list[Kind], remarkable: list[int], quotes: Quotes) -> None:
    looked = 0
    for index in remarkable:
        line, kind = bare[index], found[index]
        # The line that introduces a quote can itself be quoted, as the first of its block.
        begins = kind is Kind.QUOTED and (index == 0 or found[index - 1] is not Kind.QUOTED)
        broken = kind is Kind.QUOTED and len(line) < LONGEST_SUPERCITE
        if not (kind is Kind.TEXT or kind is Kind.FIELD or begins or broken) or len(line) > LONGEST_LINE:
            continue
        if not _could_introduce(line, quotes):
            continue
        looked += 1
        if looked > MOST_INTRODUCTIONS:
            return
        start = introduction(bare, found, index, quotes)
        if start is not None:
            found[start : index + 1] = [Kind.INTRODUCING] * (index + 1 - start)


def _could_introduce(line: str, quotes: Quotes) -> bool:
    """Only lines that end in a colon or a word for writing, or begin with a date."""
    last = line[-1]
    if last in ":：":
        return True
    if last in "<(":  # an address goes on below
        return False
    if line[0].isdigit() and line[:4].isdigit():
        return True
    if last in RULE_SIGNS:
        line = line.rstrip(RULE_SIGNS + " :")
    return bool(line) and line.rsplit(None, 1)[-1].casefold() in quotes.wrote_last


def _mark_fields(bare: list[str], found: list[Kind], quotes: Quotes) -> None:
    """Fields stay fields where they make a header block together; alone they are somebody's words."""
    at = 0
    while at < len(found):
        if found[at] is not Kind.FIELD:
            at += 1
            continue
        block = _block(found, at)
        roles = [field_of(bare[index], quotes) for index in block if found[index] is Kind.FIELD]
        kind = Kind.FIELD if _is_header(roles, "\n".join(bare[index] for index in block)) else Kind.TEXT
        for index in block:
            if found[index] is not Kind.EMPTY:
                found[index] = kind
        at = block.stop


def _block(found: list[Kind], start: int) -> range:
    """The lines from one field to the last that belongs to the same header; fields may be folded or spaced out."""
    last = at = start
    while at + 1 < len(found) and at - last <= MOST_FOLDED:
        at += 1
        if found[at] is Kind.FIELD:
            last = at
        elif found[at] not in (Kind.TEXT, Kind.EMPTY):
            break
    return range(start, last + 1)


def _is_header(roles: list[str], text: str) -> bool:
    """Three fields with a subject or an address among them: "From: Berlin, To: Rome, Date: May" is a journey."""
    return len(roles) >= LEAST_FIELDS and len(set(roles)) > 1 and ("subject" in roles or "@" in text)


def _mark_armour(bare: list[str], found: list[Kind]) -> None:
    """A signed message (RFC 9580 section 6): its head is taken out, and all from its signature on."""
    signing = False
    for index, line in enumerate(bare):
        if line == "-----BEGIN PGP SIGNED MESSAGE-----":
            end = next((at for at in range(index, min(index + MOST_FOLDED, len(bare))) if not bare[at]), index + 1)
            found[index:end] = [Kind.SIGNING] * (end - index)
        signing = signing or line == _ARMOUR
        if signing:
            found[index] = Kind.SIGNING
        signing = signing and line != "-----END PGP SIGNATURE-----"


def _mark_wraps(bare: list[str], found: list[Kind]) -> None:
    """What some program broke off a long quoted line belongs to the quote around it."""
    for index in range(1, len(found) - 1):
        if found[index] is not Kind.TEXT or found[index - 1] is not Kind.QUOTED or found[index + 1] is not Kind.QUOTED:
            continue
        if len(bare[index - 1]) >= LEAST_WRAPPED and bare[index][0].islower():
            found[index] = Kind.QUOTED


def _mark_rules(bare: list[str], found: list[Kind]) -> None:
    """A rule parts off old words, nothing, or a short end of the mail; `-- ` always does (RFC 3676 section 4.3).

    Rules that part the new words themselves are text: those of headings and tables, and several of one sort.
    """
    below = 0  # lines of text down to the end, or to what is old
    said = False  # is one of them a sentence?
    parting: dict[str, int] = {}  # rules with text below, by their sign
    for index in range(len(found) - 1, -1, -1):
        kind = found[index]
        if kind is Kind.RULE and bare[index] != "--" and below:
            sign = bare[index][0]
            if parting or below > MOST_SIGNATURE_LINES or sign not in _PARTING or (said and sign in _SEPARATING):
                found[index] = Kind.TEXT
                for other in parting.values():
                    found[other] = Kind.TEXT
            parting[sign] = index
        elif kind in (Kind.TEXT, Kind.SIGNING):
            below += 1
            said = said or _is_sentence(bare[index])
        elif kind in (Kind.QUOTED, Kind.INTRODUCING, Kind.FIELD):
            below, said = 0, False
            parting.clear()


def _is_sentence(line: str) -> bool:
    return line.endswith((".", "!", "?", ":")) and len(line.split()) >= LEAST_SENTENCE_WORDS
