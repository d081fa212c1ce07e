"""Who waits for us, since when, and until when an answer is promised."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mailgate.judge import hours
from mailgate.model import Amended, Horizon, Mailbox, Opening


def due(mailbox: Mailbox | None, since: datetime) -> datetime | None:
    """Until when an answer is promised to whoever waits since that moment; None where nothing is promised."""
    if mailbox is None or not mailbox.answer_within_h:
        return None
    return hours.due(mailbox.opening, since, mailbox.answer_within_h * hours.HOUR_S)


def horizons(mailboxes: Iterable[Mailbox], now: datetime, warn_at_percent: int) -> tuple[Horizon, ...]:
    """Those of all mailboxes that promise an answer; most of the time is `warn_at_percent` of it."""
    found = []
    for box in mailboxes:
        whole_s = box.answer_within_h * hours.HOUR_S
        most_s = whole_s * min(warn_at_percent, 100) / 100
        if whole_s:
            early, breach = (_before(box.opening, now, wanted_s) for wanted_s in (most_s, whole_s))
            found.append(Horizon(box.address, early, breach, hours.due(box.opening, now, whole_s - most_s)))
    return tuple(found)


def _before(opening: Opening | None, now: datetime, wanted_s: float) -> datetime:
    return hours.opened_before(opening, now, wanted_s) if opening else now - timedelta(seconds=wanted_s)


def answered(ticket_id: int, at: datetime) -> Amended:
    """A person of ours answered: nobody waits any more. The first time is kept for reports."""
    return Amended(ticket_id, answered_at=at, waits_since=None, due_at=None, warned_at=None)
