"""Our own people and a customer, and what they do with the mail they get."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mailgate.testing import Lab, Sent
from tests.fakes.letters import answer, body, letter

MINUTE = timedelta(minutes=1)
ANNE, BOB = "anne@office.test", "bob@office.test"
CARLA = "carla@shop.test"
OFFICE: dict[str, Any] = {
    "mailbox": [{"address": "support@g.test", "queue": "support", "mode": "off", "name": "Help Desk"}]
}


def to(lab: Lab, address: str) -> list[Sent]:
    """What was handed over for an address, oldest first."""
    return [sent for sent in lab.sent if sent.rcpt_to == address]


def said(sent: Sent) -> str:
    """The words of a mail, without our last line."""
    return body(sent.raw).replace("\r", "").rpartition("\n\nRef: ")[0].strip()


def history(lab: Lab, number: int = 1) -> list[tuple[str, str]]:
    """What happened in a ticket, and who did it."""
    ticket = next(one for one in lab.tickets() if one.number == number)
    return [(one.event, one.actor) for one in ticket.history]


async def asked(lab: Lab, who: str = CARLA, **more: str) -> None:
    """A customer writes, and all that follows happens."""
    await lab.receive(letter(who, **more), mail_from=who)
    await lab.settle()


async def answered(
    lab: Lab, text: str, who: str = ANNE, *, auth: str = "A2", after: timedelta = MINUTE, **fields: str
) -> None:
    """One of us answers the newest mail that told him of something."""
    raw, address = answer(to(lab, who)[-1].raw, who, text=text, **fields)
    lab.advance(after)
    await lab.receive(raw, mail_from=who, rcpt_to=[address], auth=auth)
    await lab.settle()
