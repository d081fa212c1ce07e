"""Orders in the first lines of an agent's mail: one a line, above everything else he writes. Never raises.

The grammar: blank lines aside, each line from the top that begins with `#` and a letter is an order, and the first line
that does not ends them; what follows is the text for the customer. `#note` is the exception: wherever a line begins
with it, the rest of the mail is for us alone, its own line included. So a note can stand alone, below orders, or below
the text.

What is not understood is a fault in words, and with one fault nothing of the mail may be done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Final

from mailgate.mail.words import clean
from mailgate.model import Order, Orders

MOST_ORDERS = 20
LONGEST_SHOWN = 60  # characters of a line that a fault repeats
MOST_DAYS = 365  # that a ticket can be put off for
SIGN: Final = "#"
NOTE: Final = "note"
_ONCE: Final = frozenset({"close", "spam", "assign", "canned", "pending"})
_ENDINGS: Final = frozenset({"close", "spam", "pending"})  # of which one at most makes sense


def read(text: str, canned: Collection[str] = ()) -> Orders:
    """What `text` (own words, `\\n` lines) asks for; `canned` are the names of the ready texts there are."""
    lines = text.split("\n")
    place, given, faults = 0, list[Order](), list[str]()
    while place < len(lines) and (not lines[place].strip() or _word(lines[place])):
        word, said = _word(lines[place]), _said(lines[place])
        if word == NOTE:
            break
        if word:
            fault = _fault(word, said, canned) if len(given) < MOST_ORDERS else f"more than {MOST_ORDERS} orders"
            faults += [f"{_shown(lines[place])}: {fault}"] if fault else []
            given.append(Order(word, said.lower() if word == "pending" else said))
        place += 1
    words, note = _without_note(lines[place:])
    return Orders(tuple(given), words, note, (*faults, *_quarrels(given, words))[:MOST_ORDERS])


def _word(line: str) -> str:
    """The order that a line gives, lower case; "" for none."""
    first = (line.split(None, 1) or [""])[0]
    return first[1:].lower() if first[:1] == SIGN and first[1:2].isalpha() else ""


def _said(line: str) -> str:
    return clean(" ".join(line.split()[1:]))


def _without_note(lines: Sequence[str]) -> tuple[str, str]:
    at = next((place for place, line in enumerate(lines) if _word(line) == NOTE), len(lines))
    first = [lines[at].split(None, 1)[1]] if at < len(lines) and len(lines[at].split(None, 1)) > 1 else []
    return "\n".join(lines[:at]).strip(), "\n".join([*first, *lines[at + 1 :]]).strip()


def _fault(word: str, said: str, canned: Collection[str]) -> str:
    check = WORDS.get(word)
    if check is None:
        return f"no such order; there are {', '.join(f'{SIGN}{one}' for one in (NOTE, *WORDS))}"
    if word == "canned" and said not in canned:
        return f"no such text; there are {', '.join(sorted(canned)) or 'none'}"
    return check(said)


def _quarrels(given: Sequence[Order], text: str) -> list[str]:
    words = [order.word for order in given]
    found = [f"{SIGN}{word} stands there twice" for word in sorted(_ONCE) if words.count(word) > 1]
    ends = [word for word in dict.fromkeys(words) if word in _ENDINGS]
    found += [f"{' and '.join(f'{SIGN}{word}' for word in ends)} do not go together"] if len(ends) > 1 else []
    if "canned" in words and text:
        found.append(f"{SIGN}canned sends a ready text, so there must be no other below it; a {SIGN}{NOTE} may be")
    if "spam" in words and (text or "canned" in words):
        found.append(f"{SIGN}spam answers nobody, so there must be no text below it")
    return found


# ── What stands behind each ───────────────────────────────────────────────────────────────────────────────────────────


def _nothing(said: str) -> str:
    return "nothing may stand behind it" if said else ""


def _one(said: str) -> str:
    return "" if len(said.split()) == 1 else "one word must stand behind it"


def _until(said: str) -> str:
    if _days(said) or _date(said):
        return ""
    return f"a number of days such as 3d (at most {MOST_DAYS}d) or a date such as 2026-03-31 must stand behind it"


def until(said: str) -> int | date | None:
    """What stands behind `#pending`: so many days, or the day; None for anything else."""
    return _days(said) or _date(said)


def _days(said: str) -> int | None:
    number = said[:-1]
    short = said[-1:] in ("d", "D") and number.isascii() and number.isdecimal() and len(number) <= len(str(MOST_DAYS))
    return int(number) if short and 0 < int(number) <= MOST_DAYS else None


def _date(said: str) -> date | None:
    if len(said) != len("2026-03-31") or said[4::3] != "--":
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def _shown(line: str) -> str:
    return clean(" ".join(line.split()))[:LONGEST_SHOWN]


WORDS: Final[dict[str, Callable[[str], str]]] = {
    "close": _nothing,
    "assign": _one,
    "tag": _one,
    "untag": _one,
    "pending": _until,
    "canned": _one,
    "spam": _nothing,
}
