"""Mails that come at once and mails that come one by one are worth the same: verdicts, tickets, permits, the ledger.

Each example takes up the same past (people we know, a ticket with its acknowledgement, a challenge that waits) from a
copy of one database, so that tokens are the same wherever it is taken up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from mailgate.store import tables
from mailgate.testing import START, Handed, Lab, Sent
from tests.fakes.letters import answer, letter, read
from tests.fakes.stores import POSTGRESQL, SQLITE, Stores, only

MAILBOXES = {
    "mailbox": [
        {"address": "support@g.test", "mode": "guarded"},
        {"address": "sales@g.test", "mode": "off", "answer_within_h": 8},
    ],
}
MOST_MAILS = 9

Mail: TypeAlias = dict[str, Any]  # the keyword arguments of Lab.receive
Step: TypeAlias = tuple[str, int]  # a name of MAKERS, and which of several people or mails it is about


# ── The past ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Past:
    """A database that nobody has open, and what we had sent by then."""

    stores: Stores
    url: str
    acknowledgement: Sent  # to Carl, of his ticket
    challenge: Sent  # to Dora, who has not answered yet

    def taken_up(self) -> Lab:
        return Lab(overrides=MAILBOXES, start=START + timedelta(hours=3), store_url=self.stores.copy(self.url))


@pytest.fixture
async def past(stores: Stores, url: str) -> Past:
    async with Lab(overrides=MAILBOXES, store_url=url) as lab:
        await lab.desk.trust("tess@t.test", "bob")
        await lab.receive(letter("carl@c.test", "sales@g.test"), mail_from="carl@c.test", rcpt_to=["sales@g.test"])
        await lab.receive(letter("dora@d.test", subject="Hello"), mail_from="dora@d.test")
        await lab.settle()
        sent = {one.kind: one for one in lab.sent}
    return Past(stores, url, sent["acknowledge"], sent["challenge"])


# ── Mails ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def stranger(past: Past, number: int, mid: str) -> Mail:
    """A person whom nobody knows; two of three write from one domain."""
    author = f"s{number}@s{number % 2}.test"
    return {"raw": letter(author, subject=f"Word {mid}", text=f"Mine is {mid}.", message_id=mid), "mail_from": author}


def swarm(past: Past, number: int, mid: str) -> Mail:
    """The same words from everybody."""
    author = f"bee{number}@b{number}.test"
    return {"raw": letter(author, text="Buy honey now. " * 20, message_id=mid), "mail_from": author}


def unproven(past: Past, number: int, mid: str) -> Mail:
    """In the name of somebody we know, as far as anybody can tell."""
    author = ("tess@t.test", "carl@c.test", "dora@d.test")[number]
    return {"raw": letter(author, message_id=mid), "mail_from": author, "auth": "A0"}


def trusted(past: Past, number: int, mid: str) -> Mail:
    """A new matter of somebody we know."""
    author = ("tess@t.test", "carl@c.test")[number % 2]
    return {"raw": letter(author, subject=f"Matter {mid}", message_id=mid), "mail_from": author}


def to_sales(past: Past, number: int, mid: str) -> Mail:
    """Where everybody gets a ticket, and an acknowledgement as long as the limits allow."""
    author = f"buyer{number}@y.test"
    raw = letter(author, "sales@g.test", subject=f"Offer {mid}", text=f"How much is {mid}?", message_id=mid)
    return {"raw": raw, "mail_from": author, "rcpt_to": ["sales@g.test"]}


def answers_ticket(past: Past, number: int, mid: str) -> Mail:
    """Carl, or somebody who has his token."""
    author = ("carl@c.test", "carl@c.test", "thief@z.test")[number]
    raw, to = answer(past.acknowledgement.raw, author, text=f"And {mid}.", message_id=mid)
    return {"raw": raw, "mail_from": author, "rcpt_to": [to]}


def answers_challenge(past: Past, number: int, mid: str) -> Mail:
    """Dora, or somebody who read her mail."""
    author = ("dora@d.test", "dora@d.test", "thief@z.test")[number]
    raw, to = answer(past.challenge.raw, author, text=f"Yes, I am {mid}.", message_id=mid)
    return {"raw": raw, "mail_from": author, "rcpt_to": [to]}


def challenged(past: Past, number: int, mid: str) -> Mail:
    """Dora writes again; what it is worth depends on whether she has answered."""
    raw = letter("dora@d.test", subject=f"Once more {mid}", text=f"Again: {mid}", message_id=mid)
    return {"raw": raw, "mail_from": "dora@d.test"}


def autoreply(past: Past, number: int, mid: str) -> Mail:
    """The machine of somebody we wrote to, or of somebody else."""
    about, author = (
        (past.acknowledgement, "carl@c.test"),
        (past.challenge, "dora@d.test"),
        (past.challenge, "other@o.test"),
    )[number]
    raw, to = answer(about.raw, author, text="I am away.", message_id=mid, Auto_Submitted="auto-replied")
    return {"raw": raw, "mail_from": "", "rcpt_to": [to]}


def bounce(past: Past, number: int, mid: str) -> Mail:
    """What we sent comes back."""
    about = (past.acknowledgement, past.challenge)[number % 2]
    report = "\n".join(
        (
            "--b\nContent-Type: text/plain\n\nIt could not be delivered.\n",
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.x.test\n",
            f"Final-Recipient: rfc822; {about.rcpt_to}\nAction: failed\nStatus: 5.1.1\n",
            f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {read(about.raw)['Message-ID']}\n",
            "--b--",
        )
    )
    kind = "multipart/report; report-type=delivery-status; boundary=b"
    raw = letter("MAILER-DAEMON@mx.x.test", text=report, message_id=mid, MIME_Version="1.0", Content_Type=kind)
    return {"raw": raw, "mail_from": "", "rcpt_to": [about.mail_from]}


def list_mail(past: Past, number: int, mid: str) -> Mail:
    """Of a list, whoever sends it."""
    author = ("tess@t.test", "news@n.test", "carl@c.test")[number]
    raw = letter(author, subject=f"Issue {mid}", message_id=mid, List_Id="<news.n.test>", Precedence="list")
    return {"raw": raw, "mail_from": "bounces@n.test"}


def two_mailboxes(past: Past, number: int, mid: str) -> Mail:
    """One mail to both; which of them comes first matters."""
    author = ("tess@t.test", "both@s0.test", "dora@d.test")[number]
    to = ["support@g.test", "sales@g.test"]
    raw = letter(author, ", ".join(to), subject=f"To all of you {mid}", message_id=mid)
    return {"raw": raw, "mail_from": author, "rcpt_to": to[:: -1 if number == 1 else 1]}


def in_thread(past: Past, number: int, mid: str) -> Mail:
    """An answer to the mail before, whoever wrote that, by name; the thread is one of people who copy each other."""
    author = ("tess@t.test", "carl@c.test", "ann@t.test")[number]
    place = int(mid.strip("<").partition("@")[0])
    named = " ".join(f"<{before}@mid.test>" for before in range(place))
    raw = letter(author, subject=f"Turn {mid}", message_id=mid, References=named, Cc="ann@t.test, carl@c.test")
    return {"raw": raw, "mail_from": author}


def in_conversation(past: Past, number: int, mid: str) -> Mail:
    """A mail of one conversation of Outlook, or of the one that our acknowledgement began."""
    author = ("tess@t.test", "carl@c.test", "thief@z.test")[number]
    index = "AQIDBAUGAQIDBAUGBwgJCgsMDQ4PEA==" if number else str(read(past.acknowledgement.raw)["Thread-Index"])
    return {"raw": letter(author, subject=f"FW {mid}", message_id=mid, Thread_Index=index), "mail_from": author}


def by_subject(past: Past, number: int, mid: str) -> Mail:
    """One matter of somebody we know, begun or answered, without a name."""
    subject = ("Lamp", "Re: Lamp", "Re: Lamp")[number]
    cc = {"Cc": "tess@t.test"} if number == 2 else {}
    author = "ann@t.test" if number == 2 else "tess@t.test"
    return {"raw": letter(author, subject=subject, text=f"Of {mid}.", message_id=mid, **cc), "mail_from": author}


def by_mark(past: Past, number: int, mid: str) -> Mail:
    """It quotes what we wrote to Carl, or gives the number."""
    author = ("carl@c.test", "thief@z.test", "carl@c.test")[number]
    mark = next(line for line in past.acknowledgement.raw.decode().splitlines() if line.startswith("Ref: "))
    subject, text = (f"Of {mid} [#1]", "No mark.") if number == 2 else (f"Of {mid}", mark)
    return {"raw": letter(author, subject=subject, text=text, message_id=mid), "mail_from": author}


def by_list(past: Past, number: int, mid: str) -> Mail:
    """One mail that came by a list and by itself."""
    by = {"List_Id": "<users.t.test>", "subject": "[users] To all"} if number else {"subject": "To all"}
    text = f"All of you.{chr(10) + 'footer' if number else ''}"
    raw = letter("tess@t.test", text=text, message_id="<to-all@t.test>", **by)
    return {"raw": raw, "mail_from": "tess@t.test"}


def same_name(past: Past, number: int, mid: str) -> Mail:
    """Different mails under one name."""
    raw = letter("tess@t.test", subject=f"Mine is {number}", text=f"Of {number}.", message_id="<taken@t.test>")
    return {"raw": raw, "mail_from": "tess@t.test"}


MAKERS: dict[str, Callable[[Past, int, str], Mail]] = {
    maker.__name__: maker
    for maker in (
        stranger, swarm, unproven, trusted, to_sales, answers_ticket, answers_challenge, challenged, autoreply, bounce,
        list_mail, two_mailboxes, in_thread, in_conversation, by_subject, by_mark, by_list, same_name,
    )
}  # fmt: skip
AGAIN = "again"  # the same transaction once more, as a client does that lost our 250
COPY = "copy"  # the same mail by another way

STEPS = st.lists(st.tuples(st.sampled_from((*MAKERS, AGAIN, COPY)), st.integers(0, 2)), min_size=2, max_size=MOST_MAILS)


def mails_of(past: Past, steps: Sequence[Step]) -> list[Mail]:
    mails: list[Mail] = []
    for place, (name, number) in enumerate(steps):
        if name in MAKERS:
            mails.append(MAKERS[name](past, number, f"<{place}@mid.test>"))
        elif mails and name == AGAIN:
            mails.append(mails[number % len(mails)])
        elif mails:
            mails.append(mails[number % len(mails)] | {"rcpt_to": [f"sales+{place}@g.test"]})
    return mails


# ── What is left of them ──────────────────────────────────────────────────────────────────────────────────────────────

TABLES = (
    tables.journal,
    tables.message,
    tables.ticket,
    tables.participant,
    tables.ticket_event,
    tables.permit,
    tables.challenge,
    tables.address,
    tables.domain,
    tables.outbox,
    tables.counter,
    tables.breaker,
    tables.mishap,
)
# What is drawn anew each time, and says nothing.
DRAWN = {"id", "raw_id", "token_id", "marker", "queue_id", "contact_id", "permit_id", "lease_owner", "lease_until"}
TOKEN = re.compile(r"\b[rcbm]1[0-9a-z]{40}\b|\bmg1\.[0-9a-z]{2}\.[0-9a-z]{13}\.[0-9a-z]{26}\b")


def left(lab: Lab) -> dict[str, object]:
    """All rows, in words that are the same wherever the same has happened, and what was handed on."""
    sent = sorted((sent.kind, sent.rcpt_to) for sent in lab.sent)
    return {**lab.database.look(_rows), "ledger": asdict(lab.ledger()), "sent": sent}


def _rows(conn: Connection) -> dict[str, list[str]]:
    names = _names(conn)
    return {
        table.name: sorted(_in_words(row._asdict(), names) for row in conn.execute(select(table))) for table in TABLES
    }


def _in_words(row: Mapping[str, Any], names: Mapping[int, str]) -> str:
    said = {key: names.get(value, value) if isinstance(value, int) else value for key, value in row.items()}
    if row.get("purpose"):
        said["thread_guid"] = "ours"
    return TOKEN.sub("token", str({key: value for key, value in said.items() if key not in DRAWN}))


def _names(conn: Connection) -> dict[int, str]:
    """What each id stands for."""
    journal, message, ticket, challenge = (
        t.c for t in (tables.journal, tables.message, tables.ticket, tables.challenge)
    )
    mails = conn.execute(select(message.id, message.identity, message.purpose, message.mailbox, message.recipient))
    numbered = enumerate(conn.scalars(select(journal.id).order_by(journal.id)))
    return {
        **{
            row.id: f"{row.purpose} to {row.recipient}" if row.purpose else f"{row.identity} at {row.mailbox}"
            for row in mails
        },
        **{id_: f"mail {place}" for place, id_ in numbered},
        **{id_: f"#{number}" for id_, number in conn.execute(select(ticket.id, ticket.number))},
        **{id_: f"challenge of {address}" for id_, address in conn.execute(select(challenge.id, challenge.address))},
    }


# ── The same, whichever way ───────────────────────────────────────────────────────────────────────────────────────────


async def at_once(lab: Lab, mails: Sequence[Mail]) -> list[Handed]:
    handed = await lab.receive_many(mails)
    await lab.settle()
    return handed


async def one_by_one(lab: Lab, mails: Sequence[Mail]) -> list[Handed]:
    """Each is judged before the next comes in. What leaves is delivered after all, for what somebody does who has a
    mail of ours in hand already is another story."""
    handed = []
    for mail in mails:
        handed.append(await lab.receive(**mail))
        await lab.intake.settle()
    await lab.settle()
    return handed


def same_receipts(handed: Sequence[Handed]) -> list[list[int]]:
    """Which of the transactions were taken for one and the same."""
    ids = [one.queue_id for one in handed]
    return [[place for place, other in enumerate(ids) if other == mine] for mine in ids]


SHARED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def batches(test: Any) -> Any:
    """Examples that each found a fault once, then others."""
    for steps in (
        [("answers_challenge", 0), ("challenged", 0), ("challenged", 0)],
        [("challenged", 0), ("autoreply", 1), ("answers_challenge", 0)],
        [("swarm", 0), ("swarm", 1), ("swarm", 2), ("two_mailboxes", 1), (AGAIN, 0), (COPY, 0)],
        [("bounce", 1), ("answers_challenge", 0), ("bounce", 0), ("answers_ticket", 0)],
        [("in_thread", 0), ("in_thread", 2), ("in_thread", 1), ("in_thread", 0), (COPY, 2)],
        [("in_conversation", 0), ("in_conversation", 1), ("in_conversation", 1), ("in_conversation", 2)],
        [("by_subject", 0), ("by_subject", 1), ("by_subject", 0), ("by_subject", 1), ("by_subject", 2)],
        [("by_mark", 0), ("by_mark", 1), ("by_mark", 2), ("by_list", 0), ("by_list", 1), ("by_list", 1)],
        [("by_list", 1), ("by_list", 0), ("same_name", 0), ("same_name", 1), ("in_thread", 0), ("same_name", 2)],
        [("to_sales", 0), ("to_sales", 0), ("to_sales", 0), ("to_sales", 0), ("answers_ticket", 2)],
    ):
        test = example(steps=steps)(test)
    return given(steps=STEPS)(test)


@only(SQLITE)
@settings(SHARED, max_examples=8)
@batches
async def test_a_batch_is_worth_its_mails(past: Past, steps: list[Step]) -> None:
    await is_worth_its_mails(past, steps)


@only(POSTGRESQL)
@settings(SHARED, max_examples=2)
@batches
async def test_a_batch_is_worth_its_mails_on_a_server(past: Past, steps: list[Step]) -> None:
    await is_worth_its_mails(past, steps)


async def is_worth_its_mails(past: Past, steps: list[Step]) -> None:
    mails = mails_of(past, steps)
    async with past.taken_up() as batch, past.taken_up() as row:
        together, apart = await at_once(batch, mails), await one_by_one(row, mails)

        assert same_receipts(together) == same_receipts(apart)
        assert [[code for code, _ in one.replies] for one in together] == [
            [code for code, _ in one.replies] for one in apart
        ]
        found, expected = left(batch), left(row)
        for name in expected:
            assert found[name] == expected[name], name
        assert batch.ledger().balanced
        assert batch.ledger().shunted == batch.ledger().pending == 0
