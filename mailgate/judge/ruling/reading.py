"""Reads `[[rule]]` tables: whatever is wrong with one is found here, before any mail comes, and all of it at once.

    when.from_domain = "partner.example"          a text: the value is this. A list: one of these
    when.size_kb = "> 500"                        "> 5", "< 09:30": numbers, days, times. "map:NAME": see maps/NAME.txt
    when.client.network = "192.0.2.0/24"          addresses in a network
    when.file_name.glob = ["*.pdf"]               or matchers by name: all that are given have to accept a value
    when."header:x-form" = true                   true: there is one; false: there is none
    when.any = [{...}, {...}]                     `all`, `any`: lists of such tables; `not`: one of which nothing holds
    unless.subject.contains = "reminder"          like `not`

All that stands in a table has to hold. A condition holds where one value of its field is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import re2

from mailgate.errors import ConfigError
from mailgate.judge.conditions import (
    LISTS,
    LONGEST_LOOKED_AT,
    LONGEST_VALUE,
    READS,
    Condition,
    Matcher,
    Read,
    WrongValueError,
    matcher,
)
from mailgate.judge.rules import is_header
from mailgate.judge.ruling import acts, examples
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import ALL_FIELDS, LONG, OF_HISTORY
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, Leaf, NoneOf, Part, Rule, leaves
from mailgate.tables import Line, Tables, nearest

MOST_RULES = 5000
MOST_LEAVES = 50_000  # conditions of all rules together
MOST_INSTRUCTIONS = (
    2_000_000  # of all their patterns: some dozen bytes and nanoseconds each, for each mail that asks it
)
MOST_DEPTH = 5  # of all, any and not
LONGEST_NAME = 100  # characters

ALLOWED_FIELDS = 'a field that `mailgate rules fields` lists, "header:name" in lower case, all, any or not'
MAP = "map:"
_JOINS = ("all", "any", "not")
_KEYS = ("name", "description", "enabled", "shadow", "when", "unless", "then", "stop", "hit", "miss")
_NUMBER = re2.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_DAY_OR_TIME = frozenset({len("2026-12-24"), len("09:30")})
_COMPARISONS = {">": "above", "<": "below"}
_MATCHERS = ("is", "in", "contains", "glob", "begins", "matches", "map", ">", "<", "network", "present")

Document = tuple[str, Mapping[str, Any], Line]  # file name, its tables, and where in it a value stands
Maps = Mapping[str, Sequence[Matcher]]  # by name; an entry of any of these is an entry of the map


def compile_rules(documents: Sequence[Document], maps: Maps) -> Rules:
    """Check the `[[rule]]` tables of parsed rule files, in this order.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = RuleReader(maps)
    for document in documents:
        reader.document(*document)
    rules = Rules(reader.rules, reader.leaves, reader.off)
    reader.faults += examples.failing(rules)
    if reader.faults:
        raise ConfigError(reader.faults)
    return rules


class RuleReader(Tables):
    """Reads one file after the other; `rules` and `leaves` are what is right in them."""

    name = "rule"

    def __init__(self, maps: Maps) -> None:
        super().__init__()
        self.maps = maps
        self.rules: list[Rule] = []
        self.off: list[Rule] = []
        self.leaves: list[Leaf] = []
        self._places: dict[str, str] = {}  # where each name stands
        self._known: dict[tuple[str, str, int], int] = {}  # leaves by field, words and number
        self._instructions = 0
        self._line: Line = lambda place: 0
        self._number = 0

    def document(self, file: str, document: Mapping[str, Any], line: Line) -> None:
        """Read the rules of a parsed file."""
        self.file, self._line = file, line
        tables = document.get(self.name)
        count = len(tables) if isinstance(tables, list) else 0
        for number, table in enumerate(self.each(document, [line((self.name, index)) for index in range(count)])):
            self._number = number
            if len(self._places) >= MOST_RULES:
                self.fault("", "one more", f"at most {MOST_RULES} rules")
                return
            self.rule(table)

    def rule(self, table: Mapping[str, Any]) -> None:
        """Read one; it is kept where nothing is wrong with it."""
        before, line = len(self.faults), self._line((self.name, self._number))
        self.unknown(table, _KEYS)
        name = self.short(table, "name")
        description = self.text(table, "description") if "description" in table else ""
        place = self.placed(name, line)
        if "when" not in table and "unless" not in table:
            self.fault("when", None, 'conditions, such as when.subject.contains = "invoice"')
        parts = self.parts(table, "when")
        without = self.parts(table, "unless")
        done = acts.read(self, table)
        shadow, stop = self.flag(table, "shadow"), self.flag(table, "stop")
        enabled = self.flag(table, "enabled") if "enabled" in table else True
        tried = examples.read(self, table, ALL_FIELDS, lambda at: self._line((self.name, self._number, *at)))
        condition = AllOf((*parts, NoneOf(without)) if without else parts)
        if done is not None and done.reject:
            self.known_at_the_door(condition)
        if len(self.faults) > before or done is None:
            return
        read = Rule(name, place, condition, done, acts.words(done), shadow, stop, description, tried)
        (self.rules if enabled else self.off).append(read)

    def placed(self, name: str, line: int) -> str:
        """Where the rule of this name stands, which must be the only one."""
        place = f"{self.file}:{line}"
        if name and name in self._places:
            self.fault("name", name, f"a name that is not used yet (it stands in {self._places[name]})")
        self._places.setdefault(name, place)
        return place

    def short(self, table: Mapping[str, Any], key: str) -> str:
        """A short text under `key`."""
        value = self.text(table, key).strip()
        if len(value) > LONGEST_NAME or not value.isprintable():
            self.fault(key, value, f"a text of at most {LONGEST_NAME} characters")
        return value

    def known_at_the_door(self, condition: AllOf) -> None:
        """A rule that rejects is asked before anybody looks who writes."""
        found = sorted({self.leaves[leaf].field for leaf in leaves(condition)} & OF_HISTORY)
        if found:
            self.fault("when", ", ".join(found), "nothing of the past in a rule that rejects; or then.hold for it")

    # ── Conditions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def parts(self, table: Mapping[str, Any], key: str, depth: int = 0, where: str = "") -> tuple[Part, ...]:
        """What stands in the table under `key`."""
        at = f"{where}{key}"
        value = table.get(key, {})
        if not isinstance(value, dict) or (key in table and not value):
            self.fault(at, value, f'conditions, such as {at}.subject.contains = "invoice"')
            return ()
        return self.table(value, at, depth)

    def table(self, table: Mapping[str, Any], at: str, depth: int) -> tuple[Part, ...]:
        """Every key of a table of conditions."""
        if depth > MOST_DEPTH:
            self.fault(at, "tables in tables", f"at most {MOST_DEPTH} of all, any and not within each other")
            return ()
        found: list[Part] = []
        for key, value in table.items():
            if key == "not":
                found.append(NoneOf(self.parts(table, key, depth + 1, f"{at}.")))
            elif key in _JOINS:
                parts = self.listed(value, f"{at}.{key}", depth + 1)
                found.append(AllOf(parts) if key == "all" else AnyOf(parts))
            else:
                found.extend(self.on_field(key, value, f"{at}.{key}"))
        return tuple(found)

    def listed(self, value: Any, at: str, depth: int) -> tuple[Part, ...]:
        """A list of tables of conditions."""
        if not isinstance(value, list) or not value or not all(isinstance(one, dict) and one for one in value):
            self.fault(at, value, '[{ subject.contains = "invoice" }, { mailbox = "billing@example.com" }]')
            return ()
        return tuple(AllOf(self.table(one, f"{at}[{number}]", depth)) for number, one in enumerate(value, 1))

    def on_field(self, field: str, value: Any, at: str) -> tuple[Part, ...]:
        """The conditions on one field."""
        if field not in ALL_FIELDS and not (field.startswith("header:") and is_header(field)):
            found = f"{field!r}, which is no field"
            self.fault_in_words(at, found, ALLOWED_FIELDS, nearest(field, (*ALL_FIELDS, *_JOINS)))
            return ()
        return tuple(part for name, what in self.asked(value, at) for part in self.claim(field, name, what, at))

    def asked(self, value: Any, at: str) -> list[tuple[str, Any]]:
        """The matchers that a value gives, and what each has to accept."""
        if isinstance(value, bool):
            return [("present", value)]
        if isinstance(value, str):
            return [_short(value)]
        if isinstance(value, list):
            return [("in", value)]
        if isinstance(value, int | float | date) and not isinstance(value, datetime):
            return [("is", str(value))]
        if not isinstance(value, dict) or not value:
            allowed = f"a text, a list of texts, true, false, or one of {', '.join(_MATCHERS)} with its value"
            self.fault(at, value, allowed)
            return []
        for key in (key for key in value if key not in _MATCHERS):
            self.fault(f"{at}.{key}", key, f"one of {', '.join(_MATCHERS)}", nearest(key, _MATCHERS))
        return [(key, what) for key, what in value.items() if key in _MATCHERS]

    def claim(self, field: str, name: str, value: Any, at: str) -> tuple[Part, ...]:
        """One claim, as a part; none where it has a fault."""
        if name == "present":
            if not isinstance(value, bool):
                self.fault(f"{at}.present", value, "true or false")
                return ()
            there = self.leaf(field, "is there", matcher("present", True), ("present", True))
            return (there,) if value else (NoneOf((there,)),)
        if name == "map":
            return self.mapped(field, value, at)
        try:
            known = _known(name, value)
            accepts = matcher(*known)
        except WrongValueError as wrong:
            self.fault_in_words(f"{at}.{name}", wrong.found, wrong.allowed)
            return ()
        return (self.leaf(field, f"{name} {_in_words(value)}", accepts, known),)

    def mapped(self, field: str, name: Any, at: str) -> tuple[Part, ...]:
        """An entry of a map: one of several claims."""
        if not isinstance(name, str) or name not in self.maps:
            known = ", ".join(self.maps) or "none"
            self.fault(at, f"{MAP}{name}", f"the name of a file maps/NAME.txt: {known}", nearest(name, self.maps))
            return ()
        each = enumerate(self.maps[name])
        return (AnyOf(tuple(self.leaf(field, f"is in {MAP}{name}", one, ("map", name), index) for index, one in each)),)

    def leaf(self, field: str, words: str, accepts: Matcher, asked: tuple[str, Any], number: int = 0) -> Claim:
        """The claim of these words, and of this `number` among them, asked once however many rules make it."""
        key = (field, words, number)
        if key not in self._known:
            if len(self.leaves) == MOST_LEAVES:
                self.fault("when", "one more condition", f"at most {MOST_LEAVES} in all rules together")
            self._instructions += accepts.size
            if self._instructions - accepts.size <= MOST_INSTRUCTIONS < self._instructions:
                self.fault(
                    "when", "one more pattern", f"at most {MOST_INSTRUCTIONS} instructions of all patterns together"
                )
            self._known[key] = len(self.leaves)
            reach = LONGEST_LOOKED_AT if field in LONG else LONGEST_VALUE
            self.leaves.append(Leaf(field, Condition((field,), READS[Read.TEXT], accepts, reach), *asked))
        return Claim(self._known[key], f"{field} {words}")

    def fault_in_words(self, key: str, found: str, allowed: str, nearest: str = "") -> None:
        """What stands under `key` is wrong, on the line where it stands."""
        self.line = self._line((self.name, self._number, *(step for step in _steps(key) if step)))
        super().fault_in_words(key, found, allowed, nearest)


def _steps(key: str) -> list[str | int]:
    """The way to what faults call `when.any[2].subject`."""
    return [int(step) - 1 if step.isdecimal() else step for step in key.replace("[", ".").replace("]", "").split(".")]


def _short(value: str) -> tuple[str, Any]:
    """A text as it stands for a matcher: "> 5", "map:partners", or itself."""
    if value.startswith(MAP):
        return "map", value.removeprefix(MAP)
    number = _number(value[1:]) if value[:1] in _COMPARISONS else None
    return ("is", value) if number is None else (value[0], number)


def _number(text: str) -> float | date | time | None:
    """The number, the day or the time that a text is; None for any other."""
    bare = text.strip()
    if _NUMBER.fullmatch(bare):
        return float(bare) if "." in bare else int(bare)
    for kind in (date.fromisoformat, time.fromisoformat):
        try:
            return kind(bare) if len(bare) in _DAY_OR_TIME else None
        except ValueError:
            continue
    return None


def _known(name: str, value: Any) -> tuple[str, Any]:
    """A matcher as `conditions` knows it; one text is a list of one, or the number that it is."""
    if name in _COMPARISONS and isinstance(value, str) and (number := _number(value)) is not None:
        value = number
    name = {"in": "is"}.get(name, _COMPARISONS.get(name, name))
    return name, [value] if name in LISTS and isinstance(value, str) else value


def _in_words(value: Any) -> str:
    return ", ".join(repr(one) for one in value) if isinstance(value, list) else repr(value)
