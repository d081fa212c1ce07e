"""Lists of words that rules name: what machines write, in every language, in one place and not in each rule.

Several `[[words]]` tables may bear one name, for instance one for each language: they are one list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailgate.errors import ConfigError, Fault
from mailgate.judge.conditions import LONGEST_PATTERN

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
    found: dict[str, tuple[str, ...]] = {}
    faults: list[Fault] = []
    for file, document, lines in documents:
        tables = document.get("words", [])
        if not isinstance(tables, list) or len(tables) > MOST_LISTS:
            faults.append(Fault(file, 0, "words", repr(tables)[:80], f"at most {MOST_LISTS} tables [[words]]"))
            continue
        for table, line in zip(tables, [*lines, *[0] * len(tables)], strict=False):
            wrong = [Fault(file, line, f"words.{key}", shown, allowed) for key, shown, allowed in _faults(table)]
            faults += wrong
            if not wrong:
                found[table["name"]] = (*found.get(table["name"], ()), *table["words"])
    if faults:
        raise ConfigError(faults)
    return found


def _faults(table: Any) -> list[tuple[str, str, str]]:
    """What is wrong with one table: the key, what was found, and what is allowed."""
    if not isinstance(table, dict):
        return [("", repr(table), "a table")]
    faults = [(key, key, f"one of {', '.join(_KEYS)}") for key in table if key not in _KEYS]
    faults += [
        (key, repr(table.get(key, "nothing")), "a text")
        for key in ("name", "language", "source", "note")
        if not isinstance(table.get(key, "" if key != "name" else None), str) or table.get(key) == ""
    ]
    if not _are_phrases(table.get("words")):
        allowed = f"a list of 1 to {MOST_PHRASES} texts of at most {LONGEST_PATTERN} characters"
        faults.append(("words", repr(table.get("words", "nothing"))[:80], allowed))
    return faults


def _are_phrases(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST_PHRASES
        and all(isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_PATTERN for text in value)
    )
