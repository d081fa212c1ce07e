"""All conditions that look at one field, asked at once: a mail pays for what its value hits, not for what is listed.

Fixed words are looked up in a dictionary. Where something is certain to stand in whatever a condition accepts, one
automaton for all of them finds which of these pieces do, and only such conditions are asked. Patterns of which nothing
is certain are sets of RE2, each of which reads the value once. Only what none of these can hold is asked one by one.
A watch says what is seen; whether it counts, others say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import ahocorasick
import re2

from mailgate.judge.conditions import Condition, pattern_options

Seen = tuple[tuple[int, str], ...]  # the places of conditions, each with what it accepted

PATTERNS_OF_A_SET: Final = 50  # more of them have more states together than are ever met again
SET_BYTES: Final = 8 << 20  # of memory for the automaton of one set
MOST_MET: Final = 20_000  # pieces in one value, before each is looked for by itself
_ALWAYS: Final = r"\A"  # is met by whatever a set has read to its end


class Watch:
    """The conditions of one field, each known by its place in `conditions`."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = tuple(conditions)
        self._reach = max((condition.reach for condition in conditions), default=0)
        self._words: dict[str, set[int]] = {}
        self._others: set[int] = set()
        by_piece: dict[str, list[int]] = {}
        by_pattern: dict[str, list[int]] = {}  # several may have one, and differ in what they add to it
        for place, condition in enumerate(conditions):
            accepts = condition.accepts
            if condition.whole and accepts.words:
                for word in accepts.words:
                    self._words.setdefault(word, set()).add(place)
            elif condition.whole and accepts.pieces:
                for piece in accepts.pieces:
                    by_piece.setdefault(piece, []).append(place)
            elif condition.whole and accepts.pattern:
                by_pattern.setdefault(accepts.pattern, []).append(place)
            else:
                self._others.add(place)
        self._pieces = tuple(by_piece)
        self._by_piece = tuple(by_piece.values())
        self._automaton = _automaton(self._pieces)
        self._sets: list[tuple[re2.Set, tuple[list[int], ...]]] = []
        self._compile(tuple(by_pattern.items()))

    def _compile(self, patterns: Sequence[tuple[str, list[int]]]) -> None:
        """Make sets of these, as large as there is memory for to read whatever comes."""
        for start in range(0, len(patterns), PATTERNS_OF_A_SET):
            some = patterns[start : start + PATTERNS_OF_A_SET]
            together = _together(pattern for pattern, _ in some)
            if together is not None:
                self._sets.append((together, tuple(places for _, places in some)))
            elif len(some) > 1:
                self._compile(some[: len(some) // 2])
                self._compile(some[len(some) // 2 :])
            else:
                self._others.update(some[0][1])

    def seen(self, values: Sequence[str]) -> Seen:
        """The conditions that accept one of `values`, each once, with what the first that it accepts has shown it."""
        found: dict[int, str] = {}
        for value in values:
            text = self._text(value)
            for place in self._may_accept(text):
                if place not in found and (accepted := self._accepted(place, value, text)) is not None:
                    found[place] = accepted
        return tuple(found.items())

    def hits(self, values: Sequence[str]) -> set[int]:
        """The places of all conditions that may accept one of `values`; of all that do, none is missing."""
        return set().union(*(self._may_accept(self._text(value)) for value in values))

    def _text(self, value: str) -> str:
        return value[: self._reach].lower().strip()

    def _accepted(self, place: int, value: str, text: str) -> str | None:
        condition = self._conditions[place]
        if condition.whole and condition.reach == self._reach:
            return text if condition.accepts.accepts(text) else None
        return condition.accepted(value)

    def _may_accept(self, text: str) -> set[int]:
        found = self._others.copy()
        if text in self._words:
            found |= self._words[text]
        if self._pieces:
            found.update(*(self._by_piece[number] for number in self._standing(text)))
        if self._sets:
            octets = text.encode("utf-8", "replace")
            for together, places in self._sets:
                found.update(*_matched(together, places, octets))
        return found

    def _standing(self, text: str) -> set[int]:
        """Which pieces stand in the text."""
        if text.isascii():
            return self._standing_in(text)
        found = self._standing_in(text.casefold())
        # A pattern meets a question mark where the text has what cannot be encoded.
        plain = text.encode("utf-8", "replace").decode()
        return found if plain == text else found | self._standing_in(plain.casefold())

    def _standing_in(self, text: str) -> set[int]:
        met = self._automaton.iter(text)
        found = {number for _, number in islice(met, MOST_MET)}
        if next(met, None) is None:
            return found
        return {number for number, piece in enumerate(self._pieces) if piece in text}


def _automaton(pieces: Sequence[str]) -> ahocorasick.Automaton:
    """What finds all pieces at once; not to be asked where there are none."""
    found = ahocorasick.Automaton()
    for number, piece in enumerate(pieces):
        found.add_word(piece, number)
    found.make_automaton()
    return found


def _together(patterns: Iterable[str]) -> re2.Set | None:
    """A set of these, behind one that always matches; None where they are too much for one automaton."""
    found = re2.Set.SearchSet(pattern_options(SET_BYTES))
    try:
        for pattern in (_ALWAYS, *patterns):
            found.Add(pattern)
        found.Compile()
    except re2.error:
        return None
    return found


def _matched(together: re2.Set, places: Sequence[list[int]], octets: bytes) -> Iterable[list[int]]:
    """The places of the patterns that match; of all, where the set had not the memory to say, and said nothing."""
    matched = together.Match(octets) or ()
    if 0 not in matched:
        return places
    return [places[number - 1] for number in matched if number]
