"""What is doubtful in rules and lists that have no fault: what never holds, is never asked or heard, or is never used.

A doubt is certain in what it says, for `logic` is; whether it was meant so, its author knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailgate.judge.conditions import LISTS, READS, Condition, Read, matcher
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.logic import EndlessError, Logic
from mailgate.judge.ruling.maps import Entry, EntryKind, MapFile
from mailgate.judge.ruling.rule import Acts, Claim, Part, Rule, claims, needs
from mailgate.judge.watch import Watch
from mailgate.tables import nearest

MOST_COMPARED = 200_000  # pairs of rules
MOST_OF_A_MAP = 20  # entries of one map that are told

# Of these acts the first rule that says one has the word.
_FIRST = ("queue", "priority", "assignee", "template", "redirect")
_WORDS = {"assignee": "assign", "template": "answer", "never": "answer = never"}
# What one rule says, and what another one must not that holds for the same mail.
_AT_ODDS = (("hold", "trust"), ("quiet", "trust"), ("hold", "quiet"), ("never", "template"), ("reject", "trust"))


class Why(StrEnum):
    """What kind of doubt it is."""

    NEVER_HOLDS = "never-holds"
    UNREACHABLE = "unreachable"
    UNHEARD = "unheard"
    CONTRADICTS = "contradicts"
    UNUSED_MAP = "unused-map"
    UNUSED_ENTRY = "unused-entry"
    UNUSED_WORDS = "unused-words"
    NO_EXAMPLE = "no-example"
    NOT_COMPARED = "not-compared"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that is hardly meant so. It hinders nothing."""

    why: Why
    place: str  # "70-ours.toml:42"
    about: str  # the name of the rule, map or list
    text: str


def of_rules(rules: Rules, closed: Mapping[str, Collection[str]] | None = None) -> list[Doubt]:
    """What is doubtful in rules beside each other; `closed` are fields of which all values are known."""
    found: list[Doubt] = []
    compared = _Compared(rules, Logic(rules, closed))
    try:
        found.extend(compared.doubts())
    except EndlessError:
        found.append(Doubt(Why.NOT_COMPARED, "", "rules", "there are too many rules to compare all of them"))
    return found


def without_examples(rules: Rules) -> Iterator[Doubt]:
    """The rules that nothing is tried on."""
    for rule in rules.all:
        if not rule.examples:
            text = f"the rule {rule.name!r} has no examples: write [[rule.hit]] and [[rule.miss]] below it"
            yield Doubt(Why.NO_EXAMPLE, rule.place, rule.name, text)


class _Compared:
    """Compares rules with those before them."""

    def __init__(self, rules: Rules, logic: Logic) -> None:
        self.rules = rules
        self.logic = logic
        self.left = MOST_COMPARED
        # Whoever holds wherever another one does needs leaves that follow from those of that one.
        self.used = Counter(claim.leaf for rule in rules.all for claim in claims(rule.holds))
        self.by_need: dict[int, list[int]] = {}
        self.always: list[int] = []

    def doubts(self) -> Iterator[Doubt]:
        for number, rule in enumerate(self.rules.all):
            if self.logic.never(rule.holds):
                yield Doubt(Why.NEVER_HOLDS, rule.place, rule.name, self.why_never(rule))
                continue
            yield from self.beside(rule)
            self.remember(number, rule)

    def remember(self, number: int, rule: Rule) -> None:
        if rule.shadow:
            return
        needed = needs(rule.holds, self.used.__getitem__)
        if needed is None:
            self.always.append(number)
        for leaf in needed or ():
            self.by_need.setdefault(leaf, []).append(number)

    def beside(self, rule: Rule) -> Iterator[Doubt]:
        """What earlier rules make of this one."""
        unheard: dict[str, Rule] = {}
        for other in self.wider(rule):
            if other.stop:
                text = f"the rule {rule.name!r} is never asked: {_named(other)} holds wherever it does, and stops"
                yield Doubt(Why.UNREACHABLE, rule.place, rule.name, text)
                return
            for act in () if rule.shadow else _said_by_both(rule.acts, other.acts):
                unheard.setdefault(act, other)
            if not rule.shadow and (pair := _odds(rule.acts, other.acts)) and self.as_wide(rule, other):
                text = f"the rule {rule.name!r} says {pair[0]}, and {_named(other)} of the same mail {pair[1]}"
                yield Doubt(Why.CONTRADICTS, rule.place, rule.name, text)
        for act, other in unheard.items():
            said = getattr(other.acts, act)
            text = f"the {_WORDS.get(act, act)} of the rule {rule.name!r} is never heard: "
            text += f"{_named(other)} holds wherever it does, and says {said!r} first"
            yield Doubt(Why.UNHEARD, rule.place, rule.name, text)

    def wider(self, rule: Rule) -> Iterator[Rule]:
        """The rules before it that hold wherever it does, where that matters."""
        within = frozenset().union(*(self.logic.implied(claim.leaf) for claim in claims(rule.holds)))
        before = {*self.always, *(number for leaf in within for number in self.by_need.get(leaf, ()))}
        for other in (self.rules.all[number] for number in sorted(before)):
            wanted = map(needs, other.holds.parts)
            if any(one is not None and one.isdisjoint(within) for one in wanted):
                continue
            if other.stop or any(_said_by_both(rule.acts, other.acts)) or _odds(rule.acts, other.acts):
                self.left -= 1
                if not self.left:
                    raise EndlessError
                if self.logic.follows(other.holds, rule.holds):
                    yield other

    def as_wide(self, rule: Rule, other: Rule) -> bool:
        return self.logic.follows(rule.holds, other.holds)

    def why_never(self, rule: Rule) -> str:
        text = f"the rule {rule.name!r} never holds"
        for part in rule.holds.parts:
            if self.logic.never(part):
                return f"{text}: {self.condition(part)}"
        return f"{text}: its conditions contradict each other"

    def condition(self, part: Part) -> str:
        if not isinstance(part, Claim):
            return "no mail fulfils what stands in one of its lists"
        leaf = self.rules.leaves[part.leaf]
        values = self.logic.closed.get(leaf.field, ())
        like = next(filter(None, (nearest(word, values) for word in sorted(leaf.condition.accepts.words))), "")
        meant = f"; did you mean {like!r}?" if like else f"; it is one of {', '.join(sorted(values))}"
        return f"of no mail {part.words}{meant if values else ''}"


def _named(rule: Rule) -> str:
    return f"{rule.name!r} ({rule.place})"


def _said_by_both(one: Acts, other: Acts) -> Iterator[str]:
    return (act for act in _FIRST if getattr(one, act) and getattr(other, act))


def _odds(one: Acts, other: Acts) -> tuple[str, str] | None:
    """What one says that goes against the other, and what that says."""
    for here, there in (pair for both in _AT_ODDS for pair in (both, both[::-1])):
        if getattr(one, here) and getattr(other, there):
            return _WORDS.get(here, here), _WORDS.get(there, there)
    return None


# ── Maps and lists of words ───────────────────────────────────────────────────────────────────────────────────────────


def of_maps(maps: Mapping[str, MapFile], rules: Rules) -> Iterator[Doubt]:
    """Maps that no rule asks, and entries that nothing can meet first."""
    used = {leaf.value for leaf in rules.leaves if leaf.matcher == "map"}
    for name, one in maps.items():
        if name not in used:
            yield Doubt(Why.UNUSED_MAP, f"{one.file}:1", name, f'no rule asks the map {name!r}, as "map:{name}" would')
        needless = list(_needless(one))
        for entry, why in needless[:MOST_OF_A_MAP]:
            yield Doubt(Why.UNUSED_ENTRY, f"{one.file}:{entry.line}", name, f"the entry {entry.text!r} {why}")
        if (more := len(needless) - MOST_OF_A_MAP) > 0:
            yield Doubt(
                Why.UNUSED_ENTRY, f"{one.file}:1", name, f"{more} more entries of the map {name!r} are needless"
            )


def _needless(one: MapFile) -> Iterator[tuple[Entry, str]]:
    """The entries that add nothing to the others, and why."""
    wide = [entry for entry in one.entries if entry.kind is not EntryKind.TEXT]
    watch = Watch([_condition(entry) for entry in wide])
    first: dict[tuple[EntryKind, str], int] = {}
    for entry in one.entries:
        line = first.setdefault((entry.kind, entry.text), entry.line)
        if line != entry.line:
            yield entry, f"stands in line {line} already"
        elif entry.kind is EntryKind.TEXT and wide and (seen := watch.seen((entry.text,))):
            by = wide[min(place for place, _ in seen)]
            yield entry, f"is met by {by.text!r} in line {by.line} already"


def _condition(entry: Entry) -> Condition:
    accepts = matcher("glob", [entry.text]) if entry.kind is EntryKind.GLOB else matcher("matches", entry.text)
    return Condition((), READS[Read.TEXT], accepts)


def unused_words(documents: Iterable[tuple[str, Mapping[str, Any], Any]]) -> Iterator[Doubt]:
    """The [[words]] lists that nothing names; `documents` are all parsed rule files, each with where its keys stand."""
    files = list(documents)
    used = {name for _, document, _ in files for name in _lists_named(document)}
    for file, document, line in files:
        tables = document.get("words")
        for number, table in enumerate(tables if isinstance(tables, list) else ()):
            name = table.get("name") if isinstance(table, dict) else None
            if isinstance(name, str) and name not in used:
                place = f"{file}:{line(('words', number))}"
                yield Doubt(Why.UNUSED_WORDS, place, name, f"nothing names the list of words {name!r}")


def _lists_named(value: Any) -> Iterator[str]:
    """Every text that stands where a matcher may name lists; some of them are no names, which does no harm."""
    if isinstance(value, list):
        for one in value:
            yield from _lists_named(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in LISTS and isinstance(one, str):
                yield from one.split(" + ")
            yield from _lists_named(one)
