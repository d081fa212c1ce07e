"""Where a mail goes, by its kind first and then by who sent it; every mail goes somewhere, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from mailgate.judge import answer, challenge, confirm, thread, trust
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.thread import Place
from mailgate.model import (
    Asked,
    ChallengeState,
    Disposition,
    HeldState,
    Kind,
    KnownMessage,
    KnownTicket,
    Level,
    Met,
    Mode,
    NewTicket,
    Participant,
    Purpose,
    State,
    TicketChange,
    TicketState,
    TokenKind,
)

DUPLICATE_DAYS = 7  # longer than any queue retries (RFC 5321 section 4.5.4.1)
LABELS = {
    Kind.OWN_LOOP: "our own mail coming back",
    Kind.BOUNCE: "delivery failure",
    Kind.DELAY: "notice of delay",
    Kind.RECEIPT: "delivery receipt",
    Kind.MDN: "read receipt",
    Kind.FEEDBACK: "complaint report",
    Kind.AUTO_REPLY: "automatic reply",
    Kind.CALENDAR: "calendar answer",
    Kind.LIST: "list mail",
    Kind.BULK: "mass mail",
    Kind.SYSTEM: "notice of a machine",
    Kind.UNKNOWN_NULL: "mail without a reverse-path",
    Kind.HUMAN: "mail",
}
REOPENINGS = ((timedelta(hours=1), 1), (timedelta(days=1), 3), (timedelta(days=7), 5))


def place(docket: Docket) -> Placement:
    """Where the mail of `docket` goes; the effects that go with it are added to the docket."""
    return _as_duplicate(docket) or _at_bounce_address(docket) or BY_KIND[docket.kind](docket)


# ── Kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _human(docket: Docket) -> Placement:
    link = docket.link
    if link is None:
        return _new(docket)
    docket.note("thread", f"{link.evidence}{'' if link.message else ', but what it was is no longer known'}")
    if link.message and link.message.purpose is Purpose.CHALLENGE:
        return _answer_to_challenge(docket, link.message)
    if link.ticket is None:
        return _new(docket)
    relation = thread.relation(docket.sender, docket.authentication, link.ticket, docket.limits.shared)
    decided = thread.TABLE[relation, link.evidence]
    docket.note("thread", f"sender is {relation}: {decided}")
    match decided:
        case Place.APPEND | Place.UNVERIFIED:
            return _follow_up(docket, link.ticket, decided)
        case Place.PROPOSE:
            return _appended(docket, link.ticket, f"from {relation}: waits for an agent to let it in", proposed=True)
        case Place.NEW:
            return _new(docket)
        case Place.HOLD:
            return _held(docket, "answers a mail of ours, but the sender is not proven")


def _automatic(docket: Docket) -> Placement:
    """Answers of machines join what they answer, and are otherwise kept where people look."""
    if docket.link and docket.link.ticket:
        return _appended(docket, docket.link.ticket, f"{LABELS[docket.kind]} to a mail of ours")
    return _parked(docket, f"{LABELS[docket.kind]} that answers nothing we know")


def _bulk(docket: Docket) -> Placement:
    """Mass mail and notices: quiet tickets from people we know, parked from strangers."""
    if docket.link and docket.link.ticket:
        return _appended(docket, docket.link.ticket, f"{LABELS[docket.kind]} linked to a ticket")
    if trust.welcome(docket.known, docket.authentication) is trust.Welcome.TRUSTED:
        return _ticket(docket, State.QUIET, Disposition.QUIET, f"{LABELS[docket.kind]} from a known sender")
    return _parked(docket, f"{LABELS[docket.kind]} from a stranger")


def _calendar(docket: Docket) -> Placement:
    if any(finding.kind is Kind.CALENDAR and finding.disposition is Disposition.APPEND for finding in docket.findings):
        return _automatic(docket)
    return _human(docket)


def _report(docket: Docket) -> Placement:
    """A report about a mail of ours changes what we know; one that proves no such thing is only kept."""
    about = _reported(docket)
    if about is None:
        return _parked(docket, f"{LABELS[docket.kind]} that does not prove to be about a mail of ours")
    if docket.kind is Kind.BOUNCE:
        _undeliverable(docket, about)
    if about.ticket_id:
        docket.effects.append(
            TicketChange(docket.mint.new_id(), about.ticket_id, docket.at, "report", "mail", LABELS[docket.kind])
        )
    return Placement(
        State.CONSUMED, Disposition.CONSUME, f"{LABELS[docket.kind]} about a mail of ours", ticket_id=about.ticket_id
    )


def _unknown_null(docket: Docket) -> Placement:
    """The null reverse-path without any report: some mail systems send everything so."""
    if docket.link and docket.link.ticket:
        return _appended(docket, docket.link.ticket, "null reverse-path, linked to a ticket")
    if docket.authentication.level is Level.A2:
        return _ticket(docket, State.TICKETED, Disposition.TICKET, "null reverse-path, but the author is proven")
    return _parked(docket, "null reverse-path and nothing that says why")


BY_KIND: dict[Kind, Callable[[Docket], Placement]] = {
    Kind.OWN_LOOP: _automatic,
    Kind.BOUNCE: _report,
    Kind.DELAY: _report,
    Kind.RECEIPT: _report,
    Kind.MDN: _report,
    Kind.FEEDBACK: _report,
    Kind.AUTO_REPLY: _automatic,
    Kind.CALENDAR: _calendar,
    Kind.LIST: _bulk,
    Kind.BULK: _bulk,
    Kind.SYSTEM: _bulk,
    Kind.UNKNOWN_NULL: _unknown_null,
    Kind.HUMAN: _human,
}


# ── A person's mail ───────────────────────────────────────────────────────────────────────────────────────────────────


def _new(docket: Docket) -> Placement:
    """A new conversation, received as the mailbox receives its sender."""
    mode, proven = docket.case.mailbox.mode, docket.authentication.level is not Level.A0
    welcome = trust.welcome(docket.known, docket.authentication)
    docket.note("sender", f"{welcome}; mailbox is {mode}")
    if welcome is trust.Welcome.BLOCKED:
        return _held(docket, "the sender is blocked", HeldState.SPAM)
    if welcome is trust.Welcome.UNPROVEN:
        return _ticket(docket, State.TICKETED, Disposition.TICKET, "known address, but the sender is not proven")
    if welcome is trust.Welcome.TRUSTED:
        docket.meet(trust.renewed(docket.known, docket.at, docket.limits.timing))
        return _acknowledged(docket, "from a known sender")
    if mode is Mode.OFF:
        return _acknowledged(docket, "this mailbox asks nobody")
    if mode is Mode.OPEN and proven:
        return _acknowledged(docket, "the sender is proven")
    if mode is Mode.OPEN:
        return _held(docket, "the sender is not proven")
    return _stranger(docket)


def _stranger(docket: Docket) -> Placement:
    """Hold a stranger's mail; ask him once, if that harms nobody."""
    running = docket.history.challenge(docket.sender, docket.at) if docket.sender else None
    if running:
        return _held(docket, "waits for the answer to the challenge that was sent before", HeldState.WAIT)
    if docket.link:
        return _held(docket, "linked to a mail of ours, so nothing is sent")
    if not docket.respond.challenge:
        docket.suppressed = next(iter(docket.respond.reasons), "")
        return _held(docket, f"no challenge: {docket.suppressed}")
    timing = docket.limits.timing
    opened = challenge.opened(docket.case, docket.sender, docket.authentication, timing, docket.mint)
    if not answer.challenge(docket, opened):
        return _held(docket, f"no challenge: {docket.suppressed}")
    docket.effects.append(Asked(opened))
    docket.meet(trust.asked(docket.known, docket.at, opened.expires_at))
    return _held(docket, "unknown sender: a challenge was sent", HeldState.WAIT)


def _answer_to_challenge(docket: Docket, asked: KnownMessage) -> Placement:
    """A reply to our challenge: the sender confirms himself, or a person looks."""
    found = docket.history.facts.challenges.get(asked.recipient)
    if found is None or found.token_id != asked.token_id:
        return _held(docket, "answers a challenge that is no longer known")
    words = challenge.doubt(docket.case, found, docket.respond, docket.sender, docket.gateway.confirm_min_s)
    if words:
        docket.note("challenge", f"not confirmed: {words}")
        docket.effects.extend(confirm.doubted(found, docket.history, words))
        return _held(docket, f"probably answers our challenge, but {words}")
    done = confirm.confirmed(found, docket.history, docket.at, "mail")
    docket.note("challenge", f"confirmed by reply; acknowledge: {done.gate}")
    docket.effects.extend(done.effects)
    docket.planned.extend(done.planned)
    docket.known = next(
        (effect.acquaintance for effect in reversed(done.effects) if isinstance(effect, Met)), docket.known
    )
    if done.ticket_id is None:
        return _acknowledged(docket, "answers our challenge")
    event = TicketChange(docket.mint.new_id(), done.ticket_id, docket.at, "appended", "mail", docket.identity)
    docket.effects.append(event)
    return Placement(State.APPENDED, Disposition.APPEND, "confirms by answering our challenge", done.ticket_id)


def _follow_up(docket: Docket, ticket: KnownTicket, place_: Place) -> Placement:
    """A person's follow-up: it joins its ticket and wakes it, unless that is closed too long or woken too often."""
    if ticket.state is TicketState.CLOSED:
        closed_at = ticket.closed_at or docket.at
        if docket.at - closed_at > timedelta(days=docket.limits.timing.reopen_days):
            return _acknowledged(docket, f"follow-up of ticket #{ticket.number}, closed long ago")
        if _may_reopen(ticket, docket):
            docket.effects.append(
                TicketChange(docket.mint.new_id(), ticket.id, docket.at, "reopened", "mail", "", TicketState.OPEN)
            )
        else:
            docket.note("thread", "not reopened: it was reopened too often")
    docket.meet(trust.renewed(docket.known, docket.at, docket.limits.timing))
    return _appended(docket, ticket, str(place_))


def _may_reopen(ticket: KnownTicket, docket: Docket) -> bool:
    return all(sum(1 for moment in ticket.reopened_at if moment > docket.at - per) < most for per, most in REOPENINGS)


# ── Kinds of places ───────────────────────────────────────────────────────────────────────────────────────────────────


def _acknowledged(docket: Docket, reason: str) -> Placement:
    placed = _ticket(docket, State.TICKETED, Disposition.TICKET, reason)
    if placed.ticket_id is not None and docket.link is None:
        answer.acknowledge(docket, placed.ticket_id)
    return placed


def _ticket(docket: Docket, state: State, disposition: Disposition, reason: str) -> Placement:
    ticket_id = docket.mint.new_id()
    mail, mailbox = docket.case.mail, docket.case.mailbox
    participant = Participant(docket.sender, docket.authentication.level)
    name = docket.known.name or (mail.authors[0].name if mail.authors else "")
    docket.effects += [
        NewTicket(ticket_id, mail.subject, mailbox.queue, mailbox.address, participant, name, docket.at),
        TicketChange(docket.mint.new_id(), ticket_id, docket.at, "opened", "mail", reason),
    ]
    return Placement(state, disposition, reason, ticket_id)


def _appended(docket: Docket, ticket: KnownTicket, reason: str, *, proposed: bool = False) -> Placement:
    event = "proposed" if proposed else "appended"
    docket.effects.append(TicketChange(docket.mint.new_id(), ticket.id, docket.at, event, "mail", docket.identity))
    return Placement(State.APPENDED, Disposition.APPEND, reason, ticket.id, proposed=proposed)


def _held(docket: Docket, reason: str, held: HeldState = HeldState.HUMAN) -> Placement:
    return Placement(State.HELD, Disposition.HOLD, reason, held=held)


def _parked(docket: Docket, reason: str) -> Placement:
    return Placement(State.PARKED, Disposition.PARK, reason)


# ── Before the kind is asked ──────────────────────────────────────────────────────────────────────────────────────────


def _as_duplicate(docket: Docket) -> Placement | None:
    """The very same mail again, by another way or to another of our mailboxes."""
    known = next((one for one in docket.history.same_identity(docket.identity) if _same(one, docket)), None)
    if known is None:
        return None
    if known.ticket_id and known.mailbox != docket.case.mailbox.address:
        detail = docket.case.mailbox.address
        docket.effects.append(
            TicketChange(docket.mint.new_id(), known.ticket_id, docket.at, "also-received", "mail", detail)
        )
    return Placement(
        State.DUPLICATE, Disposition.DUPLICATE, "the same mail was received before", known.ticket_id,
        duplicate_of=known.id,
    )  # fmt: skip


def _same(known: KnownMessage, docket: Docket) -> bool:
    recent = docket.at - known.at <= timedelta(days=DUPLICATE_DAYS)
    return recent and known.sender == docket.sender and known.body_hash == docket.case.mail.body_hash


def _at_bounce_address(docket: Docket) -> Placement | None:
    """Whatever is no report and still answers the envelope was written by a machine (RFC 3834 section 4)."""
    token = docket.case.recipient
    if token is None or token.kind is not TokenKind.BOUNCE or BY_KIND[docket.kind] is _report:
        return None
    about = docket.history.facts.tokens.get(token.id)
    if about is None:
        return _parked(docket, "sent to a bounce address whose mail is no longer known")
    history, timing = docket.history, docket.limits.timing
    robot = trust.convicted(history.acquaintance(about.recipient, docket.at), docket.at, timing)
    docket.effects.append(Met(robot))
    docket.effects.extend(
        confirm.ended(about, history, ChallengeState.ANSWERED_AUTO, "a machine answered our challenge")
    )
    docket.note("bounce address", "answered by a machine: no automatic mail to this address for a year")
    if about.ticket_id and about.ticket_id in history.facts.tickets:
        return _appended(docket, history.facts.tickets[about.ticket_id], "a machine answered our mail")
    return _parked(docket, "a machine answered our mail")


def _reported(docket: Docket) -> KnownMessage | None:
    """The mail of ours that a report is about, by the bounce address or by the signed ids inside; else None."""
    tokens = docket.history.facts.tokens
    token = docket.case.recipient
    if token is not None and token.kind is TokenKind.BOUNCE and token.id in tokens:
        return tokens[token.id]
    return next((tokens[one.id] for one in docket.case.enclosed.values() if one.id in tokens), None)


def _undeliverable(docket: Docket, about: KnownMessage) -> None:
    known = docket.history.acquaintance(about.recipient, docket.at)
    docket.effects.append(Met(trust.undeliverable(known, docket.at, docket.limits.timing)))
    docket.effects.extend(
        confirm.ended(about, docket.history, ChallengeState.BOUNCED, "our challenge came back undelivered")
    )
    docket.note("report", "the address is undeliverable")
