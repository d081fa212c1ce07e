"""The judgement of one mail: what it is, whether it may be answered, where it goes, and every step of the way.

Read it top down: findings, kind, what signals allow, links, place; then one filing with the whole trail.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import (
    answer,
    breaker,
    channel,
    company,
    duplicates,
    evidence,
    forward,
    kind,
    placement,
    recheck,
    ruled,
    signals,
    spam,
    token,
    trust,
)
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.docket import Docket, Outcome, Placement
from mailgate.judge.history import History
from mailgate.judge.rules import Signals
from mailgate.model import (
    Authentication,
    Broken,
    Case,
    Filing,
    Finding,
    Gateway,
    Kind,
    Level,
    Mark,
    Met,
    NewTicket,
    Opinion,
    Recheck,
    Rejudged,
    Released,
    Respond,
    Routed,
    Scope,
    State,
    Suffered,
    Verdict,
)


class Sight(Struct, frozen=True):
    """What a mail is by itself, before anybody asks who sent it or what came before."""

    findings: tuple[Finding, ...]
    kind: Kind
    respond: Respond
    authentication: Authentication  # as it counts: a mail that breaks trust proves nothing


def look(case: Case, rules: Signals, gateway: Gateway) -> Sight:
    """Judge the mail alone."""
    found = signals.findings(forward.as_sent(case, rules) if case.forwarded else case, rules, gateway)
    found = forward.softened(found, case, rules, gateway)
    proof = _as_it_counts(case.authentication, kind.weigh(found).distrusted)
    found = channel.heard(found, case, proof, rules, gateway)
    named = bool(case.forwarded) or any(finding.id == channel.ID for finding in found)
    respond = answer.respond(case, kind.weigh(found), proof, others_path=named)
    return Sight(found, kind.kind_of(found, case), respond, proof)


def _as_it_counts(proof: Authentication, distrusted: str) -> Authentication:
    if not distrusted or proof.level is Level.A0:
        return proof
    return replace(proof, level=Level.A0, why=f"not proven: {distrusted}")


def judge(case: Case, rules: Signals, history: History) -> Outcome:
    """Judge the mail within all that is known, and leave `history` as the next mail must see it."""
    docket = _opened(case, look(case, rules, history.gateway), history, rules)
    placed = placement.place(docket)
    docket.effects += ruled.handed_on(docket, placed)
    company.remember(docket, placed)
    _meet_newcomer(docket)
    _trip(docket)
    effects = (*docket.effects, _filing(docket, placed))
    trusted = trust.welcome(docket.known, docket.authentication) is trust.Welcome.TRUSTED
    outcome = Outcome(effects, tuple(docket.planned), trusted, tuple(docket.relays))
    history.learn(outcome.effects, (planned.permit for planned in outcome.planned))
    history.relayed(outcome.relays, docket.at)
    return outcome


def judge_again(case: Case, stands: Recheck, rules: Signals, history: History) -> Outcome:
    """Judge a mail that has its place, now that DNS was asked again who it is from.

    `case` bears the moment of this judgement as that of its acceptance, for now is when an answer is asked for.
    """
    docket = _opened(case, look(case, rules, history.gateway), history, rules)
    docket.message_id, docket.identity = stands.message_id, stands.identity
    placed = recheck.place(docket, stands)
    filing = replace(_filing(docket, placed), recheck_at=None)
    if stands.ticket_id is None and placed.ticket_id is not None:
        docket.effects.append(Released(case.accepted.journal_id, stands.message_id, placed.ticket_id, placed.state))
        docket.effects += ruled.handed_on(docket, placed)
    return Outcome((*docket.effects, Rejudged(filing)), tuple(docket.planned))


def sender_of(case: Case) -> str:
    """The canonical address of the one author, or ""."""
    author = case.mail.author
    return canonical(author.address) if author else ""


def identity_of(case: Case, domain: str) -> str:
    """The Message-ID, or the one made up from what would be the same if the mail came again."""
    mail = case.mail
    if mail.message_id:
        return mail.message_id
    date = mail.date.isoformat() if mail.date else ""
    return token.made_up_id(f"{sender_of(case)}\n{date}\n{mail.subject}\n{mail.body_hash}", domain)


def names_of(case: Case, domain: str) -> tuple[str, str]:
    """The identity of a mail, and the one it takes where that name belongs to another mail already."""
    identity = identity_of(case, domain)
    return identity, _other_name(case, identity, domain)


def _other_name(case: Case, identity: str, domain: str) -> str:
    return token.made_up_id(f"{identity}\n{sender_of(case)}\n{case.mail.body_hash}", domain)


def _opened(case: Case, sight: Sight, history: History, rules: Signals) -> Docket:
    sender, author = sender_of(case), case.mail.author
    identity = identity_of(case, history.gateway.name)
    taken = duplicates.is_taken(identity, sender, case, sight.kind, history)
    docket = Docket(
        case=case,
        history=history,
        findings=sight.findings,
        kind=sight.kind,
        respond=sight.respond,
        sender=sender,
        authentication=sight.authentication,
        known=history.acquaintance(sender, case.accepted.at, author.name if author else ""),
        identity=_other_name(case, identity, history.gateway.name) if taken else identity,
        message_id=history.mint.new_id(),
        link=evidence.link(case, history.facts, history.limits),
        seen_us=evidence.has_seen_us(case, history.facts, history.limits),
        alias=identity if taken else "",
        rules=rules.rules,
        weighs=rules.weighs,
    )
    docket.note("kind", f"{sight.kind}: {_deciding(sight)}")
    docket.note("sender", sight.authentication.why or "not proven")
    for opinion in case.opinions:
        docket.note("opinion", _words(opinion))
    if taken:
        docket.marks += (Mark.SAME_NAME,)
        docket.note("identity", "another mail bears the same Message-ID: both are kept, this one under another name")
    _warn_of_reply_to(docket)
    return docket


def _words(opinion: Opinion) -> str:
    """What one outside thinks of the mail, for people."""
    if opinion.unknown:
        return f"{opinion.judge} could not be heard: {opinion.unknown}"
    says = f" ({', '.join(opinion.says)})" if opinion.says else ""
    return f"{opinion.judge}: {opinion.points:.1f} points{says}"


def _warn_of_reply_to(docket: Docket) -> None:
    """Whoever wants his answers at another company may be somebody else: a person is told, and nothing goes there."""
    here = docket.domain
    elsewhere = [one.address for one in docket.case.mail.reply_to if domain_of(canonical(one.address)) != here]
    if here and elsewhere:
        docket.marks += (Mark.OTHER_REPLY_TO,)
        docket.note("reply-to", f"wants answers at another company, {elsewhere[0]}: not used")


def _deciding(sight: Sight) -> str:
    found = [finding for finding in sight.findings if finding.kind is sight.kind]
    return ", ".join(f"{one.id} ({one.rule}) saw {one.value!r}" for one in found[:3]) or "nothing says otherwise"


def _meet_newcomer(docket: Docket) -> None:
    """Remember whoever wrote himself or has a ticket; machines pass without leaving a name."""
    opened = any(isinstance(effect, NewTicket) for effect in docket.effects)
    if docket.agent is not None:
        return
    new = docket.sender not in docket.history.facts.acquaintances and not docket.met
    if new and (opened or docket.kind is Kind.HUMAN):
        docket.learn([Met(docket.known)])


def _trip(docket: Docket) -> None:
    """Where this mail told of something that went wrong, it may be one time too many."""
    fresh = [effect.mishap for effect in docket.effects if isinstance(effect, Suffered)]
    over = any(isinstance(effect, Broken) and effect.breaker.scope is Scope.ALL for effect in docket.effects)
    if not fresh or over:
        return
    opened = breaker.tripped(docket.history.facts, docket.at, docket.limits.fuse, fresh=fresh)
    if opened:
        docket.note("breaker", breaker.words(opened, opened.state))
        docket.effects.append(Broken(opened))


def _counted(points: spam.Points) -> str:
    reasons = ", ".join(f"{one.id} {one.points:+g}" for one in points.reasons)
    return f"{points.total:g} points{f': {reasons}' if reasons else ''}"


def _filing(docket: Docket, placed: Placement) -> Filing:
    # What opens a ticket now, or when a person lets it in.
    routed = docket.routed if placed.state in (State.TICKETED, State.HELD, State.PARKED) else Routed()
    points = docket.points
    docket.note("spam", _counted(points))
    docket.note("place", placed.reason)
    verdict = Verdict(
        kind=docket.kind,
        disposition=placed.disposition,
        respond=docket.respond,
        findings=docket.findings,
        trail=tuple(docket.trail),
        reason=placed.reason,
        ticket_id=placed.ticket_id,
        proposed=placed.proposed,
        marks=(*placed.marks, *docket.marks),
        suppressed=docket.suppressed,
        withheld_by=docket.withheld_by,
        hits=docket.hits,
        spam=points.total,
        weighed=points.reasons,
    )
    return Filing(
        message_id=docket.message_id,
        case=docket.case,
        verdict=verdict,
        state=placed.state,
        sender=docket.sender,
        identity=docket.identity,
        ticket_id=placed.ticket_id,
        held=placed.held,
        duplicate_of=placed.duplicate_of,
        recheck_at=recheck.due(docket, placed),
        suggests=placed.suggests,
        alias=docket.alias,
        copied=company.named(docket.case, docket.history),
        routed=routed,
        agent=docket.by,
    )
