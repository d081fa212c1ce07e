"""What is known while a batch is judged: the facts the store gave, and what the mails before this one changed.

A batch of N and N batches of one must end alike, so every effect that a later mail could ask about is learnt here in
the same words in which the store will write it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from mailgate.judge import governor, trust
from mailgate.judge.limits import Limits
from mailgate.model import (
    Acquaintance,
    Agent,
    Asked,
    Begun,
    Breaker,
    Broken,
    Challenge,
    Credited,
    Disposition,
    DomainCredit,
    Effect,
    Facts,
    Filing,
    Gateway,
    HandedOver,
    HeldMail,
    HeldState,
    Joined,
    Kind,
    KnownMessage,
    KnownTicket,
    Met,
    NewTicket,
    Permit,
    Reheld,
    Relay,
    Released,
    Run,
    Said,
    Scope,
    Standing,
    State,
    Suffered,
    TicketChange,
    TicketState,
)


class Mint(Protocol):
    """Where new ids and unguessable numbers come from; an argument, so that judging stays pure."""

    def new_id(self) -> int:
        """The next row id: positive, 63 bits, growing."""

    def nonce(self) -> int:
        """A random number of 63 bits."""


class History:
    """The batch's working memory over `Facts`, and who we are."""

    def __init__(self, facts: Facts, limits: Limits, gateway: Gateway, mint: Mint) -> None:
        self.facts = facts
        self.limits = limits
        self.gateway = gateway
        self.mint = mint
        self.counters = governor.Counters(facts.silent_until, facts.breakers)
        self.counters.remember(facts)

    def acquaintance(self, address: str, at: datetime, name: str = "") -> Acquaintance:
        """What we hold of `address` at `at`, with lapses and drips counted; a newcomer's row where it is new."""
        known = self.facts.acquaintances.get(address)
        credit = self.limits.credit
        if known is None:
            return Acquaintance(address, self.mint.new_id(), Standing.UNKNOWN, at, credit.start, at, name=name)
        balance, since = governor.dripped(known.credit, known.credit_at, at, credit)
        return replace(trust.current(known, at), credit=balance, credit_at=since)

    def agent(self, address: str) -> Agent | None:
        """Who of our own people has this canonical address; None for everybody else, and for who has left."""
        found = self.facts.agents.get(address)
        return found if found and found.left_at is None else None

    def domain(self, domain: str, at: datetime) -> DomainCredit:
        """The balance of an organizational domain at `at`."""
        known = self.facts.domains.get(domain)
        credit = self.limits.domain_credit
        if known is None:
            return DomainCredit(domain, credit.start, at)
        balance, since = governor.dripped(known.credit, known.credit_at, at, credit)
        return replace(known, credit=balance, credit_at=since)

    def challenge(self, address: str, at: datetime) -> Challenge | None:
        """The challenge that `address` can still answer at `at`."""
        found = self.facts.challenges.get(address)
        return found if found and found.state.running and found.expires_at > at else None

    def held(self, address: str) -> tuple[HeldMail, ...]:
        """Held mail of `address`, oldest first."""
        return tuple(self.facts.held.get(address, ()))

    def same_identity(self, identity: str) -> tuple[KnownMessage, ...]:
        """Incoming mails already filed under this Message-ID."""
        return tuple(known for known in self.facts.messages.get(identity, ()) if known.purpose is None)

    def learn(self, effects: Iterable[Effect], permits: Iterable[Permit] = ()) -> None:
        """Take in what was decided of one mail."""
        for effect in effects:
            self._learn(effect)
        for permit in permits:
            self.counters.add(permit.grant)
            if permit.grant.purpose.outside:
                grant = permit.grant
                # Nothing can go wrong with it before this batch is written, so nobody asks for its message.
                self.facts.runs = [Run(permit.id, grant.at, grant.domain, grant.unproven), *self.facts.runs]

    def relayed(self, relays: Iterable[Relay], at: datetime) -> None:
        """Answers of our own people leave, which came by mail."""
        for relay in relays:
            self.facts.relayed.setdefault(relay.ticket_id, []).append(at)

    def _learn(self, effect: Effect) -> None:
        # What every mail brings comes first.
        match effect:
            case Filing():
                self._filed(effect)
            case NewTicket(id=ticket_id, participant=author):
                self.facts.tickets[ticket_id] = KnownTicket(
                    ticket_id,
                    0,
                    TicketState.OPEN,
                    effect.queue,
                    effect.mailbox,
                    effect.subject,
                    (author,),
                    author.address,
                    updated_at=effect.at,
                )
                if effect.flood:
                    self.facts.floods[effect.participant.address] = effect.id
            case TicketChange(state=TicketState()):
                self._ticket_changed(effect)
            case Met(known):
                self.facts.acquaintances[known.address] = known
            case Credited(domain):
                self.facts.domains[domain.domain] = domain
            case Asked(challenge):
                self.facts.challenges[challenge.address] = challenge
            case Joined(ticket_id, participant):
                ticket = self.facts.tickets[ticket_id]
                self.facts.tickets[ticket_id] = replace(ticket, participants=(*ticket.participants, participant))
            case Broken() | Suffered():
                self._went_wrong(effect)
            case Released() | Reheld() | HandedOver():
                self._moved(effect)
            case _:
                pass

    def _ticket_changed(self, change: TicketChange) -> None:
        ticket = self.facts.tickets.get(change.ticket_id)
        if ticket is None or change.state is None:
            return
        reopened = ticket.reopened_at
        if change.event == "reopened":
            reopened = (*reopened, change.at)
        closed_at = change.at if change.state is TicketState.CLOSED else None
        self.facts.tickets[ticket.id] = replace(ticket, state=change.state, closed_at=closed_at, reopened_at=reopened)

    def _moved(self, effect: Released | Reheld | HandedOver) -> None:
        if isinstance(effect, Released):
            self._released(effect)
            return
        if isinstance(effect, HandedOver):
            self.facts.held[effect.address] = [
                replace(mail, state=HeldState.HUMAN) if mail.state is HeldState.WAIT else mail
                for mail in self.facts.held.get(effect.address, ())
            ]
            return
        for address, mails in self.facts.held.items():
            self.facts.held[address] = [
                replace(mail, state=effect.held) if mail.message_id in effect.message_ids else mail for mail in mails
            ]

    def _released(self, released: Released) -> None:
        for address, mails in self.facts.held.items():
            self.facts.held[address] = [mail for mail in mails if mail.message_id != released.message_id]
        for identity, messages in self.facts.messages.items():
            self.facts.messages[identity] = [
                replace(one, ticket_id=released.ticket_id) if one.id == released.message_id else one for one in messages
            ]

    def _went_wrong(self, effect: Broken | Suffered) -> None:
        if isinstance(effect, Broken):
            self.facts.breakers[effect.breaker.scope, effect.breaker.key] = effect.breaker
            return
        mishap = effect.mishap
        self.facts.mishaps.append(mishap)
        self.facts.runs = [
            replace(run, troubles=run.troubles | {mishap.trouble}) if run.message_id == mishap.message_id else run
            for run in self.facts.runs
        ]

    def breaker(self, scope: Scope, key: str = "") -> Breaker | None:
        """The breaker of that name, as it was written down last."""
        return self.facts.breakers.get((scope, key))

    def _filed(self, filing: Filing) -> None:
        mail = filing.case.mail
        if filing.verdict.kind is Kind.AUTO_REPLY:
            self.facts.machine_mails.setdefault(filing.sender, []).append(filing.case.accepted.at)
            self.facts.machine_words.setdefault(filing.sender, set()).add(filing.case.words)
        if filing.agent:
            said = Said(filing.case.accepted.at, filing.ticket_id, filing.case.words, filing.state is State.APPENDED)
            self.facts.said.setdefault(filing.sender, []).append(said)
        if filing.verdict.disposition is Disposition.TICKET:
            begun = Begun(filing.case.accepted.at, filing.case.fingerprint)
            self.facts.begun.setdefault(filing.sender, []).append(begun)
        self.facts.messages.setdefault(filing.identity, []).append(
            KnownMessage(
                id=filing.message_id,
                message_id=filing.identity,
                at=filing.case.accepted.at,
                ticket_id=filing.ticket_id,
                sender=filing.sender,
                body_hash=mail.body_hash,
                journal_id=filing.case.accepted.journal_id,
                mailbox=filing.case.mailbox.address,
                kind=filing.verdict.kind,
                subject=mail.subject,
                spam=filing.held is HeldState.SPAM,
            )
        )
        if filing.held:
            self.facts.held.setdefault(filing.sender, []).append(held_mail(filing))


def held_mail(filing: Filing) -> HeldMail:
    """The held mail that a filing leaves behind."""
    case, author = filing.case, filing.case.mail.author
    return HeldMail(
        journal_id=case.accepted.journal_id,
        message_id=filing.message_id,
        address=filing.sender,
        name=author.name if author else "",
        mailbox=case.mailbox.address,
        queue=filing.routed.queue or case.mailbox.queue,
        subject=case.mail.subject,
        identity=filing.identity,
        references=(*case.mail.references, *case.mail.in_reply_to),
        at=case.accepted.at,
        level=case.authentication.level,
        state=filing.held or HeldState.HUMAN,
        acknowledge=filing.verdict.respond.acknowledge,
        author=author.address if author else "",
        copied=filing.copied,
        routed=filing.routed,
    )
