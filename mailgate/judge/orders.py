"""What the orders of an agent do with a ticket. How they are written is for whoever reads mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from mailgate.judge import confirm
from mailgate.judge.docket import Docket
from mailgate.judge.tags import ALLOWED, tag_of
from mailgate.model import (
    Agent,
    Amended,
    Effect,
    KnownTicket,
    Level,
    Order,
    Tagged,
    TicketChange,
    TicketState,
)

CANNED = "canned"
ME, NOBODY = "me", "-"
FURTHEST = timedelta(days=366)  # that a ticket can be put off for


def faults(given: Sequence[Order], docket: Docket) -> Iterator[str]:
    """What cannot be done, in words for who ordered it."""
    for order in given:
        if order.word == "assign" and order.said not in (ME, NOBODY) and _named(order.said, docket) is None:
            names = sorted(one.name for one in _people(docket))
            yield f"#assign {order.said}: nobody of this name; there are {', '.join(names)}"
        if order.word in ("tag", "untag") and not tag_of(order.said):
            yield f"#{order.word} {order.said}: tags are {ALLOWED}"
        if order.word == "pending" and not docket.at < _moment(order.said, docket) <= docket.at + FURTHEST:
            yield f"#pending {order.said}: it must be a day to come, within a year"


def follow(given: Sequence[Order], docket: Docket, ticket: KnownTicket, agent: Agent) -> None:
    """Do all of them; each is one line of the ticket's history, by him."""
    for order in given:
        docket.learn(_effects(order, docket, ticket, agent))


def _effects(order: Order, docket: Docket, ticket: KnownTicket, agent: Agent) -> list[Effect]:
    def told(event: str, detail: str = "", state: TicketState | None = None) -> TicketChange:
        actor = f"agent:{agent.name}"
        return TicketChange(docket.mint.new_id(), ticket.id, docket.at, event, actor, detail, state)

    match order.word:
        case "close":
            return [told("closed", state=TicketState.CLOSED)]
        case "spam":
            return [told("closed-as-spam", state=TicketState.CLOSED), *_marked(docket, ticket)]
        case "assign":
            return [told("assigned", _to_whom(order.said, docket, agent))]
        case "tag":
            return [told("tagged", tag_of(order.said)), Tagged(ticket.id, add=(tag_of(order.said),))]
        case "untag":
            return [told("untagged", tag_of(order.said)), Tagged(ticket.id, remove=(tag_of(order.said),))]
        case "pending":
            until = _moment(order.said, docket)
            return [told("pending", until.isoformat(), TicketState.PENDING), Amended(ticket.id, pending_until=until)]
        case _:
            # A ready text is no change of the ticket: it leaves as an answer.
            return []


def _marked(docket: Docket, ticket: KnownTicket) -> list[Effect]:
    """Whoever is not proven to have sent it does not suffer for it; nor twice for one ticket."""
    bound = {one.address: one.bound for one in ticket.participants}.get(ticket.requester, Level.A0)
    if bound is Level.A0 or ticket.state is TicketState.CLOSED:
        return []
    return [confirm.suspected(ticket.requester, docket.history, docket.at)]


def _to_whom(said: str, docket: Docket, agent: Agent) -> str:
    if said in (ME, NOBODY):
        return agent.name if said == ME else ""
    found = _named(said, docket)
    return found.name if found else ""


def _named(name: str, docket: Docket) -> Agent | None:
    return next((one for one in _people(docket) if one.name.casefold() == name.casefold()), None)


def _people(docket: Docket) -> list[Agent]:
    return [one for one in docket.history.facts.agents.values() if one.left_at is None]


def _moment(said: str, docket: Docket) -> datetime:
    """When a ticket comes back that is put off: so many days from now, or as that day begins where we are."""
    if said.endswith("d"):
        return docket.at + timedelta(days=int(said[:-1]))
    opening = docket.case.mailbox.opening
    zone = opening.zone if opening else docket.gateway.notify.zone
    return datetime.combine(date.fromisoformat(said), time(), zone)
