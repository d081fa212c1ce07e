"""Ground: the tables of a rule file, read so that all that is wrong with them is told at once, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from mailgate.errors import Fault

MOST_TEXTS = 1000  # in one list
LONGEST_COMPARED = 80  # characters

E = TypeVar("E", bound=StrEnum)
Line = Callable[[tuple[str | int, ...]], int]  # where in the file a value stands
Document = tuple[str, Mapping[str, Any], Sequence[int]]  # a file's name, its tables, the line of each of one name


class Tables:
    """Reads tables and collects what is wrong with them. `name` is the table whose keys are read, "" for none."""

    name = ""

    def __init__(self, file: str = "") -> None:
        self.file = file
        self.line = 0  # of the table that is read
        self.faults: list[Fault] = []

    def each(self, document: Mapping[str, Any], lines: Sequence[int]) -> Iterator[Mapping[str, Any]]:
        """The tables [[name]] of a parsed file, whose lines are `lines`; `line` is that of the one at hand."""
        self.line = 0
        tables = document.get(self.name, [])
        if not isinstance(tables, list):
            self.fault("", tables, f"[[{self.name}]] tables")
            return
        for table, line in zip(tables, [*lines, *[0] * len(tables)], strict=False):
            self.line = line
            if isinstance(table, dict):
                yield table
            else:
                self.fault("", table, "a table")

    def of_all(self, documents: Iterable[Document]) -> Iterator[Mapping[str, Any]]:
        """The tables [[name]] of several files, one after the other; afterwards the file is what it was."""
        file = self.file
        for name, document, lines in documents:
            self.file = name
            yield from self.each(document, lines)
        self.file = file

    def section(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """The table under `key`, empty where it is not written."""
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.fault(key, value, f"a table [{self._placed(key)}]")
        return {}

    def text(self, table: Mapping[str, Any], key: str) -> str:
        """The text under `key`, which has to be there."""
        value = table.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self.fault(key, value, "a text")
        return ""

    def texts(self, table: Mapping[str, Any], key: str, most: int = MOST_TEXTS) -> tuple[str, ...]:
        """The list of texts under `key`; none where it is not written."""
        values = table.get(key, [])
        if isinstance(values, list) and len(values) <= most and all(isinstance(one, str) for one in values):
            return tuple(values)
        self.fault(key, values, f"a list of at most {most} texts")
        return ()

    def one_of(self, table: Mapping[str, Any], key: str, kind: type[E], place: str = "") -> E | None:
        """The word under `key`; None where it is not written."""
        value = table.get(key)
        if value is None or value in list(kind):
            return kind(value) if value is not None else None
        self.fault(f"{place}{key}", value, f"one of {', '.join(kind)}", nearest(value, kind))
        return None

    def needed(self, table: Mapping[str, Any], key: str, kind: type[E]) -> E | None:
        """The same, where the table is nothing without it."""
        if key not in table:
            self.fault(key, None, f"one of {', '.join(kind)}")
        return self.one_of(table, key, kind)

    def flag(self, table: Mapping[str, Any], key: str) -> bool:
        """Is `key` true? It is not where it is not written."""
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, value, "true or false")
        return value is True

    def unknown(self, table: Mapping[str, Any], known: Collection[str], place: str = "") -> None:
        """Find fault with every key that is none of `known`."""
        names = sorted(known) if isinstance(known, frozenset) else list(known)
        for key in table:
            if key not in names:
                self.fault(f"{place}{key}", key, f"one of {', '.join(names)}", nearest(key, names))

    def fault(self, key: str, found: object, allowed: str, nearest: str = "") -> None:
        """What stands under `key` is wrong; None for nothing."""
        self.fault_in_words(key, "nothing" if found is None else repr(found), allowed, nearest)

    def fault_in_words(self, key: str, found: str, allowed: str, nearest: str = "") -> None:
        """The same, where the value itself would say too little."""
        self.faults.append(Fault(self.file, self.line, self._placed(key), found, allowed, nearest))

    def _placed(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name and key else self.name or key


class KeyedTables(Tables):
    """Reads a file of tables with names of their own; a key is found by its whole way, so that each fault has its own
    line.
    """

    def __init__(self, file: str, line: Line) -> None:
        super().__init__(file)
        self._line = line

    def fault_in_words(self, key: str, found: str, allowed: str, nearest: str = "") -> None:
        """What stands under `key` is wrong, on the line where it stands."""
        self.line = self._line(tuple(key.split(".")))
        super().fault_in_words(key, found, allowed, nearest)


def nearest(found: object, known: Iterable[str]) -> str:
    """The known word that is most like what was found, or "".

    Bounded, because the comparison is quadratic in the length of what was found.
    """
    return next(iter(get_close_matches(str(found)[:LONGEST_COMPARED], [str(name) for name in known], 1)), "")
