"""Mail in: the answers that our own people gave by mail, on their way to the customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import answering, canned, letters
from mailgate.judge.history import Mint
from mailgate.mail.attachments import attachments_of
from mailgate.mail.structure import structure_of
from mailgate.model import Attachment, Effect, Gateway, Relay, Written
from mailgate.store import answered, conversation, record

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
        text = _canned(conn, one, found, gateway, book) if one.canned else one.text
        written = Written(text, one.agent, () if one.canned else files_of(raws[one.cause]))
        sendings = letters.agent_replies(found, written, gateway, book, mint=mint, now=now)
        effects += answering.follows(found.ticket_id, sendings, one.agent, now, mint)
        effects += [replace(sending, cause=one.cause) for sending in sendings]
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


def _canned(conn: Connection, one: Relay, found: Conversation, gateway: Gateway, book: Rulebook) -> str:
    newest = answered.newest(conn, one.number)
    about = answering.read(newest.raw, newest.identity, newest.at, book) if newest else None
    text = canned.text(book, one.canned, found, about=about, agent=one.agent, gateway=gateway)
    assert text is not None, "a mail is judged by the rules that it was read by"
    return text
