from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.text import MOST_BYTES, text_of


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


def test_text_of_any_sort_is_read_where_no_other_says_the_same() -> None:
    assert text_of(raw("Content-Type: text/markdown", "", "*one*")) == "*one*"
    both = multipart("alternative", ("Content-Type: text/enriched", "rich"), ("Content-Type: text/plain", "plain"))
    assert text_of(both) == "plain"


def test_text_for_programs_is_not_read() -> None:
    both = multipart("mixed", ("Content-Type: text/plain", "come"), ("Content-Type: text/calendar", "BEGIN:VCALENDAR"))
    assert text_of(both) == "come"


def test_enriched_text_is_read_without_its_commands() -> None:
    enriched = "<bold>one</bold> << two\nthree\n\n<color><param>red</param>four</color>"
    assert text_of(f"Content-Type: text/enriched\n\n{enriched}".encode()) == "one < two three\nfour"


BURIED = {
    "in multiparts": multipart("mixed", ("Content-Type: multipart/related; boundary=c", "--c\r\n\r\nwords\r\n--c--")),
    "in a part with a file name": multipart(
        "mixed", ('Content-Type: text/plain; name="a.txt"\r\nContent-Disposition: inline; filename="a.txt"', "words")
    ),
    "in an attachment, if nowhere else": multipart(
        "mixed", ("Content-Type: text/plain\r\nContent-Disposition: attachment", "words")
    ),
    "in an enclosed message": multipart("mixed", ("Content-Type: message/rfc822", "Subject: x\r\n\r\nwords")),
    "in an encoded enclosed message": multipart(
        "mixed",
        ("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", "U3ViamVjdDogeA0KDQp3b3Jkcw=="),
    ),
    "in a multipart without a boundary": raw("Content-Type: multipart/mixed", "", "words"),
    "in a body that says it is base64 and is not": raw("Content-Transfer-Encoding: base64", "", "two words"),
    "in a body of an unknown encoding": raw("Content-Transfer-Encoding: x-none", "", "words"),
}


@pytest.mark.parametrize("mail", BURIED.values(), ids=BURIED)
def test_text_is_found_wherever_it_is(mail: bytes) -> None:
    assert text_of(mail).strip() in ("words", "two words")


def test_words_of_a_broken_multipart_inside_another_are_found_with_what_is_left_of_it() -> None:
    assert text_of(multipart("mixed", ("Content-Type: multipart/mixed", "words"))).startswith("words")


def test_base64_that_nobody_declared_is_decoded() -> None:
    text = "These words are long enough to fill more than one line of base64, and they are plain text. " * 2
    assert text_of(b"Subject: x\n\n" + encodebytes(text.encode())) == text


def test_words_that_only_look_like_base64_stay() -> None:
    key = "A" * 64
    assert text_of(f"Subject: x\n\n{key}\n".encode()).strip() == key
    assert text_of(b"Subject: x\n\nabcd\n") == "abcd\n"


def test_messages_inside_messages_are_opened_only_so_deep() -> None:
    mail = b"Subject: x\r\n\r\nwords"
    for _ in range(10):
        mail = b"Content-Type: message/rfc822\r\n\r\n" + mail
    assert text_of(mail) == ""


@given(st.binary(max_size=300))
def test_any_bytes_have_a_text_that_can_be_written(junk: bytes) -> None:
    for header in (b"", b"Content-Type: text/html\n\n", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"):
        text_of(header + junk).encode()


def test_a_very_large_mail_is_read_only_so_far() -> None:
    assert len(text_of(b"\r\n" + b"x" * 3 * MOST_BYTES)) == MOST_BYTES
