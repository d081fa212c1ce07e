"""A rule, as a value: conditions and how they are joined, and what is done with a mail for which they hold."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from mailgate.judge.conditions import Condition
from mailgate.model import Priority


@dataclass(frozen=True, slots=True)
class Claim:
    """One condition: its place among all that the rules ask, and its words for people."""

    leaf: int
    words: str  # 'subject contains "invoice"'


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds where every part does."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds where one part does."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Holds where no part does."""

    parts: tuple[Part, ...]


Part: TypeAlias = Claim | AllOf | AnyOf | NoneOf


@dataclass(frozen=True, slots=True)
class Acts:
    """What a rule does; what it leaves open others may say."""

    queue: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    assignee: str = ""
    hold: str = ""  # why, for whoever looks
    quiet: bool = False
    trust: bool = False  # once
    never: bool = False  # nothing automatic answers
    template: str = ""
    reject: str = ""  # what the sender's server is told
    score: float = 0.0
    redirect: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A mail for which a rule must hold, or must not."""

    holds: bool
    place: str  # "70-ours.toml:50"
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of fields, in lower case
    mail: str = ""  # the path of a whole mail beside the rule file, in place of values


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` holds and `unless` does not: then `acts` are done, and with `stop` no later rule is asked."""

    name: str
    place: str  # "70-ours.toml:42"
    holds: AllOf
    acts: Acts
    says: str  # the acts in words: "queue billing, tag invoice"
    shadow: bool = False
    stop: bool = False
    description: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a claim asks of one field."""

    field: str
    condition: Condition
    matcher: str = ""  # by its name in rule files
    value: Any = None  # as it is written: texts, a number, a day, the name of a map


def holds(part: Part, met: Container[int]) -> bool:
    """Does a part hold where the leaves `met` do?"""
    match part:
        case Claim(leaf):
            return leaf in met
        case AllOf(parts):
            return all(holds(one, met) for one in parts)
        case AnyOf(parts):
            return any(holds(one, met) for one in parts)
        case NoneOf(parts):
            return not any(holds(one, met) for one in parts)
        case _:
            assert_never(part)


def needs(part: Part, often: Callable[[int], int] = lambda leaf: 1) -> frozenset[int] | None:
    """Leaves of which one must be met before the part can hold; None where it can hold without any.

    Of several such sets the one that is met least, by how `often` each leaf is.
    """
    match part:
        case Claim(leaf):
            return frozenset((leaf,))
        case AllOf(parts):
            found = [needed for one in parts if (needed := needs(one, often)) is not None]
            return min(found, key=lambda needed: sum(map(often, needed))) if found else None
        case AnyOf(parts):
            each = [needs(one, often) for one in parts]
            return frozenset().union(*each) if None not in each else None  # type: ignore[arg-type]
        case NoneOf():
            return None
        case _:
            assert_never(part)


def leaves(part: Part) -> frozenset[int]:
    """Every leaf that a part asks, those under "not" too."""
    match part:
        case Claim(leaf):
            return frozenset((leaf,))
        case AllOf(parts) | AnyOf(parts) | NoneOf(parts):
            return frozenset().union(*map(leaves, parts))
        case _:
            assert_never(part)


def claims(part: Part) -> tuple[Claim, ...]:
    """The claims that make a part hold, in the order in which they are written; those under "not" are none."""
    match part:
        case Claim():
            return (part,)
        case AllOf(parts) | AnyOf(parts):
            return tuple(claim for one in parts for claim in claims(one))
        case NoneOf():
            return ()
        case _:
            assert_never(part)
