"""Whatever a reply says, it goes over the wire as a reply."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Reply
from mailgate.net import replies

OWN = [value for value in vars(replies).values() if isinstance(value, Reply)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2.0.0 Ok", b"250 2.0.0 Ok\r\n"),
        ("g.test\nSIZE 1\nSMTPUTF8", b"250-g.test\r\n250-SIZE 1\r\n250 SMTPUTF8\r\n"),
        ("naïve\r\nQUIT", b"250-na?ve?\r\n250 QUIT\r\n"),
        ("", b"250 \r\n"),
    ],
)
def test_a_reply_is_written(text: str, written: bytes) -> None:
    assert replies.render(Reply(250, text)) == written


@given(code=st.integers(200, 599), text=st.text(max_size=1000))
def test_any_text_makes_one_well_formed_reply(code: int, text: str) -> None:
    lines = replies.render(Reply(code, text)).split(b"\r\n")
    assert lines.pop() == b""
    assert all(re.fullmatch(rb"%d-[\x20-\x7e]{0,400}" % code, line) for line in lines[:-1])
    assert re.fullmatch(rb"%d [\x20-\x7e]{0,400}" % code, lines[-1])


@pytest.mark.parametrize("reply", OWN, ids=[f"{reply}" for reply in OWN])
def test_our_own_replies_carry_an_enhanced_code_of_their_class(reply: Reply) -> None:
    """RFC 2034 section 4. What goes before data and greetings has none (section 3)."""
    if reply.code != 354:
        assert re.match(rf"{str(reply.code)[0]}\.\d\.\d+ ", reply.text)
    assert reply.code != 421 or reply.close
