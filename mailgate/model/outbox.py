"""Ground: an outgoing mail on its way to the next hop."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from mailgate.model.terms import OutboxState, Purpose


class Attachment(Struct, frozen=True):
    """A file that goes with a mail."""

    name: str
    media_type: str  # "application/pdf"
    content: bytes


class Written(Struct, frozen=True):
    """What a person of ours writes to a customer."""

    text: str
    agent: str  # by whom
    attachments: tuple[Attachment, ...] = ()
    cc: tuple[str, ...] = ()  # participants that get it too


class Due(Struct, frozen=True):
    """An outgoing mail claimed for delivery."""

    outbox_id: int
    purpose: Purpose
    mail_from: str
    rcpt_to: str
    raw: bytes
    attempts: int  # this one included
    created_at: datetime
    give_up_at: datetime
    utf8: bool
    cause: int | None = None
    asked_for: bool = False  # a person wants it tried now, whatever is known of the way


class PutOff(Struct, frozen=True):
    """A claimed mail goes back untried, to wait until then."""

    outbox_id: int
    until: datetime
    why: str


class Answer(Struct, frozen=True):
    """What the next hop said: `code` 0 where it could not be asked. `text` is one line, at most 500 characters."""

    code: int
    text: str
    handed: bool = False  # DATA had been written when the answer, or the silence, came


class Settlement(Struct, frozen=True):
    """What follows from an attempt. `next_at` is set where `state` is ready again."""

    outbox_id: int
    state: OutboxState
    answer: Answer
    at: datetime
    next_at: datetime | None = None
    nobody: bool = False  # it failed because nobody is there
    alias: str = ""  # how the relay that took it named it anew
