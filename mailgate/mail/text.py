"""The words of a message as plain text, for people and for comparing; knows nothing of what they mean. Never raises.

Text is looked for in rounds, each asked only where those before found none: what is meant to be read, then attached
text, then an enclosed message, and at last a body whose structure is broken.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Final

import re2

from mailgate.mail import charset
from mailgate.mail.html import from_html
from mailgate.mail.quotes import NONE_KNOWN, Quotes
from mailgate.mail.structure import Part, Structure, structure_of

MOST_BYTES = 1024 * 1024  # of all text parts together, before decoding
DEEPEST_ENCLOSED = 3  # messages inside messages that are opened for their text
PROBED_BYTES = 1024  # of a body, to see whether its transfer encoding can be true
LEAST_ENCODED_LINE = 60  # RFC 2045 section 6.8: lines of 76 characters, though some programs write fewer

_PLAIN: Final = ("text/plain",)
_HTML: Final = ("text/html", "application/xhtml+xml")
_ENRICHED: Final = ("text/enriched", "text/richtext")  # RFC 1896
# Text for programs; everything else below text/ is read as it is (RFC 2046 section 4.1.4).
_UNREAD: Final = frozenset(
    {
        *("text/calendar", "text/css", "text/csv", "text/directory", "text/javascript", "text/rfc822-headers"),
        *("text/vcard", "text/watch-html", "text/x-amp-html", "text/x-vcard", "text/xml"),
    }
)
_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n")
_BREAKS: Final = dict.fromkeys(map(ord, "\t\r\n"))
_PARAMETER: Final = re2.compile(r"(?is:<param>[^<]*</param>)")


def text_of(raw: bytes, read: Structure | None = None, quotes: Quotes = NONE_KNOWN) -> str:
    """The text of a message, `\\n` lines: plain parts, and HTML without markup where no plain part says the same.

    `read` is the structure of the message where somebody has found it already; `quotes` knows how mail programs mark
    old words in HTML, which become lines that begin with `>`.
    """
    return _text_of(raw, read or structure_of(raw), quotes, DEEPEST_ENCLOSED)


def _text_of(raw: bytes, structure: Structure, quotes: Quotes, deepest: int) -> str:
    parts = structure.parts
    texts = [part for part in parts if _is_text(part)]
    for attached in (False, True):
        if text := _joined(_groups((part for part in texts if part.attached == attached), parts), raw, quotes):
            return text
    if deepest and (text := _enclosed(raw, parts, quotes, deepest - 1)):
        return text
    # A multipart that holds nothing: its boundary is missing or wrong, and its words are no part of anything.
    return _text(parts[-1], raw, MOST_BYTES, quotes) if parts[-1].content_type.startswith("multipart/") else ""


def _is_text(part: Part) -> bool:
    kind = part.content_type
    return (kind.startswith("text/") and kind not in _UNREAD) or kind in _HTML


def _groups(texts: Iterable[Part], parts: tuple[Part, ...]) -> list[list[Part]]:
    """The parts in order; those of one alternative together, since it says one thing in several forms."""
    groups: dict[int, list[Part]] = {}
    for number, part in enumerate(texts):
        # The outermost one counts (RFC 2046 section 5.1.4).
        group = next((at for at in part.groups if parts[at].content_type == "multipart/alternative"), -1 - number)
        groups.setdefault(group, []).append(part)
    return list(groups.values())


def _joined(groups: list[list[Part]], raw: bytes, quotes: Quotes) -> str:
    left, texts = MOST_BYTES, []
    for group in groups:
        text, used = _best(group, raw, left, quotes)
        left -= used
        texts.append(text)
        if left <= 0:
            break
    return "\n".join(text for text in texts if text.strip())


def _best(parts: list[Part], raw: bytes, most_bytes: int, quotes: Quotes) -> tuple[str, int]:
    """The text of the first form that has any, plain ones first, and how many bytes were read for it."""
    used = 0
    for form in (_PLAIN, _HTML, ()):
        texts = []
        for part in parts:
            wanted = part.content_type in form if form else part.content_type not in _PLAIN + _HTML
            if wanted and used < most_bytes:
                used += min(part.end - part.start, most_bytes - used)
                texts.append(_text(part, raw, most_bytes, quotes))
        if text := "\n".join(text for text in texts if text.strip()):
            return text, used
    return "", used


def _text(part: Part, raw: bytes, most_bytes: int, quotes: Quotes) -> str:
    text = charset.decode(_body(part, raw, most_bytes), part.parameters.get("charset", ""))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if part.content_type in _HTML:
        return from_html(text, quotes)
    return _from_enriched(text) if part.content_type in _ENRICHED else text


def _body(part: Part, raw: bytes, most_bytes: int) -> bytes:
    """The body without its transfer encoding, which is not believed where it cannot be true."""
    if part.encoding not in ("base64", "", "7bit", "8bit"):
        return part.body(raw, most_bytes)
    probe = raw[part.start : min(part.end, part.start + PROBED_BYTES)].strip()
    if part.encoding == "base64":
        encoded = _BASE64.issuperset(probe)
        return part.body(raw, most_bytes) if encoded else raw[part.start : min(part.end, part.start + most_bytes)]
    body = part.body(raw, most_bytes)
    return _undeclared_base64(body) if _BASE64.issuperset(probe) else body


def _undeclared_base64(body: bytes) -> bytes:
    """`body` decoded where it is nothing but full lines of base64; else as it is."""
    first = body.lstrip().split(b"\n", 1)[0].strip()
    if len(first) < LEAST_ENCODED_LINE or len(first) % 4 or not _BASE64.issuperset(body):
        return body
    try:
        decoded = binascii.a2b_base64(body)
        text = decoded.decode()
    except ValueError:
        return body
    # A key or a hash can be UTF-8 by chance, but hardly without control characters.
    return decoded if text.translate(_BREAKS).isprintable() else body


def _from_enriched(text: str) -> str:
    """Text of RFC 1896: a line break is a blank, two are one, `<<` is a sign, and all else in `<>` is a command."""
    text = _PARAMETER.sub("", text).replace("<<", "&lt;").replace("\n\n", "<br>")
    return from_html(text)


def _enclosed(raw: bytes, parts: tuple[Part, ...], quotes: Quotes, deepest: int) -> str:
    for part in parts:
        if part.content_type in ("message/rfc822", "message/global"):
            inner = part.body(raw, MOST_BYTES)
            if text := _text_of(inner, structure_of(inner), quotes, deepest):
                return text
    return ""
