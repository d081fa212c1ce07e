"""Letting held mail in: by its sender's confirmation or by a person of ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mailgate.judge import hooks, waiting
from mailgate.judge.company import joined
from mailgate.judge.evidence import topic_of
from mailgate.judge.history import Mint
from mailgate.judge.limits import Limits
from mailgate.model import (
    Effect,
    Gateway,
    HeldMail,
    NewTicket,
    Participant,
    Released,
    State,
    Tagged,
    TicketChange,
)

LET_IN = "released from held mail"


def release(
    held: Iterable[HeldMail], at: datetime, actor: str, mint: Mint, *, gateway: Gateway, limits: Limits
) -> tuple[list[Effect], list[tuple[HeldMail, int]]]:
    """The effects, and each mail with its ticket, in order of arrival. A mail that answers an earlier one joins it."""
    effects: list[Effect] = []
    placed: list[tuple[HeldMail, int]] = []
    tickets: dict[str, int] = {}
    for mail in sorted(held, key=lambda one: (one.at, one.journal_id)):
        ticket_id = next((tickets[name] for name in reversed(mail.references) if name in tickets), None)
        if ticket_id is None:
            ticket_id, state = mint.new_id(), State.TICKETED
            topic = topic_of(mail.subject, limits.reply_prefixes)
            effects.extend(_opened(mail, ticket_id, topic, at=at, actor=actor, mint=mint, gateway=gateway))
        else:
            state = State.APPENDED
            effects.append(TicketChange(mint.new_id(), ticket_id, at, "appended", actor, mail.identity))
        effects.extend(joined(ticket_id, (key for key in mail.copied if key != mail.address)))
        tickets[mail.identity] = ticket_id
        effects.append(Released(mail.journal_id, mail.message_id, ticket_id, state))
        effects.extend(_handed_on(mail, at, mint, gateway, limits.timing.errand_give_up_s))
        placed.append((mail, ticket_id))
    return effects, placed


def _handed_on(mail: HeldMail, at: datetime, mint: Mint, gateway: Gateway, give_up_s: int) -> list[Effect]:
    """To whom rules hand it, so far as that may be: who lets a mail in proves nobody to have sent it."""
    names = [one for one in mail.routed.webhooks if not hooks.withheld((one,), mail.address, mail.level, gateway)]
    return hooks.to_webhooks(names, mail.message_id, at, give_up_s, mint.new_id)


def _opened(
    mail: HeldMail, ticket_id: int, topic: str, *, at: datetime, actor: str, mint: Mint, gateway: Gateway
) -> list[Effect]:
    """Its sender has waited since it came."""
    participant, routed = Participant(mail.address, mail.level), mail.routed
    opened = NewTicket(
        ticket_id,
        mail.subject,
        mail.queue,
        mail.mailbox,
        participant,
        mail.name,
        mail.at,
        topic=topic,
        priority=routed.priority,
        assignee=routed.assignee,
        waits_since=mail.at,
        due_at=waiting.due(gateway.mailbox(mail.mailbox), mail.at),
    )
    tagged = [Tagged(ticket_id, add=routed.tags)] if routed.tags else []
    return [
        opened,
        TicketChange(mint.new_id(), ticket_id, at, "opened", actor, LET_IN),
        *tagged,
    ]
