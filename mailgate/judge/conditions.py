"""One condition of a signal: which field it looks at, how the value is read, and what it has to be.

The vocabulary is small on purpose, so that a rule file can be read without a manual. Patterns are RE2: they take
linear time whoever wrote them and whatever they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import re2

MOST_WORDS = 1000  # in one list
LONGEST_PATTERN = 1000  # characters
LONGEST_VALUE = 4096  # characters of a field's value that are looked at
LISTS = frozenset({"is", "is_not", "contains", "glob", "begins"})  # matchers that take a list, or the name of one

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
    """What accepts a word. `words` or `pattern` says the same where it can be said so, for who asks many at once."""

    accepts: Callable[[str], bool]
    words: frozenset[str] = frozenset()
    pattern: str = ""

    def __call__(self, word: str) -> bool:
        return self.accepts(word)


@dataclass(frozen=True, slots=True)
class Condition:
    """A claim about a mail: one of the fields has a value that is accepted."""

    fields: tuple[str, ...]
    reads: Reads
    accepts: Matcher

    @property
    def whole(self) -> bool:
        """Is it about the whole value, and not about a word of it?"""
        return self.reads is _text

    def accepted(self, value: str) -> str | None:
        """What in this value of a field is accepted; None where nothing is."""
        accepts = self.accepts.accepts
        for word in self.reads(value[:LONGEST_VALUE].lower()):
            if accepts(word):
                return word
        return None


def matcher(name: str, value: Any) -> Matcher:
    """What accepts a word by the matcher `name` with this value from a rule file. Raises WrongValueError."""
    return MATCHERS[name](value)


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
    pieces = _texts(value)
    pattern = "|".join(map(re2.escape, pieces))
    return Matcher(lambda word: any(piece in word for piece in pieces), pattern=pattern)


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
    return _search(value)


def _present(value: Any) -> Matcher:
    if value is not True:
        raise WrongValueError(repr(value), "true")
    return Matcher(lambda word: True)


def _above(value: Any) -> Matcher:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValueError(repr(value), "a whole number")
    return Matcher(lambda word: word.isdecimal() and len(word) < 20 and int(word) > value)


MATCHERS: Mapping[str, Callable[[Any], Matcher]] = {
    "is": _is,
    "is_not": _is_not,
    "contains": _contains,
    "glob": _glob,
    "begins": _begins,
    "matches": _matches,
    "present": _present,
    "above": _above,
}


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_WORDS:
        raise WrongValueError(repr(value), f"a list of 1 to {MOST_WORDS} texts")
    for text in value:
        if not isinstance(text, str) or len(text) > LONGEST_PATTERN:
            raise WrongValueError(repr(text), f"a text of at most {LONGEST_PATTERN} characters")
    return tuple(text.lower() for text in value)


def pattern_options() -> re2.Options:
    """How patterns are read: without regard to case, a dot for any character; a faulty one is told to its author."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.dot_nl = True
    return options


def part_of(accepts: Matcher, word: str) -> str:
    """What in an accepted word is accepted, for who shows it: the word itself where no pattern says."""
    if not accepts.pattern:
        return word
    found = _compiled(accepts.pattern).search(word)
    return found.group() if found else word


@lru_cache(MOST_WORDS)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, pattern_options())


@lru_cache(MOST_WORDS)  # rules that differ only in what they add to one condition share its automaton
def _search(pattern: str) -> Matcher:
    try:
        compiled = re2.compile(pattern, pattern_options())
    except re2.error as error:
        words_ = error.args[0].decode("utf-8", "replace") if error.args else "no pattern"
        raise WrongValueError(f"{pattern!r} ({words_})", "RE2 syntax: no look-around, no back-references") from error
    # Bytes spare the library the translation of offsets, which nobody asks for.
    return Matcher(lambda word: compiled.search(word.encode("utf-8", "replace")) is not None, pattern=pattern)
