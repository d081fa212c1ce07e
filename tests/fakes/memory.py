"""A store in memory: keeps what the judge decided and answers what a batch asks, no more and no less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Planned
from mailgate.judge.history import held_mail
from mailgate.judge.thread import MOST_REFERENCES
from mailgate.model import (
    Acquaintance,
    Amended,
    Ask,
    Asked,
    Begun,
    Breaker,
    Broken,
    Challenge,
    ChallengeState,
    Counter,
    Credited,
    Disposition,
    DomainCredit,
    Effect,
    Facts,
    Filing,
    Grant,
    HandedOver,
    HeldMail,
    HeldState,
    Joined,
    Key,
    Kind,
    KnownMessage,
    KnownTicket,
    Met,
    Mishap,
    NewTicket,
    Purpose,
    Reheld,
    Released,
    Run,
    Scope,
    State,
    Suffered,
    Taken,
    TicketChange,
    TicketState,
    Total,
    Trouble,
)
from tests.fakes.counting import IS_COUNTED, SUBJECTS

K = TypeVar("K")

SHORT = (1 << 40) - 1  # of a token id: what its marker shows of it

Found: TypeAlias = dict[K, list[KnownMessage]]
Traces: TypeAlias = tuple[Found[str], Found[str], Found[int], dict[int, int], dict[tuple[str, str], list[int]]]


class MemoryStore:
    """The tables that judging reads and writes."""

    def __init__(self) -> None:
        self.acquaintances: dict[str, Acquaintance] = {}
        self.domains: dict[str, DomainCredit] = {}
        self.grants: list[Grant] = []
        self.messages: dict[int, KnownMessage] = {}
        self.tickets: dict[int, KnownTicket] = {}
        self.events: dict[int, list[TicketChange]] = defaultdict(list)
        self.challenges: dict[int, Challenge] = {}
        self.held: dict[int, HeldMail] = {}
        self.filings: dict[int, Filing] = {}
        self.states: dict[int, State] = {}  # of the journal, by id
        self.breakers: dict[tuple[Scope, str], Breaker] = {}
        self.mishaps: list[Mishap] = []
        self.leaving: list[tuple[int, Grant]] = []  # automatic mails on their way out, by message
        self.left: list[tuple[int, Grant]] = []  # those that the next hop took
        self.floods: dict[str, int] = {}
        self.aliases: dict[int, str] = {}  # of messages, by id
        self.guids: dict[int, str] = {}
        self.topics: dict[int, tuple[str, str]] = {}  # of tickets: who began them, and under which subject

    def gather(self, ask: Ask) -> Facts:
        """Only what was asked for: whoever forgets to ask is not told."""
        assert len(ask.token_ids) <= MOST_REFERENCES * 1000
        tokens = {one.token_id: one for one in self.messages.values() if one.token_id in ask.token_ids}
        addresses = ask.addresses | {one.recipient for one in tokens.values()}
        held_of = ask.held_of | {one.recipient for one in tokens.values() if one.purpose is Purpose.CHALLENGE}
        wanted = ask.message_ids | ask.references
        named = [one for one in self.messages.values() if one.message_id in wanted]
        traces = self._traces(ask)
        traced = [one for found in traces[:3] for messages in found.values() for one in messages]
        ticket_ids = ask.ticket_ids | {one.ticket_id for one in (*tokens.values(), *named, *traced) if one.ticket_id}
        ticket_ids |= {*traces[3].values(), *(number for ids in traces[4].values() for number in ids)}
        ticket_ids |= {one.merged_into for one in self.tickets.values() if one.id in ticket_ids and one.merged_into}
        facts = Facts(
            acquaintances={key: one for key, one in self.acquaintances.items() if key in addresses},
            domains={key: one for key, one in self.domains.items() if key in ask.domains},
            spent=_spent(self.grants, ask, addresses, ticket_ids),
            causes=frozenset(one.cause for one in self.grants) & (ask.causes | self.challenges.keys()),
            totals=[*_totals(self.grants, ask)] if addresses else [],
            tokens={number: one for number, one in tokens.items() if number is not None},
            tickets={key: self._ticket(key, ask) for key in ticket_ids if key in self.tickets},
            aliases=traces[0],
            conversations=traces[1],
            markers=traces[2],
            numbers=traces[3],
            topics=traces[4],
        )
        self._add_conduct(facts, ask, addresses)
        for message in sorted(named, key=lambda one: (one.at, one.id)):
            facts.messages.setdefault(message.message_id, []).append(message)
        for challenge in sorted(self.challenges.values(), key=lambda one: (one.created_at, one.id)):
            if challenge.address in addresses:
                facts.challenges[challenge.address] = challenge
        for mail in sorted(self.held.values(), key=lambda one: (one.at, one.message_id)):
            if mail.address and mail.address in held_of:
                facts.held.setdefault(mail.address, []).append(mail)
        return facts

    def _traces(self, ask: Ask) -> Traces:
        """What is known under the other names that were asked for."""
        newest = sorted(self.messages.values(), key=lambda one: -one.id)
        aliases: Found[str] = {}
        guids: Found[str] = {}
        markers: Found[int] = {}
        for one in newest:
            if self.aliases.get(one.id) in ask.references:
                aliases.setdefault(self.aliases[one.id], []).append(one)
            if self.guids.get(one.id) in ask.thread_guids:
                guids.setdefault(self.guids[one.id], []).append(one)
            mark = one.token_id & SHORT if one.token_id is not None else None
            if mark is not None and mark in ask.markers:
                markers.setdefault(mark, []).append(one)
        numbers = {one.number: one.id for one in self.tickets.values() if one.number in ask.numbers}
        topics: dict[tuple[str, str], list[int]] = {}
        for ticket in sorted(self.tickets.values(), key=lambda one: -one.id):
            topic = self.topics[ticket.id]
            if topic in ask.topics and ask.topics_since and ticket.updated_at and ticket.updated_at >= ask.topics_since:
                topics.setdefault(topic, []).append(ticket.id)
        return aliases, guids, markers, numbers, topics

    def _add_conduct(self, facts: Facts, ask: Ask, addresses: Collection[str]) -> None:
        keys = {*addresses, *ask.domains, *ask.mailboxes, ""}
        facts.breakers = {name: one for name, one in self.breakers.items() if name[1] in keys}
        facts.mishaps = list(self.mishaps)
        facts.floods = {who: one for who, one in self.floods.items() if who in addresses}
        for _, grant in self.left:
            if grant.address in addresses:
                facts.taken.setdefault(grant.address, []).append(Taken(grant.at, grant.fingerprint))
        for filing in self.filings.values():
            at, who = filing.case.accepted.at, filing.sender
            if who in addresses and filing.verdict.kind is Kind.AUTO_REPLY:
                facts.machine_mails.setdefault(who, []).append(at)
                facts.machine_words.setdefault(who, set()).add(filing.case.words)
            if who in addresses and filing.verdict.disposition is Disposition.TICKET:
                facts.begun.setdefault(who, []).append(Begun(at, filing.case.fingerprint))
        if ask.runs:
            troubles: dict[int | None, set[Trouble]] = defaultdict(set)
            for one in self.mishaps:
                troubles[one.message_id].add(one.trouble)
            facts.runs = [
                Run(number, one.at, one.domain, one.unproven, frozenset(troubles[number]))
                for number, one in reversed(self.left)
            ]

    def apply(self, effects: Iterable[Effect], planned: Iterable[Planned] = ()) -> None:
        """Write what was decided, and what is about to leave."""
        for effect in sorted(effects, key=lambda one: isinstance(one, Reheld | Released | HandedOver)):
            self._write(effect)
        for one in planned:
            self.grants.append(one.permit.grant)
            self.leaving.append((one.message_id, one.permit.grant))
            causes = [grant.cause for grant in self.grants]
            assert len(causes) == len(set(causes)), "one cause, one permit"
            self.messages[one.message_id] = KnownMessage(
                id=one.message_id,
                message_id=f"<out.{one.token_id}@g.test>",
                at=one.at,
                ticket_id=one.ticket_id,
                sender=one.mailbox,
                body_hash="",
                purpose=one.purpose,
                token_id=one.token_id,
                recipient=canonical(one.to),
                mailbox=one.mailbox,
            )

    def take(self) -> None:
        """The next hop takes what is on its way."""
        for number, grant in self.leaving:
            token_id = self.messages[number].token_id
            for one in [asked for asked in self.challenges.values() if asked.token_id == token_id]:
                state = ChallengeState.SENT if one.state is ChallengeState.QUEUED else one.state
                self.challenges[one.id] = replace(one, state=state, sent_at=grant.at)
        self.left += self.leaving
        self.leaving.clear()

    def challenge_of(self, address: str) -> Challenge | None:
        """The newest challenge to an address."""
        found = [one for one in self.challenges.values() if one.address == address]
        return max(found, key=lambda one: one.created_at, default=None)

    def _ticket(self, ticket_id: int, ask: Ask) -> KnownTicket:
        since = ask.now - timedelta(days=7)
        reopened = [one.at for one in self.events[ticket_id] if one.event == "reopened" and one.at > since]
        return replace(self.tickets[ticket_id], reopened_at=tuple(sorted(reopened)))

    def _write(self, effect: Effect) -> None:
        match effect:
            case Met(known):
                assert known.address, "nobody without an address is remembered"
                old = self.acquaintances.get(known.address)
                self.acquaintances[known.address] = replace(known, contact_id=old.contact_id) if old else known
            case Credited(domain):
                self.domains[domain.domain] = domain
            case Asked(challenge):
                self.challenges[challenge.id] = challenge
            case NewTicket():
                participants = (effect.participant,) if effect.participant.address else ()
                self.tickets[effect.id] = KnownTicket(
                    effect.id,
                    len(self.tickets) + 1,
                    TicketState.OPEN,
                    effect.queue,
                    effect.mailbox,
                    effect.subject,
                    participants,
                    updated_at=effect.at,
                )
                self.topics[effect.id] = (effect.participant.address, effect.topic)
                if effect.flood:
                    self.floods[effect.participant.address] = effect.id
            case Broken() | Suffered():
                self._went_wrong(effect)
            case Joined(ticket_id, participant):
                ticket = self.tickets[ticket_id]
                self.tickets[ticket_id] = replace(ticket, participants=(*ticket.participants, participant))
            case Amended():
                pass
            case TicketChange():
                self._change(effect)
            case Filing():
                self._file(effect)
            case Released() | Reheld() | HandedOver():
                self._move(effect)
            case _:
                raise AssertionError(effect)

    def _went_wrong(self, effect: Broken | Suffered) -> None:
        if isinstance(effect, Broken):
            self.breakers[effect.breaker.scope, effect.breaker.key] = effect.breaker
        else:
            self.mishaps.append(effect.mishap)

    def _move(self, effect: Released | Reheld | HandedOver) -> None:
        if isinstance(effect, HandedOver):
            for number, mail in self.held.items():
                if mail.address == effect.address and mail.state is HeldState.WAIT and number < effect.before:
                    self.held[number] = replace(mail, state=HeldState.HUMAN)
            return
        if isinstance(effect, Reheld):
            for number in effect.message_ids:
                self.held[number] = replace(self.held[number], state=effect.held)
            return
        mail = self.held.pop(effect.message_id)
        assert mail.journal_id == effect.journal_id
        self.messages[effect.message_id] = replace(self.messages[effect.message_id], ticket_id=effect.ticket_id)
        self.states[effect.journal_id] = effect.state

    def _change(self, change: TicketChange) -> None:
        self.events[change.ticket_id].append(change)
        if change.state:
            closed_at = change.at if change.state is TicketState.CLOSED else None
            ticket = self.tickets[change.ticket_id]
            self.tickets[change.ticket_id] = replace(ticket, state=change.state, closed_at=closed_at)
        touched = replace(self.tickets[change.ticket_id], updated_at=change.at)
        self.tickets[change.ticket_id] = touched

    def _file(self, filing: Filing) -> None:
        case = filing.case
        assert case.accepted.journal_id not in self.filings
        assert (filing.held is not None) == (filing.state is State.HELD)
        self.filings[case.accepted.journal_id] = filing
        self.states[case.accepted.journal_id] = filing.state
        self.messages[filing.message_id] = KnownMessage(
            id=filing.message_id,
            message_id=filing.identity,
            at=case.accepted.at,
            ticket_id=filing.ticket_id,
            sender=filing.sender,
            body_hash=case.mail.body_hash,
            journal_id=case.accepted.journal_id,
            mailbox=case.mailbox.address,
            kind=filing.verdict.kind,
            subject=case.mail.subject,
            spam=filing.held is HeldState.SPAM,
        )
        self.aliases[filing.message_id] = filing.alias
        self.guids[filing.message_id] = case.mail.thread_guid
        if filing.held:
            self.held[filing.message_id] = held_mail(filing)

    def waiting(self, state: HeldState) -> list[HeldMail]:
        """Held mail that waits for this one."""
        return [one for one in self.held.values() if one.state is state]


def _spent(
    grants: Iterable[Grant], ask: Ask, addresses: Collection[str], ticket_ids: Collection[int]
) -> dict[Counter, list[datetime]]:
    named: dict[Key, Collection[object]] = {
        Key.ADDRESS: addresses,
        Key.DOMAIN: ask.domains,
        Key.SHARED: ask.domains,
        Key.ORIGIN: ask.origins,
        Key.FINGERPRINT: ask.fingerprints,
        Key.TICKET: ticket_ids,
        Key.STAFF: ask.staff,
        Key.TARGET: ask.targets,
        Key.SENDER: ask.authors,
    }
    found: dict[Counter, list[datetime]] = defaultdict(list)
    for one in grants:
        for reach in ask.reach:
            subject = SUBJECTS[reach.key](one)
            within = reach.per is None or ask.now - one.at < reach.per
            if within and subject and subject in named[reach.key] and IS_COUNTED[reach.mail](one):
                found[reach.key, reach.mail, str(subject)].append(one.at)
    return dict(found)


def _totals(grants: Iterable[Grant], ask: Ask) -> Iterator[Total]:
    until = max(ask.now, ask.until or ask.now)
    for per in ask.windows:
        for one in grants:
            if one.at > ask.now - per:
                yield Total(per, one.purpose, one.unproven, 1, None if one.at > until - per else one.at)
