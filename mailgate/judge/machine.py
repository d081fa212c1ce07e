"""What machines send: reports about our own mail, automatic answers, mass mail. None of it is ever answered.

A report is believed only where it proves that it is about a mail of ours; a machine that answers our automatic mail,
which asks for no answer in every way there is, convicts its address.
"""

from __future__ import annotations

from datetime import timedelta

from mailgate.judge import behaviour, breaker, confirm, failure, person, places, thread, trust, waiting
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.evidence import Evidence, Link
from mailgate.judge.lives import Turn
from mailgate.judge.thread import Place
from mailgate.model import (
    Broken,
    Disposition,
    Effect,
    Kind,
    KnownMessage,
    Level,
    Met,
    Mishap,
    Purpose,
    Scope,
    Standing,
    State,
    Suffered,
    TicketChange,
    TicketState,
    TokenKind,
    Trouble,
)

ASKS_TO_CONFIRM = "the recipient asks you to confirm: only a person can, and until then our mail waits there"
LONGEST_TEST = timedelta(hours=1)
_OF_PEOPLE = frozenset({Purpose.AGENT, Purpose.REDIRECT})  # mail that a person wrote, of ours or not
# What answers our mail bears one of these; our own mail that comes back bears all the others.
_ANSWERS = frozenset({Evidence.ADDRESS, Evidence.MESSAGE_ID})
REPORTS = frozenset({Kind.BOUNCE, Kind.DELAY, Kind.RECEIPT, Kind.MDN, Kind.FEEDBACK})
CONVICTING = frozenset({Kind.AUTO_REPLY, Kind.SYSTEM})  # kinds that say themselves that a machine wrote them
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


def at_bounce_address(docket: Docket) -> Placement | None:
    """What answers the envelope of our mail and is no report; None where the mail is anything else.

    RFC 3834 section 4 sends automatic answers to the reverse-path. To a person's mail that is good manners; whoever
    answers our automatic mail there has ignored all its marks, and would do so for ever.
    """
    token = docket.case.recipient
    if token is None or token.kind is not TokenKind.BOUNCE:
        return None
    about = _fresh(docket.history.facts.tokens.get(token.id), docket)
    if _from_the_recipient(docket, about):
        docket.kind = Kind.AUTO_REPLY
        docket.note("kind", f"{docket.kind}: written by the very address that our mail went to")
    if docket.kind in REPORTS:
        return None
    if about is None:
        return places.parked(docket, "sent to a bounce address whose mail is forgotten or long past")
    # The vacation program of a colleague is his own affair: he goes on being told. So is that of whom mail goes on to.
    if about.purpose not in _OF_PEOPLE and docket.history.agent(about.recipient) is None:
        _convict(docket, about)
    return _beside(docket, about, "a machine answered our mail") or places.parked(docket, "a machine answered our mail")


def _from_the_recipient(docket: Docket, about: KnownMessage | None) -> bool:
    """Did the address that our mail went to answer it itself? No mailbox reports of itself that it is not there.

    Vacation programs answer with the null reverse-path (RFC 5230 section 5.1), and not all mark what they send. What
    has the form of a report, or returns our header, is one whoever signs it.
    """
    formless = not (docket.case.mail.report_type or docket.case.mail.report_actions or docket.case.enclosed)
    return docket.kind is Kind.BOUNCE and formless and about is not None and docket.sender == about.recipient


def report(docket: Docket) -> Placement:
    """A report changes what we know where it proves to be about a mail of ours; any other is only kept."""
    about = _fresh(_reported(docket), docket)
    if about is None:
        return automatic(docket)
    if docket.kind is Kind.BOUNCE:
        _undeliverable(docket, about)
    if docket.kind is Kind.FEEDBACK:
        _complained(docket, about)
    if about.ticket_id:
        _tell_the_ticket(docket, about, about.ticket_id)
    reason = f"{LABELS[docket.kind]} about a mail of ours"
    return Placement(State.CONSUMED, Disposition.CONSUME, reason, about.ticket_id)


def _tell_the_ticket(docket: Docket, about: KnownMessage, ticket_id: int) -> None:
    """A line in its history. Where an answer of a person did not arrive, the ticket waits again for one who looks."""
    mail = docket.case.mail
    if about.purpose is Purpose.REDIRECT and docket.kind is Kind.BOUNCE:
        places.given_back(docket, about, failure.why(about.recipient, mail.report_status, mail.report_reason))
        return
    written = about.purpose is Purpose.AGENT
    if written and docket.kind is Kind.FEEDBACK:
        places.write(docket, ticket_id, "complained", f"{about.recipient} called our answer spam")
        return
    if not written or docket.kind is not Kind.BOUNCE:
        places.write(docket, ticket_id, "report", LABELS[docket.kind])
        return
    ticket = docket.history.facts.tickets.get(ticket_id)
    why = failure.why(about.recipient, mail.report_status, mail.report_reason)
    # One mail fails once, however often it is told: its line has its number.
    lost = TicketChange(about.id, ticket_id, docket.at, "undelivered", "mail", why)
    docket.effects += [lost, waiting.answer_lost(ticket_id, about.at)]
    if ticket and ticket.state is not TicketState.OPEN:
        event = "reopened" if person.may_reopen(ticket, docket) else "needs-a-look"
        places.write(docket, ticket_id, event, "an answer did not arrive", TicketState.OPEN)


def receipt(docket: Docket) -> Placement:
    """A read receipt stands beside the conversation it belongs to."""
    about = _reported(docket)
    return (about and _beside(docket, about, "read receipt for a mail of ours")) or automatic(docket)


def automatic(docket: Docket) -> Placement:
    """What a machine answers joins what it answers, and is otherwise kept where people look."""
    is_known = docket.sender in docket.history.facts.acquaintances and docket.agent is None
    again = docket.known.standing is Standing.ROBOT and docket.kind in CONVICTING
    if again or (is_known and docket.kind is Kind.AUTO_REPLY and behaviour.is_machine(docket)):
        docket.note("machine", "a machine answers for this address: it gets no automatic mail for a year")
        behaviour.convict(docket)
    linked = _linked(docket, Disposition.APPEND)
    return linked or places.parked(docket, f"{LABELS[docket.kind]} that answers nothing we know")


def own_mail(docket: Docket) -> Placement:
    """A mail of ours that came back. One that was sent to see it come back has done so, and nobody need look at it."""
    sent = docket.history.facts.messages.get(docket.identity, ())
    if any(_is_test(one, docket) for one in sent):
        return Placement(State.CONSUMED, Disposition.CONSUME, "our own test came back")
    for one in sent:
        _suffered(docket, one, Trouble.CAME_BACK)
    return automatic(docket)


def bulk(docket: Docket) -> Placement:
    """Mass mail and notices: quiet tickets from people we know, parked from strangers."""
    return quiet(docket, LABELS[docket.kind])


def quiet(docket: Docket, what: str) -> Placement:
    """The same for any mail that nobody need be told of; `what` it is, in words."""
    if linked := _linked(docket, Disposition.QUIET):
        return linked
    if trust.welcome(docket.known, docket.authentication) is trust.Welcome.TRUSTED:
        reason = f"{what} from a known sender"
        return places.ticket(docket, reason, state=State.QUIET, disposition=Disposition.QUIET)
    return places.parked(docket, f"{what} from a stranger")


def unknown_null(docket: Docket) -> Placement:
    """The null reverse-path without any report: some mail systems send everything so, their people's mail included."""
    if docket.authentication.level is Level.A2:
        return person.proven_without_path(docket)
    return automatic(docket)


def _linked(docket: Docket, disposition: Disposition) -> Placement | None:
    """Beside the mail of ours that this one answers; None where it answers none that we know."""
    link = docket.link
    if link is None or link.evidence not in _ANSWERS:
        return _hinted(docket, link, disposition)
    about = link.message
    if about is None:
        return None
    if about.purpose is Purpose.CHALLENGE:
        return _answers_challenge(docket, about)
    return _beside(docket, about, f"{LABELS[docket.kind]} to a mail of ours", disposition)


def _hinted(docket: Docket, link: Link | None, disposition: Disposition) -> Placement | None:
    """Any other trace brings a machine's mail beside a conversation of its own sender alone."""
    if link is None or link.ticket is None:
        return None
    who = thread.relation(docket.sender, docket.authentication, link.ticket, docket.limits.shared)
    decided = thread.decided(who, link)
    docket.note("thread", f"{link.evidence}, ticket #{link.ticket.number}; the sender is {who}: {decided}")
    reason = f"{LABELS[docket.kind]} of a participant: {link.evidence}"
    return places.quietly(docket, link.ticket, reason, disposition) if decided is Place.APPEND else None


def _answers_challenge(docket: Docket, about: KnownMessage) -> Placement:
    """Nobody confirms by machine; and whose machine asks back cannot answer us, so a person looks at once."""
    words = f"the challenge met a machine: {LABELS[docket.kind]}"
    if docket.kind in CONVICTING:
        _convict(docket, about)
    else:
        _asks_back(docket, about)
        docket.learn(confirm.ended(about.recipient, docket.history, docket.at, Turn.DOUBTED, words))
    return places.parked(docket, f"{LABELS[docket.kind]} to our challenge")


def _beside(
    docket: Docket, about: KnownMessage, reason: str, disposition: Disposition = Disposition.APPEND
) -> Placement | None:
    ticket = docket.history.facts.tickets.get(about.ticket_id) if about.ticket_id else None
    if about.purpose is Purpose.AGENT and any(finding.asks_back for finding in docket.findings):
        _asks_back(docket, about)
        reason = ASKS_TO_CONFIRM
        if ticket:
            places.write(docket, ticket.id, "asks-back", reason)
    return places.quietly(docket, ticket, reason, disposition) if ticket else None


def _asks_back(docket: Docket, about: KnownMessage) -> None:
    """Whoever writes to the address is asked a question by its machine: people should know, and we ask it nothing."""
    known = docket.history.acquaintance(about.recipient, docket.at)
    docket.learn([Met(trust.asks_back(docket.known if about.recipient == docket.sender else known))])


def _is_test(sent: KnownMessage, docket: Docket) -> bool:
    """Did a person send it to this very address, lately, and to no ticket? Whoever else knew its name gains nothing."""
    here = canonical(docket.case.accepted.rcpt_to)
    lately = docket.at - sent.at <= LONGEST_TEST
    return sent.purpose is Purpose.AGENT and sent.ticket_id is None and sent.recipient == here and lately


def _reported(docket: Docket) -> KnownMessage | None:
    """The mail of ours that a report is about, by the bounce address or by the signed ids inside; else None."""
    tokens, token = docket.history.facts.tokens, docket.case.recipient
    if token is not None and token.kind is TokenKind.BOUNCE and token.id in tokens:
        return tokens[token.id]
    return next((tokens[one.id] for one in docket.case.enclosed.values() if one.id in tokens), None)


def _fresh(about: KnownMessage | None, docket: Docket) -> KnownMessage | None:
    longest = timedelta(days=docket.limits.timing.bounce_days)
    return about if about and docket.at - about.at <= longest else None


def _suffered(docket: Docket, about: KnownMessage, trouble: Trouble) -> None:
    """Count what went wrong with an automatic mail to the world outside; a person's mail is his own affair."""
    if about.purpose in (Purpose.ACKNOWLEDGE, Purpose.CHALLENGE):
        domain = domain_of(about.recipient)
        told = Mishap(docket.mint.new_id(), docket.at, trouble, about.recipient, domain, about.id)
        docket.effects.append(Suffered(told))


def _complained(docket: Docket, about: KnownMessage) -> None:
    """Whoever calls our automatic mail spam gets none for long, nor does his company; a provider's customers are
    strangers of each other, so there it is only he.
    """
    if about.purpose not in (Purpose.ACKNOWLEDGE, Purpose.CHALLENGE):
        return
    _suffered(docket, about, Trouble.COMPLAINED)
    domain = domain_of(about.recipient)
    shared = domain in docket.limits.shared
    scope, key = (Scope.ADDRESS, about.recipient) if shared else (Scope.DOMAIN, domain)
    docket.effects.append(Broken(breaker.for_complaint(scope, key, docket.at, docket.limits.fuse)))
    docket.note("complaint", f"nothing automatic to {scope} {key} for {docket.limits.fuse.complaint_days} days")


def _undeliverable(docket: Docket, about: KnownMessage) -> None:
    """To an address that a machine wrote to in vain it writes no more, whatever the reason.

    A person's answer may come back for what stands in it, or because a mailbox is full: that says nothing of trust.
    """
    meant = failure.meaning(docket.case.mail.report_status)
    if about.purpose in _OF_PEOPLE and meant is not failure.Meaning.NOBODY:
        docket.note("report", f"the address stands as before: {meant}")
        return
    _suffered(docket, about, Trouble.FAILED)
    known = docket.history.acquaintance(about.recipient, docket.at)
    words = f"{_ours(about)} came back undelivered"
    effects: list[Effect] = [Met(trust.undeliverable(known, docket.at, docket.limits.timing))]
    effects += confirm.ended(about.recipient, docket.history, docket.at, Turn.CAME_BACK, words)
    docket.learn(effects)
    docket.note("report", "the address is undeliverable")


def _convict(docket: Docket, about: KnownMessage) -> None:
    known = docket.history.acquaintance(about.recipient, docket.at)
    words = f"a machine answered {_ours(about)}"
    if any(finding.asks_back for finding in docket.findings):
        known, words = trust.asks_back(known), "another system answered our challenge with one of its own"
    effects: list[Effect] = [Met(trust.convicted(known, docket.at, docket.limits.timing))]
    effects += confirm.ended(about.recipient, docket.history, docket.at, Turn.MACHINE, words)
    docket.learn(effects)
    _suffered(docket, about, Trouble.ANSWERED)
    docket.note("machine", "it answered our automatic mail: its address gets none for a year")


def _ours(about: KnownMessage) -> str:
    return "our challenge" if about.purpose is Purpose.CHALLENGE else "our mail"
