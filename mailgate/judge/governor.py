"""The one send gate: says whether an automatic mail may leave, and is the only place that makes a `Permit`.

The house rules of this file:
* A permit is spent when it is granted. Nothing gives it back: not a bounce, not a crash, not a cancelled mail.
* Nothing that comes in by mail ever raises a right to send. Credit rises by human acts of ours and by a slow drip.
* One mail, or one confirmation, causes one automatic mail at most (RFC 3834 section 6). No rule file can change that.
* Mail to our own people takes no credit and counts nowhere else, but it passes here like any other. So does mail that a
  rule sends on to an address that an admin listed.
* Windows are exact: every permit ever granted is a row with its time, and a window counts rows. Rows from a future
  that a clock once showed count too, so a clock set back creates no rights.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import breaker
from mailgate.judge.limits import HOUR, Credit, Limit, Limits
from mailgate.model import (
    Acquaintance,
    Breaker,
    BreakerState,
    Counted,
    Counter,
    DomainCredit,
    Facts,
    Grant,
    Key,
    Permit,
    Purpose,
    Scope,
    Standing,
    Total,
)

SILENT_STANDINGS = {
    Standing.ROBOT: "the address answered like a machine",
    Standing.UNDELIVERABLE: "mail to the address came back",
    Standing.BLOCKED: "a person of ours blocked the address",
}
# What keeps mail from our own people, and from whom an admin listed: a colleague's vacation must not cost us his
# attention for a year.
SILENT_FOR_STAFF = frozenset({Standing.UNDELIVERABLE, Standing.BLOCKED})
ANSWERED = "an automatic mail was sent for this before"
SILENCE = "what was sent of late cannot be counted (a restored database, a clock that jumped): nothing automatic until"


_COUNTED = {
    Purpose.CHALLENGE: Counted.CHALLENGE,
    Purpose.ACKNOWLEDGE: Counted.ACKNOWLEDGE,
    Purpose.NOTICE: Counted.NOTICE,
    Purpose.DIGEST: Counted.DIGEST,
    Purpose.REDIRECT: Counted.REDIRECT,
}
EVERYBODY = "everybody"
_ALL: Counter = (Key.TOTAL, Counted.ANY, EVERYBODY)


class Refusal(Struct, frozen=True):
    """Why an automatic mail may not leave, in words, and the rule that says so; the limit, where it is one."""

    reason: str
    rule: str = ""
    limit: Limit | None = None


@dataclass(slots=True)
class _Window:
    """Everybody's permits of one sort: in the window for every mail of a batch, or for some."""

    all: int = 0
    some: list[datetime] = field(default_factory=list)

    def add(self, total: Total) -> None:
        if total.at is None:
            self.all += total.count
        else:
            self.some.append(total.at)

    def count(self, since: datetime) -> int:
        return self.all + len(self.some) - bisect_right(self.some, since)


@dataclass(slots=True)
class Counters:
    """The ledger of permits, sorted for counting, and what holds mail back.

    `silent_until`: the ledger may lack some, so nothing can be counted yet.
    """

    silent_until: datetime | None = None
    breakers: Mapping[tuple[Scope, str], Breaker] = field(default_factory=dict)
    times: dict[Counter, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    totals: dict[tuple[Counted, timedelta], _Window] = field(default_factory=lambda: defaultdict(_Window))
    causes: set[int] = field(default_factory=set)

    def remember(self, facts: Facts) -> None:
        """Start from what the store holds."""
        self.causes |= facts.causes
        self.times |= facts.spent
        for total in facts.totals:
            if total.purpose.to_staff:
                continue
            for kind in _kinds(total.purpose, unproven=total.unproven):
                self.totals[kind, total.per].add(total)
        for times in (*self.times.values(), *(window.some for window in self.totals.values())):
            times.sort()

    def add(self, grant: Grant) -> None:
        """Count one more permit, whenever it was granted."""
        self.causes.add(grant.cause)
        for counter in _counters(grant):
            insort(self.times[counter], grant.at)

    def count(self, counter: Counter, per: timedelta | None, at: datetime) -> int:
        """How many permits of `counter` fall into the window of length `per` that ends at `at`; None is for ever."""
        times = self.times.get(counter, [])
        if per is None:
            return len(times)
        count = len(times) - bisect_right(times, at - per)
        stored = self.totals.get((counter[1], per)) if counter[0] is Key.TOTAL else None
        return count + (stored.count(at - per) if stored else 0)


class Balance(Struct, frozen=True):
    """Whose credit an automatic mail takes: the address's and its domain's."""

    known: Acquaintance
    domain: DomainCredit

    def after(self, grant: Grant) -> Balance:
        """The balance once `grant` is spent; a shared domain has none, and only the world outside takes any."""
        if not grant.purpose.outside:
            return self
        paid = replace(self.known, credit=self.known.credit - 1)
        return Balance(paid, self.domain if grant.shared else replace(self.domain, credit=self.domain.credit - 1))


def decide(
    wanted: Grant, balance: Balance, counters: Counters, limits: Limits, new_id: Callable[[], int]
) -> Permit | Refusal:
    """Grant `wanted`, or say what stands against it. Writes nothing: the caller spends what it was given."""
    refusal = (
        _silence(wanted, counters)
        or _held_back(wanted, counters, limits)
        or _standing(wanted, balance.known)
        or _repeated(wanted, counters)
        or _spent(wanted, balance)
        or next(_exceeded(wanted, counters, limits), None)
    )
    return refusal or Permit(new_id(), wanted)


def dripped(balance: int, since: datetime, now: datetime, credit: Credit) -> tuple[int, datetime]:
    """The balance and the moment of its last drip, as they stand at `now`."""
    step = timedelta(days=credit.drip_days)
    if now - since < step:
        return balance, since
    drops = (now - since) // step
    return max(balance, min(credit.drip_to, balance + drops)), since + drops * step


def after_human_act(balance: int, credit: Credit) -> int:
    """The balance after a person of ours wrote to the address, accepted it or trusted it."""
    return min(credit.cap, balance + credit.per_human_act)


def moved_by(grant: Grant) -> tuple[Counter, ...]:
    """Every counter that the permit for `grant` moves."""
    return tuple(_counters(grant))


def _silence(wanted: Grant, counters: Counters) -> Refusal | None:
    until = counters.silent_until
    if until is None or wanted.at >= until:
        return None
    return Refusal(f"{SILENCE} {until:%Y-%m-%d %H:%M} UTC", "restored database")


def _held_back(wanted: Grant, counters: Counters, limits: Limits) -> Refusal | None:
    for stands in breaker.concerning(wanted, counters.breakers):
        state = breaker.state(stands, wanted.at)
        if state in (BreakerState.OPEN, BreakerState.LATCHED):
            return Refusal(breaker.words(stands, state), f"breaker {breaker.name(stands)}")
        if state is BreakerState.HALF and counters.count(_ALL, HOUR, wanted.at) >= limits.fuse.trial_per_hour:
            return Refusal(breaker.words(stands, state), f"breaker {breaker.name(stands)}")
    return None


def _standing(wanted: Grant, known: Acquaintance) -> Refusal | None:
    reason = SILENT_STANDINGS.get(known.standing)
    if reason is None or (not wanted.purpose.outside and known.standing not in SILENT_FOR_STAFF):
        return None
    return Refusal(reason, f"standing {known.standing}")


def _repeated(wanted: Grant, counters: Counters) -> Refusal | None:
    return Refusal(ANSWERED, "RFC 3834 section 6") if wanted.cause in counters.causes else None


def _spent(wanted: Grant, balance: Balance) -> Refusal | None:
    if not wanted.purpose.outside:
        return None
    if balance.known.credit <= 0:
        return Refusal("credit of the address is spent", "limits.toml [credit]")
    if not wanted.shared and balance.domain.credit <= 0:
        return Refusal("credit of the domain is spent", "limits.toml [domain_credit]")
    return None


def _exceeded(wanted: Grant, counters: Counters, limits: Limits) -> Iterator[Refusal]:
    subjects = {(key, mail): subject for key, mail, subject in _counters(wanted)}
    for limit in limits.windows:
        subject = subjects.get((limit.key, limit.mail))
        if subject is None:
            continue
        count = counters.count((limit.key, limit.mail, subject), limit.per, wanted.at)
        if count >= limit.most:
            yield Refusal(f"{count} of {limit.most} {_words(limit)}: {limit.why}", limit.rule, limit)


def _words(limit: Limit) -> str:
    mail = "automatic mails" if limit.mail is Counted.ANY else f"{limit.mail} mails"
    span = "ever" if limit.per is None else f"in {limit.per // timedelta(hours=1)} h"
    return f"{mail} per {limit.key} {span}"


def _kinds(purpose: Purpose, *, unproven: bool) -> list[Counted]:
    if purpose is Purpose.REDIRECT:
        return [Counted.REDIRECT]
    return [Counted.ANY, _COUNTED[purpose], *([Counted.UNPROVEN] if unproven else [])]


def _counters(grant: Grant) -> Iterator[Counter]:
    """Every counter that this permit moves. A provider of many has a count of its own and is no origin."""
    kinds = _kinds(grant.purpose, unproven=grant.unproven)
    if grant.purpose.to_staff:
        return ((Key.STAFF, kind, grant.address) for kind in kinds)
    if grant.purpose is Purpose.REDIRECT:
        sent_on = ((Key.TARGET, grant.address), (Key.SENDER, grant.origin), (Key.FINGERPRINT, grant.fingerprint))
        who = (*sent_on, (Key.TOTAL, EVERYBODY))
        return ((key, kind, subject) for key, subject in who if subject for kind in kinds)
    subjects = (
        (Key.TICKET, str(grant.ticket_id or "")),
        (Key.ADDRESS, grant.address),
        (Key.SHARED if grant.shared else Key.DOMAIN, grant.domain),
        (Key.FINGERPRINT, grant.fingerprint),
        (Key.ORIGIN, "" if grant.shared else grant.origin),
        (Key.TOTAL, EVERYBODY),
    )
    return ((key, kind, subject) for key, subject in subjects if subject for kind in kinds)
