"""The places that a mail can take, and what a ticket's history says of it. Who goes where is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mailgate.judge import waiting
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.evidence import topic_of
from mailgate.model import (
    Disposition,
    HeldState,
    KnownMessage,
    KnownTicket,
    Mark,
    NewTicket,
    Participant,
    Routed,
    State,
    Tagged,
    TicketChange,
    TicketState,
)

GIVEN_BACK = "redirect-failed"


def ticket(
    docket: Docket,
    reason: str,
    *,
    state: State = State.TICKETED,
    disposition: Disposition = Disposition.TICKET,
    subject: str = "",
    queue: str = "",
    flood: bool = False,
    follow_up_of: int | None = None,
    who: tuple[Participant, str] | None = None,
) -> Placement:
    """A ticket of its own, in the queue of the mailbox, with the subject and the author of the mail where no others are
    given; `who` asks in it, and his name.
    """
    ticket_id = docket.mint.new_id()
    mail, mailbox = docket.case.mail, docket.case.mailbox
    participant, name = who or _author(docket)
    routed = Routed(queue) if queue else docket.routed
    # A machine waits for nobody, and what asks the operator is no customer's.
    waits = docket.at if disposition is Disposition.TICKET and not queue else None
    docket.effects.append(
        NewTicket(
            *(ticket_id, subject or mail.subject, routed.queue or mailbox.queue, mailbox.address),
            *(participant, name, docket.at, flood),
            topic=topic_of(mail.subject, docket.limits.reply_prefixes),
            follow_up_of=follow_up_of,
            priority=routed.priority,
            assignee=routed.assignee,
            waits_since=waits,
            due_at=waiting.due(mailbox, waits) if waits else None,
        )
    )
    write(docket, ticket_id, "opened", reason)
    if routed.tags:
        docket.effects.append(Tagged(ticket_id, add=routed.tags))
    return Placement(state, disposition, reason, ticket_id)


def _author(docket: Docket) -> tuple[Participant, str]:
    authors = docket.case.mail.authors
    name = docket.known.name or (authors[0].name if authors else "")
    return Participant(docket.sender, docket.authentication.level), name


def appended(docket: Docket, ticket_id: int, reason: str, marks: tuple[Mark, ...] = ()) -> Placement:
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
    return Placement(State.APPENDED, Disposition.APPEND, reason, ticket_id, marks=marks)


def proposed(docket: Docket, to: KnownTicket, reason: str, marks: tuple[Mark, ...] = ()) -> Placement:
    """The word of somebody who is no participant: agents see it, and it changes nothing until they let it in."""
    write(docket, to.id, "proposed", docket.identity)
    return Placement(State.APPENDED, Disposition.APPEND, reason, to.id, proposed=True, marks=marks)


def suggested(docket: Docket, placed: Placement, tickets: Sequence[KnownTicket]) -> Placement:
    """The same place, with the tickets that the mail may belong to. Those hear nothing of it; its own does."""
    words = f"may belong to {', '.join(f'#{one.number}' for one in tickets)}"
    docket.note("thread", words)
    opened = [effect.id for effect in docket.effects if isinstance(effect, NewTicket) and effect.id == placed.ticket_id]
    for ticket_id in opened:
        write(docket, ticket_id, "linked", words)
    return replace(placed, suggests=tickets[0].id)


def quietly(docket: Docket, to: KnownTicket, reason: str, disposition: Disposition = Disposition.APPEND) -> Placement:
    """A machine's mail beside the conversation: it wakes nobody and reopens nothing."""
    write(docket, to.id, "appended-quietly", reason)
    return Placement(State.QUIET, disposition, reason, to.id)


def given_back(docket: Docket, about: KnownMessage, why: str) -> None:
    """What was sent on did not arrive: its ticket is opened, for whoever wrote waits for people here now."""
    assert about.ticket_id is not None, "what is sent on has a ticket"
    due_at = waiting.due(docket.gateway.mailbox(about.mailbox), about.at)
    docket.effects.append(
        TicketChange(
            about.id,  # one mail, one line, however often it is told
            *(about.ticket_id, docket.at, GIVEN_BACK, "mail", why, TicketState.OPEN),
            waits_since=about.at,
            due_at=due_at,
        )
    )


def held(docket: Docket, reason: str, waits_for: HeldState = HeldState.HUMAN) -> Placement:
    """Kept until its sender or a person of ours says more."""
    return Placement(State.HELD, Disposition.HOLD, reason, held=waits_for)


def parked(docket: Docket, reason: str) -> Placement:
    """Kept where people look through what machines sent."""
    return Placement(State.PARKED, Disposition.PARK, reason)


def write(docket: Docket, ticket_id: int, event: str, detail: str, state: TicketState | None = None) -> None:
    """One line in the history of a ticket."""
    docket.effects.append(TicketChange(docket.mint.new_id(), ticket_id, docket.at, event, "mail", detail, state))
