import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.attachments import LONGEST_NAME_BYTES, Attachment, attachments_of, safe_name, size_words

NAMES = {
    "plain": ("report.pdf", "report.pdf"),
    "with spaces": ("  annual  report.pdf ", "annual report.pdf"),
    "encoded-word": ("=?utf-8?q?Gr=C3=BC=C3=9Fe.txt?=", "Grüße.txt"),
    "encoded-words, cut": ("=?utf-8?b?R3LDvA==?= =?utf-8?b?w59lLnR4dA==?=", "Grüße.txt"),
    "up and away": ("../../etc/passwd", "passwd"),
    "of Windows": ("C:\\Users\\joe\\bill.doc", "bill.doc"),
    "separators in an encoded-word": ("=?utf-8?q?..=2F..=2Fevil.sh?=", "evil.sh"),
    "hidden": (".bashrc", "bashrc"),
    "dots alone": ("..", ""),
    "nothing": ("", ""),
    "ends in dots and spaces": ("a.exe. . ", "a.exe"),
    "an option": ("-rf", "rf"),
    "a device": ("CON", "_CON"),
    "a device with an ending": ("com1.txt", "_com1.txt"),
    "a device and spaces": ("nul .txt", "_nul .txt"),
    "no device": ("console.txt", "console.txt"),
    "a second stream": ("a.txt:evil.exe", "a.txt_evil.exe"),
    "turned around": ("invoice\u202egpj.exe", "invoicegpj.exe"),
    "marks within": ("a\u200f\ufeffb.txt", "ab.txt"),
    "a joiner": ("नि\u200dषेध.txt", "नि\u200dषेध.txt"),
    "controls": ("a\0b\r\nc\x1b[2J.txt", "a b c [2J.txt"),
    "markup": ('<b>"x"</b>.txt', "b_.txt"),
}


@pytest.mark.parametrize(("name", "safe"), NAMES.values(), ids=NAMES)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["x" * 10_000 + ".pdf", "ü" * 10_000 + ".pdf", "a/" * 5000 + "ü" * 300 + ".pdf"])
def test_a_long_name_keeps_its_ending(name: str) -> None:
    safe = safe_name(name)
    assert safe.endswith(".pdf")
    assert LONGEST_NAME_BYTES - 4 < len(safe.encode()) <= LONGEST_NAME_BYTES


@given(st.text() | st.text(alphabet='./\\:<>"?*|- \0\u202e=?qConNULé', max_size=400))
def test_any_name_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert not set(safe) & set('/\\\0\r\n:*?"<>|')
    assert not safe.startswith((".", "-", " "))
    assert len(safe.encode()) <= LONGEST_NAME_BYTES
    assert safe_name(safe) == safe


def message(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


MIXED = (
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "",
    "Please see the file.",
    "--b",
    'Content-Type: application/pdf; name="old.pdf"',
    "Content-Transfer-Encoding: base64",
    "Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf",
    "",
    "aGVsbG8s",
    "IHdvcmxk",
    "IQ==",
    "--b",
    "Content-Type: image/png",
    "Content-ID: <logo@x.test>",
    "Content-Disposition: inline",
    "",
    "png",
    "--b",
    "Content-Type: message/rfc822",
    "",
    "Subject: inner",
    "Content-Type: application/zip; name=inner.zip",
    "",
    "zip",
    "--b--",
)


def test_files_are_listed_with_what_is_said_of_them() -> None:
    assert attachments_of(message(*MIXED)) == (
        Attachment(2, "Grüße.pdf", "application/pdf", 13, "attachment", ""),
        Attachment(3, "part-3", "image/png", 3, "inline", "<logo@x.test>"),
        Attachment(4, "part-4", "message/rfc822", 68, "", ""),
    )


@pytest.mark.parametrize(
    "content_type", ["application/ms-tnef", "application/octet-stream; name=winmail.dat", 'x/y; name="WINMAIL.DAT"']
)
def test_what_outlook_wraps_is_kept_as_one_file(content_type: str) -> None:
    found = attachments_of(message(f"Content-Type: {content_type}", "", "x"))
    assert [each.size_bytes for each in found] == [1]
    assert found[0].content_type in ("application/ms-tnef", "x/y")


NO_FILES = {
    "text": ("text/plain",),
    "HTML": ("text/html; charset=utf-8",),
    "a delivery report": ("message/delivery-status",),
    "a calendar": ("text/calendar; method=REQUEST",),
    "returned headers": ("text/rfc822-headers",),
}


@pytest.mark.parametrize("lines", NO_FILES.values(), ids=NO_FILES)
def test_what_people_or_machines_read_is_no_file(lines: tuple[str, ...]) -> None:
    assert attachments_of(message(f"Content-Type: {lines[0]}", "", "x")) == ()


def test_a_text_with_a_name_is_a_file() -> None:
    raw = message("Content-Type: text/plain", "Content-Disposition: inline; filename=notes.txt", "", "x")
    assert [each.name for each in attachments_of(raw)] == ["notes.txt"]


def test_a_file_says_itself_in_a_line() -> None:
    assert str(attachments_of(message(*MIXED))[0]) == "Grüße.pdf (application/pdf, 13 bytes)"


def test_an_unknown_disposition_means_attachment() -> None:
    raw = message("Content-Type: text/plain", "Content-Disposition: form-data; filename=a", "", "x")
    assert [each.disposition for each in attachments_of(raw)] == ["attachment"]


def test_quoted_printable_counts_as_decoded() -> None:
    head = "Content-Type: text/csv; name=a.csv", "Content-Transfer-Encoding: quoted-printable"
    assert attachments_of(message(*head, "", "=C3=A4"))[0].size_bytes == 2


@pytest.mark.parametrize(
    ("size_bytes", "said"), [(0, "0 bytes"), (999, "999 bytes"), (3210, "3 KB"), (1_440_000, "1.4 MB")]
)
def test_a_size_is_said(size_bytes: int, said: str) -> None:
    assert size_words(size_bytes) == said


@given(st.binary(max_size=300) | st.lists(st.sampled_from([line.encode() for line in MIXED])).map(b"\r\n".join))
def test_any_bytes_have_files_or_none(raw: bytes) -> None:
    for each in attachments_of(raw):
        assert each.name
        assert 0 <= each.size_bytes <= len(raw)


def test_hostile_names_take_linear_time() -> None:
    started = time.process_time()
    for unit in ("=?", "=?a?q?", "../", "\u202e", ". ", "con."):
        safe_name(unit * (100_000 // len(unit)))
    assert time.process_time() - started < 2
