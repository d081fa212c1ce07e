"""Message data: found whole, however it is cut; ended by CR LF . CR LF alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.net.data import BARE_LINE_END, END, Incoming, LineEnds, Message, has_long_line

LIMIT = 10_000


def _received(chunks: list[bytes], limit: int = LIMIT) -> tuple[Message, bytes]:
    """The message, and what the client said behind its end."""
    incoming, behind = Incoming(limit), None
    for chunk in chunks:
        behind = incoming.take(chunk) if behind is None else behind + chunk
    assert behind is not None
    return incoming.message(), behind


def _kept(content: bytes) -> Message:
    return Message(content, too_big=False, smuggled=False, notes=())


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"hello\r\n.\r\n", b"hello\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"..hidden\r\na\r\n...\r\n.\r\n", b".hidden\r\na\r\n..\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n"),
    ],
)
def test_a_message_is_what_the_client_meant(sent: bytes, content: bytes) -> None:
    assert _received([sent]) == (_kept(content), b"")


LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")), max_size=20)


@given(lines=LINES, following=st.binary(max_size=20), cuts=st.lists(st.integers(0, 700), max_size=8))
def test_cutting_it_anywhere_changes_nothing(lines: list[bytes], following: bytes, cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines)
    sent = stuffed + b".\r\n" + following
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    chunks = [sent[start:end] for start, end in pairwise(places)]
    assert _received(chunks) == (_kept(content), following)


@given(text=st.text("\r\n.a", max_size=40))
def test_no_text_that_another_server_could_end_earlier_is_let_through(text: str) -> None:
    message, _ = _received([text.encode() + END])
    whole = b"\r\n" + text.encode() + END
    inside = whole[: whole.index(END) + 2]
    other_ends = [before + b"." + after for before in (b"\r", b"\n") for after in (b"\r", b"\n")]
    assert message.smuggled == any(end in inside for end in other_ends)


@pytest.mark.parametrize(("octets", "too_big"), [(LIMIT, False), (LIMIT + 1, True)])
@pytest.mark.parametrize("line", [b"x", b"..\r\n"], ids=["plain", "stuffed"])
def test_the_limit_counts_what_the_client_meant(octets: int, too_big: bool, line: bytes) -> None:
    meant = b".\r\n" if line == b"..\r\n" else line
    count = (octets - 2) // len(meant)
    sent = line * count + b"y" * (octets - 2 - count * len(meant)) + b"\r\n.\r\n"
    message, _ = _received([sent])
    assert message.too_big == too_big


def test_what_is_too_big_is_not_kept() -> None:
    incoming = Incoming(LIMIT)
    for _ in range(100):
        assert incoming.take(b"x" * LIMIT) is None
        assert len(incoming._text) < 2 * LIMIT
    assert incoming.take(b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
    assert incoming.message() == Message(b"", too_big=True, smuggled=False, notes=())


@given(text=st.text("\r\na", max_size=12), cut=st.integers(0, 12))
def test_a_bare_line_end_is_seen_wherever_the_count_was_interrupted(text: str, cut: int) -> None:
    ends = LineEnds()
    for end in (min(cut, len(text)), len(text)):
        ends.count(bytearray(text.encode()), end)
    assert ends.bare == any(end in text.replace("\r\n", "") for end in "\r\n")


@pytest.mark.parametrize("odd", [b"x\rx\r\n", b"x\nx\r\n", b"x" * 76 + b"\n\r", b"x" * 77 + b"\n", b"x" * 76 + b"\r\n"])
def test_one_bare_line_end_is_seen_in_a_large_mail(odd: bytes) -> None:
    lines = b"x" * 76 + b"\r\n"
    sent = lines * 2000 + odd + lines * 2000 + END[2:]
    message, _ = _received([sent[start : start + 10_007] for start in range(0, len(sent), 10_007)], limit=len(sent))
    assert message.notes == (() if odd == lines else (BARE_LINE_END,))


@given(lengths=st.lists(st.integers(0, 1500), max_size=12))
def test_a_line_of_more_than_a_thousand_octets_is_long(lengths: list[int]) -> None:
    lines = [b"x" * length + b"\r\n" for length in lengths]
    assert has_long_line(b"".join(lines)) == any(len(line) > 1000 for line in lines)
