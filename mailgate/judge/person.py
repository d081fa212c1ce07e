"""A person's mail: a follow-up, an answer to our challenge, or a new conversation received as its mailbox receives."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from mailgate.judge import answer, behaviour, challenge, confirm, flood, insider, places, spam, thread, trust
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.evidence import Evidence, Link
from mailgate.judge.lives import Turn
from mailgate.judge.thread import Place, Relation
from mailgate.judge.trust import Welcome
from mailgate.model import (
    Amended,
    Asked,
    Challenge,
    HeldState,
    KnownMessage,
    KnownTicket,
    Level,
    Mark,
    Mode,
    Purpose,
    Standing,
    TicketState,
)

UNSIGNED = "trusted while its mail was signed, and it has not been for long: trust it again if this is the same sender"


def human(docket: Docket) -> Placement:
    """Where a person's mail goes."""
    if docket.agent is not None:
        return insider.received(docket, docket.agent)
    if docket.known.standing is Standing.BLOCKED:
        return places.held(docket, "the sender is blocked", HeldState.SPAM)
    if docket.authentication.level is not Level.A0:
        docket.meet(trust.revived(docket.known, docket.at))
    link = docket.link
    if link is None:
        return _new(docket)
    forgotten = link.message is None and link.ticket is None
    docket.note("thread", f"{link.evidence}{', but what it was is no longer known' if forgotten else ''}")
    if link.message and link.message.purpose is Purpose.CHALLENGE:
        return _answer_to_challenge(docket, link.message)
    if forgotten:
        return _after_all_is_gone(docket)
    return _in_thread(docket, link) if link.ticket else _new(docket)


def proven_without_path(docket: Docket) -> Placement:
    """The null reverse-path, but the author is proven: his mail system sends everything so."""
    if docket.link or docket.known.standing is Standing.BLOCKED:
        return human(docket)
    return places.ticket(docket, "null reverse-path, but the author is proven")


# ── Follow-ups ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_thread(docket: Docket, link: Link) -> Placement:
    """Where the table puts it. Whatever joins no ticket may still be shown beside it, to people of ours alone."""
    who = thread.nearest(docket.sender, docket.authentication, link.tickets, docket.limits.shared)
    place = thread.decided(who, link)
    numbers = ", ".join(f"#{one.number}" for one in link.tickets)
    docket.note("thread", f"ticket {numbers}; the sender is {who}: {place}")
    ticket = _the_one(docket, link, place)
    if ticket is None:
        return places.suggested(docket, _new(docket), link.tickets)
    match place:
        case Place.APPEND | Place.APPEND_IF_ONLY | Place.UNVERIFIED:
            # Only who is proven, or holds the reply address itself, may wake a ticket.
            wakes = who is Relation.PARTICIPANT or link.evidence is Evidence.ADDRESS
            reason = str(Place.APPEND if place is Place.APPEND_IF_ONLY else place)
            return _follow_up(docket, ticket, reason, wakes=wakes)
        case Place.PROPOSE | Place.PROPOSE_IF_COPIED:
            return places.proposed(docket, ticket, f"from {who}: waits for an agent to let it in")
        case Place.QUARANTINE:
            return places.proposed(docket, ticket, f"from {who}: nobody vouches for it", (Mark.QUARANTINED,))
        case Place.LINKED:
            return places.suggested(docket, _new(docket), link.tickets)
        case Place.NEW:
            return _new(docket)
        case Place.HOLD:
            held = places.held(docket, f"{link.evidence}, ticket {numbers}, but the sender is not proven")
            return places.suggested(docket, held, link.tickets)
        case _:
            assert_never(place)


def _the_one(docket: Docket, link: Link, place: Place) -> KnownTicket | None:
    """The ticket that the table speaks of; None where its condition fails."""
    sender, shared = docket.sender, docket.limits.shared
    if place is Place.APPEND_IF_ONLY:
        his = (one for one in link.tickets if one.state is not TicketState.CLOSED)
        fits = [
            one for one in his if thread.relation(sender, docket.authentication, one, shared) is Relation.PARTICIPANT
        ]
        return fits[0] if len(fits) == 1 else None
    if place is Place.PROPOSE_IF_COPIED and not any(thread.is_copied(sender, one) for one in link.tickets):
        return None
    return link.ticket


def _after_all_is_gone(docket: Docket) -> Placement:
    """It follows a mail of ours that is no longer kept, nor who took part. Whoever wrote before begins anew."""
    wrote = docket.sender in docket.history.facts.acquaintances
    if wrote and docket.authentication.level is not Level.A0:
        return _new(docket)
    return places.held(
        docket, "follows a mail of ours that is no longer kept, and its sender is not known or not proven"
    )


def _follow_up(docket: Docket, ticket: KnownTicket, reason: str, *, wakes: bool) -> Placement:
    """It joins its ticket and wakes it, unless that is closed too long. No ticket that rests hides a person's mail."""
    _renew(docket)
    marks = () if reason == Place.APPEND else (Mark.UNVERIFIED,)
    if ticket.state is TicketState.CLOSED:
        closed_at = ticket.closed_at or docket.at
        if docket.at - closed_at > timedelta(days=docket.limits.timing.reopen_days):
            words = f"follow-up of ticket #{ticket.number}, closed long ago"
            return replace(places.ticket(docket, words, follow_up_of=ticket.id), marks=marks)
        woken = wakes and may_reopen(ticket, docket)
        places.write(docket, ticket.id, "reopened" if woken else "needs-a-look", reason, TicketState.OPEN)
    if ticket.state is TicketState.PENDING:
        places.write(docket, ticket.id, "woken" if wakes else "needs-a-look", reason, TicketState.OPEN)
        docket.effects.append(Amended(ticket.id, pending_until=None))
    return places.appended(docket, ticket.id, reason, marks)


def may_reopen(ticket: KnownTicket, docket: Docket) -> bool:
    """Has mail opened the ticket again seldom enough of late to do so once more?"""
    return all(
        sum(moment > docket.at - limit.per for moment in ticket.reopened_at) < limit.most
        for limit in docket.limits.reopenings
    )


# ── New conversations ─────────────────────────────────────────────────────────────────────────────────────────────────


def _new(docket: Docket) -> Placement:
    """Received as the mailbox receives its sender."""
    behaviour.watch(docket)
    mode, welcome = docket.case.mailbox.mode, trust.welcome(docket.known, docket.authentication)
    docket.note("sender", f"{welcome}; mailbox is {mode}")
    if trust.is_unsigned_for_long(docket.known, docket.authentication, docket.at, docket.limits.timing):
        return places.held(docket, UNSIGNED)
    if welcome is not Welcome.TRUSTED and mode is not Mode.OFF and docket.points.total >= docket.case.mailbox.spam_from:
        return places.held(docket, spam.words(docket.points), HeldState.LIKELY_SPAM)
    if welcome is Welcome.UNPROVEN:
        return flood.taken_up(docket) or places.ticket(docket, "known address, but the sender is not proven")
    if welcome is Welcome.TRUSTED:
        _renew(docket)
        return _acknowledged(docket, "from a known sender")
    if mode is Mode.OFF:
        return _acknowledged(docket, "this mailbox asks nobody")
    if by := _trusted_once(docket):
        return _acknowledged(docket, f"trusted once by the rule {by}")
    if mode is Mode.GUARDED:
        return _stranger(docket)
    if docket.authentication.level is Level.A0:
        return places.held(docket, "the sender is not proven")
    return _acknowledged(docket, "the sender is proven")


def _trusted_once(docket: Docket) -> str:
    """The rule by which this mail of a stranger is taken as from a known sender; "" where it is not."""
    by = docket.ruling.trust
    if by and docket.authentication.level is Level.A0:
        docket.note("rule", f"{by} trusts only mail that is proven")
        return ""
    return by


def _acknowledged(docket: Docket, reason: str) -> Placement:
    """A ticket, and a word of thanks where nobody had a mail of ours in hand before."""
    if flooded := flood.taken_up(docket):
        return flooded
    placed = places.ticket(docket, reason)
    if docket.has_seen_us:
        docket.note("acknowledge", "no: its author has had a mail of ours in hand")
    elif placed.ticket_id is not None:
        answer.acknowledge(docket, placed.ticket_id)
    return placed


def _stranger(docket: Docket) -> Placement:
    """Hold a stranger's mail; ask him once, if that harms nobody."""
    if docket.sender and docket.history.challenge(docket.sender, docket.at):
        return places.held(docket, "waits for the answer to the challenge that was sent before", HeldState.WAIT)
    if docket.has_seen_us:
        return places.held(docket, "quotes a mail of ours, so nothing is sent")
    if not docket.respond.challenge:
        return places.held(docket, f"no challenge: {docket.respond.reasons[0]}")
    if docket.known.asks_back:
        return places.held(docket, "no challenge: a machine of this address asks whoever writes to it")
    timing = docket.limits.timing
    opened = challenge.opened(docket.case, docket.sender, docket.authentication, timing, docket.mint)
    if not answer.challenge(docket, opened):
        return places.held(docket, f"no challenge: {docket.suppressed}")
    docket.effects.append(Asked(opened))
    docket.meet(trust.asked(docket.known, docket.at, opened.expires_at))
    return places.held(docket, "unknown sender: a challenge was sent", HeldState.WAIT)


# ── Answers to a challenge ────────────────────────────────────────────────────────────────────────────────────────────


def _answer_to_challenge(docket: Docket, asked: KnownMessage) -> Placement:
    """A reply to our challenge: the sender confirms himself, or a person looks."""
    if trust.welcome(docket.known, docket.authentication) is not Welcome.STRANGER:
        return _new(docket)
    found = docket.history.facts.challenges.get(asked.recipient)
    if found is None or found.token_id != asked.token_id:
        return places.held(docket, "answers a challenge that is long past")
    words = challenge.doubt(docket, found)
    if words:
        docket.note("challenge", f"not confirmed: {words}")
        _doubted(docket, found, f"the challenge was answered, but {words}")
        return places.held(docket, f"probably answers our challenge, but {words}")
    case = docket.case
    done = confirm.confirmed(found, docket.history, docket.at, "mail", judged_at=case.judged_at, language=case.language)
    docket.note("challenge", f"confirmed by reply; acknowledge: {done.gate}")
    docket.learn(done.effects)
    docket.planned.extend(done.planned)
    if done.ticket_id is None:
        return _acknowledged(docket, "confirms by answering our challenge")
    return places.appended(docket, done.ticket_id, "confirms by answering our challenge")


def _doubted(docket: Docket, found: Challenge, reason: str) -> None:
    """Whatever waited for this answer waits for a person now. Perhaps a machine of the address gave it."""
    docket.learn(confirm.ended(found.address, docket.history, docket.at, Turn.DOUBTED, reason))
    if found.state.running and found.address == docket.sender:
        docket.meet(trust.asks_back(docket.known))


def _renew(docket: Docket) -> None:
    """Trust that lasts as long as somebody writes is renewed by proven mail alone."""
    if trust.welcome(docket.known, docket.authentication) is Welcome.TRUSTED:
        docket.meet(trust.renewed(docket.known, docket.at, docket.limits.timing))
