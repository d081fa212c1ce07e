import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge.failure import LONGEST_WHY, Meaning, meaning, why

NOBODY, LATER, REFUSED = Meaning.NOBODY, Meaning.LATER, Meaning.REFUSED

# Every code of the registry of enhanced status codes that a host gives for a failure, and what follows.
CODES = {
    "5.0.0": NOBODY,
    "5.1.0": NOBODY,
    "5.1.1": NOBODY,
    "5.1.2": NOBODY,
    "5.1.3": NOBODY,
    "5.1.4": NOBODY,
    "5.1.6": NOBODY,
    "5.1.7": REFUSED,
    "5.1.8": REFUSED,
    "5.1.9": REFUSED,
    "5.1.10": NOBODY,
    "5.2.0": NOBODY,
    "5.2.1": NOBODY,
    "5.2.2": LATER,
    "5.2.3": REFUSED,
    "5.2.4": NOBODY,
    "5.3.0": REFUSED,
    "5.3.1": LATER,
    "5.3.2": REFUSED,
    "5.3.3": REFUSED,
    "5.3.4": REFUSED,
    "5.3.5": REFUSED,
    "5.4.0": LATER,
    "5.4.1": NOBODY,
    "5.4.2": LATER,
    "5.4.3": NOBODY,
    "5.4.4": NOBODY,
    "5.4.5": LATER,
    "5.4.6": LATER,
    "5.4.7": LATER,
    "5.5.0": REFUSED,
    "5.5.2": REFUSED,
    "5.5.3": REFUSED,
    "5.6.0": REFUSED,
    "5.6.3": REFUSED,
    "5.6.7": REFUSED,
    "5.7.0": REFUSED,
    "5.7.1": REFUSED,
    "5.7.26": REFUSED,
    "5.7.129": REFUSED,
    "5.7.133": REFUSED,
    "4.2.1": LATER,
    "4.2.2": LATER,
    "4.3.2": LATER,
    "4.4.1": LATER,
    "4.4.7": LATER,
    "4.7.1": LATER,
    "": NOBODY,
    "5.9.9": NOBODY,
    "failed": NOBODY,
}


@pytest.mark.parametrize(("status", "expected"), CODES.items())
def test_a_code_says_what_follows(status: str, expected: Meaning) -> None:
    assert meaning(status) is expected


@given(st.text(max_size=12) | st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True))
def test_every_code_says_something(status: str) -> None:
    assert meaning(status) in Meaning


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("5.1.1", "smtp; 550 5.1.1 no such user", "a@x.test: smtp; 550 5.1.1 no such user"),
        ("5.1.1", "no such user", "a@x.test: 5.1.1 no such user"),
        ("5.1.1", "", "a@x.test: 5.1.1"),
        ("", "", "a@x.test: no reason was given"),
    ],
)
def test_a_failure_in_one_line(status: str, reason: str, expected: str) -> None:
    assert why("a@x.test", status, reason) == expected


def test_the_line_is_bounded() -> None:
    assert len(why("a@x.test", "5.1.1", "x" * 1000)) == LONGEST_WHY
