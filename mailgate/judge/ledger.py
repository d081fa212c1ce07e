"""The ledger of permits as it would stand if other mail had left: what is more and what is less."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import astuple

from mailgate.judge.governor import EVERYBODY, moved_by
from mailgate.judge.newest import put
from mailgate.model import Ask, Counter, Facts, Grant, Purpose, Total

MOST = 200_000  # counters, and moments of each, that are remembered, the newest; a permit moves some twelve
Sort = tuple[Purpose, bool]  # whose automatic mail of which sort: to somebody whom no person of ours had met?


@dataclass(slots=True)
class _Moments:
    """When permits were granted that only one of two worlds has, in order."""

    more: list[datetime] = field(default_factory=list)
    less: list[datetime] = field(default_factory=list)

    def learn(self, at: datetime, *, granted: bool) -> None:
        here, there = (self.more, self.less) if granted else (self.less, self.more)
        place = bisect_left(there, at)
        if place < len(there) and there[place] == at:
            del there[place]
            return
        insort(here, at)
        del here[:-MOST]


@dataclass(slots=True)
class Permits:
    """Permits that only the other world has, and those that it has not."""

    by_counter: OrderedDict[Counter, _Moments] = field(default_factory=OrderedDict)
    everybodys: dict[Sort, _Moments] = field(default_factory=lambda: defaultdict(_Moments))
    causes: OrderedDict[int, bool] = field(default_factory=OrderedDict)  # mails that have had theirs there, or have not

    def __bool__(self) -> bool:
        """Is there any difference?"""
        return bool(self.by_counter)

    def learn(self, grant: Grant, *, granted: bool) -> None:
        """Take in a permit that only the other world has, or, not `granted`, only the recorded one."""
        for counter in moved_by(grant):
            if counter[2] != EVERYBODY:
                moments = self.by_counter.get(counter) or _Moments()
                moments.learn(grant.at, granted=granted)
                put(self.by_counter, counter, moments, MOST)
        if not grant.purpose.to_staff:
            self.everybodys[grant.purpose, grant.unproven].learn(grant.at, granted=granted)
        put(self.causes, grant.cause, granted, MOST)

    def lay(self, facts: Facts, asked: Ask) -> None:
        """Change what `facts` say of permits, as far as it was asked for."""
        facts.causes = frozenset(one for one in facts.causes if self.causes.get(one, True))
        facts.causes |= {one for one in asked.causes if self.causes.get(one, False)}
        if not self.by_counter:
            return
        # Whatever was asked for by its name may have a counter.
        named = [one for one in astuple(asked) if isinstance(one, frozenset)]
        subjects = {name for names in named for name in names if isinstance(name, str)} | {*map(str, facts.tickets)}
        for reach in asked.reach:
            for subject in subjects:
                counter = reach.key, reach.mail, subject
                if counter in self.by_counter:
                    _lay(facts.spent.setdefault(counter, []), self.by_counter[counter])
        for per in asked.windows:
            for sort, moments in self.everybodys.items():
                facts.totals += _totals(per, sort, moments, asked)


def _lay(times: list[datetime], moments: _Moments) -> None:
    for at in moments.less:
        if at in times:
            times.remove(at)
    times += moments.more


def _totals(per: timedelta, sort: Sort, moments: _Moments, asked: Ask) -> list[Total]:
    """By how much one window differs. One that only some mails of the batch can see counts as if all could not."""
    since = max(asked.now, asked.until or asked.now) - per
    number = sum(
        sign * (len(times) - bisect_right(times, since)) for sign, times in ((1, moments.more), (-1, moments.less))
    )
    return [Total(per, *sort, number)] if number else []


def _since(times: list[datetime], since: datetime) -> int:
    return len(times) - bisect_right(times, since)
