"""Whatever bytes come as a mail: they are refused in words or kept as they came, judged, and nobody's mail suffers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from mailgate.model import Disposition
from mailgate.store import journal, tables
from mailgate.store.ledger import Ledger
from mailgate.testing import Handed, Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

SHARED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

# What mail is made of, and what breaks those who read it.
FRAGMENTS = (
    b"From: Anne <anne@x.test>\r\n",
    b"From: =?utf-8?b?////?= <a@x.test>, b@\xff\xfe\r\n",
    b'From: <a@[127.0.0.1]>, "\\\r\n',
    b"From:\r\n",
    b"Sender: a@b@c@d\r\n",
    b"To: undisclosed-recipients:;\r\n",
    b"Subject: =?utf-16?q?=D8?= =?x-nowhere?b?AAAA?= =?utf-8?q?" + b"=00" * 40 + b"?=\r\n",
    b"Subject: Re: Aw: [#1] \xed\xa0\x80\x00\x1b[2J\r\n",
    b"Message-ID: <same@x.test>\r\n",
    b"Message-ID: " + b"<" * 300 + b"\r\n",
    b"In-Reply-To: <mg1.1m.0123456789abc.defghjkmnpqrstvwxyz012345@g.test>\r\n",
    b"References: " + b"<r@x.test> " * 200 + b"\r\n",
    b"Mailgate-Trace: v=1; i=laborat1; k=1\r\n",
    b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n",
    b"Auto-Submitted: auto-replied (\r\n",
    b"List-Id: <\r\n",
    b"Precedence: bulk\r\n",
    b"Received: from a by b; \r\n" * 60,
    b"DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s; bh=; b=\r\n",
    b"Authentication-Results: mx.g.test; dkim=pass\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b\r\n',
    b"Content-Type: message/rfc822\r\n",
    b'Content-Type: text/html; charset="\xff"\r\n',
    b"Content-Type: text/calendar; method=REPLY\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n\n",
    b"\r",
    b"--b\r\n",
    b"--b--\r\n",
    b"Final-Recipient: rfc822; \xff\r\nAction: failed\r\n",
    b"<div><blockquote>" * 60,
    b"begin 644 a\r\n",
    b"> " * 500,
    b"=\r\n=3D=\xff",
    b"\x00" * 50,
    b"\xe2\x80\xae\xf0\x9f\x96\xa8" * 9,
)
SOUP = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=25).map(b"".join)
ANYTHING = st.binary(max_size=500) | SOUP
SENDERS = st.sampled_from(("", "anne@x.test", '"a b"@x.test', "jürgen@bücher.test", "a@[192.0.2.1]", "\udcff@x.test"))
RECIPIENTS = st.sampled_from((("support@g.test",), ("postmaster",), ("support+tag@g.test", "abuse@g.test")))
PROOFS = st.sampled_from(("A2", "A1", "A0", "verify"))


@pytest.fixture
async def lab(laboratory: Laboratory) -> AsyncIterator[Lab]:
    async with laboratory() as opened:
        yield opened


def account(lab: Lab) -> Ledger:
    found = lab.ledger()
    assert isinstance(found, Ledger)
    return found


def is_clear(handed: Handed) -> bool:
    """Does every recipient have an answer: accepted, or refused with a code that says for how long?"""
    return all(code == 250 or (400 <= code < 600 and text[:2] == f"{code // 100}.") for code, text in handed.replies)


def kept(lab: Lab, handed: Handed) -> list[bytes]:
    """The bytes that were stored of what was handed in, once per recipient."""
    rows, raw = tables.journal.c, tables.raw.c
    found = select(raw.zstd, raw.size_bytes).join(tables.journal, rows.raw_id == raw.id)
    mine = found.where(rows.queue_id == handed.queue_id)
    return lab.database.look(lambda conn: [journal.decompressed(*row) for row in conn.execute(mine)])


@settings(SHARED, max_examples=120)
@given(raw=ANYTHING, mail_from=SENDERS, rcpt_to=RECIPIENTS, auth=PROOFS)
async def test_any_bytes_are_kept_and_judged(
    lab: Lab, raw: bytes, mail_from: str, rcpt_to: tuple[str, ...], auth: str
) -> None:
    before = account(lab)

    handed = await lab.receive(raw, mail_from=mail_from, rcpt_to=rcpt_to, auth=auth)
    await lab.settle()

    after = account(lab)
    assert is_clear(handed)
    assert kept(lab, handed) == ([raw] * len(rcpt_to) if handed.queue_id else [])
    assert after.balanced
    assert (after.shunted, after.pending) == (before.shunted, 0)


_numbers = count()


@settings(SHARED, max_examples=40)
@given(soups=st.lists(ANYTHING, min_size=1, max_size=6), place=st.integers(0, 6))
async def test_a_persons_mail_in_the_midst_of_any_bytes_finds_its_place(
    lab: Lab, soups: list[bytes], place: int
) -> None:
    before, author = account(lab), f"anne@x{next(_numbers)}.test"
    mails = [{"raw": soup, "mail_from": "robot@y.test"} for soup in soups]
    mails.insert(place, {"raw": letter(author), "mail_from": author})

    handed = await lab.receive_many(mails)
    await lab.settle()

    after = account(lab)
    verdict = lab.verdict(handed[place if place < len(soups) else -1])
    assert verdict
    assert verdict["disposition"] == Disposition.HOLD
    assert after.balanced
    assert (after.shunted, after.pending) == (before.shunted, 0)
