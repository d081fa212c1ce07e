"""How history would stand if earlier mail had been judged otherwise: differences, laid over the facts of a batch.

There are two worlds here: the recorded one, in which the facts were read, and the other, in which other rules hold. Of
each mail that came out differently it is remembered what only one of them has: permits with their credit, questions,
people who stand otherwise, tickets and held mail. Whatever people did since is in the record and stays: who stands
otherwise than his mail left him was judged by somebody since, and that word counts.

What people would have done in the other world nobody knows, nor what a customer would have answered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge.decided import Judged, Left, Sent
from mailgate.judge.docket import Outcome
from mailgate.judge.history import held_mail
from mailgate.judge.ledger import Permits
from mailgate.judge.limits import Limits
from mailgate.judge.newest import put
from mailgate.judge.traffic import Traffic
from mailgate.model import (
    Acquaintance,
    Ask,
    Begun,
    Case,
    Challenge,
    ChallengeState,
    Disposition,
    Facts,
    HeldMail,
    KnownMessage,
    KnownTicket,
    NewTicket,
    Purpose,
    Released,
)

MOST = 50_000  # differences of each sort that are remembered, the newest; at a few hundred bytes each
HELD_MOST = 100  # mails of one sender that are remembered as held, and tickets of one subject, the newest
_PAID = frozenset({Purpose.ACKNOWLEDGE, Purpose.CHALLENGE})  # mail that costs credit


class _Stands(Struct, frozen=True):
    """How a batch left a person in both worlds; None where he is not known."""

    recorded: Acquaintance | None
    other: Acquaintance | None


class _Owed(Struct, frozen=True):
    """By how much a balance is higher in the other world, and since when."""

    more: int
    since: datetime


class _Asked(Struct, frozen=True):
    """A question that only the other world asks; it is thought to arrive as soon as it leaves."""

    challenge: Challenge
    leaves_at: datetime

    def at(self, now: datetime) -> Challenge:
        """As it stands at `now`."""
        if self.challenge.state is not ChallengeState.QUEUED or self.leaves_at >= now:
            return self.challenge
        return replace(self.challenge, state=ChallengeState.SENT, sent_at=self.leaves_at)


@dataclass(slots=True)
class Overlay:
    """The differences so far. Each sort of them is bounded by `MOST`."""

    limits: Limits
    permits: Permits = field(default_factory=Permits)
    traffic: Traffic = field(default_factory=Traffic)
    places: OrderedDict[int, int | None] = field(default_factory=OrderedDict)  # tickets of mails, by journal id
    held: OrderedDict[str, tuple[HeldMail, ...]] = field(default_factory=OrderedDict)  # only in the other world
    people: OrderedDict[str, _Stands] = field(default_factory=OrderedDict)
    opened: OrderedDict[int, KnownTicket] = field(default_factory=OrderedDict)  # tickets that only the other world has,
    topics: OrderedDict[tuple[str, str], tuple[int, ...]] = field(default_factory=OrderedDict)  # and what begins them,
    never: OrderedDict[int, None] = field(default_factory=OrderedDict)  # and those that it has not
    spared: OrderedDict[int, None] = field(default_factory=OrderedDict)  # mail of the record alone, by token id,
    gone: OrderedDict[int, None] = field(default_factory=OrderedDict)  # and by its row of `message`
    asked: OrderedDict[str, _Asked] = field(default_factory=OrderedDict)  # of the other world alone, by address
    owed: OrderedDict[str, _Owed] = field(default_factory=OrderedDict)  # to an address,
    owed_domain: OrderedDict[str, _Owed] = field(default_factory=OrderedDict)  # and to a domain

    def __bool__(self) -> bool:
        """Is there any difference?"""
        return bool(self.places or self.people or self.permits)

    # ── Learning ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def learn(
        self,
        cases: Sequence[Case],
        then: Sequence[Judged],
        now: Sequence[Judged],
        outcomes: Sequence[Outcome],
        *,
        before: Mapping[str, Acquaintance],
        facts: Facts,
    ) -> None:
        """Remember how the mails of a batch came out differently.

        `before` are the people as they stood in the record, `facts` what is known after the other judgement.
        """
        self._people(then, now, before, facts.acquaintances)
        for case, was, one, outcome in zip(cases, then, now, outcomes, strict=True):
            self._sent(was.left.sent, one.left.sent)
            self._questions(was.left, one.left)
            self._released(was, one, outcome, facts)
            if _place(was) != _place(one):
                self._moved(case, was, one, outcome, facts)

    def _people(
        self,
        then: Iterable[Judged],
        now: Iterable[Judged],
        before: Mapping[str, Acquaintance],
        after: Mapping[str, Acquaintance],
    ) -> None:
        recorded = {known.address: known for one in then for known in one.left.met}
        for address in recorded.keys() | {known.address for one in now for known in one.left.met}:
            stands = _Stands(recorded.get(address, before.get(address)), after.get(address))
            if _standing(stands.recorded) != _standing(stands.other):
                put(self.people, address, stands, MOST)
            else:
                self.people.pop(address, None)

    def _sent(self, was: Sequence[Sent], now: Sequence[Sent]) -> None:
        less, more = _without(was, now), _without(now, was)
        self.traffic.learn(less, granted=False)
        self.traffic.learn(more, granted=True)
        for one in less:
            put(self.spared, one.token_id, None, MOST)
            put(self.gone, one.message_id, None, MOST)
        for sign, sent in ((1, less), (-1, more)):
            for grant in (one.grant for one in sent):
                self.permits.learn(grant, granted=sign < 0)
                if grant.purpose in _PAID:
                    _owe(self.owed, grant.address, sign, grant.at)
                if grant.purpose in _PAID and not grant.shared:
                    _owe(self.owed_domain, grant.domain, sign, grant.at)

    def _questions(self, was: Left, now: Left) -> None:
        addresses = {one.address for one in was.asked}
        leaves = {one.token_id: one.leaves_at for one in now.sent}
        for one in now.asked:
            if one.address not in addresses:
                before = self.asked.get(one.address)
                leaves_at = leaves.get(one.token_id) or (before.leaves_at if before else one.created_at)
                put(self.asked, one.address, _Asked(one, leaves_at), MOST)

    def _released(self, was: Judged, now: Judged, outcome: Outcome, facts: Facts) -> None:
        """Held mail that is let in by this mail in one world alone."""
        for effect in outcome.effects:
            if isinstance(effect, Released) and effect.journal_id not in was.left.released:
                self._stand(effect.journal_id, effect.ticket_id)
                if effect.ticket_id in facts.tickets:
                    put(self.opened, effect.ticket_id, facts.tickets[effect.ticket_id], MOST)
        stay = set(was.left.released) - set(now.left.released)
        for one in (one for mails in facts.held.values() for one in mails if one.journal_id in stay):
            self._stand(one.journal_id, None, one)

    def _moved(self, case: Case, was: Judged, now: Judged, outcome: Outcome, facts: Facts) -> None:
        filing, ticket_id = outcome.filing, now.left.ticket_id
        begins = now.decided.disposition is Disposition.TICKET
        if begins is not (was.decided.disposition is Disposition.TICKET):
            self.traffic.learn_begun(filing.sender, Begun(case.accepted.at, case.fingerprint), there=begins)
        self._stand(case.accepted.journal_id, ticket_id, held_mail(filing) if filing.held else None)
        if was.decided.opened and was.left.ticket_id and not now.decided.opened:
            put(self.never, was.left.ticket_id, None, MOST)
        if now.decided.opened and ticket_id and not was.decided.opened:
            put(self.opened, ticket_id, facts.tickets[ticket_id], MOST)
            for effect in outcome.effects:
                if isinstance(effect, NewTicket) and effect.topic:
                    key = effect.participant.address, effect.topic
                    put(self.topics, key, (effect.id, *self.topics.get(key, ()))[:HELD_MOST], MOST)

    def _stand(self, journal_id: int, ticket_id: int | None, held: HeldMail | None = None) -> None:
        put(self.places, journal_id, ticket_id, MOST)
        if held:
            before = self.held.get(held.address, ())
            put(self.held, held.address, (*before, held)[-HELD_MOST:], MOST)

    # ── Laying over ───────────────────────────────────────────────────────────────────────────────────────────────────

    def lay(self, facts: Facts, asked: Ask) -> None:
        """Change `facts`, which answer `asked`, into what they would be in the other world."""
        self._lay_balances(facts, asked)
        self._lay_people(facts, asked)
        self.permits.lay(facts, asked)
        self.traffic.lay(facts, asked)
        self._lay_mail(facts)
        self._lay_tickets(facts, asked)
        self._lay_held(facts, asked)

    def _lay_balances(self, facts: Facts, asked: Ask) -> None:
        for address in facts.acquaintances.keys() & self.owed.keys():
            known = facts.acquaintances[address]
            more = _still(self.owed[address], asked.now, self.limits.credit.drip_days)
            facts.acquaintances[address] = replace(known, credit=known.credit + more)
        for domain in facts.domains.keys() & self.owed_domain.keys():
            balance = facts.domains[domain]
            more = _still(self.owed_domain[domain], asked.now, self.limits.domain_credit.drip_days)
            facts.domains[domain] = replace(balance, credit=balance.credit + more)

    def _lay_people(self, facts: Facts, asked: Ask) -> None:
        for address in (asked.addresses | facts.acquaintances.keys()) & self.people.keys():
            stands, known = self.people[address], facts.acquaintances.get(address)
            if _standing(known) != _standing(stands.recorded):
                continue
            if stands.other is None:
                del facts.acquaintances[address]
            else:
                facts.acquaintances[address] = _as(known, stands.other)
        facts.challenges = {who: one for who, one in facts.challenges.items() if one.token_id not in self.spared}
        for address in asked.addresses & self.asked.keys():
            facts.challenges.setdefault(address, self.asked[address].at(asked.now))

    def _lay_mail(self, facts: Facts) -> None:
        """Mail of ours that never left is known to nobody; mail that came in stands where it would."""
        spared, gone = self.spared, self.gone
        facts.tokens = {number: one for number, one in facts.tokens.items() if number not in spared}
        facts.runs = [one for one in facts.runs if one.message_id not in gone]
        facts.messages = {name: self._where(mails) for name, mails in facts.messages.items()}
        facts.aliases = {name: self._where(mails) for name, mails in facts.aliases.items()}
        facts.conversations = {name: self._where(mails) for name, mails in facts.conversations.items()}
        facts.markers = {number: self._where(mails) for number, mails in facts.markers.items()}

    def _where(self, mails: Iterable[KnownMessage]) -> list[KnownMessage]:
        places = self.places
        return [
            replace(one, ticket_id=places[one.journal_id]) if one.journal_id and one.journal_id in places else one
            for one in mails
            if one.token_id not in self.spared
        ]

    def _lay_tickets(self, facts: Facts, asked: Ask) -> None:
        never = facts.tickets.keys() & self.never.keys()
        if never:
            facts.tickets = {number: one for number, one in facts.tickets.items() if number not in never}
            facts.topics = {key: [one for one in ids if one not in never] for key, ids in facts.topics.items()}
            facts.floods = {who: one for who, one in facts.floods.items() if one not in never}
            facts.numbers = {number: one for number, one in facts.numbers.items() if one not in never}
        for key in asked.topics & self.topics.keys():
            facts.topics[key] = [*self.topics[key], *facts.topics.get(key, ())]
        named = (facts.messages, facts.aliases, facts.conversations)
        ids = {one.ticket_id for known in named for mails in known.values() for one in mails}
        ids |= {one for found in facts.topics.values() for one in found}
        facts.tickets |= {number: self.opened[number] for number in ids & self.opened.keys() if number}

    def _lay_held(self, facts: Facts, asked: Ask) -> None:
        for address, mails in facts.held.items():
            facts.held[address] = [one for one in mails if one.journal_id not in self.places]
        wanted = asked.held_of | {one.recipient for one in facts.tokens.values() if one.purpose is Purpose.CHALLENGE}
        for address in wanted & self.held.keys():
            here = [one for one in self.held[address] if self.places.get(one.journal_id, 0) is None]
            facts.held.setdefault(address, []).extend(here)


def _owe(where: OrderedDict[str, _Owed], key: str, more: int, at: datetime) -> None:
    before = where.pop(key, None)
    total = more + (before.more if before else 0)
    if total:
        put(where, key, _Owed(total, at), MOST)


def _still(owed: _Owed, now: datetime, drip_days: int) -> int:
    """What is left of a difference. With each drip the lower of the two balances comes one nearer."""
    drops = max(0, (now - owed.since) // timedelta(days=drip_days))
    left = max(0, abs(owed.more) - drops)
    return left if owed.more > 0 else -left


def _place(one: Judged) -> tuple[object, ...]:
    decided = one.decided
    return decided.state, decided.held, decided.opened, decided.joined, decided.beside


def _without(these: Iterable[Sent], those: Iterable[Sent]) -> list[Sent]:
    names = {(one.grant.purpose, one.grant.address) for one in those}
    return [one for one in these if (one.grant.purpose, one.grant.address) not in names]


def _standing(known: Acquaintance | None) -> object:
    """What a difference between two worlds can be about: no balance, which is counted apart, and no row id."""
    if known is None:
        return None
    stands = known.standing, known.until, known.trust, known.bound, known.proven
    return *stands, known.turns, known.turned_at, known.spam_marks, known.asks_back


def _as(known: Acquaintance | None, other: Acquaintance) -> Acquaintance:
    """`other` with the balance of `known`."""
    return replace(other, credit=known.credit, credit_at=known.credit_at) if known else other
