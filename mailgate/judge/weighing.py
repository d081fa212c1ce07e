"""The `[[weigh]]` tables of the rule files, checked and made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailgate.errors import ConfigError
from mailgate.judge.acquainted import ACQUAINTED_FIELDS
from mailgate.judge.conditions import Matcher, WrongValueError, matcher
from mailgate.judge.rules import CONDITION, Document, Reader
from mailgate.judge.weighs import MOST_POINTS, Weigh, Weighs
from mailgate.judge.wordlists import Words

MOST_WEIGHS = 500

_TEXTS = ("id", "says", "source")
_KEYS = CONDITION | {*_TEXTS, "points", "family", "also", "unless", "finding", "opinion", "most", "note"}
_ONE_OF = ("field", "finding", "opinion")


def compile_weighs(documents: Sequence[Document], words: Words) -> Weighs:
    """Check the `[[weigh]]` tables of parsed rule files, in this order; `words` are the lists that they may name.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = _WeighReader(words)
    for file, document, lines in documents:
        reader.document(file, document, lines)
    if reader.faults:
        raise ConfigError(reader.faults)
    return Weighs(reader.weighs)


class _WeighReader(Reader):
    """Reads `[[weigh]]` tables."""

    name = "weigh"
    most = MOST_WEIGHS

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.weighs: list[Weigh] = []
        self._found: dict[str, str] = {}  # which finding is weighed where

    def field(self, name: Any, key: str) -> None:
        """Like that of a signal, and what is known of the sender besides."""
        if name not in ACQUAINTED_FIELDS:
            super().field(name, key)

    def table(self, table: Mapping[str, Any]) -> None:
        """Read one table; it is kept where nothing is wrong with it."""
        before = len(self.faults)
        self.unknown(table, _KEYS)
        texts = {key: self.text(table, key) for key in _TEXTS}
        given = [key for key in _ONE_OF if key in table]
        if len(given) != 1:
            self.fault_in_words("field", " and ".join(given) or "none", f"one of {', '.join(_ONE_OF)}")
        condition = self.condition(table, "") if given == ["field"] else None
        also, unless = self.conditions(table, "also"), self.conditions(table, "unless")
        points, most = self._number(table, "points"), self._number(table, "most", MOST_POINTS)
        findings = self._findings(table) if given == ["finding"] else frozenset()
        judges = self._judges(table) if given == ["opinion"] else None
        family = self.text(table, "family") if "family" in table else ""
        rule = self.named(texts["id"])
        if len(self.faults) == before:
            place, name, says = len(self.weighs), texts["id"], texts["says"]
            found = (place, name, points, says, rule, condition, also, unless, findings, judges, most, family)
            self.weighs.append(Weigh(*found))

    def _number(self, table: Mapping[str, Any], key: str, default: float | None = None) -> float:
        value = table.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and -MOST_POINTS <= value <= MOST_POINTS:
            return float(value)
        self.fault(key, value, f"points, {-MOST_POINTS:g} to {MOST_POINTS:g}")
        return 0.0

    def _findings(self, table: Mapping[str, Any]) -> frozenset[str]:
        """The ids of signals, none of which is weighed elsewhere."""
        names = self.texts(table, "finding")
        for name in names:
            if name in self._found:
                self.fault("finding", name, f"a signal that is not weighed yet (it is in {self._found[name]})")
            self._found.setdefault(name, f"{self.file}:{self.line}")
        return frozenset(names)

    def _judges(self, table: Mapping[str, Any]) -> Matcher | None:
        try:
            return matcher("glob", table["opinion"])
        except WrongValueError as wrong:
            self.fault_in_words("opinion", wrong.found, wrong.allowed)
            return None
