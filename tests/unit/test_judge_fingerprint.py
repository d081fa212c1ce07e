"""A robot's every turn has one fingerprint; two people's letters have two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge.fingerprint import base_subject, fingerprint, normal_subject
from tests.fakes.judging import rulebook

SECRET = b"k" * 32
PREFIXES = rulebook().limits.reply_prefixes
BODY = "We received your request 4711 and will answer soon."


def of(subject: str = "Ticket received", text: str = BODY) -> str:
    return fingerprint(subject, text, PREFIXES, SECRET)


SAME = [
    pytest.param("Re: Ticket received", BODY, id="a reply prefix"),
    pytest.param("AW: Re: FWD: Ticket received", BODY, id="stacked prefixes"),
    pytest.param("回复：Ticket received", BODY, id="a full-width colon"),
    pytest.param("[#123] Ticket received", BODY, id="a number in front"),
    pytest.param("Re: [Ticket 99] RE: (Case 7) Ticket received", BODY, id="tags that pile up"),
    pytest.param("TICKET  RECEIVED", BODY, id="case and blanks"),
    pytest.param("Ticket received", BODY.replace("4711", "4712"), id="another number"),
    pytest.param("Ticket received", f"{BODY}\n-- \nYour robot, build 7", id="a signature"),
    pytest.param("Ticket received", f"{BODY}\nmg-1abcdefgh-abcdefgh", id="our marker"),
    pytest.param("Ticket received", f"  {BODY}\n\n", id="white space around"),
]


@pytest.mark.parametrize(("subject", "text"), SAME)
def test_a_turn_of_a_robot_looks_like_the_one_before(subject: str, text: str) -> None:
    assert of(subject, text) == of()


OTHER = [
    pytest.param("My printer burns", BODY, id="another subject"),
    pytest.param("Ticket received", "Something else", id="another text"),
    pytest.param("My automatic reply is broken: help", BODY, id="a colon that ends no prefix"),
]


@pytest.mark.parametrize(("subject", "text"), OTHER)
def test_another_letter_looks_like_another(subject: str, text: str) -> None:
    assert of(subject, text) != of()


def test_links_and_addresses_do_not_tell_letters_apart() -> None:
    assert of(text="go to https://x.test/a?b=1 or write joe@x.test") == of(
        text="go to http://y.test/ or write ann@y.test"
    )


def test_nobody_without_the_secret_can_make_one() -> None:
    assert fingerprint("a", "b", PREFIXES, SECRET) != fingerprint("a", "b", PREFIXES, b"other")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Re: RE: My Printer 7", "My Printer 7"),
        ("回复：Aw : Hallo", "Hallo"),
        ("Note: this stays", "Note: this stays"),
        ("", ""),
    ],
)
def test_only_prefixes_are_taken_off_a_subject_that_is_answered(subject: str, expected: str) -> None:
    assert base_subject(subject, PREFIXES) == expected


def test_a_subject_of_a_million_prefixes_takes_no_time() -> None:
    """Each one costs a copy of the rest, so only the beginning is read."""
    assert len(normal_subject("re:" * 1_000_000, PREFIXES)) < 3
    assert len(base_subject("re:" * 1_000_000, PREFIXES)) < 3


@given(st.text(alphabet=st.characters(), max_size=200), st.text(alphabet=st.characters(), max_size=200))
def test_any_text_has_a_fingerprint(subject: str, text: str) -> None:
    assert len(of(subject, text)) == 32
    base_subject(subject, PREFIXES)


def test_a_long_text_is_the_same_under_any_subject() -> None:
    text = "the pump of the second floor has stopped and the water rises " * 3
    assert of("Pump", text) == of("Help! Water!", text)
    assert of("Pump", text[:60]) != of("Help! Water!", text[:60])
