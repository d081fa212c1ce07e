"""Faces: where in a TOML text every key and every value stands, to the character. Knows no key and no meaning.

`tomllib` says what a text means and not where; this reads only texts that it has taken, so nothing is checked here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

Place = tuple[str | int, ...]  # the way to a value: ("mailbox", 0, "address")

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[\w\-]+")
# Long strings before short ones, which begin the same way; up to two quotes may stand before the last three.
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


@dataclass(frozen=True, slots=True)
class Mark:
    """A key or a value: its place in the document, and the characters of the text that it takes."""

    place: Place
    is_value: bool
    start: int
    end: int


def marks(text: str) -> tuple[Mark, ...]:
    """Every key and value of a TOML text, in its order; a header is a key. Raises RecursionError like `tomllib`."""
    return tuple(_Scanner(text.replace("\r\n", " \n")).document())


class _Scanner:
    """Walks over the text once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.tables: dict[Place, int] = {}  # how many tables each [[array]] has so far

    def document(self) -> Iterator[Mark]:
        table: Place = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                yield (header := self.header())
                table = header.place
            else:
                yield from self.pair(table)

    def header(self) -> Mark:
        start, is_array = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        steps = [name for name, _, _ in self.key()]
        self.at += 2 if is_array else 1
        return Mark(self.entered(steps, is_array=is_array), False, start, self.at)

    def entered(self, steps: list[str], *, is_array: bool) -> Place:
        """The place of a header; a step that names an array of tables means its last one (TOML 1.0)."""
        place: Place = ()
        for number, step in enumerate(steps, 1):
            place += (step,)
            if is_array and number == len(steps):
                self.tables[place] = self.tables.get(place, 0) + 1
            if place in self.tables:
                place += (self.tables[place] - 1,)
        return place

    def pair(self, table: Place) -> Iterator[Mark]:
        place = table
        for name, start, end in self.key():
            place += (name,)
            yield Mark(place, False, start, end)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        yield from self.value(place)

    def key(self) -> Iterator[tuple[str, int, int]]:
        """The steps of a dotted key with where each begins and ends; what follows it is next."""
        while True:
            start = self.skip(_SPACE)
            quoted = self.text[start] in "\"'"
            self.skip(_STRING if quoted else _BARE)
            word = self.text[start : self.at]
            yield (str(tomllib.loads(f"k = {word}")["k"]) if quoted else word), start, self.at
            if self.text[self.skip(_SPACE)] != ".":
                return
            self.at += 1

    def value(self, place: Place) -> Iterator[Mark]:
        start, first = self.at, self.text[self.at]
        if first == "[":
            yield from self.items(place, "]")
        elif first == "{":
            yield from self.items(place, "}")
        else:
            self.skip(_STRING if first in "\"'" else _SCALAR)
        end = start + len(self.text[start : self.at].rstrip())
        yield Mark(place, True, start, end)

    def items(self, place: Place, closing: str) -> Iterator[Mark]:
        """What stands between brackets, which are left behind."""
        self.at += 1
        number = 0
        while self.text[self.skip(_BLANK)] != closing:
            yield from self.value((*place, number)) if closing == "]" else self.pair(place)
            number += 1
            if self.text[self.skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> int:
        """Go past what the pattern takes here; where that is."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at
