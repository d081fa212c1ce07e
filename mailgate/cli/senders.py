"""Faces: `mailgate senders`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, reading
from mailgate.errors import NotFound
from mailgate.judge.canonical import canonical
from mailgate.model import Acquaintance, Level, Trust
from mailgate.store import queries

address_argument = click.argument("address")


@click.group("senders", cls=Group)
def senders() -> None:
    """See what we hold of an address, trust it or block it."""


@senders.command("show")
@address_argument
@click.pass_obj
def show(frame: Frame, address: str) -> None:
    """Show how an address stands with us, and how much mail there is of it."""
    found = reading(frame, lambda conn: queries.sender(conn, canonical(address)))
    if found is None:
        raise NotFound(f"nothing is known of {address}")
    known = found.known
    facts = record(known) | {"messages": found.messages, "held": found.held, "tickets": found.tickets}
    frame.tell(
        facts, "\n".join((*_words(known), f"{found.messages} mails, {found.held} held, {found.tickets} tickets"))
    )


@senders.command("trust")
@address_argument
@agent_option
@click.pass_obj
def trust(frame: Frame, address: str, agent: str) -> None:
    """Trust an address, and let in what is held of it."""
    released = at_desk(frame, lambda desk: desk.trust(address, agent))
    frame.tell({"address": address, "released": released}, f"{address} is trusted; {released} held mails were let in.")


@senders.command("block")
@address_argument
@agent_option
@click.pass_obj
def block(frame: Frame, address: str, agent: str) -> None:
    """Want nothing of an address in view: its mail is kept as spam, and nothing automatic is sent to it."""
    at_desk(frame, lambda desk: desk.block(address, agent))
    frame.tell({"address": address, "standing": "blocked"}, f"{address} is blocked.")


@senders.command("unblock")
@address_argument
@click.pass_obj
def unblock(frame: Frame, address: str) -> None:
    """Lift a block: the address is a stranger's again, and what was kept of it as spam stays there."""
    at_desk(frame, lambda desk: desk.unblock(address))
    frame.tell({"address": address, "standing": "unknown"}, f"{address} is not blocked any more.")


TRUSTED_BY = {
    Trust.MANUAL: "trusted by a person of yours",
    Trust.WROTE: "trusted because a person of yours wrote to it",
    Trust.CONFIRMED: "trusted because it confirmed itself",
}
BOUND_TO = {
    Level.A2: "for mail proven by DKIM",
    Level.A1: "for mail proven by DKIM or by SPF alone, the weaker proof",
    Level.A0: "for no mail, since nothing proves it",
}


def _words(known: Acquaintance) -> Iterator[str]:
    until = f" until {known.until:%Y-%m-%d}" if known.until else ""
    yield f"{known.address} is {known.standing} since {known.since:%Y-%m-%d}{until}"
    if known.trust:
        yield f"{TRUSTED_BY[known.trust]}, {BOUND_TO[known.bound or Level.A2]}"
    if known.asks_back:
        yield "a machine of it asks whoever writes to it, so it is sent no challenge"
    if known.spam_marks:
        yield f"{known.spam_marks} of its mails were judged spam since a person last spoke for it"
