"""Faces: `mailgate tickets`."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
from sqlalchemy import Connection

from mailgate import answering, wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, limit_option, pages, reading
from mailgate.cli.sorting import COMMANDS
from mailgate.cli.threads import discard, join, let_in, merge, message_marks, split, ticket_marks
from mailgate.desk.answers import KB
from mailgate.errors import NotFound
from mailgate.judge import waiting as promises
from mailgate.judge.canonical import canonical
from mailgate.judge.suggest import Suggestion
from mailgate.judge.tags import tag_of
from mailgate.mail.attachments import attachments_of
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.mbox import Leaf, mbox
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import Reply, reply_of
from mailgate.mail.text import text_of
from mailgate.model import Attachment, Disposition, Kind, Priority, Purpose, Sending, TicketState
from mailgate.rulebook import Rulebook
from mailgate.store import queries
from mailgate.store import search as index
from mailgate.store.views import MessageView, TicketLine, TicketView
from mailgate.store.waiting import unanswered

MOST_ANSWER_CHARS = 1_000_000

number_argument = click.argument("number", type=int)


@click.group("tickets", cls=Group, commands=COMMANDS)
def tickets() -> None:
    """Read tickets, answer them, sort them, close them."""


for command in (merge, split, let_in, discard, join):
    tickets.add_command(command)


@tickets.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--state", type=click.Choice([state.value for state in TicketState]), help="Only of this state.")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--assignee", help='Only of this person; "" for nobody\'s.')
@click.option("--tag", default="", help="Only with this tag.")
@click.option("--priority", type=click.Choice([one.value for one in Priority]), help="Only of this priority.")
@click.option(
    "--search", default="", metavar="WORDS", help='Only with these words, "a phrase" or this number; of any state.'
)
@click.option("--waiting", is_flag=True, help="Who waits for an answer, longest first, held mail included.")
@limit_option
@click.pass_obj
def list_(
    frame: Frame, /, *, everything: bool, state: str | None, search: str, waiting: bool, limit: int, **which: Any
) -> None:
    """List open tickets, newest first; what asks the operator for something stands before them.

    With --search all that was written is looked through: subjects, people, texts, names of files.
    """
    which["priority"] = Priority(which["priority"]) if which["priority"] else None
    which["tag"] = tag_of(which["tag"])
    if waiting:
        if everything or state or search:
            raise click.UsageError("--waiting goes with --queue, --assignee, --tag and --priority alone")
        _list_waiting(frame, limit, which)
        return
    wanted = TicketState(state) if state else None if everything or search else TicketState.OPEN

    def read(conn: Connection) -> list[TicketLine]:
        return pages(
            lambda last, most: queries.tickets(
                conn, state=wanted, search=search, before=last.number if last else None, limit=most, **which
            ),
            limit,
        )

    columns = ("number", "state", "queue", "contact", "subject", "messages", "created_at")
    frame.show(reading(frame, read), columns, "No open tickets." if wanted is TicketState.OPEN else "No tickets.")
    due = reading(frame, index.waiting) if search else 0
    if due:
        click.echo(f"mailgate: {due} mails have not been looked through yet; a running daemon does it", err=True)


def _list_waiting(frame: Frame, limit: int, which: Mapping[str, Any]) -> None:
    gateway = wiring.gateway_of(settings_of(frame))
    lines = reading(frame, lambda conn: unanswered(conn, limit, **which))
    due = [one.due_at or promises.due(gateway.mailbox(one.mailbox), one.since) for one in lines]
    rows = [record(one) | {"due_at": at} for one, at in zip(lines, due, strict=True)]
    columns = ("number", "held", "state", "queue", "priority", "assignee", "contact", "subject", "since", "due_at")
    frame.show(rows, columns, "Nobody waits for an answer.")


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


@tickets.command("export")
@number_argument
@click.option("--to", type=click.File("wb"), default="-", help="A file; else standard output.")
@click.pass_obj
def export(frame: Frame, number: int, to: BinaryIO) -> None:
    """Write all mails of a ticket, ours too, as an mbox."""
    found = reading(frame, lambda conn: queries.ticket(conn, number))
    if found is None:
        raise NotFound(f"no ticket #{number}")
    for piece in mbox(Leaf(message.from_, message.at, message.raw) for message in found.messages):
        to.write(piece)
    to.flush()


@tickets.command("reply")
@number_argument
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), required=False)
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Who gets it too; whoever takes part in the ticket.")
@click.option("--attach", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file.")
@click.option("--canned", default="", metavar="NAME", help="The canned answer of this name, below the text in FILE.")
@click.option("--no-quote", is_flag=True, help="Without the words of the mail that is answered.")
@click.option("--anyway", is_flag=True, help="Though somebody answered just now, or mail to it came back.")
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


def _texts(ticket: TicketView, quotes: Quotes) -> list[tuple[str, Reply]]:
    """Of each message all it says, and what is new in it. Words of ours are old where somebody repeats them."""
    texts = [(message, text_of(message.raw, quotes=quotes)) for message in ticket.messages]
    sent = "\n".join(text for message, text in texts if not isinstance(message.kind, Kind))
    return [
        (text, Reply(text, text, ""))
        if _is_forwarded(message, ticket)
        else (text, reply_of(text, quotes, MARKER_LINE, sent=sent if isinstance(message.kind, Kind) else ""))
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


def _is_forwarded(message: MessageView, ticket: TicketView) -> bool:
    """Did one of our own people forward it? Then what he quotes is what the customer wrote."""
    began = bool(message.verdict) and (message.verdict or {}).get("disposition") == Disposition.TICKET
    return bool(message.agent) and began and canonical(message.from_) != ticket.contact


def _facts(ticket: TicketView, texts: list[tuple[str, Reply]]) -> dict[str, Any]:
    messages = zip(ticket.messages, texts, strict=True)
    return record(ticket) | {"messages": [_message(message, *said) for message, said in messages]}


def _message(message: MessageView, text: str, reply: Reply) -> dict[str, Any]:
    files = [record(each) for each in attachments_of(message.raw)]
    return record(message) | {"text": text, "reply_text": reply.text, "attachments": files}


def _standing(ticket: TicketView) -> Iterator[str]:
    """How much it presses, what it bears, who waits until when, and how long it rests: as far as there is any."""
    if ticket.priority is not Priority.NORMAL or ticket.tags:
        yield f"{ticket.priority} priority, tags: {', '.join(ticket.tags) or 'none'}"
    if ticket.waits_since:
        due = f", promised until {ticket.due_at:%Y-%m-%d %H:%M}" if ticket.due_at else ""
        yield f"waits for an answer since {ticket.waits_since:%Y-%m-%d %H:%M}{due} (UTC)"
    if ticket.pending_until:
        yield f"rests until {ticket.pending_until:%Y-%m-%d %H:%M} UTC"


def _words(ticket: TicketView, texts: list[tuple[str, Reply]]) -> Iterator[str]:
    yield f"#{ticket.number} {ticket.subject}"
    yield f"{ticket.state}, queue {ticket.queue}, {ticket.assignee or 'nobody'} has it, from {ticket.contact}"
    yield from ticket_marks(ticket)
    yield from _standing(ticket)
    out_of_view = sum(message.discarded for message in ticket.messages)
    said: tuple[datetime, str] | None = None
    for message, (_, reply) in zip(ticket.messages, texts, strict=True):
        if message.discarded:
            continue
        yield ""
        yield f"── {message.at:%Y-%m-%d %H:%M} {message.from_} → {message.to} ({message.kind})"
        yield from (f"   {words}" for words in message_marks(message))
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
    if out_of_view:
        yield f"{out_of_view} discarded, out of view; --json shows them"
    yield from (f"{event.at:%Y-%m-%d %H:%M} {event.actor} {event.event} {event.detail}" for event in ticket.history)
