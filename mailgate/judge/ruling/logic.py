"""What follows from conditions whatever mail comes: which cannot hold, and which hold wherever others do.

Only what is certain is said: a doubt that is none would teach people to pass over all of them. What may have several
values can be two things at once, and of patterns, maps and what nobody knows the values of nothing follows but itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from functools import partial
from typing import Any, TypeAlias, assert_never

from mailgate.judge import hours
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, NoneOf, Part
from mailgate.model import Kind, Level, Role, Standing, Trust

MOST_ASKED = 100_000  # words about which rules are asked while one set of them is looked through
MOST_ALTERNATIVES = 50  # of one list that are followed
MOST_DEPTH = 3  # lists in lists that are followed

_YES = frozenset({"yes"})
# Fields of which all values are known.
CLOSED: Mapping[str, frozenset[str]] = {
    "kind": frozenset(kind.value for kind in Kind),
    "level": frozenset(level.value.lower() for level in Level),
    "contact": frozenset(standing.value for standing in Standing),
    "weekday": frozenset(hours.DAYS),
    "hour": frozenset(map(str, range(24))),
    "sender_relation": frozenset({"same", "organization", "other"}),
    "contact_trust": frozenset(trust.value for trust in Trust),
    "listener": frozenset(role.value for role in Role),
    **dict.fromkeys(("ours_named", "open", "tls"), frozenset({"yes", "no"})),
    **dict.fromkeys(
        ("contact_proven", "in_thread", "is_reply", "from_ours", "from_our_domain", "from_forwarded", "enclosed_ours"),
        _YES,
    ),
}
# Fields of which a mail never has two values.
SINGLE = frozenset(
    {
        *("kind", "level", "contact", "weekday", "hour", "date", "sender_relation", "ours_named", "in_thread"),
        *("is_reply", "from_ours", "from_our_domain", "from_forwarded", "enclosed_ours", "spf", "dkim", "dmarc", "arc"),
        *("mail_from", "mail_from_domain", "rcpt_to", "mailbox", "subject", "opening", "text", "language", "size_kb"),
        *("content_type", "report_type", "proven_domain", "spam", "contact_days", "contact_spam", "client", "helo"),
        *("time", "open", "tls", "listener", "contact_begun", "contact_proven", "contact_trust", "received_count"),
        *("recipients_named", "age_days", "from_count"),
    }
)

Wanted: TypeAlias = tuple[Part, bool]  # a part that holds, or that does not


@dataclass(slots=True)
class Assumed:
    """What is taken for true: leaves that are met, leaves that are not, and lists of which one holds."""

    yes: set[int] = field(default_factory=set)
    no: set[int] = field(default_factory=set)
    lists: list[list[Wanted]] = field(default_factory=list)

    def add(self, part: Part, wanted: bool) -> None:
        """Assume that the part holds, or that it does not."""
        match part:
            case Claim(leaf):
                (self.yes if wanted else self.no).add(leaf)
            case AllOf(parts):
                self._all((one, True) for one in parts) if wanted else self._one([(one, False) for one in parts])
            case AnyOf(parts):
                self._one([(one, True) for one in parts]) if wanted else self._all((one, False) for one in parts)
            case NoneOf(parts):
                self._all((one, False) for one in parts) if wanted else self._one([(one, True) for one in parts])
            case _:
                assert_never(part)

    def _all(self, parts: Iterable[Wanted]) -> None:
        for part, wanted in parts:
            self.add(part, wanted)

    def _one(self, parts: list[Wanted]) -> None:
        if len(parts) == 1:
            self.add(*parts[0])
        else:
            self.lists.append(parts)


class EndlessError(Exception):
    """There are more rules than can be looked through."""


class Logic:
    """What follows from the conditions of these rules. `closed` are further fields of which all values are known."""

    def __init__(self, rules: Rules, closed: Mapping[str, Collection[str]] | None = None) -> None:
        self.rules = rules
        self.leaves = rules.leaves
        self.closed = {**CLOSED, **(closed or {})}
        self._asked = 0
        self._met: dict[tuple[str, str], frozenset[int]] = {}
        self._implied: dict[int, frozenset[int]] = {}
        self._of_field: dict[str, list[int]] = {}
        for place, leaf in enumerate(self.leaves):
            self._of_field.setdefault(leaf.field, []).append(place)

    def never(self, *parts: Part) -> bool:
        """Is it certain that no mail fulfils all of these?"""
        return self._refuted([(part, True) for part in parts])

    def follows(self, part: AllOf, given: Part) -> bool:
        """Is it certain that the part holds for every mail for which the `given` one does?"""
        return all(self._refuted([(given, True), (one, False)]) for one in part.parts)

    def implied(self, leaf: int) -> frozenset[int]:
        """The leaves that are met wherever this one is, itself among them."""
        if leaf not in self._implied:
            self._implied[leaf] = frozenset(self._implying(leaf))
        return self._implied[leaf]

    # ── Contradictions ────────────────────────────────────────────────────────────────────────────────────────────────

    def _refuted(
        self, wanted: Iterable[Wanted], yes: Iterable[int] = (), no: Iterable[int] = (), depth: int = 0
    ) -> bool:
        """Do these contradict one another? Each list is looked at by itself: what takes two of them is not found."""
        assumed = Assumed(set(yes), set(no))
        for part, holds in wanted:
            assumed.add(part, holds)
        if self._at_odds(assumed.yes, assumed.no):
            return True
        if depth == MOST_DEPTH:
            return False
        refuted = partial(self._refuted, yes=assumed.yes, no=assumed.no, depth=depth + 1)
        few = (one for one in assumed.lists if len(one) <= MOST_ALTERNATIVES)
        return any(all(refuted([alternative]) for alternative in one) for one in few)

    def _at_odds(self, yes: Collection[int], no: Collection[int]) -> bool:
        if any(not self.implied(leaf).isdisjoint(no) or self._is_never(leaf) for leaf in yes):
            return True
        by_field: dict[str, list[int]] = {}
        for leaf in yes:
            by_field.setdefault(self.leaves[leaf].field, []).append(leaf)
        single = (places for name, places in by_field.items() if name in SINGLE and len(places) > 1)
        return any(self._apart(one, other) for places in single for one in places for other in places if one < other)

    def _is_never(self, leaf: int) -> bool:
        """Is it a value that its field never has?"""
        values = self.closed.get(self.leaves[leaf].field)
        return values is not None and not any(leaf in self._met_by(leaf, value) for value in values)

    def _apart(self, one: int, other: int) -> bool:
        """Can no single value meet both?"""
        for here, there in ((one, other), (other, one)):
            words = self._words(here)
            if words and not any(there in self._met_by(here, word) for word in words):
                return True
            if self._span(here) == "above" and self._span(there) == "below":
                return _same_kind(self._bound(here), self._bound(there)) and self._bound(there) <= self._bound(here)
        values = self.closed.get(self.leaves[one].field)
        return values is not None and not any({one, other} <= self._met_by(one, value) for value in values)

    # ── What follows from one leaf ────────────────────────────────────────────────────────────────────────────────────

    def _implying(self, leaf: int) -> set[int]:
        here, found = self.leaves[leaf], {leaf}
        beside = self._of_field[here.field]
        found.update(other for other in beside if self.leaves[other].matcher == "present")
        if words := self._words(leaf):
            found |= frozenset.intersection(*(self._met_by(leaf, word) for word in words))
        elif here.matcher == "contains":
            met = frozenset.intersection(*(self._met_by(leaf, piece.lower()) for piece in here.value))
            found.update(other for other in met if self.leaves[other].matcher == "contains")
        elif span := self._span(leaf):
            found.update(other for other in beside if self._span(other) == span and self._wider(other, leaf))
        if (values := self.closed.get(here.field)) is not None:
            met_by = [self._met_by(leaf, value) for value in values]
            both = [met for met in met_by if leaf in met]
            found |= frozenset.intersection(*both) if both else frozenset()
        return found

    def _wider(self, other: int, leaf: int) -> bool:
        wide, narrow = self._bound(other), self._bound(leaf)
        if not _same_kind(wide, narrow):
            return False
        return bool(wide <= narrow if self._span(leaf) == "above" else wide >= narrow)

    def _words(self, leaf: int) -> frozenset[str]:
        """The values of which it takes one and no other; none where there is more to it."""
        here = self.leaves[leaf]
        words = here.condition.accepts.words if here.matcher == "is" else frozenset[str]()
        return words if all(word == word.strip() for word in words) else frozenset()

    def _span(self, leaf: int) -> str:
        matcher = self.leaves[leaf].matcher
        return matcher if matcher in ("above", "below") else ""

    def _bound(self, leaf: int) -> Any:
        return self.leaves[leaf].value

    def _met_by(self, leaf: int, value: str) -> frozenset[int]:
        """The leaves of its field that a value meets. Raises EndlessError beyond the bound."""
        name = self.leaves[leaf].field
        if (name, value) not in self._met:
            if self._asked == MOST_ASKED:
                raise EndlessError
            self._asked += 1
            self._met[name, value] = frozenset(self.rules.met(partial(_only, name, value)))
        return self._met[name, value]


def _only(name: str, value: str, asked: str) -> tuple[str, ...]:
    """The values of a field, where one field has one."""
    return (value,) if asked == name else ()


def _same_kind(one: object, other: object) -> bool:
    """Are both numbers, or both days, or both times?"""
    return all(isinstance(one, kind) is isinstance(other, kind) for kind in (date, time))
