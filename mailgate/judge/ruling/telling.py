"""Why a rule holds for a mail, or does not: each of its conditions with the value that it met, or those there were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from mailgate.judge.conditions import shown
from mailgate.judge.ruling.asking import Rules, Values
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, NoneOf, Part, Rule, holds

NONE_OF = "none of"
MOST_VALUES = 5  # of a field that are told
MOST_PARTS = 20  # of one list of conditions


@dataclass(frozen=True, slots=True)
class Told:
    """One condition, or several that are joined."""

    words: str  # 'subject contains "invoice"', or how `parts` are joined
    holds: bool
    saw: str = ""  # what it accepted
    values: tuple[str, ...] = ()  # what the field has, where nothing of it was accepted
    more: int = 0  # values, or parts, that are not told
    parts: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule and all its conditions, in the order in which they are written."""

    rule: Rule
    holds: bool
    parts: tuple[Told, ...]


def tell(rules: Rules, values: Values) -> Iterator[RuleTold]:
    """Every rule about a mail whose fields have these values, whether or not an earlier one would stop."""
    met = rules.met(values)
    teller = _Teller(rules, values, met)
    for rule in rules.all:
        parts = tuple(teller.part(one) for one in rule.holds.parts)
        yield RuleTold(rule, holds(rule.holds, met), parts)


def why_not(rule: Rule, rules: Rules, values: Values) -> str:
    """In one line, which condition of a rule keeps it from holding; "" where it holds."""
    teller = _Teller(rules, values, rules.met(values))
    return next((_line(told) for told in map(teller.part, rule.holds.parts) if not told.holds), "")


class _Teller:
    def __init__(self, rules: Rules, values: Values, met: Mapping[int, str]) -> None:
        self.rules = rules
        self.values = values
        self.met = met

    def part(self, part: Part) -> Told:
        match part:
            case Claim():
                return self.claim(part)
            case AllOf(parts):
                return self.joined("all of", part, parts) if len(parts) != 1 else self.part(parts[0])
            case AnyOf(parts):
                return self.alike(parts) or self.joined("one of", part, parts)
            case NoneOf(parts):
                return self.joined(NONE_OF, part, parts)
            case _:
                assert_never(part)

    def claim(self, claim: Claim) -> Told:
        if claim.leaf in self.met:
            saw = self.met[claim.leaf]
            return Told(f"{claim.words}{self.rules.placed(claim.leaf, saw)}", True, saw=shown(saw))
        found = self.values(self.rules.leaves[claim.leaf].field)
        return Told(
            claim.words, False, values=tuple(map(shown, found[:MOST_VALUES])), more=max(0, len(found) - MOST_VALUES)
        )

    def alike(self, parts: tuple[Part, ...]) -> Told | None:
        """Claims of the same words, such as the entries of a map, are one for people."""
        first = next(iter(parts), None)
        if not isinstance(first, Claim) or any(not isinstance(one, Claim) or one.words != first.words for one in parts):
            return None
        held = next((one for one in parts if isinstance(one, Claim) and one.leaf in self.met), first)
        return self.claim(held)

    def joined(self, words: str, whole: Part, parts: tuple[Part, ...]) -> Told:
        told = tuple(map(self.part, parts[:MOST_PARTS]))
        return Told(words, holds(whole, self.met), more=max(0, len(parts) - MOST_PARTS), parts=told)


def _line(told: Told) -> str:
    """A condition that does not hold, in one line."""
    if not told.parts:
        return f"{told.words}; {met_instead(told)}"
    wanted = told.words == NONE_OF
    inner = [f"{one.words}: {one.saw!r}" if one.saw else _line(one) for one in told.parts if one.holds is wanted]
    return f"{told.words}: {' | '.join(inner)}"


def met_instead(told: Told) -> str:
    """What a condition met that does not hold."""
    if not told.values:
        return "there is none"
    more = f" and {told.more} more" if told.more else ""
    return f"there is {', '.join(map(repr, told.values))}{more}"
