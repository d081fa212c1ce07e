import time
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail import charset, headers, words

WORDS = {
    "plain text": ("Hello", "Hello"),
    "quoted-printable": ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    "base64": ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
    "underscores are spaces": ("=?us-ascii?q?a_b?=", "a b"),
    "spaces between encoded-words vanish": ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
    "spaces beside text stay": ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
    "a character cut in two": ("=?utf-8?b?4pw=?= =?utf-8?b?hQ==?=", "✅"),
    "two charsets": ("=?iso-8859-1?q?=E4?= =?koi8-r?q?=C1?=", "äа"),
    "language tag": ("=?utf-8*de?q?=C3=A4?=", "ä"),
    "unknown charset": ("=?x-unknown?q?=C3=A4?=", "ä"),
    "charset that is none": ("=?zlib?q?abc?=", "abc"),
    "Windows in the name of Latin": ("=?iso-8859-1?q?=80?=", "€"),
    "padding missing": ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
    "base64 with rubbish in it": ("=?utf-8?b?R3L!DvMOf ZQ?=", "Grüße"),
    "unclosed": ("=?utf-8?q?abc", "=?utf-8?q?abc"),
    "question marks": ("what=?? really", "what=?? really"),
    "line ends smuggled in": ("=?utf-8?q?a=0d=0aBcc:_x?=", "a  Bcc: x"),
    "text turned around": ("invoice\u202efdp.exe", "invoicefdp.exe"),
    "no-break space": ("a\xa0b", "a\xa0b"),
}


@pytest.mark.parametrize(("field", "expected"), WORDS.values(), ids=WORDS)
def test_a_header_text_reads_as(field: str, expected: str) -> None:
    assert words.decode(field) == expected


@given(st.text())
def test_any_header_text_becomes_one_clean_line(text: str) -> None:
    for read in (words.decode(text), words.clean(text)):
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in read)
        assert len(read.splitlines()) <= 1


@given(st.binary(), st.text(max_size=20) | st.sampled_from(sorted(aliases)))
def test_any_bytes_in_any_charset_become_text_that_can_be_written(raw: bytes, declared: str) -> None:
    charset.decode(raw, declared).encode()


@pytest.mark.parametrize("unit", ["=?", "=?a?q?", "=?utf-8?q?a?= ", "=?a?b?====?=", "?="])
def test_hostile_words_take_linear_time(unit: str) -> None:
    started = time.process_time()
    words.decode(unit * (200_000 // len(unit)))
    assert time.process_time() - started < 2


PARAMETERS = {
    "bare": ("TEXT/Plain", "text/plain", {}),
    "charset": ("text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
    "quotes and a semicolon inside": ('a/b; x="1;2"; y=3', "a/b", {"x": "1;2", "y": "3"}),
    "escaped quote": ('a/b; x="1\\"2"', "a/b", {"x": '1"2'}),
    "comment": ("a/b (c; d); x=1 (e)", "a/b", {"x": "1"}),
    "first of two counts": ("a/b; x=1; X=2", "a/b", {"x": "1"}),
    "continuations": ("a/b; x*0=de; x*1=livery", "a/b", {"x": "delivery"}),
    "nothing but a semicolon": (";", "", {}),
    "no value": ("a/b; x", "a/b", {}),
}


@pytest.mark.parametrize(("value", "head", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_read(value: str, head: str, expected: dict[str, str]) -> None:
    assert headers.parameters(value) == (head, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("no (a (b) c)", "no"), ("(x) no", "no"), ("no (open", "no"), ('"(" no', '"(" no'), ("a\\(b", "a\\(b"), ("", "")],
)
def test_comments_are_taken_out(text: str, expected: str) -> None:
    assert headers.uncommented(text) == expected
