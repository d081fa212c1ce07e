"""A ticket and the mail that follows it, for the laboratory: who writes, what he bears, and what becomes of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from mailgate.testing import Handed, Lab, Sent
from tests.fakes.letters import answer, letter, read

ANNE, COLLEAGUE, EVE = "anne@x.test", "carl@x.test", "eve@y.test"
DESK = "support@g.test"
OUTLOOK = bytes(range(1, 17))


def index(guid: bytes = OUTLOOK) -> str:
    """A Thread-Index as Outlook writes it in an answer."""
    return base64.b64encode(b"\1\2\3\4\5\6" + guid + b"later").decode()


def guid_of(mail: bytes) -> bytes:
    """The conversation that a mail of ours is of."""
    return base64.b64decode(str(read(mail)["Thread-Index"]))[6:22]


async def write(
    lab: Lab, author: str = ANNE, *, to: Sequence[str] = (DESK,), auth: str = "A2", raw: bytes = b"", **fields: Any
) -> Handed:
    """One mail comes in and goes to its place, and whatever it causes leaves."""
    handed = await lab.receive(raw or letter(author, to[0], **fields), mail_from=author, rcpt_to=to, auth=auth)
    await lab.settle()
    return handed


async def follow(lab: Lab, ours: Sent, author: str = ANNE, *, auth: str = "A2", **fields: str) -> Handed:
    """An answer to a mail of ours, sent to its signed address."""
    raw, to = answer(ours.raw, author, **fields)
    return await write(lab, author, raw=raw, to=[to], auth=auth)


async def begun(lab: Lab, author: str = ANNE, **fields: Any) -> Sent:
    """Somebody whom we know has a ticket; what told him so."""
    if lab.contact(author) is None:
        await lab.desk.trust(author, "bob")
    await write(lab, author, **fields)
    return lab.sent[-1]


def texts(lab: Lab, number: int) -> list[tuple[str, str]]:
    """From whom each mail of a ticket is, and its state in it."""
    (ticket,) = [one for one in lab.tickets() if one.number == number]
    return [(one.from_, "pending" if one.proposed else " ".join(one.marks)) for one in ticket.messages if one.verdict]


def events(lab: Lab, number: int) -> list[str]:
    """What a ticket's history says."""
    (ticket,) = [one for one in lab.tickets() if one.number == number]
    return [f"{one.event} {one.detail}".strip() for one in ticket.history]


def reason(lab: Lab, handed: Handed) -> str:
    """Why a mail is where it is, with the whole way to it."""
    verdict = lab.verdict(handed)
    assert verdict is not None
    return "\n".join([verdict["reason"], *(step["result"] for step in verdict["trail"])])
