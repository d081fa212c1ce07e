"""Lists of words that rules name: what machines write, in every language, in one place and not in each rule.

Several `[[words]]` tables may bear one name, for instance one for each language: they are one list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailgate.errors import ConfigError
from mailgate.judge.conditions import LONGEST_PATTERN
from mailgate.tables import Tables

MOST_LISTS = 200  # tables
MOST_PHRASES = 500  # in one table

_KEYS = ("name", "language", "words", "source", "note")

Words = Mapping[str, tuple[str, ...]]  # by the name of the list
Document = tuple[str, Mapping[str, Any], Sequence[int]]  # file name, its tables, the line of each [[words]]


def compile_words(documents: Sequence[Document]) -> Words:
    """Collect the `[[words]]` tables of parsed rule files.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = _Reader()
    for file, document, lines in documents:
        reader.document(file, document, lines)
    if reader.faults:
        raise ConfigError(reader.faults)
    return reader.found


class _Reader(Tables):
    """Reads `[[words]]` tables."""

    name = "words"

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, ...]] = {}

    def document(self, file: str, document: Mapping[str, Any], lines: Sequence[int]) -> None:
        self.file = file
        for number, table in enumerate(self.each(document, lines)):
            if number == MOST_LISTS:
                self.fault("", "one more", f"at most {MOST_LISTS} tables")
                return
            self.words(table)

    def words(self, table: Mapping[str, Any]) -> None:
        self.unknown(table, _KEYS)
        name = self.text(table, "name")
        for key in ("language", "source", "note"):
            if key in table:
                self.text(table, key)
        phrases: Any = table.get("words")
        if not _are_phrases(phrases):
            self.fault("words", phrases, f"a list of 1 to {MOST_PHRASES} texts of at most {LONGEST_PATTERN} characters")
        elif name:
            self.found[name] = (*self.found.get(name, ()), *phrases)


def _are_phrases(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST_PHRASES
        and all(isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_PATTERN for text in value)
    )
