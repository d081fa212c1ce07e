"""Which webhooks a mail may be handed to, and the errand that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from mailgate.judge import retry
from mailgate.judge.canonical import canonical
from mailgate.model import (
    OPERATOR_QUEUE,
    Effect,
    Errand,
    ErrandKind,
    Gateway,
    Level,
    NewTicket,
    Participant,
    TicketChange,
    Webhook,
)

GIVEN_UP = "errand-failed"  # the event in a ticket's history

NewId = Callable[[], int]


def withheld(names: Iterable[str], sender: str, level: Level, gateway: Gateway) -> str:
    """Why a mail of `sender` must not be handed to one of the webhooks of these names, "" where it may."""
    hooks = (one for one in gateway.webhooks if one.name in set(names))
    return next((why for one in hooks if (why := permitted(one, sender, level))), "")


def permitted(webhook: Webhook, sender: str, level: Level) -> str:
    """Why `webhook` must not get a mail of `sender` (canonical, "" where nobody knows), or "".

    What is published speaks for whoever is named as its author: he must be proven, and be listed by the operator.
    """
    if not webhook.publishes:
        return ""
    if not sender or level is Level.A0:
        return f"webhook {webhook.name} publishes, and nobody is proven to have sent it"
    if not any(_is_listed(sender, one) for one in webhook.senders):
        return f"webhook {webhook.name} publishes, and its sender is not among those who may"
    return ""


def errand(
    kind: ErrandKind, message_id: int, at: datetime, give_up_s: int, new_id: NewId, *, target: str = ""
) -> Errand:
    """The way outside of one mail; `target` is the name of the webhook, `give_up_s` is of `limits.timing`."""
    return Errand(new_id(), kind, target, message_id, at, at + timedelta(seconds=give_up_s))


def to_webhooks(names: Iterable[str], message_id: int, at: datetime, give_up_s: int, new_id: NewId) -> list[Effect]:
    """The way of one mail to each of these webhooks."""
    return [errand(ErrandKind.WEBHOOK, message_id, at, give_up_s, new_id, target=name) for name in names]


def next_try(attempts: int, now: datetime, give_up_at: datetime) -> datetime | None:
    """When an errand is tried again after so many attempts, None where its time is over by then."""
    waits = retry.PERSON_WAITS
    again = now + waits[min(max(attempts, 1), len(waits)) - 1]
    return again if again < give_up_at else None


def name_of(kind: ErrandKind, target: str) -> str:
    """What people call where an errand goes."""
    return f"webhook {target}" if kind is ErrandKind.WEBHOOK else "the learner of the spam filter"


def topic(name: str) -> str:
    """By which the operator's ticket on it is known again."""
    return f"errand: {name}"


def given_up(
    name: str, why: str, errand_id: int, ticket_id: int | None, *, mailbox: str, now: datetime, new_id: NewId
) -> list[Effect]:
    """A line in the history of the mail's ticket, or of the operator's; that one is opened where there is neither."""
    words = f"{name} failed: {why}; mailgate errands retry {errand_id} tries again"
    if ticket_id is not None:
        return [TicketChange(new_id(), ticket_id, now, GIVEN_UP, "clock", words)]
    opened = NewTicket(
        *(new_id(), f"{name} could not be reached", OPERATOR_QUEUE, mailbox),
        *(Participant("", Level.A0), "", now),
        topic=topic(name),
    )
    return [
        opened,
        TicketChange(new_id(), opened.id, now, "opened", "clock", "mail could not be handed on"),
        TicketChange(new_id(), opened.id, now, GIVEN_UP, "clock", words),
    ]


def _is_listed(sender: str, entry: str) -> bool:
    if entry.startswith("@"):
        return sender.rpartition("@")[2] == canonical(f"x{entry}").rpartition("@")[2]
    return sender == canonical(entry)
