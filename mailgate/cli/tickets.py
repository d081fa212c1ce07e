"""Faces: `mailgate tickets`."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import answering, wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, limit_option, pages, reading
from mailgate.desk.answers import KB
from mailgate.errors import NotFound
from mailgate.judge.suggest import Suggestion
from mailgate.mail.attachments import attachments_of
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import Reply, reply_of
from mailgate.mail.text import text_of
from mailgate.model import Attachment, Kind, Purpose, Sending, TicketState
from mailgate.rulebook import Rulebook
from mailgate.store import queries
from mailgate.store.views import MessageView, TicketLine, TicketView

MOST_ANSWER_CHARS = 1_000_000

number_argument = click.argument("number", type=int)


@click.group("tickets", cls=Group)
def tickets() -> None:
    """Read tickets, answer them, close them."""


@tickets.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--state", type=click.Choice([state.value for state in TicketState]), help="Only of this state.")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--search", default="", help="Only with this text in subject, address or name, or of this number.")
@limit_option
@click.pass_obj
def list_(frame: Frame, /, *, everything: bool, state: str | None, queue: str, search: str, limit: int) -> None:
    """List open tickets, newest first; what asks the operator for something stands before them."""
    wanted = TicketState(state) if state else None if everything else TicketState.OPEN

    def read(conn: Connection) -> list[TicketLine]:
        return pages(
            lambda last, most: queries.tickets(
                conn, state=wanted, queue=queue, search=search, before=last.number if last else None, limit=most
            ),
            limit,
        )

    columns = ("number", "state", "queue", "contact", "subject", "messages", "created_at")
    frame.show(reading(frame, read), columns, "No tickets." if everything or state else "No open tickets.")


@tickets.command("show")
@number_argument
@click.pass_obj
def show(frame: Frame, number: int) -> None:
    """Show a ticket with its messages, and why each mail went where it is."""
    found = reading(frame, lambda conn: queries.ticket(conn, number))
    if found is None:
        raise NotFound(f"no ticket #{number}")
    book = wiring.rulebook_of(settings_of(frame))
    texts, fitting = _texts(found, book.quotes), _fitting(found, book)
    facts = _facts(found, texts) | {"suggested": [record(each) for each in fitting]}
    frame.tell(facts, "\n".join([*_words(found, texts), *_suggested(fitting)]))


@tickets.command("reply")
@number_argument
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), required=False)
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Who gets it too; whoever takes part in the ticket.")
@click.option("--attach", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file.")
@click.option("--canned", default="", metavar="NAME", help="The canned answer of this name, below the text in FILE.")
@click.option("--no-quote", is_flag=True, help="Without the words of the mail that is answered.")
@click.option("--anyway", is_flag=True, help="Even to an address whose mail came back.")
@click.option("--dry-run", is_flag=True, help="Show the mail that would leave, and send nothing.")
@agent_option
@click.pass_obj
def reply(
    frame: Frame,
    /,
    *,
    number: int,
    file: Any,
    cc: tuple[str, ...],
    attach: tuple[Path, ...],
    canned: str,
    no_quote: bool,
    anyway: bool,
    dry_run: bool,
    agent: str,
) -> None:
    """Answer the customer with the text in FILE, or from standard input."""
    # Whoever names a canned answer need not write one.
    text = file.read(MOST_ANSWER_CHARS) if file else "" if canned else sys.stdin.read(MOST_ANSWER_CHARS)
    options: dict[str, Any] = {"cc": cc, "attachments": _attachments(frame, attach), "canned": canned}
    options |= {"quote": not no_quote, "anyway": anyway}
    if dry_run:
        drafted = at_desk(frame, lambda desk: desk.draft(number, text, agent, **options))
        shown = "\n\n".join(f"── {one.rcpt_to}\n{_draft(one)}" for one in drafted)
        frame.tell({"number": number, "to": [one.rcpt_to for one in drafted], "raw": _draft(drafted[0])}, shown)
        return
    sent = at_desk(frame, lambda desk: desk.reply(number, text, agent, **options))
    others = f" and to {', '.join(cc)}" if cc else ""
    frame.tell(
        {"number": number, "outbox_id": sent.outbox_id, "to": sent.rcpt_to, "cc": list(cc)},
        f"On its way to {sent.rcpt_to}{others}.",
    )


def _attachments(frame: Frame, paths: tuple[Path, ...]) -> list[Attachment]:
    """The files, none of which is read further than an answer can carry; the desk refuses what is too large."""
    if not paths:
        return []
    most_bytes = wiring.rulebook_of(settings_of(frame)).limits.answers.attachments_kb * KB
    return [_attachment(path, most_bytes + 1) for path in paths]


def _attachment(path: Path, most_bytes: int) -> Attachment:
    guessed, packed = mimetypes.guess_type(path.name)
    with path.open("rb") as file:
        content = file.read(most_bytes)
    # What is packed is of the packer's type and not of what it holds.
    return Attachment(path.name, "" if packed else guessed or "", content)


def _draft(sending: Sending) -> str:
    """A mail as it would leave, its files aside."""
    files = attachments_of(sending.raw)
    head = sending.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
    return "\n".join([head, "", text_of(sending.raw).rstrip(), *(f"attached: {each}" for each in files)])


@tickets.command("note")
@number_argument
@click.argument("text")
@agent_option
@click.pass_obj
def note(frame: Frame, /, *, number: int, text: str, agent: str) -> None:
    """Write TEXT into the history, for agents only."""
    at_desk(frame, lambda desk: desk.note(number, text, agent))
    frame.tell({"number": number}, f"Noted in #{number}.")


@tickets.command("assign")
@number_argument
@click.argument("assignee")
@agent_option
@click.pass_obj
def assign(frame: Frame, /, *, number: int, assignee: str, agent: str) -> None:
    """Give the ticket to ASSIGNEE; "" to nobody."""
    at_desk(frame, lambda desk: desk.assign(number, assignee, agent))
    frame.tell({"number": number, "assignee": assignee}, f"#{number} belongs to {assignee or 'nobody'}.")


@tickets.command("close")
@number_argument
@click.option("--spam", is_flag=True, help="As spam; a second one of a proven sender ends trust in him.")
@agent_option
@click.pass_obj
def close(frame: Frame, number: int, agent: str, *, spam: bool) -> None:
    """Close the ticket as solved, or as spam."""
    at_desk(frame, lambda desk: desk.close(number, agent, spam=spam))
    words = f"#{number} is closed{' as spam' if spam else ''}."
    frame.tell({"number": number, "state": TicketState.CLOSED}, words)


@tickets.command("reopen")
@number_argument
@agent_option
@click.pass_obj
def reopen(frame: Frame, number: int, agent: str) -> None:
    """Open a closed ticket again."""
    at_desk(frame, lambda desk: desk.reopen(number, agent))
    frame.tell({"number": number, "state": TicketState.OPEN}, f"#{number} is open.")


@tickets.command("split")
@number_argument
@agent_option
@click.pass_obj
def split(frame: Frame, number: int, agent: str) -> None:
    """Give each mail of a flood ticket but the first a ticket of its own."""
    given = at_desk(frame, lambda desk: desk.split(number, agent))
    frame.tell({"number": number, "tickets": given}, f"{len(given)} tickets: #{given[0]} to #{given[-1]}.")


def _texts(ticket: TicketView, quotes: Quotes) -> list[tuple[str, Reply]]:
    """Of each message all it says, and what is new in it. Words of ours are old where somebody repeats them."""
    texts = [(message, text_of(message.raw, quotes=quotes)) for message in ticket.messages]
    sent = "\n".join(text for message, text in texts if not isinstance(message.kind, Kind))
    return [
        (text, reply_of(text, quotes, MARKER_LINE, sent=sent if isinstance(message.kind, Kind) else ""))
        for message, text in texts
    ]


def _fitting(ticket: TicketView, book: Rulebook) -> tuple[Suggestion, ...]:
    """Canned answers for the newest mail of a person, where nobody has answered it yet."""
    newest = next((one for one in reversed(ticket.messages) if one.kind in (Kind.HUMAN, Purpose.AGENT)), None)
    if newest is None or newest.kind is Purpose.AGENT:
        return ()
    return answering.suggestions(answering.read(newest.raw, newest.message_id, newest.at, book), book)


def _suggested(fitting: tuple[Suggestion, ...]) -> Iterator[str]:
    if fitting:
        yield ""
    yield from (f"may fit: --canned {each.name} ({', '.join(each.why)})" for each in fitting)


def _facts(ticket: TicketView, texts: list[tuple[str, Reply]]) -> dict[str, Any]:
    messages = zip(ticket.messages, texts, strict=True)
    return record(ticket) | {"messages": [_message(message, *said) for message, said in messages]}


def _message(message: MessageView, text: str, reply: Reply) -> dict[str, Any]:
    files = [record(each) for each in attachments_of(message.raw)]
    return record(message) | {"text": text, "reply_text": reply.text, "attachments": files}


def _words(ticket: TicketView, texts: list[tuple[str, Reply]]) -> Iterator[str]:
    yield f"#{ticket.number} {ticket.subject}"
    yield f"{ticket.state}, queue {ticket.queue}, {ticket.assignee or 'nobody'} has it, from {ticket.contact}"
    said: tuple[datetime, str] | None = None
    for message, (_, reply) in zip(ticket.messages, texts, strict=True):
        yield ""
        yield f"── {message.at:%Y-%m-%d %H:%M} {message.from_} → {message.to} ({message.kind})"
        if message.delivery:
            yield f"   {message.delivery}"
        if message.verdict:
            yield f"   {message.verdict['reason']}; {message.verdict['authentication']['why']}"
        before, said = said, (message.at, reply.text)
        if said == before and message.kind is Purpose.AGENT:
            yield "   a copy of the same"
            continue
        yield reply.text
        yield from (f"   attached: {each}" for each in attachments_of(message.raw))
    yield ""
    yield from (f"{event.at:%Y-%m-%d %H:%M} {event.actor} {event.event} {event.detail}" for event in ticket.history)
