"""Faces: shows a fault to the character: its column, and the line of the file with nothing secret in it.

Readers know a fault by its key and the line of a table; here its place is found again in the text.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from mailgate.config.tomlmarks import Mark, marks
from mailgate.errors import Fault

MOST_SHOWN_CHARS = 120  # of a line
MOST_LIKE = 1000  # places of one key in one table that are compared
BEFORE_CHARS = 60  # of them before the place, where the line is longer

_NUMBER = re.compile(r"\[\d+\]")
_WORD_GOES_ON = re.compile(r"[\w.]")
# `password_file = "…"` names a file, which is no secret.
_SECRET = re.compile(
    r"(?i)(?:[\w\-]*(?:password|passwd|secret)[\w\-]*(?<!_file)[\"']?\s*=\s*(?P<value>\S.*)"
    r"|://[^:@/\s]*:(?P<login>[^@\s]*)@)"
)


def pointed(faults: Iterable[Fault], text_of: Callable[[str], str | None]) -> list[Fault]:
    """The faults with column and line; `text_of` gives the text of a file, None where nobody may see it."""
    pointers: dict[str, _Pointer | None] = {}
    found = []
    for fault in faults:
        if fault.file not in pointers:
            text = text_of(fault.file)
            pointers[fault.file] = None if text is None else _Pointer(text)
        pointer = pointers[fault.file]
        found.append(pointer.pointed(fault) if pointer else fault)
    return found


@dataclass(frozen=True, slots=True)
class _Spot:
    """A key or value with where it stands, from one on."""

    mark: Mark
    line: int
    column: int
    width: int
    key: str  # as faults write it: `rule.when.any[1].subject`, without the number of the table
    table: int  # the line where the outermost table begins

    @property
    def plain(self) -> str:
        """The key without numbers."""
        return _NUMBER.sub("", self.key)


class _Pointer:
    """Finds places in one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.spots: dict[tuple[str, int], list[_Spot]] = {}  # by key and outermost table; 0 stands for all of these
        self.tables: list[int] = []
        # What is no TOML has lines all the same.
        with suppress(tomllib.TOMLDecodeError, RecursionError):
            tomllib.loads(text)
            for spot in self._spots():
                self.spots.setdefault((spot.plain, spot.table), []).append(spot)
                self.spots.setdefault((spot.plain, 0), []).append(spot)

    def pointed(self, fault: Fault) -> Fault:
        """The fault with its place, as far as it can be told."""
        if fault.column:
            return self.seen(fault)
        spot = self._spot(fault)
        if spot is not None:
            return self.seen(replace(fault, line=spot.line, column=spot.column, width=spot.width))
        return self.seen(self._worded(fault))

    def seen(self, fault: Fault) -> Fault:
        """The fault with its line as it may be shown."""
        if not 0 < fault.line <= len(self.lines):
            return fault
        line = masked(self.lines[fault.line - 1].rstrip("\r"))
        first = max(0, fault.column - 1 - BEFORE_CHARS) if len(line) > MOST_SHOWN_CHARS else 0
        cut = line[first : first + MOST_SHOWN_CHARS]
        shown = "".join(char if char.isprintable() else " " for char in cut).rstrip()
        mark = fault.column and f"{' ' * (fault.column - 1 - first)}{'^' * max(1, fault.width)}"
        return replace(fault, shown=shown, caret=mark[:MOST_SHOWN_CHARS] if mark else "")

    def _spot(self, fault: Fault) -> _Spot | None:
        steps, table = _NUMBER.sub("", fault.key), self._table(fault.line)
        while steps and table is not None:
            if spots := self.spots.get((steps, table)):
                return min(spots[:MOST_LIKE], key=lambda spot: _distance(spot, fault, self._word(spot)))
            # A key that is missing is shown where it would stand.
            steps = steps.rpartition(".")[0]
        return None

    def _table(self, line: int) -> int | None:
        """The line where the table begins to which a line belongs; nobody knows of line 0, and that may be any."""
        here = bisect_right(self.tables, line) - 1
        return 0 if line == 0 else self.tables[here] if here >= 0 else None

    def _word(self, spot: _Spot) -> str:
        """The key or value as Python writes it."""
        if not spot.mark.is_value:
            return repr(spot.mark.place[-1])
        written = self.text[spot.mark.start : spot.mark.end]
        return repr(tomllib.loads(f"k = {written}")["k"]) if len(written) <= MOST_SHOWN_CHARS else ""

    def _worded(self, fault: Fault) -> Fault:
        """The fault at the word that was found, where its line has that."""
        line = self.lines[fault.line - 1] if 0 < fault.line <= len(self.lines) else ""
        word = fault.found.strip("'\"")
        column = line.find(word) + 1 if word else 0
        return replace(fault, column=column, width=len(word)) if column else fault

    def _spots(self) -> Iterator[_Spot]:
        outermost: tuple[str | int, ...] = ()
        table = 0
        for mark in marks(self.text):
            line = bisect_right(self.starts, mark.start)
            above = mark.place[:2] if len(mark.place) > 1 and isinstance(mark.place[1], int) else mark.place[:1]
            if above != outermost:
                outermost, table = above, line
                self.tables.append(line)
            until = min(mark.end, self.starts[line] - 1)
            width = len(self.text[mark.start : until].rstrip())
            yield _Spot(mark, line, mark.start - self.starts[line - 1] + 1, width, _key(mark, len(above)), table)


def _key(mark: Mark, above: int) -> str:
    first = str(mark.place[0])
    steps = (f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in mark.place[above:])
    return first + "".join(steps)


def _distance(spot: _Spot, fault: Fault, word: str) -> tuple[bool, bool, bool, int, int]:
    """How far a place is from what a fault says of it: least where its very words stand there."""
    after = fault.found[len(word) :]
    is_word = bool(word) and fault.found.startswith(word) and not _WORD_GOES_ON.match(after)
    wanted = spot.key == fault.key or not _NUMBER.search(fault.key)
    return not wanted, not is_word, spot.mark.is_value, spot.line != fault.line, spot.mark.start


def masked(line: str) -> str:
    """A line with asterisks in place of passwords."""
    found = _SECRET.search(line)
    if not found:
        return line
    start, end = found.span("value" if found["value"] else "login")
    return f"{line[:start]}{'*' * (end - start)}{masked(line[end:])}"
