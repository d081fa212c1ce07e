"""A flood taken apart: each mail of what somebody sent too much of gets a ticket of its own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate.errors import NotAllowed
from mailgate.judge.history import Mint
from mailgate.model import NewTicket, TicketChange
from mailgate.store import record, splitting, waiting
from mailgate.store.conversation import Conversation

if TYPE_CHECKING:
    from sqlalchemy import Connection


def split(conn: Connection, flood: Conversation, actor: str, *, mint: Mint, now: datetime) -> list[int]:
    """Give each mail of a flood ticket but the first a ticket of its own; their numbers, in order of arrival.

    Raises:
        NotAllowed: it took no flood, or has only one mail left.
    """
    mails = splitting.rest(conn, flood.ticket_id)
    if not mails:
        raise NotAllowed(f"ticket #{flood.number} has nothing to split: only a flood does, and its first mail stays")
    since, due_at = waiting.since(conn, flood.ticket_id)
    opened = [_waits(splitting.opened(mail, mint.new_id()), since, due_at) for mail in mails]
    began = [TicketChange(mint.new_id(), one.id, now, "split-off", actor, f"#{flood.number}") for one in opened]
    numbers = record.apply(conn, [*opened, *began], now)
    splitting.move(conn, {mail.message_id: one.id for mail, one in zip(mails, opened, strict=True)}, now)
    given = [numbers[one.id] for one in opened]
    detail = f"{len(given)} mails: #{given[0]} to #{given[-1]}"
    record.apply(conn, [TicketChange(mint.new_id(), flood.ticket_id, now, "split", actor, detail)], now)
    return given


def _waits(opened: NewTicket, since: datetime | None, due_at: datetime | None) -> NewTicket:
    """Where somebody waits in the flood, he waits in what came of it, for no longer than was promised there."""
    return replace(opened, waits_since=opened.at, due_at=due_at) if since and opened.at >= since else opened
