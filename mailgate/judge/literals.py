"""What must stand in a text before a pattern can match it: so most patterns need not be asked at all.

A pattern is read only as far as is certain. Whatever is not understood here is left out, and a pattern of which nothing
certain remains is asked every time. The syntax is that of RE2 (github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import re2

SHORTEST: Final = 2  # characters; a shorter piece stands in nearly every text
MOST_PIECES: Final = 1000  # of one pattern; one word of each that it lists
DEEPEST: Final = 20  # groups within each other

Pieces = frozenset[str]  # folded; one of them must stand in the text, none: nothing is certain

NOTHING: Pieces = frozenset()
_REPEATED: Final = re2.compile(r"\{([0-9]+)(?:,[0-9]*)?\}\??|[*+?]\??")
_REPEATS: Final = frozenset("*+?{")
_OPENS: Final = re2.compile(r"\((?:\?P?<[A-Za-z0-9_]+>|\?[imsU]*(?:-[imsU]+)?:)?")
_FLAGS: Final = re2.compile(r"\(\?[imsU]*(?:-[imsU]+)?\)")
_CLASS: Final = re2.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]")
# What stands for no certain character: kinds of them, edges, and signs of control.
_KIND: Final = re2.compile(r"\\(?:[dDwWsSbBAzafnrtv]|[pP](?:[A-Z]|\{\^?[A-Za-z_]+\}))")


class _UnsureError(Exception):
    """The pattern has something that is not read here."""


def folded(text: str) -> str:
    """A text so that characters which patterns take for the same are the same."""
    return text if text.isascii() and text.islower() else text.casefold()


def pieces(pattern: str) -> Pieces:
    """Pieces of which one stands in every text, both folded, that the pattern matches without regard to case."""
    try:
        reader = _Reader(pattern)
        found = reader.alternatives(0)
        return found if reader.at == len(pattern) else NOTHING
    except _UnsureError:
        return NOTHING


def best(each: Iterable[Pieces]) -> Pieces:
    """Of several that must all be met the one that is met least."""
    certain = [one for one in each if one]
    return max(certain, key=lambda one: (min(map(len, one)), -len(one)), default=NOTHING)


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self, depth: int) -> Pieces:
        """As far as the group goes: one of each alternative, or nothing where one of them is not certain."""
        if depth > DEEPEST:
            raise _UnsureError
        found = [self.sequence(depth)]
        while self.pattern.startswith("|", self.at):
            self.at += 1
            found.append(self.sequence(depth))
        together = frozenset().union(*found)
        return together if all(found) and len(together) <= MOST_PIECES else NOTHING

    def sequence(self, depth: int) -> Pieces:
        """What follows one after another."""
        found: list[Pieces] = []
        run = ""
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            char, inner = self.one(depth)
            least = self.repeated()
            if char and least is None:
                run += char
                continue
            # A character that may come more than once ends what is certain, and stands in it where it comes at all.
            found += (_piece(run + (char if least else "")), inner if least != 0 else NOTHING)
            run = ""
        return best((*found, _piece(run)))

    def one(self, depth: int) -> tuple[str, Pieces]:
        """The next thing: a certain character, "" for any other; and what a group is sure of."""
        char = self.pattern[self.at]
        if char == "(":
            return "", self.group(depth)
        if char == "[":
            self.skip(_CLASS)
        elif char == "\\":
            return self.escaped(), NOTHING
        elif char in _REPEATS:
            raise _UnsureError
        else:
            self.at += 1
            return ("" if char in ".^$" else char), NOTHING
        return "", NOTHING

    def group(self, depth: int) -> Pieces:
        """A group, whatever it is called; or flags, which change nothing here but how much is read as the same."""
        if _FLAGS.match(self.pattern[self.at :]):
            self.skip(_FLAGS)
            return NOTHING
        self.skip(_OPENS)
        found = self.alternatives(depth + 1)
        if not self.pattern.startswith(")", self.at):
            raise _UnsureError
        self.at += 1
        return found

    def escaped(self) -> str:
        """The character that is meant, "" for a kind of them."""
        if _KIND.match(self.pattern[self.at :]):
            self.skip(_KIND)
            return ""
        char = self.pattern[self.at + 1 : self.at + 2]
        if not char or char.isalnum():
            raise _UnsureError
        self.at += 2
        return char

    def repeated(self) -> int | None:
        """How often the last thing comes at least; None where nothing is said of that."""
        if self.pattern[self.at : self.at + 1] not in _REPEATS:
            return None
        found = _REPEATED.match(self.pattern[self.at :])
        if not found:
            raise _UnsureError
        self.at += len(found[0])
        return int(found[1]) if found[1] is not None else int(found[0][0] == "+")

    def skip(self, what: re2._Regexp) -> None:
        """Go over what `what` matches here."""
        found = what.match(self.pattern[self.at :])
        if not found:
            raise _UnsureError
        self.at += len(found[0])


def _piece(run: str) -> Pieces:
    text = folded(run)
    return frozenset((text,)) if len(text) >= SHORTEST else NOTHING
