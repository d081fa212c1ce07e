"""How a mail is made: where its links lead, what its HTML hides, what its files are. Judges nothing. Never raises.

Everything is read once and within bounds: the words that people see come from whoever read the text already; of the
HTML and of the files only the beginning is looked at, since what a mail wants to show stands first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import re2

from mailgate.mail import charset, dom, words
from mailgate.mail.dom import Document, Element
from mailgate.mail.structure import Part, Structure
from mailgate.model import Shape, Sign

WORDS_CHARS = 4000  # of the text that rules may look at
HTML_BYTES = 64 * 1024  # of all HTML together
MOST_LINKS = 200
MOST_HOSTS = 20
ARCHIVE_BYTES = 64 * 1024  # of the first archive
MOST_ARCHIVED = 20  # names inside it
LONGEST_NAME = 200  # bytes
LEAST_BASE64_CHARS = 200
LEAST_CRIES = 5
LEAST_BREAKS = 2  # words that comments break up
LEAST_LETTERS = 100  # of a text that is said to be in capitals

_CAPITALS: Final = bytes(range(ord("A"), ord("Z") + 1))
_NO_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalpha())

_AROUND: Final = ".,;:!?)]}"  # behind an address, and no part of it
_HTML: Final = ("text/html", "application/xhtml+xml")
_ARCHIVES: Final = (".zip", ".jar")
_LINK: Final = re2.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"']{1,500}")
_LOCAL_HEADER: Final = b"PK\x03\x04"  # ZIP application note, section 4.3.7
_SAID_HOST: Final = re2.compile(r"(?i)^\s*(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/:?#]\S*)?\s*$")
_UNSEEN: Final = re2.compile(
    r"(?i)(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:px|pt|%)?\s*(?:;|$))"
)


def shape_of(raw: bytes, parts: Structure, text: str) -> Shape:
    """How the message `raw` of the structure `parts` is made; `text` is what people read in it, as by `text_of`."""
    html = [part for part in parts.parts if part.content_type in _HTML and not part.attached]
    plain = any(_says_something(part, raw) for part in parts.parts)
    look = _Look()
    left = HTML_BYTES
    for part in html:
        if left <= 0:
            break
        body = part.body(raw, left)
        left -= len(body)
        look.at_html(charset.decode(body, part.parameters.get("charset", "")))
    if not look.links:
        look.at_words(text)
    for part in parts.parts:
        look.at_part(part, raw)
    if _shouts(text[:WORDS_CHARS]):
        look.signs[Sign.SHOUTING] = None
    if text.count("!", 0, WORDS_CHARS) >= LEAST_CRIES:
        look.signs[Sign.CRYING] = None
    return Shape(
        words=text[:WORDS_CHARS],
        text_chars=len(text),
        html_only=bool(html) and not plain,
        links=look.links,
        hosts=tuple(look.hosts),
        disguised=tuple(look.disguised),
        pictures=look.pictures,
        signs=tuple(look.signs),
        archived=_archived(parts.parts, raw),
    )


def _shouts(text: str) -> bool:
    """Are more than three letters in ten capitals? Of Latin ones: many scripts have none."""
    latin = text.encode("ascii", "ignore")
    capitals, letters = len(latin) - len(latin.translate(None, _CAPITALS)), len(latin.translate(None, _NO_LETTERS))
    return letters >= LEAST_LETTERS and capitals * 10 > letters * 3


def _says_something(part: Part, raw: bytes) -> bool:
    return part.content_type == "text/plain" and not part.attached and bool(raw[part.start : part.end].strip())


class _Look:
    """What was seen so far; each host and each sign once."""

    def __init__(self) -> None:
        self.links = 0
        self.pictures = 0
        self.hosts: dict[str, None] = {}
        self.disguised: dict[str, None] = {}
        self.signs: dict[Sign, None] = {}

    def at_html(self, html: str) -> None:
        """See one HTML text."""
        root = dom.tree(html)
        for element in _some(root, "a[href], area[href]"):
            self.at_link(element.attr("href") or "", element.text)
        self.pictures += sum(1 for _ in _some(root, "img[src]"))
        for sign, selector in _SELECTORS.items():
            if root.select_one(selector) is not None:
                self.signs[sign] = None
        if any(_UNSEEN.search(one.attr("style") or "") for one in _some(root, "[style]")):
            self.signs[Sign.HIDDEN_WORDS] = None
        if _breaks_words(html):
            self.signs[Sign.BROKEN_WORDS] = None

    def at_words(self, text: str) -> None:
        """See a plain text."""
        for found, _ in zip(_LINK.finditer(text[:HTML_BYTES]), range(MOST_LINKS), strict=False):
            url = found.group().rstrip(_AROUND)
            self.at_link(url if "://" in url else f"http://{url}", "")

    def at_link(self, target: str, said: str) -> None:
        """See one link, and the words that stand for it."""
        target = target.strip()
        if not target.lower().startswith(("http:", "https:", "ftp:")):
            return
        self.links += 1
        parsed = _split(target)
        host = _host(parsed)
        if parsed is None or not host:
            self.signs[Sign.MALFORMED_LINK] = None
            return
        if len(self.hosts) < MOST_HOSTS:
            self.hosts[host] = None
        for sign in _odd(parsed, host):
            self.signs[sign] = None
        named = _SAID_HOST.search(said) if len(said) < HTML_BYTES else None
        if named and not _related(named.group(1).lower(), host) and len(self.disguised) < MOST_HOSTS:
            self.disguised[f"{named.group(1).lower()} > {host}"] = None

    def at_part(self, part: Part, raw: bytes) -> None:
        """See how one part is wrapped."""
        is_text = part.content_type in ("text/plain", *_HTML) and not part.attached
        if not is_text or part.encoding != "base64" or part.end - part.start < LEAST_BASE64_CHARS:
            return
        # RFC 2045 section 6.3: what is plain ASCII needs no armour, unless somebody wants it unread.
        if part.body(raw, 4096).isascii():
            self.signs[Sign.ARMOURED] = None


_SELECTORS: Final = {
    Sign.FORM: "form, input[type=text], input[type=password]",
    Sign.SCRIPT: "script, iframe, object, embed, applet",
}


def _some(root: Document, selector: str) -> Iterator[Element]:
    found: Iterable[Element] = root.select(selector)
    return (one for one, _ in zip(found, range(MOST_LINKS), strict=False))


def _breaks_words(html: str) -> bool:
    """Do comments, or tags that do not exist, stand inside words?"""
    return len(_INSIDE_WORDS.findall(html[:HTML_BYTES])) >= LEAST_BREAKS


_INSIDE_WORDS: Final = re2.compile(r"(?i)[a-z](?:<!--[^>]{0,80}-->|<[a-z]{0,3}[0-9][a-z0-9]{0,40}>)[a-z]")


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url[:2000])
    except ValueError:
        return None


def _host(parsed: SplitResult | None) -> str:
    try:
        return unquote(parsed.hostname or "").strip(".").lower() if parsed else ""
    except ValueError:
        return ""


def _odd(parsed: SplitResult, host: str) -> Iterator[Sign]:
    """What ordinary links do not have."""
    bare = host.replace(".", "")
    if ":" in host or bare.isdecimal() or bare.startswith("0x"):
        yield Sign.NUMERIC_LINK
    if "@" in parsed.netloc:
        yield Sign.USER_IN_LINK
    if "%" in parsed.netloc:
        yield Sign.ENCODED_LINK
    if "xn--" in host or not host.isascii():
        yield Sign.INTERNATIONAL_LINK
    _, colon, port = parsed.netloc.rpartition("@")[2].rpartition(":")
    if colon and port.isdecimal() and port not in ("80", "443"):
        yield Sign.PORT_IN_LINK


def _related(said: str, host: str) -> bool:
    """Is one of two hosts below the other, or are both below one domain of two labels?"""
    return said.removeprefix("www.").split(".")[-2:] == host.split(".")[-2:]


def _archived(parts: Iterable[Part], raw: bytes) -> tuple[str, ...]:
    """The names inside the first ZIP archive, as far as its beginning tells them."""
    archive = next((part for part in parts if part.file_name.lower().endswith(_ARCHIVES)), None)
    if archive is None:
        return ()
    data = archive.body(raw, ARCHIVE_BYTES * 4 // 3)[:ARCHIVE_BYTES]
    names: list[str] = []
    at = 0
    while len(names) < MOST_ARCHIVED and (at := data.find(_LOCAL_HEADER, at)) >= 0:
        length = min(int.from_bytes(data[at + 26 : at + 28], "little"), LONGEST_NAME)
        names.append(words.clean(charset.decode(data[at + 30 : at + 30 + length], "utf-8")).lower())
        at += 30
    return tuple(name for name in names if name)
