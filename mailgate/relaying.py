"""Answers that our own people write by mail: from what was judged to the mail that leaves, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import canned, letters
from mailgate.judge.history import Mint
from mailgate.judge.waiting import answered
from mailgate.mail.attachments import attachments_of
from mailgate.mail.language import FIRST
from mailgate.mail.structure import structure_of
from mailgate.mail.template import fill
from mailgate.model import Attachment, Effect, Gateway, Relay, TicketChange, Written
from mailgate.store import conversation, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailgate.rulebook import Rulebook
    from mailgate.store.conversation import Conversation

MOST_FILES = 50  # that go along with one answer,
MOST_FILE_BYTES = 25 * 1024 * 1024  # all together
INLINE = "inline"  # how a picture of a signature stands in a mail


def relay(
    conn: Connection,
    relays: Iterable[Relay],
    raws: Mapping[int, bytes],
    *,
    gateway: Gateway,
    book: Rulebook,
    mint: Mint,
    now: datetime,
) -> None:
    """Queue what our own people answered by mail; `raws` are their mails by journal id."""
    effects: list[Effect] = []
    for one in relays:
        found = conversation.of_ticket(conn, one.number)
        assert found is not None, "an answer belongs to a ticket that was read in this transaction"
        text = _ready(one, found, book) if one.canned else one.text
        written = Written(text, one.agent, () if one.canned else files_of(raws[one.cause]))
        sending = letters.agent_reply(found, written, gateway, book, mint=mint, now=now)
        change = TicketChange(mint.new_id(), one.ticket_id, now, "replied", f"agent:{one.agent}", sending.identity)
        effects += [change, answered(one.ticket_id, now), replace(sending, cause=one.cause)]
    if effects:
        record.apply(conn, effects, now)


def files_of(raw: bytes) -> tuple[Attachment, ...]:
    """The files of a mail that go along with its words: none that stands in its text, and not too many."""
    parts = structure_of(raw)
    files: list[Attachment] = []
    left = MOST_FILE_BYTES
    for file in attachments_of(raw, parts)[:MOST_FILES]:
        if file.disposition == INLINE or file.content_id:
            continue
        content = parts.parts[file.part].body(raw, left + 1)
        if len(content) <= left:
            left -= len(content)
            files.append(Attachment(file.name, file.content_type, content))
    return tuple(files)


def _ready(one: Relay, found: Conversation, book: Rulebook) -> str:
    template = canned.canned(book, one.canned, FIRST)
    assert template is not None, "a mail is judged by the rules that it was read by"
    values = {"desk": found.mailbox, "ticket": f"#{found.number}", "name": found.requester, "agent": one.agent}
    return fill(template, values)[1]
