"""Who waits for us, since when, and until when an answer is promised."""

from __future__ import annotations

from datetime import datetime

from mailgate.judge import hours
from mailgate.model import Amended, Mailbox


def due(mailbox: Mailbox | None, since: datetime) -> datetime | None:
    """Until when an answer is promised to whoever waits since that moment; None where nothing is promised."""
    if mailbox is None or not mailbox.answer_within_h:
        return None
    return hours.due(mailbox.opening, since, mailbox.answer_within_h * hours.HOUR_S)


def answered(ticket_id: int, at: datetime) -> Amended:
    """A person of ours answered: nobody waits any more. The first time is kept for reports."""
    return Amended(ticket_id, answered_at=at, waits_since=None, due_at=None, warned_at=None)
