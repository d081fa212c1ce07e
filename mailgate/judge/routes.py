"""A routing rule, as a value: which mail it is about, and what it says of the ticket that such a mail opens."""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.judge.conditions import Condition
from mailgate.model import Kind, Priority


@dataclass(frozen=True, slots=True)
class Route:
    """The condition, all of `also`, and none of `unless`; what it leaves open other rules may say."""

    id: str
    condition: Condition
    also: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    kinds: frozenset[Kind]  # empty: any
    queue: str
    priority: Priority | None
    tags: tuple[str, ...]
    assignee: str
    rule: str  # "60-routing.toml:42"
