"""What speaks for or against spam, as the rule files say it: each `[[weigh]]` is one reason and its points.

A reason is a condition over the fields of a mail, as a signal has one; or a signal that the mail gave (`finding`); or
what somebody outside thinks of it (`opinion`). Of one family only the heaviest counts, so that five words for one thing
do not weigh five times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailgate.judge.conditions import Condition, Matcher
from mailgate.judge.watch import Watch

MOST_POINTS = 100.0


@dataclass(frozen=True, slots=True)
class Weigh:
    """One reason, which has either a condition, or the ids of findings, or the names of outside judges."""

    place: int  # in reading order
    id: str
    points: float  # for an opinion, how much one point of the judge counts here
    says: str
    rule: str  # "70-spam.toml:42"
    condition: Condition | None = None
    also: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    findings: frozenset[str] = frozenset()
    judges: Matcher | None = None
    most: float = MOST_POINTS  # what an opinion adds or takes at most
    family: str = ""


class Weighs:
    """All reasons, found by what they look at."""

    def __init__(self, weighs: Sequence[Weigh] = ()) -> None:
        self.all = tuple(weighs)
        by_field: dict[str, list[Weigh]] = {}
        for weigh in weighs:
            for field in weigh.condition.fields if weigh.condition else ():
                by_field.setdefault(field, []).append(weigh)
        self.by_field: Mapping[str, tuple[Watch, tuple[Weigh, ...]]] = {
            field: (Watch([one.condition for one in theirs if one.condition]), tuple(theirs))
            for field, theirs in by_field.items()
        }
        self.by_finding = {name: weigh for weigh in weighs for name in weigh.findings}
        self.of_opinions = tuple(weigh for weigh in weighs if weigh.judges is not None)


NO_WEIGHS = Weighs()
