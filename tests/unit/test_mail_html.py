import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.html import MOST_CHARS, from_html
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of
from mailgate.rulebook import quotes_in, shipped_folder

QUOTES = quotes_in(shipped_folder())


@pytest.fixture(scope="module")
def quotes() -> Quotes:
    return QUOTES


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
    "empty lines as Gmail writes them": (
        "<div>one</div><div><br></div><div>two<br></div><div>three</div>",
        "one\n\ntwo\nthree",
    ),
    "empty paragraphs as Outlook writes them": ("<p>one</p><p>&nbsp;</p><p>two</p>", "one\n\ntwo"),
    "bullets": ("<ul><li>one<li>two<ul><li>inner</ul></ul>end", "- one\n- two\n  - inner\n\nend"),
    "numbers": ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
    "numbers from three": ("<ol start=3><li>one<li>two</ol>", "3. one\n4. two"),
    "an item of two paragraphs": ("<ul><li><p>one</p><p>more</p></ul>", "- one\n\n  more"),
    "a table": ("<table><tr><th>a<th>b<tr><td>1<td><p>2</p></table>", "a  b\n1  2"),
    "a table for the layout": (
        "<table><tr><td><table><tr><td>one</td></tr></table></td></tr><tr><td>two</td></tr></table>",
        "one\ntwo",
    ),
    "a link that says something": ("see <a href='https://x.test/a'>the page</a>", "see the page <https://x.test/a>"),
    "a link that says its address": ("<a href='https://x.test/'>x.test</a>", "x.test"),
    "an address": ("<a href='mailto:a@x.test?subject=b'>a@x.test</a>", "a@x.test"),
    "a link without words": ("a<a href='https://x.test/'></a>b", "ab"),
    "a link to a script": ("<a href='javascript:x()'>a</a>", "a"),
    "kept white space": ("<pre>a\n    b\n\nc</pre>d", "a\n    b\n\nc\n\nd"),
    "headings": ("<h1>One</h1>two<h2>Three</h2>", "One\n\ntwo\n\nThree"),
    "what an image says": ("<img src=x alt='Our logo'>", "Our logo"),
    "an image that counts readers": ("a<img src=x width=1 height=1 alt='track'>", "a"),
    "a rule": ("one<hr>two", "one\n---\ntwo"),
    "fillers without meaning": ("a\u034f\u200b\ufeffb", "ab"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("html", "expected"), HTML.values(), ids=HTML)
def test_html_reads_as(html: str, expected: str) -> None:
    assert from_html(html) == expected


HIDDEN = [
    "display:none",
    "display: none; color: red",
    "mso-hide:all",
    "visibility:hidden",
    "max-height:0;overflow:hidden",
]


@pytest.mark.parametrize("style", HIDDEN)
def test_what_nobody_sees_is_left_out_unless_there_is_nothing_else(style: str, quotes: Quotes) -> None:
    preheader = f'<div style="{style}">A preview</div>'
    assert from_html(f"{preheader}<p>Hello</p>", quotes) == "Hello"
    assert from_html(preheader, quotes) == "A preview"


# Each holds "Yes." as the new words, and old ones.
REPLIES = {
    "Gmail": '<div dir="ltr">Yes.</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" '
    'class="gmail_attr">On Tue, Joe &lt;<a href="mailto:j@x.test">j@x.test</a>&gt; wrote:<br></div>'
    '<blockquote class="gmail_quote"><div>old</div></blockquote></div>',
    "Gmail with a signature": '<div>Yes.<div><br></div><span class="gmail_signature_prefix">-- </span><br>'
    '<div class="gmail_signature">Anna<br>Example</div></div><div class="gmail_quote"><div class="gmail_attr">x</div>'
    '<blockquote class="gmail_quote">old</blockquote></div>',
    "Gmail, forwarded in a language nobody told us": '<div>Yes.</div><div class="gmail_quote"><div class="gmail_attr">'
    "---------- Pārsūtīta ziņa ---------<br>No: Joe<br></div><div>old</div></div>",
    "Outlook on the web": '<div class="elementToProof">Yes.</div><div id="Signature"><p>Anna</p></div>'
    '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>No:</b> Joe<br><b>Kam:</b> Anna</div><div>old</div>',
    "Outlook": '<div class="WordSection1"><p class="MsoNormal">Yes.</p><div><div style="border:none;border-top:solid '
    '#E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>No:</b> Joe</p></div></div><p>old</p></div>',
    "Outlook's apps": '<div>Yes.</div><div id="ms-outlook-mobile-signature">Get <a href="https://aka.ms/x">Outlook for '
    'iOS</a></div><div id="mail-editor-reference-message-container"><div>No: Joe</div><div>old</div></div>',
    "Apple Mail": '<div>Yes.<div><br><blockquote type="cite"><div>On 12 May, Joe wrote:</div><br><div>old</div>'
    "</blockquote></div></div>",
    "Thunderbird": '<p>Yes.</p><div class="moz-cite-prefix">Joe rakstīja 12.03.24:<br></div><blockquote type="cite">old'
    '</blockquote><pre class="moz-signature">-- \nAnna</pre>',
    "Yahoo": '<div>Yes.</div><div id="ydp1" class="yahoo_quoted"><div>Joe rakstīja:</div><div>old</div></div>',
    "Proton": '<div>Yes.</div><div class="protonmail_signature_block"><div>Sent with Proton</div></div>'
    '<div class="protonmail_quote">Joe rakstīja:<br><blockquote class="protonmail_quote" type="cite">old</blockquote>'
    "<br></div>",
    "Zoho": '<div>Yes.</div><div class="zmail_extra"><div>---- Joe rakstīja ----</div>'
    "<blockquote>old</blockquote></div>",
    "words of an introduction in any program": "<p>Yes.</p><p>On 12 May 2024, Joe wrote:</p><p>old</p>",
}


@pytest.mark.parametrize("html", REPLIES.values(), ids=REPLIES)
def test_a_reply_is_parted_from_the_old_mail_in_each_programs_html(html: str, quotes: Quotes) -> None:
    reply = reply_of(from_html(html, quotes), quotes)
    assert (reply.text, reply.own) == ("Yes.", "Yes.")
    assert "old" in reply.hidden


INLINE = {
    "Gmail": '<div class="gmail_quote"><div class="gmail_attr">Joe rakstīja:</div><blockquote class="gmail_quote">One?'
    '</blockquote><div>Yes.</div><blockquote class="gmail_quote">Two?</blockquote><div>No.</div></div>',
    "Apple Mail": '<blockquote type="cite">One?</blockquote>Yes.<blockquote type="cite">Two?</blockquote>No.',
    "Thunderbird": "<div class='moz-cite-prefix'>x</div><blockquote type='cite'>One?</blockquote><p>Yes.</p>"
    "<blockquote type='cite'>Two?</blockquote><p>No.</p>",
}


@pytest.mark.parametrize("html", INLINE.values(), ids=INLINE)
def test_answers_between_quotes_stay(html: str, quotes: Quotes) -> None:
    reply = reply_of(from_html(html, quotes), quotes)
    assert reply.own.split() == ["Yes.", "No."]
    assert "> One?" in reply.text
    assert "> Two?" in reply.text


def test_what_a_person_indents_is_no_quote(quotes: Quotes) -> None:
    html = '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">mine</blockquote>'
    assert from_html(html, quotes) == "mine"


@given(st.text(st.sampled_from("<>/ap=\"' blockquotedivl1&;-!"), max_size=200))
def test_any_text_can_be_read_as_html(html: str) -> None:
    assert "\0" not in from_html(html, QUOTES)


BOMBS = [
    *("<div>", "<blockquote>x<br>", " ", "<!--", "<p>", "<b", "<", "<>", "</", "&", "&#", "<a href=http://x.test/>"),
    *("<table><tr><td>", "<b><i><font>", "<ul><li>x", "<br>", "<pre>\n\nx", "<script>", "<style", "<td>", "<svg>"),
    *("<div class=gmail_quote>x", "<div class=gmail_signature>x", "<p style='display:none'>x", "<p a=b c=d>"),
]


@pytest.mark.parametrize("unit", BOMBS)
def test_five_megabytes_of_anything_take_less_than_a_second(unit: str, quotes: Quotes) -> None:
    html = unit * (5_000_000 // len(unit))
    started = time.process_time()
    text = from_html(html, quotes)
    assert time.process_time() - started < 1
    assert len(text) <= 10 * MOST_CHARS


def test_a_tag_of_many_attributes_is_read_in_time() -> None:
    started = time.process_time()
    assert from_html("<p " + " ".join(f"a{number}=b" for number in range(500_000)) + ">x") in ("", "x")
    assert time.process_time() - started < 1
