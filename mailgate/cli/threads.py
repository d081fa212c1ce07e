"""Faces: the commands of `mailgate tickets` that join and part tickets, and what is told of both when one is shown."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import agent_option, at_desk
from mailgate.model import Mark
from mailgate.store.views import MessageView, TicketView

MARKS = {
    Mark.UNVERIFIED: "UNVERIFIED: nothing proves that its author wrote it",
    Mark.QUARANTINED: "UNVERIFIED: its author takes no part here, and nothing proves who he is",
    Mark.VARIANT: "variant: the same mail came by way of a list as well",
    Mark.SAME_NAME: "another mail bears the same Message-ID: one of them may be forged",
    Mark.OTHER_REPLY_TO: "wants answers at an address of another company: not used",
}

number_argument = click.argument("number", type=int)
id_argument = click.argument("message_id", metavar="ID", type=int)


@click.command("merge", cls=Command)
@number_argument
@click.argument("into", type=int)
@agent_option
@click.pass_obj
def merge(frame: Frame, /, *, number: int, into: int, agent: str) -> None:
    """Make the ticket part of ticket INTO, with all that follows it later."""
    target = at_desk(frame, lambda desk: desk.merge(number, into, agent))
    frame.tell({"number": number, "into": target}, f"#{number} is part of #{target}.")


@click.command("split", cls=Command)
@number_argument
@click.option("--message", "messages", metavar="ID", type=int, multiple=True, help="A mail to give; more than once.")
@agent_option
@click.pass_obj
def split(frame: Frame, /, *, number: int, messages: tuple[int, ...], agent: str) -> None:
    """Give mails a ticket of their own; without --message, each mail of a flood ticket but the first."""
    given = at_desk(frame, lambda desk: desk.split(number, agent, messages))
    words = f"#{given[0]} has them." if messages else f"{len(given)} tickets: #{given[0]} to #{given[-1]}."
    frame.tell({"number": number, "tickets": given}, words)


@click.command("let-in", cls=Command)
@id_argument
@agent_option
@click.pass_obj
def let_in(frame: Frame, /, *, message_id: int, agent: str) -> None:
    """Let in what somebody wrote who takes no part in the ticket; if he is proven, he does from then on."""
    number = at_desk(frame, lambda desk: desk.let_in(message_id, agent))
    frame.tell({"id": message_id, "number": number}, f"{message_id} stands in #{number}.")


@click.command("discard", cls=Command)
@id_argument
@agent_option
@click.pass_obj
def discard(frame: Frame, /, *, message_id: int, agent: str) -> None:
    """Put out of view what somebody wrote who takes no part; it is kept, and can be let in later."""
    number = at_desk(frame, lambda desk: desk.discard(message_id, agent))
    frame.tell({"id": message_id, "number": number}, f"{message_id} is out of view in #{number}.")


@click.command("join", cls=Command)
@number_argument
@click.argument("address")
@agent_option
@click.pass_obj
def join(frame: Frame, /, *, number: int, address: str, agent: str) -> None:
    """Make ADDRESS a participant of the ticket."""
    at_desk(frame, lambda desk: desk.join(number, address, agent))
    frame.tell({"number": number, "address": address}, f"{address} takes part in #{number}.")


def ticket_marks(ticket: TicketView) -> Iterator[str]:
    """What is to be known of a ticket beside its mail, one line each."""
    if ticket.merged_into:
        yield f"part of #{ticket.merged_into}: its mail stands there"
    if ticket.follow_up_of:
        yield f"follow-up of #{ticket.follow_up_of}, which was closed long before"
    if ticket.merged:
        also = f", with {', '.join(ticket.with_them)}" if ticket.with_them else ""
        yield f"merged from {', '.join(f'#{number}' for number in ticket.merged)}{also}"
    if ticket.named:
        yield f"named, without part in it: {', '.join(ticket.named)}"


def message_marks(message: MessageView) -> Iterator[str]:
    """What is to be known of a mail beside what it says, one line each."""
    if message.proposed:
        yield f"PENDING: its author takes no part; let-in {message.id}, or discard {message.id}"
    yield from (MARKS[Mark(mark)] for mark in message.marks)
    if message.may_belong_to:
        yield f"may belong to #{message.may_belong_to}"
