from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.parse import parse
from mailgate.mail.trace import received_line, return_path_line
from mailgate.model import Peer, Protocol

PEER = Peer(ip="192.0.2.1", helo="mail.x.test")
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def line(peer: Peer, rcpt_to: str = "") -> str:
    return received_line(peer, by="mx.g.test", queue_id="Q1.mac", at=AT, rcpt_to=rcpt_to).decode()


def test_a_received_field_says_from_by_with_id_for_and_when() -> None:
    expected = (
        "Received: from mail.x.test ([192.0.2.1])\r\n\tby mx.g.test with ESMTP id Q1.mac\r\n"
        "\tfor <support@g.test>;\r\n\tSun, 22 Nov 2026 10:00:00 +0000\r\n"
    )
    assert line(PEER, "support@g.test") == expected


def test_recipients_of_a_shared_mail_are_not_told_of_each_other() -> None:
    assert " for " not in line(PEER).replace("\t", " ")


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (replace(PEER, tls=True), " with ESMTPS "),
        (replace(PEER, utf8=True), " with UTF8SMTP "),
        (replace(PEER, protocol=Protocol.LMTP), " with LMTP "),
        (replace(PEER, ip="2001:db8::1"), "([IPv6:2001:db8::1])"),
        (Peer(helo="mx.g.test"), "from mx.g.test\r\n"),
        (Peer(), "from localhost\r\n"),
        (Peer(ip="192.0.2.1"), "from [192.0.2.1] ([192.0.2.1])"),
    ],
)
def test_the_clauses_follow_the_session(peer: Peer, expected: str) -> None:
    assert expected in line(peer)


def test_the_null_reverse_path_is_written_as_such() -> None:
    assert return_path_line("") == b"Return-Path: <>\r\n"


@given(st.text(), st.text(), st.text())
def test_nothing_a_client_says_can_begin_another_field(helo: str, address: str, queue_id: str) -> None:
    head = received_line(Peer(helo=helo, ip="192.0.2.1"), by="mx.g.test", queue_id=queue_id, at=AT, rcpt_to=address)
    read = parse(return_path_line(address) + head + b"\r\nbody")
    assert set(read.headers) == {"return-path", "received"}
    assert (read.hops, read.defects) == (1, ("no-from",))
