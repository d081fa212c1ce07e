"""What speaks for or against spam, as the rule files say it: each `[[weigh]]` is one reason and its points.

A reason is a condition over the fields of a mail, as a signal has one; or a signal that the mail gave (`finding`); or
what somebody outside thinks of it (`opinion`). Of one family only the heaviest counts, so that five words for one thing
do not weigh five times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailgate.judge.conditions import Condition, Matcher
from mailgate.judge.watch import Watch

MOST_POINTS = 100.0
REMEMBERED_MOST = 256  # values of a field
REMEMBERED_CHARS = 64  # of each


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


Seen = tuple[tuple[Weigh, str], ...]  # reasons, each with the value that gave it


class Asked:
    """The reasons that look at one field. What short values gave is remembered, for most mails say the same few."""

    def __init__(self, weighs: Sequence[Weigh]) -> None:
        self._weighs = tuple(weighs)
        self._watch = Watch([one.condition for one in weighs if one.condition])
        self._remembered = lru_cache(REMEMBERED_MOST)(self._seen)

    def seen(self, values: tuple[str, ...]) -> Seen:
        """The reasons whose own condition accepts one of `values`."""
        short = len(values) == 1 and len(values[0]) <= REMEMBERED_CHARS
        return self._remembered(values) if short else self._seen(values)

    def _seen(self, values: tuple[str, ...]) -> Seen:
        return tuple((self._weighs[place], seen) for place, seen in self._watch.seen(values))


class Weighs:
    """All reasons, found by what they look at."""

    def __init__(self, weighs: Sequence[Weigh] = ()) -> None:
        self.all = tuple(weighs)
        by_field: dict[str, list[Weigh]] = {}
        for weigh in weighs:
            for field in weigh.condition.fields if weigh.condition else ():
                by_field.setdefault(field, []).append(weigh)
        self.by_field = {field: Asked(theirs) for field, theirs in by_field.items()}
        self.by_finding = {name: weigh for weigh in weighs for name in weigh.findings}
        self.of_opinions = tuple(weigh for weigh in weighs if weigh.judges is not None)


NO_WEIGHS = Weighs()
