"""Who waits for us, since when, and until when an answer is promised."""

from __future__ import annotations

from datetime import datetime

from mailgate.model import Amended


def answered(ticket_id: int, at: datetime) -> Amended:
    """A person of ours answered: nobody waits any more. The first time is kept for reports."""
    return Amended(ticket_id, answered_at=at, waits_since=None, due_at=None, warned_at=None)


def answer_lost(ticket_id: int, written_at: datetime) -> Amended:
    """An answer did not arrive: whoever it was for waits again, since it was written."""
    return Amended(ticket_id, waits_since=written_at)
