"""A mail goes on as it came: nothing of it changed, nothing of anybody's in our fields but what belongs there."""

from __future__ import annotations

from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.mail.hops import count_hops
from mailgate.mail.onward import Passage, onward
from mailgate.mail.parse import parse
from tests.fakes import seals

PASSAGE = Passage(
    client="192.0.2.1",
    helo="mail.x.test",
    host="mx.g.test",
    protocol="ESMTPS",
    id="7.abc",
    at=datetime(2026, 1, 5, 9, tzinfo=UTC),
    mailbox="support@g.test",
    trace="v=1; i=x; k=redirect; n=1; t=1767603600; m=1abc",
)
PEM = seals.KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
RAW = b"From: joe@x.test\r\nTo: support@g.test\r\nSubject: Hi\r\nMessage-ID: <1@x.test>\r\n\r\nHello.\r\n"


@given(st.binary(max_size=300))
def test_whatever_it_is_it_stands_unchanged_below_our_fields(raw: bytes) -> None:
    sent = onward(raw, PASSAGE)
    assert sent.endswith(raw)
    assert sent.startswith(b"Delivered-To: support@g.test\r\nMailgate-Trace: ")


def test_it_has_one_hop_more_and_says_who_brought_it() -> None:
    mail = parse(onward(RAW, PASSAGE))

    assert count_hops(onward(RAW, PASSAGE)) == count_hops(RAW) + 1
    assert mail.headers["received"] == (
        "from mail.x.test ([192.0.2.1]) by mx.g.test with ESMTPS id 7.abc; Mon, 05 Jan 2026 09:00:00 +0000",
    )
    assert "auto-submitted" not in mail.headers
    assert not [name for name in mail.headers if name.startswith("resent-")]


@given(st.text(max_size=40))
def test_no_name_of_a_client_begins_another_field_or_a_line(name: str) -> None:
    added = onward(b"", replace(PASSAGE, helo=name, client=name)).decode()
    lines = added.split("\r\n")
    assert "\r" not in "".join(lines)
    assert "\n" not in "".join(lines)
    assert [line.partition(":")[0] for line in lines if line and line[0] != " "] == [
        "Delivered-To",
        "Mailgate-Trace",
        "Received",
    ]
    assert all(len(line.encode()) <= 998 for line in lines)


@pytest.mark.parametrize("canonical", [b"simple", b"relaxed"])
def test_the_signature_of_its_author_s_server_holds(canonical: bytes) -> None:
    signature = dkim.sign(
        RAW,
        b"s1",
        b"x.test",
        PEM,
        canonicalize=(canonical, canonical),
        include_headers=[b"from", b"to", b"subject", b"message-id"],
    )
    sent = onward(signature + RAW, PASSAGE)
    assert dkim.verify(sent, dnsfunc=lambda name, **more: seals.record())
