"""Mail that a rule sends on, as it came, to an address that an admin listed: which mail, and by whose leave.

House rules of this file:
* What a machine writes back, what came back, and what passed here or another gateway of this kind before, goes its
  usual way: two who send mail on to each other end at the first turn.
* What follows a conversation of ours stays in it.
* Whatever cannot be sent on waits for a person, who sees why.
* It takes a permit like all that no person of ours writes, and has limits of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mailgate.judge import admission, fingerprint, governor, machine, places
from mailgate.judge.canonical import canonical, untagged
from mailgate.judge.docket import Docket, Placement, Planned
from mailgate.judge.fields import FIELDS
from mailgate.model import Case, Disposition, Gateway, Grant, Kind, Permit, Purpose, State, TicketState

EVENT = "redirected"
# RFC 5321 section 4.5.5, RFC 3834 section 2: whatever answers or reports is for whoever it was sent to.
_NEVER = frozenset({Kind.AUTO_REPLY, Kind.OWN_LOOP, Kind.UNKNOWN_NULL}) | machine.REPORTS
# Fields that count signs of an earlier visit: Received, Delivered-To and X-Loop.
_VISITS = ("received_ours", "passed_ours", "loop_ours")
DRY_RUN = "[replies] dry_run"


def placed(docket: Docket, to: str, by: str) -> Placement | None:
    """The place of a mail that the rule `by` sends on to the address `to`; None where it goes its usual way."""
    stays = next(_stays(docket, to), "")
    if stays:
        docket.note("redirect", f"no: {stays}")
        return None
    hinders = next(_hinders(docket, to), "")
    if hinders:
        return places.held(docket, _not_sent(to, by, hinders))
    decision = _asked(docket, to)
    if isinstance(decision, governor.Refusal):
        docket.suppressed, docket.withheld_by = decision.reason, decision.rule
        docket.note("gate", f"{Purpose.REDIRECT} refused by {decision.rule}: {decision.reason}")
        return places.held(docket, _not_sent(to, by, decision.reason))
    docket.note("gate", f"{Purpose.REDIRECT} granted")
    return _sent_on(docket, decision, to, by)


def author_key(address: str, gateway: Gateway) -> str:
    """What stands for an author (canonical) in the ledger of permits, which names nobody but who gets a mail."""
    return fingerprint.keyed(f"author {address}", gateway.keys.steady) if address else ""


def body_key(case: Case, author: str, gateway: Gateway) -> str:
    """What stands for the very same body of the same author: what comes again and again under other names is a loop."""
    return fingerprint.keyed(f"body {author} {case.mail.body_hash}", gateway.keys.steady)


def heed_return(docket: Docket) -> None:
    """What was sent on and comes back here has reached nobody, so its ticket is opened for people."""
    tokens = docket.history.facts.tokens
    sent = (tokens[one.id] for one in docket.case.passed if one.id in tokens)
    about = next((one for one in sent if one.purpose is Purpose.REDIRECT and one.ticket_id is not None), None)
    if about is not None:
        places.given_back(docket, about, f"{about.recipient}: it came back to us from there")


def _stays(docket: Docket, to: str) -> Iterator[str]:
    """What makes it no mail to be sent on."""
    case = docket.case
    if docket.kind in _NEVER:
        yield f"{machine.LABELS[docket.kind]} is not sent on"
    if not case.accepted.mail_from:
        yield "the null reverse-path is not sent on"
    if case.recipient is not None or docket.has_seen_us:
        yield "it answers a mail of ours"
    if docket.link is not None and docket.link.ticket is not None:
        yield f"it belongs to ticket #{docket.link.ticket.number}"
    if "mailgate-trace" in case.mail.headers:
        yield "a gateway has sent it before (Mailgate-Trace)"
    visits = next((name for name in _VISITS if FIELDS[name](case, docket.gateway)), "")
    if visits:
        yield f"it passed here before ({visits})"
    if canonical(to) in (docket.sender, canonical(untagged(case.accepted.mail_from))):
        yield "it comes from that address"


def _hinders(docket: Docket, to: str) -> Iterator[str]:
    """What keeps it here, where a person has to know of it."""
    accepted, limits = docket.case.accepted, docket.limits.redirect
    if to.lower() not in docket.gateway.redirect_to:
        yield "[rules] redirect_to does not list the address"
    if admission.mailbox_of(to, docket.gateway) is not None:
        yield "the address is one of ours"
    if docket.case.mail.hops > limits.hops:
        yield f"{docket.case.mail.hops} mail systems passed it on before (limits.toml [redirect] hops)"
    if len(accepted.raw) > limits.largest_kb * 1000:
        yield f"it has {len(accepted.raw) // 1000} kB (limits.toml [redirect] largest_kb)"
    if not _is_sound(accepted.raw):
        yield "its lines do not end as they must, and to mend them would break its signatures"
    if docket.gateway.dry_run:
        yield f"dry run: {DRY_RUN}"


def _is_sound(raw: bytes) -> bool:
    """Can fields be put above it, and does every line end in CR LF? Other hosts may take anything else for an end."""
    name, colon, _ = raw[:1000].partition(b":")
    is_field = (
        bool(name and colon) and name.isascii() and name.decode("ascii", "replace").isprintable() and b" " not in name
    )
    return is_field and raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")


def _asked(docket: Docket, to: str) -> Permit | governor.Refusal:
    history, address = docket.history, canonical(to)
    known = history.acquaintance(address, docket.at)
    wanted = Grant(
        at=docket.at,
        purpose=Purpose.REDIRECT,
        address=address,
        domain="",  # the address alone was listed, and its domain owes it nothing
        origin=author_key(docket.sender, docket.gateway),
        fingerprint=body_key(docket.case, docket.sender, docket.gateway),
        shared=False,
        unproven=False,
        ticket_id=None,
        cause=docket.case.accepted.journal_id,
        mailbox=docket.case.mailbox.address,
    )
    balance = governor.Balance(known, history.domain("", docket.at))
    return governor.decide(wanted, balance, history.counters, history.limits, history.mint.new_id)


def _sent_on(docket: Docket, permit: Permit, to: str, by: str) -> Placement:
    """A ticket that is closed at once: found by whoever looks, and opened where the mail does not arrive."""
    filed = places.ticket(docket, f"sent on to {to} by the rule {by}", state=State.QUIET, disposition=Disposition.QUIET)
    assert filed.ticket_id is not None, "a ticket was opened"
    places.write(docket, filed.ticket_id, EVENT, f"{to}, by the rule {by}", TicketState.CLOSED)
    give_up_s = docket.limits.redirect.give_up_s
    docket.planned.append(
        Planned(
            purpose=Purpose.REDIRECT,
            permit=permit,
            outbox_id=docket.mint.new_id(),
            message_id=docket.mint.new_id(),
            token_id=docket.mint.nonce(),
            mailbox=docket.case.mailbox.address,
            to=to,
            answers=docket.identity,
            references=(),
            at=docket.at,
            not_before=docket.at,
            give_up_at=docket.at + timedelta(seconds=give_up_s),
            ticket_id=filed.ticket_id,
            subject=docket.case.mail.subject,
            cause=docket.case.accepted.journal_id,
        )
    )
    return filed


def _not_sent(to: str, by: str, why: str) -> str:
    return f"not sent on to {to}, as the rule {by} says: {why}"
