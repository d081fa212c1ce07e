"""What our people say of mail is handed to the learner of the spam filter, where the operator wants that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from mailgate.judge import hooks
from mailgate.judge.history import Mint
from mailgate.judge.limits import Limits
from mailgate.model import Effect, Errand, ErrandKind, Gateway, TicketChange
from mailgate.store import errands

if TYPE_CHECKING:
    from sqlalchemy import Connection

CLOSED_AS_SPAM = "closed-as-spam"


def of_mail(
    message_id: int, now: datetime, *, spam: bool, gateway: Gateway, limits: Limits, mint: Mint
) -> list[Errand]:
    """A person judged this mail spam, or let it in."""
    if not gateway.learns:
        return []
    kind = ErrandKind.LEARN_SPAM if spam else ErrandKind.LEARN_HAM
    return [hooks.errand(kind, message_id, now, limits.timing.errand_give_up_s, mint.new_id)]


def of_tickets(
    conn: Connection, effects: Iterable[Effect], now: datetime, *, gateway: Gateway, limits: Limits, mint: Mint
) -> list[Errand]:
    """What is to be learned from tickets that these effects close as spam: the mail that opened each."""
    if not gateway.learns:
        return []
    closed = [one.ticket_id for one in effects if isinstance(one, TicketChange) and one.event == CLOSED_AS_SPAM]
    opened = [errands.first_mail(conn, ticket_id) for ticket_id in dict.fromkeys(closed)]
    return [
        errand
        for message_id in opened
        if message_id is not None
        for errand in of_mail(message_id, now, spam=True, gateway=gateway, limits=limits, mint=mint)
    ]
