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
    "in quotes": ('"=?utf-8?q?Gr=C3=BC=C3=9Fe?= a"', '"Grüße a"'),
    "spaces where there may be none": ("=?utf-8?q?a b=C3=A4 c?=", "a bä c"),
    "one never closed before a good one": ("=?utf-8?b?4pyF =?utf-8?b?4pyF?=", "=?utf-8?b?4pyF ✅"),
    "broken within a character, for good": ("=?utf-8?q?Gr=C3=BC=C3?= b", "Grü� b"),
    "eight bits of unknown making": ("=?unknown-8bit?q?caf=E9?=", "café"),
    "escapes of Japanese": ("=?iso-2022-jp?b?GyRCJDMkcxsoQg==?=", "こん"),
    "halves of a Japanese word": ("=?iso-2022-jp?b?GyRCJDMbKEI=?= =?iso-2022-jp?b?GyRCJHMbKEI=?=", "こん"),
    "Chinese by its old name": ("=?gb2312?b?1tDOxA==?=", "中文"),
    "Russian": ("=?koi8-r?b?8NLJ18XU?=", "Привет"),
    "UTF-16 that is none": ("=?utf-16?q?hello?=", "hello"),
    "UTF-7 is not read": ("=?utf-7?q?+ADw-?=", "+ADw-"),
    "nothing": ("=?utf-8?q??= a", " a"),
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
    "sections out of order": ("a/b; x*1=b; x*0=a; x*10=d; x*2=c", "a/b", {"x": "abcd"}),
    "a charset of its own": ("a/b; x*=utf-8'de'Gr%C3%BC%C3%9Fe", "a/b", {"x": "Grüße"}),
    "that before the plain one": ("a/b; x=Gruesse; x*=iso-8859-1''Gr%FC%DFe", "a/b", {"x": "Grüße"}),
    "sections of both makings": ("a/b; x*0*=utf-8''%C3; x*1*=%A4; x*2=\"%.txt\"", "a/b", {"x": "ä%.txt"}),
    "an unknown charset of its own": ("a/b; x*=x-unknown''caf%E9", "a/b", {"x": "café"}),
    "encoded without a charset": ("a/b; x*=%41", "a/b", {"x": "A"}),
    "sections without number": ("a/b; x*a=1; x*-1=2; x*9999=3", "a/b", {}),
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


BYTES = {
    "a cut character costs itself alone": ("Grüße, Köln".encode()[:-3], "", "Grüße, K�"),
    "a broken byte costs itself alone": ("Grüße, Köln".encode() + b"\xff", "utf-8", "Grüße, Köln�"),
    "Latin, declared as UTF-8": (b"caf\xe9", "utf-8", "café"),
    "Windows' Latin, declared as ASCII": (b"\x93C\x94", "us-ascii", "“C”"),
    "one sign that the charset lacks": (b"\x1b$B$3-!\x1b(B", "iso-2022-jp", "こ�"),
    "ASCII, declared as UTF-16": (b"hello", "utf-16", "hello"),
    "UTF-16 without a mark": ("hello".encode("utf-16-le"), "utf-16", "hello"),
    "a name with a prefix": ("привет".encode("koi8-r"), "x-koi8-r", "привет"),
    "a name that Python lacks": ("שלום".encode("iso8859_8"), "ISO-8859-8-I", "שלום"),
    "Russian of Windows": ("привет".encode("cp1251"), "windows-1251", "привет"),
    "UTF-7 is no charset": (b"+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"),
}


@pytest.mark.parametrize(("raw", "declared", "text"), BYTES.values(), ids=BYTES)
def test_bytes_read_as(raw: bytes, declared: str, text: str) -> None:
    assert charset.decode(raw, declared) == text


def test_bare_bytes_in_a_header_are_of_the_charset_that_the_body_has() -> None:
    block = 'Subject: Привет\r\nContent-Type: text/plain; Charset="KOI8-R"\r\n'.encode("koi8-r")
    assert headers.fields(block).first("subject") == "Привет"
