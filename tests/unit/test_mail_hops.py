import time

import pytest

from mailgate.mail.headers import MOST_BYTES
from mailgate.mail.hops import count_hops

HEADERS = {
    "none": (b"Subject: x\r\n\r\n", 0),
    "in any case": (b"Received: a\r\nRECEIVED : b\r\nX: c\r\n\r\n", 2),
    "not in the body": (b"Received: a\r\n\r\nReceived: b\r\n", 1),
    "not within a line": (b"X: Received: a\r\nX-Received: b\r\n\r\n", 0),
    "without a body": (b"Received: a\r\nReceived: b", 2),
}


@pytest.mark.parametrize(("raw", "hops"), HEADERS.values(), ids=HEADERS)
def test_hops_are_counted(raw: bytes, hops: int) -> None:
    assert count_hops(raw) == hops


def test_no_more_is_read_than_a_header_may_have() -> None:
    hop = b"Received: from a by b\r\n"
    raw = hop * 60 + b"x" * 50_000_000
    started = time.process_time()

    assert count_hops(raw) == 60
    assert count_hops(b"X: " + b"y" * MOST_BYTES + b"\r\n" + hop) == 0
    assert time.process_time() - started < 0.05
