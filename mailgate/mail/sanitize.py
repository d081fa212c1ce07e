"""The HTML of a message made safe to be shown: no script, no style, no form, nothing that is fetched. Never raises.

Two passes. The first reads tags as they come, leaves out all that is not shown, and writes the rest anew, every tag
closed where it belongs. It takes linear time, and what it writes is never deep: the second pass, `nh3`, builds a tree
by the rules of browsers and would take quadratic time over deep or crossed tags. The second pass is the one to trust
for safety, the first for time; each alone would let no script through.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape, unescape

import nh3
from msgspec import Struct

from mailgate.mail import charset
from mailgate.mail.structure import Part, Structure, structure_of

MOST_BYTES = 1024 * 1024  # of HTML; browsers read more, people do not
DEEPEST = 512  # elements inside one another, as in browsers
# A tag and a character reference count for these, and each element for as many as it stands in: browsers repeat open
# fonts in every paragraph within them.
MOST_WORK = 1_000_000
TAG_WORK = 8
REFERENCE_WORK = 16
MOST_ATTRIBUTES = 100  # of one tag that are looked at
LONGEST_ATTRIBUTE = 4096  # characters

_VOID = frozenset({"br", "hr", "img", "wbr"})
_TAGS = _VOID | {
    *("a", "abbr", "address", "article", "b", "bdi", "bdo", "big", "blockquote", "caption", "center", "cite", "code"),
    *("col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font"),
    *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "i", "ins", "kbd", "li", "main", "mark", "ol", "p"),
    *("pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup", "table"),
    *("tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var"),
}
# An image keeps the words that stand for it, and no address to fetch it from.
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "img": {"alt"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}
# What stands inside is no text, or is not read as tags.
_SKIPPED = frozenset(
    {
        *(
            "applet",
            "audio",
            "canvas",
            "datalist",
            "embed",
            "head",
            "iframe",
            "math",
            "noembed",
            "noframes",
            "noscript",
        ),
        *("object", "plaintext", "script", "select", "style", "svg", "template", "textarea", "title", "video", "xmp"),
    }
)
# An element of this name ends an open one of those names, whose end tag people leave out.
_ROW = frozenset({"td", "th", "tr"})
_ENDS = {
    "p": frozenset({"p"}),
    "li": frozenset({"p", "li"}),
    "dt": frozenset({"p", "dt", "dd"}),
    "dd": frozenset({"p", "dt", "dd"}),
    "td": frozenset({"p", "td", "th"}),
    "th": frozenset({"p", "td", "th"}),
    "tr": _ROW | {"p"},
    "tbody": _ROW | {"p", "thead", "tbody", "tfoot"},
    "tfoot": _ROW | {"p", "thead", "tbody", "tfoot"},
    "thead": _ROW | {"p", "thead", "tbody", "tfoot"},
}
_BLANKS = " \t\n\f\r"
_AFTER_NAME = frozenset(_BLANKS + "/>")
_AFTER_ATTRIBUTE = _AFTER_NAME | {"="}


class SafeHtml(Struct, frozen=True):
    """HTML to stand in the body of a page; `cut` where it was too long or too deep, and its end is missing."""

    html: str
    cut: bool = False


def html_of(raw: bytes, read: Structure | None = None) -> SafeHtml | None:
    """The HTML of a message as it may be shown, None where it has none. Takes up to a second for the largest.

    `read` is the structure of the message where somebody has found it already.
    """
    parts = _html_parts(read or structure_of(raw))
    if not parts:
        return None
    left, texts, cut = MOST_BYTES, [], False
    for part in parts:
        texts.append(charset.decode(part.body(raw, left), part.parameters.get("charset", "")))
        cut |= part.end - part.start > left
        left = max(0, left - (part.end - part.start))
    safe = sanitized("\n".join(texts))
    return SafeHtml(safe.html, safe.cut or cut)


def has_html(read: Structure) -> bool:
    """Is there any HTML to show?"""
    return bool(_html_parts(read))


def sanitized(html: str) -> SafeHtml:
    """Any HTML as HTML that does nothing: allowed tags and attributes, closed and nested as they should be."""
    page = _Page()
    page.write(html[:MOST_BYTES])
    clean = nh3.clean(
        "".join(page.written),
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        generic_attribute_prefixes=set(),
    )
    return SafeHtml(clean, page.cut or len(html) > MOST_BYTES)


def _html_parts(read: Structure) -> list[Part]:
    return [part for part in read.parts if part.content_type == "text/html" and not part.attached]


class _Tag(Struct, frozen=True):
    """A tag as it stands: `name` is "" for what is left out with all that is inside."""

    name: str
    closes: bool
    attributes: dict[str, str]


class _Page:
    """HTML written anew: every element that was opened is closed, in order."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.cut = False
        self.open: list[str] = []
        self.counts = dict.fromkeys(_TAGS, 0)  # of the open ones, by name
        self.work = 0

    def write(self, html: str) -> None:
        for piece in _pieces(html):
            if isinstance(piece, str):
                self.text(piece)
            elif piece.closes:
                self.end(piece.name)
            else:
                self.start(piece)
            if self.cut:
                break
        while self.open:
            self.close()

    def text(self, text: str) -> None:
        # Written anew, because broken references cost the second pass a hundred times as much as good ones.
        plain = escape(unescape(text) if "&" in text else text, quote=False)
        left = (MOST_WORK - self.work) // REFERENCE_WORK
        if plain.count("&") > left:
            # Each takes up more than one character, so that this is on the safe side.
            plain, self.cut = plain[:left], True
        self.written.append(plain)
        self.spend(plain.count("&") * REFERENCE_WORK)

    def start(self, tag: _Tag) -> None:
        name = tag.name
        while self.open and self.open[-1] in _ENDS.get(name, ()):
            self.close()
        self.cut = len(self.open) >= DEEPEST
        self.spend(len(self.open) + TAG_WORK)
        if self.cut:
            return
        self.written.append(f"<{name}{''.join(map(_written, tag.attributes.items()))}>")
        if name not in _VOID:
            self.open.append(name)
            self.counts[name] += 1

    def spend(self, work: int) -> None:
        self.work += work
        self.cut |= self.work > MOST_WORK

    def end(self, name: str) -> None:
        while self.counts[name]:
            if self.close() == name:
                return

    def close(self) -> str:
        name = self.open.pop()
        self.counts[name] -= 1
        self.written.append(f"</{name}>")
        return name


def _written(attribute: tuple[str, str]) -> str:
    name, value = attribute
    return f' {name}="{escape(value)}"'


def _pieces(html: str) -> Iterator[str | _Tag]:
    """Text with its character references, and the tags between that may be shown."""
    at = 0
    while (opened := html.find("<", at)) >= 0:
        if opened > at:
            yield html[at:opened]
        follows = html[opened + 1 : opened + 2]
        letter = html[opened + 2 : opened + 3] if follows == "/" else follows
        if letter.isascii() and letter.isalpha():
            tag, at = _tag(html, opened)
            if tag.name in _SKIPPED and not tag.closes:
                at = _end_of(html, tag.name, at)
            elif tag.name in _TAGS:
                yield tag
        elif follows in ("/", "!", "?"):
            at = _behind(html, "-->" if html.startswith("<!--", opened) else ">", opened + 2)
        else:
            yield "<"
            at = opened + 1
    yield html[at:]


def _behind(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    return found + len(what) if found >= 0 else len(text)


def _end_of(html: str, name: str, at: int) -> int:
    """Where the end tag of an element stands whose content is not read."""
    while (at := html.find("</", at)) >= 0:
        if html[at + 2 : at + 2 + len(name)].lower() == name:
            return at
        at += 2
    return len(html)


def _tag(html: str, at: int) -> tuple[_Tag, int]:
    """The tag that begins at `at`, and where it ends; one that has no end reaches to the end of the text."""
    closes = html.startswith("/", at + 1)
    start = at + 1 + closes
    at = _until(html, start, _AFTER_NAME)
    name = html[start:at].lower()
    allowed = _ATTRIBUTES["*"] | _ATTRIBUTES.get(name, set())
    attributes: dict[str, str] = {}
    seen = 0
    while at < len(html) and html[at] != ">":
        if html[at] in _AFTER_NAME:
            at += 1
            continue
        key_end = _until(html, at + 1, _AFTER_ATTRIBUTE)
        key, (value, at) = html[at:key_end].lower(), _value(html, key_end)
        seen += 1
        if key in allowed and seen <= MOST_ATTRIBUTES and len(value) <= LONGEST_ATTRIBUTE:
            attributes.setdefault(key, unescape(value))
    if not _leads_away(attributes.get("href", "")):
        attributes.pop("href", None)
    return _Tag(name, closes, attributes), at + 1


def _leads_away(address: str) -> bool:
    """Does a link lead out into the world? One without a scheme would lead to a page of ours."""
    return address.strip().partition(":")[0].lower() in _SCHEMES


def _value(html: str, at: int) -> tuple[str, int]:
    """The value of the attribute whose name ends at `at`, and where it ends itself."""
    at = _past_blanks(html, at)
    if html[at : at + 1] != "=":
        return "", at
    at = _past_blanks(html, at + 1)
    quote = html[at : at + 1]
    if quote in ('"', "'"):
        end = html.find(quote, at + 1)
        end = end if end >= 0 else len(html)
        return html[at + 1 : end], end + 1
    end = _until(html, at, frozenset(_BLANKS + ">"))
    return html[at:end], end


def _until(text: str, at: int, ends: frozenset[str]) -> int:
    while at < len(text) and text[at] not in ends:
        at += 1
    return at


def _past_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
