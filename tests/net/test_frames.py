"""What fronts and the keeper write to each other comes back as it was, however it is cut."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Arrival, Peer, Protocol, Reply, Role
from mailgate.net.frames import (
    MOST_HEADER_BYTES,
    FrameError,
    Frames,
    arrival_header,
    arrival_of,
    frame,
    replies_of,
    reply_lists,
)

# Surrogates stand for bytes that were no UTF-8.
words = st.text(st.characters(codec=None), max_size=30)
arrivals = st.builds(
    Arrival,
    mail_from=words,
    recipients=st.lists(words, min_size=1, max_size=5).map(tuple),
    raw=st.binary(max_size=200),
    peer=st.builds(
        Peer,
        helo=words,
        protocol=st.sampled_from(Protocol),
        role=st.sampled_from(Role),
        tls=st.booleans(),
        via=st.none() | words,
    ),
    at=st.datetimes(timezones=st.just(UTC)),
    notes=st.lists(st.sampled_from(["bare-line-end", "long-line"]), max_size=2).map(tuple),
)


@given(st.lists(arrivals, max_size=4), st.integers(1, 97))
def test_mail_comes_out_as_it_went_in_wherever_the_stream_is_cut(sent: list[Arrival], piece: int) -> None:
    stream = b"".join(b"".join(frame(arrival_header(arrival), arrival.raw)) for arrival in sent)
    frames = Frames(200)
    pieces = (stream[at : at + piece] for at in range(0, len(stream), piece))
    assert [arrival_of(header, body) for some in pieces for header, body in frames.feed(some)] == sent


def test_replies_come_out_as_they_went_in() -> None:
    replies = [Reply(250, "2.0.0 Ok"), Reply(452, "4.2.2 Over quota"), Reply(421, "4.3.2 Bye", close=True)]
    ((header, _),) = Frames(0).feed(frame({"replies": reply_lists(replies)})[0])
    assert replies_of(header["replies"]) == replies


def test_a_name_that_only_a_newer_version_knows_is_passed_over() -> None:
    arrival = Arrival("a@x.test", ("b@g.test",), b"", Peer(), datetime(2026, 1, 5, tzinfo=UTC))
    assert arrival_of({**arrival_header(arrival), "colour": "blue"}, b"") == arrival


def feed(*pieces: bytes) -> None:
    frames = Frames(10)
    for piece in pieces:
        list(frames.feed(piece))


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(frame({}, b"x" * 11), id="a body larger than allowed"),
        pytest.param(((MOST_HEADER_BYTES + 1).to_bytes(4, "big") + bytes(4),), id="a header larger than allowed"),
        pytest.param((b"\0\0\0\3\0\0\0\0{{{",), id="no JSON"),
        pytest.param((b"\0\0\0\2\0\0\0\0[]",), id="no object"),
        pytest.param((b"\0\0\0\2\0\0\0\0\xff\xff",), id="no text"),
    ],
)
def test_a_stream_that_nobody_of_us_would_write_is_refused(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(FrameError):
        feed(*pieces)


@pytest.mark.parametrize("header", [{}, {"from": "a", "to": 7, "at": "x", "notes": [], "peer": {}}])
def test_a_header_without_an_arrival_is_refused(header: dict[str, object]) -> None:
    with pytest.raises(FrameError):
        arrival_of(header, b"")


def test_answers_that_are_no_replies_are_refused() -> None:
    with pytest.raises(FrameError):
        replies_of([["many", "words"]])
