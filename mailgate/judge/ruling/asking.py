"""Which rules hold for a mail. A mail pays for what its values meet, not for what is listed.

All conditions on one field are asked at once, and only rules of which something was met are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mailgate.judge.conditions import shown
from mailgate.judge.ruling.rule import Leaf, Rule, claims, holds, needs
from mailgate.judge.watch import Watch

Values = Callable[[str], Sequence[str]]  # the values of a field

COMMON = 1000  # how much likelier than others a condition is met by mail that no rule is about
OF_TEXT = frozenset({"text", "opening", "language"})  # known of every mail only where a rule looks at one of them
# Fields of a handful of values, of which each is that of much mail.
OF_FEW_VALUES = frozenset(
    {
        *("mailbox", "rcpt_to", "kind", "level", "spf", "dkim", "dmarc", "arc", "contact", "in_thread", "language"),
        *("weekday", "date", "open", "tls", "listener", "is_reply", "content_type", "part", "sender_relation"),
    }
)


class Rules:
    """All rules of a folder, in their order. `fields` are those that any of them looks at, `off` are never asked."""

    def __init__(self, rules: Sequence[Rule] = (), leaves: Sequence[Leaf] = (), off: Sequence[Rule] = ()) -> None:
        self.all = tuple(rules)
        self.off = tuple(off)
        self.leaves = tuple(leaves)
        by_field: dict[str, list[int]] = {}
        for place, leaf in enumerate(leaves):
            by_field.setdefault(leaf.field, []).append(place)
        self._watches = {
            field: (Watch([leaves[place].condition for place in places]), tuple(places))
            for field, places in by_field.items()
        }
        self._by_leaf: dict[int, list[int]] = {}
        self._always: list[int] = []
        for number, rule in enumerate(rules):
            wanted = needs(rule.holds, self._often)
            if wanted is None:
                self._always.append(number)
            for one in wanted or ():
                self._by_leaf.setdefault(one, []).append(number)

    def __bool__(self) -> bool:
        return bool(self.all)

    @property
    def fields(self) -> frozenset[str]:
        """What the rules look at."""
        return frozenset(self._watches)

    @property
    def of_text(self) -> bool:
        """Do they look at what is known only of a mail whose text was read?"""
        return not OF_TEXT.isdisjoint(self._watches)

    def _often(self, leaf: int) -> int:
        """How often a leaf is met, beside others: what has few values, or is compared, is met by much mail."""
        one = self.leaves[leaf]
        certain = one.condition.accepts.words or one.condition.accepts.pattern or one.condition.accepts.pieces
        return 1 if (certain or one.condition.accepts.place) and one.field not in OF_FEW_VALUES else COMMON

    def holding(self, values: Values) -> Iterator[tuple[Rule, tuple[str, ...]]]:
        """The rules that hold, in their order, each with what its conditions met."""
        met = self.met(values)
        for rule in (self.all[number] for number in self.candidates(met)):
            if holds(rule.holds, met):
                yield rule, self.saw(rule, met)

    def candidates(self, met: Iterable[int]) -> list[int]:
        """The numbers of the rules that may hold where these leaves are met, in order; of the others none does."""
        return sorted({*self._always, *(one for leaf in met for one in self._by_leaf.get(leaf, ()))})

    def met(self, values: Values) -> Mapping[int, str]:
        """Every leaf that is met, with what it accepted."""
        found: dict[int, str] = {}
        for field, (watch, places) in self._watches.items():
            for place, accepted in watch.seen(values(field)):
                found[places[place]] = accepted
        return found

    def saw(self, rule: Rule, met: Mapping[int, str]) -> tuple[str, ...]:
        """In words what made a rule hold."""
        return tuple(
            f"{claim.words}{self.placed(claim.leaf, met[claim.leaf])}: {shown(met[claim.leaf])!r}"
            for claim in claims(rule.holds)
            if claim.leaf in met
        )

    def placed(self, leaf: int, accepted: str) -> str:
        """Where the entry stands that a leaf met, "" for what is no list in a file of its own: " (maps/vip.txt:3)"."""
        place = self.leaves[leaf].condition.accepts.place
        return f" ({place(accepted)})" if place else ""


NO_RULES = Rules()
