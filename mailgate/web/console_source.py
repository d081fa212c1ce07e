"""What the console shows and does, taken from the store and done at the desk: rows become views in words for people.

Reads through the store's queries, changes things through the desk alone, and hands over the customer's mail as any
client would: through the front door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import make_msgid
from typing import TYPE_CHECKING, Any

from mailgate.desk import Desk
from mailgate.errors import NotAllowed, NotFound
from mailgate.mail.attachments import attachments_of
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of
from mailgate.mail.sanitize import has_html, html_of
from mailgate.mail.structure import structure_of
from mailgate.mail.text import text_of
from mailgate.model import HeldState, Kind, OutboxState, Priority, Reply, State, Strength, TicketState
from mailgate.store import outgoing, queries
from mailgate.store.database import Database
from mailgate.store.ledger import Ledger
from mailgate.store.views import EventLine, HeldView, JudgedLine, MessageView, TicketView
from mailgate.store.waiting import unanswered
from mailgate.web import console, customer, words
from mailgate.web.console import (
    CaughtView,
    Count,
    DecisionView,
    EventView,
    FindingView,
    HtmlView,
    LedgerView,
    Letter,
    OutgoingView,
    Snapshot,
)
from mailgate.web.customer import Posting, Stamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

Send = Callable[[Posting], Awaitable[Reply]]

AGENT = "demo"
# Of each list; what is older is for the commands to show.
MOST = 30
HEADERS = ("From", "To", "Reply-To", "Subject", "Auto-Submitted")


@dataclass(frozen=True, slots=True)
class Rows:
    """All that one snapshot needs of the store, read at one moment."""

    ledger: Ledger
    judged: list[JudgedLine]
    tickets: list[TicketView]
    held: list[HeldView]
    letters: list[outgoing.Letter]


@dataclass(frozen=True, slots=True)
class ConsoleSource:
    """The console over a gateway at work. `send` hands a customer's mail to a listener of it.

    `first_mail` is the line that people may paste into a terminal.
    """

    desk: Desk
    database: Database
    send: Send
    clock: Callable[[], datetime]
    mailboxes: tuple[str, ...]
    first_mail: str

    async def snapshot(self) -> Snapshot:
        """Show how things stand."""
        rows = await self.database.read(_rows)
        # In a thread, for whoever writes long mail must not keep the mail of others waiting while people look at his.
        return await asyncio.to_thread(self._snapshot, rows)

    def _snapshot(self, rows: Rows) -> Snapshot:
        quotes, now = self.desk.book().quotes, self.clock()
        return Snapshot(
            mailboxes=self.mailboxes,
            first_mail=self.first_mail,
            ledger=_ledger(rows.ledger),
            decisions=tuple(map(_decision, rows.judged)),
            tickets=tuple(_ticket(ticket, quotes, now) for ticket in rows.tickets),
            held=tuple(_held(mail, quotes) for mail in rows.held),
            outgoing=tuple(map(_outgoing, rows.letters)),
        )

    async def html(self, message_id: int) -> HtmlView:
        """Show a message as HTML. Raises NotFound where there is none."""
        raw = await self.database.read(lambda conn: queries.raw_of_message(conn, message_id))
        safe = await asyncio.to_thread(html_of, raw) if raw else None
        if safe is None:
            raise NotFound(f"there is no message {message_id} in HTML")
        return HtmlView(safe.html, safe.cut)

    async def accept(self, held_id: int) -> None:
        """Let a held mail in, and trust its sender."""
        await self.desk.accept(held_id, AGENT)

    async def spam(self, held_id: int) -> None:
        """Judge a held mail spam; it is kept."""
        await self.desk.spam(held_id, AGENT)

    async def reply(self, number: int, text: str) -> None:
        """Answer a ticket."""
        await self.desk.reply(number, text, AGENT)

    async def close(self, number: int) -> None:
        """Close a ticket."""
        await self.desk.close(number, AGENT)

    async def reopen(self, number: int) -> None:
        """Open a closed ticket again."""
        await self.desk.reopen(number, AGENT)

    async def let_in(self, message_id: int) -> None:
        """Let a pending message into its ticket."""
        await self.desk.let_in(message_id, AGENT)

    async def discard(self, message_id: int) -> None:
        """Put a pending message out of view; it is kept."""
        await self.desk.discard(message_id, AGENT)

    async def part(self, number: int, message_id: int) -> None:
        """Give a message of a ticket a ticket of its own."""
        await self.desk.split(number, AGENT, (message_id,))

    async def write(self, letter: Letter) -> Reply:
        """Send a mail as a customer. Raises NotAllowed where he writes to no mailbox of ours."""
        if letter.mailbox not in self.mailboxes:
            raise NotAllowed(f"{letter.mailbox} is no mailbox here")
        return await self.send(customer.write(letter, self._stamp(letter.sender)))

    async def answer(self, caught_id: int, text: str, *, robot: bool) -> Reply:
        """Answer a mail that left. Raises NotFound where there is none, NotAllowed where a robot keeps silent."""
        original = await self.database.read(lambda conn: outgoing.letter(conn, caught_id))
        if original is None:
            raise NotFound(f"there is no outgoing mail {caught_id}")
        stamp = self._stamp(original.rcpt_to)
        if robot:
            return await self.send(customer.answer_absent(original.raw, original.mail_from, original.rcpt_to, stamp))
        return await self.send(customer.answer(original.raw, original.rcpt_to, text, stamp))

    def _stamp(self, sender: str) -> Stamp:
        return Stamp(self.clock(), make_msgid(domain=sender.rpartition("@")[2] or "customer.example"))


def _rows(conn: Connection) -> Rows:
    # Who waits longest stands first; then what is newest.
    waiting = [line.number for line in unanswered(conn, MOST) if line.number is not None]
    newest = [line.number for line in queries.tickets(conn, state=None, limit=MOST)]
    tickets = [queries.ticket(conn, number) for number in list(dict.fromkeys([*waiting, *newest]))[:MOST]]
    held = [queries.held_one(conn, line.id) for line in queries.held(conn, MOST)]
    return Rows(
        ledger=queries.ledger(conn),
        judged=queries.judged(conn, MOST),
        tickets=[ticket for ticket in tickets if ticket],
        held=[mail for mail in held if mail],
        letters=outgoing.letters(conn, MOST),
    )


# ── Rows in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _ledger(ledger: Ledger) -> LedgerView:
    automatic = ledger.automatic
    return LedgerView(
        accepted=ledger.accepted,
        places=tuple(_count(getattr(ledger, state.value), word) for state, word in words.PLACE.items()),
        automatic=(
            _count(automatic.acknowledge, "acknowledgement"),
            _count(automatic.challenge, "question to a stranger"),
            Count(automatic.suppressed, "withheld"),
        ),
        balanced=ledger.balanced,
    )


def _count(number: int, word: str) -> Count:
    return Count(number, words.plural(number, word))


def _decision(line: JudgedLine) -> DecisionView:
    verdict: Mapping[str, Any] = line.verdict or {}
    return DecisionView(
        id=line.id,
        at=line.at,
        sender=line.from_ or "the empty sender",
        recipient=_short(line.to),
        subject=line.subject,
        place=words.PLACE[line.state] if line.ticket is None else f"{words.IN_TICKET[line.state]} #{line.ticket}",
        reason=_sentence(line.reason),
        proof=verdict.get("authentication", {}).get("why", ""),
        steps=tuple(_step(step["check"], step["result"]) for step in verdict.get("trail", ())),
        findings=tuple(_finding(finding) for finding in verdict.get("findings", ())),
    )


def _step(check: str, result: str) -> tuple[str, str]:
    if check == "kind":
        # Why it is of this kind stands among the signs.
        code = result.partition(":")[0]
        result = words.KIND[Kind(code)] if code in set(Kind) else result
    return words.STEP.get(check, check), result


def _finding(finding: Mapping[str, str]) -> FindingView:
    says, value = finding.get("says", ""), finding["value"]
    # Some rules see only the kind of one of our own addresses, a letter.
    telling = len(value) > 1 and value not in says
    shown = f"{says}: {value}" if says and telling else says or value
    return FindingView(shown, words.WEIGHT[Strength(finding["strength"])], finding["rule"])


def _ticket(ticket: TicketView, quotes: Quotes, now: datetime) -> console.TicketView:
    state = words.TICKET[ticket.state]
    if ticket.state is TicketState.PENDING and ticket.pending_until:
        state = f"{state} until {words.moment(ticket.pending_until)}"
    return console.TicketView(
        number=ticket.number,
        subject=ticket.subject,
        state=state,
        closed=ticket.state is TicketState.CLOSED,
        queue=ticket.queue,
        contact=ticket.name or ticket.contact,
        messages=tuple(_message(message, quotes) for message in ticket.messages),
        history=tuple(map(_event, ticket.history)),
        assignee=ticket.assignee,
        priority="" if ticket.priority is Priority.NORMAL else ticket.priority,
        tags=ticket.tags,
        waits_since=ticket.waits_since,
        due_at=ticket.due_at,
        late=ticket.due_at is not None and ticket.due_at <= now,
    )


def _message(message: MessageView, quotes: Quotes) -> console.MessageView:
    ours = bool(message.agent) or not isinstance(message.kind, Kind)
    word = words.PURPOSE[message.kind] if not isinstance(message.kind, Kind) else words.KIND[message.kind]
    if message.delivery:
        word = f"{word}, {words.OUTGOING[message.delivery]}"
    if message.proposed:
        word = f"{word}, of a stranger and without effect"
    read = structure_of(message.raw)
    said = reply_of(text_of(message.raw, read, quotes), quotes, MARKER_LINE)
    return console.MessageView(
        at=message.at,
        who=message.agent or message.from_,
        ours=ours,
        word=word,
        text=said.text,
        hidden=said.hidden,
        id=message.id,
        files=tuple(map(str, attachments_of(message.raw, read))),
        has_html=has_html(read),
        pending=message.proposed,
    )


def _event(line: EventLine) -> EventView:
    text = words.EVENT.get(line.event, line.event)
    if line.event in words.UNTIL:
        text = f"{text} until {words.moment(datetime.fromisoformat(line.detail))}"
    # A Message-ID tells a person nothing.
    elif line.detail and not line.detail.startswith("<"):
        text = f"{text}: {line.detail}"
    return EventView(line.at, line.actor.removeprefix("agent:"), text)


def _held(mail: HeldView, quotes: Quotes) -> console.HeldView:
    line, read = mail.line, structure_of(mail.raw)
    return console.HeldView(
        id=line.id,
        at=line.since,
        sender=f"{line.name} <{line.from_}>" if line.name else line.from_,
        subject=line.subject,
        reason=_sentence(line.reason),
        waits=words.WAITS[line.state] if isinstance(line.state, HeldState) else words.PLACE[State(line.state)],
        text=text_of(mail.raw, read, quotes),
        spam=line.state is HeldState.SPAM,
        files=tuple(map(str, attachments_of(mail.raw, read))),
        has_html=has_html(read),
        points=words.points(line.points, line.because),
    )


def _outgoing(letter: outgoing.Letter) -> OutgoingView:
    mail = message_from_bytes(letter.raw, policy=policy.SMTP)
    headers = tuple((name, str(mail[name])) for name in HEADERS if mail[name])
    return OutgoingView(
        id=letter.id,
        at=letter.created_at,
        word=words.PURPOSE[letter.purpose],
        recipient=letter.rcpt_to,
        subject=letter.subject,
        state=words.OUTGOING[letter.state],
        last_reply=letter.last_reply,
        caught=CaughtView(letter.id, headers, text_of(letter.raw).strip())
        if letter.state is OutboxState.SENT
        else None,
    )


def _short(address: str) -> str:
    """An address of ours without the signed identifier in it, which nobody reads."""
    local, _, domain = address.rpartition("@")
    mailbox, plus, _ = local.partition("+")
    return f"{mailbox}+…@{domain}" if plus else address


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
