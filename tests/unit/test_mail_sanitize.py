import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.sanitize import DEEPEST, MOST_BYTES, has_html, html_of, sanitized
from mailgate.mail.structure import structure_of

SHOWN = {
    "plain text": ("1 < 2 & 3 &lt; 4", "1 &lt; 2 &amp; 3 &lt; 4"),
    "what people write": ("<p>Dear <b>Anne</b>,<br>see <i>this</i></p>", "<p>Dear <b>Anne</b>,<br>see <i>this</i></p>"),
    "end tags left out": ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
    "a table": (
        "<table><tr><td colspan=2>a<td>b<tr><td>c</table>",
        '<table><tbody><tr><td colspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>',
    ),
    "a script": ("a<script>alert(1)</script>b", "ab"),
    "in any case": ("a<ScRiPt x>alert(1)</sCrIpT >b", "ab"),
    "a script without end": ("a<script>alert(1)", "a"),
    "a handler": ("<p onclick=alert(1)>a</p>", "<p>a</p>"),
    "style": ("<style>p{}</style><p style='position:fixed' class=x id=ledger>a</p>", "<p>a</p>"),
    "a form": ("<form action=//e><input name=a><button>Go</button></form>", "Go"),
    "a frame": ("<iframe src=//e>a</iframe>b", "b"),
    "a redirection": ("<meta http-equiv=refresh content='0;//e'><base href=//e>a", "a"),
    "a remote image": ('<img src="http://e/x.gif" srcset=//e alt="our logo" width=9>', '<img alt="our logo">'),
    "an image within": ("<img src='data:image/png;base64,AAAA'>", "<img>"),
    "a remote background": ("<table background=//e><tr><td background=//e>a</table>",
        "<table><tbody><tr><td>a</td></tr></tbody></table>"),
    "a link": ("<a href='https://x.test/?a=1&amp;b=2'>x</a>",
        '<a href="https://x.test/?a=1&amp;b=2" rel="noopener noreferrer nofollow">x</a>'),
    "a link to ourselves": ("<a href=/held/7/html>x</a>", '<a rel="noopener noreferrer nofollow">x</a>'),
    "a link that runs": ("<a href='java\nscript:alert(1)'>x</a>", '<a rel="noopener noreferrer nofollow">x</a>'),
    "spelled otherwise": ("<a href='&#106;avascript:alert(1)'>x</a>", '<a rel="noopener noreferrer nofollow">x</a>'),
    "markup in an attribute": ("<p title='\"><script>x</script>'>a</p>",
        '<p title="&quot;&gt;&lt;script&gt;x&lt;/script&gt;">a</p>'),
    "foreign content": ("<svg><style><img src=//e></style></svg><math><mtext>x</math>a", "a"),
    "a comment": ("a<!-- <b>x</b> -->b<!DOCTYPE x><?php y?>c", "abc"),
    "a comment without end": ("a<!-- b", "a"),
    "of Outlook": ("<o:p>a</o:p><!--[if mso]><p>b</p><![endif]-->", "a"),
    "a tag without end": ("a<p title='b", 'a<p title="b"></p>'),
    "nothing": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize(("html", "shown"), SHOWN.values(), ids=SHOWN)
def test_html_is_shown_as(html: str, shown: str) -> None:
    assert sanitized(html).html == shown
    assert not sanitized(html).cut


class Reader(HTMLParser):
    """What a browser might act on: tags, and their attributes with the scheme of their addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.schemes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href" and ":" in (value or ""):
                self.schemes.add((value or "").strip().partition(":")[0].lower())


HARMFUL = {"script", "style", "iframe", "object", "embed", "form", "input", "button", "meta", "base", "link", "svg"}
ALLOWED = {"href", "rel", "alt", "title", "dir", "lang", "start", "colspan", "rowspan"}
PIECES = st.sampled_from(
    [
        *("<", ">", "/", '"', "'", "=", " ", "\n", "&", "&#106;", "<!--", "-->", "<![CDATA[", "]]>", "</", "x", "\0"),
        *("<p ", "<a href=", "javascript:", "http://e", "<img src=", " onerror=alert(1)", "<script>", "</script>"),
        *("<style>", "</style>", "<svg>", "</svg>", "<math>", "<table>", "<td>", "<title>", "</title>", "<textarea>"),
        *("<b>", "</b>", "<font>", "</p>", "<noscript>", "<form>", "<base href=//e>", "<plaintext>", "<template>"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_html_does_nothing(html: str) -> None:
    read = Reader(sanitized(html).html)

    assert not read.tags & HARMFUL
    assert read.attributes <= ALLOWED
    assert read.schemes <= {"http", "https", "mailto", "tel"}


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_what_is_safe_stays_as_it_is(html: str) -> None:
    once = sanitized(html).html

    assert sanitized(sanitized(once).html).html == sanitized(once).html


BOMBS = {
    "nested": "<div>",
    "nested lists": "<ul><li>",
    "nested tables": "<table><tr><td>",
    "blanks in a tag": " ",
    "attributes": "b ",
    "quotes": '<a "',
    "brackets": "<",
    "comments": "<!--",
    "styles": "<style>",
    "crossed": "<b><i></b></i>",
    "crossed blocks": "<a><div></a>",
    "references": "&amp",
    "broken references": "&#x",
    "end tags": "</p>",
    "line breaks": "<br>",
    "paragraphs without end": "<p>x",
    "beside ASCII": "ä<b>ö</b>",
}


@pytest.mark.parametrize("unit", BOMBS.values(), ids=BOMBS)
def test_hostile_html_takes_linear_time(unit: str) -> None:
    html = ("<a " if unit in (" ", "b ") else "") + unit * (5_000_000 // len(unit))
    started = time.process_time()

    assert sanitized(html).cut
    assert time.process_time() - started < 2


def test_fonts_are_not_repeated_without_end() -> None:
    fonts = "".join(f"<font title={number}>" for number in range(DEEPEST - 10))
    started = time.process_time()

    assert sanitized(f"<p>{fonts}{'<p>x</p>' * 120_000}").cut
    assert time.process_time() - started < 2


def test_deep_html_is_cut_and_says_so() -> None:
    assert not sanitized("<div>" * DEEPEST + "x").cut
    deep = sanitized("before" + "<div>" * (DEEPEST + 1) + "x")
    assert deep.cut
    assert deep.html.startswith("before")


ALTERNATIVE = (
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n"
    b"--b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>Gr=FC=DFe</p>\r\n--b--\r\n"
)


def test_the_html_of_a_mail_is_found_and_decoded() -> None:
    found = html_of(ALTERNATIVE)
    assert found is not None
    assert (found.html, found.cut) == ("<p>Grüße</p>", False)
    assert has_html(structure_of(ALTERNATIVE))


@pytest.mark.parametrize(
    "raw",
    [b"Subject: x\r\n\r\n<p>x</p>", b"Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<p>x</p>"],
)
def test_a_mail_may_have_none(raw: bytes) -> None:
    assert html_of(raw) is None
    assert not has_html(structure_of(raw))


def test_html_of_many_bytes_is_cut_and_says_so() -> None:
    found = html_of(b"Content-Type: text/html\r\n\r\n" + b"word " * (MOST_BYTES // 4))
    assert found is not None
    assert found.cut
    assert len(found.html) == MOST_BYTES
