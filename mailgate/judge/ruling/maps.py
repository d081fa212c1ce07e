"""Judge: the maps of the rule files, `maps/NAME.txt`: long lists that people and programs write, one entry a line.

An entry is a text that must be met whole, a text with `*` or `?` in it, or a pattern of RE2 after `re:`; letter case
never matters. `#` at the beginning of a line, or behind a space, begins a remark; a pattern has none behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from mailgate.errors import ConfigError, Fault
from mailgate.judge.conditions import (
    LONGEST_LOOKED_AT,
    LONGEST_PATTERN,
    READS,
    Condition,
    Matcher,
    Read,
    WrongValueError,
    matcher,
)
from mailgate.judge.watch import Watch

MOST_ENTRIES = 100_000  # of one map
MOST_PATTERNS = 5000  # of one map: each costs memory and time to make, which a plain entry does not
LARGEST_BYTES = 5_000_000  # of one file
MOST_FAULTS = 20  # of one file that are told
PATTERN: Final = "re:"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)  # as rules write it behind `map:`


class EntryKind(StrEnum):
    """How an entry is met."""

    TEXT = "text"  # it is the whole value
    GLOB = "glob"  # the same, where * stands for anything and ? for one character
    PATTERN = "pattern"  # RE2, found anywhere in the value


class Entry(Struct, frozen=True, gc=False):
    """One line of a map."""

    line: int
    kind: EntryKind
    text: str  # in lower case, but for a pattern, which is as written and without its `re:`


class MapFile(Struct, frozen=True):
    """One map, in the order of its lines."""

    name: str  # as rules name it: "suppliers"
    file: str  # "local/maps/suppliers.txt"
    entries: tuple[Entry, ...]


def parse(name: str, text: str, file: str = "") -> MapFile:
    """Read the text of the map `name`, which stands in `file`. A map may be empty.

    Raises:
        ConfigError: with the first faults of the file, each with its line and column.
    """
    entries: list[Entry] = []
    faults: list[Fault] = []
    if not NAME.fullmatch(name):
        faults.append(Fault(file, 0, "file", name, "small letters, digits, - and _ before .txt, at most 60"))
    # Only these end a line: in a text from elsewhere other characters would shift the numbers that editors show.
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    patterns = 0
    for number, written in enumerate(lines, 1):
        bare = _bare(written)
        if not bare:
            continue
        entry = _entry(bare, number)
        patterns += entry.kind is EntryKind.PATTERN
        if entry.kind is EntryKind.PATTERN or len(entry.text) > LONGEST_PATTERN or not entry.text.isprintable():
            faults += _faults(entry, written, file)
        if len(entries) == MOST_ENTRIES:
            faults.append(Fault(file, number, "map", "one more entry", f"at most {MOST_ENTRIES} entries"))
        if patterns > MOST_PATTERNS:
            faults.append(Fault(file, number, "map", "one more pattern", f"at most {MOST_PATTERNS} patterns"))
        if len(entries) == MOST_ENTRIES or patterns > MOST_PATTERNS or len(faults) >= MOST_FAULTS:
            break
        entries.append(entry)
    if faults:
        raise ConfigError(faults)
    return MapFile(name, file, tuple(entries))


def matchers(maps: Mapping[str, MapFile]) -> dict[str, tuple[Matcher, ...]]:
    """What accepts an entry of each map, and says on which line it stands."""
    return {name: (matcher_of(one),) for name, one in maps.items()}


def matcher_of(one: MapFile) -> Matcher:
    """What accepts an entry of a map, whichever field it is asked of."""
    mapped = Mapped(one)
    return Matcher(lambda word: mapped.line(word) > 0, place=mapped.place)


class Mapped:
    """A map made ready: texts are looked up, and of globs and patterns only those are asked that a piece speaks for."""

    def __init__(self, one: MapFile) -> None:
        self.file = one.file
        self._texts: dict[str, int] = {}
        for entry in one.entries:
            if entry.kind is EntryKind.TEXT:
                self._texts.setdefault(entry.text, entry.line)
        others = [entry for entry in one.entries if entry.kind is not EntryKind.TEXT]
        self._lines = [entry.line for entry in others]
        self._watch = Watch([Condition((), READS[Read.TEXT], _matcher(entry), LONGEST_LOOKED_AT) for entry in others])

    def line(self, word: str) -> int:
        """The first line that accepts a word in lower case, texts before all others; 0 where none does."""
        if word in self._texts:
            return self._texts[word]
        return min((self._lines[number] for number, _ in self._watch.seen((word,))), default=0) if self._lines else 0

    def place(self, word: str) -> str:
        """Where the entry stands that accepts it: "maps/partners.txt:3"."""
        return f"{self.file}:{self.line(word)}"


def _matcher(entry: Entry) -> Matcher:
    return matcher("glob", [entry.text]) if entry.kind is EntryKind.GLOB else matcher("matches", entry.text)


def _bare(written: str) -> str:
    """The entry without remark and spaces; "" where the line has none."""
    line = written.strip()
    if line.startswith("#"):
        return ""
    if line[: len(PATTERN)].lower() == PATTERN or "#" not in line:
        return line
    behind = (place for place, letter in enumerate(line) if letter == "#" and line[place - 1].isspace())
    return line[: next(behind, len(line))].rstrip()


def _entry(bare: str, number: int) -> Entry:
    if bare[: len(PATTERN)].lower() == PATTERN:
        return Entry(number, EntryKind.PATTERN, bare[len(PATTERN) :].strip())
    kind = EntryKind.GLOB if "*" in bare or "?" in bare else EntryKind.TEXT
    return Entry(number, kind, bare.lower())


def _faults(entry: Entry, written: str, file: str) -> Iterator[Fault]:
    """What is wrong with an entry, at the column where it begins."""
    column = len(written) - len(written.lstrip()) + 1
    allowed = ""
    if not 0 < len(entry.text) <= LONGEST_PATTERN:
        allowed = f"1 to {LONGEST_PATTERN} characters"
    elif not entry.text.isprintable():
        allowed = "printable characters"
    elif entry.kind is EntryKind.PATTERN and (wrong := _refused(entry.text)):
        allowed = wrong
    if allowed:
        yield Fault(file, entry.line, "map", repr(written.strip()[:80]), f"{allowed} (column {column})")


def _refused(pattern: str) -> str:
    """What may stand in place of a pattern, and why; "" where it is one."""
    try:
        matcher("matches", pattern)
    except WrongValueError as wrong:
        return f"{wrong.allowed}; found {wrong.found}"
    return ""
