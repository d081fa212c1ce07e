"""Old mail, brought in from a mailbox of before: the ticket that it belongs to, and nothing beside it.

It is not judged. Nobody can say any more who sent it, so nobody is answered, trusted or known for it; and it finds its
ticket only among mail that was brought in as well, for a name that anybody may have written is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailgate.judge.canonical import canonical
from mailgate.judge.verdict import identity_of, sender_of
from mailgate.model import (
    Case,
    Disposition,
    Effect,
    Filing,
    Kind,
    Level,
    Mailaddr,
    NewTicket,
    Participant,
    Respond,
    State,
    Step,
    TicketChange,
    TicketState,
    Verdict,
)

IMPORTED = "imported"  # how the history of a ticket from old mail begins
ACTOR = "import"
_REASON = "old mail, brought in from a mailbox of before"


def place(
    case: Case, tickets: Mapping[str, int], new_id: Callable[[], int], *, domain: str, ours: frozenset[str], open_: bool
) -> tuple[Effect, ...]:
    """What follows from an old mail; its filing is the last.

    `tickets` are those of old mail by its names; `ours` are our own mailboxes in canonical form, `domain` makes a name
    for a mail without. With `open_` its ticket is open, as that of the newest mail in it.
    """
    named = (*case.mail.in_reply_to, *reversed(case.mail.references))
    known = next((tickets[name] for name in named if name in tickets), None)
    at = case.accepted.at
    ticket_id = known or new_id()
    person = _person(case, ours)
    participant = Participant(canonical(person.address), Level.A0)
    begun = NewTicket(
        ticket_id, case.mail.subject, case.mailbox.queue, case.mailbox.address, participant, person.name, at
    )
    state = TicketState.OPEN if open_ else TicketState.CLOSED
    identity = identity_of(case, domain)
    event, detail = ("appended", identity) if known else (IMPORTED, _REASON)
    change = TicketChange(new_id(), ticket_id, at, event, ACTOR, detail, state)
    filing = Filing(
        message_id=new_id(),
        case=case,
        verdict=_verdict(Disposition.APPEND if known else Disposition.TICKET, ticket_id),
        state=State.APPENDED if known else State.TICKETED,
        sender=sender_of(case),
        identity=identity,
        ticket_id=ticket_id,
    )
    return (change, filing) if known else (begun, change, filing)


def _person(case: Case, ours: frozenset[str]) -> Mailaddr:
    """The customer: who wrote, or to whom we wrote."""
    mail = case.mail
    for one in (*mail.authors, *mail.to, *mail.cc):
        if canonical(one.address) not in ours:
            return one
    return Mailaddr("")


def _verdict(disposition: Disposition, ticket_id: int) -> Verdict:
    return Verdict(
        kind=Kind.HUMAN,
        disposition=disposition,
        respond=Respond(acknowledge=False, challenge=False, reasons=(_REASON,)),
        findings=(),
        trail=(Step("import", _REASON),),
        reason=_REASON,
        ticket_id=ticket_id,
    )
