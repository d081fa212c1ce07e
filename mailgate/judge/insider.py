"""What our own people write to a mailbox: somebody else's mail that they forward, or a matter of their own.

Whoever is one of us is never asked who he is, never thanked, and no customer. His address alone proves nothing: without
the strongest proof there is, his mail waits for a person.
"""

from __future__ import annotations

from mailgate.judge import places, trust
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Docket, Placement
from mailgate.model import Agent, Disposition, Forwarded, KnownTicket, Level, Participant, Right, State, TicketChange

UNPROVEN = "from the address of one of our own people, but not proven to be his"
NOT_THE_ADDRESS = "it was sent to the mailbox, and not to the address that an answer to our mail goes to"


def received(docket: Docket, agent: Agent) -> Placement:
    """Where a mail of `agent` goes that was sent to a mailbox, or to an address that customers answer to."""
    if docket.authentication.level is not Level.A2:
        return places.held(docket, UNPROVEN)
    proven(docket, agent)
    inside = docket.case.forwards
    if inside is not None and Right.FORWARD in agent.rights and (author := _outsider(inside, docket)):
        return _forwarded(docket, agent, inside, author)
    if docket.link and docket.link.ticket:
        return kept(docket, docket.link.ticket, agent, NOT_THE_ADDRESS)
    return places.ticket(docket, f"from {agent.name}, one of our own people")


def proven(docket: Docket, agent: Agent) -> None:
    """The mail is his; and where mail to him once came back, it is not in vain any more."""
    docket.by = agent.name
    revived = trust.revived(docket.known, docket.at)
    if revived != docket.known:
        docket.meet(revived)


def kept(docket: Docket, ticket: KnownTicket, agent: Agent, reason: str, event: str = "not-sent") -> Placement:
    """It goes nowhere; our own people see it in the ticket, and he hears why."""
    tell(docket, ticket.id, event, agent, reason)
    return Placement(State.QUIET, Disposition.APPEND, f"kept as a note, not sent: {reason}", ticket.id)


def tell(docket: Docket, ticket_id: int, event: str, agent: Agent, detail: str = "") -> None:
    """One line in the history of a ticket, by him."""
    docket.effects.append(
        TicketChange(docket.mint.new_id(), ticket_id, docket.at, event, f"agent:{agent.name}", detail)
    )


def _forwarded(docket: Docket, agent: Agent, inside: Forwarded, author: str) -> Placement:
    """A ticket of who wrote the mail inside. Nothing proves that he did, so nothing automatic ever goes to him."""
    placed = places.ticket(
        docket,
        f"forwarded by {agent.name}; who wrote it is not proven",
        subject=inside.subject or docket.case.mail.subject,
        who=(Participant(author, Level.A0), inside.author.name),
    )
    if inside.above and placed.ticket_id is not None:
        tell(docket, placed.ticket_id, "noted", agent, inside.above)
    return placed


def _outsider(inside: Forwarded, docket: Docket) -> str:
    """The canonical address of who wrote the mail inside; "" where he is one of us."""
    author = canonical(inside.author.address)
    ours = {canonical(box.address) for box in docket.gateway.mailboxes}
    return "" if author in ours or docket.history.agent(author) else author
