"""Faces: `mailgate senders`."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli import customers, personal, sender_words
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, limit_option, pages, reading
from mailgate.errors import NotFound
from mailgate.judge import governor
from mailgate.judge import trust as judge
from mailgate.judge.canonical import canonical
from mailgate.model import Acquaintance, Contact, Standing
from mailgate.store import contacts, queries
from mailgate.store import customers as people
from mailgate.store.views import EventLine

LATELY = timedelta(days=30)

address_argument = click.argument("address")


@click.group("senders", cls=Group)
def senders() -> None:
    """See what we hold of an address, trust it, block it, clear its name; bring in our customers."""


@senders.command("list")
@click.option("--standing", type=click.Choice([one.value for one in Standing]), help="Only of this standing.")
@click.option("--search", default="", help="Only with this text in address or name.")
@limit_option
@click.pass_obj
def list_(frame: Frame, *, standing: str | None, search: str, limit: int) -> None:
    """List who is known, in alphabetical order."""
    now, wanted = wiring.clock(), Standing(standing) if standing else None

    def read(conn: Connection) -> list[Acquaintance]:
        return pages(
            lambda last, most: queries.senders(
                conn, most, search=search, after=last.address if last else "", standing=wanted
            ),
            limit,
        )

    # What lapsed is over, though nobody has written it down yet.
    found = [
        judged
        for one in reading(frame, read)
        if (judged := judge.current(one, now)).standing is (wanted or judged.standing)
    ]
    # In words for people; programs get our codes.
    told = found if frame.json else [record(one) | {"stands": sender_words.in_short(one)} for one in found]
    frame.show(told, ("address", "stands", "since", "credit", "name"), "Nobody is known.")


@senders.command("show")
@address_argument
@click.pass_obj
def show(frame: Frame, address: str) -> None:
    """Show how an address stands with us and why, what may be sent to it, and what was."""
    now, limits = wiring.clock(), wiring.rulebook_of(settings_of(frame)).limits
    key = canonical(address)
    found = reading(frame, lambda conn: queries.sender(conn, key))
    if found is None:
        raise NotFound(f"nothing is known of {address}")
    known, current = found.known, judge.current(found.known, now)
    credit, _ = governor.dripped(known.credit, known.credit_at, now, limits.credit)
    lately = reading(frame, lambda conn: contacts.automatic(conn, key, now - LATELY))
    facts = record(known) | {"messages": found.messages, "held": found.held, "tickets": found.tickets}
    facts |= {"standing_now": current.standing, "credit": credit, "automatic": [record(one) for one in lately.sent]}
    facts |= {"withheld": [record(one) for one in lately.withheld]}
    contact, history = reading(frame, lambda conn: _customer(conn, key))
    facts |= {"contact": contact.name, "company": contact.company, "history": [record(one) for one in history]}
    facts |= {"linked": [one.address for one in contact.addresses if one.address != key]}
    words = sender_words.words(known, current, credit, found, lately)
    frame.tell(facts, "\n".join([*words, *sender_words.of_contact(contact, history, key)]))


def _customer(conn: Connection, key: str) -> tuple[Contact, list[EventLine]]:
    found = people.contact(conn, key)
    assert found is not None, key
    return found, people.history(conn, found.id)


@senders.command("clear")
@address_argument
@agent_option
@click.pass_obj
def clear(frame: Frame, address: str, agent: str) -> None:
    """Forget that an address answered like a machine, that mail to it came back, or that somebody blocked it."""
    stands = at_desk(frame, lambda desk: desk.clear(address, agent))
    frame.tell({"address": stands.address, "standing": stands.standing}, f"{stands.address} is {stands.standing} now.")


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


for command in (*customers.ALL, *personal.ALL):
    senders.add_command(command)
