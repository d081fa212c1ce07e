import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.text import MOST_BYTES, from_html, text_of, unquoted


def raw(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


def test_plain_text_is_given_as_it_is() -> None:
    assert text_of(raw("From: a@x.test", "", "one", " two", "")) == "one\n two\n"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", "Grüße".encode()),
        ("iso-8859-1", b"Gr\xfc\xdfe"),
        ("x-unknown", "Grüße".encode()),
        ("utf-8", b"Gr\xfc\xdfe"),
    ],
    ids=["declared", "Latin", "unknown, so UTF-8", "wrong, so Windows' Latin"],
)
def test_a_charset_is_declared_or_guessed(charset: str, body: bytes) -> None:
    assert text_of(f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body) == "Grüße"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("quoted-printable", b"Gr=C3=BC=\r\n=C3=9Fe"), ("base64", b"R3LDvMOfZQ=="), ("BASE64 (x)", b"R3LDvMOfZQ==")],
)
def test_transfer_encodings_are_undone(encoding: str, body: bytes) -> None:
    assert text_of(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body) == "Grüße"


def multipart(subtype: str, *parts: tuple[str, str]) -> bytes:
    lines = [f"Content-Type: multipart/{subtype}; boundary=b", ""]
    for header, body in parts:
        lines += ["--b", header, "", body]
    return raw(*lines, "--b--", "")


def test_of_alternatives_the_plain_one_is_read() -> None:
    both = multipart("alternative", ("Content-Type: text/plain", "plain"), ("Content-Type: text/html", "<p>rich</p>"))
    assert text_of(both) == "plain"


def test_html_is_read_where_the_plain_alternative_is_empty() -> None:
    both = multipart("alternative", ("Content-Type: text/plain", " "), ("Content-Type: text/html", "<p>rich</p>"))
    assert text_of(both) == "rich"


def test_all_text_of_a_mixed_mail_is_read_but_not_attachments() -> None:
    mixed = multipart(
        "mixed",
        ("Content-Type: text/html", "<p>words</p>"),
        ("Content-Type: text/plain\r\nContent-Disposition: attachment", "log"),
        ("Content-Type: text/plain", "a list's footer"),
    )
    assert text_of(mixed) == "words\na list's footer"


HTML = {
    "blocks become lines": ("<p>one</p><div>two<br>three</div>", "one\n\ntwo\nthree"),
    "white space is one space": ("a\n  b&nbsp;c", "a b c"),
    "entities": ("1 &lt; 2 &amp; 3 &#228;", "1 < 2 & 3 ä"),
    "scripts and styles are no text": ("<style>p{}</style>a<script>if (1 < 2) x()</script>b", "ab"),
    "unclosed script": ("a<script>b", "a"),
    "comments": ("a<!-- b > -->c<!-- d", "ac"),
    "less-than sign": ("1 < 2", "1 < 2"),
    "less-than sign before a tag": ("1 < 2 <b>x</b>", "1 < 2 x"),
    "quotes": (
        "mine<blockquote>theirs<blockquote>older</blockquote></blockquote>mine",
        "mine\n> theirs\n>> older\nmine",
    ),
    "upper case": ("<STYLE>x</STYLE><P>A</P>B", "A\n\nB"),
}


@pytest.mark.parametrize(("html", "expected"), HTML.values(), ids=HTML)
def test_html_reads_as(html: str, expected: str) -> None:
    assert from_html(html) == expected


QUOTED = {
    "nothing quoted": ("Hello\nthere", "Hello\nthere"),
    "reply above": ("Yes.\n\nOn 1 May, Joe wrote:\n> question", "Yes."),
    "attribution over two lines": ("Yes.\n\nOn 1 May 2026, Joe <j@x>\nwrote:\n> question", "Yes."),
    "reply below": ("Am 1.5. schrieb Joe:\n> frage\n\nJa.", "Ja."),
    "empty line before the quote": ("Yes.\n\nOn 1 May, Joe wrote:\n\n> question", "Yes."),
    "only a quote": ("> all of it", ""),
    "Chinese colon": ("Joe 写道：\n> x", ""),
    "a colon of one's own": ("My list:\none", "My list:\none"),
}


@pytest.mark.parametrize(("text", "expected"), QUOTED.values(), ids=QUOTED)
def test_own_words_are_what_is_not_quoted(text: str, expected: str) -> None:
    assert unquoted(text) == expected


@given(st.binary(max_size=300))
def test_any_bytes_have_a_text_that_can_be_written(junk: bytes) -> None:
    for header in (b"", b"Content-Type: text/html\n\n", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"):
        unquoted(text_of(header + junk)).encode()


def test_a_very_large_mail_is_read_only_so_far() -> None:
    assert len(text_of(b"\r\n" + b"x" * 3 * MOST_BYTES)) == MOST_BYTES


@pytest.mark.parametrize(
    "unit", ["<", "<>", "< >", "<!--", "<script>", "<b", "<p>", "<blockquote>", "&", "&#", "</", "<style"]
)
def test_hostile_html_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    from_html(unit * (400_000 // len(unit)) + ">")
    assert time.process_time() - started < 3
