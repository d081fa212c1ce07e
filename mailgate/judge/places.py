"""The places that a mail can take, and what a ticket's history says of it. Who goes where is decided elsewhere."""

from __future__ import annotations

from mailgate.judge import waiting
from mailgate.judge.docket import Docket, Placement
from mailgate.model import (
    Disposition,
    HeldState,
    KnownTicket,
    NewTicket,
    Participant,
    Routed,
    State,
    Tagged,
    TicketChange,
    TicketState,
)


def ticket(
    docket: Docket,
    reason: str,
    *,
    state: State = State.TICKETED,
    disposition: Disposition = Disposition.TICKET,
    subject: str = "",
    queue: str = "",
    flood: bool = False,
) -> Placement:
    """A ticket of its own, in the queue of the mailbox and with the subject of the mail where no other is given."""
    ticket_id = docket.mint.new_id()
    mail, mailbox = docket.case.mail, docket.case.mailbox
    participant = Participant(docket.sender, docket.authentication.level)
    name = docket.known.name or (mail.authors[0].name if mail.authors else "")
    routed = Routed(queue) if queue else docket.routed
    # A machine waits for nobody, and what asks the operator is no customer's.
    waits = docket.at if disposition is Disposition.TICKET and not queue else None
    docket.effects.append(
        NewTicket(
            ticket_id,
            subject or mail.subject,
            routed.queue or mailbox.queue,
            mailbox.address,
            participant,
            name,
            docket.at,
            flood,
            routed.priority,
            routed.assignee,
            waits,
            waiting.due(mailbox, waits) if waits else None,
        )
    )
    write(docket, ticket_id, "opened", reason)
    if routed.tags:
        docket.effects.append(Tagged(ticket_id, add=routed.tags))
    return Placement(state, disposition, reason, ticket_id)


def appended(docket: Docket, ticket_id: int, reason: str) -> Placement:
    """A person's follow-up."""
    docket.effects.append(
        TicketChange(
            docket.mint.new_id(),
            ticket_id,
            docket.at,
            "appended",
            "mail",
            docket.identity,
            waits_since=docket.at,
            due_at=waiting.due(docket.case.mailbox, docket.at),
        )
    )
    return Placement(State.APPENDED, Disposition.APPEND, reason, ticket_id)


def proposed(docket: Docket, to: KnownTicket, reason: str) -> Placement:
    """The word of somebody who is no participant: agents see it, and it changes nothing until they let it in."""
    write(docket, to.id, "proposed", docket.identity)
    return Placement(State.APPENDED, Disposition.APPEND, reason, to.id, proposed=True)


def quietly(docket: Docket, to: KnownTicket, reason: str, disposition: Disposition = Disposition.APPEND) -> Placement:
    """A machine's mail beside the conversation: it wakes nobody and reopens nothing."""
    write(docket, to.id, "appended-quietly", reason)
    return Placement(State.QUIET, disposition, reason, to.id)


def held(docket: Docket, reason: str, waits_for: HeldState = HeldState.HUMAN) -> Placement:
    """Kept until its sender or a person of ours says more."""
    return Placement(State.HELD, Disposition.HOLD, reason, held=waits_for)


def parked(docket: Docket, reason: str) -> Placement:
    """Kept where people look through what machines sent."""
    return Placement(State.PARKED, Disposition.PARK, reason)


def write(docket: Docket, ticket_id: int, event: str, detail: str, state: TicketState | None = None) -> None:
    """One line in the history of a ticket."""
    docket.effects.append(TicketChange(docket.mint.new_id(), ticket_id, docket.at, event, "mail", detail, state))
