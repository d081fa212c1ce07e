"""What comes to the signed address of a notification: an answer of the one whom we told, orders, or something else.

An answer goes to the customer under the name of the desk, so all must hold: its writer is one of us and proven to be;
the address was given to him, for this ticket; nothing about the mail, its moment or its words is a machine's. Whatever
fails is kept as a note. What others write there is seen by our own people and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from mailgate.judge import confirm, evidence, insider, machine, orders, places
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.limits import Agents
from mailgate.model import (
    Agent,
    Disposition,
    Facts,
    Kind,
    KnownMessage,
    KnownTicket,
    Level,
    Purpose,
    Relay,
    Right,
    State,
    Strength,
    TokenKind,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OF_MACHINES = frozenset({Strength.DECISIVE, Strength.STRONG, Strength.HINT, Strength.DISTRUST})
SIGNATURE_LINES = 8  # at the end of a text, among which programs write who somebody is
ALIKE = "a machine of yours wrote the same before; if you mean it, write it in other words"


def at_agent_address(docket: Docket) -> Placement | None:
    """Where a mail to such an address goes; None where it was sent elsewhere."""
    token, facts = docket.case.recipient, docket.history.facts
    if token is None or token.kind is not TokenKind.AGENT:
        return None
    about = facts.tokens.get(token.id)
    ticket = _ticket_of(about, facts) if about else None
    if about is None or ticket is None:
        return _astray(docket)
    if docket.kind in machine.REPORTS and docket.case.enclosed:
        return machine.report(docket)
    if docket.kind is not Kind.HUMAN:
        return places.quietly(docket, ticket, f"{machine.LABELS[docket.kind]} to what we told one of our own")
    agent = docket.agent
    if agent is None:
        return places.proposed(docket, ticket, "sent to the address of one of our own people, by somebody else")
    if docket.authentication.level is not Level.A2:
        return places.proposed(docket, ticket, insider.UNPROVEN)
    insider.proven(docket, agent)
    return _answered(docket, agent, about, ticket)


def _ticket_of(about: KnownMessage, facts: Facts) -> KnownTicket | None:
    """The ticket that a notification told of. Where it is part of another by now, all is written there; but who is
    answered is still the one who asked in it.
    """
    told, whole = facts.tickets.get(about.ticket_id or 0), evidence.standing(about.ticket_id, facts)
    return replace(whole, number=told.number, requester=told.requester) if told and whole else None


def _astray(docket: Docket) -> Placement:
    words = "sent to the address of a notification that is forgotten"
    return places.held(docket, words) if docket.kind is Kind.HUMAN else places.parked(docket, words)


def _answered(docket: Docket, agent: Agent, about: KnownMessage, ticket: KnownTicket) -> Placement:
    """Do what he says and send what he writes, or nothing of both."""
    said = docket.case.orders
    assert said is not None, "orders are read wherever the recipient is such an address"
    objection = next(_objections(docket, about, ticket), "")
    if objection:
        return insider.kept(docket, ticket, agent, objection)
    if said.given or said.faults:
        faults = list(said.faults)
        if Right.COMMAND not in agent.rights:
            faults = ["you may not give orders by mail"]
        faults = faults or list(orders.faults(said.given, docket))
        if faults:
            return insider.kept(docket, ticket, agent, "; ".join(faults), event="refused")
    canned = next((order.said for order in said.given if order.word == orders.CANNED), "")
    text = without_address(said.text, docket.sender)
    if text or canned:
        objection = next(_against_sending(docket, agent, ticket), "")
        if objection:
            return insider.kept(docket, ticket, agent, objection)
        _relay(docket, agent, ticket, text, canned)
    elif not said.given and not said.note:
        return insider.kept(docket, ticket, agent, "it says nothing of its own")
    if said.note:
        insider.tell(docket, ticket.id, "noted", agent, said.note)
    orders.follow(said.given, docket, ticket, agent)
    done = "sent to the customer" if text or canned else "done" if said.given else "noted"
    return Placement(State.APPENDED, Disposition.APPEND, f"{done} for {agent.name}", ticket.id)


def _relay(docket: Docket, agent: Agent, ticket: KnownTicket, text: str, canned: str) -> None:
    done = confirm.written_to(ticket.requester, docket.history, docket.at, f"agent:{agent.name}")
    docket.learn(done.effects)
    cause = docket.case.accepted.journal_id
    docket.relays.append(Relay(ticket.id, ticket.number, agent.name, text, canned, cause))


def without_address(text: str, address: str) -> str:
    """`text` without the lines at its end that show `address` (canonical): a signature that no sign parts from it."""
    lines = text.split("\n")
    kept = lines[:-SIGNATURE_LINES] + [line for line in lines[-SIGNATURE_LINES:] if address not in line.lower()]
    return "\n".join(kept).strip()


# ── What stands against it ────────────────────────────────────────────────────────────────────────────────────────────


def _objections(docket: Docket, about: KnownMessage, ticket: KnownTicket) -> Iterator[str]:
    """Why nothing of the mail is done, in words for who wrote it."""
    numbers = docket.limits.agents
    if about.recipient != docket.sender or about.purpose is not Purpose.NOTICE:
        yield "this address was given to somebody else"
    if _belongs_elsewhere(docket, about, ticket):
        yield "it answers a mail of another ticket than the one that its address belongs to"
    if docket.case.mail.message_id not in ("", docket.identity):
        yield "another mail bears its Message-ID: it may be the same, changed on its way"
    for finding in docket.findings:
        if finding.strength in OF_MACHINES:
            yield f"it looks like a machine's: {finding.says or finding.id}"
    if docket.at - about.at < timedelta(seconds=numbers.answer_after_s):
        yield f"it came within {numbers.answer_after_s} s, as a machine answers"
    if _is_alike(docket, about, ticket, numbers):
        yield ALIKE
    if docket.case.quotes_us:
        yield "what we wrote to you stands in it, and no sign says that it is quoted"


def _belongs_elsewhere(docket: Docket, about: KnownMessage, ticket: KnownTicket) -> bool:
    case, tokens = docket.case, docket.history.facts.tokens
    named = (case.ours[name].id for name in case.mail.in_reply_to if name in case.ours)
    answered = (tokens[number] for number in named if number in tokens)
    return any(one.ticket_id not in (None, about.ticket_id, ticket.id) for one in answered)


def _is_alike(docket: Docket, about: KnownMessage, ticket: KnownTicket, numbers: Agents) -> bool:
    """Did a machine of his say so before? Or does he write to two tickets in the same words, at once after each?"""
    facts, case = docket.history.facts, docket.case
    if not case.words:
        return False
    since = docket.at - timedelta(days=numbers.alike_days)
    before = [one for one in facts.said.get(docket.sender, ()) if one.words == case.words and one.at > since]
    if case.words in facts.machine_words.get(docket.sender, ()) or not all(one.sent for one in before):
        return True
    soon = docket.at - about.at <= timedelta(seconds=numbers.alike_s)
    elsewhere = any(one.ticket_id != ticket.id for one in before)
    return soon and elsewhere and len(case.text) >= numbers.alike_chars


def _against_sending(docket: Docket, agent: Agent, ticket: KnownTicket) -> Iterator[str]:
    """Why nothing goes to the customer, though all the rest could be done."""
    numbers, before = docket.limits.agents, docket.history.facts.relayed.get(ticket.id, ())
    if Right.REPLY not in agent.rights:
        yield "you may not answer by mail"
    if not ticket.requester:
        yield "the ticket has nobody to answer: its mail names no single author"
    for per, most in ((HOUR, numbers.relays_per_hour), (DAY, numbers.relays_per_day)):
        if sum(moment > docket.at - per for moment in before) >= most:
            yield f"{most} answers by mail went out for this ticket within {per // HOUR} h: no more"
