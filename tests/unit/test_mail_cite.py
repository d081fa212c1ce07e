"""What is quoted of the mail that is answered, and that we know our own quote again."""

from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail import cite
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.reply import reply_of
from mailgate.rulebook import Rulebook, load, shipped_folder

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
TEXT = "It burns.\n\nPlease help.\n\n-- \nAnne, Example Ltd.\n\nOn 1 Jan 2026, Support wrote:\n> Does it?\n"


@cache
def book() -> Rulebook:
    return load(shipped_folder())


def quoted(text: str, most_lines: int = 50) -> str:
    return cite.quote(text, book().quotes, MARKER_LINE, most_lines)


def test_own_words_are_quoted_without_signature_and_older_quotes() -> None:
    assert quoted(TEXT) == "> It burns.\n>\n> Please help."


def test_of_a_long_mail_the_beginning_is_quoted() -> None:
    assert quoted("one\ntwo\nthree", 2) == "> one\n> two\n> […]"


def test_of_a_mail_that_only_quotes_nothing_is() -> None:
    assert quoted("On 1 Jan 2026, Support wrote:\n> Does it?\n") == ""


def test_the_line_above_says_who_and_when() -> None:
    under = cite.under("We come.\n", quoted(TEXT), book().phrases["en"].citing, "Anne", AT)
    assert under == "We come.\n\nOn 5 Jan 2026, Anne wrote:\n> It burns.\n>\n> Please help.\n"


def test_a_name_brings_no_link() -> None:
    under = cite.under("We come.", "> It burns.", book().phrases["en"].citing, "http://evil.test/", AT)
    assert "evil" not in under


@pytest.mark.parametrize("language", sorted(load(shipped_folder()).phrases))
@pytest.mark.parametrize("month", range(1, 13))
def test_our_own_quote_is_known_in_every_language(language: str, month: int) -> None:
    citing = book().phrases[language].citing
    assert citing
    under = cite.under("We come.", quoted(TEXT), citing, "Anne", AT.replace(month=month))
    assert reply_of(under, book().quotes, MARKER_LINE).text == "We come."


@given(st.text(max_size=200), st.integers(1, 5))
def test_each_line_of_a_quote_is_marked_and_there_are_few(text: str, most: int) -> None:
    found = quoted(text, most)
    lines = found.split("\n") if found else []
    assert len(lines) <= most + 1
    assert all(line.startswith(cite.MARK) for line in lines)
