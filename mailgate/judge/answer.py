"""The automatic answer to a mail: whether its signals allow one, and the way of each through the send gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import breaker, governor
from mailgate.judge.canonical import canonical, domain_of, untagged
from mailgate.judge.docket import Docket, Planned
from mailgate.judge.history import History
from mailgate.judge.kind import Weight
from mailgate.model import (
    Acquaintance,
    Authentication,
    BreakerState,
    Broken,
    Case,
    Challenge,
    Counted,
    Credited,
    Effect,
    Grant,
    HeldMail,
    Key,
    Level,
    Met,
    Mishap,
    Peer,
    Permit,
    Purpose,
    Respond,
    Scope,
    Suffered,
    Trouble,
)

DAY = timedelta(days=1)
DRY_RUN = "[replies] dry_run"


def respond(case: Case, weight: Weight, authentication: Authentication, *, others_path: bool = False) -> Respond:
    """What signals and authentication allow; who the sender is to us, and what he already got, is asked elsewhere.

    With `others_path` the reverse-path is known to be somebody else's, whom the operator named.
    """
    common = tuple(_common_objections(case, authentication))
    to_acknowledge = (*common, *weight.acknowledge_objections)
    to_challenge = (
        *common,
        *weight.challenge_objections,
        *(() if others_path else _envelope_objection(case, authentication)),
    )
    reasons = tuple(dict.fromkeys((*to_acknowledge, *to_challenge)))
    return Respond(acknowledge=not to_acknowledge, challenge=not to_challenge, reasons=reasons)


def acknowledge(docket: Docket, ticket_id: int) -> None:
    """Plan the acknowledgement of a ticket that this mail opened, if nothing forbids it."""
    if not docket.respond.acknowledge:
        docket.note("acknowledge", f"no: {docket.respond.reasons[0]}")
        return
    # Nothing of a stranger's goes out again, not even his subject.
    subject = docket.case.mail.subject if docket.known.trust is not None else ""
    _through_the_gate(docket, Purpose.ACKNOWLEDGE, ticket_id, subject=subject)


def challenge(docket: Docket, opened: Challenge) -> bool:
    """Plan the challenge of this mail's author; false where the gate refuses."""
    return _through_the_gate(docket, Purpose.CHALLENGE, opened=opened)


def origin(peer: Peer, authentication: Authentication, mail_from: str) -> str:
    """Where a mail came from, for limits: the client's network where it is known, else the domain it was proven for."""
    if peer.known and peer.ip:
        return network(peer.ip)
    return authentication.domain or domain_of(mail_from)


def origin_of(case: Case, authentication: Authentication) -> str:
    """The same of one mail. What a listed forwarder brings from its own networks comes from as many places as it has
    customers."""
    peer = case.accepted.peer
    return origin(replace(peer, known=False) if case.relayed else peer, authentication, case.accepted.mail_from)


def network(ip: str) -> str:
    """The /24 (IPv4) or /56 (IPv6) that `ip` belongs to, as text; `ip` itself where it is no address."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    return str(ip_network((address, 24 if address.version == 4 else 56), strict=False))


def wish(purpose: Purpose, known: Acquaintance, history: History, at: datetime, mailbox: str) -> Grant:
    """An automatic mail to `known` as the gate wants it described; what it answers is for the caller to say."""
    domain = domain_of(known.address)
    return Grant(
        at=at,
        purpose=purpose,
        address=known.address,
        domain=domain,
        origin="",
        fingerprint="",
        shared=domain in history.limits.shared,
        unproven=not known.proven,
        ticket_id=None,
        cause=0,
        mailbox=mailbox,
    )


def for_release(
    held: HeldMail, wanted: Grant, known: Acquaintance, history: History, judged_at: datetime
) -> tuple[list[Effect], Planned | str]:
    """The acknowledgement of a held mail that was let in, or in words why there is none."""
    effects, decision = gate(wanted, known, history, judged_at)
    if isinstance(decision, governor.Refusal):
        return effects, decision.reason
    to = held.author or held.address
    trigger = _Trigger(held.mailbox, to, held.identity, held.references, held.subject, held.journal_id)
    return effects, replace(_planned(decision, trigger, history), template=held.routed.template)


def gate(
    wanted: Grant, known: Acquaintance, history: History, judged_at: datetime
) -> tuple[list[Effect], Permit | governor.Refusal]:
    """Ask for a permit and spend it: what follows in any case, and the permit or the refusal."""
    # An answer that comes out of a backlog helps nobody, and a queue of them is a burst.
    if judged_at - wanted.at > timedelta(seconds=history.limits.timing.late_s):
        return [], governor.Refusal("judged too long after it was accepted", "limits.toml [timing] late_s")
    balance = governor.Balance(known, history.domain(wanted.domain, wanted.at))
    decision = governor.decide(wanted, balance, history.counters, history.limits, history.mint.new_id)
    if isinstance(decision, governor.Refusal):
        return list(_after_refusal(decision, wanted, history)), decision
    if history.gateway.dry_run:
        return [], governor.Refusal(f"dry run: {wanted.purpose} would have left", DRY_RUN)
    after = balance.after(wanted)
    effects: list[Effect] = [Met(after.known)]
    return effects if wanted.shared else [*effects, Credited(after.domain)], decision


def _after_refusal(refusal: governor.Refusal, wanted: Grant, history: History) -> Iterator[Effect]:
    """Some refusals say more than that this mail must stay: a swarm is under way, or a whole day's share is spent."""
    limit, fuse = refusal.limit, history.limits.fuse
    stands = breaker.state(history.breaker(Scope.ALL), wanted.at)
    if limit is None or stands in (BreakerState.OPEN, BreakerState.LATCHED):
        # While all is held back nothing is counted, so a swarm can never fill the accounts.
        return
    if limit.key is Key.FINGERPRINT:
        yield Suffered(Mishap(history.mint.new_id(), wanted.at, Trouble.REPEATED, wanted.address, wanted.domain))
    a_day = limit.per is not None and limit.per >= DAY
    if limit.key is Key.TOTAL and limit.mail is Counted.UNPROVEN and a_day:
        opened = breaker.tripped(history.facts, wanted.at, fuse, ceiling=refusal.reason)
        if opened:
            yield Broken(opened)


def human_act(before: Acquaintance, after: Acquaintance, history: History, at: datetime) -> list[Effect]:
    """What a person's act for an address earns: credit for it and, the first time, for its domain."""
    credit = governor.after_human_act(before.credit, history.limits.credit)
    credited = replace(after, credit=credit, proven=True, turns=0, turned_at=None, spam_marks=0, asks_back=False)
    domain = domain_of(before.address)
    if before.proven or domain in history.limits.shared:
        return [Met(credited)]
    known = history.domain(domain, at)
    raised = governor.after_human_act(known.credit, history.limits.domain_credit)
    return [Met(credited), Credited(replace(known, credit=raised))]


def closed_as_solved(known: Acquaintance, history: History) -> Met:
    """What it earns an address that a person of ours closed a ticket of it as solved: he saw that somebody was there.

    It says nothing of who that is, so it makes nobody known and raises no domain.
    """
    credit = history.limits.credit
    return Met(replace(known, credit=max(known.credit, min(credit.cap, known.credit + credit.per_close))))


def _common_objections(case: Case, authentication: Authentication) -> Iterator[str]:
    if case.mail.author is None:
        yield "no single author"
    elif not canonical(case.mail.author.address):
        yield "the author has no address that mail could go to"
    if authentication.level is Level.A0:
        yield f"sender {authentication.why or 'not proven'}"
    if not case.accepted.mail_from:
        yield "null reverse-path"


def _envelope_objection(case: Case, authentication: Authentication) -> Iterator[str]:
    author = case.mail.author
    same = author is not None and canonical(untagged(case.accepted.mail_from)) == canonical(author.address)
    if not same and authentication.level is not Level.A2:
        yield "reverse-path differs from the author"


def _through_the_gate(
    docket: Docket, purpose: Purpose, ticket_id: int | None = None, opened: Challenge | None = None, subject: str = ""
) -> bool:
    case, accepted, author = docket.case, docket.case.accepted, docket.case.mail.author
    assert author is not None, "a mail without a single author has objections of its own"
    wanted = replace(
        wish(purpose, docket.known, docket.history, docket.at, case.mailbox.address),
        origin=origin_of(case, docket.authentication),
        fingerprint=case.fingerprint,
        ticket_id=ticket_id,
        cause=accepted.journal_id,
    )
    effects, decision = gate(wanted, docket.known, docket.history, case.judged_at)
    if isinstance(decision, governor.Refusal):
        docket.learn(effects)
        docket.suppressed, docket.withheld_by = decision.reason, decision.rule
        docket.note("gate", f"{purpose} refused by {decision.rule}: {decision.reason}")
        return False
    docket.note("gate", f"{purpose} granted")
    docket.learn(effects)
    trigger = _Trigger(
        case.mailbox.address, author.address, docket.identity, case.mail.references, subject, accepted.journal_id
    )
    planned = _planned(decision, trigger, docket.history, opened)
    docket.planned.append(replace(planned, language=case.language, template=docket.routed.template))
    return True


class _Trigger(Struct, frozen=True):
    """The mail that an automatic one answers."""

    mailbox: str
    author: str
    identity: str
    references: tuple[str, ...]
    subject: str  # "" where it must not be repeated
    journal_id: int


def _planned(permit: Permit, trigger: _Trigger, history: History, challenge: Challenge | None = None) -> Planned:
    gateway, mint, grant = history.gateway, history.mint, permit.grant
    delay_s = gateway.challenge_delay_s if grant.purpose is Purpose.CHALLENGE else gateway.ack_delay_s
    not_before = grant.at + timedelta(seconds=delay_s)
    return Planned(
        purpose=grant.purpose,
        permit=permit,
        outbox_id=mint.new_id(),
        message_id=mint.new_id(),
        token_id=challenge.token_id if challenge else mint.nonce(),
        mailbox=trigger.mailbox,
        to=trigger.author,
        answers=trigger.identity,
        references=trigger.references,
        at=grant.at,
        not_before=not_before,
        give_up_at=not_before + timedelta(seconds=history.limits.timing.automatic_give_up_s),
        ticket_id=grant.ticket_id,
        subject=trigger.subject,
        challenge=challenge,
        cause=trigger.journal_id,
    )
