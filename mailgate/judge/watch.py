"""All conditions that look at one field, asked at once: a mail pays for what its value hits, not for what is listed.

Fixed words are looked up in a dictionary, patterns are one RE2 set that reads the value once; only what neither can
hold is asked one by one. A watch says what is seen; whether it counts, others say.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

from mailgate.judge.conditions import LONGEST_VALUE, Condition, pattern_options

Seen = tuple[tuple[int, str], ...]  # the places of conditions, each with what it accepted


class Watch:
    """The conditions of one field, each known by its place in `conditions`."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = tuple(conditions)
        self._words: dict[str, set[int]] = {}
        self._set: re2.Set | None = None
        self._others: set[int] = set()
        by_pattern: dict[str, list[int]] = {}  # several may have one, and differ in what they add to it
        for place, condition in enumerate(conditions):
            if condition.whole and condition.accepts.words:
                for word in condition.accepts.words:
                    self._words.setdefault(word, set()).add(place)
            elif condition.whole and condition.accepts.pattern:
                by_pattern.setdefault(condition.accepts.pattern, []).append(place)
            else:
                self._others.add(place)
        self._by_pattern = tuple(by_pattern.values())
        self._compile(tuple(by_pattern))

    def _compile(self, patterns: Sequence[str]) -> None:
        """Make the set, which checks here that it has the memory to read whatever comes."""
        if not patterns:
            return
        together = re2.Set.SearchSet(pattern_options())
        try:
            for pattern in patterns:
                together.Add(pattern)
            together.Compile()
        except re2.error:  # too much for one automaton: asked one by one
            self._others.update(*self._by_pattern)
        else:
            self._set = together

    def seen(self, values: Sequence[str]) -> Seen:
        """The conditions that accept one of `values`, each once, with what the first that it accepts has shown it."""
        found = {}
        for place in self.hits(values):
            accepted = map(self._conditions[place].accepted, values)
            first = next((what for what in accepted if what is not None), None)
            if first is not None:
                found[place] = first
        return tuple(found.items())

    def hits(self, values: Sequence[str]) -> set[int]:
        """The places of all conditions that may accept one of `values`; of all that do, none is missing."""
        found = self._others.copy()
        for value in values:
            text = value[:LONGEST_VALUE].lower().strip()
            if text in self._words:
                found |= self._words[text]
            if self._set and (matched := self._set.Match(text.encode("utf-8", "replace"))):
                found.update(*(self._by_pattern[index] for index in matched))
        return found
