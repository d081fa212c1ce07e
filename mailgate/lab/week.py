"""A week of a small company's mail, the same every time: customers and suppliers, machines, lists, and strangers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from mailgate.lab.letters import Post, letter, words
from mailgate.testing import Lab

# What an admin might write on Friday, having seen the mail of the week.
EDITED_FILE = "70-edited.toml"
EDITED = """\
[[rule]]
name = "invoices"
description = "Invoices go to the accountants, and nobody thanks a supplier's machine for one."
when.bare_subject.glob = ["invoice *"]
then.queue = "billing"
then.tag = "invoice"
then.answer = "never"

[[rule]]
name = "urgent strangers"
description = "Whoever shouts in his first mail is looked at by a person."
when.subject.contains = ["urgent", "last warning"]
then.hold = "shouts"
"""

_CUSTOMERS = tuple(f"{name}@{domain}" for domain in ("north.test", "south.test") for name in ("ada", "ben", "cleo"))
_SUPPLIERS = ("billing@paper.test", "accounts@power.test")
_SEED = 7  # any number will do, so long as it stays


def week(days: float, mails: int) -> Iterator[Post]:
    """So many mails in the order in which they come; `after` counts from the mail before."""
    chance = random.Random(_SEED)  # noqa: S311 - the same every time is what is wanted
    begun: list[tuple[str, str, str]] = []
    for number in range(mails):
        kind = chance.choices(_KINDS, [6, 3, 2, 2, 1, 2])[0]
        pause = timedelta(days=days) / mails * chance.uniform(0, 2)
        yield kind(number, chance, begun, pause)


async def play_week(lab: Lab, *, days: float, mails: int, tell: Callable[[int], None] = lambda mails: None) -> None:
    """Let the week come in. `tell` is told of each mail."""
    for post in week(days, mails):
        lab.advance(post.after)
        await lab.receive(post.raw, mail_from=post.mail_from, rcpt_to=[post.rcpt_to], auth=post.auth, peer=post.peer)
        await lab.settle()
        tell(1)


_Begun = list[tuple[str, str, str]]  # who wrote what under which Message-ID


def _post(number: int, author: str, subject: str, pause: timedelta, **more: Any) -> Post:
    auth, mail_from = more.pop("auth", "A2"), more.pop("mail_from", author)
    text = f"Hello,\n\n{words(number)}.\n"
    raw = letter(author, identity=f"{number}.week@{author.partition('@')[2]}", subject=subject, text=text, **more)
    return Post(raw, mail_from, auth=auth, after=pause)


def _question(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    author, subject = chance.choice(_CUSTOMERS), words(number)[:40]
    begun.append((author, subject, f"<{number}.week@{author.partition('@')[2]}>"))
    return _post(number, author, subject, pause)


def _follow_up(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    if not begun:
        return _question(number, chance, begun, pause)
    author, subject, identity = chance.choice(begun[-10:])
    return _post(number, author, f"Re: {subject}", pause, In_Reply_To=identity, References=identity)


def _invoice(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    return _post(number, chance.choice(_SUPPLIERS), f"Invoice {2600 + number}", pause)


def _alert(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    subject = f"{chance.choice(['Disk', 'Load', 'Certificate'])} on web{chance.randrange(1, 4)}"
    return _post(number, "monitor@g.test", subject, pause, auth="A1", Auto_Submitted="auto-generated")


def _newsletter(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    return _post(
        number, "news@trade.test", f"Trade news {number}", pause, List_Id="<news.trade.test>", Precedence="bulk"
    )


def _stranger(number: int, chance: random.Random, begun: _Begun, pause: timedelta) -> Post:
    subject = chance.choice(["URGENT: your account", "Last warning", "A question", "Partnership"])
    return _post(number, f"sales{number}@s{number}.test", subject, pause, auth=chance.choice(["A2", "A0"]))


_KINDS = (_question, _follow_up, _invoice, _alert, _newsletter, _stranger)
