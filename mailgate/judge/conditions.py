"""One condition of a signal: which field it looks at, how the value is read, and what it has to be.

The vocabulary is small on purpose, so that a rule file can be read without a manual. Patterns are RE2: they take
linear time whoever wrote them and whatever they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import re2

from mailgate.judge.literals import NOTHING, Pieces, folded, pieces

MOST_WORDS = 1000  # in one list
LONGEST_PATTERN = 1000  # characters
LONGEST_VALUE = 4096  # characters of a field's value that are looked at,
LONGEST_LOOKED_AT = 65_536  # and of the text of a mail
LARGEST_PROGRAM = 5000  # instructions of one pattern, of which each costs time with every character
PATTERN_BYTES = 1 << 20  # of memory for the automaton of one,
LIST_BYTES = 8 << 20  # and of a whole list of phrases
LONGEST_SHOWN = 80  # characters of one that a finding keeps
LISTS = frozenset(
    {"is", "is_not", "contains", "glob", "begins", "network"}
)  # matchers that take a list, or the name of one

# What may follow a phrase that stands at the beginning: nothing, a colon, a dash or a bracket.
_ENDS = r"(?:$|\s*[:：!]|\s+[-–—(\[])"

Reads = Callable[[str], tuple[str, ...]]  # a field's value in lower case -> its words


class Read(StrEnum):
    """How the value of a field is read; always without regard to case."""

    TEXT = "text"  # the whole value
    WORD = "token"  # the word before the parameters, comments aside (RFC 3834 section 5.1)
    LIST = "list"  # each of the words between commas


class WrongValueError(ValueError):
    """A value in a rule file that cannot be used: `found` and `allowed` are words for its author."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"found {found}; allowed: {allowed}")
        self.found = found
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Matcher:
    """What accepts a word. `words` or `pattern` says the same where it can be said so, for who asks many at once.

    `pieces`: one of them stands in every word that is accepted, both folded; without any, nothing is certain.
    """

    accepts: Callable[[str], bool]
    words: frozenset[str] = frozenset()
    pattern: str = ""
    pieces: Pieces = NOTHING
    size: int = 0  # instructions of the pattern
    place: Callable[[str], str] | None = None  # where in a file stands what accepts a word

    def __call__(self, word: str) -> bool:
        return self.accepts(word)


@dataclass(frozen=True, slots=True)
class Condition:
    """A claim about a mail: one of the fields has a value that is accepted."""

    fields: tuple[str, ...]
    reads: Reads
    accepts: Matcher
    reach: int = LONGEST_VALUE  # characters of a value that are looked at

    @property
    def whole(self) -> bool:
        """Is it about the whole value, and not about a word of it?"""
        return self.reads is _text

    def accepted(self, value: str) -> str | None:
        """What in this value of a field is accepted; None where nothing is."""
        accepts = self.accepts.accepts
        for word in self.reads(value[: self.reach].lower()):
            if accepts(word):
                return word
        return None


def matcher(name: str, value: Any) -> Matcher:
    """What accepts a word by the matcher `name` with this value from a rule file. Raises WrongValueError."""
    return MATCHERS[name](value)


def shown(value: str) -> str:
    """A value as a finding keeps it: short, and fit for any file."""
    short = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"
    return short.encode("utf-8", "replace").decode()


def _text(value: str) -> tuple[str, ...]:
    return (value.strip(),)


def _token(value: str) -> tuple[str, ...]:
    first = _uncommented(value).partition(";")[0].split()
    return (first[0] if first else "",)


def _list(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in _uncommented(value).split(","))


READS: Mapping[Read, Reads] = {Read.TEXT: _text, Read.WORD: _token, Read.LIST: _list}


def _uncommented(text: str) -> str:
    """`text` without comments in parentheses, nested ones included; an open one reaches to the end."""
    if "(" not in text:
        return text
    kept, depth = [], 0
    for char in text:
        depth += char == "("
        if not depth:
            kept.append(char)
        depth -= char == ")" and depth > 0
    return "".join(kept)


def _is(value: Any) -> Matcher:
    words = frozenset(_texts(value))
    return Matcher(words.__contains__, words=words)


def _is_not(value: Any) -> Matcher:
    refused = frozenset(_texts(value))
    return Matcher(lambda word: word not in refused)


def _contains(value: Any) -> Matcher:
    texts = _texts(value)
    rare = frozenset(map(folded, texts)) if all(texts) else NOTHING
    return Matcher(lambda word: any(text in word for text in texts), pieces=rare)


def _glob(value: Any) -> Matcher:
    escaped = (re2.escape(text).replace(r"\*", ".*").replace(r"\?", ".") for text in _texts(value))
    return _search(f"^(?:{'|'.join(escaped)})$")


def _begins(value: Any) -> Matcher:
    """The value begins with one of the phrases, and the phrase ends there: "away: back on Monday", not "away team"."""
    return _search(
        f"^(?:{'|'.join(re2.escape(text) + ('' if text.endswith(':') else _ENDS) for text in _texts(value))})"
    )


def _matches(value: Any) -> Matcher:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATTERN:
        raise WrongValueError(repr(value), f"a pattern of at most {LONGEST_PATTERN} characters")
    found = _search(value, PATTERN_BYTES)
    if found.size > LARGEST_PROGRAM:
        allowed = f"at most {LARGEST_PROGRAM}; a repetition such as {{1,500}} makes it so large"
        raise WrongValueError(f"a pattern of {found.size} instructions", allowed)
    return found


def _present(value: Any) -> Matcher:
    if value is not True:
        raise WrongValueError(repr(value), "true")
    return Matcher(lambda word: True)


def _network(value: Any) -> Matcher:
    """The word is an IP address in one of the networks; IPv4 as IPv6 carries it is IPv4."""
    networks = tuple(_network_of(text) for text in _texts(value))
    return Matcher(lambda word: (found := _ip(word)) is not None and any(found in network for network in networks))


def _network_of(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise WrongValueError(
            repr(text), "an IP address, or a network such as 192.0.2.0/24 or 2001:db8::/32"
        ) from error


def _ip(word: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(word)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _above(value: Any) -> Matcher:
    return _compared(value, lambda found, bound: found > bound)


def _below(value: Any) -> Matcher:
    return _compared(value, lambda found, bound: found < bound)


def _compared(value: Any, holds: Callable[[Any, Any], bool]) -> Matcher:
    """Words that are numbers beside a number, days beside a day, or times beside a time."""
    if isinstance(value, bool) or not isinstance(value, int | float | date | time) or isinstance(value, datetime):
        raise WrongValueError(repr(value), "a number, a day such as 2026-12-24, or a time such as 09:30")
    read = _day if isinstance(value, date) else _time if isinstance(value, time) else _number
    return Matcher(lambda word: (found := read(word)) is not None and holds(found, value))


def _number(word: str) -> float | None:
    """The number that a word is, so far as one can be that a person wrote; None for any other."""
    plain = word.removeprefix("-").replace(".", "", 1)
    return float(word) if len(word) < 20 and plain.isascii() and plain.isdecimal() else None


def _day(word: str) -> date | None:
    try:
        return date.fromisoformat(word) if len(word) == len("2026-12-24") else None
    except ValueError:
        return None


def _time(word: str) -> time | None:
    try:
        return time.fromisoformat(word) if len(word) == len("09:30") else None
    except ValueError:
        return None


MATCHERS: Mapping[str, Callable[[Any], Matcher]] = {
    "is": _is,
    "is_not": _is_not,
    "contains": _contains,
    "glob": _glob,
    "begins": _begins,
    "matches": _matches,
    "present": _present,
    "above": _above,
    "below": _below,
    "network": _network,
}


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_WORDS:
        raise WrongValueError(repr(value), f"a list of 1 to {MOST_WORDS} texts")
    for text in value:
        if not isinstance(text, str) or len(text) > LONGEST_PATTERN:
            raise WrongValueError(repr(text), f"a text of at most {LONGEST_PATTERN} characters")
    return tuple(text.lower() for text in value)


def pattern_options(memory_bytes: int = PATTERN_BYTES) -> re2.Options:
    """How patterns are read: without regard to case, a dot for any character; a faulty one is told to its author."""
    options = re2.Options()
    options.max_mem = memory_bytes
    options.log_errors = False
    options.case_sensitive = False
    options.dot_nl = True
    return options


def part_of(accepts: Matcher, word: str) -> str:
    """What in an accepted word is accepted, for who shows it: the word itself where neither pattern nor text says."""
    if not accepts.pattern:
        text = folded(word)
        return min(
            (piece for piece in accepts.pieces if piece in text), key=lambda one: (text.find(one), one), default=word
        )
    found = _compiled(accepts.pattern).search(word)
    return found.group() if found else word


@lru_cache(MOST_WORDS)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, pattern_options())


@lru_cache(MOST_WORDS)  # rules that differ only in what they add to one condition share its automaton
def _search(pattern: str, memory_bytes: int = LIST_BYTES) -> Matcher:
    try:
        compiled = re2.compile(pattern, pattern_options(memory_bytes))
    except re2.error as error:
        words_ = error.args[0].decode("utf-8", "replace") if error.args else "no pattern"
        raise WrongValueError(f"{pattern!r} ({words_})", "RE2 syntax: no look-around, no back-references") from error
    # Bytes spare the library the translation of offsets, which nobody asks for.
    return Matcher(
        lambda word: compiled.search(word.encode("utf-8", "replace")) is not None,
        pattern=pattern,
        pieces=pieces(pattern),
        size=compiled.programsize,
    )
