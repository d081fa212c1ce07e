"""What is read out of a mail of the conversation that it follows."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import token
from mailgate.judge.ask import apart
from mailgate.judge.evidence import LONGEST_TOPIC, MOST_NUMBERS, numbers_in, other_names, topic_of
from mailgate.mail.parse import GUID_CHARS, thread_guid
from tests.fakes.judging import KEYS, Judging, Letter, rulebook

GUID = bytes(range(16))
HEAD = b"\1\2\3\4\5\6"


def index(block: bytes) -> str:
    return base64.b64encode(block).decode()


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("Re: The printer [#12]", (12,)),
        ("[#12] and [#7] and [#12]", (12, 7)),
        ("[#0] [#-1] [# 3] [#3a] #4 (#5) [6]", ()),
        (f"[#{'9' * 10}]", ()),
        (" ".join(f"[#{number}]" for number in range(1, 99)), tuple(range(1, MOST_NUMBERS + 1))),
        ("", ()),
    ],
)
def test_numbers_are_read_as_we_write_them(subject: str, numbers: tuple[int, ...]) -> None:
    assert numbers_in(subject) == numbers


@pytest.mark.parametrize(
    "subject",
    [
        "The printer",
        "Re: AW: the PRINTER",
        "[users] Re: The printer [#12]",
        "Re: [#12] The  printer",
        "fwd: The printer",
    ],
)
def test_subjects_that_mean_the_same_are_the_same(subject: str) -> None:
    assert topic_of(subject, rulebook().limits.reply_prefixes) == "the printer"


@given(st.text())
def test_any_subject_has_a_short_topic_that_stays_as_it_is(subject: str) -> None:
    prefixes = rulebook().limits.reply_prefixes

    topic = topic_of(subject, prefixes)

    assert len(topic) <= LONGEST_TOPIC
    assert numbers_in(topic) == ()


@pytest.mark.parametrize(
    ("value", "guid"),
    [
        pytest.param(index(HEAD + GUID), GUID.hex(), id="the first mail"),
        pytest.param(index(HEAD + GUID + b"later" * 9), GUID.hex(), id="an answer"),
        pytest.param(f" {index(HEAD + GUID)[:9]} {index(HEAD + GUID)[9:]}", GUID.hex(), id="folded"),
        pytest.param(index(HEAD + bytes(16)), "", id="zeros"),
        pytest.param(index(HEAD + GUID[:-1]), "", id="too short"),
        pytest.param("", "", id="nothing"),
        pytest.param("ä" * GUID_CHARS, "", id="no base64"),
    ],
)
def test_the_conversation_of_outlook_is_read(value: str, guid: str) -> None:
    assert thread_guid(value) == guid


@given(st.text())
def test_any_text_is_a_conversation_or_none(value: str) -> None:
    assert len(thread_guid(value)) in (0, 32)


def test_marks_are_read_wherever_they_stand_and_each_once() -> None:
    first, second = token.marker(7, KEYS), token.marker(8, KEYS)
    text = f"> Ref: {first}\n>> ({second.upper()}) {first} {first[:-1]}x mg-"

    assert token.markers(text, KEYS) == (7, 8)


def test_what_a_relay_may_have_renamed_is_looked_for_bare_as_well() -> None:
    names = ["<a@eu-west-1.amazonses.com>", "<b@amazonses.com>", "<c@notamazonses.com>", "<@amazonses.com>"]

    found = other_names(Judging().case(Letter(answers=names)), rulebook().limits)

    assert set(found) == {*names, "a", "b"}


def test_a_batch_is_parted_where_one_mail_may_join_another() -> None:
    desk = Judging()
    letters = [
        Letter(message_id="<1@x>"),
        Letter(message_id="<2@x>", subject="Other"),
        Letter(message_id="<3@x>", answers=["<1@x>"], subject="Third"),
        Letter(message_id="<4@x>", subject="Re: third"),
        Letter(message_id="<5@x>", subject="Third"),
        Letter(author="ann@y.test", message_id="<6@x>", subject="Re: third"),
    ]

    parts = apart([desk.case(letter) for letter in letters], rulebook().limits)

    assert [[case.mail.message_id for case in part] for part in parts] == [
        ["<1@x>", "<2@x>"],
        ["<3@x>"],
        ["<4@x>", "<5@x>", "<6@x>"],
    ]
