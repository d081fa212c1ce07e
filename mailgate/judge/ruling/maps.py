"""Judge: the maps of the rule files, `maps/NAME.txt`: long lists that people and programs write, one entry a line.

An entry is a text that must be met whole, a text with `*` or `?` in it, or a pattern of RE2 after `re:`; letter case
never matters. `#` at the beginning of a line, or behind a space, begins a remark; a pattern has none behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import re2
from msgspec import Struct

from mailgate.errors import ConfigError, Fault
from mailgate.judge.conditions import LONGEST_PATTERN, Matcher, matcher, pattern_options

MOST_ENTRIES = 100_000  # of one map
MOST_PATTERNS = 5000  # of one map: each costs memory and time to make, which a plain entry does not
LARGEST_BYTES = 5_000_000  # of one file
GLOBS_TOGETHER = 100  # in one automaton
MOST_FAULTS = 20  # of one file that are told
PATTERN: Final = "re:"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)  # as rules write it behind `map:`


class EntryKind(StrEnum):
    """How an entry is met."""

    TEXT = "text"  # it is the whole value
    GLOB = "glob"  # the same, where * stands for anything and ? for one character
    PATTERN = "pattern"  # RE2, found anywhere in the value


class Entry(Struct, frozen=True):
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
    """What accepts an entry of each map: all texts at once, and every pattern by itself."""
    return {name: tuple(_matchers(one)) for name, one in maps.items()}


def _matchers(one: MapFile) -> Iterator[Matcher]:
    words = frozenset(entry.text for entry in one.entries if entry.kind is EntryKind.TEXT)
    if words:
        yield Matcher(words.__contains__, words=words)
    globs = [entry.text for entry in one.entries if entry.kind is EntryKind.GLOB]
    for at in range(0, len(globs), GLOBS_TOGETHER):
        yield matcher("glob", globs[at : at + GLOBS_TOGETHER])
    for entry in one.entries:
        if entry.kind is EntryKind.PATTERN:
            yield matcher("matches", entry.text)


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
        allowed = f"RE2 syntax: no look-around, no back-references ({wrong})"
    if allowed:
        yield Fault(file, entry.line, "map", repr(written.strip()[:80]), f"{allowed} (column {column})")


def _refused(pattern: str) -> str:
    """Why RE2 does not take a pattern, "" where it does."""
    try:
        re2.compile(pattern, pattern_options())
    except re2.error as error:
        return error.args[0].decode("utf-8", "replace") if error.args else "no pattern"
    return ""
