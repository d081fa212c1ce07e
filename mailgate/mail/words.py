"""Header text made readable: encoded-words (RFC 2047) decoded, and nothing left in it that could steer a terminal,
a page or another header. Knows no field by name. Never raises, and takes time linear in the text.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from msgspec import Struct

from mailgate.mail import charset

# Of a link's scheme, path or domain; IDNA takes the last three for dots (RFC 3490 section 3.1).
LINKING = ".:/@\\\u3002\uff0e\uff61"
LONGEST_TOLD_WORD = 40  # characters of a word that is repeated to our own people
LONGEST_CHARSET = 64  # characters searched for the end of a charset's name

# Controls, line and paragraph ends and lone surrogates become spaces.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)), " ")
# In a header, what turns the direction of text around can only deceive (UAX #9 section 2).
_STEERING = {**_CONTROLS, **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF))}


class _Encoded(Struct, frozen=True):
    """One encoded-word: its charset and the bytes it stands for."""

    charset: str
    raw: bytes


def clean(text: str) -> str:
    """`text` on one line: without control characters and marks that turn text around."""
    # str.isprintable is the fast way to know that there is nothing to do.
    return text if text.isprintable() else text.translate(_STEERING).strip()


def without_controls(text: str) -> str:
    """`text` on one line, each control character replaced by a space and nothing else changed."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def without_links(text: str, most_words: int) -> str:
    """The first words of `text`, for a mail of ours: whatever a mail program would make a link of is left out."""
    found = clean(text).split()
    kept = ["…" if _links(word) else word for word in found[:most_words]]
    return " ".join([*kept, *(["…"] if len(found) > most_words else [])])


def _links(word: str) -> bool:
    """Programs make links of schemes, paths, addresses and of anything with a dot inside; long words hide them."""
    inner = word.strip(".,;:!?…()[]<>\"'")
    return len(word) > LONGEST_TOLD_WORD or any(mark in inner for mark in LINKING) or "www" in inner.lower()


def decode(text: str) -> str:
    """`text` with its encoded-words decoded, on one line, without control characters."""
    return clean("".join(_readable(_pieces(text)))) if "=?" in text else clean(text)


def _readable(pieces: Iterator[str | _Encoded]) -> Iterator[str]:
    """Join neighbours of one charset before decoding: senders cut characters of many bytes in two."""
    held: list[bytes] = []
    name, gap = "", ""
    for piece in pieces:
        if isinstance(piece, _Encoded):
            if held and piece.charset != name:
                yield charset.decode(b"".join(held), name)
                held = []
            # White space between two encoded-words is not part of the text (RFC 2047 section 6.2).
            name, gap = piece.charset, ""
            held.append(piece.raw)
        elif held and piece.isspace():
            gap = piece
        else:
            if held:
                yield charset.decode(b"".join(held), name)
                held = []
            yield piece
    if held:
        yield charset.decode(b"".join(held), name)
    yield gap


def _pieces(text: str) -> Iterator[str | _Encoded]:
    done = at = 0
    end = -1
    while (at := text.find("=?", at)) >= 0:
        question = text.find("?", at + 2, at + 2 + LONGEST_CHARSET)
        if question < 0 or text[question + 2 : question + 3] != "?":
            at += 2
            continue
        if end < question + 3:  # else it is still the next one: looking again each time would be quadratic
            end = text.find("?=", question + 3)
        if end < 0:
            break
        another = text.find("=?", question + 3, end)
        if another >= 0:  # this one was never closed
            at = another
            continue
        if done < at:
            yield text[done:at]
        # RFC 2231 section 5 lets a language follow the charset: "utf-8*en".
        name = text[at + 2 : question].partition("*")[0].lower()
        yield _Encoded(name, _bytes(text[question + 1], text[question + 3 : end]))
        done = at = end + 2
    if done < len(text):
        yield text[done:]


def _bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    if encoding not in "bB":
        return raw
    return base64(raw)


def base64(raw: bytes) -> bytes:
    """Decode base64 as far as it goes: padding may be missing and other characters may stand between."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        letters = bytes(byte for byte in raw if byte in _BASE64)
        whole = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
