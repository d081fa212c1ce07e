"""The send gate alone, played over months: mail of one domain asks, people act, and nothing else is judged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from msgspec.structs import replace

from mailgate.judge.governor import Balance, Counters, after_human_act, decide, dripped
from mailgate.judge.limits import Limit
from mailgate.model import Acquaintance, DomainCredit, Grant, Permit, Purpose, Standing
from tests.fakes.judging import rulebook

LIMITS = rulebook().limits
# Without a fingerprint, as if no two mails said the same.
_WANTED = Grant(
    datetime.min.replace(tzinfo=UTC), Purpose.ACKNOWLEDGE, "", "x.test", "192.0.2.0/24", "", False, True, None, 0
)


@dataclass
class Played:
    """The gate over time, with the balances written as the store would."""

    windows: tuple[Limit, ...]
    start: datetime
    granted: list[Grant] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    known: dict[str, Acquaintance] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    causes: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.domain = DomainCredit("x.test", LIMITS.domain_credit.start, self.start)

    def stand(self, address: str, at: datetime) -> Balance:
        new = Acquaintance(address, 1, Standing.UNKNOWN, at, LIMITS.credit.start, at)
        known = self.known.get(address, new)
        credit, since = dripped(known.credit, known.credit_at, at, LIMITS.credit)
        of_domain, domain_since = dripped(self.domain.credit, self.domain.credit_at, at, LIMITS.domain_credit)
        return Balance(
            replace(known, credit=credit, credit_at=since),
            replace(self.domain, credit=of_domain, credit_at=domain_since),
        )

    def mail(self, address: str, at: datetime) -> None:
        balance = self.stand(address, at)
        wanted = replace(_WANTED, at=at, address=address, cause=next(self.causes), unproven=not balance.known.proven)
        limits = dataclasses.replace(LIMITS, windows=self.windows)
        decision = decide(wanted, balance, self.counters, limits, lambda: 1)
        if isinstance(decision, Permit):
            balance = balance.after(wanted)
            self.counters.add(wanted)
            self.granted.append(wanted)
        self.known[address], self.domain = balance.known, balance.domain

    def act(self, address: str, at: datetime) -> None:
        balance = self.stand(address, at)
        credit = after_human_act(balance.known.credit, LIMITS.credit)
        if not balance.known.proven:
            raised = after_human_act(balance.domain.credit, LIMITS.domain_credit)
            balance = replace(balance, domain=replace(balance.domain, credit=raised))
        self.acts[address] = self.acts.get(address, 0) + 1
        self.known[address] = replace(balance.known, credit=credit, proven=True)
        self.domain = balance.domain
