"""What an address got and began of late, as it would stand if other mail had left: laid over the facts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mailgate.judge.decided import Sent
from mailgate.judge.newest import put
from mailgate.model import Ask, Begun, Facts, Taken

V = TypeVar("V")

MOST = 50_000  # addresses that are remembered, the newest
EACH_MOST = 100  # mails of each, the newest


@dataclass(slots=True)
class Traffic:
    """Differences by address. What leaves in the other world alone is thought to be taken as soon as it leaves."""

    more: OrderedDict[str, tuple[Taken, ...]] = field(default_factory=OrderedDict)  # sent there alone,
    less: OrderedDict[str, tuple[Sent, ...]] = field(default_factory=OrderedDict)  # and in the record alone
    begun: OrderedDict[str, tuple[Begun, ...]] = field(default_factory=OrderedDict)  # conversations, only there,
    not_begun: OrderedDict[str, tuple[Begun, ...]] = field(default_factory=OrderedDict)  # and only in the record

    def learn(self, sent: Iterable[Sent], *, granted: bool) -> None:
        """Take in mail that only the other world sent, or, not `granted`, only the recorded one."""
        for one in sent:
            if granted:
                _append(self.more, one.grant.address, Taken(one.leaves_at, one.grant.fingerprint))
            else:
                _append(self.less, one.grant.address, one)

    def learn_begun(self, address: str, one: Begun, *, there: bool) -> None:
        """Take in a conversation that began only in the other world, or, not `there`, only in the recorded one."""
        _append(self.begun if there else self.not_begun, address, one)

    def lay(self, facts: Facts, asked: Ask) -> None:
        """Change what `facts` say, as far as it was asked for."""
        for address in facts.taken.keys() & self.less.keys():
            for sent in self.less[address]:
                _take_out(facts.taken[address], sent)
        for address in asked.addresses & self.more.keys():
            # What leaves at the very moment of a mail is taken after it.
            before = (one for one in self.more[address] if one.at < asked.now)
            both = (*facts.taken.get(address, ()), *before)
            facts.taken[address] = sorted(both, key=lambda one: one.at, reverse=True)
        for address in facts.begun.keys() & self.not_begun.keys():
            facts.begun[address] = [one for one in facts.begun[address] if one not in self.not_begun[address]]
        for address in asked.addresses & self.begun.keys():
            facts.begun.setdefault(address, []).extend(self.begun[address])


def _take_out(taken: list[Taken], sent: Sent) -> None:
    """Take out the mail that was sent: the next after its permit that answers the same words."""
    same = [one for one in taken if one.fingerprint == sent.grant.fingerprint and one.at >= sent.grant.at]
    if same:
        taken.remove(min(same, key=lambda one: one.at))


def _append(where: OrderedDict[str, tuple[V, ...]], key: str, value: V) -> None:
    put(where, key, (*where.get(key, ()), value)[-EACH_MOST:], MOST)
